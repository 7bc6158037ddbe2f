//! When scheduled tasks are due, in UTC, and how an occurrence becomes one job on any number of nodes.
//! Called by the runner each second. Never stores anything: the row of the job is the record.

use std::{collections::HashMap, fmt};

use jiff::Timestamp;
use uuid::Uuid;

use super::{Jobs, NewJob};

const MINUTE: i64 = 60;
const DAY: i64 = 24 * 60 * MINUTE;
const WEEK: i64 = 7 * DAY;

/// A recurrence: a period and an offset, in seconds since the epoch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Recurrence {
    period: i64,
    offset: i64,
}

impl Recurrence {
    /// At the beginning of every minute.
    #[must_use]
    pub const fn each_minute() -> Self {
        Self { period: MINUTE, offset: 0 }
    }

    /// Every day at this time, UTC.
    #[must_use]
    pub const fn daily(hour: i64, minute: i64) -> Self {
        Self { period: DAY, offset: (hour * 60 + minute) * MINUTE }
    }

    /// Every Sunday at this time, UTC.
    #[must_use]
    pub const fn sundays(hour: i64, minute: i64) -> Self {
        // The epoch began on a Thursday.
        Self { period: WEEK, offset: 3 * DAY + (hour * 60 + minute) * MINUTE }
    }

    /// The last occurrence at or before `now`.
    #[must_use]
    pub fn last(self, now: Timestamp) -> Timestamp {
        let second = now.as_second();
        let since = (second - self.offset).rem_euclid(self.period);
        Timestamp::from_second(second - since).unwrap_or(now)
    }
}

impl fmt::Display for Recurrence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minutes = self.offset.rem_euclid(DAY) / MINUTE;
        let time = format!("{:02}:{:02} UTC", minutes / 60, minutes % 60);
        match self.period {
            MINUTE => f.write_str("each minute"),
            DAY => write!(f, "daily {time}"),
            _ => write!(f, "Sundays {time}"),
        }
    }
}

/// Enqueues each occurrence once. Of missed ones the last is enqueued at the start.
#[derive(Default)]
pub(super) struct Schedule {
    times: Vec<(&'static str, Recurrence)>,
    asked: HashMap<&'static str, Timestamp>,
}

impl Schedule {
    pub(super) fn add(&mut self, kind: &'static str, when: Recurrence) {
        self.times.push((kind, when));
    }

    /// Enqueues what is due. A failure is retried by the next call.
    pub(super) async fn enqueue_due(&mut self, jobs: &Jobs, now: Timestamp) {
        for (kind, when) in &self.times {
            let due = when.last(now);
            if self.asked.get(kind).is_some_and(|asked| *asked >= due) {
                continue;
            }
            match jobs.enqueue(occurrence(kind, due)).await {
                Ok(_) => drop(self.asked.insert(kind, due)),
                Err(error) => {
                    tracing::debug!(kind, %error, "scheduled job could not be enqueued");
                    return;
                }
            }
        }
    }
}

/// The key is the time, so that all nodes enqueue the same job.
fn occurrence(kind: &'static str, due: Timestamp) -> NewJob {
    NewJob {
        id: Uuid::now_v7(),
        kind,
        account: None,
        node: None,
        key: Some(due.to_string()),
        fingerprint: None,
        params: serde_json::json!({}),
        expires_at: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn t7_occurrences_are_in_utc_and_the_last_one_is_found() {
        let daily = Recurrence::daily(3, 30);
        assert_eq!(daily.last(at("2026-03-01T03:30:00Z")), at("2026-03-01T03:30:00Z"));
        assert_eq!(daily.last(at("2026-03-01T03:29:59.9Z")), at("2026-02-28T03:30:00Z"));
        assert_eq!(Recurrence::each_minute().last(at("2026-03-01T03:29:59.9Z")), at("2026-03-01T03:29:00Z"));
        // 1 March 2026 is a Sunday.
        let sundays = Recurrence::sundays(4, 30);
        assert_eq!(sundays.last(at("2026-03-07T23:00:00Z")), at("2026-03-01T04:30:00Z"));
        assert_eq!(sundays.last(at("2026-03-01T04:29:00Z")), at("2026-02-22T04:30:00Z"));
        let names = [Recurrence::each_minute(), daily, sundays].map(|when| when.to_string());
        assert_eq!(names, ["each minute", "daily 03:30 UTC", "Sundays 04:30 UTC"]);
    }

    proptest! {
        #[test]
        fn t7_every_moment_belongs_to_one_occurrence(second in -4_000_000_000_i64..8_000_000_000) {
            let now = Timestamp::from_second(second).unwrap();
            for when in [Recurrence::each_minute(), Recurrence::daily(3, 0), Recurrence::sundays(4, 30)] {
                let last = when.last(now);
                prop_assert!(last <= now && now.as_second() - last.as_second() < when.period);
                prop_assert_eq!(when.last(last), last);
                prop_assert_eq!((last.as_second() - when.offset).rem_euclid(when.period), 0);
            }
        }
    }
}
