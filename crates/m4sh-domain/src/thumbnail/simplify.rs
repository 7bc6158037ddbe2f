//! Reduces a line of many points to few. Called by `mark`. Never moves the first or the last point.

use crate::limits;

/// Board units of one step of the grid: a page of 1920 by 1080 is 160 by 90.
const UNIT: f64 = 12.0;
/// How far, in grid steps, a dropped point may lie from the line that is drawn without it.
const TOLERANCE: f64 = 0.75;

/// A point on the grid.
pub(super) type GridPoint = (i32, i32);

/// The grid point of board coordinates.
pub(super) fn place(x: f64, y: f64) -> GridPoint {
    // Marks far outside the page are not visible; the bound keeps the sums below from overflowing.
    #[expect(clippy::cast_possible_truncation, reason = "clamped")]
    let step = |value: f64| (value / UNIT).round().clamp(-4_096.0, 8_192.0) as i32;
    (step(x), step(y))
}

/// The line on the grid, without repeated points and without points that make no visible difference, at most
/// [`limits::THUMB_POINTS`].
pub(super) fn simplify(points: impl Iterator<Item = (f64, f64)>) -> Vec<GridPoint> {
    let mut line: Vec<GridPoint> = points.map(|(x, y)| place(x, y)).collect();
    line.dedup();
    let mut tolerance = TOLERANCE;
    let mut kept = douglas_peucker(&line, tolerance);
    while kept.len() > limits::THUMB_POINTS {
        tolerance *= 2.0;
        kept = douglas_peucker(&kept, tolerance);
    }
    kept
}

/// The Douglas-Peucker algorithm with an explicit stack: a stroke of ten thousand points must not recurse.
fn douglas_peucker(line: &[GridPoint], tolerance: f64) -> Vec<GridPoint> {
    let Some(last) = line.len().checked_sub(1).filter(|last| *last > 1) else { return line.to_vec() };
    let mut keep = vec![false; line.len()];
    (keep[0], keep[last]) = (true, true);
    let mut spans = vec![(0, last)];
    while let Some((from, to)) = spans.pop() {
        let inner = (from + 1..to).map(|at| (at, distance(line[at], line[from], line[to])));
        if let Some((at, far)) = inner.max_by(|a, b| a.1.total_cmp(&b.1))
            && far > tolerance
        {
            keep[at] = true;
            spans.push((from, at));
            spans.push((at, to));
        }
    }
    line.iter().zip(keep).filter(|(_, keep)| *keep).map(|(point, _)| *point).collect()
}

/// The distance of a point from the line between two others.
fn distance((x, y): GridPoint, (ax, ay): GridPoint, (bx, by): GridPoint) -> f64 {
    let (dx, dy) = (f64::from(bx - ax), f64::from(by - ay));
    let (px, py) = (f64::from(x - ax), f64::from(y - ay));
    let length = dx.hypot(dy);
    if length == 0.0 { px.hypot(py) } else { (px * dy - py * dx).abs() / length }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn y20_a_straight_line_is_two_points_and_a_corner_stays() {
        let straight = (0..1000).map(|step| (f64::from(step), f64::from(step) / 2.0));
        assert_eq!(simplify(straight), [(0, 0), (83, 42)]);
        let corner =
            (0..100).map(|x| (f64::from(x) * 12.0, 0.0)).chain((0..100).map(|y| (99.0 * 12.0, f64::from(y) * 12.0)));
        assert_eq!(simplify(corner), [(0, 0), (99, 0), (99, 99)]);
    }

    #[test]
    fn y20_a_mark_has_a_bound_whatever_was_drawn() {
        let scribble = (0..10_000_u32).map(|step| {
            let turn = f64::from(step) * 2.4;
            (500.0 + turn.cos() * 400.0, 500.0 + turn.sin() * 400.0)
        });
        assert!(simplify(scribble).len() <= limits::THUMB_POINTS);
        assert_eq!(simplify([(f64::MAX, -f64::MAX)].into_iter()), [(8_192, -4_096)]);
        assert!(simplify(std::iter::empty()).is_empty());
    }
}
