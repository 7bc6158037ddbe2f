//! Draws one request: reads the state, chooses the pages and writes the format. Called by the rendering process.
//! Never knows where the request came from or where the picture goes.

use std::io::Write;

use super::{
    PictureFormat, extent,
    images::{ImagePurpose, Images},
    pdf, pixels,
    scene::BoardScene,
    svg,
    svg::{Hrefs, SvgOptions},
    text::fonts::FontMetrics,
};

/// A request without its transport.
#[derive(Debug)]
pub struct RenderTask<'a> {
    pub format: PictureFormat,
    pub page: Option<usize>,
    pub longest_side: Option<u32>,
    pub title: &'a str,
    pub state: &'a [u8],
    pub images: Vec<(&'a str, &'a [u8])>,
}

/// The visible error of a curve at one pixel per unit, in board units.
pub(super) const DETAIL: f32 = 0.35;

/// Draws. `done` receives the number of finished pages and of all pages.
///
/// # Errors
/// A message, when the state cannot be read, the page does not exist, or the picture cannot be written.
pub fn draw(task: &RenderTask<'_>, out: impl Write, done: impl FnMut(usize, usize)) -> Result<(), String> {
    let board = BoardScene::read(task.state).map_err(|error| error.to_string())?;
    if let Some(page) = task.page.filter(|page| *page >= board.pages()) {
        return Err(format!("there is no page {page}: the board has {}", board.pages()));
    }
    match task.format {
        PictureFormat::Pdf => pdf::write(task, &board, out, done),
        PictureFormat::Png | PictureFormat::Thumbnail => pixels::write(task, &board, out),
        PictureFormat::Svg => svg_file(task, &board, out),
    }
}

/// The page to draw where only one can be drawn.
pub(super) fn one_page(task: &RenderTask<'_>, board: &BoardScene) -> usize {
    task.page.unwrap_or_else(|| board.open_page())
}

fn svg_file(task: &RenderTask<'_>, board: &BoardScene, out: impl Write) -> Result<(), String> {
    let page = board.page(one_page(task, board));
    let measure = FontMetrics::default();
    let mut images = Images::new(task.images.iter().copied(), ImagePurpose::Vectors);
    let frame = extent::frame(&page, &images, &measure);
    // People zoom into an SVG, so it keeps more detail.
    let options = SvgOptions { images: &mut images, measure: &measure, hrefs: Hrefs::Whole, detail: DETAIL / 2.0 };
    svg::write(out, &page, frame, task.title, options).map_err(|error| error.to_string())
}
