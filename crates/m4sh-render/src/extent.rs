//! The part of the plane that a page's picture shows (SPEC E3). Called by `svg` and by the writers of pixels and
//! PDF, which need its size. Never larger than [`FARTHEST`] allows, however far an item lies.

use super::{
    geometry::Rect,
    images::Images,
    scene::{AssetContent, Drawable, PageScene, PlacedAsset, Primitive},
    text::{self, fonts::FontMetrics},
};

/// The size of a page that states none.
const DEFAULT: Rect = Rect { left: 0.0, top: 0.0, right: 1920.0, bottom: 1080.0 };
/// Margin around content that lies outside of it.
const MARGIN: f32 = 40.0;
/// The farthest that such content extends the picture.
const FARTHEST: Rect = Rect { left: -8_192.0, top: -8_192.0, right: 16_384.0, bottom: 16_384.0 };

/// Size of an asset without a size, of which nothing is known.
const UNKNOWN: (f32, f32) = (320.0, 180.0);
/// Longer side of an image without a size.
const NATURAL: f32 = 1_000.0;
/// A page's own size, or the default one extended to what lies outside.
#[must_use]
pub fn frame<'a>(page: &PageScene<'a>, images: &Images<'a>, measure: &FontMetrics) -> Rect {
    if let Some((width, height)) = page.size {
        return Rect::at(0.0, 0.0, width, height);
    }
    let marks = page.ink.iter().chain(&page.texts).map(|mark| extent(mark, measure));
    let assets = page.assets.iter().map(|asset| asset_extent(asset, images, measure));
    let content = marks.chain(assets).filter_map(|content| content.intersection(FARTHEST)).reduce(Rect::union);
    let Some(content) = content else { return DEFAULT };
    // Only the sides that content passes are moved, so that most pages have the same size.
    Rect {
        left: if content.left < DEFAULT.left { content.left - MARGIN } else { DEFAULT.left },
        top: if content.top < DEFAULT.top { content.top - MARGIN } else { DEFAULT.top },
        right: if content.right > DEFAULT.right { content.right + MARGIN } else { DEFAULT.right },
        bottom: if content.bottom > DEFAULT.bottom { content.bottom + MARGIN } else { DEFAULT.bottom },
    }
}

/// The bounding box of a drawable.
#[must_use]
pub fn extent(mark: &Drawable<'_>, measure: &FontMetrics) -> Rect {
    let around = match &mark.form {
        // A hard-pressed pen is 1.7 times as wide.
        Primitive::Pen { samples, .. } => Rect::around(samples.iter().map(|sample| sample.at)),
        Primitive::Line { from, to, start, end, head } => {
            let reach = if *start || *end { *head } else { 0.0 };
            Some(Rect::between(*from, *to).grown(reach))
        }
        Primitive::Rectangle { frame, .. } | Primitive::Ellipse { frame, .. } => Some(*frame),
        Primitive::Writing(writing) => Some(text::layout(writing, measure).frame),
    };
    around.unwrap_or(DEFAULT).grown(mark.width + 1.0)
}

fn asset_extent<'a>(asset: &PlacedAsset<'a>, images: &Images<'a>, measure: &FontMetrics) -> Rect {
    let (width, height) = match &asset.content {
        AssetContent::Note(writing, _) => {
            let frame = text::layout(writing, measure).frame;
            (frame.width(), frame.height())
        }
        AssetContent::Image(source) => asset_size(asset, || images.size(*source)),
        AssetContent::Frame => asset_size(asset, || None),
    };
    Rect::at(asset.at.x, asset.at.y, width, height).turned(asset.rotation)
}

/// The size of an asset: its own, else that of its image, with the proportions of the image.
pub fn asset_size(asset: &PlacedAsset<'_>, own: impl FnOnce() -> Option<(f32, f32)>) -> (f32, f32) {
    match (asset.width, asset.height) {
        (Some(width), Some(height)) => (width, height),
        (width, height) => {
            let (w, h) = own().filter(|(w, h)| *w > 0.0 && *h > 0.0).unwrap_or(UNKNOWN);
            match (width, height) {
                (Some(width), None) => (width, width * h / w),
                (None, Some(height)) => (height * w / h, height),
                _ => {
                    let scale = (NATURAL / w.max(h)).min(1.0);
                    (w * scale, h * scale)
                }
            }
        }
    }
}
