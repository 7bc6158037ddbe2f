//! Shapes: lines, arrows, rectangles and circles with named corners. Called by `page`, and by `stroke` for its tools.
//! Never guesses a corner that is not there.

use super::{Blend, Drawable, Primitive, color, field, stroke};
use crate::geometry::{Point, Rect};
use m4sh_domain::json::Value;

/// An arrow's head, in board units.
const HEAD: std::ops::RangeInclusive<f32> = 4.0..=1_000.0;

/// Reads one shape.
pub fn read(item: &Value) -> Option<Drawable<'_>> {
    let kind = field::text(item, &["type", "tool"])?;
    let fill = || color::of(item, &["fill", "fillColor"]);
    let form = match kind {
        "line" | "arrow" => {
            let (from, to) = named_ends(item)?;
            line(item, kind, from, to)
        }
        "rectangle" | "rect" => Primitive::Rectangle { frame: frame(item)?, fill: fill() },
        "circle" | "ellipse" => Primitive::Ellipse { frame: frame(item)?, fill: fill() },
        // Points and the rest: as a stroke of that tool.
        _ => return stroke::read(item),
    };
    Some(Drawable {
        form,
        color: color::of(item, &["color", "stroke"]).unwrap_or_else(color::Color::black),
        width: field::length(item, &["size", "strokeWidth"], stroke::WIDTH).unwrap_or(2.0),
        opacity: field::opacity(item),
        blend: Blend::Over,
    })
}

/// A straight line between two points, with the heads that the item asks for.
pub fn line<'a>(item: &Value, kind: &str, from: Point, to: Point) -> Primitive<'a> {
    let width = field::length(item, &["size", "strokeWidth"], stroke::WIDTH).unwrap_or(2.0);
    Primitive::Line {
        from,
        to,
        start: field::flag(item, "arrowStart").unwrap_or(false),
        end: field::flag(item, "arrowEnd").unwrap_or(kind == "arrow"),
        head: field::length(item, &["arrowSize"], HEAD).unwrap_or((4.0 * width).max(12.0)),
    }
}

/// The ends that an item names, or its first and last point.
pub fn named_ends(item: &Value) -> Option<(Point, Point)> {
    let point = |x, y| Some(Point::new(field::number(item, x)?, field::number(item, y)?));
    let named = point("startX", "startY").zip(point("endX", "endY"));
    named.or_else(|| {
        let points = field::list(item, "points");
        let at = |value: &Value| Some(Point::new(field::number(value, "x")?, field::number(value, "y")?));
        at(points.first()?).zip(at(points.last()?))
    })
}

/// The box of a rectangle or circle: around its centre by `radius`, from its corner by its size, or between its ends.
pub fn frame(item: &Value) -> Option<Rect> {
    let corner = field::number(item, "x").zip(field::number(item, "y"));
    let corner = corner.or_else(|| field::number(item, "startX").zip(field::number(item, "startY")));
    if let Some(((x, y), radius)) = corner.zip(field::number(item, "radius")) {
        return Some(Rect::at(x - radius, y - radius, 2.0 * radius, 2.0 * radius));
    }
    let size = field::number(item, "width").zip(field::number(item, "height"));
    if let Some(((x, y), (w, h))) = corner.zip(size) {
        return Some(Rect::at(x, y, w, h));
    }
    named_ends(item).map(|(from, to)| Rect::between(from, to))
}
