//! Who is there and how they are: one person of several seats, who leaves a moment after the last of them, and whose
//! places are told to those who may see them. Used by the board actor's turns. Never counts anybody who has no seat.

use std::collections::VecDeque;
use std::time::Duration;

use actix::prelude::*;

use super::seats::{BoardMember, BoardSeat};
use super::{AwakeBoard, BoardActor, Phase};
use crate::actors::clock;
use m4sh_domain::access::Visibility;
use m4sh_domain::ids::{ConnId, UserId};
use m4sh_domain::limits;
use m4sh_protocol::client::ActivityStatus;
use m4sh_protocol::roster::{Quality, RosterEntry};
use m4sh_protocol::server::{ConnectedUser, ServerFrame};

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

    fn status(&self) -> ActivityStatus {
        match self.declared {
            ActivityStatus::Active | ActivityStatus::Typing if self.idle => ActivityStatus::Idle,
            said => said,
        }
    }
}

/// Of several tabs the liveliest is the person.
const fn status_priority(status: ActivityStatus) -> u8 {
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
    due: VecDeque<(Duration, UserId)>,
    armed: bool,
}

/// Somebody who left may have been gone for long enough.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct LeaveGraceOver;

impl Handler<LeaveGraceOver> for BoardActor {
    type Result = ();

    fn handle(&mut self, _: LeaveGraceOver, _: &mut Context<Self>) {
        if let Phase::Awake(awake) = &mut self.phase {
            awake.leave_grace.armed = false;
            awake.remove_due();
        }
    }
}

impl AwakeBoard {
    /// Whether the places of pupils are kept from a seat: where their work is hidden from one another, so is where they
    /// are. The one place that decides it, for cursors, views, selections and rosters.
    pub(super) fn hides_pupils(&self, seat: &BoardSeat) -> bool {
        self.access.is_isolated() && seat.eyes != Visibility::All
    }

    /// Whom somebody sees at the board, and where. A guest sees nobody but themselves: a link shows a board, not a class.
    pub(super) fn roster_for(&self, user: UserId, is_guest: bool, apart: bool) -> Vec<RosterEntry<'_>> {
        let people = self.people.values().filter(|member| !is_guest || member.person.user == user);
        let mut roster: Vec<RosterEntry<'_>> = people
            .map(|member| {
                let places = shows_location(member, apart) || member.person.user == user;
                RosterEntry {
                    person: &member.person,
                    view: member.view.as_ref().filter(|_| places),
                    selection: member.selection.as_ref().filter(|_| places),
                    page: member.page.as_deref().filter(|_| places),
                }
            })
            .collect();
        roster.sort_by(|a, b| (&a.person.name, a.person.user).cmp(&(&b.person.name, b.person.user)));
        roster
    }

    /// Takes what the seats of somebody say as one, and tells the others when it is news.
    pub(super) fn refresh_status(&mut self, except: Option<ConnId>, user: UserId) {
        let moods = || self.seats.values().filter(|seat| seat.user == user).map(|seat| &seat.status);
        let Some(status) = moods().map(ConnectionStatus::status).max_by_key(|status| status_priority(*status)) else {
            return;
        };
        let quality = moods().filter_map(|mood| mood.quality).max();
        let Some(member) = self.people.get_mut(&user) else { return };
        let was = (member.person.status, member.person.quality);
        (member.person.status, member.person.quality) = (status, quality);
        // Everybody is thought to be well connected until it shows that they are not.
        let first = was.1.is_none() && quality >= Some(Quality::Good);
        if was.0 != status || (was.1 != quality && !first) {
            let person = member.person.clone();
            self.broadcast(except, &ServerFrame::Status(&person));
        }
    }

    /// Somebody's last seat is gone. A page that is loaded again is back in a moment, and that is no leaving.
    pub(super) fn start_leave_grace(&mut self, user: UserId) {
        let due = clock::now() + limits::LEAVE_GRACE;
        if let Some(member) = self.people.get_mut(&user) {
            member.leaves_at = Some(due);
            self.leave_grace.due.push_back((due, user));
            self.arm_leave_timer();
        }
    }

    fn arm_leave_timer(&mut self) {
        if self.leave_grace.armed {
            return;
        }
        let Some((due, _)) = self.leave_grace.due.front() else { return };
        let (wait, me) = (due.saturating_sub(clock::now()), self.me.clone());
        self.leave_grace.armed = true;
        actix_rt::spawn(async move {
            tokio::time::sleep(wait).await;
            if let Some(board) = me.upgrade() {
                board.do_send(LeaveGraceOver);
            }
        });
    }

    fn remove_due(&mut self) {
        let now = clock::now();
        while let Some((due, user)) = self.leave_grace.due.front().copied().filter(|(due, _)| *due <= now) {
            self.leave_grace.due.pop_front();
            // Whoever came back, and perhaps left once more, is not this one.
            if self.people.get(&user).is_some_and(|member| member.leaves_at == Some(due)) {
                self.remove_member(user);
            }
        }
        self.arm_leave_timer();
    }

    /// Somebody without a seat leaves now.
    pub(super) fn remove_member(&mut self, user: UserId) {
        if self.people.get(&user).is_some_and(|member| member.seats == 0)
            && let Some(member) = self.people.remove(&user)
        {
            self.broadcast(None, &ServerFrame::Left(&member.person));
        }
    }

    /// Those who are waited for and have no right to come back any more leave now.
    pub(super) fn remove_strangers(&mut self) {
        let gone = self.people.iter().filter(|(_, member)| member.seats == 0 && !member.is_guest);
        let gone: Vec<UserId> = gone.map(|(user, _)| *user).collect();
        for user in gone {
            if self.access.standing(user).is_none() {
                self.remove_member(user);
            }
        }
    }
}

/// Whether a member's places are shown to a seat that is kept apart from pupils, or not.
pub(super) fn shows_location(member: &BoardMember, apart: bool) -> bool {
    !apart || member.person.role.sees_all()
}

impl BoardMember {
    pub(super) fn new(person: ConnectedUser, is_guest: bool) -> Self {
        let (cursor, view, selection, page, leaves) = (None, None, None, None, None);
        Self { person, is_guest, seats: 0, cursor, view, selection, page, leaves_at: leaves }
    }
}

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
