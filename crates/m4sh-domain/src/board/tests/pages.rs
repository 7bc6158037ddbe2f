//! Which page an operation goes to, what pages and `meta` take, and what is made normal before: rules D11 to D14.

use super::super::testing::*;
use super::ONE_PAGE;

#[test]
fn d11_an_operation_goes_to_its_page_else_its_values_page_else_the_active_page() {
    let mut board = board(
        r#"{"activePageId":"p2","pages":[{"assets":[],"id":"p1","strokes":[]},{"assets":[],"id":"p2","strokes":[]},{"assets":[],"id":"3","strokes":[]}]}"#,
    );
    let outcome = board
        .say(
            r#"[{"op":"add","kind":"stroke","page_id":" p1 ","value":{"id":"s1","page_id":"p2"}},
                {"op":"add","kind":"stroke","page_id":" ","value":{"id":"s2","page_id":3}},
                {"op":"add","kind":"stroke","page_id":null,"value":{"id":"s3","page_id":null}}]"#,
        )
        .unwrap();
    assert_eq!(
        board.state(),
        r#"{"activePageId":"p2","pages":[{"assets":[],"id":"p1","strokes":[{"id":"s1","page_id":"p2"}]},{"assets":[],"id":"p2","strokes":[{"id":"s3","page_id":null}]},{"assets":[],"id":"3","strokes":[{"id":"s2","page_id":3}]}]}"#
    );
    assert_eq!(
        effective(&outcome),
        r#"[{"kind":"stroke","op":"add","page_id":"p1","value":{"id":"s1","page_id":"p2"}},{"kind":"stroke","op":"add","page_id":"3","value":{"id":"s2","page_id":3}},{"kind":"stroke","op":"add","page_id":"p2","value":{"id":"s3","page_id":null}}]"#
    );
}

#[test]
fn d11_without_an_active_page_the_current_page_index_names_it_and_else_the_first() {
    let pages = r#"[{"id":"p1"},{"id":"p2"},{"id":"p3"}]"#;
    for (index, page) in
        [("1", "p2"), ("2", "p3"), ("3", "p1"), ("-1", "p1"), ("1.0", "p1"), ("\"1\"", "p1"), ("null", "p1")]
    {
        let mut board = board(&format!(r#"{{"currentPageIndex":{index},"pages":{pages}}}"#));
        let outcome = board.say(r#"[{"op":"add","kind":"text","value":{"id":"t"}}]"#).unwrap();
        assert_eq!(
            effective(&outcome),
            format!(r#"[{{"kind":"text","op":"add","page_id":"{page}","value":{{"id":"t"}}}}]"#)
        );
        assert!(board.state().starts_with(&format!(r#"{{"activePageId":"{page}""#)));
    }
}

#[test]
fn d11_an_unknown_page_is_refused_with_the_operations_index() {
    let mut board = board(ONE_PAGE);
    let ok = r#"{"op":"remove","kind":"stroke","id":"a"}"#;
    for bad in [
        r#"{"op":"remove","kind":"stroke","id":"b","page_id":"p9"}"#,
        r#"{"op":"add","kind":"asset","value":{"id":"x","page_id":"p9"}}"#,
        r#"{"op":"update","kind":"page","id":"p9","patch":{"name":"x"}}"#,
        r#"{"op":"remove","kind":"page","id":"p9"}"#,
    ] {
        assert_eq!(refused(board.say(&format!("[{ok},{bad}]"))), (1, "there is no such page".to_owned()));
    }
    let mut dangling = crate::board::testing::board(r#"{"activePageId":"gone","pages":[{"id":"p1"}]}"#);
    assert_eq!(refused(dangling.say(&format!("[{ok}]"))).0, 0);
}

#[test]
fn d14_meta_is_merged_and_removing_what_it_lacks_is_nothing() {
    let mut board = board(r#"{"activePageId":"p","meta":null,"pages":[{"assets":[],"id":"p","strokes":[]}]}"#);
    board.say(r#"[{"op":"add","kind":"meta","value":{"b":1,"id":"kept"}},{"op":"update","kind":"meta","id":"any","patch":{"a":{"x":1}},"value":{"c":1}}]"#).unwrap();
    assert!(board.state().contains(r#""meta":{"a":{"x":1},"b":1,"id":"kept"}"#));
    board.say(r#"[{"op":"remove","kind":"meta","id":"b"},{"op":"remove","kind":"meta","id":"b"}]"#).unwrap();
    assert!(board.state().contains(r#""meta":{"a":{"x":1},"id":"kept"}"#));
    assert_eq!(board.rev(), Rev(2));
}

#[test]
fn d13_pages_are_added_renamed_and_removed_but_never_the_last_one() {
    let mut board = board(ONE_PAGE);
    board.say(r#"[{"op":"add","kind":"page","value":{"id":"p2","name":"two","strokes":[{"id":"s"}]}},{"op":"add","kind":"stroke","page_id":"p2","value":{"id":"t"}}]"#).unwrap();
    assert_eq!(board.document().page_count(), 2);
    board.say(r#"[{"op":"update","kind":"page","id":"p2","patch":{"background":{"type":"grid"},"id":"ignored","name":"zwei"}}]"#).unwrap();
    board.say(r#"[{"op":"remove","kind":"page","id":"p1"}]"#).unwrap();
    assert_eq!(
        board.state(),
        r#"{"activePageId":"p2","pages":[{"assets":[],"background":{"type":"grid"},"id":"p2","name":"zwei","strokes":[{"id":"s"},{"id":"t"}]}]}"#
    );
    for ops in [
        r#"[{"op":"remove","kind":"page","id":"p2"}]"#,
        r#"[{"op":"add","kind":"page","value":{"id":"p2"}}]"#,
        r#"[{"op":"add","kind":"page","value":{"name":"no id"}}]"#,
        r#"[{"op":"update","kind":"page","id":"p2","patch":{"strokes":[]}}]"#,
        r#"[{"op":"update","kind":"page","id":"p2","patch":{"texts":[]}}]"#,
        r#"[{"op":"update","kind":"page","id":"p2","patch":{}}]"#,
    ] {
        refused(board.say(ops));
    }
    board.say(r#"[{"op":"add","kind":"page","value":{"id":"p3"}},{"op":"remove","kind":"page","id":"p3"}]"#).unwrap();
    assert!(board.state().contains(r#""activePageId":"p2""#), "only the active page's removal moves it");
}

#[test]
fn d12_a_batch_finds_pages_lists_and_an_active_page_and_only_an_accepted_one_leaves_them() {
    let empty = r#"{"activePageId":"page-1","pages":[{"assets":[],"id":"page-1","strokes":[{"id":"s"}]}]}"#;
    for (text, normal) in [
        ("{}", empty.to_owned()),
        (r#"{"pages":[]}"#, empty.to_owned()),
        (r#"{"pages":[{"strokes":[]}]}"#, empty.to_owned()),
        (r#"{"activePageId":"x","pages":[]}"#, empty.replace("page-1", "x")),
        (r#"{"activePageId":"","pages":[{"id":null}]}"#, empty.to_owned()),
        (
            r#"{"pages":[{"name":"x"},{"id":"page-1"},null,{"id":"  "}]}"#,
            r#"{"activePageId":"page-2","pages":[{"assets":[],"id":"page-2","name":"x","strokes":[{"id":"s"}]},{"assets":[],"id":"page-1","strokes":[]},null,{"assets":[],"id":"page-3","strokes":[]}]}"#.to_owned(),
        ),
    ] {
        let mut board = board(text);
        refused(board.say(r#"[{"op":"remove","kind":"stroke","id":"nobody"}]"#));
        assert_eq!(board.state(), text);
        board.say(r#"[{"op":"add","kind":"stroke","value":{"id":"s"}}]"#).unwrap();
        assert_eq!(board.state(), normal);
    }
}

#[test]
fn d12_what_a_whole_save_takes_away_the_next_batch_finds_again() {
    let filler = "x".repeat(500);
    let saved = format!(r#"{{"filler":"{filler}","pages":[{{"id":"p1"}},{{"id":"p2","strokes":[]}}]}}"#);
    let mut board = board(&saved);
    board.say(r#"[{"op":"add","kind":"shape","page_id":"p2","value":{"id":"s"}}]"#).unwrap();
    assert!(board.state().starts_with(r#"{"activePageId":"p1""#));
    let back = board.state().replace(r#""activePageId":"p1","#, "");
    let outcome = board.save(&back).unwrap();
    assert_eq!(
        effective(&outcome),
        r#"[{"kind":"state","op":"update","patch":{}},{"id":"activePageId","kind":"state","op":"remove"}]"#
    );
    assert_eq!(board.state(), back);
    board.say(r#"[{"op":"remove","kind":"shape","page_id":"p2","id":"s"}]"#).unwrap();
    assert!(board.state().starts_with(r#"{"activePageId":"p1""#));
}
