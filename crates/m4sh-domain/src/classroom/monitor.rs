//! How pupils are doing: `done`, and after how long somebody counts as stuck: `attention` (SPEC E).

use std::time::Duration;

use super::{AllowedSenders, ClassAction, FrameSpec};
use crate::fields::flag;

pub(super) const DONE: FrameSpec = FrameSpec {
    name: "done",
    needs: "done needs on: true or false",
    example: r#"{"on":false}"#,
    decode: |frame| Some(ClassAction::Done(flag(frame, "on")?)),
    ..FrameSpec::ACTION
};

pub(super) const ATTENTION: FrameSpec = FrameSpec {
    name: "attention",
    needs: "attention needs stuck_after, 1 to 3600 seconds",
    example: r#"{"stuck_after":90}"#,
    senders: AllowedSenders::Supervisors,
    denied: "only those who lead or assist set this",
    decode: |frame| {
        let seconds = frame.get("stuck_after")?.as_u64().filter(|seconds| (1..=3600).contains(seconds))?;
        Some(ClassAction::Attention { stuck_after: Duration::from_secs(seconds) })
    },
    ..FrameSpec::ACTION
};
