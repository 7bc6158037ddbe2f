//! Leading: follow me, bring everybody here, lock the view, laser, pages. Turns of the classroom actor.
//! Never touches a document: boards do.

use actix::prelude::*;

use super::ClassroomActor;
use crate::domain::ids::ConnId;
use crate::protocol::class::LeadFrame;

impl ClassroomActor {
    pub(super) fn lead_said(&mut self, _: ConnId, frame: LeadFrame, _: &mut Context<Self>) {
        match frame {}
    }
}
