//! What holds for every life of a board whose people edit, undo, redo and clear in any order. Only compiled for tests.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{prelude::*, sample::select};

use super::slots::Keyed as _;
use super::{
    testing::*,
    tests::undo::{ANNA, BEN, key_of, turn},
    *,
};
use crate::ids::UserId;

#[derive(Clone, Debug)]
enum UndoStep {
    Ops(UserId, String),
    Turn(UserId, UndoDirection),
    Clear(UserId, Option<&'static str>),
    Unclear(UserId),
    Restart,
}

fn op() -> impl Strategy<Value = String> {
    let name = || select(vec!["a", "b", "c", "d"]);
    let page = || select(vec!["p", "p", "q", "r"]);
    let item = (
        select(vec!["add", "add", "update", "remove"]),
        item_kind(),
        name(),
        page(),
        select(vec!["n", "m"]),
        0..1_000_000_u32,
    )
        .prop_map(|(action, kind, id, page, member, n)| match action {
            "add" => format!(r#"{{"op":"add","kind":"{kind}","page_id":"{page}","value":{{"id":"{id}","n":{n}}}}}"#),
            "update" => format!(
                r#"{{"op":"update","kind":"{kind}","page_id":"{page}","id":"{id}","patch":{{"{member}":{n}}}}}"#
            ),
            _ => format!(r#"{{"op":"remove","kind":"{kind}","page_id":"{page}","id":"{id}"}}"#),
        });
    let page_op =
        (select(vec!["add", "remove", "update"]), page(), name()).prop_map(|(action, page, id)| match action {
            "add" => format!(r#"{{"op":"add","kind":"page","value":{{"id":"{page}","strokes":[{{"id":"{id}"}}]}}}}"#),
            "remove" => format!(r#"{{"op":"remove","kind":"page","id":"{page}"}}"#),
            _ => format!(r#"{{"op":"update","kind":"page","id":"{page}","patch":{{"name":"{id}"}}}}"#),
        });
    let meta = (any::<bool>(), name(), 0..3_u8).prop_map(|(add, key, n)| {
        if add {
            format!(r#"{{"op":"add","kind":"meta","value":{{"{key}":{n}}}}}"#)
        } else {
            format!(r#"{{"op":"remove","kind":"meta","id":"{key}"}}"#)
        }
    });
    prop_oneof![8 => item, 2 => page_op, 1 => meta]
}

fn event() -> impl Strategy<Value = UndoStep> {
    let person = || select(vec![ANNA, BEN]);
    prop_oneof![
        8 => (person(), prop::collection::vec(op(), 1..4)).prop_map(|(who, ops)| UndoStep::Ops(who, format!("[{}]", ops.join(",")))),
        5 => (person(), select(vec![UndoDirection::Undo, UndoDirection::Undo, UndoDirection::Redo])).prop_map(|(who, way)| UndoStep::Turn(who, way)),
        1 => (person(), select(vec![None, Some("p"), Some("q")])).prop_map(|(who, page)| UndoStep::Clear(who, page)),
        1 => person().prop_map(UndoStep::Unclear),
        1 => Just(UndoStep::Restart),
    ]
}

fn begin() -> Board {
    board(
        r#"{"activePageId":"p","pages":[{"assets":[],"id":"p","strokes":[{"id":"a","n":0}]},{"assets":[],"id":"q","strokes":[]}]}"#,
    )
}

fn rows(entries: &[Arc<JournalEntry>]) -> impl Iterator<Item = (UserId, Rev, BatchKind, Option<Bytes>)> {
    entries.iter().map(|entry| (entry.key.author, entry.rev, entry.kind, entry.inverse.clone()))
}

/// Whatever was accepted. Waking again is what a restart does: a checkpoint, and the rows.
fn happen(
    board: &mut Board,
    entries: &mut Vec<Arc<JournalEntry>>,
    event: &UndoStep,
) -> Result<Option<Arc<JournalEntry>>, BoardRefusal> {
    let next = board.rev();
    let entry = match event {
        UndoStep::Ops(who, ops) => {
            let ops = Op::parse_list(json(ops)).unwrap();
            match board.submit(key_of(*who, next), ops, Authorship::FULL, at(), false)? {
                BatchOutcome::Accepted(entry) => entry,
                _ => return Ok(None),
            }
        }
        UndoStep::Turn(who, way) => turn(board, *who, *way, Authorship::FULL)?,
        UndoStep::Clear(who, page) => board.clear(key_of(*who, next), *page, Authorship::FULL, at(), false)?,
        UndoStep::Unclear(who) => {
            let Some(clear) = entries.iter().rev().find(|entry| matches!(entry.kind, BatchKind::Clear(_))) else {
                return Ok(None);
            };
            let taken = cleared_items(clear.inverse.as_ref().unwrap()).unwrap();
            board.unclear(key_of(*who, next), clear.rev, taken, at(), false)?
        }
        UndoStep::Restart => {
            let (document, rev) = Checkpoint::decode(&board.checkpoint().encode()).unwrap();
            *board = Board::new(document, rev);
            board.restore_undo(rows(entries));
            return Ok(None);
        }
    };
    entries.push(entry.clone());
    Ok(Some(entry))
}

type Items = BTreeMap<(String, ItemKind, String), String>;

fn items(document: &Document) -> Items {
    layers::items_of(document)
        .map(|(page, list, item)| {
            let id = |id: Option<&Arc<str>>| id.unwrap().to_string();
            ((id(page.id()), list, id(item.id())), String::from_utf8(item.bytes().to_vec()).unwrap())
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn z4_replay_is_live_and_a_restart_finds_the_same_to_take_back(events in prop::collection::vec(event(), 1..40)) {
        let (mut board, mut entries) = (begin(), Vec::new());
        let mut dropped = false;
        for event in &events {
            // What was dropped as a conflict is not in the journal: it is dropped again.
            dropped |= matches!(happen(&mut board, &mut entries, event), Err(BoardRefusal::UndoConflict | BoardRefusal::UndoTooLarge));
        }
        let mut copy = begin();
        for entry in &entries {
            copy.replay(JournalEntry::clone(entry)).unwrap();
        }
        prop_assert_eq!(copy.state(), board.state());
        prop_assert_eq!(copy.digest(), board.digest());
        copy.restore_undo(rows(&entries));
        if !dropped {
            for (user, way) in [(ANNA, UndoDirection::Undo), (ANNA, UndoDirection::Redo), (BEN, UndoDirection::Undo), (BEN, UndoDirection::Redo)] {
                loop {
                    prop_assert_eq!(copy.undo_stacks.top(user, way), board.undo_stacks.top(user, way));
                    if copy.undo_stacks.top(user, way).is_none() {
                        break;
                    }
                    copy.undo_stacks.drop_top(user, way);
                    board.undo_stacks.drop_top(user, way);
                }
            }
        }
    }

    #[test]
    fn z1_undo_then_redo_changes_nothing_when_nobody_comes_between(
        events in prop::collection::vec(event(), 0..20), who in select(vec![ANNA, BEN]), ops in prop::collection::vec(op(), 1..5),
    ) {
        let (mut board, mut entries) = (begin(), Vec::new());
        for event in &events {
            let _ = happen(&mut board, &mut entries, event);
        }
        let last = UndoStep::Ops(who, format!("[{}]", ops.join(",")));
        let edited = happen(&mut board, &mut entries, &last).ok().flatten();
        if edited.is_some_and(|entry| entry.inverse.is_some()) {
            let after = board.state();
            if turn(&mut board, who, UndoDirection::Undo, Authorship::FULL).is_ok() {
                turn(&mut board, who, UndoDirection::Redo, Authorship::FULL).unwrap();
                prop_assert_eq!(board.state(), after);
            }
        }
    }

    #[test]
    fn z2_nobodys_undo_changes_what_only_somebody_else_touched(events in prop::collection::vec(event(), 1..40)) {
        let (mut board, mut entries) = (begin(), Vec::new());
        let mut hands: BTreeMap<(String, ItemKind, String), BTreeSet<UserId>> = BTreeMap::new();
        for event in &events {
            let before = items(board.document());
            let Ok(Some(entry)) = happen(&mut board, &mut entries, event) else { continue };
            let after = items(board.document());
            let who = entry.key.author;
            if let UndoStep::Turn(..) = event {
                for (place, text) in &before {
                    if hands.get(place).is_some_and(|hands| !hands.contains(&who)) {
                        prop_assert_eq!(after.get(place), Some(text), "{:?} by {}", place, who);
                    }
                }
            }
            // What comes back by an undo or an unclear is still theirs who made it.
            let is_back = matches!(event, UndoStep::Turn(..) | UndoStep::Unclear(_));
            for (place, text) in &after {
                match before.get(place) {
                    Some(old) if old == text => {}
                    None if !is_back => drop(hands.insert(place.clone(), BTreeSet::from([who]))),
                    Some(_) | None => drop(hands.entry(place.clone()).or_default().insert(who)),
                }
            }
        }
    }
}
