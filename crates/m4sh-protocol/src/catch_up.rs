//! What brings a reader back that fell behind: everything that it was not told, in one frame.
//! Made by the board actor, encoded by `server`. Never a part of it: `tail` or `snapshot`, whole.

use super::roster::{RosterEntry, entry_fields};
use super::server::{SyncContent, frame, rev, tail};
use bytes::Bytes;
use m4sh_domain::ids::{Epoch, Rev};
use m4sh_domain::json::{Object, Value};

/// What a reader missed.
pub struct CatchUp<'a> {
    /// The board's ownership.
    pub epoch: Epoch,
    /// The revision that it brings its reader to.
    pub rev: Rev,
    /// Everything up to here is committed.
    pub saved: Rev,
    /// Everybody who is there.
    pub roster: Vec<RosterEntry<'a>>,
    /// The batches after the reader's revision, or the whole document.
    pub content: SyncContent,
}

impl CatchUp<'_> {
    pub(super) fn parts(&self, raw: &mut Vec<(&'static str, Bytes)>) -> Object {
        let kind = match &self.content {
            SyncContent::State(_) => "snapshot",
            SyncContent::Tail(entries) => {
                raw.push(("ops", tail(entries)));
                "tail"
            }
        };
        frame(
            kind,
            [
                ("epoch", Value::from(self.epoch.0)),
                ("rev", rev(self.rev)),
                ("saved", rev(self.saved)),
                ("roster", Value::Array(self.roster.iter().map(|one| Value::Object(entry_fields(one))).collect())),
            ],
        )
    }
}
