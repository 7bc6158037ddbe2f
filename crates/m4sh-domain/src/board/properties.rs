//! What holds for every sequence of batches, valid or not. Each property runs the same kind of random life of a
//! board: client batches, whole-state saves, strange states, items large enough to spread over many borders.

use proptest::{prelude::*, sample::select};

use super::{testing::*, *};
use crate::json::{Object, Value};

/// One thing that happens to a board.
#[derive(Clone, Debug)]
enum BoardStep {
    Ops(Vec<Value>),
    Save(Value),
}

fn object<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    let present = members.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Value::Object(present.collect::<Object>())
}

fn id() -> impl Strategy<Value = Value> {
    prop_oneof![8 => select(vec!["a", "b", "c", "d", "e", "f", "g"]).prop_map(Value::from), 1 => (1..4_i64).prop_map(Value::from)]
}

fn page_id() -> impl Strategy<Value = Value> {
    prop_oneof![8 => select(vec!["p1", "p2", "p3"]).prop_map(Value::from), 1 => Just(Value::from("page-1")), 1 => id()]
}

/// Small mostly, and now and then as large as a border's distance or larger.
fn filler() -> impl Strategy<Value = Value> {
    prop_oneof![
        12 => (0..3_i64).prop_map(Value::from),
        3 => any::<f64>().prop_map(Value::from),
        3 => ".{0,6}".prop_filter("no U+0000", |text| !text.contains('\0')).prop_map(Value::from),
        2 => (1..50_000_usize).prop_map(|len| Value::from("x".repeat(len))),
    ]
}

fn members() -> impl Strategy<Value = Value> {
    let key = select(vec!["color", "id", "n", "page_id", "t", "", "\u{e9}"]);
    prop::collection::vec((key, filler()), 0..3)
        .prop_map(|members| Value::Object(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()))
}

fn item() -> impl Strategy<Value = Value> {
    (id(), prop::option::of(filler()), prop::option::of(filler()))
        .prop_map(|(id, n, t)| object([("id", Some(id)), ("n", n), ("t", t)]))
}

fn op() -> impl Strategy<Value = Value> {
    let item_op = (
        select(vec!["add", "add", "add", "update", "remove"]),
        item_kind(),
        id(),
        prop::option::weighted(0.4, page_id()),
        item(),
        members(),
    )
        .prop_map(|(op, kind, id, page, value, patch)| {
            let (value, patch, id) = match op {
                "add" => (Some(value), None, None),
                "update" => (None, Some(patch), Some(id)),
                _ => (None, None, Some(id)),
            };
            object([
                ("op", Some(op.into())),
                ("kind", Some(kind.into())),
                ("id", id),
                ("page_id", page),
                ("value", value),
                ("patch", patch),
            ])
        });
    let page_op = (select(vec!["add", "update", "remove"]), page_id(), filler()).prop_map(|(op, id, name)| {
        object([
            ("op", Some(op.into())),
            ("kind", Some("page".into())),
            ("id", Some(id.clone())),
            ("value", Some(object([("id", Some(id)), ("name", Some(name))]))),
        ])
    });
    let meta_op =
        (select(vec!["add", "update", "remove"]), select(vec!["a", "b"]), filler()).prop_map(|(op, id, value)| {
            object([
                ("op", Some(op.into())),
                ("kind", Some("meta".into())),
                ("id", Some(id.into())),
                ("value", Some(object([(id, Some(value))]))),
            ])
        });
    prop_oneof![8 => item_op, 2 => page_op, 1 => meta_op]
}

fn items() -> impl Strategy<Value = Value> {
    let strange = prop_oneof![Just(Value::Null), filler(), Just(object([("n", Some(Value::Null))]))];
    prop_oneof![
        12 => prop::collection::vec(item(), 0..6).prop_map(Value::from),
        1 => prop::collection::vec(prop_oneof![item(), strange], 0..4).prop_map(Value::from),
        1 => Just(Value::Null),
    ]
}

fn page() -> impl Strategy<Value = Value> {
    let lists = ItemKind::ALL.map(|_| prop::option::weighted(0.7, items()).boxed());
    let whole = (prop::option::weighted(0.9, page_id()), lists, prop::option::of(filler())).prop_map(
        |(id, lists, background)| {
            let lists = ItemKind::ALL.iter().map(|kind| kind.list()).zip(lists);
            let members = [("id", id), ("background", background)].into_iter().chain(lists);
            Value::Object(members.filter_map(|(key, value)| Some((key.to_owned(), value?))).collect())
        },
    );
    prop_oneof![16 => whole, 1 => filler()]
}

fn a_state() -> impl Strategy<Value = Value> {
    let pages = prop_oneof![
        12 => prop::collection::vec(page(), 0..4).prop_map(Value::from),
        1 => filler(),
    ];
    (
        prop::option::weighted(0.9, pages),
        prop::option::of(page_id()),
        prop::option::of((0..3_i64).prop_map(Value::from)),
        prop::option::of(members()),
        prop::option::of(filler()),
    )
        .prop_map(|(pages, active, index, meta, zoom)| {
            object([
                ("pages", pages),
                ("activePageId", active),
                ("currentPageIndex", index),
                ("meta", meta),
                ("zoom", zoom),
            ])
        })
}

fn event() -> impl Strategy<Value = BoardStep> {
    prop_oneof![
        8 => prop::collection::vec(op(), 1..5).prop_map(BoardStep::Ops),
        1 => a_state().prop_map(BoardStep::Save),
    ]
}

fn life() -> impl Strategy<Value = (Value, Vec<BoardStep>)> {
    (a_state(), prop::collection::vec(event(), 1..24))
}

fn begin(state: &Value) -> Board {
    Board::new(Document::from_value(state.clone()).unwrap(), Rev(0))
}

fn happen(
    board: &mut Board,
    number: usize,
    event: &BoardStep,
    want_digest: bool,
) -> Result<BatchOutcome, BoardRefusal> {
    match event {
        BoardStep::Ops(ops) => {
            let Ok(ops) = Op::parse_list(Value::from(ops.clone())) else { return Ok(BatchOutcome::Unchanged) };
            board.submit(key(number), ops, Authorship::FULL, Timestamp::UNIX_EPOCH, want_digest)
        }
        BoardStep::Save(state) => board.replace(key(number), state.clone(), Authorship::FULL, Timestamp::UNIX_EPOCH),
    }
}

fn live(state: &Value, events: &[BoardStep]) -> (Board, Vec<Arc<JournalEntry>>) {
    let mut board = begin(state);
    let mut entries = Vec::new();
    for (number, event) in events.iter().enumerate() {
        if let Ok(BatchOutcome::Accepted(entry)) = happen(&mut board, number, event, number % 3 == 0) {
            entries.push(entry);
        }
    }
    (board, entries)
}

fn replayed(document: Document, rev: Rev, tail: &[Arc<JournalEntry>]) -> Board {
    let mut board = Board::new(document, rev);
    for entry in tail {
        board.replay(JournalEntry::clone(entry)).unwrap();
    }
    board
}

fn from_scratch(board: &Board) -> Digest {
    Board::new(board.document().clone(), board.rev()).digest()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn d1_the_digest_kept_up_is_the_digest_from_scratch((state, events) in life(), ask in any::<u32>()) {
        let mut board = begin(&state);
        for (number, event) in events.iter().enumerate() {
            let _ = happen(&mut board, number, event, false);
            if ask >> (number % 32) & 1 == 1 {
                prop_assert_eq!(board.digest(), from_scratch(&board));
            }
        }
        prop_assert_eq!(board.digest(), from_scratch(&board));
    }

    #[test]
    fn d6_the_text_of_a_document_reads_back_as_the_document((state, events) in life()) {
        let (board, _) = live(&state, &events);
        let text = board.state();
        let again = Document::from_value(json(&text)).unwrap();
        prop_assert_eq!(&again, board.document());
        prop_assert_eq!(testing::state(&again), text);
    }

    #[test]
    fn d4_a_refusal_changes_nothing((state, events) in life()) {
        let mut board = begin(&state);
        for (number, event) in events.iter().enumerate() {
            let before = (board.state(), board.rev(), board.digest(), board.since(Rev(0)));
            if !matches!(happen(&mut board, number, event, true), Ok(BatchOutcome::Accepted(_))) {
                prop_assert_eq!(before, (board.state(), board.rev(), board.digest(), board.since(Rev(0))));
                prop_assert_eq!(board.digest(), from_scratch(&board));
                prop_assert!(board.receipt(&key(number)).is_none());
            }
        }
    }

    #[test]
    fn r13_a_whole_save_leaves_exactly_that_state((state, events) in life(), targets in prop::collection::vec(a_state(), 1..4)) {
        let (mut board, _) = live(&state, &events);
        for (number, target) in targets.iter().enumerate() {
            let (before, rev) = (board.document().clone(), board.rev());
            let outcome = board.replace(key(format!("t{number}")), target.clone(), Authorship::FULL, Timestamp::UNIX_EPOCH).unwrap();
            let wanted = if target.is_falsy() { json("{}") } else { target.clone() };
            prop_assert_eq!(board.state().into_bytes(), wanted.to_canonical());
            prop_assert_eq!(board.digest(), from_scratch(&board));
            if let BatchOutcome::Accepted(entry) = outcome {
                let copy = replayed(before, rev, &[entry]);
                prop_assert_eq!(copy.document(), board.document());
            }
        }
    }

    #[test]
    fn r13_an_edited_state_is_saved_as_the_edit((state, events) in life(), edits in prop::collection::vec(event(), 1..4)) {
        // The target is near: what a client sends that saves whole states after a few changes.
        let (mut board, _) = live(&state, &events);
        let mut target = Board::new(board.document().clone(), Rev(0));
        for (number, event) in edits.iter().enumerate() {
            let _ = happen(&mut target, number, event, false);
        }
        board.replace(key("near"), json(&target.state()), Authorship::FULL, Timestamp::UNIX_EPOCH).unwrap();
        prop_assert_eq!(board.document(), target.document());
        prop_assert_eq!(board.digest(), target.digest());
    }

    #[test]
    fn d18_the_same_batches_give_the_same_bytes((state, events) in life()) {
        let ((one, first), (other, second)) = (live(&state, &events), live(&state, &events));
        prop_assert_eq!(first, second);
        prop_assert_eq!(one.state(), other.state());
    }

    #[test]
    fn d18_a_snapshot_and_its_tail_are_the_full_replay((state, events) in life(), cut in any::<prop::sample::Index>()) {
        let (mut board, entries) = live(&state, &events);
        let mut full = replayed(begin(&state).document().clone(), Rev(0), &entries);
        prop_assert_eq!(full.document(), board.document());
        prop_assert_eq!(full.digest(), board.digest());

        let cut = cut.index(entries.len() + 1);
        let half = replayed(begin(&state).document().clone(), Rev(0), &entries[..cut]);
        let (document, rev) = Checkpoint::decode(&half.checkpoint().encode()).unwrap();
        prop_assert_eq!((&document, rev), (half.document(), half.rev()));
        let mut woken = replayed(document, rev, &entries[cut..]);
        prop_assert_eq!((woken.state(), woken.rev(), woken.digest()), (board.state(), board.rev(), board.digest()));
        // Not only the text is the same: whatever comes next has the same effect.
        for (number, event) in events.iter().enumerate() {
            let number = number + 1_000;
            prop_assert_eq!(happen(&mut woken, number, event, true), happen(&mut board, number, event, true));
        }
    }

    #[test]
    fn r1_revisions_are_dense((state, events) in life()) {
        let (board, entries) = live(&state, &events);
        for (entry, rev) in entries.iter().zip(1..) {
            prop_assert_eq!(entry.rev, Rev(rev));
        }
        prop_assert_eq!(board.rev(), Rev(entries.len() as u64));
    }

    #[test]
    fn r3_resending_everything_changes_nothing_and_gets_the_same_answers((state, events) in life()) {
        let (mut board, entries) = live(&state, &events);
        let before = (board.state(), board.rev());
        for (number, event) in events.iter().enumerate() {
            let name = key(number);
            let Some(entry) = entries.iter().find(|entry| entry.key == name) else { continue };
            let Ok(BatchOutcome::Duplicate(receipt)) = happen(&mut board, number, event, true) else {
                return Err(TestCaseError::fail("a repeat"));
            };
            prop_assert_eq!((receipt.rev, receipt.at, receipt.digest), (entry.rev, entry.at, entry.digest));
        }
        prop_assert_eq!(before, (board.state(), board.rev()));
    }

    #[test]
    fn r9_what_is_given_since_a_revision_leads_from_there_to_now((state, events) in life()) {
        let mut board = begin(&state);
        let mut past = vec![board.document().clone()];
        for (number, event) in events.iter().enumerate() {
            if let Ok(BatchOutcome::Accepted(_)) = happen(&mut board, number, event, false) {
                past.push(board.document().clone());
            }
        }
        for (rev, document) in (0..).zip(past) {
            if let Some(tail) = board.since(Rev(rev)) {
                let copy = replayed(document, Rev(rev), &tail);
                prop_assert_eq!(copy.document(), board.document());
            }
        }
    }

    #[test]
    fn d20_garbage_is_never_a_checkpoint_and_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300), tail in prop::collection::vec(any::<u8>(), 0..60)) {
        prop_assert!(Checkpoint::decode(&bytes).is_err());
        let header = [&[0x94, 1, 1, 0xcd, 1, 0, 0xce, 1, 2, 3, 4][..], &tail].concat();
        prop_assert!(Checkpoint::decode(&header).is_err());
    }

    #[test]
    fn d3_operations_of_any_shape_are_read_or_refused_and_never_panic(ops in prop::collection::vec(anything(), 0..4), state in a_state()) {
        if let Ok(ops) = Op::parse_list(Value::from(ops.clone())) {
            let mut board = begin(&state);
            let before = board.state();
            if board.submit(key(1), ops, Authorship::FULL, Timestamp::UNIX_EPOCH, true).is_err() {
                prop_assert_eq!(board.state(), before);
            }
        }
        let _ = Op::parse_journal(Rev(1), &Value::from(ops).to_canonical());
    }
}

/// Objects that look like operations here and there, and values that do not.
fn anything() -> impl Strategy<Value = Value> {
    let any_value = || {
        prop_oneof![
            filler(),
            id(),
            members(),
            page(),
            Just(Value::Null),
            select(vec!["add", "update", "remove", "state", "page", "stroke", "meta", " "]).prop_map(Value::from),
        ]
    };
    let field = select(vec!["op", "kind", "id", "page_id", "value", "patch"]);
    let broken = (op(), field, prop::option::of(any_value())).prop_map(|(op, field, value)| {
        let Value::Object(mut op) = op else { return op };
        op.remove(field);
        if let Some(value) = value {
            op.insert(field, value);
        }
        Value::Object(op)
    });
    prop_oneof![6 => broken, 1 => any_value()]
}
