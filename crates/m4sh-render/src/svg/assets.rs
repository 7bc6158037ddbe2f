//! Pictures, notes and frames as SVG elements. Called by the page writer.
//! Never writes a picture that `images` has not decoded; in its place there is a frame.

use std::io::{self, Write};

use base64::{Engine as _, engine::general_purpose::STANDARD, write::EncoderWriter};
use resvg::usvg::ImageKind;

use super::{
    Hrefs, SvgWriter,
    xml::{Escaped, Num, Opacity, Paint},
};
use crate::{
    extent::asset_size,
    geometry::Rect,
    images,
    scene::{AssetContent, Color, ImageSource, PlacedAsset},
};

/// Most characters of a frame's label.
const LABEL: usize = 60;

impl<'a, W: Write> SvgWriter<'_, 'a, W> {
    pub(super) fn asset(&mut self, asset: &PlacedAsset<'a>) -> io::Result<()> {
        let turn = asset.rotation;
        write!(self.out, "<g transform=\"translate({} {})", Num(asset.at.x), Num(asset.at.y))?;
        if turn != 0.0 {
            write!(self.out, " rotate({})", Num(turn))?;
        }
        write!(self.out, "\"{}>", Opacity(asset.opacity))?;
        match &asset.content {
            AssetContent::Note(writing, color) => self.writing(writing, *color)?,
            AssetContent::Frame => {
                let (width, height) = asset_size(asset, || None);
                self.frame_of(asset.label, Rect::at(0.0, 0.0, width, height))?;
            }
            AssetContent::Image(source) => {
                let images = &self.options.images;
                let (width, height) = asset_size(asset, || images.size(*source));
                self.picture(*source, Rect::at(0.0, 0.0, width, height), "none", asset.label)?;
            }
        }
        write!(self.out, "</g>")
    }

    /// A page's background image, whole and in its proportions.
    pub(super) fn page_picture(&mut self, source: ImageSource<'a>) -> io::Result<()> {
        self.picture(source, self.frame, "xMidYMid", "background")
    }

    fn picture(&mut self, source: ImageSource<'a>, at: Rect, fit: &str, label: &str) -> io::Result<()> {
        let Some(number) = self.options.images.prepare(source, (at.width(), at.height())) else {
            let label = if let ImageSource::Elsewhere(Some(name)) = source { name } else { label };
            return self.frame_of(label, at);
        };
        write!(
            self.out,
            "<image x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" preserveAspectRatio=\"{fit}\" href=\"",
            Num(at.left),
            Num(at.top),
            Num(at.width()),
            Num(at.height())
        )?;
        match self.options.hrefs {
            Hrefs::Numbered => write!(self.out, "{number}")?,
            Hrefs::Whole => self.data_url(number)?,
        }
        write!(self.out, "\"/>")
    }

    fn data_url(&mut self, number: usize) -> io::Result<()> {
        let Some(ready) = self.options.images.ready(number) else { return Ok(()) };
        let (kind, bytes) = match &ready.kind {
            ImageKind::PNG(bytes) => ("png", bytes.as_slice()),
            ImageKind::JPEG(bytes) => ("jpeg", bytes.as_slice()),
            ImageKind::GIF(bytes) => ("gif", bytes.as_slice()),
            ImageKind::WEBP(bytes) => ("webp", bytes.as_slice()),
            ImageKind::SVG(tree) => {
                let text = STANDARD.encode(images::written(tree));
                return write!(self.out, "data:image/svg+xml;base64,{text}");
            }
        };
        write!(self.out, "data:image/{kind};base64,")?;
        let mut encoder = EncoderWriter::new(&mut self.out, &STANDARD);
        encoder.write_all(bytes)?;
        encoder.finish().map(|_| ())
    }

    /// An empty frame in place of what cannot be drawn, with its name.
    fn frame_of(&mut self, label: &str, at: Rect) -> io::Result<()> {
        let (paper, line) = (Color::new_rgb(0xf3, 0xf4, 0xf6), Color::new_rgb(0x9c, 0xa3, 0xaf));
        write!(
            self.out,
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"4\"{}{} stroke-dasharray=\"6 4\"/>",
            Num(at.left + 0.5),
            Num(at.top + 0.5),
            Num((at.width() - 1.0).max(1.0)),
            Num((at.height() - 1.0).max(1.0)),
            Paint("fill", paper, 1.0),
            Paint("stroke", line, 1.0)
        )?;
        let label: String = label.chars().take(LABEL).collect();
        let size = (at.width() / (0.6 * label.chars().count().max(1) as f32)).min(at.height() / 2.0).min(18.0);
        if size < 5.0 {
            return Ok(());
        }
        let center = at.center();
        write!(
            self.out,
            "<text x=\"{}\" y=\"{}\" font-family=\"Liberation Sans, Arial, Helvetica, sans-serif\" font-size=\"{}\" \
             text-anchor=\"middle\" fill=\"#6b7280\">{}</text>",
            Num(center.x),
            Num(center.y + size * 0.35),
            Num(size),
            Escaped(&label)
        )
    }
}
