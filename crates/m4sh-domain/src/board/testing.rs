//! Helpers for the tests of this folder: boards, batches and keys out of JSON texts. Only compiled for tests.

pub(super) use std::sync::Arc;

pub(super) use bytes::Bytes;
pub(super) use jiff::Timestamp;
use proptest::{prelude::*, sample::select};

use super::{BatchKey, BatchOutcome, Board, BoardRefusal, Document, ItemKind, Op, OpsError};
pub(super) use crate::{access::Authorship, ids::Rev, limits};
use crate::{
    ids::{ClientId, UserId},
    json::{Bounds, Value},
};

/// The name of any kind of item.
pub(super) fn item_kind() -> impl Strategy<Value = &'static str> {
    select(ItemKind::ALL.map(ItemKind::name).to_vec())
}

pub(super) fn json(text: &str) -> Value {
    Value::parse(text.as_bytes(), Bounds::default()).unwrap_or_else(|fault| panic!("{fault}: {text}"))
}

pub(super) fn board(state: &str) -> Board {
    Board::new(Document::from_value(json(state)).unwrap(), Rev(0))
}

pub(super) fn parse(ops: &str) -> Result<Vec<Op>, OpsError> {
    Op::parse_list(json(ops))
}

pub(super) fn key(id: impl ToString) -> BatchKey {
    BatchKey { author: UserId(uuid::Uuid::nil()), client: ClientId(uuid::Uuid::nil()), id: id.to_string().into() }
}

pub(super) fn at() -> Timestamp {
    Timestamp::UNIX_EPOCH
}

pub(super) fn state(document: &Document) -> String {
    let mut text = Vec::new();
    document.write_state(&mut text);
    assert_eq!(text.len(), document.byte_len(), "the length is kept with the document");
    let mut pieces = Vec::new();
    document.pieces().write(&mut pieces);
    assert_eq!(pieces, text, "the pieces are the text");
    String::from_utf8(text).unwrap()
}

impl Board {
    /// Submits operations under a key of their own.
    pub(super) fn say(&mut self, ops: &str) -> Result<BatchOutcome, BoardRefusal> {
        let key = key(format!("{}-{ops}", self.rev()));
        self.submit(key, parse(ops).unwrap(), Authorship::FULL, at(), true)
    }

    /// Saves a whole state under a key of its own.
    pub(super) fn save(&mut self, state: &str) -> Result<BatchOutcome, BoardRefusal> {
        let key = key(format!("save {}", self.rev()));
        self.replace(key, json(state), Authorship::FULL, at())
    }

    pub(super) fn state(&self) -> String {
        state(self.document())
    }
}

/// The effective operations of an accepted batch.
pub(super) fn effective(outcome: &BatchOutcome) -> String {
    let BatchOutcome::Accepted(entry) = outcome else { panic!("accepted: {outcome:?}") };
    String::from_utf8(entry.ops.to_vec()).unwrap()
}

pub(super) fn refused(outcome: Result<BatchOutcome, BoardRefusal>) -> (usize, String) {
    match outcome {
        Err(BoardRefusal::InvalidOp { index, message }) => (index, message),
        other => panic!("refused: {other:?}"),
    }
}
