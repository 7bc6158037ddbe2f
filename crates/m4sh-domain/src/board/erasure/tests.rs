//! Journals with one person's work taken out: they replay, and nothing of that person is left.

use proptest::prelude::*;
use uuid::Uuid;

use super::{AuthorErasure, SharedPages};
use crate::{
    access::Authorship,
    board::{
        BatchKey, BatchOutcome, Board, Document, JournalEntry,
        testing::{json, parse, state},
    },
    ids::{ClientId, Rev, UserId},
};

const ANN: UserId = UserId(Uuid::from_u128(1));
const BOB: UserId = UserId(Uuid::from_u128(2));

const EMPTY: &str = r#"{"activePageId":"p1","pages":[{"assets":[],"id":"p1","strokes":[]}]}"#;

/// A board and its journal.
struct TestJournal {
    board: Board,
    entries: Vec<JournalEntry>,
}

impl TestJournal {
    fn new() -> Self {
        let board = Board::new(Document::from_value(json(EMPTY)).unwrap(), Rev(0));
        Self { board, entries: Vec::new() }
    }

    fn key(&self, author: UserId) -> BatchKey {
        BatchKey { author, client: ClientId(author.0), id: format!("b{}", self.entries.len()).into() }
    }

    fn keep(&mut self, outcome: BatchOutcome) {
        if let BatchOutcome::Accepted(entry) = outcome {
            self.entries.push((*entry).clone());
        }
    }

    fn say(&mut self, author: UserId, ops: &str) {
        let key = self.key(author);
        let outcome =
            self.board.submit(key, parse(ops).unwrap(), Authorship::FULL, jiff::Timestamp::UNIX_EPOCH, true).unwrap();
        self.keep(outcome);
    }

    fn save(&mut self, author: UserId, state: &str) {
        let key = self.key(author);
        let outcome = self.board.replace(key, json(state), Authorship::FULL, jiff::Timestamp::UNIX_EPOCH).unwrap();
        self.keep(outcome);
    }

    /// The journal without a person, and the state that it leads to.
    fn without(&self, author: UserId) -> (Vec<JournalEntry>, String) {
        let mut shared = SharedPages::new(author);
        self.entries.iter().for_each(|entry| shared.look(entry).unwrap());
        let mut walk = AuthorErasure::new(Document::from_value(json(EMPTY)).unwrap(), Rev(0), shared);
        let step = |entry: &JournalEntry| walk.step(entry.clone()).unwrap().unwrap_or_else(|| entry.clone());
        let entries: Vec<_> = self.entries.iter().map(step).collect();
        let after = state(walk.board().document());
        let mut again = Board::new(Document::from_value(json(EMPTY)).unwrap(), Rev(0));
        for entry in &entries {
            again.replay(entry.clone()).unwrap();
            if let Some(digest) = entry.digest {
                assert_eq!(again.digest(), digest);
            }
        }
        assert_eq!(again.state(), after, "what is left replays to what was told");
        (entries, after)
    }
}

fn text(entries: &[JournalEntry]) -> String {
    entries.iter().map(|entry| String::from_utf8(entry.ops.to_vec()).unwrap()).collect()
}

fn add(id: &str, extra: &str) -> String {
    format!(r#"[{{"op":"add","kind":"stroke","page_id":"p1","value":{{"id":"{id}"{extra}}}}}]"#)
}

#[test]
fn q9_their_items_go_with_all_that_others_did_to_them_and_others_work_stays() {
    let mut book = TestJournal::new();
    book.say(BOB, &add("b", ""));
    book.say(ANN, &add("a", r#","note":"MARK""#));
    book.say(
        BOB,
        r#"[{"op":"update","kind":"stroke","page_id":"p1","id":"a","patch":{"note":"MARK2"}},
        {"op":"update","kind":"stroke","page_id":"p1","id":"b","patch":{"n":1}}]"#,
    );
    book.say(ANN, r#"[{"op":"update","kind":"stroke","page_id":"p1","id":"b","patch":{"note":"MARK3"}}]"#);
    book.say(ANN, r#"[{"op":"add","kind":"meta","value":{"title":"MARK4"}}]"#);
    let (entries, after) = book.without(ANN);
    assert_eq!(after, EMPTY.replace("[]}]", r#"[{"id":"b","n":1}]}]"#));
    assert!(!text(&entries).contains("MARK"), "{}", text(&entries));
    assert!(entries.iter().all(|entry| entry.key.author != ANN && entry.key.client.0 != ANN.0));
    let revs: Vec<_> = entries.iter().map(|entry| entry.rev.0).collect();
    assert_eq!(revs, [1, 2, 3, 4, 5], "revisions stay dense");
    assert_eq!(entries[0], book.entries[0], "what was before them is untouched");
}

#[test]
fn q9_what_another_puts_back_or_saves_whole_is_still_theirs() {
    let mut book = TestJournal::new();
    book.say(ANN, &add("a", r#","note":"MARK""#));
    book.say(BOB, r#"[{"op":"remove","kind":"stroke","page_id":"p1","id":"a"}]"#);
    book.say(BOB, &add("a", r#","note":"MARK""#));
    let whole = r#"{"activePageId":"p1","note":"kept","pages":[{"assets":[],"id":"p1","strokes":[
        {"id":"z","text":"first"},{"id":"a","note":"MARK"}]}],"zoom":2}"#;
    book.save(BOB, whole);
    book.say(ANN, r#"[{"op":"add","kind":"meta","value":{"title":"MARK"}}]"#);
    book.save(BOB, &book.board.state().replace(r#""zoom":2"#, r#""zoom":3"#).replace("first", "second"));
    let (entries, after) = book.without(ANN);
    assert!(!text(&entries).contains("MARK"), "{}", text(&entries));
    let left = r#"{"activePageId":"p1","note":"kept","pages":[{"assets":[],"id":"p1","strokes":[{"id":"z","text":"second"}]}],"zoom":3}"#;
    assert_eq!(after, left);
}

#[test]
fn q9_a_page_of_theirs_stays_bare_where_others_worked_and_goes_where_nobody_did() {
    let mut book = TestJournal::new();
    book.say(ANN, r#"[{"op":"add","kind":"page","value":{"id":"p2","name":"MARK"}}]"#);
    book.say(ANN, r#"[{"op":"add","kind":"page","value":{"id":"p3","name":"MARK"}}]"#);
    book.say(BOB, r#"[{"op":"add","kind":"stroke","page_id":"p2","value":{"id":"b"}}]"#);
    book.say(ANN, r#"[{"op":"remove","kind":"page","id":"p1"}]"#);
    let (entries, after) = book.without(ANN);
    let all = text(&entries) + &after;
    assert!(!all.contains("MARK") && !all.contains("p3"), "{all}");
    assert_eq!(after, r#"{"activePageId":"p2","pages":[{"assets":[],"id":"p2","strokes":[{"id":"b"}]}]}"#);
}

#[test]
fn q9_what_they_removed_stays_removed_and_their_whole_save_leaves_only_that() {
    let mut book = TestJournal::new();
    book.say(BOB, &add("b", ""));
    book.say(BOB, &add("c", ""));
    book.say(ANN, r#"[{"op":"remove","kind":"stroke","page_id":"p1","id":"b"}]"#);
    let whole = r#"{"activePageId":"p9","MARK":1,"pages":[{"id":"p9","strokes":[{"id":"MARK"}]}]}"#;
    book.save(ANN, whole);
    let (entries, after) = book.without(ANN);
    assert!(!(text(&entries) + &after).contains("MARK"));
    assert!(!after.contains("\"b\"") && !after.contains("p9"), "{after}");
}

/// Something that one of the two does.
fn deeds() -> impl Strategy<Value = Vec<(bool, u8, u8, u8)>> {
    prop::collection::vec((any::<bool>(), 0..7_u8, 0..6_u8, 1..4_u8), 1..40)
}

proptest! {
    #[test]
    fn q9_whatever_was_done_the_rest_replays_and_has_nothing_of_them(deeds in deeds()) {
        let mut book = TestJournal::new();
        for (index, (is_ann, deed, item, page)) in deeds.into_iter().enumerate() {
            let author = if is_ann { ANN } else { BOB };
            // Ids are shared; contents say whose they are.
            let word = if is_ann { "MARK" } else { "fine" };
            let key = book.key(author);
            let ops = match deed {
                0 | 1 => format!(r#"[{{"op":"add","kind":"stroke","page_id":"p{page}","value":{{"id":"i{item}","w":"{word}{index}"}}}}]"#),
                2 => format!(r#"[{{"op":"update","kind":"stroke","page_id":"p{page}","id":"i{item}","patch":{{"w":"{word}{index}"}}}}]"#),
                3 => format!(r#"[{{"op":"remove","kind":"stroke","page_id":"p{page}","id":"i{item}"}}]"#),
                4 => format!(r#"[{{"op":"add","kind":"page","value":{{"id":"p{page}","name":"{word}{index}","strokes":[{{"id":"i{item}"}}]}}}}]"#),
                5 => format!(r#"[{{"op":"add","kind":"meta","value":{{"m{item}":"{word}{index}"}}}}]"#),
                _ => {
                    let mut whole = book.board.state();
                    whole.insert_str(1, &format!(r#""AA":"{word}{index}","#));
                    let whole = whole.replacen("\"strokes\":[", &format!(r#""strokes":[{{"id":"w{index}","w":"{word}"}},"#), 1).replace(",]", "]");
                    let outcome = book.board.replace(key, json(&whole), Authorship::FULL, jiff::Timestamp::UNIX_EPOCH).unwrap();
                    book.keep(outcome);
                    continue;
                }
            };
            if let Ok(outcome) = book.board.submit(key, parse(&ops).unwrap(), Authorship::FULL, jiff::Timestamp::UNIX_EPOCH, index % 3 == 0) {
                book.keep(outcome);
            }
        }
        let (entries, after) = book.without(ANN);
        let all = text(&entries) + &after;
        prop_assert!(!all.contains("MARK"), "{}", all);
        prop_assert_eq!(entries.len(), book.entries.len());
    }
}
