//! What is done by itself: jobs, snapshots on a timer, and how long things are kept.
//! Resolved by `config`. Never says when the schedule runs: that is code.

use std::time::Duration;

use jiff::SignedDuration;
use serde::Deserialize;

use super::{ConfigError, RawSettings};
use m4sh_domain::limits;

/// What the operator decided about jobs and keeping.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MaintenanceSettings {
    /// Whether this process runs jobs; another one must then.
    pub jobs: bool,
    /// Snapshots kept of each board; pinned ones stay besides.
    pub snapshot_keep_last: u32,
    /// How old a changed board's newest snapshot may grow before one is taken; `None`: none are taken by themselves.
    pub snapshot_every: Option<Duration>,
    /// How long what clients tell of themselves is kept.
    pub client_events: Duration,
    /// How long the event log is kept; `None`: for ever.
    pub events: Option<Duration>,
    /// How long a lesson is kept after its end, with everything of it; `None`: for ever.
    pub lessons: Option<Duration>,
    /// Webhooks.
    pub hooks: WebhookSettings,
}

/// What the operator decided about webhooks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WebhookSettings {
    /// Whether they may go to private addresses.
    pub allow_private: bool,
    /// How long a receiver may fail before its webhook is paused; `None`: for ever.
    pub give_up: Option<Duration>,
}

/// A length of time, or `off`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct JobInterval(Option<Duration>);

impl TryFrom<String> for JobInterval {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl std::str::FromStr for JobInterval {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self(None));
        }
        let wrong = || format!("`{text}` is no length of time: write `off`, or for instance `10min`, from 1s to 7d");
        let length = text.parse::<SignedDuration>().ok().and_then(|length| Duration::try_from(length).ok());
        let length = length.or_else(|| {
            text.strip_suffix('d')?.parse().ok().map(|days: u64| days.saturating_mul(DAY)).map(Duration::from_secs)
        });
        let fits = |length: &Duration| (1..=7 * DAY).contains(&length.as_secs());
        length.filter(fits).map(|length| Self(Some(length))).ok_or_else(wrong)
    }
}

const DAY: u64 = 24 * 3600;
/// Days that anything may be asked to be kept: a hundred years.
const MOST_DAYS: u32 = 36_500;

pub(super) fn resolve(cli: &RawSettings, file: &RawSettings) -> Result<MaintenanceSettings, ConfigError> {
    let days = |name, given: Option<u32>, default: u32| match given.unwrap_or(default) {
        days if days <= MOST_DAYS => Ok(Duration::from_secs(u64::from(days) * DAY)),
        _ => Err(ConfigError::Value(name, format!("needs 0 to {MOST_DAYS}"))),
    };
    let keep = cli.snapshot_keep_last.or(file.snapshot_keep_last).unwrap_or(20);
    let events = days("event_days", cli.event_days.or(file.event_days), 0)?;
    let lessons = days("lesson_days", cli.lesson_days.or(file.lesson_days), 0)?;
    Ok(MaintenanceSettings {
        jobs: cli.jobs.or(file.jobs).unwrap_or(true),
        // A negative number is 0 (SPEC N7).
        snapshot_keep_last: u32::try_from(keep.max(0)).unwrap_or(u32::MAX),
        snapshot_every: cli
            .snapshot_every
            .or(file.snapshot_every)
            .map_or(Some(Duration::from_secs(600)), |every| every.0),
        client_events: days(
            "client_event_days",
            cli.client_event_days.or(file.client_event_days),
            limits::CLIENT_EVENTS_DAYS,
        )?,
        events: (!events.is_zero()).then_some(events),
        lessons: (!lessons.is_zero()).then_some(lessons),
        hooks: WebhookSettings {
            allow_private: cli.hooks_allow_private.or(file.hooks_allow_private).unwrap_or(false),
            give_up: cli.hooks_give_up.or(file.hooks_give_up).map_or(Some(Duration::from_secs(DAY)), |every| every.0),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn o3_a_length_of_time_is_read_as_people_write_it() {
        let of = |text: &str| text.parse::<JobInterval>().map(|every| every.0.map(|length| length.as_secs()));
        for (text, seconds) in [("10min", 600), ("1s", 1), ("90s", 90), ("2h", 7200), ("1h 30m", 5400), ("7d", 604_800)]
        {
            assert_eq!(of(text), Ok(Some(seconds)), "{text}");
        }
        assert_eq!(of("off"), Ok(None));
        for wrong in ["", "0s", "-5min", "10", "ten", "8d", "999999999999999999999h", "200h"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }
}
