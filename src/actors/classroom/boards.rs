//! Boards of a lesson: one for each pupil, push, collect, groups, and the tutor's eyes. Turns of the classroom actor.
//! Never touches a document: boards do.

use actix::prelude::*;

use super::ClassroomActor;
use crate::domain::ids::ConnId;
use crate::protocol::class::BoardsFrame;

impl ClassroomActor {
    pub(super) fn boards_said(&mut self, _: ConnId, frame: BoardsFrame, _: &mut Context<Self>) {
        match frame {}
    }
}
