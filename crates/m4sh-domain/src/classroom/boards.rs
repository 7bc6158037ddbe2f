//! Boards for pupils: `pupil_boards` (SPEC B). Push, collect and groups are REST's, since they take longer than a frame should.

use super::{AllowedSenders, ClassAction, FrameSpec, Retention};
use crate::fields::{flag, optional_id};

pub(super) const PUPIL_BOARDS: FrameSpec = FrameSpec {
    name: "pupil_boards",
    needs: "pupil_boards needs on: true or false",
    example: r#"{"on":false}"#,
    senders: AllowedSenders::Tutors,
    denied: "only those who lead this class give boards",
    retention: Retention::Rows,
    fault: |spec, frame| match flag(frame, "on") {
        Some(_) => "pupil_boards: template is a board's id",
        None => spec.needs,
    },
    decode: |frame| {
        let on = flag(frame, "on")?;
        Some(ClassAction::PupilBoards { on, template: optional_id(frame, "template")? })
    },
    ..FrameSpec::ACTION
};
