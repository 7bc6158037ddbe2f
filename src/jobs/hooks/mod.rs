//! Webhooks: events of a class are collected from committed data, numbered, and delivered in order, at least once.
//! Started by `app` beside the runner; many processes share the work by leases in rows. Never on a thread of boards, and
//! separate from the queue, so that slow receivers do not delay exports. ADR 0025.

pub mod address;
mod client;
mod deliver;
mod signature;

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::{sleep, timeout},
};
use uuid::Uuid;

pub use client::{Delivery, DeliveryOutcome, WebhookClient};
pub use signature::header as signature;

use m4sh_domain::limits;
use m4sh_store::Store;

/// Everything that sends.
pub struct Dispatcher {
    store: Store,
    courier: Arc<WebhookClient>,
    /// How long a receiver may fail; `None`: for ever.
    give_up: Option<Duration>,
}

/// A running dispatcher.
pub struct DispatcherHandle {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Dispatcher {
    /// A dispatcher that is not started.
    #[must_use]
    pub fn new(store: Store, courier: Arc<WebhookClient>, give_up: Option<Duration>) -> Self {
        Self { store, courier, give_up }
    }

    /// Starts collecting and delivering, on a task of the caller's runtime.
    #[must_use]
    pub fn start(self) -> DispatcherHandle {
        let (stop, stopped) = watch::channel(false);
        DispatcherHandle { stop, task: tokio::spawn(Arc::new(self).serve(stopped)) }
    }

    async fn serve(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut tasks = JoinSet::new();
        while !*stop.borrow_and_update() {
            self.look().await;
            self.take(&mut tasks, &stop).await;
            tokio::select! {
                _ = stop.changed() => {}
                Some(_) = tasks.join_next() => {}
                () = sleep(limits::HOOKS_POLL) => {}
            }
        }
        while tasks.join_next().await.is_some() {}
    }

    /// Collects the events of each class that is due.
    async fn look(&self) {
        loop {
            match self.store.collect_hook_events().await {
                Ok(Some(_)) => {}
                Ok(None) => return,
                Err(error) => return tracing::debug!(%error, "classes with webhooks could not be scanned"),
            }
        }
    }

    /// Claims due webhooks while there is capacity.
    async fn take(self: &Arc<Self>, tasks: &mut JoinSet<()>, stop: &watch::Receiver<bool>) {
        while tasks.len() < limits::HOOKS_AT_ONCE {
            let lease = Uuid::new_v4();
            match self.store.claim_hook(lease).await {
                Ok(Some(hook)) => {
                    let (own, stop) = (self.clone(), stop.clone());
                    tasks.spawn(async move { own.deliver(hook, lease, &stop).await });
                }
                Ok(None) => return,
                Err(error) => return tracing::debug!(%error, "no webhook could be claimed"),
            }
        }
    }
}

impl DispatcherHandle {
    /// Starts no further delivery and waits a moment for those in progress. An interrupted one is repeated by the process that
    /// claims the webhook next.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        let mut task = self.task;
        if timeout(limits::JOBS_DRAIN, &mut task).await.is_err() {
            task.abort();
        }
    }
}
