//! Writes: a socket's batch and every write over REST. One path, one order; only the answers differ.
//! Handlers of the board actor. Never answers a REST write before it is committed (SPEC S1).

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use uuid::Uuid;

use super::access::first_forbidden;
use super::actor::BoardActor;
use super::state::AwakeBoard;
use super::writes::{BoardWrite, WriteAuthor};
use crate::actors::clock;
use crate::actors::messages::{
    Append, BoardError, BoardReader, BoardView, Durable, Pending, Precondition, Save, SaveEffect, Saved, Submit,
};
use crate::actors::metrics::metrics;
use m4sh_domain::access::{Permissions, Visibility};
use m4sh_domain::board::{BatchKey, BatchKind, BatchOutcome, BoardRefusal, Digest, JournalEntry};
use m4sh_domain::ids::{ClientId, ConnId, Rev, UserId};
use m4sh_domain::limits;
use m4sh_domain::refusal::{Refusal, RefusalCode};
use m4sh_protocol::server::ServerFrame;

/// What is refused to somebody without the right.
pub(super) const FORBIDDEN: Refusal = Refusal::forbidden("your rights here do not cover this");
pub(super) const RETRY_UNSAVED: Duration = Duration::from_secs(2);

impl AwakeBoard {
    /// One batch of a socket; every answer goes through its outbox.
    pub(super) fn submit(&mut self, submit: Submit, ctx: &mut Context<BoardActor>) {
        let Submit { conn, id, ops, bytes, sent, span } = submit;
        let _entered = span.clone().entered();
        metrics().mailbox_seconds.record(clock::now().saturating_sub(sent));
        let Some((user, client)) = self.seats.get(&conn).map(|seat| (seat.user, seat.client)) else { return };
        let key = BatchKey { author: user, client, id };
        // A resend costs nothing and must be answered even when its author is over a budget by now.
        if self.board.receipt(&key).is_none()
            && let Err(refusal) = self.check_submit(user, bytes, &ops)
        {
            return self.refuse(conn, &key.id, &refusal);
        }
        let id = key.id.clone();
        let by = self.access.authorship(user);
        match self.board.submit(key, ops, by, clock::timestamp(), false) {
            Ok(BatchOutcome::Accepted(entry)) => {
                self.send_to(conn, &ServerFrame::Accepted { id: &id, rev: entry.rev });
                self.send_budget_warning(conn, user);
                self.record_activity(&entry);
                self.publish(Some(conn), &entry, span, ctx);
            }
            Ok(BatchOutcome::Duplicate(receipt)) => {
                metrics().repeats.increment(1);
                self.send_to(conn, &ServerFrame::Accepted { id: &id, rev: receipt.rev });
            }
            Ok(BatchOutcome::Unchanged) => {}
            Err(refusal) => self.refuse(conn, &id, &refusal.into()),
        }
    }

    /// Whether somebody may do this now: their rights, what waits for a commit, and their budgets.
    pub(super) fn check_submit(
        &mut self,
        user: UserId,
        bytes: usize,
        ops: &[m4sh_domain::board::Op],
    ) -> Result<(), Refusal> {
        let can = self.access.can(user).unwrap_or(Permissions::NONE);
        if let Some(index) = first_forbidden(can, ops) {
            return Err(FORBIDDEN.at(Some(index)));
        }
        if self.draining || self.is_full() {
            let detail = "the board cannot save right now";
            return Err(Refusal::until(RefusalCode::Unavailable, detail, RETRY_UNSAVED));
        }
        self.allow_batch(user, bytes).map_err(rate_limited)
    }

    /// Refuses what a socket sent; a person who goes on over a budget is closed.
    pub(super) fn refuse(&mut self, conn: ConnId, id: &str, refusal: &Refusal) {
        metrics().refused.increment(1);
        self.send_to(conn, &ServerFrame::Refused { id: Some(id), refusal });
        if refusal.code == RefusalCode::RateLimited
            && let Some(user) = self.seats.get(&conn).map(|seat| seat.user)
        {
            self.record_refusal(conn, user);
        }
    }

    /// Whether so much waits for a commit that nothing more may be taken.
    pub(super) fn is_full(&self) -> bool {
        self.durability.unsaved_bytes() > limits::UNSAVED_BOARD_BYTES
            || self.shard.health.waiting_bytes() > limits::UNSAVED_SHARD_BYTES
    }

    /// A new revision: it is sent to everybody and handed to the journal writer.
    pub(super) fn publish(
        &mut self,
        author: Option<ConnId>,
        entry: &Arc<JournalEntry>,
        span: tracing::Span,
        ctx: &mut Context<BoardActor>,
    ) {
        metrics().batches.increment(1);
        tracing::debug!(board = %self.id, rev = %entry.rev, by = %entry.key.author, batch = %entry.key.id, "batch accepted");
        self.broadcast_batch(author, entry);
        self.durability.record_accepted(entry.rev, entry.stored_len());
        self.shard.writer.do_send(Append {
            board: self.id,
            epoch: self.epoch,
            entry: entry.clone(),
            owner: ctx.address().recipient(),
            span,
        });
    }

    /// A REST write: rights, a repeat, the revision, and then the way of every batch (SPEC H8, R3).
    pub(super) fn save<W: BoardWrite>(
        &mut self,
        save: Save<W>,
        ctx: &mut Context<BoardActor>,
    ) -> Result<Pending<Saved>, BoardError> {
        let Save { who, base, key, write, span } = save;
        let can = self.access.can(who).ok_or(BoardError::NotFound)?;
        let is_repeatable = key.is_some();
        let id = key.unwrap_or_else(|| Uuid::now_v7().to_string().into());
        // REST has no tab, so its batches go by the account itself, an id that no tab picks.
        let key = BatchKey { author: who, client: ClientId(who.0), id };
        // A repeat passes whatever its base says, and whatever its author may do by now: it only asks again for an answer
        // that was lost.
        if !is_repeatable || self.board.receipt(&key).is_none() {
            self.check_save(base, write.is_allowed(can))?;
        }
        let author = WriteAuthor { key, by: self.access.authorship(who), can, at: clock::timestamp() };
        let outcome = write.apply(&mut self.board, author).map_err(|refusal| match refusal {
            BoardRefusal::Forbidden { .. } => BoardError::Forbidden,
            other => BoardError::Refused(other),
        })?;
        let (rev, at, digest, effect, kind) = match outcome {
            BatchOutcome::Accepted(entry) => {
                self.charge_save(entry.key.author, entry.ops.len());
                self.record_activity(&entry);
                self.publish(None, &entry, span, ctx);
                (entry.rev, entry.at, entry.digest, SaveEffect::Accepted, entry.kind)
            }
            BatchOutcome::Duplicate(receipt) => {
                metrics().repeats.increment(1);
                (receipt.rev, receipt.at, receipt.digest, SaveEffect::Accepted, receipt.kind)
            }
            BatchOutcome::Unchanged => {
                (self.board.rev(), clock::timestamp(), None, SaveEffect::Unchanged, BatchKind::Edit)
            }
        };
        let digest = digest.unwrap_or_else(|| self.board.digest());
        Ok(Pending { answer: Saved { rev, digest, at, effect, kind }, durable: self.durable_at(rev) })
    }

    fn check_save(&self, base: Precondition, allowed: bool) -> Result<(), BoardError> {
        if !allowed {
            return Err(BoardError::Forbidden);
        }
        let server_rev = self.board.rev();
        match base {
            Precondition::IfMatch(Some(rev)) | Precondition::XRev(Some(rev)) if rev == server_rev => {}
            Precondition::Any => {}
            Precondition::IfMatch(_) | Precondition::Missing => {
                return Err(BoardError::PreconditionFailed { server_rev });
            }
            Precondition::XRev(_) => return Err(BoardError::RevMismatch { server_rev }),
        }
        if self.draining || !self.shard.health.is_writable() || self.is_full() {
            return Err(BoardError::Unavailable { retry_after: RETRY_UNSAVED });
        }
        Ok(())
    }

    /// Resolves when `rev` is committed; `None` when it is already.
    pub(super) fn durable_at(&mut self, rev: Rev) -> Option<Durable> {
        (rev > self.durability.durable).then(|| self.durability.wait_for(rev))
    }

    /// The document as it is now: what those at the board see.
    pub(super) fn read(&mut self, who: BoardReader) -> Result<Pending<BoardView>, BoardError> {
        let eyes = match who {
            BoardReader::Account(user) => {
                let standing = self.access.standing(user).ok_or(BoardError::NotFound)?;
                let eyes = standing.visibility(user);
                self.note_visibility(user, eyes);
                eyes
            }
            BoardReader::Guest => Visibility::Public,
        };
        let rev = self.board.rev();
        let state = self.shared_state(eyes).json().clone();
        // The digest is that of what is answered, and where nothing is hidden it need not be made anew.
        let is_all = eyes == Visibility::All || !self.board.document().has_layers();
        let digest = (rev.0 > 0).then(|| if is_all { self.board.digest() } else { Digest::of(&state) });
        let page_count = self.board.document().page_count();
        let view = BoardView { epoch: self.epoch, rev, state, digest, page_count };
        Ok(Pending { answer: view, durable: self.durable_at(rev) })
    }
}

pub(super) fn rate_limited(wait: Duration) -> Refusal {
    Refusal::until(RefusalCode::RateLimited, "too many operations at once", wait)
}
