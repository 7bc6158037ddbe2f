//! Members of objects that may be missing, of another type or out of range. Called by every reader of a scene.
//! Passes only finite numbers near the page.

use m4sh_domain::json::Value;

/// The farthest from 0 that anything is drawn, in board units.
const FAR: f64 = 1_000_000.0;

/// A coordinate or length; `None` unless it is a number within ±10⁶.
pub fn number(value: &Value, key: &str) -> Option<f32> {
    value.get(key).and_then(coordinate)
}

/// The value itself, as [`number`].
pub fn coordinate(value: &Value) -> Option<f32> {
    let number = value.as_f64().filter(|number| number.abs() <= FAR)?;
    Some(number as f32)
}

/// A length, clamped to the bounds; 0, negative or missing is `None`.
pub fn length(value: &Value, keys: &[&str], bounds: std::ops::RangeInclusive<f32>) -> Option<f32> {
    let number = keys.iter().find_map(|key| value.get(key)?.as_f64())?;
    (number > 0.0).then(|| (number as f32).clamp(*bounds.start(), *bounds.end()))
}

/// A text that is not empty.
pub fn text<'a>(value: &'a Value, keys: &[&str]) -> Option<&'a str> {
    keys.iter().find_map(|key| value.get(key)?.as_str().filter(|text| !text.is_empty()))
}

/// Whether a flag is set; `None` when it is missing or not a boolean.
pub fn flag(value: &Value, key: &str) -> Option<bool> {
    value.get(key)?.as_bool()
}

/// An opacity from 0 to 1; 1 when missing.
pub fn opacity(value: &Value) -> f32 {
    share(value, "opacity").unwrap_or(1.0)
}

/// A number clamped to 0 to 1.
pub fn share(value: &Value, key: &str) -> Option<f32> {
    Some(value.get(key)?.as_f64()?.clamp(0.0, 1.0) as f32)
}

/// The elements of a list; none when it is missing or not a list.
pub fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).unwrap_or_default()
}
