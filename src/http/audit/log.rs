//! The event log's writer: one task that gathers the events of many requests and commits them together.
//! Started by `app`, fed by `settle`, flushed at shutdown. Never makes a request fail: an event that cannot be kept is
//! counted (`m4sh_events_lost_total`) and logged.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep, timeout, timeout_at},
};

use super::Pace;
use m4sh_domain::limits::{EVENT_WAIT, EVENTS_LINGER, EVENTS_WAITING, FLUSH_ROWS};
use m4sh_store::{AuditEvent, Store, StoreError};

const RETRY_FIRST: Duration = Duration::from_millis(50);
const RETRY_LAST: Duration = Duration::from_secs(1);

/// The door to the writer; a clone is the same door.
#[derive(Clone, Debug)]
pub struct EventLog {
    queue: mpsc::Sender<Entry>,
    /// The database was away a moment ago: nobody waits for it.
    away: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Entry {
    /// `None` is a mark in the queue: who waits for it waits for all before it.
    event: Option<AuditEvent>,
    waiting: Option<oneshot::Sender<()>>,
}

impl EventLog {
    /// Starts the writer on the runtime of the caller, which must live as long as events are recorded.
    #[must_use]
    pub fn start(store: Store) -> Self {
        let (queue, entries) = mpsc::channel(EVENTS_WAITING);
        let away = Arc::new(AtomicBool::new(false));
        tokio::spawn(Writer { store, entries, away: away.clone() }.run());
        Self { queue, away }
    }

    /// Hands an event over, and waits for its commit where the pace says so, for at most [`EVENT_WAIT`].
    pub async fn record(&self, event: AuditEvent, pace: Pace) {
        let waits = pace == Pace::AtOnce && !self.away.load(Relaxed);
        let (waiting, committed) = if waits { Some(oneshot::channel()).unzip() } else { (None, None) };
        if let Err(refused) = self.queue.try_send(Entry { event: Some(event), waiting }) {
            let action = refused.into_inner().event.map_or("", |event| event.action);
            lost(1, &format!("the queue is full: {action}"));
            return;
        }
        if let Some(committed) = committed
            && timeout(EVENT_WAIT, committed).await.is_err()
        {
            tracing::warn!("answering a request before its audit event is committed");
        }
    }

    /// Waits until all that was recorded is committed, but no longer than `most`.
    pub async fn flush(&self, most: Duration) {
        let (waiting, committed) = oneshot::channel();
        let flushed = timeout(most, async {
            self.queue.send(Entry { event: None, waiting: Some(waiting) }).await.ok()?;
            committed.await.ok()
        });
        if !matches!(flushed.await, Ok(Some(()))) {
            tracing::error!(waiting = EVENTS_WAITING - self.queue.capacity(), "audit events dropped at shutdown");
        }
    }
}

fn lost(count: usize, why: &str) {
    metrics::counter!("m4sh_events_lost_total").increment(count as u64);
    tracing::error!(count, why, "audit events lost");
}

struct Writer {
    store: Store,
    entries: mpsc::Receiver<Entry>,
    away: Arc<AtomicBool>,
}

impl Writer {
    /// While one batch is being committed the next one gathers.
    async fn run(mut self) {
        let mut batch = Vec::new();
        while self.entries.recv_many(&mut batch, FLUSH_ROWS).await > 0 {
            self.linger(&mut batch).await;
            let waited_for = batch.iter().any(|entry| entry.waiting.is_some());
            let (events, waiting): (Vec<_>, Vec<_>) = batch.drain(..).map(|entry| (entry.event, entry.waiting)).unzip();
            self.keep(events.into_iter().flatten().collect(), waited_for).await;
            // Who gave up waiting does not want to know.
            waiting.into_iter().flatten().for_each(|waiting| _ = waiting.send(()));
        }
    }

    /// Saves come by the hundred and nobody waits for their events, so a moment's patience spares most transactions.
    async fn linger(&mut self, batch: &mut Vec<Entry>) {
        let until = Instant::now() + EVENTS_LINGER;
        while batch.len() < FLUSH_ROWS && batch.iter().all(|entry| entry.waiting.is_none()) {
            let room = FLUSH_ROWS - batch.len();
            match timeout_at(until, self.entries.recv_many(batch, room)).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => return,
            }
        }
    }

    /// Tries until the database is there; what it refuses is lost.
    async fn keep(&self, events: Vec<AuditEvent>, waited_for: bool) {
        let mut retry = RETRY_FIRST;
        while let Err(error) = self.store.record_events(&events, waited_for).await {
            if !error.is_unavailable() {
                return self.keep_one_by_one(&events, &error).await;
            }
            if !self.away.swap(true, Relaxed) {
                tracing::warn!(%error, "audit events wait for postgres");
            }
            sleep(retry).await;
            retry = (retry * 2).min(RETRY_LAST);
        }
        self.away.store(false, Relaxed);
        metrics::counter!("m4sh_events_total").increment(events.len() as u64);
    }

    /// One event that the database does not take must not cost the others.
    async fn keep_one_by_one(&self, events: &[AuditEvent], error: &StoreError) {
        tracing::error!(%error, count = events.len(), "postgres refused a batch of audit events, writing them one at a time");
        for event in events {
            if let Err(error) = self.store.record_events(std::slice::from_ref(event), true).await {
                lost(1, &format!("{}: {error}", event.action));
            }
        }
    }
}
