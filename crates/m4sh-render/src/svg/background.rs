//! A page's background: colour, pattern, image. Called by the page writer.
//! Bounds the number of lines.

use std::io::{self, Write};

use super::{
    SvgWriter,
    xml::{Num, Paint, PathData},
};
use crate::{
    geometry::{Point, Rect},
    scene::{Background, Color, Pattern},
};

/// Most lines in one direction: on a larger page the pattern gets wider.
const MOST_LINES: f32 = 400.0;
/// How much darker each fifth line of a graph is.
const STRONGER: f32 = 0.82;
/// A dot is smaller than a line, and that much darker.
const DOT: f32 = 0.7;

impl<'a, W: Write> SvgWriter<'_, 'a, W> {
    pub(super) fn background(&mut self, background: &Background<'a>) -> io::Result<()> {
        self.fill_page(background.color)?;
        let mut step = background.step;
        while self.frame.width().max(self.frame.height()) / step > MOST_LINES {
            step *= 2.0;
        }
        let color = background.line_color;
        match background.pattern {
            Pattern::Plain => {}
            Pattern::Ruled => self.lines(step, color, 1.0, false)?,
            Pattern::Grid => self.lines(step, color, 1.0, true)?,
            Pattern::Graph => {
                let darker = |part: u8| (f32::from(part) * STRONGER) as u8;
                let strong = Color {
                    red: darker(color.red),
                    green: darker(color.green),
                    blue: darker(color.blue),
                    alpha: color.alpha,
                };
                self.lines(step, color, 1.0, true)?;
                self.lines(5.0 * step, strong, 1.5, true)?;
            }
            Pattern::Dots => self.dots(step, color)?,
        }
        background.image.map_or(Ok(()), |source| self.page_picture(source))
    }

    fn fill_page(&mut self, color: Color) -> io::Result<()> {
        let Rect { left, top, .. } = self.frame;
        write!(
            self.out,
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"{}/>",
            Num(left),
            Num(top),
            Num(self.frame.width()),
            Num(self.frame.height()),
            Paint("fill", color, 1.0)
        )
    }

    /// Horizontal lines, and vertical ones if `both`.
    fn lines(&mut self, step: f32, color: Color, width: f32, both: bool) -> io::Result<()> {
        let Rect { left, top, right, bottom } = self.frame;
        self.path.clear();
        for y in multiples(top, bottom, step) {
            self.path.move_to(Point::new(left, y + 0.5));
            self.path.line_to(Point::new(right, y + 0.5));
        }
        if both {
            for x in multiples(left, right, step) {
                self.path.move_to(Point::new(x + 0.5, top));
                self.path.line_to(Point::new(x + 0.5, bottom));
            }
        }
        self.pattern(color, width)
    }

    /// Dots where a grid's lines would cross.
    fn dots(&mut self, step: f32, color: Color) -> io::Result<()> {
        let Rect { left, top, right, bottom } = self.frame;
        let darker = |part: u8| (f32::from(part) * DOT) as u8;
        let color =
            Color { red: darker(color.red), green: darker(color.green), blue: darker(color.blue), alpha: color.alpha };
        self.path.clear();
        for y in multiples(top, bottom, step) {
            for x in multiples(left, right, step) {
                self.path.circle(Point::new(x, y), 1.25);
            }
        }
        write!(self.out, "<path d=\"{}\"{}/>", PathData(&self.path), Paint("fill", color, 1.0))
    }

    fn pattern(&mut self, color: Color, width: f32) -> io::Result<()> {
        let paint = Paint("stroke", color, 1.0);
        write!(self.out, "<path d=\"{}\" fill=\"none\"{paint} stroke-width=\"{}\"/>", PathData(&self.path), Num(width))
    }
}

/// The multiples of `step` strictly between two numbers: no line lies on the page's edge.
fn multiples(from: f32, to: f32, step: f32) -> impl Iterator<Item = f32> {
    let first = (from / step).floor() as i64 + 1;
    (first..).map(move |times| times as f32 * step).take_while(move |at| *at < to)
}

#[cfg(test)]
mod tests {
    use super::multiples;

    #[test]
    fn a_pattern_hangs_on_the_origin_and_not_on_the_frame() {
        assert_eq!(multiples(-45.0, 40.0, 20.0).collect::<Vec<_>>(), [-40.0, -20.0, 0.0, 20.0]);
    }
}
