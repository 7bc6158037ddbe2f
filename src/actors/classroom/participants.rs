//! Who is in class at this moment, for answers over REST. Asked through the directory.
//! Never wakes a class: one that sleeps has nobody in it.

use actix::prelude::*;

use super::actor::ClassroomActor;
use super::messages::ListParticipants;
use m4sh_domain::ids::UserId;

impl Handler<ListParticipants> for ClassroomActor {
    type Result = Vec<UserId>;

    fn handle(&mut self, _: ListParticipants, _: &mut Context<Self>) -> Vec<UserId> {
        let mut people: Vec<_> = self.sockets.iter().map(|(_, seat)| seat.user).collect();
        people.sort_unstable();
        people.dedup();
        people
    }
}
