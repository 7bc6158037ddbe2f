//! Numbers of a tutor's eyes and of boards for each pupil. Used as the rest of `limits`.
//! Never holds a value that an operator may change.

use std::time::Duration;

/// Points of one mark of a thumbnail: a scribble on a grid of 160 by 90 has no more to show.
pub const THUMB_POINTS: usize = 32;
/// Marks on a thumbnail's page: past it the oldest are not shown any more.
pub const THUMB_MARKS: usize = 1_500;
/// Marks of all pages of a board that are remembered: past it the pages that rested longest are forgotten.
pub const THUMB_BOARD_MARKS: usize = 6_000;
/// How often the boards of a watched class are looked at.
pub const FEED_EVERY: Duration = Duration::from_millis(400);
/// How often it is told who works and who is stuck.
pub const ATTENTION_EVERY: Duration = Duration::from_secs(1);
/// Boards of one class that a tutor's feed carries.
pub const FEED_BOARDS: usize = 300;
/// Boards that a push writes, or a collection reads, at the same time: three hundred that wake at once would be felt.
pub const PUSHES_AT_ONCE: usize = 8;
/// Sleeping boards that are read for a feed at the same time.
pub const FEED_READS: usize = 2;
/// Somebody who is there and has done nothing for so long is stuck, unless the tutor says otherwise (1 s to an hour).
pub const STUCK_AFTER: Duration = Duration::from_secs(120);
