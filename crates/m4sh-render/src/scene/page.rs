//! One page: its lists, in the order in which they lie on each other. Called by `board`.
//! Never draws an item that has no place.

use super::{PageScene, asset, background, field, shape, stroke, text_block};
use m4sh_domain::{
    board::{Drawing, ItemKind},
    json::Value,
};

/// A page's own size, in board units.
const SIDE: std::ops::RangeInclusive<f32> = 16.0..=16_384.0;

/// Reads a page; what is no page is a blank one.
pub fn read(page: &Value) -> PageScene<'_> {
    let side = |key| field::length(page, &[key], SIDE);
    let (mut assets, mut shapes, mut strokes, mut texts) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for kind in ItemKind::ALL {
        let items = field::list(page, kind.list()).iter();
        match kind.drawing() {
            Drawing::Asset => assets.extend(
                items.filter_map(|item| Some((field::number(item, "zIndex").unwrap_or(0.0), asset::read(item)?))),
            ),
            Drawing::Shape => shapes.extend(items.filter_map(shape::read)),
            Drawing::Stroke => strokes.extend(items.filter_map(stroke::read)),
            Drawing::Text => texts.extend(items.filter_map(text_block::mark)),
        }
    }
    assets.sort_by(|one, other| f32::total_cmp(&one.0, &other.0));
    shapes.append(&mut strokes);
    PageScene {
        name: field::text(page, &["name"]).unwrap_or_default(),
        size: side("width").zip(side("height")),
        background: background::read(page),
        assets: assets.into_iter().map(|(_, asset)| asset).collect(),
        ink: shapes,
        texts,
    }
}
