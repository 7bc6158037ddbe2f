//! The outline of a pen with varying pressure: a filled shape whose width follows the pressure.
//! Called by `svg`. At a sharp turn one piece ends and another begins, so that no hole is left.

use super::{
    Point, Sample,
    path::VectorPath,
    smooth::{curve_through, turns_back},
};

/// The width of a pen under pressure, as a factor of its own width: 0.3 at 0, 1 at a half, 1.7 at 1.
#[must_use]
pub fn factor(pressure: f32) -> f32 {
    0.3 + 1.4 * pressure.clamp(0.0, 1.0)
}

/// One point of a pen's path with half of its width there.
#[derive(Clone, Copy)]
struct Knot {
    at: Point,
    half: f32,
}

/// Appends the outline of a pen of this width. All pieces turn the same way round, so that the non-zero rule unites
/// them.
pub fn trace(path: &mut VectorPath, samples: &[Sample], width: f32) {
    let knots = knots(samples, width);
    let mut start = 0;
    for at in 1..knots.len() {
        let last = at + 1 == knots.len();
        // An offset line would cross itself there.
        if last || turns_back(knots[at - 1].at, knots[at].at, knots[at + 1].at) {
            piece(path, &knots[start..=at]);
            start = at;
        }
    }
    if let [only] = knots.as_slice() {
        path.circle(only.at, only.half);
    }
}

/// Pressure is noisy: each point takes the average with its neighbours.
fn knots(samples: &[Sample], width: f32) -> Vec<Knot> {
    let mut knots: Vec<Knot> = Vec::with_capacity(samples.len());
    for (index, sample) in samples.iter().enumerate() {
        let before = samples[index.saturating_sub(1)].pressure;
        let after = samples.get(index + 1).unwrap_or(sample).pressure;
        let pressure = (before + 2.0 * sample.pressure + after) / 4.0;
        if knots.last().is_none_or(|last| last.at.distance(sample.at) > 1e-3) {
            knots.push(Knot { at: sample.at, half: (width * factor(pressure) / 2.0).max(0.05) });
        }
    }
    knots
}

fn piece(path: &mut VectorPath, knots: &[Knot]) {
    let (Some(first), Some(last)) = (knots.first(), knots.last()) else { return };
    let (mut left, mut right) = (Vec::with_capacity(knots.len()), Vec::with_capacity(knots.len()));
    for (index, knot) in knots.iter().enumerate() {
        let before = knots[index.saturating_sub(1)].at;
        let after = knots.get(index + 1).unwrap_or(knot).at;
        // Perpendicular to the line between the neighbours; between two equal ones there is none.
        let ahead = Point::new(knot.at.x + after.x - before.x, knot.at.y + after.y - before.y);
        let (Some(l), Some(r)) = (knot.at.towards(ahead, 0.0, knot.half), knot.at.towards(ahead, 0.0, -knot.half))
        else {
            continue;
        };
        left.push(l);
        right.push(r);
    }
    let (Some(start), Some(tip), Some(end)) = (left.first(), right.last(), right.first()) else { return };
    path.move_to(*start);
    curve_through(path, left.iter().copied());
    path.arc_to(last.half, *tip);
    curve_through(path, right.iter().rev().copied());
    debug_assert!(end.distance(first.at) < first.half + 1.0);
    path.arc_to(first.half, *start);
    path.close();
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use resvg::tiny_skia::{FillRule, Mask, Transform};

    use super::*;

    fn line(points: &[(f32, f32, f32)]) -> Vec<Sample> {
        points.iter().map(|(x, y, pressure)| Sample { at: Point::new(*x, *y), pressure: *pressure }).collect()
    }

    /// How much of each pixel of a 100 by 100 picture the outline covers.
    fn coverage(samples: &[Sample], width: f32) -> Mask {
        let mut path = VectorPath::default();
        trace(&mut path, samples, width);
        let svg = format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="100" height="100"><path d="{}"/></svg>"#,
            String::from_utf8_lossy(path.data())
        );
        let tree = resvg::usvg::Tree::from_str(&svg, &resvg::usvg::Options::default()).unwrap();
        let mut mask = Mask::new(100, 100).unwrap();
        for node in tree.root().children() {
            let resvg::usvg::Node::Path(path) = node else { panic!("a path") };
            mask.fill_path(path.data(), FillRule::Winding, true, Transform::identity());
        }
        mask
    }

    #[test]
    fn e7_a_pen_is_wider_where_it_presses_harder() {
        let mask = coverage(&line(&[(10.0, 50.0, 0.0), (50.0, 50.0, 0.5), (90.0, 50.0, 1.0)]), 20.0);
        let height = |x: usize| (0..100).filter(|y| mask.data()[y * 100 + x] > 127).count();
        assert!(height(15) < height(50) && height(50) < height(85), "{} {} {}", height(15), height(50), height(85));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn e7_an_outline_covers_the_way_of_its_pen(
            points in prop::collection::vec((20.0f32..80.0, 20.0f32..80.0, 0.2f32..1.0), 2..12)
        ) {
            let samples = line(&points);
            let mask = coverage(&samples, 12.0);
            // The curve passes through the middles between points: half of the narrowest width is around them.
            for pair in samples.windows(2).filter(|pair| pair[0].at.distance(pair[1].at) > 1.0) {
                let middle = pair[0].at.middle(pair[1].at);
                let at = middle.y as usize * 100 + middle.x as usize;
                prop_assert!(mask.data()[at] > 127, "a hole at {middle:?} of {samples:?}");
            }
        }
    }
}
