//! Good files of every kind, and hostile ones: bombs, cut-off ones, liars, two files in one.

use image::{DynamicImage, RgbImage};
use proptest::prelude::*;

use super::*;

fn encoded(format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let picture = RgbImage::from_fn(40, 30, |x, y| image::Rgb([x as u8 * 6, y as u8 * 8, 99]));
    DynamicImage::ImageRgb8(picture).write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

const KINDS: &[(&str, ImageFormat)] = &[
    ("image/png", ImageFormat::Png),
    ("image/jpeg", ImageFormat::Jpeg),
    ("image/gif", ImageFormat::Gif),
    ("image/webp", ImageFormat::WebP),
];

const PDF: &[u8] =
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type /Pages/Kids[3 0 R 4 0 R]>>endobj\n\
3 0 obj<</Type /Page>>endobj 4 0 obj<</Type/Page/Parent 2 0 R>>endobj\ntrailer<</Root 1 0 R>>\nstartxref\n9\n%%EOF\n";

/// The refusal's status and words.
fn refusal(bytes: &[u8], declared: Option<&str>) -> (u16, String) {
    let problem = checked(bytes, declared).expect_err("it is refused");
    (problem.status().as_u16(), problem.to_string())
}

fn crc(bytes: &[u8]) -> [u8; 4] {
    crc32fast::hash(bytes).to_be_bytes()
}

/// A PNG whose head claims these dimensions.
fn claiming(width: u32, height: u32) -> Vec<u8> {
    let mut png = encoded(ImageFormat::Png);
    png[16..20].copy_from_slice(&width.to_be_bytes());
    png[20..24].copy_from_slice(&height.to_be_bytes());
    let crc = crc(&png[12..29]);
    png[29..33].copy_from_slice(&crc);
    png
}

#[test]
fn v12_good_files_of_every_kind_pass_and_tell_what_they_are() {
    for (media_type, format) in KINDS {
        let bytes = encoded(*format);
        for declared in [Some(*media_type), None, Some("application/octet-stream")] {
            let seen = checked(&bytes, declared).unwrap();
            assert_eq!((seen.media_type, seen.pixels, seen.pages), (*media_type, Some((40, 30)), None));
        }
    }
    assert!(checked(&encoded(ImageFormat::Jpeg), Some("image/jpg")).is_ok());
    let pdf = checked(PDF, Some("application/pdf")).unwrap();
    assert_eq!((pdf.media_type, pdf.pixels, pdf.pages), ("application/pdf", None, Some(2)));
    let packed = [&PDF[..9], b"<</Type/ObjStm>>", &PDF[9..]].concat();
    assert_eq!(checked(&packed, None).unwrap().pages, None);
}

#[test]
fn v12_a_declared_type_must_be_the_true_one() {
    for (media_type, format) in KINDS {
        for lie in ["application/pdf", "text/html", "image/bmp", "image/"] {
            assert_eq!(refusal(&encoded(*format), Some(lie)).0, 415, "{media_type} as {lie}");
        }
    }
    assert_eq!(refusal(PDF, Some("image/png")).0, 415);
    for other in [&b""[..], b"hello", b"<html>", b"PK\x03\x04", b"MZ", b"BM", b"\0\0\0\0", b"GIF8"] {
        assert_eq!(refusal(other, Some("image/png")).0, 415, "{other:?}");
    }
}

#[test]
fn v13_svg_is_refused_and_told_why() {
    let svg = b"<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>";
    for declared in [Some("image/svg+xml"), None, Some("image/png")] {
        let (status, words) = refusal(svg, declared);
        assert!(status == 415 && words.contains("SVG"), "{words}");
    }
}

#[test]
fn v12_an_image_with_too_many_pixels_is_never_decoded() {
    for (width, height) in [(50_000, 50_000), (u32::MAX >> 1, 1), (8_000, 5_001), (1, 40_000_001)] {
        let (status, words) = refusal(&claiming(width, height), None);
        assert_eq!(status, 422, "{width} x {height}");
        assert!(words.contains("pixels") || words.contains("memory") || words.contains("decoded"), "{words}");
    }
    // One that fits and lies about what follows.
    assert_eq!(refusal(&claiming(6_000, 6_000), None).0, 422);
    assert_eq!(refusal(&claiming(0, 5), None).0, 422);
}

#[test]
fn v12_what_is_cut_off_is_refused_wherever_it_is_cut() {
    for (media_type, format) in KINDS {
        let bytes = encoded(*format);
        for cut in 0..bytes.len() {
            let (status, _) = refusal(&bytes[..cut], None);
            assert!([415, 422].contains(&status), "{media_type} cut at {cut}");
        }
    }
    assert_eq!(refusal(&PDF[..PDF.len() - 8], None).0, 422);
}

#[test]
fn v12_two_files_in_one_are_refused() {
    let other: &[&[u8]] = &[b"PK\x03\x04", b"<script>alert(1)</script>", b"%PDF-1.4 startxref %%EOF", b"\0"];
    for (media_type, format) in KINDS.iter().filter(|(_, format)| *format != ImageFormat::Jpeg) {
        for behind in other {
            let both = [&encoded(*format), *behind].concat();
            assert_eq!(refusal(&both, None).0, 422, "{media_type}");
        }
    }
    // A document's head in a comment of a picture.
    let mut jpeg = encoded(ImageFormat::Jpeg);
    jpeg.splice(2..2, *b"\xff\xfe\x00\x0b%PDF-1.4\n");
    assert_eq!(refusal(&jpeg, None).0, 422);
    // A camera's film behind its picture is no other file to any reader.
    let motion = [&encoded(ImageFormat::Jpeg)[..], b"\0\0\0\x18ftypmp42"].concat();
    assert!(checked(&motion, None).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Whatever the bytes are, there is an answer and no panic.
    #[test]
    fn v12_a_changed_file_is_answered(kind in 0..4_usize, at in 0..4_000_usize, byte in any::<u8>(), cut in 0..4_000_usize) {
        let mut bytes = encoded(KINDS[kind].1);
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = checked(&bytes, None);
        bytes.truncate(cut);
        let _ = checked(&bytes, None);
    }
}
