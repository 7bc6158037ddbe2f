//! What an uploaded file really is: by its first bytes, by its structure to its end, and by decoding it within bounds.
//! Called by `http::assets`, off the reactor. Never believes a name or a declared type, and never runs anything.

use std::io::Cursor;

use image::{ImageFormat, ImageReader, Limits};

use super::structure;
use crate::http::problem::Problem;
use m4sh_domain::limits;

/// What a file is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Checked {
    /// Its media type, as it will be served.
    pub(super) media_type: &'static str,
    /// An image's width and height in pixels.
    pub(super) pixels: Option<(u32, u32)>,
    /// A document's pages, where they can be counted.
    pub(super) pages: Option<u32>,
}

const TAKEN: &str = "Only PNG, JPEG, GIF and WebP images and PDF documents are taken.";
const NO_SVG: &str = "SVG is not taken, because it can carry programs. Send it as PNG, JPEG, GIF, WebP or PDF.";
/// Where readers of PDF look for its beginning; an image with one there is two files at once.
const PDF_HEAD: usize = 1_024;

/// Looks a file over.
///
/// # Errors
/// 415 for what is not taken or is not what was declared, 422 for what is broken, cut off, or more than may be.
pub(super) fn checked(bytes: &[u8], declared: Option<&str>) -> Result<Checked, Problem> {
    let Some((media_type, format)) = kind(bytes) else {
        return Err(Problem::UnsupportedMedia(if is_svg(bytes, declared) { NO_SVG } else { TAKEN }.into()));
    };
    let declared = match declared {
        // Not a claim.
        None | Some("" | "application/octet-stream") => media_type,
        Some("image/jpg" | "image/pjpeg") => "image/jpeg",
        Some(other) => other,
    };
    if declared != media_type {
        let words = format!("The file is {media_type}, but it was sent as something else.");
        return Err(Problem::UnsupportedMedia(words.into()));
    }
    match format {
        None => {
            let pages = structure::pdf(bytes).map_err(|words| Problem::InvalidAsset(words.into()))?;
            Ok(Checked { media_type, pixels: None, pages })
        }
        Some(format) => {
            let pixels = image(bytes, format).map_err(|words| Problem::InvalidAsset(words.into()))?;
            Ok(Checked { media_type, pixels: Some(pixels), pages: None })
        }
    }
}

fn kind(bytes: &[u8]) -> Option<(&'static str, Option<ImageFormat>)> {
    Some(match infer::get(bytes)?.mime_type() {
        "image/png" => ("image/png", Some(ImageFormat::Png)),
        "image/jpeg" => ("image/jpeg", Some(ImageFormat::Jpeg)),
        "image/gif" => ("image/gif", Some(ImageFormat::Gif)),
        "image/webp" => ("image/webp", Some(ImageFormat::WebP)),
        "application/pdf" => ("application/pdf", None),
        _ => return None,
    })
}

fn is_svg(bytes: &[u8], declared: Option<&str>) -> bool {
    let head = bytes.get(..PDF_HEAD).unwrap_or(bytes);
    declared.is_some_and(|declared| declared.starts_with("image/svg")) || find(head, b"<svg").is_some()
}

fn image(bytes: &[u8], format: ImageFormat) -> Result<(u32, u32), String> {
    structure::image(bytes, format)?;
    if find(bytes.get(..PDF_HEAD).unwrap_or(bytes), b"%PDF-").is_some() {
        return Err("The image is a PDF document at the same time.".to_owned());
    }
    let reader = || ImageReader::with_format(Cursor::new(bytes), format);
    let broken = |error: image::ImageError| match error {
        image::ImageError::Limits(_) => "The image needs too much memory.".to_owned(),
        other => format!("The image cannot be decoded: {other}."),
    };
    // The header alone tells the dimensions: what is too large is never decoded.
    let (width, height) = reader().into_dimensions().map_err(broken)?;
    if u64::from(width) * u64::from(height) > limits::ASSET_PIXELS {
        let most = limits::ASSET_PIXELS / 1_000_000;
        return Err(format!("The image has {width} x {height} pixels; {most} million are the most."));
    }
    if width == 0 || height == 0 {
        return Err("The image has no pixels.".to_owned());
    }
    let mut reader = reader();
    let mut bounds = Limits::default();
    bounds.max_alloc = Some(limits::ASSET_DECODE_BYTES);
    reader.limits(bounds);
    reader.decode().map_err(broken)?;
    Ok((width, height))
}

pub(super) fn find(bytes: &[u8], word: &[u8]) -> Option<usize> {
    bytes.windows(word.len()).position(|window| window == word)
}

#[cfg(test)]
mod tests;
