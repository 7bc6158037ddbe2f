//! What holds for every life of a board on which work is hidden: pupils, a tutor, isolation, saves and reveals in any
//! order. Only compiled for tests.

use proptest::{prelude::*, sample::select};

use super::{
    apply::{ApplyMode, apply},
    digest::IncrementalDigest,
    draft::Draft,
    testing::*,
    transaction::Transaction,
    *,
};
use crate::{
    access::{Layer, Visibility},
    ids::UserId,
};

const ANNA: UserId = UserId(uuid::Uuid::from_u128(1));
const BEN: UserId = UserId(uuid::Uuid::from_u128(2));
const TUTOR: UserId = UserId(uuid::Uuid::from_u128(3));
const VISIBILITIES: [Visibility; 4] =
    [Visibility::All, Visibility::Own(ANNA), Visibility::Own(BEN), Visibility::Public];

/// One thing that happens in a lesson.
#[derive(Clone, Debug)]
enum LayerStep {
    Isolate(bool),
    Ops(UserId, String),
    /// Some page of the state that its author sees is edited and saved whole.
    Save(UserId, String, String),
    Reveal(Option<UserId>),
    Checkpoint,
}

fn person() -> impl Strategy<Value = UserId> {
    select(vec![ANNA, ANNA, BEN, BEN, TUTOR])
}

fn name() -> impl Strategy<Value = &'static str> {
    select(vec!["a", "b", "c", "d", "e"])
}

fn op() -> impl Strategy<Value = String> {
    let page = select(vec!["p1", "p1", "p2"]);
    let item = (select(vec!["add", "add", "update", "remove"]), item_kind(), name(), page, 0..9_u8).prop_map(
        |(action, kind, id, page, n)| match action {
            "add" => format!(
                r#"{{"op":"add","kind":"{kind}","page_id":"{page}","value":{{"id":"{id}","layer":"x","n":{n}}}}}"#
            ),
            "update" => {
                format!(r#"{{"op":"update","kind":"{kind}","page_id":"{page}","id":"{id}","patch":{{"n":{n}}}}}"#)
            }
            _ => format!(r#"{{"op":"remove","kind":"{kind}","page_id":"{page}","id":"{id}"}}"#),
        },
    );
    let page =
        (select(vec!["add", "remove", "update"]), select(vec!["p2", "p3"]), name()).prop_map(|(action, page, item)| {
            match action {
                "add" => {
                    format!(r#"{{"op":"add","kind":"page","value":{{"id":"{page}","strokes":[{{"id":"{item}"}}]}}}}"#)
                }
                "update" => format!(r#"{{"op":"update","kind":"page","id":"{page}","patch":{{"name":"{item}"}}}}"#),
                _ => format!(r#"{{"op":"remove","kind":"page","id":"{page}"}}"#),
            }
        });
    prop_oneof![10 => item, 2 => page]
}

fn event() -> impl Strategy<Value = LayerStep> {
    prop_oneof![
        2 => any::<bool>().prop_map(LayerStep::Isolate),
        10 => (person(), prop::collection::vec(op(), 1..4)).prop_map(|(who, ops)| LayerStep::Ops(who, format!("[{}]", ops.join(",")))),
        2 => (person(), name(), name()).prop_map(|(who, from, to)| LayerStep::Save(who, from.to_owned(), to.to_owned())),
        1 => prop::option::of(select(vec![ANNA, BEN])).prop_map(LayerStep::Reveal),
        1 => Just(LayerStep::Checkpoint),
    ]
}

fn visibility_of(who: UserId) -> Visibility {
    if who == TUTOR { Visibility::All } else { Visibility::Own(who) }
}

fn authorship(who: UserId, isolated: bool) -> Authorship {
    let layer = isolated.then_some(if who == TUTOR { Layer::Tutor } else { Layer::Private(who) });
    Authorship { layer, visibility: visibility_of(who), bound_by_locks: None }
}

fn begin() -> Board {
    board(
        r#"{"activePageId":"p1","pages":[{"assets":[],"id":"p1","strokes":[{"id":"s0"}]},{"assets":[],"id":"p2","strokes":[]}]}"#,
    )
}

/// Whatever was accepted.
fn happen(board: &mut Board, number: usize, isolated: &mut bool, event: &LayerStep) -> Option<Arc<JournalEntry>> {
    let outcome = match event {
        LayerStep::Isolate(on) => {
            *isolated = *on;
            return None;
        }
        LayerStep::Ops(who, ops) => {
            board.submit(key(number), parse(ops).unwrap(), authorship(*who, *isolated), at(), false)
        }
        LayerStep::Save(who, from, to) => {
            let seen = super::testing::state(&board.document().visible_to(visibility_of(*who)));
            let edited = seen.replace(&format!(r#""id":"{from}""#), &format!(r#""id":"{to}""#));
            board.replace(key(number), json(&edited), authorship(*who, *isolated), at())
        }
        LayerStep::Reveal(whose) => {
            let revealed = board.reveal(key(number), |user| whose.is_none_or(|whose| whose == user), at());
            return revealed.unwrap();
        }
        LayerStep::Checkpoint => {
            let (document, rev) = Checkpoint::decode(&board.checkpoint().encode()).unwrap();
            assert!(layers::are_equal(&document, board.document()), "a checkpoint keeps layers");
            *board = Board::new(document, rev);
            return None;
        }
    };
    match outcome {
        Ok(BatchOutcome::Accepted(entry)) => Some(entry),
        _ => None,
    }
}

/// What a client has that applies what it is shown, without the lists that only hidden items made.
fn shown(document: &Document) -> String {
    let text = super::testing::state(document);
    ItemKind::ALL
        .map(ItemKind::list)
        .into_iter()
        .filter(|list| ItemKind::required().all(|kind| kind.list() != *list))
        .fold(text, |text, list| text.replace(&format!(r#","{list}":[]"#), "").replace(&format!(r#""{list}":[],"#), ""))
}

/// Applies what is shown, as a client does that knows nothing of layers.
fn follow(document: &mut Document, ops: &[u8]) {
    let text = std::str::from_utf8(ops).unwrap();
    let draft = Draft::new(Op::parse_journal(Rev(1), text.as_bytes()).unwrap());
    let mode = if draft.is_exact() { ApplyMode::Exact } else { ApplyMode::Replay };
    let mut transaction = Transaction::new(document);
    if let Err(refusal) = apply(&draft, mode, Authorship::FULL, &mut transaction) {
        panic!("{refusal}: {text}");
    }
    transaction.commit(&mut IncrementalDigest::default());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn i4_what_is_shown_step_by_step_is_what_is_seen_at_the_end(events in prop::collection::vec(event(), 1..30)) {
        let mut board = begin();
        let mut isolated = false;
        let mut copies = VISIBILITIES.map(|visibility| (visibility, board.document().visible_to(visibility).into_owned()));
        for (number, event) in events.iter().enumerate() {
            let Some(entry) = happen(&mut board, number, &mut isolated, event) else { continue };
            for (visibility, copy) in &mut copies {
                let ops = entry.ops_visible_to(*visibility);
                if *visibility != Visibility::All {
                    let text = std::str::from_utf8(&ops).unwrap();
                    prop_assert!(!text.contains(r#""layer":"u:"#) && !text.contains(r#""layer":"tutor"#) && !text.contains(r#""layers""#), "{}", text);
                }
                follow(copy, &ops);
                prop_assert_eq!(shown(copy), shown(&board.document().visible_to(*visibility)), "{:?} after {:?}", visibility, event);
            }
        }
    }

    #[test]
    fn i4_the_journal_brings_back_the_same_layers(events in prop::collection::vec(event(), 1..30), cut in 0..30_usize) {
        let mut board = begin();
        let mut isolated = false;
        let mut entries = Vec::new();
        for (number, event) in events.iter().enumerate() {
            entries.extend(happen(&mut board, number, &mut isolated, event));
        }
        let mut copy = begin();
        for (number, entry) in entries.iter().enumerate() {
            copy.replay(JournalEntry::clone(entry)).unwrap();
            if number == cut {
                let (document, rev) = Checkpoint::decode(&copy.checkpoint().encode()).unwrap();
                copy = Board::new(document, rev);
            }
        }
        prop_assert_eq!(copy.document(), board.document());
        prop_assert!(layers::are_equal(copy.document(), board.document()));
        prop_assert_eq!(copy.digest(), board.digest());
        let counted = layers::items_of(board.document()).filter(|(_, _, item)| item.layer().is_some()).count();
        prop_assert_eq!(slots::Measured::layered(&board.document().root), counted, "the counter is kept with the document");
    }

    #[test]
    fn i3_a_pupil_neither_changes_nor_destroys_what_is_hidden_or_the_tutors(events in prop::collection::vec(event(), 1..30)) {
        let mut board = begin();
        let mut isolated = false;
        for (number, event) in events.iter().enumerate() {
            let who = match event {
                LayerStep::Ops(who, _) | LayerStep::Save(who, _, _) if *who != TUTOR => *who,
                _ => {
                    happen(&mut board, number, &mut isolated, event);
                    continue;
                }
            };
            let before = foreign(&board, who);
            happen(&mut board, number, &mut isolated, event);
            prop_assert_eq!(before, foreign(&board, who), "{:?}", event);
        }
    }

    #[test]
    fn i5_isolated_pupils_change_nothing_that_another_sees(events in prop::collection::vec(event(), 1..30)) {
        let mut board = begin();
        let mut isolated = false;
        for (number, event) in events.iter().enumerate() {
            let before = shown(&board.document().visible_to(Visibility::Public));
            let entry = happen(&mut board, number, &mut isolated, event);
            if let (LayerStep::Ops(who, _) | LayerStep::Save(who, _, _), Some(entry)) = (event, entry)
                && *who != TUTOR && isolated
            {
                prop_assert_eq!(entry.ops_visible_to(Visibility::Public), "[]");
                let seen = entry.visible_to(Visibility::Public);
                prop_assert_eq!((seen.key.author.0, &*seen.key.id), (uuid::Uuid::nil(), ""));
                prop_assert_eq!(before, shown(&board.document().visible_to(Visibility::Public)));
            }
        }
    }

    #[test]
    fn i6_what_is_revealed_is_seen_by_everybody_in_the_same_order(events in prop::collection::vec(event(), 1..30)) {
        let mut board = begin();
        let mut isolated = false;
        for (number, event) in events.iter().enumerate() {
            happen(&mut board, number, &mut isolated, event);
        }
        let (rev, mut before) = (board.rev(), items(&board));
        let revealed = board.reveal(key("r"), |_| true, at()).unwrap();
        prop_assert_eq!(board.rev().0 - rev.0, u64::from(revealed.is_some()), "one revision, or none when nothing was hidden");
        for visibility in VISIBILITIES {
            prop_assert_eq!(super::testing::state(&board.document().visible_to(visibility)), board.state());
        }
        let mut after = items(&board);
        before.sort();
        after.sort();
        prop_assert_eq!(before, after, "nothing is lost, doubled or changed");
        prop_assert_eq!(board.digest(), Board::new(board.document().clone(), Rev(0)).digest());
    }
}

/// What somebody may not change, with its text.
fn foreign(board: &Board, who: UserId) -> Vec<(ItemKind, Vec<u8>)> {
    let all = layers::items_of(board.document());
    let foreign = all.filter(|(_, _, item)| !visibility_of(who).may_change(item.layer()));
    foreign.map(|(_, list, item)| (list, item.bytes().to_vec())).collect()
}

fn items(board: &Board) -> Vec<(Option<String>, ItemKind, Vec<u8>)> {
    let id = |page: &page::Page| slots::Keyed::id(page).map(|id| id.to_string());
    layers::items_of(board.document()).map(|(page, list, item)| (id(page), list, item.bytes().to_vec())).collect()
}

#[test]
fn i7_a_restored_state_keeps_hidden_what_was_hidden_and_is_not_on_the_board() {
    let mut board = begin();
    let add = |id: &str| format!(r#"[{{"op":"add","kind":"stroke","value":{{"id":"{id}"}}}}]"#);
    let say = |board: &mut Board, id: &str, ops: &str, who, isolated| {
        board.submit(key(id), parse(ops).unwrap(), authorship(who, isolated), at(), false).unwrap()
    };
    say(&mut board, "1", &add("a1"), ANNA, true);
    say(&mut board, "2", &add("a2"), ANNA, true);
    let past = board.document().clone();
    board.reveal(key("r"), |_| true, at()).unwrap().unwrap();
    say(&mut board, "3", r#"[{"op":"remove","kind":"stroke","id":"a2"}]"#, TUTOR, false);
    board.replace_with(key("restore"), past, Authorship::FULL, Timestamp::UNIX_EPOCH).unwrap();
    let seen = super::testing::state(&board.document().visible_to(Visibility::Own(BEN)));
    assert!(seen.contains(r#""a1""#), "what was revealed stays so: {seen}");
    assert!(!seen.contains(r#""a2""#), "what was hidden then and is gone comes back hidden: {seen}");
}

#[test]
fn i3_a_foreign_item_is_not_there_for_a_pupil_and_the_tutors_is_forbidden() {
    let mut board = begin();
    let mut say = |id: &str, ops: &str, who| {
        board.submit(key(id), parse(ops).unwrap(), authorship(who, true), at(), false).map(|_| ())
    };
    say("1", r#"[{"op":"add","kind":"stroke","value":{"id":"a"}}]"#, ANNA).unwrap();
    say("2", r#"[{"op":"add","kind":"stroke","value":{"id":"t"}}]"#, TUTOR).unwrap();
    let unknown = say("3", r#"[{"op":"remove","kind":"stroke","id":"nobody's"}]"#, BEN);
    assert_eq!(say("4", r#"[{"op":"remove","kind":"stroke","id":"a"}]"#, BEN), unknown);
    for forbidden in [
        r#"[{"op":"remove","kind":"stroke","id":"t"}]"#,
        r#"[{"op":"update","kind":"stroke","id":"s0","patch":{"note":"psst"}}]"#,
        r#"[{"op":"update","kind":"page","id":"p1","patch":{"note":"psst"}}]"#,
        r#"[{"op":"add","kind":"page","value":{"id":"psst"}}]"#,
        r#"[{"op":"remove","kind":"page","id":"p1"}]"#,
        r#"[{"op":"add","kind":"meta","value":{"note":"psst"}}]"#,
    ] {
        assert_eq!(say(forbidden, forbidden, BEN), Err(BoardRefusal::Forbidden { index: Some(0) }), "{forbidden}");
    }
    say("5", r#"[{"op":"update","kind":"stroke","id":"a","patch":{"n":1}}]"#, TUTOR).unwrap();
    say("6", r#"[{"op":"remove","kind":"stroke","id":"a"}]"#, ANNA).unwrap();
}

#[test]
fn i6_more_than_operations_are_worth_is_revealed_as_a_whole_state() {
    let mut board = begin();
    for batch in 0..10 {
        let ops: Vec<String> = (0..100)
            .map(|n| format!(r#"{{"op":"add","kind":"stroke","page_id":"p1","value":{{"id":"{batch}-{n}"}}}}"#))
            .collect();
        let who = if batch % 2 == 0 { ANNA } else { BEN };
        let ops = parse(&format!("[{}]", ops.join(","))).unwrap();
        board.submit(key(batch), ops, authorship(who, true), at(), false).unwrap();
    }
    let mut ben = board.document().visible_to(Visibility::Own(BEN)).into_owned();
    let mut guest = board.document().visible_to(Visibility::Public).into_owned();
    let entry = board.reveal(key("r"), |user| user == ANNA, at()).unwrap().unwrap();
    assert!(entry.ops.starts_with(br#"[{"kind":"state","layers":{"u:"#), "some of it stays hidden");
    assert_eq!(entry.layer_owners(), Some(vec![BEN]));
    for (visibility, copy, strokes) in [(Visibility::Own(BEN), &mut ben, 1_001), (Visibility::Public, &mut guest, 501)]
    {
        follow(copy, &entry.ops_visible_to(visibility));
        assert_eq!(shown(copy), shown(&board.document().visible_to(visibility)));
        assert_eq!(shown(copy).matches(r#""id":"#).count(), strokes + 2, "with the two pages");
    }
    let mut copy = begin();
    for entry in board.since(Rev(0)).unwrap() {
        copy.replay(JournalEntry::clone(&entry)).unwrap();
    }
    assert!(layers::are_equal(copy.document(), board.document()) && copy.document() == board.document());
}

#[test]
fn i3_nobody_forges_a_mark_of_the_tutors_by_saving_one_twice() {
    let mut board = begin();
    let mark = parse(r#"[{"op":"add","kind":"stroke","page_id":"p1","value":{"id":"t"}}]"#).unwrap();
    board.submit(key("1"), mark, authorship(TUTOR, true), at(), false).unwrap();
    let twice = board.state().replace(r#"{"id":"t"}"#, r#"{"id":"t"},{"forged":1,"id":"t"}"#);
    let elsewhere = twice.replace(r#""id":"p2","strokes":[]"#, r#""id":"p2","strokes":[{"forged":2,"id":"t"}]"#);
    board.replace(key("2"), json(&elsewhere), authorship(ANNA, false), at()).unwrap();
    assert!(board.state().contains("forged"));
    assert_eq!(foreign(&board, ANNA).len(), 1, "the tutor's own mark, and no other");
}
