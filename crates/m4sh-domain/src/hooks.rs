//! Webhook events, retry delays, and delivery ids.
//! Used by `store`, `jobs::hooks` and `http`. Never knows an address or a secret.

use std::time::Duration;

use uuid::Uuid;

use crate::limits;

crate::named_enum! {
    /// An event of a webhook.
    pub enum HookEvent {
        /// A lesson was opened.
        SessionStarted = "session.started",
        /// A lesson ended.
        SessionEnded = "session.ended",
        /// A board of a lesson has new revisions.
        BoardSaved = "board.saved",
        /// Somebody raised a hand.
        HandRaised = "hand.raised",
        /// An export of a lesson's board can be downloaded.
        ExportCompleted = "export.completed",
        /// An export of a lesson's board failed.
        ExportFailed = "export.failed",
    }
}

/// The type of a delivery that tests a webhook; it is no event and has no cursor.
pub const TEST_EVENT: &str = "hook.test";

/// The delay after so many failures in a row: doubles up to a bound.
#[must_use]
pub fn backoff(failures: u32) -> Duration {
    let times = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
    limits::HOOK_BACKOFF.saturating_mul(times).min(limits::HOOK_BACKOFF_MAX)
}

/// The id of an event's delivery to a webhook: the same however often it is tried.
#[must_use]
pub fn delivery_id(hook: Uuid, event: Uuid) -> Uuid {
    Uuid::new_v5(&hook, event.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g2_events_are_found_by_their_names() {
        for event in HookEvent::ALL {
            assert_eq!(HookEvent::from_name(event.name()), Some(event));
        }
        assert_eq!(HookEvent::ALL.len(), 6);
        assert!([TEST_EVENT, "", "board", "*"].iter().all(|wrong| HookEvent::from_name(wrong).is_none()));
    }

    #[test]
    fn g6_waits_double_up_to_an_hour() {
        let waits: Vec<u64> = (1..=5).map(|failures| backoff(failures).as_secs()).collect();
        assert_eq!(waits, [2, 4, 8, 16, 32]);
        assert_eq!([12, 31, 32, 33, u32::MAX].map(backoff), [limits::HOOK_BACKOFF_MAX; 5]);
        assert_eq!(backoff(0), limits::HOOK_BACKOFF);
    }

    #[test]
    fn g4_a_delivery_keeps_its_id_and_differs_by_webhook_and_event() {
        let [a, b] = [Uuid::from_u128(1), Uuid::from_u128(2)];
        assert_eq!(delivery_id(a, b), delivery_id(a, b));
        assert!(delivery_id(a, b) != delivery_id(b, a) && delivery_id(a, a) != delivery_id(a, b));
    }
}
