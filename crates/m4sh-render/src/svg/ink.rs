//! Drawables as SVG elements: pens, lines with heads, boxes, circles, text. Called by the page writer.
//! A translucent drawable does not darken where it crosses itself: each is one path or one group.

use std::io::{self, Write};

use super::{
    SvgWriter,
    xml::{Escaped, Num, Opacity, Paint, PathData},
};
use crate::{
    geometry::{Point, Rect, Sample, outline, smooth},
    scene::{Align, Blend, Color, Drawable, Primitive, TextBlock},
    text::{self, fonts},
};

/// A note's rounded corners, in board units.
const CORNER: f32 = 6.0;

impl<W: Write> SvgWriter<'_, '_, W> {
    /// Writes a drawable; the opacity of one that blends is at most `mix`.
    pub(super) fn mark(&mut self, mark: &Drawable<'_>, mix: f32) -> io::Result<()> {
        let opacity = if let Blend::Mix(_) = mark.blend { mark.opacity.min(mix) } else { mark.opacity };
        let blend = match mark.blend {
            Blend::Mix(mode) => format!(" style=\"mix-blend-mode:{mode}\""),
            Blend::Over | Blend::Erase => String::new(),
        };
        match &mark.form {
            Primitive::Pen { samples, pressed } => self.pen(mark, samples, *pressed, (mark.color, opacity), &blend),
            Primitive::Line { from, to, start, end, head } => {
                let heads = (start.then_some(*head), end.then_some(*head));
                self.line(mark, (*from, *to), heads, &blend)
            }
            Primitive::Rectangle { frame, fill } => {
                let Rect { left, top, .. } = *frame;
                write!(
                    self.out,
                    "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"",
                    Num(left),
                    Num(top),
                    Num(frame.width().max(0.1)),
                    Num(frame.height().max(0.1))
                )?;
                self.outlined(mark, *fill, &blend)
            }
            Primitive::Ellipse { frame, fill } => {
                let center = frame.center();
                write!(
                    self.out,
                    "<ellipse cx=\"{}\" cy=\"{}\" rx=\"{}\" ry=\"{}\"",
                    Num(center.x),
                    Num(center.y),
                    Num((frame.width() / 2.0).max(0.1)),
                    Num((frame.height() / 2.0).max(0.1))
                )?;
                self.outlined(mark, *fill, &blend)
            }
            Primitive::Writing(writing) => {
                write!(self.out, "<g{}{blend}>", Opacity(mark.opacity))?;
                self.writing(writing, mark.color)?;
                write!(self.out, "</g>")
            }
        }
    }

    /// The path of an eraser, inside of a mask.
    pub(super) fn eraser(&mut self, mark: &Drawable<'_>) -> io::Result<()> {
        match &mark.form {
            Primitive::Pen { samples, pressed } => {
                self.pen(mark, samples, *pressed, (Color::black(), mark.opacity), "")
            }
            form => {
                let black = match form {
                    Primitive::Rectangle { frame, .. } => {
                        Primitive::Rectangle { frame: *frame, fill: Some(Color::black()) }
                    }
                    Primitive::Ellipse { frame, .. } => {
                        Primitive::Ellipse { frame: *frame, fill: Some(Color::black()) }
                    }
                    Primitive::Line { from, to, head, .. } => {
                        Primitive::Line { from: *from, to: *to, start: false, end: false, head: *head }
                    }
                    Primitive::Writing(_) | Primitive::Pen { .. } => return Ok(()),
                };
                self.mark(&Drawable { form: black, color: Color::black(), blend: Blend::Over, ..*mark }, 1.0)
            }
        }
    }

    fn pen(
        &mut self,
        mark: &Drawable<'_>,
        samples: &[Sample],
        pressed: bool,
        (color, opacity): (Color, f32),
        blend: &str,
    ) -> io::Result<()> {
        let thinned = smooth::thin(samples, self.options.detail);
        self.path.clear();
        if let [only] = thinned.as_slice() {
            let factor = if pressed { outline::factor(only.pressure) } else { 1.0 };
            self.path.circle(only.at, mark.width * factor / 2.0);
            return write!(self.out, "<path d=\"{}\"{}{blend}/>", PathData(&self.path), Paint("fill", color, opacity));
        }
        if pressed {
            outline::trace(&mut self.path, &thinned, mark.width);
            return write!(self.out, "<path d=\"{}\"{}{blend}/>", PathData(&self.path), Paint("fill", color, opacity));
        }
        let Some(first) = thinned.first() else { return Ok(()) };
        self.path.move_to(first.at);
        smooth::curve_through(&mut self.path, thinned.iter().map(|sample| sample.at));
        write!(
            self.out,
            "<path d=\"{}\"{} stroke-width=\"{}\"{blend}/>",
            PathData(&self.path),
            Paint("stroke", color, opacity),
            Num(mark.width)
        )
    }

    /// A straight line; the tips of its heads are its ends.
    fn line(
        &mut self,
        mark: &Drawable<'_>,
        (from, to): (Point, Point),
        (start, end): (Option<f32>, Option<f32>),
        blend: &str,
    ) -> io::Result<()> {
        let paint = Paint("stroke", mark.color, 1.0);
        write!(self.out, "<g{}{blend}>", Opacity(mark.opacity))?;
        // The line ends inside of the head, so that its blunt end does not show at the tip.
        let inset = |from: Point, to: Point, head: Option<f32>| {
            let head = head.map_or(0.0, |head| (0.8 * head).min(0.45 * from.distance(to)));
            from.towards(to, head, 0.0).unwrap_or(from)
        };
        let (shaft_from, shaft_to) = (inset(from, to, start), inset(to, from, end));
        self.path.clear();
        self.path.move_to(shaft_from);
        self.path.line_to(shaft_to);
        write!(self.out, "<path d=\"{}\"{paint} stroke-width=\"{}\"/>", PathData(&self.path), Num(mark.width))?;
        for (tip, behind, head) in [(from, to, start), (to, from, end)] {
            let Some(head) = head.map(|head| head.min(tip.distance(behind))) else { continue };
            let corners = tip.towards(behind, head, head * 0.42).zip(tip.towards(behind, head, -head * 0.42));
            let Some((left, right)) = corners else { continue };
            self.path.clear();
            self.path.move_to(tip);
            self.path.line_to(left);
            self.path.line_to(right);
            self.path.close();
            write!(self.out, "<path d=\"{}\"{}/>", PathData(&self.path), Paint("fill", mark.color, 1.0))?;
        }
        write!(self.out, "</g>")
    }

    /// Ends an element with its outline and its fill.
    fn outlined(&mut self, mark: &Drawable<'_>, fill: Option<Color>, blend: &str) -> io::Result<()> {
        // A translucent filled box is one layer: otherwise the outline would show the edge of the fill.
        let (whole, each) = if fill.is_some() { (mark.opacity, 1.0) } else { (1.0, mark.opacity) };
        if let Some(fill) = fill {
            write!(self.out, "{}", Paint("fill", fill, 1.0))?;
        }
        let paint = Paint("stroke", mark.color, each);
        write!(self.out, "{paint} stroke-width=\"{}\"{}{blend}/>", Num(mark.width), Opacity(whole))
    }

    /// Writes text, and the note under it.
    pub(super) fn writing(&mut self, writing: &TextBlock<'_>, color: Color) -> io::Result<()> {
        let laid = text::layout(writing, self.options.measure);
        if let Some(paper) = writing.paper {
            self.paper(laid.frame, paper)?;
        }
        if writing.text.trim().is_empty() {
            return Ok(());
        }
        let font = writing.font;
        write!(
            self.out,
            "<text xml:space=\"preserve\" font-family=\"{}\" font-size=\"{}\"",
            fonts::css(font.family),
            Num(font.size)
        )?;
        for (is, attribute) in [
            (font.bold, " font-weight=\"bold\""),
            (font.italic, " font-style=\"italic\""),
            (font.underline && font.struck, " text-decoration=\"underline line-through\""),
            (font.underline && !font.struck, " text-decoration=\"underline\""),
            (font.struck && !font.underline, " text-decoration=\"line-through\""),
            (writing.align == Align::Center, " text-anchor=\"middle\""),
            (writing.align == Align::Right, " text-anchor=\"end\""),
        ] {
            self.out.write_all(if is { attribute } else { "" }.as_bytes())?;
        }
        write!(self.out, "{}>", Paint("fill", color, 1.0))?;
        for (line, at) in laid.lines.iter().filter(|(line, _)| !line.is_empty()) {
            write!(self.out, "<tspan x=\"{}\" y=\"{}\">{}</tspan>", Num(at.x), Num(at.y), Escaped(line))?;
        }
        write!(self.out, "</text>")
    }

    /// A note's paper, with a shadow.
    fn paper(&mut self, frame: Rect, paper: Color) -> io::Result<()> {
        for (down, fill) in [(3.0, Paint("fill", Color::black(), 0.12)), (0.0, Paint("fill", paper, 1.0))] {
            write!(
                self.out,
                "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"{}\" stroke=\"none\"{fill}/>",
                Num(frame.left),
                Num(frame.top + down),
                Num(frame.width()),
                Num(frame.height()),
                Num(CORNER),
            )?;
        }
        Ok(())
    }
}
