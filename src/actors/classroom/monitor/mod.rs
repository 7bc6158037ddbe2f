//! The class monitor: the boards of a lesson as live thumbnails, and who works, is idle or is stuck. Handlers of the classroom actor.
//! Asks boards now and then, only while somebody watches; never keeps a board awake and never waits for one.

mod attention;
mod feed;
mod overview;
pub(super) mod state;

use std::time::Duration;

use actix::prelude::*;

pub use overview::{ClassOverview, GetOverview, OverviewBoard, OverviewPerson};

use self::state::FeedWatcher;
use super::actor::ClassroomActor;
use super::messages::StatusChanged;
use crate::actors::clock;
use m4sh_domain::access::BoardAssignment;
use m4sh_domain::classroom::AllowedSenders;
use m4sh_domain::ids::{BoardId, ConnId, UserId};
use m4sh_domain::json::{Object, Value};
use m4sh_domain::limits;
use m4sh_domain::refusal::Refusal;
use m4sh_protocol::server::ServerFrame;

impl ClassroomActor {
    /// A socket that has its welcome asks to see the whole class.
    pub(super) fn watch(&mut self, conn: ConnId, ctx: &mut Context<Self>) {
        let Some(user) = self.sockets.get(conn).map(|seat| seat.user) else { return };
        if !self.may_send(user, AllowedSenders::Supervisors) {
            let refusal = Refusal::forbidden("only those who lead or assist see the whole class");
            return self.refuse(conn, None, &refusal);
        }
        self.monitor.watchers.insert(conn, FeedWatcher::default());
        self.send_boards(Some(conn));
        self.send_attention(Some(conn));
        if self.monitor.timers.is_empty() {
            let feed = ctx.run_interval(limits::FEED_EVERY, |act, ctx| act.poll_boards(ctx));
            let attention = ctx.run_interval(limits::ATTENTION_EVERY, |act, _| act.send_attention(None));
            self.monitor.timers = vec![feed, attention];
            self.poll_boards(ctx);
        }
    }

    /// A socket has left class.
    pub(super) fn unwatch(&mut self, conn: ConnId, ctx: &mut Context<Self>) {
        self.monitor.statuses.remove(&conn);
        if self.monitor.watchers.remove(&conn).is_some() && self.monitor.watchers.is_empty() {
            self.monitor.timers.drain(..).for_each(|timer| {
                ctx.cancel_future(timer);
            });
            // What nobody looks at need not be remembered; the next watcher gets it anew.
            self.monitor.boards.clear();
            self.monitor.last_sent.clear();
        }
    }

    pub(super) fn mark_done(&mut self, user: UserId, on: bool) {
        let changed = if on { self.monitor.done.insert(user) } else { self.monitor.done.remove(&user) };
        if changed {
            let frame = Object::from([("t", "done".into()), ("user", user.to_string().into()), ("on", on.into())]);
            self.send_to_leaders(&frame, Some(user));
        }
    }

    pub(super) fn set_stuck_after(&mut self, stuck_after: Duration) {
        self.monitor.stuck_after = stuck_after;
        let u = Value::Array(Vec::new());
        let frame = Object::from([("t", "attention".into()), ("u", u), ("stuck_after", stuck_after.as_secs().into())]);
        self.send_to_leaders(&frame, None);
        self.send_attention(None);
    }

    /// The lesson's boards, and for whom each is.
    fn lesson_boards(&self) -> Vec<(BoardId, BoardAssignment)> {
        let Ok(access) = &self.known else { return Vec::new() };
        let shared = std::iter::once((access.board, BoardAssignment::Everybody));
        shared.chain(access.others.iter().cloned()).take(limits::FEED_BOARDS).collect()
    }

    /// Tells the list of boards to one watcher, or to all after a change.
    pub(super) fn send_boards(&mut self, whom: Option<ConnId>) {
        if self.monitor.watchers.is_empty() {
            return;
        }
        let rows = self.lesson_boards().into_iter().map(|(board, whose)| {
            let mut row = Object::from([("board", Value::from(board.to_string()))]);
            let kind = match &whose {
                BoardAssignment::Everybody => "shared",
                BoardAssignment::Pupil(pupil) => {
                    row.insert("user", pupil.to_string());
                    "pupil"
                }
                BoardAssignment::Group(members) => {
                    let members: Vec<Value> = members.iter().map(|member| member.to_string().into()).collect();
                    row.insert("users", members);
                    "group"
                }
            };
            row.insert("kind", kind);
            if let Some(known) = self.monitor.boards.get(&board) {
                row.insert("rev", known.rev.0);
                row.insert("pages", u64::from(known.pages));
                row.insert("online", known.online.len() as u64);
            }
            Value::Object(row)
        });
        let frame = Object::from([("t", Value::from("boards")), ("boards", Value::Array(rows.collect()))]);
        self.send_to_watchers(&frame, whom);
    }

    /// Says a frame to one watcher, or to all.
    fn send_to_watchers(&mut self, frame: &Object, whom: Option<ConnId>) {
        let conns: Vec<ConnId> = match whom {
            Some(conn) => vec![conn],
            None => self.monitor.watchers.keys().copied().collect(),
        };
        for conn in conns {
            self.sockets.send(conn, &ServerFrame::Prepared(frame));
        }
    }

    /// Says a frame to all who see everything, and to one person besides.
    fn send_to_leaders(&mut self, frame: &Object, besides: Option<UserId>) {
        let Ok(access) = &self.known else { return };
        let now = clock::timestamp();
        let sees = |user| access.rights.effective(user, now).is_some_and(|standing| standing.role.sees_all());
        self.sockets.broadcast(&ServerFrame::Prepared(frame), |seat| Some(seat.user) == besides || sees(seat.user));
    }
}

impl Handler<StatusChanged> for ClassroomActor {
    type Result = ();

    fn handle(&mut self, noticed: StatusChanged, _: &mut Context<Self>) {
        if self.sockets.get(noticed.conn).is_some() {
            self.monitor.statuses.insert(noticed.conn, noticed.status);
        }
    }
}
