//! What happens to items, and that a refused batch happens not at all: rules D4, D8 to D10.

use super::super::testing::*;
use super::{ONE_PAGE, with_strokes};

#[test]
fn d4_a_refused_batch_leaves_the_board_untouched() {
    let mut board = board(
        r#"{"currentPageIndex":0,"pages":[{"strokes":[{"id":"a"},{"id":"b"}]},{"id":"p2","texts":[{"id":"t"}]}]}"#,
    );
    let (before, digest) = (board.state(), board.digest());
    let fine = r#"{"op":"add","kind":"stroke","value":{"id":"new"}},{"op":"remove","kind":"stroke","id":"a"},
        {"op":"update","kind":"stroke","id":"b","patch":{"x":1}},{"op":"add","kind":"shape","value":{"id":"sh"}},
        {"op":"add","kind":"meta","value":{"a":1}},{"op":"add","kind":"page","value":{"id":"p3"}},
        {"op":"update","kind":"page","id":"p3","patch":{"name":"three"}},{"op":"remove","kind":"page","id":"p2"}"#;
    let (index, _) = refused(board.say(&format!(r#"[{fine},{{"op":"remove","kind":"stroke","id":"nobody"}}]"#)));
    assert_eq!(index, 8);
    assert_eq!((board.state(), board.digest(), board.rev()), (before, digest, Rev(0)));
    assert!(board.receipt(&key("nothing")).is_none());
    board.say(&format!("[{fine}]")).unwrap();
    assert_eq!(
        board.state(),
        r#"{"activePageId":"page-1","currentPageIndex":0,"meta":{"a":1},"pages":[{"assets":[],"id":"page-1","shapes":[{"id":"sh"}],"strokes":[{"id":"b","x":1},{"id":"new"}]},{"assets":[],"id":"p3","name":"three","strokes":[]}]}"#
    );
}

#[test]
fn d4_what_is_no_list_or_no_page_is_refused_and_not_touched() {
    for (text, ops) in [
        (r#"{"pages":7}"#, r#"[{"op":"add","kind":"meta","value":{"a":1}}]"#),
        (r#"{"pages":null}"#, r#"[{"op":"add","kind":"stroke","value":{"id":"a"}}]"#),
        (r#"{"pages":[null]}"#, r#"[{"op":"add","kind":"stroke","value":{"id":"a"}}]"#),
        (r#"{"pages":[{"id":{}}]}"#, r#"[{"op":"add","kind":"stroke","value":{"id":"a"}}]"#),
        (r#"{"pages":[{"id":"p","strokes":null}]}"#, r#"[{"op":"add","kind":"stroke","value":{"id":"a"}}]"#),
        (r#"{"pages":[{"id":"p","texts":{}}]}"#, r#"[{"op":"remove","kind":"text","id":"a"}]"#),
        (r#"{"meta":[],"pages":[]}"#, r#"[{"op":"update","kind":"meta","id":"m","patch":{"a":1}}]"#),
        (r#"{"meta":"x","pages":[]}"#, r#"[{"op":"remove","kind":"meta","id":"m"}]"#),
    ] {
        let mut board = board(text);
        refused(board.say(ops));
        assert_eq!(board.state(), text);
    }
}

#[test]
fn d8_an_added_item_comes_last_and_its_id_must_be_new_in_its_list() {
    let mut board = board(ONE_PAGE);
    board.say(r#"[{"op":"add","kind":"stroke","value":{"z":[1.0],"id":" d "}},{"op":"add","kind":"asset","value":{"id":"d"}}]"#).unwrap();
    assert_eq!(
        board.state(),
        r#"{"activePageId":"p1","pages":[{"assets":[{"id":"d"}],"id":"p1","strokes":[{"id":"a","n":1},{"id":"b"},{"id":"c"},{"id":"d","z":[1.0]}]}]}"#
    );
    for ops in [
        r#"[{"op":"add","kind":"stroke","value":{"id":"d"}}]"#,
        r#"[{"op":"add","kind":"stroke","value":{"id":"x"}},{"op":"add","kind":"stroke","value":{"id":"x"}}]"#,
        r#"[{"op":"add","kind":"stroke","value":{}}]"#,
        r#"[{"op":"add","kind":"stroke","value":{"id":""}}]"#,
        r#"[{"op":"add","kind":"stroke","value":{"id":0}}]"#,
        r#"[{"op":"add","kind":"stroke","value":{"id":true}}]"#,
        r#"[{"op":"add","kind":"stroke","value":"text"}]"#,
        r#"[{"op":"add","kind":"stroke","value":[]}]"#,
        r#"[{"op":"add","kind":"page","value":7}]"#,
    ] {
        refused(board.say(ops));
    }
}

#[test]
fn d9_an_update_merges_at_the_top_level_and_never_changes_the_id() {
    let mut board = board(&with_strokes(r#"{"b":{"deep":1},"id":"a","z":"\u00e9"}"#));
    board
        .say(
            r#"[{"op":"update","kind":"stroke","id":"a","patch":{"a":0,"b":{"new":2},"id":"other","m":null,"zz":1}},
                 {"op":"update","kind":"stroke","id":"a","patch":{},"value":{"\u00e9":3}}]"#,
        )
        .unwrap();
    assert_eq!(
        board.state(),
        with_strokes(r#"{"a":0,"b":{"new":2},"id":"a","m":null,"z":"\u00e9","zz":1,"\u00e9":3}"#)
    );
    for ops in [
        r#"[{"op":"update","kind":"stroke","id":"nobody","patch":{"a":1}}]"#,
        r#"[{"op":"update","kind":"stroke","id":"a","patch":{}}]"#,
        r#"[{"op":"update","kind":"stroke","id":"a","patch":"x"}]"#,
        r#"[{"op":"update","kind":"stroke","id":"a","value":[1]}]"#,
        r#"[{"op":"update","kind":"shape","id":"a","patch":{"a":1}}]"#,
    ] {
        refused(board.say(ops));
    }
}

#[test]
fn d10_a_removed_item_is_gone_the_others_keep_their_order_and_a_missing_one_is_refused() {
    let mut board = board(ONE_PAGE);
    board.say(r#"[{"op":"remove","kind":"stroke","id":"b"}]"#).unwrap();
    assert_eq!(board.state(), with_strokes(r#"{"id":"a","n":1},{"id":"c"}"#));
    refused(board.say(r#"[{"op":"remove","kind":"stroke","id":"b"}]"#));
    board.say(r#"[{"op":"remove","kind":"stroke","id":"a"},{"op":"add","kind":"stroke","value":{"id":"a"}}]"#).unwrap();
    assert_eq!(board.state(), with_strokes(r#"{"id":"c"},{"id":"a"}"#));
}

#[test]
fn d10_of_items_with_one_id_the_first_is_meant_and_then_the_next() {
    let mut board = board(&with_strokes(r#"{"id":"a","n":1},{"id":"a","n":2},{"id":"a","n":3},{"id":"b"}"#));
    board.say(r#"[{"op":"update","kind":"stroke","id":"a","patch":{"n":9}}]"#).unwrap();
    board.say(r#"[{"op":"remove","kind":"stroke","id":"a"}]"#).unwrap();
    assert_eq!(board.state(), with_strokes(r#"{"id":"a","n":2},{"id":"a","n":3},{"id":"b"}"#));
    refused(board.say(r#"[{"op":"remove","kind":"stroke","id":"a"},{"op":"remove","kind":"stroke","id":"b"},{"op":"remove","kind":"stroke","id":"x"}]"#));
    board.say(r#"[{"op":"update","kind":"stroke","id":"a","patch":{"n":8}}]"#).unwrap();
    assert_eq!(board.state(), with_strokes(r#"{"id":"a","n":8},{"id":"a","n":3},{"id":"b"}"#));
}
