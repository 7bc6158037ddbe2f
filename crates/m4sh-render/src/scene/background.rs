//! A page's background, as text or as an object. Called by `page`. Never makes a pattern too fine to be seen.

use super::{Background, Pattern, asset, color, field};
use m4sh_domain::json::Value;

/// The distance of a pattern's lines, in board units.
const STEP: std::ops::RangeInclusive<f32> = 4.0..=1_000.0;
/// The distance for a page that only says `lined`: fits handwriting.
const LINED: f32 = 32.0;

/// Reads the background of a page.
pub fn read(page: &Value) -> Background<'_> {
    let mut background = Background::default();
    if let Some(color) = color::of(page, &["backgroundColor"]) {
        background.color = color;
    }
    if field::flag(page, "grid") == Some(true) || page.get("grid").is_some_and(is_on) {
        background.pattern = Pattern::Grid;
    }
    match page.get("background") {
        Some(Value::String(text)) => named(&mut background, text),
        Some(object @ Value::Object(_)) => detailed(&mut background, object),
        _ => {}
    }
    background
}

fn is_on(grid: &Value) -> bool {
    field::flag(grid, "enabled") == Some(true)
}

fn named(background: &mut Background<'_>, name: &str) {
    if let Some(pattern) = pattern(name) {
        background.pattern = pattern;
        if name == "lined" {
            background.step = LINED;
        }
    } else if let Some(color) = color::parse(name) {
        background.color = color;
    }
}

fn detailed<'a>(background: &mut Background<'a>, object: &'a Value) {
    if let Some(name) = field::text(object, &["type"]) {
        named(background, name);
    }
    if let Some(color) = color::of(object, &["color", "backgroundColor"]) {
        background.color = color;
    }
    if let Some(color) = color::of(object, &["lineColor"]) {
        background.line_color = color;
    }
    if let Some(step) = field::length(object, &["gridSize"], STEP) {
        background.step = step;
    }
    background.image = field::text(object, &["image", "url", "src"]).map(asset::source);
}

fn pattern(name: &str) -> Option<Pattern> {
    Some(match name {
        "white" | "blank" | "plain" => Pattern::Plain,
        "grid" => Pattern::Grid,
        "dots" | "dotted" => Pattern::Dots,
        "ruled" | "lined" => Pattern::Ruled,
        "graph" => Pattern::Graph,
        _ => return None,
    })
}
