//! Revisions, exactly once, the tail and the journal: rules R1, R3, R9, R12 and D18.

use super::super::{testing::*, *};

#[test]
fn r1_every_accepted_batch_is_one_revision_and_nothing_else_is() {
    let mut board = board("{}");
    board
        .say(r#"[{"op":"add","kind":"stroke","value":{"id":"a"}},{"op":"add","kind":"stroke","value":{"id":"b"}}]"#)
        .unwrap();
    refused(board.say(r#"[{"op":"remove","kind":"stroke","id":"x"}]"#));
    board.save(r#"{"a":1}"#).unwrap();
    board.save(r#"{"a":1}"#).unwrap();
    board.say(r#"[{"op":"remove","kind":"meta","id":"x"}]"#).unwrap();
    let revs: Vec<_> = board.since(Rev(0)).unwrap().iter().map(|entry| entry.rev).collect();
    assert_eq!((revs, board.rev()), (vec![Rev(1), Rev(2), Rev(3)], Rev(3)));
}

#[test]
fn r3_a_repeated_key_changes_nothing_and_gets_the_first_answer() {
    let mut board = board("{}");
    let ops = || parse(r#"[{"op":"add","kind":"stroke","value":{"id":"a","x":1.0}}]"#).unwrap();
    let BatchOutcome::Accepted(entry) = board.submit(key("k"), ops(), Authorship::FULL, at(), true).unwrap() else {
        panic!("new")
    };
    board.say(r#"[{"op":"remove","kind":"stroke","id":"a"}]"#).unwrap();
    let before = board.state();
    let BatchOutcome::Duplicate(receipt) =
        board.submit(key("k"), ops(), Authorship::FULL, Timestamp::MAX, true).unwrap()
    else {
        panic!("a repeat")
    };
    let first =
        Receipt { rev: Rev(1), at: at(), digest: entry.digest, fingerprint: entry.fingerprint, kind: BatchKind::Edit };
    assert_eq!((receipt, board.state(), board.rev()), (first, before, Rev(2)));

    let other = parse(r#"[{"op":"add","kind":"stroke","value":{"id":"a","x":1}}]"#).unwrap();
    assert_eq!(board.submit(key("k"), other, Authorship::FULL, at(), true), Err(BoardRefusal::KeyReused));
    assert_eq!(board.replace(key("k"), json("{}"), Authorship::FULL, at()), Err(BoardRefusal::KeyReused));

    let BatchOutcome::Accepted(_) = board.replace(key("s"), json(r#"{"a":1}"#), Authorship::FULL, at()).unwrap() else {
        panic!("new")
    };
    board.save("{}").unwrap();
    assert!(matches!(
        board.replace(key("s"), json(r#"{"a":1}"#), Authorship::FULL, at()),
        Ok(BatchOutcome::Duplicate(Receipt { rev: Rev(3), .. }))
    ));
    assert_eq!(board.replace(key("s"), json(r#"{"a":2}"#), Authorship::FULL, at()), Err(BoardRefusal::KeyReused));
    assert_eq!(board.state(), "{}");
}

#[test]
fn r3_a_key_belongs_to_its_author_and_client() {
    let mut board = board("{}");
    let mine = key("k");
    let theirs = BatchKey { author: crate::ids::UserId(uuid::Uuid::max()), ..mine.clone() };
    let elsewhere = BatchKey { client: crate::ids::ClientId(uuid::Uuid::max()), ..mine.clone() };
    for (n, key) in [mine, theirs, elsewhere].into_iter().enumerate() {
        let ops = parse(&format!(r#"[{{"op":"add","kind":"stroke","value":{{"id":"{n}"}}}}]"#)).unwrap();
        assert!(matches!(board.submit(key, ops, Authorship::FULL, at(), false), Ok(BatchOutcome::Accepted(_))));
    }
}

#[test]
fn r12_receipts_outlive_a_restart_and_the_oldest_leave_first() {
    let mut first = board("{}");
    let ops = || parse(r#"[{"op":"add","kind":"stroke","value":{"id":"a"}}]"#).unwrap();
    first.submit(key("k"), ops(), Authorship::FULL, at(), false).unwrap();
    let receipt = first.receipt(&key("k")).unwrap().clone();
    let mut second = Board::new(first.document().clone(), first.rev());
    second.restore_receipt(key("k"), receipt.clone());
    assert_eq!(
        second.submit(key("k"), ops(), Authorship::FULL, at(), false),
        Ok(BatchOutcome::Duplicate(receipt.clone()))
    );
    for n in 1..limits::RECEIPTS {
        second.restore_receipt(key(n), receipt.clone());
    }
    assert!(second.receipt(&key("k")).is_some());
    second.restore_receipt(key("one more"), receipt);
    assert!(second.receipt(&key("k")).is_none() && second.receipt(&key(1)).is_some());
}

#[test]
fn r9_the_tail_is_given_while_history_reaches_back_and_never_with_a_gap() {
    let mut board = Board::new(Document::default(), Rev(7));
    assert_eq!(board.since(Rev(7)), Some(vec![]));
    assert!(board.since(Rev(6)).is_none() && board.since(Rev(8)).is_none());
    for n in 0..limits::HISTORY_BATCHES as u64 + 10 {
        let ops = parse(&format!(r#"[{{"op":"add","kind":"meta","value":{{"n":{n}}}}}]"#)).unwrap();
        board.submit(key(n), ops, Authorship::FULL, at(), false).unwrap();
    }
    assert!(board.since(Rev(16)).is_none());
    let tail = board.since(Rev(17)).unwrap();
    assert_eq!(tail.len(), limits::HISTORY_BATCHES);
    assert!(tail.iter().zip(18..).all(|(entry, rev)| entry.rev == Rev(rev)));
    board.save(&format!(r#"{{"big":"{}"}}"#, "x".repeat(limits::HISTORY_BYTES))).unwrap();
    assert_eq!(board.since(board.rev()), Some(vec![]));
    assert!(board.since(Rev(board.rev().0 - 1)).is_none());
}

#[test]
fn d18_a_journal_row_is_applied_only_as_the_next_one_and_only_when_it_fits() {
    let mut source = board("{}");
    source.say(r#"[{"op":"add","kind":"stroke","value":{"id":"a"}}]"#).unwrap();
    source.say(r#"[{"op":"add","kind":"page","value":{"id":"p2"}}]"#).unwrap();
    let rows: Vec<JournalEntry> =
        source.since(Rev(0)).unwrap().iter().map(|entry| JournalEntry::clone(entry)).collect();
    let mut copy = board("{}");
    assert_eq!(copy.replay(rows[1].clone()), Err(Corrupt::Gap { expected: Rev(1), got: Rev(2) }));
    copy.replay(rows[0].clone()).unwrap();
    let state = copy.state();
    for broken in [
        JournalEntry { page_count: 7, ..rows[1].clone() },
        JournalEntry { ops: "not json".into(), ..rows[1].clone() },
        JournalEntry { ops: "{}".into(), ..rows[1].clone() },
        JournalEntry { ops: r#"[{"op":"add"}]"#.into(), ..rows[1].clone() },
        JournalEntry { ops: r#"[{"kind":"stroke","op":"remove","id":"x"}]"#.into(), ..rows[1].clone() },
        JournalEntry {
            ops: r#"[{"kind":"meta","op":"remove","id":"x"},{"kind":"state","op":"add","value":{}}]"#.into(),
            ..rows[1].clone()
        },
        JournalEntry { ops: r#"[{"kind":"state","op":"update","patch":{"pages":[]}}]"#.into(), ..rows[1].clone() },
        JournalEntry { ops: r#"[{"kind":"state","op":"add","value":7}]"#.into(), ..rows[1].clone() },
    ] {
        assert!(matches!(copy.replay(broken), Err(Corrupt::Row { rev: Rev(2), .. })));
        assert_eq!((copy.state(), copy.rev()), (state.clone(), Rev(1)));
    }
    copy.replay(rows[1].clone()).unwrap();
    assert_eq!((copy.state(), copy.rev(), copy.digest()), (source.state(), source.rev(), source.digest()));
    assert_eq!(copy.since(Rev(0)), source.since(Rev(0)));
    assert_eq!(copy.receipt(&rows[0].key), source.receipt(&rows[0].key));
}
