//! Colours as CSS writes them. Called by every reader of a scene. Never fails: what is no colour is the default.

use std::str::FromStr as _;

pub use svgtypes::Color;

use m4sh_domain::json::Value;

/// Longer texts are no colour.
const MOST_BYTES: usize = 100;

/// The colour of the first of these members that is one.
pub fn of(value: &Value, keys: &[&str]) -> Option<Color> {
    keys.iter().find_map(|key| parse(value.get(key)?.as_str()?))
}

/// A name, `#rgb[a]`, `#rrggbb[aa]`, `rgb()`, `rgba()`, `hsl()` or `hsla()`.
pub fn parse(text: &str) -> Option<Color> {
    let text = text.trim();
    if text.len() > MOST_BYTES {
        return None;
    }
    // The one name that CSS has and SVG has not.
    let text = if text.eq_ignore_ascii_case("rebeccapurple") { "#663399" } else { text };
    Color::from_str(text).ok()
}

/// Whether light text is easier to read on it.
#[must_use]
pub fn is_dark(color: Color) -> bool {
    let light = 0.299 * f32::from(color.red) + 0.587 * f32::from(color.green) + 0.114 * f32::from(color.blue);
    light < 128.0
}
