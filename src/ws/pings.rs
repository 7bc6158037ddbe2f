//! One connection's pings: when the next is due, and what the time to their answers says of the connection.
//! Used by `socket_loop`. Never sends anything.

use std::time::Duration;

use tokio::time::Instant;

use m4sh_domain::limits;
use m4sh_protocol::roster::Quality;

/// The pings of one connection.
pub(super) struct PingTimer {
    sent: u64,
    due: Instant,
    /// When the last one went out, until it is answered.
    unanswered: Option<Instant>,
    /// The round trip, smoothed: one late answer is no poor connection.
    round_trip: Option<Duration>,
    known: Option<Quality>,
    last_sent: Option<Quality>,
}

impl PingTimer {
    pub(super) fn new() -> Self {
        let due = Instant::now() + limits::PING_FIRST;
        Self { sent: 0, due, unanswered: None, round_trip: None, known: None, last_sent: None }
    }

    /// How long until the next one.
    pub(super) fn wait(&self) -> Duration {
        self.due.saturating_duration_since(Instant::now())
    }

    /// The next one's payload, when it is due. One that was not answered by then says enough.
    pub(super) fn due(&mut self) -> Option<[u8; 8]> {
        let now = Instant::now();
        if now < self.due {
            return None;
        }
        if self.unanswered.is_some() {
            (self.round_trip, self.known) = (None, Some(Quality::Poor));
        }
        self.sent += 1;
        self.due = now + limits::PING_AFTER;
        self.unanswered = Some(now);
        Some(self.sent.to_be_bytes())
    }

    /// An answer came; one to an earlier ping, or to none, says nothing.
    pub(super) fn record_pong(&mut self, payload: &[u8]) {
        if payload != self.sent.to_be_bytes() {
            return;
        }
        if let Some(sent) = self.unanswered.take() {
            let trip = sent.elapsed();
            let trip = self.round_trip.map_or(trip, |known| (known * 3 + trip) / 4);
            (self.round_trip, self.known) = (Some(trip), Some(Quality::of(trip)));
        }
    }

    /// The connection's quality, when it changed since the last call.
    pub(super) fn changed_quality(&mut self) -> Option<Quality> {
        let news = self.known.filter(|known| self.last_sent != Some(*known));
        self.last_sent = self.known;
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn j14_an_unanswered_ping_is_a_poor_connection_until_one_is_answered() {
        let mut pings = PingTimer::new();
        assert!(pings.due().is_none(), "not at once");
        let now = |pings: &mut PingTimer| {
            pings.due = Instant::now();
            pings.due().expect("due")
        };
        let first = now(&mut pings);
        assert_eq!(pings.changed_quality(), None);
        pings.record_pong(b"something");
        assert_eq!(pings.changed_quality(), None, "no answer of ours");
        pings.record_pong(&first);
        assert_eq!((pings.changed_quality(), pings.changed_quality()), (Some(Quality::Excellent), None));
        let second = now(&mut pings);
        let third = now(&mut pings);
        assert_eq!(pings.changed_quality(), Some(Quality::Poor));
        pings.record_pong(&second);
        assert_eq!(pings.changed_quality(), None, "too late");
        pings.record_pong(&third);
        assert_eq!(pings.changed_quality(), Some(Quality::Excellent));
    }
}
