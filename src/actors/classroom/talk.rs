//! Talk: hands, reactions, chat, timers, polls. Turns of the classroom actor.
//! Never touches a document: boards do.

use actix::prelude::*;

use super::ClassroomActor;
use crate::domain::ids::ConnId;
use crate::protocol::class::TalkFrame;

impl ClassroomActor {
    pub(super) fn talk_said(&mut self, _: ConnId, frame: TalkFrame, _: &mut Context<Self>) {
        match frame {}
    }
}
