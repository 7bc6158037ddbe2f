//! Limits of classes: chat, polls, timers, and what a tutor watches.

use std::time::Duration;

// --- class events ----------------------------------------------------------------------------------------

/// Chat message, in characters.
pub const CHAT_CHARS: usize = 1_000;
/// Frame with text by people, in bytes: the longest message with every character escaped.
pub const WORDS_FRAME: usize = 16 * 1024;
/// Message ids that a lesson remembers (SPEC F11). A client that reconnects does not resend older ones.
pub const CHAT_KEPT: usize = 500;
/// Messages in a welcome …
pub const CHAT_SHOWN: usize = 50;
/// … and bytes of their text: a welcome is one frame.
pub const CHAT_SHOWN_BYTES: usize = 64 * 1024;
/// How long authors may change or delete their messages (SPEC F3).
pub const CHAT_EDIT_WITHIN: Duration = Duration::from_secs(10 * 60);
/// Longest pause between two messages of a pupil in a slow chat, in seconds.
pub const CHAT_SLOW_SECONDS: u64 = 3_600;
/// Emoji of a reaction, in bytes: a family of four, or the flag of a region, has about 28.
pub const REACTION_BYTES: usize = 32;
/// Longest timer, in seconds.
pub const TIMER_SECONDS: u64 = 24 * 3600;
/// Options of a poll, as many as fit on a screen.
pub const POLL_OPTIONS: usize = 10;
/// Question of a poll, in characters.
pub const POLL_QUESTION_CHARS: usize = 300;
/// Option of a poll, in characters.
pub const POLL_OPTION_CHARS: usize = 100;
/// Polls of one lesson, which stay in memory with their votes …
pub const POLLS: usize = 100;
/// … and open ones, which are all in a welcome.
pub const POLLS_OPEN: usize = 10;
/// People named in one `bring` (SPEC F9).
pub const SUMMONED_NAMES: usize = 40;
/// Class events that wait for their commit. Beyond it they are refused as `unavailable`.
pub const CLASS_EVENTS_WAITING: usize = 1_024;
/// Class events in one transaction.
pub const CLASS_FLUSH: usize = 256;
/// A class event that is not committed after this is refused as `unavailable`. A repeat tells (SPEC F13).
pub const CLASS_EVENT_WITHIN: Duration = Duration::from_secs(4);
/// Time between two frames of laser pointers. The first after a pause is sent at once.
pub const LASER_TICK: Duration = Duration::from_millis(50);
/// Time between two frames of a followed view: ten a second look smooth.
pub const LEAD_VIEW_TICK: Duration = Duration::from_millis(100);

// --- watching a class ------------------------------------------------------------------------------------

/// Points of one mark of a thumbnail: a scribble on a grid of 160 by 90 has no more to show.
pub const THUMB_POINTS: usize = 32;
/// Marks on a thumbnail's page: past it the oldest are dropped.
pub const THUMB_MARKS: usize = 1_500;
/// Marks of all pages of a board that are remembered: past it the pages that rested longest are forgotten.
pub const THUMB_BOARD_MARKS: usize = 6_000;
/// How often the boards of a watched class are looked at.
pub const FEED_EVERY: Duration = Duration::from_millis(400);
/// How often the feed says who works and who is stuck.
pub const ATTENTION_EVERY: Duration = Duration::from_secs(1);
/// Boards of one class that a tutor's feed carries.
pub const FEED_BOARDS: usize = 300;
/// Boards that a push writes, or a collection reads, at the same time: three hundred that wake at once would be felt.
pub const PUSHES_AT_ONCE: usize = 8;
/// Sleeping boards that are read for a feed at the same time.
pub const FEED_READS: usize = 2;
/// Somebody who is there and has done nothing for so long is stuck, unless the tutor says otherwise (1 s to an hour).
pub const STUCK_AFTER: Duration = Duration::from_secs(120);
