//! One leased webhook: delivers its events in order, one at a time, until one fails or none is left.
//! Called by the dispatcher. Never sends an event before the previous one has arrived, and records nothing without the lease.

use std::time::Duration;

use jiff::Timestamp;
use metrics::counter;
use tokio::sync::watch;
use uuid::Uuid;

use super::{
    Dispatcher,
    client::{Delivery, DeliveryOutcome},
};
use m4sh_domain::hooks::{backoff, delivery_id};
use m4sh_store::{ClaimedHook, FailedDelivery, NumberedEvent, StoreError};

/// The status of a receiver that is gone for good.
const GONE: u16 = 410;

impl Dispatcher {
    /// Delivers the outstanding events. A delivery that cannot be recorded is repeated: the lease expires.
    pub(super) async fn deliver(&self, hook: ClaimedHook, lease: Uuid, stop: &watch::Receiver<bool>) {
        if let Err(error) = self.events(&hook, lease, stop).await {
            tracing::debug!(hook = %hook.id, %error, "delivery could not be recorded");
        }
    }

    async fn events(&self, hook: &ClaimedHook, lease: Uuid, stop: &watch::Receiver<bool>) -> Result<(), StoreError> {
        let (mut cursor, mut arrived) = (hook.cursor, false);
        for event in self.store.hook_events(hook.classroom, cursor).await? {
            if *stop.borrow() {
                break;
            }
            if hook.events.iter().any(|wanted| wanted.name() == event.kind) {
                match self.courier.send(&delivery(hook, &event)).await {
                    DeliveryOutcome::Arrived { answered } => {
                        counter!("m4sh_hook_deliveries_total", "outcome" => "arrived").increment(1);
                        if !self.store.hook_delivered(hook.id, lease, &event, answered).await? {
                            return Ok(());
                        }
                        arrived = true;
                    }
                    DeliveryOutcome::Missed { answered, error } => {
                        counter!("m4sh_hook_deliveries_total", "outcome" => "missed").increment(1);
                        let before = if arrived { 0 } else { hook.failures };
                        return self.missed(hook, lease, &event, (answered, &error), before).await;
                    }
                }
            }
            cursor = event.seq;
        }
        self.store.release_hook(hook.id, lease, cursor).await
    }

    async fn missed(
        &self,
        hook: &ClaimedHook,
        lease: Uuid,
        event: &NumberedEvent,
        (answered, error): (Option<u16>, &str),
        before: u32,
    ) -> Result<(), StoreError> {
        let wait = backoff(before.saturating_add(1));
        let failing = if before == 0 { Duration::ZERO } else { hook.failing_since.map_or(Duration::ZERO, since) };
        // 410 means that the receiver is gone for good.
        let goes_on = answered != Some(GONE) && self.give_up.is_none_or(|give_up| failing < give_up);
        let missed =
            FailedDelivery { seq: event.seq, kind: &event.kind, answered, error, wait: goes_on.then_some(wait) };
        if self.store.hook_delivery_failed(hook.id, lease, &missed).await? && !goes_on {
            tracing::warn!(hook = %hook.id, error, ?failing, "webhook paused after failures");
        }
        Ok(())
    }
}

fn since(moment: Timestamp) -> Duration {
    Duration::try_from(Timestamp::now().duration_since(moment)).unwrap_or_default()
}

fn delivery<'a>(hook: &'a ClaimedHook, event: &'a NumberedEvent) -> Delivery<'a> {
    Delivery {
        url: &hook.url,
        secrets: &hook.secrets.0,
        delivery: delivery_id(hook.id.0, event.id),
        id: event.id,
        kind: &event.kind,
        at: event.at,
        cursor: Some(event.seq),
        classroom: hook.classroom,
        session: event.session,
        board: event.board,
        data: &event.data,
    }
}
