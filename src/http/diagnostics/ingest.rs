//! The queue between what clients tell and the database: bounded, best effort, off every request's way.
//! Filled by the handlers, emptied by one task that `app` starts. Never makes anybody wait: when it is full the oldest
//! leave and are counted (`m4sh_client_events_lost_total`).

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};

use m4sh_domain::limits::{CLIENT_EVENTS_BATCH, CLIENT_EVENTS_BYTES, CLIENT_EVENTS_LINGER, CLIENT_EVENTS_WAITING};
use m4sh_store::{ClientEvent, Store};

const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_LAST: Duration = Duration::from_secs(5);

/// The queue; a clone is the same queue.
#[derive(Clone, Default)]
pub struct Ingest(Arc<Shared>);

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    news: Notify,
    closing: AtomicBool,
    closed: Notify,
}

#[derive(Default)]
struct Queue {
    events: VecDeque<ClientEvent>,
    bytes: usize,
}

impl Queue {
    /// Adds an event; how many had to leave for it.
    fn push(&mut self, event: ClientEvent) -> u64 {
        self.bytes += weight(&event);
        self.events.push_back(event);
        let mut left = 0;
        while self.events.len() > CLIENT_EVENTS_WAITING || self.bytes > CLIENT_EVENTS_BYTES {
            let Some(oldest) = self.events.pop_front() else { break };
            self.bytes -= weight(&oldest);
            left += 1;
        }
        left
    }

    fn take(&mut self) -> Vec<ClientEvent> {
        let count = self.events.len().min(CLIENT_EVENTS_BATCH);
        let batch: Vec<_> = self.events.drain(..count).collect();
        self.bytes -= batch.iter().map(weight).sum::<usize>();
        batch
    }
}

/// About what an event holds of memory.
fn weight(event: &ClientEvent) -> usize {
    let texts = [&event.session, &event.name, &event.version, &event.data];
    size_of::<ClientEvent>() + texts.into_iter().flatten().map(String::capacity).sum::<usize>()
}

impl Ingest {
    /// A queue with its writer, on the runtime of the caller.
    #[must_use]
    pub fn start(store: Store) -> Self {
        let ingest = Self::default();
        tokio::spawn(ingest.clone().run(store));
        ingest
    }

    /// Takes what a client told.
    pub fn push(&self, events: Vec<ClientEvent>) {
        if events.is_empty() {
            return;
        }
        metrics::counter!("m4sh_client_events_total").increment(events.len() as u64);
        let mut queue = self.queue();
        let left: u64 = events.into_iter().map(|event| queue.push(event)).sum();
        drop(queue);
        if left > 0 {
            metrics::counter!("m4sh_client_events_lost_total").increment(left);
        }
        self.0.news.notify_one();
    }

    /// Writes what waits, for at most so long, and ends the writer.
    pub async fn close(&self, most: Duration) {
        let closed = self.0.closed.notified();
        self.0.closing.store(true, Relaxed);
        self.0.news.notify_one();
        if timeout(most, closed).await.is_err() {
            tracing::warn!(waiting = self.queue().events.len(), "client reports dropped at shutdown");
        }
    }

    async fn run(self, store: Store) {
        let mut retry = RETRY_FIRST;
        loop {
            self.0.news.notified().await;
            if !self.0.closing.load(Relaxed) {
                sleep(CLIENT_EVENTS_LINGER).await;
            }
            loop {
                let batch = self.queue().take();
                if batch.is_empty() {
                    break;
                }
                // The database decides whether it can take them; a batch that it does not like is dropped whole.
                while let Err(error) = store.record_client_events(&batch).await {
                    if !error.is_unavailable() {
                        tracing::error!(%error, count = batch.len(), "postgres refused client reports");
                        metrics::counter!("m4sh_client_events_lost_total").increment(batch.len() as u64);
                        break;
                    }
                    tracing::warn!(%error, "client reports wait for postgres");
                    sleep(retry).await;
                    retry = (retry * 2).min(RETRY_LAST);
                }
                retry = RETRY_FIRST;
            }
            if self.0.closing.load(Relaxed) {
                self.0.closed.notify_one();
                return;
            }
        }
    }

    fn queue(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use m4sh_store::{ClientEventKind, ClientMetrics};

    fn event(name: &str, bytes: usize) -> ClientEvent {
        ClientEvent {
            at: Timestamp::UNIX_EPOCH,
            kind: ClientEventKind::Telemetry,
            account: None,
            session: None,
            name: Some(name.to_owned()),
            version: None,
            figures: ClientMetrics::default(),
            data: Some("x".repeat(bytes)),
        }
    }

    #[test]
    fn m6_a_full_queue_loses_its_oldest_by_count_and_by_bytes() {
        let mut queue = Queue::default();
        let left: u64 = (0..CLIENT_EVENTS_WAITING + 10).map(|n| queue.push(event(&n.to_string(), 0))).sum();
        assert_eq!((left, queue.events.len()), (10, CLIENT_EVENTS_WAITING));
        assert_eq!(queue.events.front().and_then(|event| event.name.as_deref()), Some("10"));

        let mut queue = Queue::default();
        let half = CLIENT_EVENTS_BYTES / 2 - 1_000;
        assert_eq!(
            [queue.push(event("a", half)), queue.push(event("b", half)), queue.push(event("c", half))],
            [0, 0, 1]
        );
        assert!(queue.bytes <= CLIENT_EVENTS_BYTES);
        while !queue.take().is_empty() {}
        assert_eq!(queue.bytes, 0);
    }
}
