//! Isolation: hiding pupils' work from one another, and revealing it. Turns of the classroom actor.
//! Never touches a document: boards do.

use actix::prelude::*;

use super::ClassroomActor;
use crate::domain::ids::ConnId;
use crate::protocol::class::IsolationFrame;

impl ClassroomActor {
    pub(super) fn isolation_said(&mut self, _: ConnId, frame: IsolationFrame, _: &mut Context<Self>) {
        match frame {}
    }
}
