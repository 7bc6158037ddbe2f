//! What a class knows of its boards and pupils for those who watch all of it.
//! Changed by the handlers beside it. Never asks a board.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use actix::SpawnHandle;
use jiff::Timestamp;

use crate::actors::messages::BoardActivity;
use m4sh_domain::ids::{BoardId, ConnId, Epoch, Rev, UserId};
use m4sh_domain::limits;
use m4sh_domain::rate::Bucket;
use m4sh_domain::thumbnail::LiveThumbnail;
use m4sh_protocol::client::ActivityStatus;

/// The boards and pupils of a lesson, as far as watchers need them.
pub(in super::super) struct ClassMonitor {
    pub(super) watchers: HashMap<ConnId, FeedWatcher>,
    pub(super) boards: HashMap<BoardId, WatchedBoard>,
    pub(super) done: HashSet<UserId>,
    pub(super) statuses: HashMap<ConnId, ActivityStatus>,
    pub(super) stuck_after: Duration,
    /// What watchers were last told of each.
    pub(super) last_sent: HashMap<UserId, PupilActivity>,
    /// Sleeping boards that are being read.
    pub(super) reads: usize,
    pub(super) timers: Vec<SpawnHandle>,
}

impl Default for ClassMonitor {
    fn default() -> Self {
        Self {
            watchers: HashMap::new(),
            boards: HashMap::new(),
            done: HashSet::new(),
            statuses: HashMap::new(),
            stuck_after: limits::STUCK_AFTER,
            last_sent: HashMap::new(),
            reads: 0,
            timers: Vec::new(),
        }
    }
}

/// A board as the feed knows it.
#[derive(Default)]
pub(super) struct WatchedBoard {
    pub(super) at: Option<(Epoch, Rev)>,
    pub(super) sheet: Option<LiveThumbnail>,
    /// Whether an answer, or a reading, is under way.
    pub(super) asking: bool,
    pub(super) rev: Rev,
    pub(super) pages: u32,
    pub(super) online: HashSet<UserId>,
    pub(super) activity: HashMap<UserId, BoardActivity>,
}

impl WatchedBoard {
    pub(super) fn page(&self) -> Option<&str> {
        self.sheet.as_ref().map(LiveThumbnail::page)
    }
}

/// What one watcher has, and may have.
#[derive(Default)]
pub(super) struct FeedWatcher {
    pub(super) has: HashMap<BoardId, (String, u64)>,
    pub(super) budget: Bucket,
    /// Which board comes first next time, so that none is always last.
    pub(super) next_board: usize,
}

/// One pupil, as a tutor sees how they are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct PupilActivity {
    pub(super) state: &'static str,
    /// Where they did something last.
    pub(super) board: Option<BoardId>,
    pub(super) page: Option<String>,
    pub(super) last: Option<Timestamp>,
    pub(super) ops: u64,
    pub(super) strokes: u64,
    pub(super) hand: bool,
    pub(super) done: bool,
}
