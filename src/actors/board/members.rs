//! Who is at a board: its connections, the people behind them, and those who left a moment ago.
//! Read and changed by the board actor's handlers. Never waits for a reader.

use std::collections::VecDeque;
use std::time::Duration;

use actix::Message;

use super::frame_kind::frame_kind;
use crate::actors::outbox::Outbox;
use m4sh_domain::access::{EffectiveRights, Visibility};
use m4sh_domain::ids::{ClientId, UserId};
use m4sh_protocol::client::{ActivityStatus, Cursor, View};
use m4sh_protocol::close::Close;
use m4sh_protocol::dialect::Dialect;
use m4sh_protocol::roster::{Quality, Selection};
use m4sh_protocol::server::{ConnectedUser, EncodedFrame, ServerFrame};

/// One connection at the board.
pub(super) struct BoardSeat {
    pub(super) user: UserId,
    pub(super) client: ClientId,
    pub(super) dialect: Dialect,
    pub(super) outbox: Outbox,
    /// Whether it came by a share link: it only watches, and is sent nobody's name.
    pub(super) is_guest: bool,
    /// The rights that were last sent to it.
    pub(super) standing: EffectiveRights,
    /// What is visible to it.
    pub(super) eyes: Visibility,
    /// How its client is.
    pub(super) status: ConnectionStatus,
}

impl BoardSeat {
    pub(super) fn send(&self, frame: &EncodedFrame<'_, '_>) -> bool {
        let kind = frame_kind(frame.frame());
        frame.get(self.dialect).is_none_or(|payload| self.outbox.push_as(payload.clone(), kind).is_ok())
    }

    pub(super) fn close(&self, close: Close) {
        // Whether the board or only the link is gone is not for guests to know.
        let close = if self.is_guest && close == Close::NotFound { Close::Forbidden } else { close };
        self.outbox.close(close, ServerFrame::Bye(close).encode(self.dialect));
    }

    /// Closes it for at least so long.
    pub(super) fn close_with_wait(&self, close: Close, wait: Duration) {
        self.outbox.close(close, ServerFrame::ByeRetryAfter(close, wait).encode(self.dialect));
    }
}

/// One person at the board, with one seat or several, or with none for a moment.
pub(super) struct BoardMember {
    pub(super) person: ConnectedUser,
    pub(super) is_guest: bool,
    pub(super) seats: u32,
    pub(super) cursor: Option<Cursor>,
    pub(super) view: Option<View>,
    pub(super) selection: Option<Selection>,
    /// The page that they were last on.
    pub(super) page: Option<Box<str>>,
    /// Without a seat: when they have left.
    pub(super) leaves_at: Option<Duration>,
}

impl BoardMember {
    pub(super) fn new(person: ConnectedUser, is_guest: bool) -> Self {
        let (cursor, view, selection, page, leaves) = (None, None, None, None, None);
        Self { person, is_guest, seats: 0, cursor, view, selection, page, leaves_at: leaves }
    }
}

/// Whether a member's places are shown to a seat that is kept apart from pupils, or not.
pub(super) fn shows_location(member: &BoardMember, apart: bool) -> bool {
    !apart || member.person.role.sees_all()
}

/// How one connection's client is.
pub(super) struct ConnectionStatus {
    /// What it says.
    pub(super) declared: ActivityStatus,
    /// Whether nothing but pings came for a while.
    pub(super) idle: bool,
    /// What its pings say.
    pub(super) quality: Option<Quality>,
}

impl ConnectionStatus {
    pub(super) const fn new() -> Self {
        Self { declared: ActivityStatus::Active, idle: false, quality: None }
    }

    pub(super) fn status(&self) -> ActivityStatus {
        match self.declared {
            ActivityStatus::Active | ActivityStatus::Typing if self.idle => ActivityStatus::Idle,
            said => said,
        }
    }
}

/// Of several tabs the liveliest is the person.
pub(super) const fn status_priority(status: ActivityStatus) -> u8 {
    match status {
        ActivityStatus::Typing => 3,
        ActivityStatus::Active => 2,
        ActivityStatus::Idle => 1,
        ActivityStatus::Away => 0,
    }
}

/// People without a seat who are still waited for, the longest first.
#[derive(Default)]
pub(super) struct LeaveGrace {
    pub(super) due: VecDeque<(Duration, UserId)>,
    pub(super) armed: bool,
}

/// Somebody who left may have been gone for long enough.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct LeaveGraceOver;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn j12_who_does_nothing_is_idle_unless_away_anyway() {
        let mood = |said, idle| ConnectionStatus { declared: said, idle, quality: None }.status();
        assert_eq!(mood(ActivityStatus::Active, true), ActivityStatus::Idle);
        assert_eq!(mood(ActivityStatus::Typing, true), ActivityStatus::Idle);
        assert_eq!(mood(ActivityStatus::Away, true), ActivityStatus::Away);
        assert_eq!(mood(ActivityStatus::Typing, false), ActivityStatus::Typing);
        assert!(status_priority(ActivityStatus::Active) > status_priority(ActivityStatus::Away));
    }
}
