//! Writes a page as SVG, from which pixels and PDF are made, too (ADR 0016). Called by those writers, and
//! by the rendering process for an SVG. Deterministic. Never writes a script or an address.

mod assets;
mod background;
mod erase_depth;
mod ink;
mod xml;

use std::io::{self, Write};

use super::{
    extent,
    geometry::{Rect, path::VectorPath},
    images::Images,
    scene::{Blend, Drawable, PageScene},
    text::fonts::FontMetrics,
};
use xml::{Escaped, Num};

/// Inside of a mask a drawable blends only with ink, so its opacity is bounded to keep the paper and the
/// pictures below visible.
const MASKED_MIX: f32 = 0.5;

/// How images are referred to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hrefs {
    /// Whole, as data URLs: a file of its own.
    Whole,
    /// By their number, for a writer that has them beside the text.
    Numbered,
}

/// Options that are the same for all pages of a request.
pub struct SvgOptions<'h, 'a> {
    pub images: &'h mut Images<'a>,
    pub measure: &'h FontMetrics,
    pub hrefs: Hrefs,
    /// Points closer to each other than this, in board units, are merged.
    pub detail: f32,
}

/// A page that is being written.
struct SvgWriter<'h, 'a, W> {
    out: W,
    frame: Rect,
    options: SvgOptions<'h, 'a>,
    /// Reused for the data of each path.
    path: VectorPath,
}

/// Writes a page, of which `frame` is visible.
///
/// # Errors
/// Errors of `out`.
pub fn write<'a>(
    out: impl Write,
    page: &PageScene<'a>,
    frame: Rect,
    title: &str,
    options: SvgOptions<'_, 'a>,
) -> io::Result<()> {
    let mut canvas = SvgWriter { out, frame, options, path: VectorPath::default() };
    let (left, top) = (Num(frame.left), Num(frame.top));
    let (width, height) = (Num(frame.width()), Num(frame.height()));
    write!(
        canvas.out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"{left} {top} {width} {height}\">"
    )?;
    if !title.is_empty() {
        write!(canvas.out, "<title>{}</title>", Escaped(title))?;
    }
    canvas.background(&page.background)?;
    for asset in &page.assets {
        canvas.asset(asset)?;
    }
    canvas.write_ink(page)?;
    canvas.texts(page)?;
    writeln!(canvas.out, "</svg>")
}

impl<'a, W: Write> SvgWriter<'_, 'a, W> {
    /// Strokes and shapes; erased ones are inside of the masks of their erasers.
    fn write_ink(&mut self, page: &PageScene<'a>) -> io::Result<()> {
        let extents: Vec<_> = page.ink.iter().map(|mark| extent::extent(mark, self.options.measure)).collect();
        let seen = |extent: &Rect| extent.intersection(self.frame).is_some();
        let (marks, extents): (Vec<_>, Vec<_>) =
            page.ink.iter().zip(extents).filter(|(_, extent)| seen(extent)).unzip();
        let depths = erase_depth::depths(&marks, &extents, self.frame);
        let at =
            |depth: u16| marks.iter().zip(&depths.of).filter(move |(_, own)| **own == depth).map(|(mark, _)| *mark);
        for depth in 1..=depths.deepest {
            self.mask(depth, at(depth).filter(|mark| mark.blend == Blend::Erase))?;
        }
        write!(self.out, "<g fill=\"none\" stroke-linecap=\"round\" stroke-linejoin=\"round\">")?;
        for depth in 1..=depths.deepest {
            write!(self.out, "<g mask=\"url(#e{depth})\">")?;
        }
        for depth in (0..=depths.deepest).rev() {
            for mark in at(depth).filter(|mark| mark.blend != Blend::Erase) {
                self.mark(mark, if depth == 0 { 1.0 } else { MASKED_MIX })?;
            }
            write!(self.out, "</g>")?;
        }
        Ok(())
    }

    /// A mask that hides the paths of some erasers.
    fn mask<'m>(&mut self, depth: u16, erasers: impl Iterator<Item = &'m Drawable<'a>>) -> io::Result<()>
    where
        'a: 'm,
    {
        let Rect { left, top, .. } = self.frame;
        let area = format!(
            "x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"",
            Num(left),
            Num(top),
            Num(self.frame.width()),
            Num(self.frame.height())
        );
        write!(self.out, "<mask id=\"e{depth}\" maskUnits=\"userSpaceOnUse\" {area}><rect {area} fill=\"#fff\"/>")?;
        write!(self.out, "<g fill=\"none\" stroke-linecap=\"round\" stroke-linejoin=\"round\">")?;
        for eraser in erasers {
            self.eraser(eraser)?;
        }
        write!(self.out, "</g></mask>")
    }

    fn texts(&mut self, page: &PageScene<'a>) -> io::Result<()> {
        page.texts.iter().try_for_each(|mark| self.mark(mark, 1.0))
    }
}
