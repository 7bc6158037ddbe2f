//! Leaves a trace of what was changed and by whom in the event log.
//! Called by the account and classroom handlers after the change is committed. Never fails a request: the change is
//! done by then, and saying otherwise would be a lie.

use super::Services;
use crate::{
    domain::ids::UserId,
    store::{Category, Event, Origin},
};

/// Records that `actor` did `action`.
pub async fn record(
    services: &Services,
    actor: UserId,
    category: Category,
    action: &'static str,
    origin: Origin,
    data: serde_json::Value,
) {
    let event = Event { actor: Some(actor), category, action, node: None, origin, data };
    if let Err(error) = services.store.record_event(&event).await {
        tracing::warn!(action, %actor, %error, "event not recorded");
    }
}
