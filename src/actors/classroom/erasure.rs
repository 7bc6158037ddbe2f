//! What a lesson remembers of somebody who was erased from its rows (SPEC Q10): it is read anew. Handlers of the classroom
//! actor, asked for by the directory when it learns of an erasure, whichever process did it.

use std::mem;

use actix::prelude::*;

use super::actor::ClassroomActor;
use super::messages::ReloadErased;

impl Handler<ReloadErased> for ClassroomActor {
    type Result = ();

    fn handle(&mut self, ReloadErased { at }: ReloadErased, ctx: &mut Context<Self>) {
        if self.erasure.until.is_none_or(|until| until < at) {
            self.erasure.waits = Some(at);
            self.reload_erased(ctx);
        }
    }
}

impl ClassroomActor {
    /// Reads how the lesson stands, when something was erased of it and nothing is being written.
    pub(super) fn reload_erased(&mut self, ctx: &mut Context<Self>) {
        if self.events.is_writing() {
            return;
        }
        let Some(at) = mem::take(&mut self.erasure.waits) else { return };
        let (host, session) = (self.host.clone(), self.session);
        let reading = async move { host.state(session).await };
        ctx.wait(reading.into_actor(self).map(move |read, act, _| match read {
            Ok(state) => {
                act.events.state = state;
                act.erasure.until = Some(at);
            }
            // The directory says it again.
            Err(error) => tracing::warn!(session = %act.session, %error, "lesson could not be reloaded"),
        }));
    }
}
