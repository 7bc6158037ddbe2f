//! Which states there are, and what their digests and lengths are: rules D1, D5, D6, D16, D17.

use super::super::{testing::*, *};
use crate::json::Value;

#[test]
fn d1_the_digest_of_a_board_is_that_of_its_canonical_state() {
    let mut board = board(r#"{"pages":[{"id":"p1","strokes":[],"assets":[]}],"activePageId":"p1"}"#);
    assert_eq!(board.digest().to_string(), "6de6df6a45d46a84d9e3627811c469c3dec6520859fb5b3e3641f09398bea689");
    board
        .say(r##"[{"op":"add","kind":"stroke","value":{"id":"stroke-1","points":[{"x":0,"y":0}],"color":"#111"}}]"##)
        .unwrap();
    assert_eq!(board.digest().to_string(), "14c93124111a390c3394be2d40d29b4a8541b23eb526d6847c778889394babd5");
    for falsy in ["null", "[]", "0", "{}"] {
        let digest = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        assert_eq!(testing::board(falsy).digest().to_string(), digest);
    }
}

#[test]
fn d6_every_object_is_a_state_and_survives_as_it_is() {
    for text in [
        r"{}",
        r#"{"pages":[]}"#,
        r#"{"pages":[{"strokes":[]}]}"#,
        r#"{"pages":null}"#,
        r#"{"pages":{"a":[{}]}}"#,
        r#"{"pages":[null,1,"x",[],{}]}"#,
        r#"{"assets":[],"strokes":[{"id":1}]}"#,
        r#"{"pages":[{"id":7,"strokes":null,"texts":{"a":1}},{"id":"","shapes":[null,[],{"id":"a"},{"id":"a"},{"id":{}}]}]}"#,
        r#"{"":{"":[1.0,1,1e+16,123456789012345678901234567890]},"currentPageIndex":0,"pages":[{"":0,"background":{"type":"grid"}}],"zoom":1.0,"\ud83d\ude00":"\u00e9"}"#,
    ] {
        assert_eq!(board(text).state(), text);
    }
}

#[test]
fn d16_a_state_that_is_no_object_or_too_much_is_refused() {
    for text in ["1", "\"x\"", "[1]", "true"] {
        assert!(matches!(Document::from_value(json(text)), Err(BoardRefusal::InvalidState { .. })), "{text}");
    }
    let page = || json("{}");
    let pages = |count: usize| {
        let pages: Vec<Value> = (0..count).map(|_| page()).collect();
        Value::Object([("pages".to_owned(), Value::from(pages))].into_iter().collect())
    };
    assert!(Document::from_value(pages(limits::BOARD_PAGES)).is_ok());
    assert_eq!(
        Document::from_value(pages(limits::BOARD_PAGES + 1)),
        Err(BoardRefusal::TooManyPages { limit: limits::BOARD_PAGES })
    );
    let text = |len: usize| Value::Object([("a".to_owned(), Value::from("x".repeat(len)))].into_iter().collect());
    assert!(Document::from_value(text(limits::BOARD_BYTES - 8)).is_ok());
    assert_eq!(
        Document::from_value(text(limits::BOARD_BYTES - 7)),
        Err(BoardRefusal::BoardTooLarge { got: limits::BOARD_BYTES + 1, limit: limits::BOARD_BYTES })
    );
}

#[test]
fn d17_pages_are_counted_as_at_least_one() {
    for (text, count) in [("{}", 1), (r#"{"pages":[]}"#, 1), (r#"{"pages":7}"#, 1), (r#"{"pages":[{},null,{}]}"#, 3)] {
        assert_eq!(board(text).document().page_count(), count);
    }
}
