//! What a page becomes: every era's shape, what makes no sense, and that any JSON at all becomes well-formed SVG.

use proptest::prelude::*;

use super::*;
use crate::{
    PictureFormat,
    draw::{RenderTask, draw},
};
use m4sh_domain::json::{Bounds, Value};

fn board(text: &str) -> BoardScene {
    BoardScene::read(text.as_bytes()).unwrap()
}

#[test]
fn e2_every_era_of_boards_has_its_pages_and_an_open_one() {
    for (state, pages, open) in [
        ("{}", 1, 0),
        ("[]", 1, 0),
        (r#"{"pages":[]}"#, 1, 0),
        (r#"{"strokes":[],"assets":[]}"#, 1, 0),
        (r#"{"pages":[{"id":"a"},{"id":"b"}],"activePageId":"b"}"#, 2, 1),
        (r#"{"pages":[{},{},{}],"currentPageIndex":2}"#, 3, 2),
        (r#"{"pages":[{},{}],"currentPageIndex":9,"activePageId":"gone"}"#, 2, 0),
        (r#"{"pages":[{"id":"a"},{"id":"b"}],"activePageId":"b","currentPageIndex":0}"#, 2, 1),
        (r#"{"pages":[{},{}],"currentPageIndex":-1}"#, 2, 0),
    ] {
        let board = board(state);
        assert_eq!((board.pages(), board.open_page()), (pages, open), "{state}");
    }
    assert_eq!(board(r#"{"strokes":[{"tool":"pen","points":[{"x":1,"y":2}]}]}"#).page(0).ink.len(), 1);
}

#[test]
fn e1_what_cannot_be_read_is_left_out_and_the_rest_is_there() {
    let board = board(
        r#"{"pages":[{"strokes":[null,7,{"tool":"pen"},{"tool":"pen","points":[{"x":1e308,"y":0},{"x":5,"y":5,"new":1}]},
        {"tool":"laser","points":[{"x":1,"y":1}]}],"shapes":7,"texts":[{"text":"no place"}],"assets":[{"x":1}]}]}"#,
    );
    let page = board.page(0);
    assert_eq!((page.ink.len(), page.texts.len(), page.assets.len()), (1, 0, 0));
    let Primitive::Pen { samples, .. } = &page.ink[0].form else { panic!("a pen") };
    assert_eq!(samples.len(), 1);
}

#[test]
fn e6_composites_are_the_canvas_own_names() {
    let blend = |tool: &str, composite: &str| {
        let state =
            format!(r#"{{"strokes":[{{"tool":"{tool}","composite":"{composite}","points":[{{"x":1,"y":1}}]}}]}}"#);
        board(&state).page(0).ink[0].blend
    };
    assert_eq!(blend("pen", "source-over"), Blend::Over);
    assert_eq!(blend("pen", "destination-out"), Blend::Erase);
    assert_eq!(blend("eraser", "source-over"), Blend::Erase);
    assert_eq!(blend("highlighter", "source-over"), Blend::Mix("multiply"));
    assert_eq!(blend("pen", "color-burn"), Blend::Mix("color-burn"));
    assert_eq!(blend("pen", "url(evil)"), Blend::Over);
}

#[test]
fn e4_colours_are_those_of_css() {
    for (text, expected) in [
        ("#abc", Some((0xaa, 0xbb, 0xcc, 255))),
        ("#11223380", Some((0x11, 0x22, 0x33, 0x80))),
        ("RebeccaPurple", Some((0x66, 0x33, 0x99, 255))),
        ("rgba(1, 2, 3, 0.5)", Some((1, 2, 3, 128))),
        ("hsl(120, 100%, 50%)", Some((0, 255, 0, 255))),
        ("transparent", Some((0, 0, 0, 0))),
        ("url(#x)", None),
        ("red;}", None),
    ] {
        let read = color::parse(text).map(|color| (color.red, color.green, color.blue, color.alpha));
        assert_eq!(read, expected, "{text}");
    }
}

#[test]
fn e11_nothing_is_fetched() {
    assert_eq!(asset::source("https://example.com/a/b.png?x=1#y"), ImageSource::Elsewhere(Some("b.png")));
    assert_eq!(asset::source("file:///etc/passwd"), ImageSource::Elsewhere(Some("passwd")));
    assert_eq!(asset::source("asset:ab"), ImageSource::Stored("ab"));
    assert!(matches!(asset::source("DATA:image/png;base64,AA"), ImageSource::Data(_)));
}

/// A JSON value that often has the words of boards in it.
fn any_value() -> impl Strategy<Value = Value> {
    let words = prop::sample::select(vec![
        "pen",
        "eraser",
        "highlighter",
        "text",
        "note",
        "sticky",
        "rectangle",
        "circle",
        "arrow",
        "line",
        "grid",
        "dots",
        "graph",
        "ruled",
        "multiply",
        "destination-out",
        "image",
        "svg",
        "data:image/svg+xml,<svg/>",
        "data:,x",
        "#fff",
        "https://x.y/z",
        "їжак & <b>",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3000i64..3000).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        words.prop_map(Value::from),
        ".{0,8}".prop_map(|text| Value::from(text.replace('\0', ""))),
    ];
    let keys = prop::sample::select(vec![
        "pages",
        "strokes",
        "shapes",
        "texts",
        "assets",
        "background",
        "points",
        "x",
        "y",
        "pressure",
        "tool",
        "type",
        "color",
        "size",
        "opacity",
        "composite",
        "text",
        "fontSize",
        "width",
        "height",
        "radius",
        "src",
        "rotation",
        "startX",
        "startY",
        "endX",
        "endY",
        "zIndex",
        "gridSize",
        "image",
        "fill",
        "textAlign",
    ]);
    leaf.prop_recursive(6, 120, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::vec((keys.clone().prop_map(str::to_owned), inner), 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// A state whose lists hold such values.
fn any_state() -> impl Strategy<Value = Value> {
    let list = || prop::collection::vec(any_value(), 0..5).prop_map(Value::from);
    (list(), list(), list(), list(), any_value()).prop_map(|(strokes, shapes, texts, assets, background)| {
        let members = [
            ("strokes", strokes),
            ("shapes", shapes),
            ("texts", texts),
            ("assets", assets),
            ("background", background),
        ];
        Value::Object(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn e1_any_json_becomes_well_formed_svg(state in prop_oneof![any_value(), any_state()]) {
        let state = state.to_canonical();
        prop_assume!(Value::parse(&state, Bounds::default()).is_ok());
        let task = RenderTask {
            format: PictureFormat::Svg, page: None, longest_side: None, title: "<&>", state: &state, images: Vec::new(),
        };
        let mut svg = Vec::new();
        draw(&task, &mut svg, |_, _| {}).unwrap();
        let text = String::from_utf8(svg).unwrap();
        let tree = resvg::usvg::Tree::from_str(&text, &resvg::usvg::Options::default());
        prop_assert!(tree.is_ok(), "{tree:?}: {text}");
    }
}
