//! Whole-state saves: rules R13, S10, D15.

use super::super::{testing::*, *};
use super::{ONE_PAGE, with_strokes};

#[test]
fn r13_a_whole_save_says_only_what_changed() {
    let mut board = board(ONE_PAGE);
    let filler = "x".repeat(500);
    board.save(&with_strokes(&format!(r#"{{"id":"a","n":1,"t":"{filler}"}},{{"id":"b"}},{{"id":"c"}}"#))).unwrap();
    let target = format!(
        r#"{{"activePageId":"p1","name":"new","pages":[{{"assets":[],"id":"p1","strokes":[{{"id":"a","n":2,"t":"{filler}"}},{{"id":"c"}},{{"id":"d"}}]}},{{"id":"p2"}}],"zoom":1.5}}"#
    );
    let outcome = board.save(&target).unwrap();
    assert_eq!(
        effective(&outcome),
        r#"[{"kind":"state","op":"update","patch":{"name":"new","zoom":1.5}},{"id":"b","kind":"stroke","op":"remove","page_id":"p1"},{"id":"a","kind":"stroke","op":"update","page_id":"p1","patch":{"n":2}},{"kind":"stroke","op":"add","page_id":"p1","value":{"id":"d"}},{"kind":"page","op":"add","value":{"id":"p2"}}]"#
    );
    assert_eq!(board.state(), target);
    let shorter = target.replace(r#","zoom":1.5"#, "").replace(r#",{"id":"p2"}"#, "");
    let outcome = board.save(&shorter).unwrap();
    assert_eq!(
        effective(&outcome),
        r#"[{"kind":"state","op":"update","patch":{}},{"id":"zoom","kind":"state","op":"remove"},{"id":"p2","kind":"page","op":"remove"}]"#
    );
    assert_eq!(board.state(), shorter);
}

#[test]
fn r13_a_list_in_another_order_is_written_as_a_list_and_the_rest_is_not() {
    let filler = "x".repeat(500);
    let page =
        |strokes: &str| format!(r#"{{"pages":[{{"id":"p1","shapes":[{{"id":"{filler}"}}],"strokes":[{strokes}]}}]}}"#);
    let mut board = board(&page(r#"{"id":"a"},{"id":"b"}"#));
    let outcome = board.save(&page(r#"{"id":"b"},{"id":"a"}"#)).unwrap();
    assert_eq!(
        effective(&outcome),
        r#"[{"kind":"state","op":"update","patch":{}},{"id":"p1","kind":"page","op":"update","patch":{"strokes":[{"id":"b"},{"id":"a"}]}}]"#
    );
    assert_eq!(board.state(), page(r#"{"id":"b"},{"id":"a"}"#));
}

#[test]
fn r13_what_operations_cannot_say_is_saved_as_the_whole_state() {
    let filler = format!(r#""filler":"{}""#, "x".repeat(500));
    let before = format!(r#"{{{filler},"pages":[{{"id":"p1","name":"x"}},{{"id":"p2"}},{{"id":"p2"}},null]}}"#);
    for pages in [
        r#"[{"id":"p1"},{"id":"p2"},{"id":"p2"},null]"#,
        r#"[{"id":"p2"},{"id":"p1","name":"x"}]"#,
        r#"[{"id":"p1","name":"y"},{"id":"p2"},{"id":"p2"},null]"#,
        "null",
    ] {
        let mut board = board(&before);
        let after = format!(r#"{{{filler},"pages":{pages}}}"#);
        let outcome = board.save(&after).unwrap();
        assert_eq!(effective(&outcome), format!(r#"[{{"kind":"state","op":"add","value":{after}}}]"#));
        assert_eq!(board.state(), after);
    }
}

#[test]
fn s10_the_same_state_changes_nothing_except_as_the_boards_first() {
    let mut board = board("{}");
    let BatchOutcome::Accepted(entry) = board.save("{}").unwrap() else { panic!("the first save is a change") };
    assert_eq!((entry.rev, entry.digest), (Rev(1), Some(board.digest())));
    assert_eq!(board.save("null").unwrap(), BatchOutcome::Unchanged);
    assert_eq!(board.rev(), Rev(1));
    assert_eq!(board.since(Rev(0)).unwrap().len(), 1);
}

#[test]
fn d15_the_servers_own_kind_is_refused_from_anybody_else() {
    let mut board = board("{}");
    let ops = vec![Op {
        action: Action::Add,
        kind: OpKind::State,
        id: None,
        page_id: None,
        value: Some(json(r#"{"a":1}"#)),
        patch: None,
        unset: Vec::new(),
        layer: None,
        layers: None,
    }];
    assert_eq!(board.submit(key(1), ops, Authorship::FULL, at(), false).unwrap_err().index(), Some(0));
}
