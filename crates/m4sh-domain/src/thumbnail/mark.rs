//! One item as a thumbnail shows it. Called by `live`. An item without a place has no mark.

use super::simplify::{GridPoint, place, simplify};
use crate::{
    board::{Drawing, ItemKind},
    json::Value,
};

/// Longest colour, in characters: every colour that clients use is shorter.
const COLOR: usize = 24;

/// What is drawn of an item.
#[derive(Clone, PartialEq, Debug)]
pub struct ThumbnailMark {
    /// `line` (through its points), `box` (between two corners) or `dot` (a place).
    pub form: &'static str,
    /// The item's colour; black when it has none or a longer one.
    pub color: Box<str>,
    /// In grid steps, 1 to 20.
    pub width: u8,
    /// Points on the grid.
    pub points: Vec<GridPoint>,
}

impl ThumbnailMark {
    /// The mark of an item; `None` when there is nothing to draw.
    #[must_use]
    pub fn of(kind: ItemKind, item: &Value) -> Option<Self> {
        let number = |key: &str| item.get(key).and_then(Value::as_f64).filter(|number| number.is_finite());
        let tool = item.get("tool").or_else(|| item.get("type")).and_then(Value::as_str).unwrap_or("pen");
        if matches!(tool, "laser" | "select" | "eraser") {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 1..=20")]
        let width = number("size").map_or(1, |size| (size / 12.0).round().clamp(1.0, 20.0) as u8);
        let (form, points) = match kind.drawing() {
            Drawing::Stroke | Drawing::Shape
                if item.get("points").is_some_and(|points| points.as_array().is_some()) =>
            {
                let points = simplify(points_of(item));
                let ends = |points: &[GridPoint]| Some(vec![*points.first()?, *points.last()?]);
                match tool {
                    "rectangle" | "circle" => ("box", ends(&points)?),
                    "line" | "arrow" => ("line", ends(&points)?),
                    _ => ("line", points),
                }
            }
            Drawing::Shape if number("startX").is_some() => {
                let corner = |x, y| Some(place(number(x)?, number(y)?));
                ("line", vec![corner("startX", "startY")?, corner("endX", "endY")?])
            }
            Drawing::Stroke | Drawing::Asset | Drawing::Shape | Drawing::Text => {
                let (x, y) = (number("x")?, number("y")?);
                let side = |long, short| number(long).or_else(|| number(short));
                match side("width", "w").zip(side("height", "h")) {
                    Some((width, height)) => ("box", vec![place(x, y), place(x + width, y + height)]),
                    None => ("dot", vec![place(x, y)]),
                }
            }
        };
        if points.is_empty() {
            return None;
        }
        let color = item.get("color").and_then(Value::as_str).filter(|color| color.len() <= COLOR).unwrap_or("#000");
        Some(Self { form, color: color.into(), width, points })
    }
}

/// Points as `{x, y}`, as pairs, or as one flat list; what is none of these is left out.
fn points_of(item: &Value) -> impl Iterator<Item = (f64, f64)> {
    let points = item.get("points").and_then(Value::as_array).unwrap_or_default();
    let flat = points.first().is_some_and(|first| first.as_f64().is_some());
    let pairs = points.iter().filter_map(|point| {
        let pair = point.as_array().and_then(|pair| Some((pair.first()?, pair.get(1)?)));
        let (x, y) = pair.or_else(|| Some((point.get("x")?, point.get("y")?)))?;
        Some((x.as_f64()?, y.as_f64()?))
    });
    let run = points.chunks_exact(2).filter_map(|pair| Some((pair[0].as_f64()?, pair[1].as_f64()?)));
    let (pairs, run) = if flat { (None, Some(run)) } else { (Some(pairs), None) };
    pairs.into_iter().flatten().chain(run.into_iter().flatten()).filter(|(x, y)| x.is_finite() && y.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Bounds;

    fn mark(kind: ItemKind, item: &str) -> Option<ThumbnailMark> {
        ThumbnailMark::of(kind, &Value::parse(item.as_bytes(), Bounds::default()).unwrap())
    }

    #[test]
    fn y20_an_item_is_a_few_points_on_a_grid_of_twelve_units() {
        let pen = mark(
            ItemKind::Stroke,
            r##"{"tool":"pen","color":"#f00","size":24,"points":[{"x":0,"y":0},{"x":120,"y":60}]}"##,
        );
        let pen = pen.unwrap();
        assert_eq!((pen.form, &*pen.color, pen.width, &*pen.points), ("line", "#f00", 2, &[(0, 0), (10, 5)][..]));
        let pairs = mark(ItemKind::Stroke, r#"{"points":[[0,0],[12,12]]}"#).unwrap();
        let flat = mark(ItemKind::Stroke, r#"{"points":[0,0,12,12]}"#).unwrap();
        assert_eq!(pairs.points, flat.points);
        let note = mark(ItemKind::Text, r#"{"x":12,"y":24,"width":120,"height":24,"text":"a"}"#).unwrap();
        assert_eq!((note.form, &*note.points), ("box", &[(1, 2), (11, 4)][..]));
    }

    #[test]
    fn y20_what_has_no_place_leaves_no_mark() {
        for item in [
            "{}",
            "1",
            "null",
            r#"{"points":[]}"#,
            r#"{"points":"x","tool":"pen"}"#,
            r#"{"tool":"laser","points":[[1,1]]}"#,
        ] {
            assert_eq!(mark(ItemKind::Stroke, item), None, "{item}");
        }
        let long = format!(r#"{{"x":1,"y":1,"color":"{}"}}"#, "x".repeat(100));
        assert_eq!(&*mark(ItemKind::Text, &long).unwrap().color, "#000");
    }
}
