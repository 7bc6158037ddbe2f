//! Strokes while the pen is down, as far as they are known. Changed by the board actor's handlers.
//! Never journals anything.

use std::time::Duration;

use m4sh_domain::ids::{ClientId, UserId};
use m4sh_domain::json::Object;
use m4sh_protocol::board_command::{StrokePoint, StrokeProgress};

/// Strokes under way on one board.
#[derive(Default)]
pub(super) struct LiveStrokes {
    pub(super) active: Vec<LiveStroke>,
    pub(super) check_armed: bool,
}

/// One of them.
pub(super) struct LiveStroke {
    pub(super) user: UserId,
    pub(super) client: ClientId,
    pub(super) id: Box<str>,
    pub(super) page: Option<String>,
    pub(super) head: Object,
    pub(super) points: Vec<StrokePoint>,
    /// How many of them were sent.
    pub(super) sent: usize,
    /// When its last part came.
    pub(super) last_heard: Duration,
    /// Since when its socket is gone.
    pub(super) orphaned_at: Option<Duration>,
    /// Whether who draws it hides nothing here.
    pub(super) sees_all: bool,
}

impl LiveStroke {
    fn growing(&self, from: usize) -> StrokeProgress<'_> {
        let points = self.points.get(from..).unwrap_or_default();
        StrokeProgress { user: self.user, id: &self.id, page: self.page.as_deref(), head: &self.head, from, points }
    }

    fn is_seen(&self, apart: bool) -> bool {
        !apart || self.sees_all
    }
}

impl LiveStrokes {
    /// What grew since the last tick, for those from whom others' work is hidden (`apart`) or for all others.
    pub(super) fn changes(&self, apart: bool) -> Vec<StrokeProgress<'_>> {
        let grown = self.active.iter().filter(|live| live.is_seen(apart) && live.sent < live.points.len());
        grown.map(|live| live.growing(live.sent)).collect()
    }

    /// Every stroke under way, from its first point.
    pub(super) fn snapshot(&self, apart: bool) -> Vec<StrokeProgress<'_>> {
        let begun = self.active.iter().filter(|live| live.is_seen(apart) && !live.points.is_empty());
        begun.map(|live| live.growing(0)).collect()
    }

    /// Who drew since the last tick.
    pub(super) fn authors(&self) -> Vec<UserId> {
        self.active.iter().filter(|live| live.sent < live.points.len()).map(|live| live.user).collect()
    }

    /// All points so far are sent.
    pub(super) fn mark_sent(&mut self) {
        self.active.iter_mut().for_each(|live| live.sent = live.points.len());
    }

    pub(super) fn find(&self, user: UserId, client: ClientId, id: &str) -> Option<usize> {
        self.active.iter().position(|live| live.user == user && live.client == client && &*live.id == id)
    }
}
