//! Solo boards over REST: boards of one's own, and class boards for those with the right (SPEC H).
//! Called by the route table. Never reads or writes a document itself: the directory does, in the board's order.

pub mod beacon;
pub mod boards;
mod copies;
pub mod detail;
pub mod diff;
pub mod exports;
mod paths;
pub mod sharing;
pub mod snapshots;
pub mod stream;
pub mod thumbnails;
pub mod undo;
pub mod visits;

use super::{assets, blobs, operation::Area};
use m4sh_domain::rate::Scope;

pub use paths::{BoardPath, RevisionPath};

pub(super) use super::states as state;

/// Boards and all that belongs to one.
pub fn areas() -> Vec<Area> {
    let saves = [diff::operation(), stream::operation(), beacon::operation()];
    let about_saves = "Answered when what was saved is committed, and not before.";
    let made = [&exports::operations()[..], &thumbnails::operations()].concat();
    vec![
        boards::area(),
        Area::new("Saving", about_saves, saves).frequent(),
        undo::area(),
        snapshots::area(),
        assets::area(),
        blobs::area(),
        Area::new("Exports", "Files and pictures of boards, made by the server.", made).rate(Scope::SoloUser),
        sharing::area(),
    ]
}
