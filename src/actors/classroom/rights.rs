//! Rights: locks, roles, single flags, sending somebody out. Turns of the classroom actor.
//! Never touches a document: boards do.

use actix::prelude::*;

use super::ClassroomActor;
use crate::domain::ids::ConnId;
use crate::protocol::class::RightsFrame;

impl ClassroomActor {
    pub(super) fn rights_said(&mut self, _: ConnId, frame: RightsFrame, _: &mut Context<Self>) {
        match frame {}
    }
}
