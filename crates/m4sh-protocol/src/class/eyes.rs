//! A tutor's eyes: being done, and when somebody counts as stuck. Read by `class`, carried out by `actors::classroom`.
//! Never judges who may.

use std::time::Duration;

use m4sh_domain::json::Value;

/// One frame of this kind.
#[derive(Clone, PartialEq, Debug)]
pub enum EyesFrame {
    /// I am done, or not any more.
    Done(bool),
    /// After how long without an operation somebody counts as stuck.
    Attention {
        /// 1 s to an hour.
        stuck_after: Duration,
    },
}

impl EyesFrame {
    /// The names of these frames.
    pub const NAMES: [&'static str; 2] = ["done", "attention"];

    /// The frame with that name; `None` when it is none of these.
    pub(super) fn read(kind: &str, value: &Value) -> Option<Result<Self, &'static str>> {
        Some(match kind {
            "done" => value.get("on").and_then(Value::as_bool).map(Self::Done).ok_or("done needs on: true or false"),
            "attention" => {
                let seconds =
                    value.get("stuck_after").and_then(Value::as_u64).filter(|seconds| (1..=3600).contains(seconds));
                let frame = |seconds| Self::Attention { stuck_after: Duration::from_secs(seconds) };
                seconds.map(frame).ok_or("attention needs stuck_after, 1 to 3600 seconds")
            }
            _ => return None,
        })
    }
}
