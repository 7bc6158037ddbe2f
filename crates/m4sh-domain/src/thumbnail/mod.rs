//! Small live drawings of boards for tutors: each item is a few points on a coarse grid, kept page by page and sent as
//! changes. Fed by the classroom actor with a board's document and its batches. Bounded: of a full board the newest
//! marks are kept.

mod live;
mod mark;
mod simplify;

pub use live::{LiveThumbnail, ThumbnailDelta};
pub use mark::ThumbnailMark;
