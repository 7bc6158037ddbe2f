//! Which ink lies under which eraser. Called by the SVG writer for pages on which something was erased.
//!
//! Depth 0 is ink that no eraser touched; each eraser has a depth of at least 1 and erases all ink of its depth
//! or deeper. So a page needs one mask per depth, not one per eraser or stroke. One pass over the drawables, the last one
//! first, finds the least depths, on a coarse grid of the page: the cost is linear, however they cross.

use crate::{
    geometry::{Point, Rect},
    scene::{Blend, Drawable, Primitive},
};

/// Cells of the grid in each direction; a row is one `u64`.
const CELLS: usize = 64;
/// Most depths: each costs a layer of the page. Beyond them the oldest ink on a spot may be erased by an
/// eraser that had not met it.
pub const DEEPEST: u16 = 48;

/// The depths of drawables.
#[derive(Debug)]
pub struct EraseDepths {
    /// One for each drawable, in their order.
    pub of: Vec<u16>,
    /// The largest of them: 0 when nothing was erased.
    pub deepest: u16,
}

/// Finds the depth of each drawable. `extents` are their boxes, in the same order.
#[must_use]
pub fn depths(marks: &[&Drawable<'_>], extents: &[Rect], frame: Rect) -> EraseDepths {
    let mut of = vec![0; marks.len()];
    if marks.iter().any(|mark| mark.blend == Blend::Erase) {
        // The least depth that later ink and later erasers require in each cell.
        let (mut ink, mut erasers) = (vec![0u16; CELLS * CELLS], vec![0u16; CELLS * CELLS]);
        for (index, mark) in marks.iter().enumerate().rev() {
            let cells = GridCells::of(mark, extents[index], frame);
            let highest = |depths: &[u16]| cells.iter().map(|cell| depths[cell]).max().unwrap_or(0);
            let depth = if mark.blend == Blend::Erase {
                // Must not touch the ink that came after it.
                highest(&ink).clamp(1, DEEPEST)
            } else {
                // Under the erasers that came after it, and not above the ink that came after it.
                highest(&erasers).max(highest(&ink).saturating_sub(1))
            };
            of[index] = depth;
            let (asks, value) = if mark.blend == Blend::Erase { (&mut erasers, depth) } else { (&mut ink, depth + 1) };
            cells.iter().for_each(|cell| asks[cell] = asks[cell].max(value));
        }
    }
    let deepest = of.iter().copied().max().unwrap_or(0);
    EraseDepths { of, deepest }
}

/// The cells that a drawable may touch.
struct GridCells([u64; CELLS]);

impl GridCells {
    fn of(mark: &Drawable<'_>, extent: Rect, frame: Rect) -> Self {
        let mut cells = Self([0; CELLS]);
        match &mark.form {
            Primitive::Pen { samples, .. } => {
                let reach = mark.width + 1.0;
                let longest = (frame.width().min(frame.height()) / CELLS as f32).max(1.0);
                let mut before = samples.first().map(|sample| sample.at);
                for at in samples.iter().map(|sample| sample.at) {
                    let from = before.replace(at).unwrap_or(at);
                    // A long step crosses cells that its bounding box does not separate.
                    let steps = (from.distance(at) / longest).ceil().clamp(1.0, 4.0 * CELLS as f32);
                    let part = |step: f32| {
                        let share = step / steps;
                        Point::new(from.x + (at.x - from.x) * share, from.y + (at.y - from.y) * share)
                    };
                    for step in 0..steps as u32 {
                        let piece = Rect::between(part(step as f32), part(step as f32 + 1.0));
                        cells.add(piece.grown(reach), frame);
                    }
                }
            }
            _ => cells.add(extent, frame),
        }
        cells
    }

    fn add(&mut self, area: Rect, frame: Rect) {
        let Some(area) = area.intersection(frame) else { return };
        let cell =
            |at: f32, start: f32, length: f32| (((at - start) / length * CELLS as f32).floor() as usize).min(CELLS - 1);
        let columns = cell(area.left, frame.left, frame.width())..=cell(area.right, frame.left, frame.width());
        let row: u64 = columns.fold(0, |row, column| row | 1 << column);
        for line in cell(area.top, frame.top, frame.height())..=cell(area.bottom, frame.top, frame.height()) {
            self.0[line] |= row;
        }
    }

    fn iter(&self) -> impl Iterator<Item = usize> {
        self.0.iter().enumerate().flat_map(|(line, row)| {
            let mut row = *row;
            std::iter::from_fn(move || {
                let column = row.trailing_zeros() as usize;
                row &= row.wrapping_sub(1);
                (column < CELLS).then_some(line * CELLS + column)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{geometry::Sample, scene::Color};

    const FRAME: Rect = Rect { left: 0.0, top: 0.0, right: 640.0, bottom: 640.0 };

    /// A dot of ink or of an eraser.
    fn dot(x: f32, y: f32, erases: bool) -> Drawable<'static> {
        let samples = vec![Sample { at: Point::new(x, y), pressure: 0.5 }];
        Drawable {
            form: Primitive::Pen { samples, pressed: false },
            color: Color::black(),
            width: 2.0,
            opacity: 1.0,
            blend: if erases { Blend::Erase } else { Blend::Over },
        }
    }

    fn depths_of(marks: &[Drawable<'_>]) -> EraseDepths {
        let measure = crate::text::fonts::FontMetrics::default();
        let extents: Vec<_> = marks.iter().map(|mark| crate::extent::extent(mark, &measure)).collect();
        depths(&marks.iter().collect::<Vec<_>>(), &extents, FRAME)
    }

    #[test]
    fn e8_ink_apart_from_every_eraser_stays_on_top() {
        let marks =
            [dot(100.0, 100.0, false), dot(500.0, 500.0, false), dot(100.0, 100.0, true), dot(100.0, 100.0, false)];
        assert_eq!(depths_of(&marks).of, [1, 0, 1, 0]);
        // Erased, drawn again, erased again: two masks.
        let again: Vec<_> = (0..4).map(|turn| dot(9.0, 9.0, turn % 2 == 1)).collect();
        assert_eq!(depths_of(&again).of, [2, 2, 1, 1]);
    }

    #[test]
    fn e8_the_depth_is_bounded_however_often_one_spot_is_erased() {
        let marks: Vec<_> = (0..1000).map(|turn| dot(9.0, 9.0, turn % 2 == 1)).collect();
        assert_eq!(depths_of(&marks).deepest, DEEPEST);
    }

    proptest! {
        #[test]
        fn e8_depths_keep_the_order_of_all_that_overlaps(
            dots in prop::collection::vec((0u8..5, 0u8..5, prop::bool::ANY), 0..40)
        ) {
            let marks: Vec<_> =
                dots.iter().map(|(x, y, erases)| dot(f32::from(*x) * 100.0 + 50.0, f32::from(*y) * 100.0 + 50.0, *erases)).collect();
            let depths = depths_of(&marks).of;
            for (early, late) in (0..dots.len()).flat_map(|late| (0..late).map(move |early| (early, late))) {
                let one_spot = (dots[early].0, dots[early].1) == (dots[late].0, dots[late].1);
                let holds = match (dots[early].2, dots[late].2) {
                    _ if !one_spot => true,
                    // An eraser takes from ink that is as deep or deeper; deeper ink is drawn first.
                    (false, true | false) => depths[early] >= depths[late],
                    (true, false) => depths[early] > depths[late],
                    (true, true) => true,
                };
                prop_assert!(holds, "{early} and {late} of {dots:?}: {depths:?}");
            }
        }
    }
}
