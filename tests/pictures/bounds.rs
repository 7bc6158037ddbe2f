//! What must not bring the renderer down: hostile states, and its own bounds, each through the real process.

use std::time::{Duration, Instant};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use m4sh_render::{PictureFormat, RenderError, Renderer};

use super::{draw, order};

/// A board with one picture from this data URL, and a pen beside it.
fn with_picture(url: &str) -> String {
    let pen = r##"{"tool":"pen","color":"#ff0000","size":20,"points":[{"x":300,"y":50}]}"##;
    format!(
        r#"{{"pages":[{{"width":400,"height":100,"strokes":[{pen}],"assets":[{{"type":"image","src":{},"x":0,"y":0,"width":200,"height":100}}]}}]}}"#,
        serde_json::Value::from(url)
    )
}

/// Draws a hostile board; what is not hostile on it must be there.
async fn still_drawn(state: String) {
    let (bytes, _) = draw(order(PictureFormat::Png, state)).await.expect("a picture");
    let pixels = image::load_from_memory(&bytes).expect("a PNG").to_rgb8();
    assert_eq!(pixels.get_pixel(300, 50).0, [255, 0, 0], "the pen beside it is drawn");
}

#[tokio::test]
async fn e19_a_bomb_in_a_picture_is_a_frame_and_the_rest_is_drawn() {
    let laughs = (1..12).fold(String::from("<!DOCTYPE svg [<!ENTITY a0 \"ha\">"), |text, level| {
        format!("{text}<!ENTITY a{level} \"{}\">", format!("&a{};", level - 1).repeat(10))
    }) + "]><svg xmlns=\"http://www.w3.org/2000/svg\"><text>&a11;</text></svg>";
    still_drawn(with_picture(&format!("data:image/svg+xml;base64,{}", STANDARD.encode(laughs)))).await;

    let uses = (1..12).fold(String::from("<g id=\"u0\"><path d=\"M0 0h9v9z\"/></g>"), |text, level| {
        format!("{text}<g id=\"u{level}\">{}</g>", format!("<use href=\"#u{}\"/>", level - 1).repeat(10))
    });
    let uses = format!("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\">{uses}</svg>");
    still_drawn(with_picture(&format!("data:image/svg+xml;base64,{}", STANDARD.encode(uses)))).await;

    let deep = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\">{}{}</svg>",
        "<g opacity=\"0.9\">".repeat(40_000),
        "</g>".repeat(40_000)
    );
    still_drawn(with_picture(&format!("data:image/svg+xml;base64,{}", STANDARD.encode(deep)))).await;
}

#[tokio::test]
async fn e19_a_png_that_claims_to_be_vast_is_a_frame() {
    // A head that says 100,000 by 100,000, and hardly any data.
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\x01\x86\xa0\0\x01\x86\xa0\x08\x06\0\0\0".to_vec();
    let mut crc = flate2::Crc::new();
    crc.update(&png[12..]);
    png.extend(crc.sum().to_be_bytes());
    png.extend(b"\0\0\0\0IDAT\x35\xaf\x06\x1e");
    still_drawn(with_picture(&format!("data:image/png;base64,{}", STANDARD.encode(&png)))).await;
    for broken in
        ["data:image/png;base64,iVBORw0KGgo=", "data:image/jpeg;base64,/9j/4AAQ", "data:image/webp;base64,UklGRg=="]
    {
        still_drawn(with_picture(broken)).await;
    }
}

#[tokio::test]
async fn e19_a_broken_picture_does_not_break_a_pdf() {
    let state = with_picture("data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk");
    let (bytes, _) = draw(order(PictureFormat::Pdf, state)).await.expect("a PDF");
    assert!(bytes.starts_with(b"%PDF"));
}

#[tokio::test]
async fn e1_what_is_no_board_is_refused_with_a_reason() {
    let deep = "[".repeat(10_000) + &"]".repeat(10_000);
    for state in [deep.as_str(), "{\"a\":NaN}", "{", "", "\"\\ud800\""] {
        let refused = draw(order(PictureFormat::Png, state.to_owned())).await;
        assert!(matches!(&refused, Err(RenderError::Broken(why)) if !why.is_empty()), "{refused:?}");
    }
    let large = " ".repeat(16 * 1024 * 1024 + 1);
    assert!(matches!(draw(order(PictureFormat::Png, large)).await, Err(RenderError::TooLarge)));
}

#[tokio::test]
async fn e20_a_board_as_large_as_can_be_is_drawn_or_refused_within_the_bounds() {
    let mut state = String::from("{\"strokes\":[");
    while state.len() < 16 * 1024 * 1024 - 4096 {
        let at = state.len() % 1000;
        let points: String =
            (0..50).map(|step| format!("{{\"x\":{},\"y\":{}}},", (at + step * 7) % 1900, (at * step) % 1000)).collect();
        state += &format!("{{\"tool\":\"pen\",\"points\":[{}]}},", points.trim_end_matches(','));
    }
    state.pop();
    state += "]}";
    // How far it comes depends on the build: it must come to an end, and not by breaking.
    let renderer = super::renderer().within(Duration::from_secs(5));
    let began = Instant::now();
    let drawn = renderer.render(order(PictureFormat::Thumbnail, state), |_| {}).await;
    assert!(matches!(drawn, Ok(_) | Err(RenderError::TimedOut)), "{drawn:?}");
    assert!(began.elapsed() < Duration::from_secs(15));
}

#[tokio::test]
async fn e20_endless_work_ends_with_its_bounds() {
    // Each stroke is a layer of the whole page.
    let mut state = String::from("{\"pages\":[{\"width\":4096,\"height\":4096,\"strokes\":[");
    for _ in 0..20_000 {
        state += "{\"tool\":\"highlighter\",\"size\":900,\"points\":[{\"x\":0,\"y\":0},{\"x\":4096,\"y\":4096}]},";
    }
    state.pop();
    state += "]}]}";
    let renderer = super::renderer().within(Duration::from_secs(2));
    let began = Instant::now();
    let drawn = renderer.render(order(PictureFormat::Png, state), |_| {}).await;
    assert!(matches!(drawn, Err(RenderError::TimedOut)), "{drawn:?}");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test]
async fn e20_a_dropped_order_ends_its_process_and_frees_its_turn() {
    let renderer = Renderer::new(env!("CARGO_BIN_EXE_m4sh").into(), 1);
    let slow = {
        let stroke = "{\"tool\":\"highlighter\",\"size\":900,\"points\":[{\"x\":0,\"y\":0},{\"x\":4096,\"y\":4096}]},";
        let strokes = stroke.repeat(20_000);
        format!("{{\"pages\":[{{\"width\":4096,\"height\":4096,\"strokes\":[{}]}}]}}", strokes.trim_end_matches(','))
    };
    let waited =
        tokio::time::timeout(Duration::from_secs(1), renderer.render(order(PictureFormat::Png, slow), |_| {})).await;
    assert!(waited.is_err(), "it would take long");
    let next = renderer.render(order(PictureFormat::Png, "{}"), |_| {});
    tokio::time::timeout(Duration::from_secs(20), next).await.expect("its turn has come").expect("a picture");
}

#[tokio::test]
async fn e20_a_renderer_that_cannot_start_says_so() {
    let renderer = Renderer::new("/nonexistent/m4sh".into(), 1);
    let failed = renderer.render(order(PictureFormat::Png, "{}"), |_| {}).await;
    assert!(matches!(failed, Err(RenderError::Crashed(_))), "{failed:?}");
}
