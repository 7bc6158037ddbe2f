//! What each frame of a board is to a reader that lags. Used by seats and by what brings a reader back.
//! Never encodes anything.

use std::sync::Arc;

use crate::actors::outbox::FrameKind;
use m4sh_domain::board::JournalEntry;
use m4sh_protocol::server::ServerFrame;

/// What a frame is to a lagging reader.
pub(super) fn frame_kind(frame: &ServerFrame<'_>) -> FrameKind {
    match frame {
        ServerFrame::Ops(entry) => FrameKind::Ops(entry.rev),
        ServerFrame::Accepted { rev, .. } => FrameKind::Answer(Some(*rev)),
        ServerFrame::AcceptedCommand(done) => FrameKind::Answer(Some(done.rev)),
        ServerFrame::Refused { .. } => FrameKind::Answer(None),
        ServerFrame::Saved(_)
        | ServerFrame::Joined(_)
        | ServerFrame::Left(_)
        | ServerFrame::Status(_)
        | ServerFrame::View(..)
        | ServerFrame::Selection(..) => FrameKind::Transient,
        ServerFrame::Welcome(_)
        | ServerFrame::CatchUp(_)
        | ServerFrame::Can { .. }
        | ServerFrame::Budget { .. }
        | ServerFrame::Journal { .. }
        | ServerFrame::Ended(_)
        | ServerFrame::Prepared(_)
        | ServerFrame::Pong(_)
        | ServerFrame::Bye(_)
        | ServerFrame::ByeRetryAfter(..) => FrameKind::Plain,
    }
}

/// Bytes of a tail, roughly: what its batches have, and their frames around them.
pub(super) fn tail_bytes(entries: &[Arc<JournalEntry>]) -> usize {
    entries.iter().map(|entry| entry.ops.len() + 120).sum()
}
