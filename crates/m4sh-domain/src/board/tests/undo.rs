//! Taking back, clearing and locks, rule by rule (SPEC Z).

use super::super::testing::*;
use super::super::*;
use crate::{
    access::{Layer, Visibility},
    ids::{ClientId, UserId},
};

pub(in super::super) const ANNA: UserId = UserId(uuid::Uuid::from_u128(1));
pub(in super::super) const BEN: UserId = UserId(uuid::Uuid::from_u128(2));

const BOARD: &str = r#"{"activePageId":"p","pages":[{"assets":[],"id":"p","strokes":[{"id":"a","n":1},{"id":"b","n":1}]},{"assets":[],"id":"q","strokes":[{"id":"z"}]}]}"#;

pub(in super::super) fn key_of(user: UserId, id: impl ToString) -> BatchKey {
    BatchKey { author: user, client: ClientId(user.0), id: id.to_string().into() }
}

fn say(board: &mut Board, user: UserId, ops: &str) -> Arc<JournalEntry> {
    let ops = Op::parse_list(json(ops)).unwrap();
    match board.submit(key_of(user, board.rev()), ops, Authorship::FULL, at(), false).unwrap() {
        BatchOutcome::Accepted(entry) => entry,
        other => panic!("{other:?}"),
    }
}

pub(in super::super) fn turn(
    board: &mut Board,
    user: UserId,
    way: UndoDirection,
    by: Authorship,
) -> Result<Arc<JournalEntry>, BoardRefusal> {
    let plan = board.plan_undo(user, way, by)?;
    board.apply_undo(key_of(user, format!("{}-{}", way.name(), board.rev())), plan, by, at(), false)
}

fn undo(board: &mut Board, user: UserId) -> Result<String, BoardRefusal> {
    turn(board, user, UndoDirection::Undo, Authorship::FULL).map(|entry| String::from_utf8(entry.ops.to_vec()).unwrap())
}

fn redo(board: &mut Board, user: UserId) -> Result<String, BoardRefusal> {
    turn(board, user, UndoDirection::Redo, Authorship::FULL).map(|entry| String::from_utf8(entry.ops.to_vec()).unwrap())
}

#[test]
fn z1_an_undo_is_a_batch_that_leads_back_and_a_redo_leads_there_again() {
    for ops in [
        r#"[{"op":"add","kind":"shape","page_id":"q","value":{"id":"s","x":[1]}}]"#,
        r#"[{"op":"update","kind":"stroke","id":"a","patch":{"n":2,"c":"red"}}]"#,
        r#"[{"op":"remove","kind":"stroke","id":"b"}]"#,
        r#"[{"op":"add","kind":"page","value":{"id":"r","strokes":[{"id":"1"}]}}]"#,
        r#"[{"op":"remove","kind":"page","id":"q"}]"#,
        r#"[{"op":"update","kind":"page","id":"q","patch":{"name":"N","n":{"m":1}}}]"#,
        r#"[{"op":"add","kind":"meta","value":{"a":1,"b":[2]}}]"#,
        r#"[{"op":"add","kind":"stroke","value":{"id":"c","n":0}},{"op":"update","kind":"stroke","id":"c","patch":{"n":5}},{"op":"remove","kind":"stroke","id":"b"},{"op":"add","kind":"meta","value":{"a":1}},{"op":"remove","kind":"meta","id":"a"}]"#,
    ] {
        let mut board = board(BOARD);
        let before = board.state();
        say(&mut board, ANNA, ops);
        let after = board.state();
        let entry = turn(&mut board, ANNA, UndoDirection::Undo, Authorship::FULL).unwrap();
        assert_eq!((entry.kind, entry.rev), (BatchKind::Undo(Rev(1)), Rev(2)));
        // Of what was there nothing is missing; a list or `meta` that the batch made stays, empty.
        let undone = board.state().replace(r#","shapes":[]"#, "").replace(r#""meta":{},"#, "");
        assert_eq!(undone, before, "{ops}");
        assert_eq!(
            turn(&mut board, ANNA, UndoDirection::Redo, Authorship::FULL).unwrap().kind,
            BatchKind::Redo(Rev(2))
        );
        assert_eq!(board.state(), after, "{ops}");
        undo(&mut board, ANNA).unwrap();
        assert_eq!(undo(&mut board, ANNA), Err(BoardRefusal::NothingToUndo));
    }
}

#[test]
fn z2_what_somebody_else_did_since_stays() {
    let mut board = board(BOARD);
    say(
        &mut board,
        ANNA,
        r#"[{"op":"add","kind":"stroke","value":{"id":"c"}},{"op":"add","kind":"stroke","value":{"id":"d"}}]"#,
    );
    say(&mut board, BEN, r#"[{"op":"update","kind":"stroke","id":"c","patch":{"note":"mine, too"}}]"#);
    assert_eq!(undo(&mut board, ANNA).unwrap(), r#"[{"id":"d","kind":"stroke","op":"remove","page_id":"p"}]"#);
    assert!(board.state().contains("mine, too"));

    say(&mut board, ANNA, r#"[{"op":"update","kind":"stroke","id":"a","patch":{"n":2,"m":2,"k":2}}]"#);
    say(&mut board, BEN, r#"[{"op":"update","kind":"stroke","id":"a","patch":{"m":3}}]"#);
    let back = undo(&mut board, ANNA).unwrap();
    assert_eq!(back, r#"[{"id":"a","kind":"stroke","op":"update","page_id":"p","patch":{"n":1},"unset":["k"]}]"#);
    assert!(board.state().contains(r#"{"id":"a","m":3,"n":1}"#));

    say(&mut board, ANNA, r#"[{"op":"remove","kind":"stroke","id":"b"}]"#);
    say(&mut board, BEN, r#"[{"op":"add","kind":"stroke","value":{"id":"b","is":"Ben's"}}]"#);
    assert_eq!(undo(&mut board, ANNA), Err(BoardRefusal::UndoConflict));
    assert!(board.state().contains(r#"{"id":"b","is":"Ben's"}"#));
}

#[test]
fn z2_a_page_comes_back_whole_and_goes_only_when_nobody_else_used_it() {
    let mut board = board(BOARD);
    say(&mut board, ANNA, r#"[{"op":"add","kind":"page","value":{"id":"r"}}]"#);
    say(&mut board, BEN, r#"[{"op":"add","kind":"stroke","page_id":"r","value":{"id":"b1"}}]"#);
    assert_eq!(undo(&mut board, ANNA), Err(BoardRefusal::UndoConflict));
    assert!(board.state().contains("b1"));
    say(&mut board, ANNA, r#"[{"op":"remove","kind":"page","id":"q"}]"#);
    say(&mut board, BEN, r#"[{"op":"add","kind":"page","value":{"id":"q","strokes":[{"id":"new"}]}}]"#);
    assert_eq!(undo(&mut board, ANNA), Err(BoardRefusal::UndoConflict), "a page that is there again is another one");
    assert!(!board.state().contains(r#"{"id":"z"}"#));
}

#[test]
fn z3_what_has_nothing_left_is_dropped_and_the_one_before_comes_next() {
    let mut board = board(BOARD);
    say(&mut board, ANNA, r#"[{"op":"add","kind":"stroke","value":{"id":"c"}}]"#);
    say(&mut board, ANNA, r#"[{"op":"add","kind":"stroke","value":{"id":"d"}}]"#);
    say(&mut board, BEN, r#"[{"op":"remove","kind":"stroke","id":"d"}]"#);
    let rev = board.rev();
    assert_eq!(undo(&mut board, ANNA), Err(BoardRefusal::UndoConflict));
    assert_eq!(board.rev(), rev, "nothing happened");
    assert!(undo(&mut board, ANNA).unwrap().contains(r#""id":"c""#));
    assert_eq!(undo(&mut board, UserId(uuid::Uuid::from_u128(9))), Err(BoardRefusal::NothingToUndo));
}

#[test]
fn z1_a_new_edit_leaves_nothing_to_redo() {
    let mut board = board(BOARD);
    say(&mut board, ANNA, r#"[{"op":"add","kind":"stroke","value":{"id":"c"}}]"#);
    undo(&mut board, ANNA).unwrap();
    say(&mut board, BEN, r#"[{"op":"add","kind":"stroke","value":{"id":"b1"}}]"#);
    let mut other = Board::new(board.document().clone(), board.rev());
    other.restore_undo([(ANNA, Rev(2), BatchKind::Undo(Rev(1)), Some(Bytes::new()))]);
    assert_eq!(other.plan_undo(ANNA, UndoDirection::Redo, Authorship::FULL), Err(BoardRefusal::UndoTooLarge));
    say(&mut board, ANNA, r#"[{"op":"add","kind":"stroke","value":{"id":"d"}}]"#);
    assert_eq!(redo(&mut board, ANNA), Err(BoardRefusal::NothingToUndo));
}

#[test]
fn z5_what_is_too_much_to_keep_says_so_and_the_one_before_comes_next() {
    let mut board = board(BOARD);
    say(&mut board, ANNA, r#"[{"op":"add","kind":"stroke","value":{"id":"c"}}]"#);
    let much = "x".repeat(limits::UNDO_BATCH_BYTES + 1);
    say(&mut board, BEN, &format!(r#"[{{"op":"add","kind":"stroke","value":{{"id":"m","t":"{much}"}}}}]"#));
    let removed = say(&mut board, ANNA, r#"[{"op":"remove","kind":"stroke","id":"m"}]"#);
    assert_eq!(removed.inverse.as_deref(), Some(&b""[..]));
    assert_eq!(undo(&mut board, ANNA), Err(BoardRefusal::UndoTooLarge));
    assert!(undo(&mut board, ANNA).is_ok());
    // What is large is still undone when its way back is short.
    assert_eq!(undo(&mut board, BEN), Err(BoardRefusal::UndoConflict), "it was removed");
    board.save(r#"{"pages":[{"assets":[],"id":"p","strokes":[]}]}"#).unwrap();
    assert_eq!(
        undo(&mut board, UserId(uuid::Uuid::nil())),
        Err(BoardRefusal::NothingToUndo),
        "a whole save is restored, not undone"
    );
}

#[test]
fn z6_a_clear_is_one_short_change_and_comes_back_on_top_of_what_is_there() {
    let mut board = board(BOARD);
    let cleared = board.clear(key_of(ANNA, "c"), Some("p"), Authorship::FULL, at(), false).unwrap();
    assert_eq!((cleared.kind, board.state().contains(r#""id":"a""#)), (BatchKind::Clear(2), false));
    assert!(board.state().contains(r#""id":"z""#), "another page stays");
    assert!(cleared.ops.len() < 200, "whatever it took: {:?}", cleared.ops);
    assert_eq!(undo(&mut board, ANNA), Err(BoardRefusal::UndoTooLarge));
    assert_eq!(
        board.clear(key_of(ANNA, "d"), Some("p"), Authorship::FULL, at(), false),
        Err(BoardRefusal::NothingToClear)
    );
    assert!(board.clear(key_of(ANNA, "d"), Some("x"), Authorship::FULL, at(), false).is_err());
    say(&mut board, BEN, r#"[{"op":"add","kind":"stroke","value":{"id":"a","is":"new"}}]"#);
    let kept = cleared.inverse.clone().unwrap();
    assert_eq!(cleared_page(&kept[..3]).as_deref(), Some("p"));
    let back =
        |board: &mut Board| board.unclear(key_of(BEN, board.rev()), Rev(1), cleared_items(&kept).unwrap(), at(), true);
    assert_eq!(back(&mut board).unwrap().kind, BatchKind::Unclear(Rev(1)));
    assert!(board.state().contains(r#""strokes":[{"id":"a","is":"new"},{"id":"b","n":1}]"#), "{}", board.state());
    assert_eq!(back(&mut board), Err(BoardRefusal::NothingToRestore));
    say(&mut board, ANNA, r#"[{"op":"remove","kind":"page","id":"p"}]"#);
    back(&mut board).unwrap();
    assert!(board.state().contains(r#"{"assets":[],"id":"p","strokes":[{"id":"a","n":1},{"id":"b","n":1}]}"#));
    let digest = board.digest();
    assert_eq!(digest, Board::new(board.document().clone(), Rev(0)).digest());
}

#[test]
fn z6_who_does_not_lead_clears_only_what_is_theirs_to_change() {
    let mut board = board(BOARD);
    let tutor = Authorship { layer: Some(Layer::Tutor), visibility: Visibility::All, bound_by_locks: None };
    let ops = Op::parse_list(json(r#"[{"op":"add","kind":"stroke","value":{"id":"task"}},{"op":"update","kind":"stroke","id":"b","patch":{"locked":true}}]"#)).unwrap();
    board.submit(key_of(BEN, "t"), ops, tutor, at(), false).unwrap();
    let pupil = Authorship { layer: None, visibility: Visibility::Own(ANNA), bound_by_locks: Some(ANNA) };
    let all = board.clear(key_of(ANNA, "c"), None, pupil, at(), false).unwrap();
    assert_eq!((all.kind, board.document().page_count()), (BatchKind::Clear(2), 2));
    assert!(board.state().contains(r#""strokes":[{"id":"b","locked":true,"n":1},{"id":"task"}]"#), "{}", board.state());
    let taken = board.clear(key_of(BEN, "c"), None, tutor, at(), false).unwrap();
    assert_eq!(taken.kind, BatchKind::Clear(2));
    board
        .unclear(key_of(BEN, "u"), Rev(3), cleared_items(&taken.inverse.clone().unwrap()).unwrap(), at(), false)
        .unwrap();
    assert_eq!(
        board.clear(key_of(ANNA, "d"), None, pupil, at(), false),
        Err(BoardRefusal::NothingToClear),
        "on its layer, and locked"
    );
}

#[test]
fn z9_a_locked_item_is_changed_by_those_who_lead_and_whoever_locked_it() {
    let mut board = board(BOARD);
    let own = format!(r#"[{{"op":"update","kind":"stroke","id":"b","patch":{{"locked":true,"lockedBy":"{ANNA}"}}}}]"#);
    say(&mut board, ANNA, r#"[{"op":"update","kind":"stroke","id":"a","patch":{"locked":true}}]"#);
    let as_pupil = |board: &mut Board, user: UserId, ops: &str| {
        let by = Authorship { layer: None, visibility: Visibility::Own(user), bound_by_locks: Some(user) };
        board.submit(key_of(user, format!("{}{ops}", board.rev())), Op::parse_list(json(ops)).unwrap(), by, at(), false)
    };
    let locked = |index| Err(BoardRefusal::Locked { index: Some(index) });
    for ops in [
        r#"[{"op":"update","kind":"stroke","id":"a","patch":{"n":9}}]"#,
        r#"[{"op":"update","kind":"stroke","id":"a","patch":{"locked":false}}]"#,
        r#"[{"op":"remove","kind":"stroke","id":"a"}]"#,
        r#"[{"op":"remove","kind":"page","id":"p"}]"#,
        r#"[{"op":"update","kind":"stroke","id":"b","patch":{"locked":true}}]"#,
        r#"[{"op":"add","kind":"stroke","value":{"id":"c","locked":true,"lockedBy":"x"}}]"#,
    ] {
        assert_eq!(as_pupil(&mut board, ANNA, ops), locked(0), "{ops}");
    }
    as_pupil(&mut board, ANNA, &own).unwrap();
    assert_eq!(as_pupil(&mut board, BEN, r#"[{"op":"update","kind":"stroke","id":"b","patch":{"n":3}}]"#), locked(0));
    as_pupil(&mut board, ANNA, r#"[{"op":"update","kind":"stroke","id":"b","patch":{"n":3}},{"op":"update","kind":"stroke","id":"b","patch":{"locked":false}}]"#).unwrap();
    as_pupil(&mut board, BEN, r#"[{"op":"update","kind":"stroke","id":"b","patch":{"n":4}}]"#).unwrap();
    // A whole state, and an undo.
    let pupil = Authorship { layer: None, visibility: Visibility::Own(BEN), bound_by_locks: Some(BEN) };
    for (from, to) in
        [(r#"{"id":"a","locked":true,"n":1}"#, r#"{"id":"a","n":1}"#), (r#"{"id":"z"}"#, r#"{"id":"z","locked":true}"#)]
    {
        let state = json(&board.state().replace(from, to));
        assert_eq!(
            board.replace(key_of(BEN, "s"), state, pupil, at()),
            Err(BoardRefusal::Locked { index: None }),
            "{to}"
        );
    }
    say(&mut board, ANNA, r#"[{"op":"update","kind":"stroke","id":"b","patch":{"locked":true}}]"#);
    assert_eq!(turn(&mut board, BEN, UndoDirection::Undo, pupil), Err(BoardRefusal::Locked { index: None }));
    say(&mut board, ANNA, r#"[{"op":"update","kind":"stroke","id":"b","patch":{"locked":false}}]"#);
    assert!(turn(&mut board, BEN, UndoDirection::Undo, pupil).is_ok(), "it was not forgotten");
}

#[test]
fn z2_what_is_taken_back_lies_where_it_lay() {
    let mut board = board(BOARD);
    let hidden =
        Authorship { layer: Some(Layer::Private(ANNA)), visibility: Visibility::Own(ANNA), bound_by_locks: Some(ANNA) };
    let ops = |text: &str| Op::parse_list(json(text)).unwrap();
    board
        .submit(key_of(ANNA, 1), ops(r#"[{"op":"add","kind":"stroke","value":{"id":"h"}}]"#), hidden, at(), false)
        .unwrap();
    let tutor = Authorship { layer: Some(Layer::Tutor), visibility: Visibility::All, bound_by_locks: None };
    board.submit(key_of(BEN, 2), ops(r#"[{"op":"remove","kind":"page","id":"p"}]"#), tutor, at(), false).unwrap();
    let entry = turn(&mut board, BEN, UndoDirection::Undo, tutor).unwrap();
    assert!(board.document().visible_to(Visibility::Public).item("p", ItemKind::Stroke, "a").is_some());
    assert!(
        board.document().visible_to(Visibility::Own(BEN)).item("p", ItemKind::Stroke, "h").is_none(),
        "still hers alone"
    );
    assert!(board.document().visible_to(Visibility::Own(ANNA)).item("p", ItemKind::Stroke, "h").is_some());
    assert!(!String::from_utf8(entry.ops_visible_to(Visibility::Public).to_vec()).unwrap().contains(r#""h""#));
    // What was everybody's and is taken back while work is hidden appears before nobody.
    board
        .submit(
            key_of(ANNA, 3),
            ops(r#"[{"op":"remove","kind":"stroke","id":"a","page_id":"p"}]"#),
            Authorship { bound_by_locks: None, ..Authorship::FULL },
            at(),
            false,
        )
        .unwrap();
    turn(&mut board, ANNA, UndoDirection::Undo, hidden).unwrap();
    assert!(board.document().visible_to(Visibility::Public).item("p", ItemKind::Stroke, "a").is_none());
}
