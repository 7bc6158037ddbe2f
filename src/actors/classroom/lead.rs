//! Leading: follow me, bring everybody here, lock the view, laser, pages. Turns of the classroom actor.
//! Never touches a document: boards do.

use actix::prelude::*;

use super::ClassroomActor;
use crate::actors::clock;
use m4sh_domain::classroom::{ClassCommand, ClassRefusal, Requester};
use m4sh_domain::ids::ConnId;
use m4sh_domain::rate::Scope;
use m4sh_protocol::class::{Laser, LeadFrame};
use m4sh_protocol::client::View;

const NOT_YOURS: ClassRefusal = ClassRefusal::new("forbidden", "only those who lead this class point with a laser");

/// What somebody looks at, whose view is followed.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ViewChanged {
    /// Their socket.
    pub conn: ConnId,
    /// What they look at.
    pub view: View,
}

impl ClassroomActor {
    pub(super) fn lead_said(&mut self, conn: ConnId, frame: LeadFrame, ctx: &mut Context<Self>) {
        match frame {
            LeadFrame::Ask(ask) => self.submit_from_socket(conn, ask, ctx),
            LeadFrame::Laser(laser) => self.laser(conn, laser, ctx),
        }
    }

    fn laser(&mut self, conn: ConnId, laser: Laser, ctx: &mut Context<Self>) {
        let Some(user) = self.sockets.get(conn).map(|seat| seat.user) else { return };
        let standing = self.known.as_ref().ok().and_then(|access| access.rights.effective(user, clock::timestamp()));
        if !standing.is_some_and(|standing| Requester::new(user, "".into(), standing).leads) {
            // Any ask will do: it has no id to name.
            return self.refuse(conn, &ClassCommand::ClearHands, NOT_YOURS);
        }
        // Where it points may be lost; that it went out may not.
        if laser.on && self.budgets.take(user, Scope::WsCursor, &self.directory.boards().node().sizes).is_err() {
            return;
        }
        self.beam.point(user, laser);
        self.shine(conn, ctx);
    }

    /// Tells the sockets of the leader that their view is wanted, and forgets the view of a former one.
    pub(super) fn update_followed(&mut self) {
        let leader = self.events.state.leader();
        self.beam.follow(leader);
        self.sockets.mark_followed(leader);
    }
}

impl Handler<ViewChanged> for ClassroomActor {
    type Result = ();

    fn handle(&mut self, looked: ViewChanged, ctx: &mut Context<Self>) {
        let Some(user) = self.sockets.get(looked.conn).map(|seat| seat.user) else { return };
        if self.events.state.leader() == Some(user) {
            self.beam.look(user, looked.view);
            self.shine(looked.conn, ctx);
        }
    }
}
