//! Boards of a lesson: one for each pupil, also for those who come later. Handlers of the classroom actor.
//! Never touches a document: boards do.

use std::mem;

use actix::prelude::*;

use super::actor::ClassroomActor;
use super::messages::BroadcastFrame;
use crate::actors::messages::BoardError;
use m4sh_domain::access::{AccessCause, BoardAssignment, Role};
use m4sh_domain::ids::{BoardId, ConnId, UserId};
use m4sh_domain::json::{Bounds, Object, Value};
use m4sh_domain::refusal::{Refusal, RefusalCode};
use m4sh_protocol::server::ServerFrame;
use m4sh_store::LessonAccess;

impl Handler<BroadcastFrame> for ClassroomActor {
    type Result = ();

    fn handle(&mut self, tell: BroadcastFrame, _: &mut Context<Self>) {
        let read = Value::parse(tell.frame.to_string().as_bytes(), Bounds::default());
        if let Ok(Value::Object(frame)) = read {
            self.sockets.broadcast(&ServerFrame::Prepared(&frame), |_| true);
        }
    }
}

impl ClassroomActor {
    pub(super) fn provide_all(
        &mut self,
        conn: ConnId,
        user: UserId,
        (on, template): (bool, Option<BoardId>),
        ctx: &mut Context<Self>,
    ) {
        let (host, lesson) = (self.host.clone(), (self.classroom, self.session));
        let giving = async move { host.provide_all(lesson, user, on, template).await };
        // The mailbox waits: what is sent next is done after it.
        ctx.wait(giving.into_actor(self).map(move |given, act, ctx| match given {
            Ok(()) => act.reload(AccessCause::Boards, ctx),
            Err(BoardError::NotFound) => {
                act.refuse(conn, None, &Refusal::new(RefusalCode::NotFound, "there is no such board for you"));
            }
            Err(_) => {
                act.refuse(conn, None, &Refusal::new(RefusalCode::Unavailable, "boards cannot be made right now"))
            }
        }));
    }

    /// A pupil who comes in where every pupil has a board, and has none yet, gets one: with all who came in while others
    /// were given theirs, so that a class that comes at once costs a few looks and not one for each.
    pub(super) fn provide_board_for(&mut self, conn: ConnId, ctx: &mut Context<Self>) {
        let Some(user) = self.sockets.get(conn).map(|seat| seat.user) else { return };
        let Ok(access) = &self.known else { return };
        if access.makes_boards.is_none()
            || access.rights.members.get(&user) != Some(&Role::Student)
            || own_board(access, user).is_some()
        {
            return;
        }
        self.provisioning.wanting.push(user);
        self.provide(ctx);
    }

    fn provide(&mut self, ctx: &mut Context<Self>) {
        let template = self.known.as_ref().ok().and_then(|access| access.makes_boards);
        let Some(template) = template.filter(|_| !self.provisioning.giving && !self.provisioning.wanting.is_empty())
        else {
            return;
        };
        self.provisioning.giving = true;
        let pupils = mem::take(&mut self.provisioning.wanting);
        let (host, lesson) = (self.host.clone(), (self.classroom, self.session));
        let giving = async move { host.provide(lesson, template, &pupils).await };
        ctx.spawn(giving.into_actor(self).map(|given, act, ctx| {
            act.provisioning.giving = false;
            match given {
                Ok(()) => act.reload(AccessCause::Boards, ctx),
                // The next time that they come in it is tried again.
                Err(_) => tracing::warn!(session = %act.session, "boards of pupils could not be created"),
            }
            act.provide(ctx);
        }));
    }

    /// Tells those whose board, or whose group's board, appeared.
    pub(super) fn announce_new_boards(&mut self, before: &[(BoardId, BoardAssignment)]) {
        let Ok(access) = &self.known else { return };
        let fresh: Vec<(BoardId, BoardAssignment)> =
            access.others.iter().filter(|other| !before.contains(other)).cloned().collect();
        for (board, whose) in fresh {
            let (kind, users) = match whose {
                BoardAssignment::Pupil(pupil) => ("pupil", vec![pupil]),
                BoardAssignment::Group(members) => ("group", members),
                BoardAssignment::Everybody => continue,
            };
            let ids: Vec<Value> = users.iter().map(|user| user.to_string().into()).collect();
            let frame = Object::from([
                ("t", "board".into()),
                ("board", board.to_string().into()),
                ("kind", kind.into()),
                ("users", ids.into()),
            ]);
            self.sockets.broadcast(&ServerFrame::Prepared(&frame), |seat| users.contains(&seat.user));
        }
    }

    /// The boards that somebody has to do with, for the welcome's `class`.
    pub(super) fn boards_of(access: &LessonAccess, user: UserId) -> Object {
        let mut boards = Object::default();
        boards.insert("shared", access.board.to_string());
        if let Some(mine) = own_board(access, user) {
            boards.insert("mine", mine.to_string());
        }
        let group = access
            .others
            .iter()
            .find(|(_, whose)| matches!(whose, BoardAssignment::Group(members) if members.contains(&user)));
        if let Some((board, _)) = group {
            boards.insert("group", board.to_string());
        }
        boards.insert("for_each", access.makes_boards.is_some());
        boards
    }
}

fn own_board(access: &LessonAccess, user: UserId) -> Option<BoardId> {
    access.others.iter().find(|(_, whose)| *whose == BoardAssignment::Pupil(user)).map(|(board, _)| *board)
}
