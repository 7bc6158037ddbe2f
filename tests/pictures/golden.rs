//! Golden images: each fixture's page as it should look. A failure leaves the actual picture and the difference under
//! `target/render`. Never compares byte by byte: a rounding of the processor may differ.

use std::path::Path;

use image::{Rgb, RgbImage};
use m4sh_render::PictureFormat;

use super::{draw, fixtures, order};

/// How far a part of a colour may be off …
const TOLERANCE: u8 = 12;
/// … and how many pixels of a thousand may be further off.
const STRAY: u32 = 1;
/// The longer side of golden images.
const SIDE: u32 = 960;

/// Draws a fixture's open page and compares it with its golden image.
async fn looks_as_it_should(name: &str) {
    page_looks_as_it_should(name, None).await;
}

async fn page_looks_as_it_should(fixture: &str, page: Option<u32>) {
    let state = std::fs::read(fixtures().join(format!("{fixture}.json"))).expect("a fixture");
    let name = page.map_or(fixture.to_owned(), |page| format!("{fixture}-{page}"));
    let mut order = order(PictureFormat::Png, state);
    order.page = page;
    order.longest_side = Some(if page.is_some() { SIDE / 3 } else { SIDE });
    order.images = stored();
    let (bytes, _) = draw(order).await.expect("a picture");
    let golden = fixtures().join(format!("golden/{name}.png"));
    if std::env::var_os("M4SH_GOLDEN").is_some_and(|value| value == "write") {
        std::fs::write(&golden, &bytes).expect("the golden image");
        return;
    }
    let expected = image::open(&golden).expect("the golden image").to_rgb8();
    let actual = image::load_from_memory(&bytes).expect("a PNG").to_rgb8();
    let Some(stray) = stray(&expected, &actual) else {
        keep(&name, &actual, None);
        panic!("{name}: {:?} instead of {:?}", actual.dimensions(), expected.dimensions());
    };
    if stray.0 * 1000 > STRAY * actual.width() * actual.height() {
        keep(&name, &actual, Some(&stray.1));
        panic!("{name}: {} pixels differ; see target/render/{name}.actual.png and .diff.png", stray.0);
    }
}

/// How many pixels differ, and a picture of them; `None` when the sizes do.
fn stray(expected: &RgbImage, actual: &RgbImage) -> Option<(u32, RgbImage)> {
    if expected.dimensions() != actual.dimensions() {
        return None;
    }
    let mut count = 0;
    let diff = RgbImage::from_fn(actual.width(), actual.height(), |x, y| {
        let (one, other) = (expected.get_pixel(x, y), actual.get_pixel(x, y));
        if one.0.iter().zip(&other.0).any(|(one, other)| one.abs_diff(*other) > TOLERANCE) {
            count += 1;
            Rgb([255, 0, 0])
        } else {
            Rgb(one.0.map(|part| 128 + part / 2))
        }
    });
    Some((count, diff))
}

fn keep(name: &str, actual: &RgbImage, diff: Option<&RgbImage>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/render");
    std::fs::create_dir_all(&folder).expect("target/render");
    actual.save(folder.join(format!("{name}.actual.png"))).expect("the actual picture");
    if let Some(diff) = diff {
        diff.save(folder.join(format!("{name}.diff.png"))).expect("the difference");
    }
}

/// A stored picture, as an order brings it: a sky over a meadow.
fn stored() -> Vec<(String, bytes::Bytes)> {
    let picture = RgbImage::from_fn(160, 120, |x, y| {
        if y < 70 { Rgb([110, 170 + (y / 2) as u8, 235]) } else { Rgb([60, 150, 70 + (x / 4) as u8]) }
    });
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Png).expect("a PNG");
    vec![("5a".repeat(32), bytes.into_inner().into())]
}

#[tokio::test]
async fn e7_pens_press_and_lines_are_smooth() {
    looks_as_it_should("pens").await;
}

#[tokio::test]
async fn e6_highlighters_and_composites_mix_with_what_is_below() {
    looks_as_it_should("highlighter").await;
}

#[tokio::test]
async fn e8_erasers_take_ink_and_neither_paper_nor_pictures() {
    looks_as_it_should("eraser").await;
}

#[tokio::test]
async fn e5_shapes_and_arrows_in_every_spelling() {
    looks_as_it_should("shapes").await;
}

#[tokio::test]
async fn e9_texts_and_notes_in_latin_and_cyrillic() {
    looks_as_it_should("texts").await;
}

#[tokio::test]
async fn e11_images_notes_and_frames() {
    looks_as_it_should("images").await;
}

#[tokio::test]
async fn e2_a_board_of_the_first_era_has_no_pages() {
    looks_as_it_should("legacy").await;
}

#[tokio::test]
async fn e1_what_makes_no_sense_is_left_out() {
    looks_as_it_should("odd").await;
}

#[tokio::test]
async fn e12_every_background() {
    for page in 0..10 {
        page_looks_as_it_should("backgrounds", Some(page)).await;
    }
}
