//! The formats: what each file is, which page it shows, and that it is the same each time.

use std::sync::Mutex;

use m4sh_render::{PictureFormat, RenderError, assets_of};
use resvg::usvg::roxmltree;

use super::{draw, fixtures, order, renderer};

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(fixtures().join(format!("{name}.json"))).expect("a fixture")
}

fn size(picture: &[u8]) -> (u32, u32) {
    let reader = image::ImageReader::new(std::io::Cursor::new(picture)).with_guessed_format().expect("a format");
    reader.into_dimensions().expect("a picture")
}

#[tokio::test]
async fn e13_every_format_is_what_it_says() {
    for (format, media_type, start) in [
        (PictureFormat::Png, "image/png", &b"\x89PNG"[..]),
        (PictureFormat::Pdf, "application/pdf", b"%PDF-1."),
        (PictureFormat::Svg, "image/svg+xml", b"<svg "),
        (PictureFormat::Thumbnail, "image/webp", b"RIFF"),
    ] {
        let (bytes, picture) = draw(order(format, fixture("texts"))).await.expect("a picture");
        assert!(bytes.starts_with(start), "{format:?}");
        assert_eq!(picture.media_type, media_type);
        let path = picture.file.to_path_buf();
        drop(picture);
        assert!(!path.exists(), "a picture's file lives as long as the picture");
    }
}

#[tokio::test]
async fn e14_the_same_board_gives_the_same_bytes() {
    for format in [PictureFormat::Png, PictureFormat::Pdf, PictureFormat::Svg, PictureFormat::Thumbnail] {
        let (one, _) = draw(order(format, fixture("shapes"))).await.expect("a picture");
        let (other, _) = draw(order(format, fixture("shapes"))).await.expect("a picture");
        assert!(one == other, "{format:?} differs from itself");
    }
}

#[tokio::test]
async fn e3_a_page_is_as_large_as_it_says_or_as_its_content_needs() {
    let dimensions =
        async |state: &str| size(&draw(order(PictureFormat::Png, state.to_owned())).await.expect("a picture").0);
    assert_eq!(dimensions("{}").await, (1920, 1080));
    assert_eq!(dimensions(r#"{"pages":[{"width":300,"height":200}]}"#).await, (300, 200));
    let stroke = |x: i64| format!(r#"{{"strokes":[{{"tool":"pen","size":4,"points":[{{"x":{x},"y":50}}]}}]}}"#);
    assert_eq!(dimensions(&stroke(500)).await, (1920, 1080));
    let (width, height) = dimensions(&stroke(3000)).await;
    assert!((3040..3060).contains(&width) && height == 1080, "{width} x {height}");
    let (width, _) = dimensions(&stroke(-500)).await;
    assert!((2455..2475).contains(&width), "{width}");
    assert_eq!(dimensions(&stroke(900_000)).await, (1920, 1080), "what is out of sight does not shrink the rest");
    let (width, height) = dimensions(r#"{"pages":[{"width":16384,"height":16384}]}"#).await;
    assert!(width == height && width <= 4096, "{width}");
}

#[tokio::test]
async fn e15_a_picture_shows_the_page_that_was_asked_for() {
    let state = r##"{"activePageId":"b","pages":[
        {"id":"a","width":100,"height":50,"backgroundColor":"#ff0000"},
        {"id":"b","width":100,"height":50,"backgroundColor":"#00ff00"}]}"##;
    let color = async |page| {
        let mut order = order(PictureFormat::Png, state);
        order.page = page;
        let (bytes, _) = draw(order).await?;
        Ok::<_, RenderError>(image::load_from_memory(&bytes).expect("a PNG").to_rgb8().get_pixel(50, 25).0)
    };
    assert_eq!(color(None).await.unwrap(), [0, 255, 0]);
    assert_eq!(color(Some(0)).await.unwrap(), [255, 0, 0]);
    assert!(matches!(color(Some(2)).await, Err(RenderError::Broken(_))));
}

#[tokio::test]
async fn e16_a_pdf_has_a_page_for_each_of_the_board_and_tells_how_far_it_is() {
    let heard = Mutex::new(Vec::new());
    let picture = renderer()
        .render(order(PictureFormat::Pdf, fixture("backgrounds")), |percent| heard.lock().unwrap().push(percent))
        .await
        .expect("a PDF");
    let text = String::from_utf8_lossy(&std::fs::read(&picture.file).unwrap()).into_owned();
    assert!(text.contains("/Count 10"), "ten pages");
    let heard = heard.into_inner().unwrap();
    assert_eq!(heard, [10, 20, 30, 40, 50, 60, 70, 80, 90, 99]);
    // 640 by 300 pixels of CSS are 480 by 225 points.
    assert!(text.contains("/MediaBox[0 0 480 225]"), "{:?}", text.find("MediaBox").map(|at| &text[at..at + 40]));
}

#[tokio::test]
async fn e16_text_in_a_pdf_is_text_with_its_fonts() {
    let (bytes, _) = draw(order(PictureFormat::Pdf, fixture("texts"))).await.expect("a PDF");
    let text = String::from_utf8_lossy(&bytes);
    for font in ["LiberationSans", "LiberationSans-Bold", "LiberationSerif", "LiberationMono-Bold", "DejaVuSans"] {
        assert!(text.contains(&format!("+{font}")), "a subset of {font}");
    }
    assert!(text.contains("/ToUnicode"));
    assert!(bytes.len() < 200_000, "only the letters that are used: {}", bytes.len());
}

#[tokio::test]
async fn e17_a_thumbnail_is_small() {
    for name in ["pens", "eraser", "texts", "images", "shapes", "legacy"] {
        let (bytes, _) = draw(order(PictureFormat::Thumbnail, fixture(name))).await.expect("a thumbnail");
        let (width, height) = size(&bytes);
        assert!(width.max(height) == 320 && bytes.len() <= 20 * 1024, "{name}: {width} x {height}, {}", bytes.len());
    }
    let mut large = order(PictureFormat::Thumbnail, fixture("pens"));
    large.longest_side = Some(160);
    assert_eq!(size(&draw(large).await.expect("a thumbnail").0), (160, 90));
}

#[tokio::test]
async fn e4_an_svg_is_a_file_of_its_own_and_runs_nothing() {
    let (bytes, _) = draw(order(PictureFormat::Svg, fixture("images"))).await.expect("an SVG");
    let text = String::from_utf8(bytes).expect("UTF-8");
    let document = roxmltree::Document::parse(&text).expect("well-formed");
    let mut images = 0;
    for node in document.descendants().filter(roxmltree::Node::is_element) {
        assert_ne!(node.tag_name().name(), "script");
        for attribute in node.attributes() {
            assert!(!attribute.name().starts_with("on"), "{}", attribute.name());
            if attribute.name() == "href" {
                images += 1;
                assert!(attribute.value().starts_with("data:image/"), "{}", attribute.value());
            }
        }
    }
    assert!(images >= 6, "{images} pictures");
    assert!(!text.contains("passwd") && !text.contains("example.com/"));
    let title = document.root_element().first_element_child().expect("a child");
    assert_eq!((title.tag_name().name(), title.text()), ("title", Some("Урок 5")));
}

#[test]
fn e18_the_stored_pictures_of_a_board_are_found_without_reading_it() {
    let (one, two) = ("0f".repeat(32), "a1".repeat(32));
    let state = format!(
        r#"{{"a":"asset:{one}","b":["asset:{two}","asset:{one}","asset:short","xasset:{two}"],"c":"asset:{}"}}"#,
        "G0".repeat(32)
    );
    assert_eq!(assets_of(state.as_bytes()), [one, two]);
    assert!(assets_of(b"\"asset:").is_empty());
}
