//! The layout of a text: its lines and their positions. Called by `svg`, and by `extent`.
//! Never draws, and measures only with bundled fonts.

pub mod fonts;
mod wrap;

use super::{
    geometry::{Point, Rect},
    scene::{Align, TextBlock},
};
use fonts::FontMetrics;

/// From one line's baseline to the next, as a factor of the letters' size.
const LINE: f32 = 1.2;
/// From a line's upper edge to its baseline.
const BASELINE: f32 = 0.95;
/// Between a note's edge and its text, in board units.
const PADDING: f32 = 12.0;

/// A laid-out text.
#[derive(Debug)]
pub struct TextLayout {
    /// Each line's text, with its reference point on the baseline.
    pub lines: Vec<(String, Point)>,
    /// The box of the text, or of the note.
    pub frame: Rect,
}

/// Lays out a text.
#[must_use]
pub fn layout(writing: &TextBlock<'_>, measure: &FontMetrics) -> TextLayout {
    let size = writing.font.size;
    let padding = if writing.paper.is_some() { PADDING } else { 0.0 };
    let max_width = writing.width.map(|width| (width - 2.0 * padding).max(size));
    let lines = wrap::lines(writing.text, max_width, |letter| measure.advance(writing.font, letter));
    let widest = lines.iter().map(|line| line.1).fold(0.0, f32::max);
    let inner = max_width.unwrap_or(widest);
    let x = writing.at.x + padding;
    let reference = match writing.align {
        Align::Left => x,
        Align::Center => x + inner / 2.0,
        Align::Right => x + inner,
    };
    let height = lines.len() as f32 * size * LINE + 2.0 * padding;
    let top = writing.at.y + padding + size * BASELINE;
    let place =
        |(index, (text, _)): (usize, (String, f32))| (text, Point::new(reference, top + index as f32 * size * LINE));
    TextLayout {
        lines: lines.into_iter().enumerate().map(place).collect(),
        frame: Rect::at(
            writing.at.x,
            writing.at.y,
            inner.max(widest) + 2.0 * padding,
            height.max(writing.height.unwrap_or(0.0)),
        ),
    }
}
