//! Who is there and how they are: one person of several seats, who leaves a moment after the last of them, and whose
//! places are told to those who may see them. Handlers of the board actor. Never counts anybody who has no seat.

use actix::prelude::*;

use super::actor::{BoardActor, Phase};
use super::members::{BoardSeat, ConnectionStatus, LeaveGraceOver, shows_location, status_priority};
use super::state::AwakeBoard;
use crate::actors::clock;
use m4sh_domain::access::Visibility;
use m4sh_domain::ids::{ConnId, UserId};
use m4sh_domain::limits;
use m4sh_protocol::roster::{Quality, RosterEntry};
use m4sh_protocol::server::ServerFrame;

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

    /// Combines the statuses of somebody's seats, and sends a change to the others.
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
