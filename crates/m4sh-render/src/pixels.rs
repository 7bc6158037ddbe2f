//! A page in pixels: PNG, or a thumbnail as WebP. Called by `draw`.
//! Never makes more pixels than `limits` allow: larger pages are drawn smaller.

use std::io::Write;

use image::{ExtendedColorType, ImageEncoder as _, codecs::png, codecs::webp::WebPEncoder};
use resvg::tiny_skia::{Color, Pixmap, Transform};

use super::{
    PictureFormat,
    draw::{DETAIL, RenderTask, one_page},
    extent,
    geometry::Rect,
    images::{ImagePurpose, Images},
    scene::BoardScene,
    text::fonts::FontMetrics,
    usvg_tree,
};
use m4sh_domain::limits;

/// Draws one page and writes it.
///
/// # Errors
/// A message, when it cannot be drawn or written.
pub fn write(task: &RenderTask<'_>, board: &BoardScene, mut out: impl Write) -> Result<(), String> {
    let side = match task.format {
        PictureFormat::Thumbnail => Some(task.longest_side.unwrap_or(limits::THUMBNAIL_SIDE)),
        _ => task.longest_side,
    };
    let page = one_page(task, board);
    let bytes = if task.format == PictureFormat::Thumbnail {
        thumbnail(task, board, page, side)?
    } else {
        let (pixels, (width, height)) = draw(task, board, page, side)?;
        let mut bytes = Vec::new();
        let encoder =
            png::PngEncoder::new_with_quality(&mut bytes, png::CompressionType::Fast, png::FilterType::Adaptive);
        encoder.write_image(&pixels, width, height, ExtendedColorType::Rgb8).map_err(|error| error.to_string())?;
        bytes
    };
    out.write_all(&bytes).map_err(|error| error.to_string())
}

/// A small picture within its byte limit: colours are reduced first, then the size.
fn thumbnail(task: &RenderTask<'_>, board: &BoardScene, page: usize, side: Option<u32>) -> Result<Vec<u8>, String> {
    let (mut pixels, (width, height)) = draw(task, board, page, side)?;
    let mut best = webp(&pixels, (width, height))?;
    for kept in [5, 4, 3] {
        if best.len() <= limits::THUMBNAIL_BYTES {
            break;
        }
        fewer_colors(&mut pixels, kept);
        best = webp(&pixels, (width, height))?;
    }
    let longer = width.max(height);
    if best.len() > limits::THUMBNAIL_BYTES && longer > 64 {
        return thumbnail(task, board, page, Some(longer * 3 / 4));
    }
    Ok(best)
}

fn webp(pixels: &[u8], (width, height): (u32, u32)) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let encoder = WebPEncoder::new_lossless(&mut bytes);
    encoder.write_image(pixels, width, height, ExtendedColorType::Rgb8).map_err(|error| error.to_string())?;
    Ok(bytes)
}

/// Rounds each channel to so many bits; white stays white and black black.
fn fewer_colors(pixels: &mut [u8], kept: u32) {
    let most = (1u32 << kept) - 1;
    for part in pixels {
        let level = (u32::from(*part) * most + 127) / 255;
        *part = (level * 255 / most) as u8;
    }
}

/// The page's pixels, three bytes each, and its width and height.
fn draw(
    task: &RenderTask<'_>,
    board: &BoardScene,
    page: usize,
    side: Option<u32>,
) -> Result<(Vec<u8>, (u32, u32)), String> {
    let page = board.page(page);
    let measure = FontMetrics::default();
    let sizes = Images::new(task.images.iter().copied(), ImagePurpose::Vectors);
    let frame = extent::frame(&page, &sizes, &measure);
    let scale = scale(frame, side);
    let mut images = Images::new(task.images.iter().copied(), ImagePurpose::Pixels(scale));
    let tree = usvg_tree::of_page(&page, frame, &mut images, &measure, DETAIL / scale)?;
    let pixels = |length: f32| ((length * scale).round() as u32).max(1);
    let (width, height) = (pixels(frame.width()), pixels(frame.height()));
    let mut pixmap = Pixmap::new(width, height).ok_or("no room for the picture")?;
    pixmap.fill(Color::WHITE);
    let (x, y) = (width as f32 / tree.size().width(), height as f32 / tree.size().height());
    resvg::render(&tree, Transform::from_scale(x, y), &mut pixmap.as_mut());
    // On a white ground every pixel is opaque, so nothing is premultiplied.
    let mut opaque = vec![0; 3 * pixmap.pixels().len()];
    for (to, from) in opaque.chunks_exact_mut(3).zip(pixmap.data().chunks_exact(4)) {
        to.copy_from_slice(&from[..3]);
    }
    Ok((opaque, (width, height)))
}

/// Pixels per board unit: as requested, else one, and within the limit of pixels.
fn scale(frame: Rect, side: Option<u32>) -> f32 {
    let longer = frame.width().max(frame.height());
    let asked = side.map_or(1.0, |side| side.max(1) as f32 / longer);
    let most = (limits::RENDER_PIXELS as f32 / (frame.width() * frame.height())).sqrt();
    asked.min(most)
}
