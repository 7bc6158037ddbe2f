//! The status of a board for a tutor's feed: what changed, who worked. Handlers of the board actor.
//! Never keeps a board awake, and costs a board nothing while nobody looks but a count for each batch.

use std::sync::Arc;

use actix::prelude::*;
use jiff::Timestamp;
use memchr::memmem;

use super::actor::{BoardActor, Phase};
use super::state::AwakeBoard;
use crate::actors::messages::{BoardActivity, BoardStatus, BoardStatusChanges, BoardStatusQuery};
use m4sh_domain::board::{Action, JournalEntry, Op};
use m4sh_domain::json::{Bounds, Value};

/// In canonical text the members of an operation stand in this order; of one on a layer, that stands in between.
const STROKE: &[u8] = br#""kind":"stroke","#;
const LAYER: &[u8] = br#""layer":""#;
const ADD: &[u8] = br#""op":"add""#;
const UPDATE: &[u8] = br#""op":"update""#;

impl Handler<BoardStatusQuery> for BoardActor {
    type Result = MessageResult<BoardStatusQuery>;

    fn handle(&mut self, peek: BoardStatusQuery, _: &mut Context<Self>) -> Self::Result {
        MessageResult(match &self.phase {
            Phase::Awake(awake) => Some(awake.status(&peek)),
            Phase::Loading | Phase::Failed(_) | Phase::Gone => None,
        })
    }
}

impl AwakeBoard {
    fn status(&self, peek: &BoardStatusQuery) -> BoardStatus {
        let rev = self.board.rev();
        let news = peek.after.map(|after| {
            let since = after.filter(|(epoch, _)| *epoch == self.epoch).and_then(|(_, rev)| self.board.since(rev));
            match since {
                Some(batches) => {
                    BoardStatusChanges::Batches(batches.into_iter().map(|batch| self.with_updated(batch)).collect())
                }
                None => BoardStatusChanges::Document(self.board.document().clone()),
            }
        });
        let online = self.people.values().filter(|member| member.seats > 0);
        let online = online.map(|member| member.person.user).collect();
        let pulses = self.activity.iter().map(|(user, pulse)| (*user, *pulse)).collect();
        BoardStatus {
            epoch: self.epoch,
            rev,
            pages: self.board.document().page_count(),
            changes: news,
            activity: pulses,
            online,
        }
    }

    /// A batch, and what the items that it updates have become.
    fn with_updated(&self, batch: Arc<JournalEntry>) -> (Arc<JournalEntry>, Vec<Op>) {
        if memmem::find(&batch.ops, UPDATE).is_none() {
            return (batch, Vec::new());
        }
        let ops = Op::parse_journal(batch.rev, &batch.ops).unwrap_or_default();
        let updates = ops.into_iter().filter(|op| op.action == Action::Update);
        let now = updates.filter_map(|mut op| {
            let (page, kind) = (op.page_id.as_deref()?, op.kind.item()?);
            let text = self.board.document().item(page, kind, op.id.as_deref()?)?;
            op.value = Value::parse(&text, Bounds { depth: usize::MAX, nodes: usize::MAX }).ok();
            (op.action, op.patch) = (Action::Add, None);
            Some(op)
        });
        let now = now.collect();
        (batch, now)
    }

    /// Counts a batch for its author.
    pub(super) fn record_activity(&mut self, entry: &JournalEntry) {
        let none = BoardActivity { ops: 0, strokes: 0, last: Timestamp::UNIX_EPOCH };
        let pulse = self.activity.entry(entry.key.author).or_insert(none);
        pulse.ops += 1;
        pulse.strokes += added_strokes(&entry.ops);
        pulse.last = entry.at;
    }
}

/// Strokes that a batch adds.
fn added_strokes(ops: &[u8]) -> u64 {
    let added = memmem::find_iter(ops, STROKE).filter(|at| {
        let rest = ops.get(at + STROKE.len()..).unwrap_or_default();
        let rest = match rest.strip_prefix(LAYER) {
            Some(layer) => memmem::find(layer, b"\",").and_then(|end| layer.get(end + 2..)).unwrap_or_default(),
            None => rest,
        };
        rest.starts_with(ADD)
    });
    added.count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn added_strokes_are_counted_on_whatever_layer() {
        let ops = br#"[{"kind":"stroke","op":"add"},{"kind":"stroke","layer":"tutor","op":"add"},{"id":"a","kind":"stroke","layer":"u:1","op":"remove"},{"kind":"text","op":"add"}]"#;
        assert_eq!(added_strokes(ops), 2);
    }
}
