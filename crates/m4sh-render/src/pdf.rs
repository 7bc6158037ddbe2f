//! Boards as PDF: one PDF page per board page, with text as text and subsets of the fonts. Called by
//! `draw`. Holds at most one page's drawing at a time.

use std::io::Write;

use krilla::{
    Document,
    destination::XyzDestination,
    error::KrillaError,
    geom::{Point, Size},
    metadata::Metadata,
    outline::{Outline, OutlineNode},
    page::PageSettings,
};
use krilla_svg::{SurfaceExt as _, SvgSettings};

use super::{
    draw::{DETAIL, RenderTask},
    extent,
    images::{ImagePurpose, Images},
    scene::BoardScene,
    text::fonts::FontMetrics,
    usvg_tree,
};

/// Points per board unit: a unit is a CSS pixel, 96 to the inch.
const POINTS: f32 = 0.75;
/// A PDF's longest side, in points.
const LONGEST: f32 = 14_400.0;

/// Draws every page, or the requested one.
///
/// # Errors
/// A message, when a page cannot be drawn or the file cannot be written.
pub fn write(
    task: &RenderTask<'_>,
    board: &BoardScene,
    mut out: impl Write,
    mut done: impl FnMut(usize, usize),
) -> Result<(), String> {
    let bytes = match document(task, board, ImagePurpose::Vectors, &mut done)? {
        // The PDF writer cannot read some images that we can: encoded again, it can.
        Err(KrillaError::Image(..)) => document(task, board, ImagePurpose::Anew, &mut done)?,
        other => other,
    };
    out.write_all(&bytes.map_err(|error| error.to_string())?).map_err(|error| error.to_string())
}

fn document(
    task: &RenderTask<'_>,
    board: &BoardScene,
    purpose: ImagePurpose,
    done: &mut impl FnMut(usize, usize),
) -> Result<Result<Vec<u8>, KrillaError>, String> {
    let measure = FontMetrics::default();
    let mut document = Document::new();
    // No dates and no random ids: the same board gives the same bytes.
    document.set_metadata(Metadata::new().title(task.title.to_owned()).creator("m4sh".to_owned()));
    let pages = task.page.map_or(0..board.pages(), |page| page..page + 1);
    let mut outline = Outline::new();
    let count = pages.len();
    for (index, number) in pages.enumerate() {
        let page = board.page(number);
        let mut images = Images::new(task.images.iter().copied(), purpose);
        let frame = extent::frame(&page, &images, &measure);
        let tree = usvg_tree::of_page(&page, frame, &mut images, &measure, DETAIL)?;
        let scale = POINTS.min(LONGEST / frame.width().max(frame.height()));
        let (width, height) = (frame.width() * scale, frame.height() * scale);
        let size = Size::from_wh(width, height).ok_or("a page without a size")?;
        let mut pdf_page = document.start_page_with(PageSettings::new(size));
        let mut surface = pdf_page.surface();
        surface.draw_svg(&tree, size, SvgSettings { embed_text: true, ..SvgSettings::default() });
        surface.finish();
        pdf_page.finish();
        let name = if page.name.is_empty() { format!("{}", number + 1) } else { page.name.to_owned() };
        outline.push_child(OutlineNode::new(name, XyzDestination::new(index, Point::from_xy(0.0, 0.0))));
        done(index + 1, count);
    }
    if count > 1 {
        document.set_outline(outline);
    }
    Ok(document.finish())
}
