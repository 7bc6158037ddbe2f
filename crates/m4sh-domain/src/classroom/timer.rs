//! The lesson's timer: `timer` (SPEC F6). It runs by the server's clock.

use jiff::{SignedDuration, Timestamp};

use super::spec::{Decide, Event, EventColumns};
use super::{ClassState, DecisionContext, DecisionResult, FrameSpec, RecordedEvent, Requester, happens};
use crate::fields::flag;
use crate::json::{Object, Value};
use crate::limits;
use crate::refusal::{Refusal, RefusalCode};
use crate::times;

const NO_TIMER: Refusal = Refusal::new(RefusalCode::NoTimer, "no timer is in a state in which this can be done");

/// What the timer is to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimerCommand {
    /// Run for so many seconds from now.
    Start(u64),
    /// Go away.
    Stop,
    /// Stand still.
    Pause,
    /// Run on.
    Resume,
}

impl TimerCommand {
    fn decode(frame: &Value) -> Option<Self> {
        let named = [("stop", Self::Stop), ("pause", Self::Pause), ("resume", Self::Resume)];
        let mut asked = named.into_iter().filter(|(key, _)| flag(frame, key) == Some(true)).map(|(_, command)| command);
        let seconds = match frame.get("seconds") {
            None | Some(Value::Null) => None,
            Some(seconds) => Some(seconds.as_u64().filter(|seconds| (1..=limits::TIMER_SECONDS).contains(seconds))?),
        };
        match (seconds, asked.next(), asked.next()) {
            (Some(seconds), None, None) => Some(Self::Start(seconds)),
            (None, Some(command), None) => Some(command),
            _ => None,
        }
    }
}

impl Decide for TimerCommand {
    const SPEC: FrameSpec = FrameSpec {
        name: "timer",
        needs: "timer needs one of seconds (1 to 86400), stop, pause and resume",
        example: r#"{"stop":true}"#,
        decode: |frame| Some(Self::decode(frame)?.into()),
        ..FrameSpec::COMMAND
    };

    fn decide(&self, state: &ClassState, _: &Requester, context: &DecisionContext<'_>) -> DecisionResult {
        let now = context.now;
        let ends = |ms: u64| {
            let span = SignedDuration::from_millis(i64::try_from(ms).unwrap_or(i64::MAX));
            now.checked_add(span).map_err(|_| NO_TIMER)
        };
        happens(match (*self, state.timer) {
            (Self::Start(seconds), _) => ClassTimer::Running { seconds, ends_at: ends(seconds.saturating_mul(1000))? },
            (Self::Stop, _) => ClassTimer::Stopped,
            (Self::Pause, ClassTimer::Running { seconds, ends_at }) if ends_at > now => {
                let left = ends_at.duration_since(now).as_millis();
                ClassTimer::Paused { seconds, left_ms: u64::try_from(left).unwrap_or_default() }
            }
            (Self::Resume, ClassTimer::Paused { seconds, left_ms }) => {
                ClassTimer::Running { seconds, ends_at: ends(left_ms)? }
            }
            (Self::Pause | Self::Resume, _) => return Err(NO_TIMER),
        })
    }
}

/// How the timer stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ClassTimer {
    /// None.
    #[default]
    Stopped,
    /// It runs out at a moment of the server's clock.
    Running {
        /// What it was set to.
        seconds: u64,
        /// When it is over.
        ends_at: Timestamp,
    },
    /// It stands still.
    Paused {
        /// What it was set to.
        seconds: u64,
        /// What is left.
        left_ms: u64,
    },
}

impl ClassTimer {
    /// As frames, rows and welcomes have it.
    pub(super) fn fields(self) -> Object {
        match self {
            Self::Stopped => Object::from([("state", "stopped".into())]),
            Self::Running { seconds, ends_at } => Object::from([
                ("state", "running".into()),
                ("seconds", seconds.into()),
                ("ends_at", times::utc_field(ends_at).into()),
            ]),
            Self::Paused { seconds, left_ms } => {
                Object::from([("state", "paused".into()), ("seconds", seconds.into()), ("left_ms", left_ms.into())])
            }
        }
    }
}

impl Event for ClassTimer {
    const KIND: &'static str = "timer";

    fn data(&self) -> Object {
        self.fields()
    }

    fn read(row: &EventColumns<'_>) -> Option<Self> {
        let seconds = row.number("seconds");
        Some(match row.text("state")? {
            "stopped" => Self::Stopped,
            "running" => Self::Running { seconds: seconds?, ends_at: row.text("ends_at")?.parse().ok()? },
            "paused" => Self::Paused { seconds: seconds?, left_ms: row.number("left_ms")? },
            _ => return None,
        })
    }

    fn apply(&self, _: &RecordedEvent, state: &mut ClassState) {
        state.timer = *self;
    }
}
