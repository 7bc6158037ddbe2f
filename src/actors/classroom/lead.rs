//! What is shown and not kept: lasers, and the view of whoever is followed. Handlers of the classroom actor.

use actix::prelude::*;

use super::ClassroomActor;
use m4sh_domain::classroom::Laser;
use m4sh_domain::ids::{ConnId, UserId};
use m4sh_domain::rate::Scope;
use m4sh_protocol::client::View;

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
    pub(super) fn point_laser(
        &mut self,
        conn: ConnId,
        user: UserId,
        laser: Laser,
        cost: Option<Scope>,
        ctx: &mut Context<Self>,
    ) {
        // Where it points may be lost; that it went out may not.
        if laser.on && self.charge(user, cost).is_err() {
            return;
        }
        self.set_laser(conn, user, laser, ctx);
    }

    /// Tells the sockets of the leader that their view is wanted, and forgets the view of a former one.
    pub(super) fn update_followed(&mut self) {
        let leader = self.events.state.leader();
        self.ephemera.follow(leader);
        self.sockets.mark_followed(leader);
    }
}

impl Handler<ViewChanged> for ClassroomActor {
    type Result = ();

    fn handle(&mut self, looked: ViewChanged, ctx: &mut Context<Self>) {
        let Some(user) = self.sockets.get(looked.conn).map(|seat| seat.user) else { return };
        if self.events.state.leader() == Some(user) {
            self.set_view(looked.conn, user, looked.view, ctx);
        }
    }
}
