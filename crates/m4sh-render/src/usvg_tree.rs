//! A page as usvg's tree, from which pixels and PDF are drawn. Called by `pixels` and `pdf`.
//! Resolves only the numbers of prepared images.

use resvg::usvg::{ImageHrefResolver, Options, Tree};

use super::{
    geometry::Rect,
    images::Images,
    scene::PageScene,
    svg::{self, Hrefs, SvgOptions},
    text::fonts::{self, FontMetrics},
};

/// Writes a page as SVG and parses it.
///
/// # Errors
/// A message; only a bug can cause one.
pub fn of_page<'a>(
    page: &PageScene<'a>,
    frame: Rect,
    images: &mut Images<'a>,
    measure: &FontMetrics,
    detail: f32,
) -> Result<Tree, String> {
    let mut text = Vec::new();
    let options = SvgOptions { images, measure, hrefs: Hrefs::Numbered, detail };
    svg::write(&mut text, page, frame, "", options).map_err(|error| error.to_string())?;
    let text = String::from_utf8(text).map_err(|error| error.to_string())?;
    let images = &*images;
    let options = Options {
        fontdb: fonts::database(),
        font_family: "Liberation Sans".to_owned(),
        image_href_resolver: ImageHrefResolver {
            resolve_data: Box::new(|_, _, _| None),
            resolve_string: Box::new(|number, _| Some(images.ready(number.parse().ok()?)?.kind.clone())),
        },
        ..Options::default()
    };
    Tree::from_str(&text, &options).map_err(|error| error.to_string())
}
