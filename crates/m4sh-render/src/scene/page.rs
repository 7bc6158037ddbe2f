//! One page: its lists, in the order in which they lie on each other. Called by `board`.
//! Never draws an item that has no place.

use super::{PageScene, asset, background, field, shape, stroke, text_block};
use m4sh_domain::json::Value;

/// A page's own size, in board units.
const SIDE: std::ops::RangeInclusive<f32> = 16.0..=16_384.0;

/// Reads a page; what is no page is a blank one.
pub fn read(page: &Value) -> PageScene<'_> {
    let side = |key| field::length(page, &[key], SIDE);
    let mut assets: Vec<(f32, super::PlacedAsset<'_>)> = field::list(page, "assets")
        .iter()
        .filter_map(|item| Some((field::number(item, "zIndex").unwrap_or(0.0), asset::read(item)?)))
        .collect();
    assets.sort_by(|one, other| one.0.total_cmp(&other.0));
    let shapes = field::list(page, "shapes").iter().filter_map(shape::read);
    let strokes = field::list(page, "strokes").iter().filter_map(stroke::read);
    PageScene {
        name: field::text(page, &["name"]).unwrap_or_default(),
        size: side("width").zip(side("height")),
        background: background::read(page),
        assets: assets.into_iter().map(|(_, asset)| asset).collect(),
        ink: shapes.chain(strokes).collect(),
        texts: field::list(page, "texts").iter().filter_map(text_block::mark).collect(),
    }
}
