//! Undo, redo, clear and restore by socket: each one batch like any other (SPEC Z1 to Z6).
//! Handlers of the board actor. Never undoes what its author may not change at that moment.

use std::sync::Arc;

use actix::prelude::*;

use super::actor::{BoardActor, IntoBoardFuture as _};
use super::saves::{FORBIDDEN, RETRY_UNSAVED};
use super::state::AwakeBoard;
use crate::actors::clock;
use crate::actors::messages::BoardCommand;
use crate::actors::metrics::metrics;
use m4sh_domain::access::{Permission, Permissions};
use m4sh_domain::board::{
    BatchKey, BatchKind, BoardRefusal, JournalEntry, Receipt, clear_content, cleared_items, unclear_content,
};
use m4sh_domain::ids::{ConnId, Rev, UserId};
use m4sh_domain::json::{Object, Value};
use m4sh_domain::limits;
use m4sh_domain::refusal::{Refusal, RefusalCode};
use m4sh_domain::times;
use m4sh_protocol::board_command::{AcceptedCommand, CommandFrame};
use m4sh_protocol::server::ServerFrame;

impl Handler<BoardCommand> for BoardActor {
    type Result = ();

    fn handle(&mut self, work: BoardCommand, ctx: &mut Context<Self>) {
        // As with a batch: a board that lost its place closed this seat too.
        if let Ok(awake) = self.awake() {
            awake.run_command(work, ctx);
        }
    }
}

impl AwakeBoard {
    fn run_command(&mut self, work: BoardCommand, ctx: &mut Context<BoardActor>) {
        let BoardCommand { conn, frame, bytes, span } = work;
        let _entered = span.clone().entered();
        let Some(seat) = self.seats.get(&conn) else { return };
        let (user, client) = (seat.user, seat.client);
        let key = |id: Box<str>| BatchKey { author: user, client, id };
        let (key, done) = match frame {
            CommandFrame::Draw(draw) => return self.draw(conn, draw, bytes, ctx),
            CommandFrame::UndoRedo { id, way } => {
                let key = key(id);
                let done = self.repeat_or(conn, &key, way.name(), |awake| {
                    let by = awake.access.authorship(user);
                    let plan = awake.board.plan_undo(user, way, by);
                    // Finding what to undo costs as much as undoing it.
                    let (cost, ops) = plan.as_ref().map_or((bytes, &[][..]), |plan| (bytes.max(plan.bytes), &plan.ops));
                    awake.check_submit(user, cost, ops)?;
                    let plan = plan?;
                    Ok(awake.board.apply_undo(key.clone(), plan, by, clock::timestamp(), false)?)
                });
                (key, done)
            }
            CommandFrame::Clear { id, page } => {
                let key = key(id);
                let done = self.repeat_or(conn, &key, &clear_content(page.as_deref()), |awake| {
                    awake.check_clear(user, bytes)?;
                    let by = awake.access.authorship(user);
                    Ok(awake.board.clear(key.clone(), page.as_deref(), by, clock::timestamp(), false)?)
                });
                if done.is_ok()
                    && let Some(receipt) = self.board.receipt(&key).cloned()
                {
                    self.send_to(conn, &ServerFrame::Prepared(&cleared(&key.id, &receipt, page.as_deref())));
                }
                (key, done)
            }
            CommandFrame::Unclear { id, of } => return self.read_cleared(conn, key(id), of, bytes, ctx),
        };
        self.finish_command(conn, &key, done, span, ctx);
    }

    /// Answers a repeat as the first was answered, or does what is new.
    fn repeat_or(
        &mut self,
        conn: ConnId,
        key: &BatchKey,
        what: &str,
        new: impl FnOnce(&mut Self) -> Result<Arc<JournalEntry>, Refusal>,
    ) -> Result<Option<Arc<JournalEntry>>, Refusal> {
        if let Some(receipt) = self.board.find_receipt(key, what)? {
            self.send_repeat(conn, &key.id, &receipt);
            return Ok(None);
        }
        let entry = new(self)?;
        self.send_done(conn, &key.id, &entry);
        Ok(Some(entry))
    }

    fn finish_command(
        &mut self,
        conn: ConnId,
        key: &BatchKey,
        done: Result<Option<Arc<JournalEntry>>, Refusal>,
        span: tracing::Span,
        ctx: &mut Context<BoardActor>,
    ) {
        match done {
            Ok(None) => {}
            Ok(Some(entry)) => {
                self.send_budget_warning(conn, key.author);
                self.record_activity(&entry);
                self.publish(Some(conn), &entry, span, ctx);
            }
            Err(refusal) => self.refuse(conn, &key.id, &refusal),
        }
    }

    /// A repeat of something whose effect its author could not know.
    pub(super) fn send_repeat(&mut self, conn: ConnId, id: &str, receipt: &Receipt) {
        metrics().repeats.increment(1);
        let Some(eyes) = self.seats.get(&conn).map(|seat| seat.eyes) else { return };
        let ops = self.board.entry(receipt.rev).map(|entry| entry.ops_visible_to(eyes));
        self.send_to(
            conn,
            &ServerFrame::AcceptedCommand(AcceptedCommand { id, rev: receipt.rev, kind: receipt.kind, ops }),
        );
    }

    /// What a batch did, to its author.
    pub(super) fn send_done(&mut self, conn: ConnId, id: &str, entry: &JournalEntry) {
        let Some(eyes) = self.seats.get(&conn).map(|seat| seat.eyes) else { return };
        let ops = Some(entry.ops_visible_to(eyes));
        self.send_to(
            conn,
            &ServerFrame::AcceptedCommand(AcceptedCommand { id, rev: entry.rev, kind: entry.kind, ops }),
        );
    }

    fn check_clear(&mut self, user: UserId, bytes: usize) -> Result<(), Refusal> {
        if !self.access.can(user).unwrap_or(Permissions::NONE).has(Permission::Clear) {
            return Err(FORBIDDEN);
        }
        self.check_submit(user, bytes, &[])
    }

    /// Reads what a clear removed, once it is saved, and continues in a later handler: it may be a large page.
    fn read_cleared(&mut self, conn: ConnId, key: BatchKey, of: Rev, bytes: usize, ctx: &mut Context<BoardActor>) {
        let span = tracing::Span::current();
        let known = match self.board.find_receipt(&key, &unclear_content(of)) {
            Ok(None) => self.check_clear(key.author, bytes).map(|()| false),
            Ok(Some(receipt)) => {
                self.send_repeat(conn, &key.id, &receipt);
                Ok(true)
            }
            Err(refusal) => Err(refusal.into()),
        };
        match known {
            Ok(true) => return,
            Ok(false) => {}
            Err(no) => return self.finish_command(conn, &key, Err(no), span, ctx),
        }
        let saved = if of <= self.board.rev() { self.durable_at(of) } else { None };
        let (id, journal) = (self.id, self.shard.journal.clone());
        let reading = async move {
            if let Some(saved) = saved {
                // Whether it was committed or not, the row tells.
                let _ = saved.await;
            }
            match journal.cleared(id, of).await {
                Ok(Some(kept)) => Ok(tokio::task::spawn_blocking(move || cleared_items(&kept)).await.ok().flatten()),
                Ok(None) => Ok(None),
                Err(error) => Err(error),
            }
        };
        ctx.spawn(reading.then_on_board(move |awake, read, ctx| {
            let done = match read {
                Ok(Some(taken)) => awake.repeat_or(conn, &key, &unclear_content(of), |awake| {
                    // It may have been taken while the database was asked.
                    if !awake.access.can(key.author).unwrap_or(Permissions::NONE).has(Permission::Clear) {
                        return Err(FORBIDDEN);
                    }
                    Ok(awake.board.unclear(key.clone(), of, taken, clock::timestamp(), false)?)
                }),
                Ok(None) => Err(BoardRefusal::UnknownClear.into()),
                Err(error) => {
                    tracing::warn!(board = %awake.id, %of, %error, "cleared items could not be read");
                    let detail = "what was cleared cannot be read right now";
                    Err(Refusal::until(RefusalCode::Unavailable, detail, RETRY_UNSAVED))
                }
            };
            awake.finish_command(conn, &key, done, span, ctx);
        }));
    }
}

/// What was cleared, for its author, who can bring it back.
fn cleared(id: &str, clear: &Receipt, page: Option<&str>) -> Object {
    let until = clear.at.checked_add(limits::CLEAR_KEPT).unwrap_or(clear.at);
    let items = match clear.kind {
        BatchKind::Clear(items) => items,
        BatchKind::Edit | BatchKind::Undo(_) | BatchKind::Redo(_) | BatchKind::Unclear(_) => 0,
    };
    let fields = [
        ("t", Some(Value::from("cleared"))),
        ("id", Some(id.into())),
        ("rev", Some(clear.rev.0.into())),
        ("page", page.map(Value::from)),
        ("items", Some(items.into())),
        ("until", Some(times::utc_field(until).into())),
    ];
    fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
}
