//! Assets: pictures, notes, and frames for what cannot be drawn. Called by `page`, and by `background` for its picture.
//! Never fetches: what is neither in the state nor in the request is a frame with a name.

use super::{AssetContent, ImageSource, PlacedAsset, field, text_block};
use crate::geometry::Point;
use m4sh_domain::json::Value;

/// A side of an asset, in board units.
const SIDE: std::ops::RangeInclusive<f32> = 1.0..=65_536.0;

/// Reads one asset.
pub fn read(item: &Value) -> Option<PlacedAsset<'_>> {
    let at = Point::new(field::number(item, "x")?, field::number(item, "y")?);
    let kind = field::text(item, &["type"]).unwrap_or("image");
    let content = match kind {
        "sticky" | "note" | "text" => {
            // Relative to the asset's corner, and rotated with it.
            let (writing, color) = text_block::read(item, kind, Point::default())?;
            AssetContent::Note(writing, color)
        }
        _ => match field::text(item, &["src", "url", "image"]) {
            Some(src) if !kind.ends_with("_player") => AssetContent::Image(source(src)),
            _ => AssetContent::Frame,
        },
    };
    let side = |keys: &[&str]| field::length(item, keys, SIDE);
    Some(PlacedAsset {
        at,
        width: side(&["width", "w"]),
        height: side(&["height", "h"]),
        rotation: field::number(item, "rotation").unwrap_or(0.0) % 360.0,
        opacity: field::opacity(item),
        content,
        label: label(item, kind),
    })
}

/// Where the bytes of `src` are.
pub fn source(src: &str) -> ImageSource<'_> {
    if src.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:")) {
        ImageSource::Data(src)
    } else if let Some(hash) = src.strip_prefix("asset:") {
        ImageSource::Stored(hash)
    } else {
        ImageSource::Elsewhere(file_name(src))
    }
}

/// The name that people gave, else the kind.
fn label<'a>(item: &'a Value, kind: &'a str) -> &'a str {
    let kind = match kind {
        "audio_player" => "audio",
        "video_player" => "video",
        "youtube_player" => "YouTube",
        kind => kind,
    };
    field::text(item, &["title", "name", "fileName", "filename"]).unwrap_or(kind)
}

/// The last part of an address' path, without its query.
fn file_name(address: &str) -> Option<&str> {
    let path = address.split(['?', '#']).next()?;
    path.rsplit('/').next().filter(|name| !name.is_empty())
}
