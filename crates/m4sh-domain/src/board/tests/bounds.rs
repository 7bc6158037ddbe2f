//! What a board may take, and that it gives room back: rules D5, D19.

use super::super::{testing::*, *};
use super::with_strokes;

#[test]
fn d5_a_board_takes_its_bytes_and_no_more_and_may_always_shrink() {
    let overhead = with_strokes(r#"{"id":"a","t":""}"#).len();
    let full = with_strokes(&format!(r#"{{"id":"a","t":"{}"}}"#, "x".repeat(limits::BOARD_BYTES - overhead)));
    let mut board = board(&full);
    assert_eq!(board.document().byte_len(), limits::BOARD_BYTES);
    let refusal = board.say(r#"[{"op":"add","kind":"stroke","value":{"id":"b"}}]"#).unwrap_err();
    assert_eq!(refusal, BoardRefusal::BoardTooLarge { got: limits::BOARD_BYTES + 11, limit: limits::BOARD_BYTES });
    assert_eq!(refusal.code().name(), "board_too_large");
    board.say(r#"[{"op":"update","kind":"stroke","id":"a","patch":{"t":1}},{"op":"add","kind":"stroke","value":{"id":"b"}}]"#).unwrap();
}

#[test]
fn d5_a_board_takes_its_pages_and_no_more() {
    let mut board = board("{}");
    let mut last = Ok(BatchOutcome::Unchanged);
    for page in 0..limits::BOARD_PAGES {
        assert!(last.is_ok(), "{page}");
        last = board.say(&format!(r#"[{{"op":"add","kind":"page","value":{{"id":"{page}"}}}}]"#));
    }
    assert_eq!(last, Err(BoardRefusal::TooManyPages { limit: limits::BOARD_PAGES }));
    assert_eq!(board.document().page_count() as usize, limits::BOARD_PAGES);
}

#[test]
fn d5_one_batch_writes_at_most_as_much_as_a_whole_board() {
    let mut board = board(&with_strokes(&format!(r#"{{"id":"a","t":"{}"}}"#, "x".repeat(limits::BOARD_BYTES / 4))));
    let merges = |count: usize| {
        let ops: Vec<_> =
            (0..count).map(|n| format!(r#"{{"op":"update","kind":"stroke","id":"a","patch":{{"n":{n}}}}}"#)).collect();
        format!("[{}]", ops.join(","))
    };
    board.say(&merges(3)).unwrap();
    assert!(matches!(board.say(&merges(4)), Err(BoardRefusal::BoardTooLarge { .. })));
    assert!(board.state().contains(r#""n":2"#));
}

#[test]
fn d19_a_list_that_loses_most_of_its_items_gives_their_room_back_and_keeps_its_text() {
    let mut board = board("{}");
    for round in 0..4 {
        for n in 0..300 {
            board.say(&format!(r#"[{{"op":"add","kind":"stroke","value":{{"id":"{round}-{n}"}}}}]"#)).unwrap();
        }
        for n in 0..299 {
            board.say(&format!(r#"[{{"op":"remove","kind":"stroke","id":"{round}-{n}"}}]"#)).unwrap();
            assert_eq!(board.digest(), Board::new(board.document().clone(), Rev(0)).digest());
        }
    }
    let strokes = board.document().page(0).unwrap().members().unwrap().get("strokes").unwrap().list().unwrap();
    assert_eq!(strokes.len(), 4);
    assert!(strokes.capacity() < 200, "{}", strokes.capacity());
    assert!(board.state().contains(r#"[{"id":"0-299"},{"id":"1-299"},{"id":"2-299"},{"id":"3-299"}]"#));
}
