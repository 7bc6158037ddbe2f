//! Strokes: what pens, highlighters, erasers and the drawing tools leave. Called by `page`.
//! Never draws what points at nothing: the laser and the selection leave no mark.

use super::{Blend, Drawable, Primitive, TextBlock, color, field, shape, text_block};
use crate::geometry::{Point, Rect, Sample};
use m4sh_domain::json::Value;

/// The width of tools, in board units.
pub const WIDTH: std::ops::RangeInclusive<f32> = 0.1..=1_000.0;
/// Of a highlighter that does not say how much shows through.
const HIGHLIGHT: f32 = 0.4;

/// Reads one stroke.
pub fn read(item: &Value) -> Option<Drawable<'_>> {
    let tool = field::text(item, &["tool", "type"]).unwrap_or("pen");
    let form = match tool {
        "laser" | "select" => return None,
        "text" | "note" | "sticky" => {
            let place = place(item)?;
            return text_block::read(item, tool, place).map(|(writing, color)| lettering(item, writing, color));
        }
        "line" | "arrow" => {
            let (from, to) = ends(item)?;
            shape::line(item, tool, from, to)
        }
        "rectangle" | "rect" => Primitive::Rectangle { frame: frame(item)?, fill: color::of(item, &["fill"]) },
        "circle" | "ellipse" => Primitive::Ellipse { frame: frame(item)?, fill: color::of(item, &["fill"]) },
        _ => pen(item)?,
    };
    let lights = tool == "highlighter";
    Some(Drawable {
        form,
        color: color::of(item, &["color", "stroke"]).unwrap_or_else(color::Color::black),
        width: field::length(item, &["size", "strokeWidth"], WIDTH).unwrap_or(if lights { 16.0 } else { 2.0 }),
        opacity: field::share(item, "opacity").unwrap_or(if lights { HIGHLIGHT } else { 1.0 }),
        blend: blend(item, tool),
    })
}

/// A text drawn with the text tool: above what was there, below what comes.
fn lettering<'a>(item: &'a Value, writing: TextBlock<'a>, color: color::Color) -> Drawable<'a> {
    Drawable { form: Primitive::Writing(writing), color, width: 1.0, opacity: field::opacity(item), blend: Blend::Over }
}

/// The canvas' composite operations, as far as a picture without a canvas can have them: those that mix colours stay,
/// the others are drawn over.
fn blend(item: &Value, tool: &str) -> Blend {
    const MIXES: [&str; 15] = [
        "multiply",
        "screen",
        "overlay",
        "darken",
        "lighten",
        "color-dodge",
        "color-burn",
        "hard-light",
        "soft-light",
        "difference",
        "exclusion",
        "hue",
        "saturation",
        "color",
        "luminosity",
    ];
    let composite = field::text(item, &["composite", "globalCompositeOperation"]).unwrap_or("source-over");
    match composite {
        "destination-out" => Blend::Erase,
        _ if tool == "eraser" => Blend::Erase,
        "lighter" => Blend::Mix("screen"),
        "source-over" if tool == "highlighter" => Blend::Mix("multiply"),
        name => MIXES.iter().find(|mix| **mix == name).map_or(Blend::Over, |mix| Blend::Mix(mix)),
    }
}

fn pen(item: &Value) -> Option<Primitive<'_>> {
    let samples = samples(item);
    let pressed = samples.iter().any(|sample| (sample.pressure - samples[0].pressure).abs() > 0.01);
    (!samples.is_empty()).then_some(Primitive::Pen { samples, pressed })
}

/// The points: objects with `x` and `y`, pairs, or one flat list of numbers.
fn samples(item: &Value) -> Vec<Sample> {
    let points = field::list(item, "points");
    if points.first().is_some_and(|first| first.as_f64().is_some()) {
        let pairs = points
            .chunks_exact(2)
            .filter_map(|pair| Some((field::coordinate(&pair[0])?, field::coordinate(&pair[1])?)));
        return pairs.map(|(x, y)| Sample { at: Point::new(x, y), pressure: 0.5 }).collect();
    }
    points.iter().filter_map(sample).collect()
}

fn sample(point: &Value) -> Option<Sample> {
    if let [x, y, rest @ ..] = point.as_array().unwrap_or_default() {
        let pressure = rest.first().and_then(Value::as_f64).map_or(0.5, |pressure| pressure.clamp(0.0, 1.0) as f32);
        return Some(Sample { at: Point::new(field::coordinate(x)?, field::coordinate(y)?), pressure });
    }
    let at = Point::new(field::number(point, "x")?, field::number(point, "y")?);
    Some(Sample { at, pressure: field::share(point, "pressure").or_else(|| field::share(point, "p")).unwrap_or(0.5) })
}

/// An item's own position, or its first point.
fn place(item: &Value) -> Option<Point> {
    let own = field::number(item, "x").zip(field::number(item, "y"));
    own.map(|(x, y)| Point::new(x, y)).or_else(|| Some(samples(item).first()?.at))
}

/// The two ends of a straight line: the named ones, or the first and last point.
fn ends(item: &Value) -> Option<(Point, Point)> {
    shape::named_ends(item).or_else(|| {
        let samples = samples(item);
        Some((samples.first()?.at, samples.last()?.at))
    })
}

/// The box of a rectangle or circle: by its size, or between its first and last point.
fn frame(item: &Value) -> Option<Rect> {
    let size = field::number(item, "width").zip(field::number(item, "height"));
    if let Some(((w, h), at)) = size.zip(place(item)) {
        return Some(Rect::at(at.x, at.y, w, h));
    }
    shape::frame(item).or_else(|| ends(item).map(|(from, to)| Rect::between(from, to)))
}
