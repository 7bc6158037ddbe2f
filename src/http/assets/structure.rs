//! How files of each kind are built, as far as it tells whether they end where they should: something cut off, or with
//! something else behind it, is refused. Called by `http::assets::check`. Pure; reads each file once.

use image::ImageFormat;

use super::check::find;

const CUT: &str = "The image is cut off or broken.";
const BEHIND: &str = "There is something else behind the end of the image.";
/// Where the end of a PDF is looked for, from its last byte back: what readers do.
const PDF_TAIL: usize = 1_024;

pub(super) fn image(bytes: &[u8], format: ImageFormat) -> Result<(), String> {
    let end = match format {
        ImageFormat::Png => png(bytes),
        ImageFormat::Jpeg => jpeg(bytes),
        ImageFormat::Gif => gif(bytes),
        ImageFormat::WebP => webp(bytes),
        _ => None,
    };
    let end = end.ok_or(CUT)?;
    // Cameras put films and depths behind a JPEG's end, so that is left alone.
    if end < bytes.len() && format != ImageFormat::Jpeg { Err(BEHIND.to_owned()) } else { Ok(()) }
}

/// The position behind the last chunk.
fn png(bytes: &[u8]) -> Option<usize> {
    let mut at = 8_usize;
    loop {
        let length = u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?);
        let kind = bytes.get(at + 4..at + 8)?;
        at = at.checked_add(usize::try_from(length).ok()?)?.checked_add(12)?;
        if at > bytes.len() {
            return None;
        }
        if kind == b"IEND" {
            return Some(at);
        }
    }
}

/// The position behind the end marker of the picture itself; a preview within its head has one of its own.
fn jpeg(bytes: &[u8]) -> Option<usize> {
    let mut at = 2_usize;
    loop {
        if *bytes.get(at)? != 0xff {
            return None;
        }
        let marker = *bytes.get(at + 1)?;
        match marker {
            0xff => at += 1,
            0xd9 => return Some(at + 2),
            0x01 | 0xd0..=0xd8 => at += 2,
            _ => {
                let length = u16::from_be_bytes(bytes.get(at + 2..at + 4)?.try_into().ok()?);
                at = at.checked_add(2)?.checked_add(usize::from(length))?;
                if marker == 0xda {
                    return Some(at + find(bytes.get(at..)?, &[0xff, 0xd9])? + 2);
                }
            }
        }
    }
}

/// The position behind the trailer.
fn gif(bytes: &[u8]) -> Option<usize> {
    let table = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3 << (usize::from(flags & 7) + 1) };
    let mut at = 13 + table(*bytes.get(10)?);
    loop {
        match *bytes.get(at)? {
            0x3b => return Some(at + 1),
            0x21 => at = blocks(bytes, at + 2)?,
            0x2c => at = blocks(bytes, at + 11 + table(*bytes.get(at + 9)?))?,
            _ => return None,
        }
    }
}

/// The position behind a list of blocks, each with its length before it.
fn blocks(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let length = usize::from(*bytes.get(at)?);
        at += length + 1;
        if length == 0 {
            return Some(at);
        }
    }
}

/// The position where the container says that it ends.
fn webp(bytes: &[u8]) -> Option<usize> {
    let length = u32::from_le_bytes(bytes.get(4..8)?.try_into().ok()?);
    let end = usize::try_from(length).ok()?.checked_add(8)?;
    // An odd length is padded, and not everybody counts the padding.
    let end = if end % 2 == 1 && end + 1 == bytes.len() { end + 1 } else { end };
    (end <= bytes.len()).then_some(end)
}

/// A document's pages, where they can be counted without unpacking it.
pub(super) fn pdf(bytes: &[u8]) -> Result<Option<u32>, String> {
    let tail = &bytes[bytes.len().saturating_sub(PDF_TAIL)..];
    let whole = find(tail, b"%%EOF").is_some() && find(tail, b"startxref").is_some();
    if !whole {
        return Err("The document is cut off: its end is missing.".to_owned());
    }
    if find(bytes, b"/ObjStm").is_some() {
        return Ok(None);
    }
    let pages = bytes.windows(5).enumerate().filter(|(at, word)| word == b"/Type" && is_page(&bytes[at + 5..])).count();
    Ok(u32::try_from(pages).ok().filter(|pages| *pages > 0))
}

/// Whether `/Page` follows, and not `/Pages`.
fn is_page(rest: &[u8]) -> bool {
    let rest = rest.trim_ascii_start();
    rest.strip_prefix(b"/Page").is_some_and(|after| !after.first().is_some_and(u8::is_ascii_alphabetic))
}
