//! Texts and notes. Called by `page`, `stroke` and `asset`. Uses only bundled fonts.

use super::{Align, Blend, Color, Drawable, Family, Font, Primitive, TextBlock, color, field};
use crate::geometry::Point;
use m4sh_domain::json::Value;

/// The font size, in board units.
const SIZE: std::ops::RangeInclusive<f32> = 2.0..=1_000.0;
/// The width to wrap at, and the size of a note.
const BOX: std::ops::RangeInclusive<f32> = 8.0..=16_384.0;
/// Smaller sizes belong to a pen, not to letters: such a text has the default size.
const LETTER: f32 = 8.0;
/// The size of a note that states none.
const NOTE: (f32, f32) = (200.0, 120.0);
const YELLOW: Color = Color { red: 0xff, green: 0xf3, blue: 0xb0, alpha: 255 };
const INK: Color = Color { red: 0x1f, green: 0x29, blue: 0x37, alpha: 255 };

/// One element of a page's `texts`.
pub fn mark(item: &Value) -> Option<Drawable<'_>> {
    let kind = field::text(item, &["type", "tool"]).unwrap_or("text");
    let at = Point::new(field::number(item, "x")?, field::number(item, "y")?);
    let (writing, color) = read(item, kind, at)?;
    Some(Drawable {
        form: Primitive::Writing(writing),
        color,
        width: 1.0,
        opacity: field::opacity(item),
        blend: Blend::Over,
    })
}

/// A text or note at a place, with its colour; a note may be empty, a text not.
pub fn read<'a>(item: &'a Value, kind: &str, at: Point) -> Option<(TextBlock<'a>, Color)> {
    let note = matches!(kind, "note" | "sticky");
    let text = field::text(item, &["text", "content"]).unwrap_or_default();
    if text.is_empty() && !note {
        return None;
    }
    let size = |keys: &[&str], otherwise| field::length(item, keys, BOX).or(if note { Some(otherwise) } else { None });
    let (paper, color) = colors(item, note);
    let writing = TextBlock {
        text,
        at,
        width: size(&["width", "w"], NOTE.0),
        height: size(&["height", "h"], NOTE.1),
        paper,
        font: font(item),
        align: match field::text(item, &["textAlign", "align"]) {
            Some("center") => Align::Center,
            Some("right" | "end") => Align::Right,
            _ => Align::Left,
        },
    };
    Some((writing, color))
}

/// The paper's colour, for notes, and the text's. A note's one `color` is its text's when it is dark, else its paper's.
fn colors(item: &Value, note: bool) -> (Option<Color>, Color) {
    let own = color::of(item, &["color", "fill"]);
    let paper = color::of(item, &["backgroundColor", "bgColor", "background"]);
    let text = color::of(item, &["textColor"]);
    if !note {
        return (paper, text.or(own).unwrap_or_else(Color::black));
    }
    let (paper, text) = match (paper, own) {
        (Some(paper), own) => (paper, text.or(own)),
        (None, Some(own)) if text.is_none() && color::is_dark(own) => (YELLOW, Some(own)),
        (None, own) => (own.unwrap_or(YELLOW), text),
    };
    let readable = if color::is_dark(paper) { Color::new_rgb(255, 255, 255) } else { INK };
    (Some(paper), text.unwrap_or(readable))
}

fn font(item: &Value) -> Font {
    let size = field::length(item, &["fontSize"], SIZE);
    let own = || field::length(item, &["size"], SIZE).filter(|size| *size >= LETTER);
    let weight = item.get("fontWeight");
    let style = field::text(item, &["fontStyle"]).unwrap_or_default();
    let decoration = field::text(item, &["textDecoration"]).unwrap_or_default();
    let heavy = weight.and_then(Value::as_f64).or_else(|| weight?.as_str()?.parse().ok());
    Font {
        family: family(field::text(item, &["fontFamily"]).unwrap_or_default()),
        size: size.or_else(own).unwrap_or(16.0),
        bold: heavy.is_some_and(|weight| weight >= 600.0)
            || weight.and_then(Value::as_str).is_some_and(|word| word.starts_with("bold"))
            // Canvas libraries write weight and style in one word.
            || style.contains("bold"),
        italic: style.contains("italic") || style.contains("oblique"),
        underline: decoration.contains("underline"),
        struck: decoration.contains("line-through"),
    }
}

/// The bundled family nearest to a list of CSS families: that of the first known one, else sans serif.
fn family(list: &str) -> Family {
    let nearest = |name: &str| {
        let name = name.trim_matches(|c: char| c.is_whitespace() || c == '"' || c == '\'').to_ascii_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
        if has(&["mono", "courier", "consolas", "menlo", "monaco"]) {
            Some(Family::Mono)
        } else if has(&["sans", "arial", "helvetica", "system-ui", "verdana", "inter", "roboto"]) {
            Some(Family::Sans)
        } else if has(&["serif", "times", "georgia", "garamond", "cambria", "palatino"]) {
            Some(Family::Serif)
        } else {
            None
        }
    };
    list.split(',').take(16).find_map(nearest).unwrap_or(Family::Sans)
}
