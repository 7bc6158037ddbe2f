//! An SVG as an image on a page. Called by `images`. Never follows a reference out of it, runs nothing, and refuses
//! what can expand: document types with entities, and trees of references.

use std::sync::Arc;

use resvg::usvg::{self, ImageHrefResolver, ImageKind, Options, Tree, roxmltree};

use super::DecodedImage;
use crate::text::fonts;

/// Most bytes.
const MOST_BYTES: usize = 2 * 1024 * 1024;
/// Most elements and texts.
const MOST_NODES: u32 = 50_000;
/// Most references to other elements: each may copy what it refers to, and that may refer again.
const MOST_USES: usize = 64;

/// Its own size.
pub fn size(bytes: &[u8]) -> Option<(f32, f32)> {
    read(bytes).map(|ready| ready.size)
}

/// Parses it.
pub fn read(bytes: &[u8]) -> Option<DecodedImage> {
    let text = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= MOST_BYTES)?;
    let parsing =
        roxmltree::ParsingOptions { allow_dtd: false, nodes_limit: MOST_NODES, ..roxmltree::ParsingOptions::default() };
    let document = roxmltree::Document::parse_with_options(text, parsing).ok()?;
    let root = document.root_element();
    if root.tag_name().name() != "svg" || is_blown_up(&document) {
        return None;
    }
    let options = Options {
        fontdb: fonts::database(),
        font_family: "Liberation Sans".to_owned(),
        image_href_resolver: ImageHrefResolver {
            resolve_data: Box::new(|_, bytes, _| raster(&bytes)),
            resolve_string: Box::new(|_, _| None),
        },
        ..Options::default()
    };
    let tree = Tree::from_xmltree(&document, &options).ok()?;
    let size = (tree.size().width(), tree.size().height());
    Some(DecodedImage { kind: ImageKind::SVG(tree), size })
}

/// Nested references, and filters and patterns that could work on any area.
fn is_blown_up(document: &roxmltree::Document<'_>) -> bool {
    let count = |name: &str| document.descendants().filter(|node| node.tag_name().name() == name).count();
    let uses = count("use");
    let depth = document.descendants().filter(|node| node.tag_name().name() == "use").filter(|node| {
        // A reference inside of what can be referred to multiplies the work.
        node.ancestors().any(|above| above.attribute("id").is_some() && above != *node)
    });
    uses > MOST_USES || depth.count() > 4 || count("filter") > 0 || count("pattern") > 16 || count("mask") > 16
}

fn raster(bytes: &Arc<Vec<u8>>) -> Option<ImageKind> {
    let format = super::format(bytes)?;
    let (picture, _) = super::decode(bytes, format)?;
    let png = super::encode(&picture, image::ImageFormat::Png)?;
    Some(ImageKind::PNG(Arc::new(png)))
}

/// The parsed SVG: only shapes and pixels.
pub fn written(tree: &Tree) -> String {
    tree.to_string(&usvg::WriteOptions::default())
}
