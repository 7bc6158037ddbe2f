//! Telling what is saved, and checkpoints: when one is due, how it is made beside the board's handlers, and the drain.
//! Handlers of the board actor. Never claims more than the journal writer has said. Dirty is `rev > checkpoint`, no flag.

use std::time::Duration;

use actix::prelude::*;
use tokio::sync::oneshot;

use super::actor::{BoardActor, IntoBoardFuture as _, Phase};
use super::durability::CheckpointStage;
use super::state::AwakeBoard;
use crate::actors::clock;
use crate::actors::messages::{BoardError, JournalEvent};
use crate::actors::metrics::metrics;
use m4sh_domain::ids::Rev;
use m4sh_domain::limits;
use m4sh_protocol::server::ServerFrame;

impl AwakeBoard {
    pub(super) fn persisted(&mut self, rev: Rev, ctx: &mut Context<BoardActor>) {
        self.durability.record_committed(rev);
        if self.durability.stall_reported {
            self.journal_state(true);
        }
        self.send_saved(ctx);
        self.write_encoded(ctx);
        self.checkpoint_if_due(ctx);
        self.answer_drained();
    }

    /// Says `saved`, at most every [`limits::SAVED_EVERY`].
    fn send_saved(&mut self, ctx: &mut Context<BoardActor>) {
        let now = clock::now();
        let due = self.durability.last_sent_at.map_or(now, |at| at + limits::SAVED_EVERY);
        if due <= now {
            self.send_saved_now(now);
        } else if !self.durability.send_armed {
            self.durability.send_armed = true;
            ctx.run_later(due - now, |act, _| {
                if let Phase::Awake(awake) = &mut act.phase {
                    awake.durability.send_armed = false;
                    awake.send_saved_now(clock::now());
                }
            });
        }
    }

    fn send_saved_now(&mut self, now: Duration) {
        let durable = self.durability.durable;
        if durable > self.durability.last_sent {
            self.durability.last_sent = durable;
            self.durability.last_sent_at = Some(now);
            self.broadcast(None, &ServerFrame::Saved(durable));
        }
    }

    /// Sends whether the journal is writable, once for each change.
    pub(super) fn journal_state(&mut self, flowing: bool) {
        if self.durability.stall_reported == flowing {
            self.durability.stall_reported = !flowing;
            self.broadcast(None, &ServerFrame::Journal { flowing });
        }
    }

    pub(super) fn fail_waiters(&mut self, error: &BoardError) {
        for waiter in std::mem::take(&mut self.durability.waiters).into_values().flatten() {
            let _ = waiter.send(Err(error.clone()));
        }
        for drained in self.durability.drained.drain(..) {
            let _ = drained.send(false);
        }
    }

    pub(super) fn checkpoint_if_due(&mut self, ctx: &mut Context<BoardActor>) {
        let now = clock::now();
        let behind = self.board.rev().0 - self.durability.checkpoint.0;
        let aged = now.saturating_sub(self.durability.checkpoint_tried) >= limits::CHECKPOINT_EVERY;
        let leaving = self.draining || self.is_idle(now);
        let due = behind >= limits::CHECKPOINT_BATCHES
            || self.durability.since_checkpoint >= limits::CHECKPOINT_BYTES
            || (behind > 0 && (aged || leaving));
        if due && self.shard.health.is_writable() {
            self.encode_checkpoint(ctx);
        }
    }

    fn encode_checkpoint(&mut self, ctx: &mut Context<BoardActor>) {
        if !matches!(self.durability.stage, CheckpointStage::Idle) || self.board.rev() == self.durability.checkpoint {
            return;
        }
        self.durability.stage = CheckpointStage::Encoding;
        self.durability.checkpoint_tried = clock::now();
        self.durability.since_checkpoint = 0;
        let checkpoint = self.board.checkpoint();
        let rev = checkpoint.rev;
        let encoding = tokio::task::spawn_blocking(move || checkpoint.encode());
        ctx.spawn(encoding.then_on_board(move |awake, encoded, ctx| {
            let Ok(bytes) = encoded else {
                awake.durability.stage = CheckpointStage::Idle;
                return awake.answer_drained();
            };
            awake.durability.stage = CheckpointStage::Encoded(rev, bytes);
            awake.write_encoded(ctx);
        }));
    }

    fn write_encoded(&mut self, ctx: &mut Context<BoardActor>) {
        match std::mem::replace(&mut self.durability.stage, CheckpointStage::Idle) {
            CheckpointStage::Encoded(rev, bytes) if rev <= self.durability.durable => {
                self.durability.stage = CheckpointStage::Writing;
                #[allow(clippy::cast_precision_loss, reason = "a metric")]
                metrics().checkpoint_bytes.record(bytes.len() as f64);
                let (id, epoch, journal) = (self.id, self.epoch, self.shard.journal.clone());
                let writing = async move { journal.checkpoint(id, epoch, rev, bytes).await };
                ctx.spawn(writing.then_on_board(move |awake, written, ctx| {
                    awake.durability.stage = CheckpointStage::Idle;
                    awake.checkpoint_written(rev, written, ctx);
                }));
            }
            other => self.durability.stage = other,
        }
    }

    fn checkpoint_written(
        &mut self,
        rev: Rev,
        written: Result<bool, m4sh_store::StoreError>,
        ctx: &mut Context<BoardActor>,
    ) {
        match written {
            Ok(true) => {
                metrics().checkpoints.increment(1);
                self.durability.checkpoint = rev;
                tracing::debug!(board = %self.id, %rev, "checkpoint written");
                self.checkpoint_if_due(ctx);
            }
            Ok(false) => ctx.notify(JournalEvent::Fenced),
            Err(error) => {
                tracing::warn!(board = %self.id, %rev, %error, "checkpoint could not be written, the journal is complete")
            }
        }
        self.answer_drained();
    }

    /// Commits and checkpoints what there is, closing every seat; resolves to whether all of it is safe.
    pub(super) fn drain(&mut self, ctx: &mut Context<BoardActor>) -> oneshot::Receiver<bool> {
        self.seal_all(ctx);
        self.draining = true;
        self.close_seats(m4sh_protocol::close::Close::Moved);
        let (sender, receiver) = oneshot::channel();
        self.durability.drained.push(sender);
        self.encode_checkpoint(ctx);
        self.answer_drained();
        receiver
    }

    fn answer_drained(&mut self) {
        let rev = self.board.rev();
        let (durable, stage_idle) =
            (self.durability.durable == rev, matches!(self.durability.stage, CheckpointStage::Idle));
        // Without a checkpoint the journal alone brings the board back, only more slowly.
        if self.draining && durable && stage_idle {
            for drained in self.durability.drained.drain(..) {
                let _ = drained.send(true);
            }
        }
    }

    fn is_idle(&self, now: Duration) -> bool {
        self.seats.is_empty() && now.saturating_sub(self.last_used) >= limits::PARK_AFTER
    }

    /// Whether nothing keeps the board in memory.
    pub(super) fn may_park(&self) -> bool {
        self.is_idle(clock::now())
            && self.durability.waiters.is_empty()
            && self.durability.durable == self.board.rev()
            && self.durability.checkpoint == self.board.rev()
            && matches!(self.durability.stage, CheckpointStage::Idle)
    }
}
