//! The journal writer: gathers batches of many boards while one transaction is in flight, then commits them together.
//! Called by boards with `Append`; answers with `JournalEvent`. Never reorders a board's batches, never drops one that its
//! board still waits for. Rules: SPEC S1, S2, S6, S8.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use tokio::time::Instant;

use super::health::JournalHealth;
use super::store::{Committed, Journal};
use crate::actors::messages::{Append, JournalEvent};
use crate::actors::metrics::metrics;
use m4sh_domain::board::JournalEntry;
use m4sh_domain::ids::{BoardId, Epoch, Rev};
use m4sh_domain::limits;
use m4sh_store::{JournalRow, StoreError};

/// A flush that takes longer is given up and tried again: the insert may be repeated safely.
const FLUSH_DEADLINE: Duration = Duration::from_secs(5);
/// What the slowest link worth serving carries in a second: a flush of large batches may take longer.
const SLOWEST_BYTES: usize = 512 * 1024;
const RETRY_FIRST: Duration = Duration::from_millis(50);
const RETRY_LAST: Duration = Duration::from_secs(1);

/// The actor that writes the journal of one thread's boards.
pub struct JournalWriter {
    journal: Arc<dyn Journal>,
    waiting: VecDeque<PendingRow>,
    waiting_bytes: usize,
    in_flight: bool,
    health: JournalHealth,
    retry: Duration,
    /// While this is armed nothing is tried: the database was away a moment ago.
    retrying: Option<SpawnHandle>,
    /// Ownerships that lost a batch to a refusal: nothing of theirs may follow, or the journal would have a hole.
    broken: HashSet<(BoardId, Epoch)>,
    /// After a row was refused by the database itself, boards are flushed one at a time, so that only its own board suffers.
    one_board_at_a_time: bool,
}

struct PendingRow {
    board: BoardId,
    epoch: Epoch,
    entry: Arc<JournalEntry>,
    owner: Recipient<JournalEvent>,
    span: tracing::Span,
}

/// What became of one flush.
enum FlushOutcome {
    Committed(Committed),
    Unavailable(String),
    Rejected(StoreError),
}

impl JournalWriter {
    /// A writer with nothing to do.
    #[must_use]
    pub fn new(journal: Arc<dyn Journal>, health: JournalHealth) -> Self {
        Self {
            journal,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            in_flight: false,
            health,
            retry: RETRY_FIRST,
            retrying: None,
            broken: HashSet::new(),
            one_board_at_a_time: false,
        }
    }

    /// How many of the waiting rows the next transaction takes.
    fn next_batch(&self) -> usize {
        let mut bytes = 0;
        let first = self.waiting.front().map(|row| row.board);
        self.waiting
            .iter()
            .take(limits::FLUSH_ROWS)
            .take_while(|row| !self.one_board_at_a_time || Some(row.board) == first)
            .take_while(|row| {
                let fits = bytes == 0 || bytes + row.entry.stored_len() <= limits::FLUSH_BYTES;
                bytes += row.entry.stored_len();
                fits
            })
            .count()
    }

    fn flush(&mut self, ctx: &mut Context<Self>) {
        if self.in_flight || self.retrying.is_some() || self.waiting.is_empty() {
            return;
        }
        self.in_flight = true;
        let count = self.next_batch();
        let rows: Vec<JournalRow> = self
            .waiting
            .iter()
            .take(count)
            .map(|row| JournalRow { board: row.board, epoch: row.epoch, entry: row.entry.clone() })
            .collect();
        let bytes: usize = rows.iter().map(|row| row.entry.stored_len()).sum();
        let deadline = FLUSH_DEADLINE + Duration::from_secs((bytes / SLOWEST_BYTES) as u64);
        let journal = self.journal.clone();
        let began = Instant::now();
        let work = async move {
            match tokio::time::timeout(deadline, journal.append(&rows)).await {
                Ok(Ok(committed)) => FlushOutcome::Committed(committed),
                Ok(Err(error)) if error.is_unavailable() => FlushOutcome::Unavailable(error.to_string()),
                Ok(Err(error)) => FlushOutcome::Rejected(error),
                Err(_) => FlushOutcome::Unavailable(format!("no answer within {deadline:?}")),
            }
        };
        ctx.spawn(work.into_actor(self).map(move |flush, act, ctx| {
            act.in_flight = false;
            metrics().flush_seconds.record(began.elapsed());
            act.flushed(count, flush, ctx);
        }));
    }

    fn flushed(&mut self, count: usize, flush: FlushOutcome, ctx: &mut Context<Self>) {
        match flush {
            FlushOutcome::Committed(committed) => {
                #[allow(clippy::cast_precision_loss, reason = "at most FLUSH_ROWS")]
                metrics().flush_rows.record(count as f64);
                self.retry = RETRY_FIRST;
                self.notify_boards(count, &committed);
                self.one_board_at_a_time &= !self.waiting.is_empty();
                if self.health.set_writable(true) {
                    tracing::info!(waiting = self.waiting.len(), "journal is writable again");
                    self.send_state();
                }
                self.flush(ctx);
            }
            FlushOutcome::Unavailable(error) => {
                metrics().flush_failures.increment(1);
                if self.health.set_writable(false) {
                    tracing::warn!(
                        error,
                        waiting = self.waiting.len(),
                        "journal is not writable, batches wait for postgres"
                    );
                    self.send_state();
                }
                self.schedule_retry(ctx);
            }
            FlushOutcome::Rejected(error) if self.one_board_at_a_time => {
                metrics().flush_failures.increment(1);
                let board = self.waiting.front().map(|row| row.board);
                tracing::error!(%error, ?board, rows = count, "postgres refused a board's batches");
                self.abandon_first();
                self.recover_if_empty();
                self.flush(ctx);
            }
            FlushOutcome::Rejected(error) => {
                metrics().flush_failures.increment(1);
                tracing::warn!(%error, rows = count, "postgres refused a transaction, writing its boards one at a time");
                self.one_board_at_a_time = true;
                self.schedule_retry(ctx);
            }
        }
    }

    fn schedule_retry(&mut self, ctx: &mut Context<Self>) {
        let armed = ctx.run_later(self.retry, |act, ctx| {
            act.retrying = None;
            act.flush(ctx);
        });
        self.retrying = Some(armed);
        self.retry = (self.retry * 2).min(RETRY_LAST);
    }

    /// Takes the first `count` rows out and tells each board how far it is committed, or that it lost the board.
    fn notify_boards(&mut self, count: usize, committed: &Committed) {
        let mut last: HashMap<(BoardId, Epoch), (Rev, Recipient<JournalEvent>)> = HashMap::with_capacity(count);
        for row in self.waiting.drain(..count) {
            self.waiting_bytes -= row.entry.stored_len();
            tracing::debug!(parent: &row.span, board = %row.board, rev = %row.entry.rev, "batch committed by postgres");
            last.insert((row.board, row.epoch), (row.entry.rev, row.owner));
        }
        self.health.set_waiting_bytes(self.waiting_bytes);
        metrics().journal_depth.decrement(u32::try_from(count).unwrap_or(u32::MAX));
        for (ownership, (rev, owner)) in last {
            let held = committed.contains(&ownership);
            owner.do_send(if held { JournalEvent::Persisted(rev) } else { JournalEvent::Fenced });
        }
    }

    /// Gives up the ownership of the first waiting row, with everything of it that waits: later batches must not be
    /// committed over the one that was refused.
    fn abandon_first(&mut self) {
        let Some(first) = self.waiting.front() else { return };
        let ownership = (first.board, first.epoch);
        let owner = first.owner.clone();
        let before = self.waiting.len();
        self.waiting.retain(|row| (row.board, row.epoch) != ownership);
        self.waiting_bytes = self.waiting.iter().map(|row| row.entry.stored_len()).sum();
        self.health.set_waiting_bytes(self.waiting_bytes);
        metrics().journal_depth.decrement(u32::try_from(before - self.waiting.len()).unwrap_or(u32::MAX));
        self.broken.insert(ownership);
        owner.do_send(JournalEvent::Fenced);
    }

    /// With nothing left to try, no flush would show that the journal is writable again.
    fn recover_if_empty(&mut self) {
        if self.waiting.is_empty() && self.health.set_writable(true) {
            tracing::info!("no batches wait for postgres");
        }
    }

    fn send_state(&self) {
        let state = JournalEvent::State { writable: self.health.is_writable() };
        let owners: HashMap<BoardId, &Recipient<JournalEvent>> =
            self.waiting.iter().map(|row| (row.board, &row.owner)).collect();
        for owner in owners.into_values() {
            owner.do_send(state);
        }
    }
}

impl Actor for JournalWriter {
    type Context = Context<Self>;
}

impl Handler<Append> for JournalWriter {
    type Result = ();

    fn handle(&mut self, append: Append, ctx: &mut Context<Self>) {
        let Append { board, epoch, entry, owner, span } = append;
        if self.broken.contains(&(board, epoch)) {
            owner.do_send(JournalEvent::Fenced);
            return;
        }
        if !self.health.is_writable() {
            owner.do_send(JournalEvent::State { writable: false });
        }
        self.waiting_bytes += entry.stored_len();
        self.health.set_waiting_bytes(self.waiting_bytes);
        metrics().journal_depth.increment(1);
        self.waiting.push_back(PendingRow { board, epoch, entry, owner, span });
        self.flush(ctx);
    }
}
