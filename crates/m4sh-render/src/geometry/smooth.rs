//! Smoothing of freehand lines: redundant points are dropped, the rest joined by curves.
//! Called by `scene` (thinning) and `svg`. Never moves the two ends of a line.

use super::{Point, Sample, path::VectorPath};

/// Drops points that are closer than `least` to the one before; the last one stays.
#[must_use]
pub fn thin(samples: &[Sample], least: f32) -> Vec<Sample> {
    let mut kept: Vec<Sample> = Vec::with_capacity(samples.len());
    for (index, sample) in samples.iter().enumerate() {
        let far = kept.last().is_none_or(|before| before.at.distance(sample.at) >= least);
        if far {
            kept.push(*sample);
        } else if index + 1 == samples.len() && kept.len() > 1 {
            // The end of a line is where the pen was lifted: it replaces a point that is too close.
            kept.pop();
            kept.push(*sample);
        }
    }
    kept
}

/// Appends curves from the first of `points`, where the path is, to the last, through the middles between them. A
/// sharp turn is a corner, which a curve would cut off.
pub fn curve_through(path: &mut VectorPath, points: impl IntoIterator<Item = Point>) {
    let mut points = points.into_iter();
    let Some(first) = points.next() else { return };
    let Some(mut control) = points.next() else { return };
    let mut before = first;
    for next in points {
        if turns_back(before, control, next) {
            path.line_to(control);
        } else {
            path.curve_to(control, control.middle(next));
        }
        (before, control) = (control, next);
    }
    path.line_to(control);
}

/// Whether the direction changes by more than a right angle.
#[must_use]
pub fn turns_back(before: Point, at: Point, after: Point) -> bool {
    let (ax, ay) = (at.x - before.x, at.y - before.y);
    let (bx, by) = (after.x - at.x, after.y - at.y);
    ax * bx + ay * by < 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(points: &[(f32, f32)]) -> Vec<Sample> {
        points.iter().map(|(x, y)| Sample { at: Point::new(*x, *y), pressure: 0.5 }).collect()
    }

    #[test]
    fn crowded_points_go_and_both_ends_stay() {
        let line = samples(&[(0.0, 0.0), (0.1, 0.0), (0.2, 0.0), (5.0, 0.0), (5.1, 0.0)]);
        let kept: Vec<_> = thin(&line, 1.0).iter().map(|sample| sample.at.x).collect();
        assert_eq!(kept, [0.0, 5.1]);
        assert_eq!(thin(&samples(&[(1.0, 1.0), (1.0, 1.0)]), 1.0).len(), 1);
        assert!(thin(&[], 1.0).is_empty());
    }

    #[test]
    fn a_curve_ends_at_the_last_point() {
        let mut path = VectorPath::default();
        let points = [(0.0, 0.0), (10.0, 0.0), (10.0, 10.0)].map(|(x, y)| Point::new(x, y));
        path.move_to(points[0]);
        curve_through(&mut path, points);
        assert_eq!(String::from_utf8_lossy(path.data()), "M0 0q10 0 10 5l0 5");
    }

    #[test]
    fn e7_a_corner_is_not_cut_off() {
        let mut path = VectorPath::default();
        let points = [(0.0, 0.0), (10.0, 20.0), (20.0, 0.0)].map(|(x, y)| Point::new(x, y));
        path.move_to(points[0]);
        curve_through(&mut path, points);
        assert_eq!(String::from_utf8_lossy(path.data()), "M0 0l10 20 10-20");
    }
}
