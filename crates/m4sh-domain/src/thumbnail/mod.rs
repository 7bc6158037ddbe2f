//! Small live drawings of boards for a tutor's eyes: each item a few points on a coarse grid, kept page by page, told as
//! what changed. Fed by the classroom actor with a board's document and its batches. Never looks at a board itself, and
//! never grows with it: of a full board the newest marks are kept.

mod live;
mod mark;
mod simplify;

pub use live::{LiveThumbnail, ThumbnailDelta};
pub use mark::ThumbnailMark;
