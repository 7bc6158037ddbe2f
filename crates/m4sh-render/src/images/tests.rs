//! Pictures made ready: what cameras noted, which formats are kept, and which are written anew.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use resvg::usvg::ImageKind;

use super::{ImagePurpose, Images};
use crate::scene::ImageSource;

const HASH: &str = "5a";

/// Red on the left, blue on the right.
fn two_halves(format: ImageFormat) -> Vec<u8> {
    let picture = RgbImage::from_fn(40, 20, |x, _| if x < 20 { Rgb([255, 0, 0]) } else { Rgb([0, 0, 255]) });
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::from(picture).write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// The same JPEG with a camera's note that it was turned a quarter to the right.
fn turned_jpeg() -> Vec<u8> {
    let plain = two_halves(ImageFormat::Jpeg);
    let note = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let length = u16::try_from(note.len() + 2).unwrap().to_be_bytes();
    [&plain[..2], &[0xff, 0xe1], &length, note, &plain[2..]].concat()
}

fn made_ready(bytes: &[u8], purpose: ImagePurpose, drawn: (f32, f32)) -> Option<(ImageKind, (f32, f32))> {
    let mut images = Images::new([(HASH, bytes)], purpose);
    let number = images.prepare(ImageSource::Stored(HASH), drawn)?;
    assert_eq!(images.prepare(ImageSource::Stored(HASH), drawn), Some(number), "made ready once");
    images.ready(number).map(|ready| (ready.kind.clone(), ready.size))
}

fn pixels(kind: &ImageKind) -> RgbImage {
    let (ImageKind::PNG(bytes) | ImageKind::JPEG(bytes)) = kind else { panic!("{kind:?}") };
    image::load_from_memory(bytes).unwrap().to_rgb8()
}

#[test]
fn e11_a_photo_is_turned_as_its_camera_noted() {
    for purpose in [ImagePurpose::Vectors, ImagePurpose::Pixels(1.0), ImagePurpose::Anew] {
        let (kind, size) = made_ready(&turned_jpeg(), purpose, (20.0, 40.0)).unwrap();
        assert_eq!(size, (20.0, 40.0));
        let bytes = turned_jpeg();
        let unseen = Images::new([(HASH, bytes.as_slice())], purpose);
        assert_eq!(unseen.size(ImageSource::Stored(HASH)), Some(size), "as large before it is decoded");
        let turned = pixels(&kind);
        assert_eq!(turned.dimensions(), (20, 40));
        assert!(turned.get_pixel(10, 5).0[0] > 200 && turned.get_pixel(10, 35).0[2] > 200, "red above blue");
    }
}

#[test]
fn e11_every_format_is_read_and_only_two_are_written() {
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Gif, ImageFormat::WebP] {
        let bytes = two_halves(format);
        let (kind, _) = made_ready(&bytes, ImagePurpose::Vectors, (40.0, 20.0)).unwrap();
        assert!(pixels(&kind).get_pixel(5, 5).0[0] > 200, "{format:?}");
        if let (ImageFormat::Png | ImageFormat::Jpeg, ImageKind::PNG(kept) | ImageKind::JPEG(kept)) = (format, &kind) {
            assert!(**kept == bytes, "{format:?} is kept as it came");
        }
    }
    assert!(made_ready(b"%PDF-1.7", ImagePurpose::Vectors, (1.0, 1.0)).is_none());
}

#[test]
fn e11_a_picture_much_larger_than_it_is_seen_is_made_smaller() {
    let bytes = two_halves(ImageFormat::Png);
    let (kind, size) = made_ready(&bytes, ImagePurpose::Pixels(0.5), (16.0, 8.0)).unwrap();
    assert_eq!((pixels(&kind).dimensions(), size), ((8, 4), (40.0, 20.0)));
    let (kind, _) = made_ready(&bytes, ImagePurpose::Pixels(1.0), (38.0, 19.0)).unwrap();
    assert_eq!(pixels(&kind).dimensions(), (40, 20), "a little larger is no reason");
}
