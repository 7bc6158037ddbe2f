//! The board actor's handlers: each message is one synchronous turn, handed to the part that owns the matter.
//! Called by actix. Never holds logic of its own beyond "is the board awake".

use actix::prelude::*;

use super::{BoardActor, NotAwake, Phase};
use crate::actors::messages::{
    AccessChanged, Attach, BoardError, CloseBoard, Detach, DiffSave, Drain, Fenced, HistoryRewritten, InspectBoard,
    JoinError, JournalState, OutboxDrained, Persisted, ReadBoard, Reading, RequestError, Save, SessionEnded, StateSave,
    Submit, Ticket, UpdatePresence,
};
use m4sh_protocol::close::Close;
use m4sh_protocol::server::ServerFrame;

impl Handler<Attach> for BoardActor {
    type Result = Result<(), JoinError>;

    fn handle(&mut self, attach: Attach, ctx: &mut Context<Self>) -> Self::Result {
        self.awake().map_err(NotAwake::join_error)?.attach(attach, ctx)
    }
}

impl Handler<Detach> for BoardActor {
    type Result = ();

    fn handle(&mut self, detach: Detach, _: &mut Context<Self>) {
        if let Ok(awake) = self.awake() {
            awake.detach(detach.conn, detach.for_good);
        }
    }
}

impl Handler<OutboxDrained> for BoardActor {
    type Result = ();

    fn handle(&mut self, emptied: OutboxDrained, _: &mut Context<Self>) {
        if let Ok(awake) = self.awake() {
            awake.send_catch_up(emptied.conn);
        }
    }
}

impl Handler<Submit> for BoardActor {
    type Result = ();

    fn handle(&mut self, submit: Submit, ctx: &mut Context<Self>) {
        // A board that lost its place closed this seat too, so its client comes back and sends the batch again.
        if let Ok(awake) = self.awake() {
            awake.submit(submit, ctx);
        }
    }
}

impl Handler<UpdatePresence> for BoardActor {
    type Result = ();

    fn handle(&mut self, show: UpdatePresence, ctx: &mut Context<Self>) {
        if let Ok(awake) = self.awake() {
            awake.update_presence(show, ctx);
        }
    }
}

impl Handler<Save<DiffSave>> for BoardActor {
    type Result = Result<Ticket, RequestError<DiffSave>>;

    fn handle(&mut self, save: Save<DiffSave>, ctx: &mut Context<Self>) -> Self::Result {
        let Save { mut write, span } = save;
        let _entered = span.clone().entered();
        match self.awake() {
            Ok(awake) => Ok(awake.save_diff(&mut write, span, ctx)?),
            Err(NotAwake::Failed(error)) => Err(error.into()),
            Err(NotAwake::Gone) => Err(RequestError::Moved(write)),
        }
    }
}

impl Handler<Save<StateSave>> for BoardActor {
    type Result = Result<Ticket, RequestError<StateSave>>;

    fn handle(&mut self, save: Save<StateSave>, ctx: &mut Context<Self>) -> Self::Result {
        let Save { mut write, span } = save;
        let _entered = span.clone().entered();
        match self.awake() {
            Ok(awake) => Ok(awake.save_state(&mut write, span, ctx)?),
            Err(NotAwake::Failed(error)) => Err(error.into()),
            Err(NotAwake::Gone) => Err(RequestError::Moved(write)),
        }
    }
}

impl Handler<ReadBoard> for BoardActor {
    type Result = Result<Reading, RequestError<ReadBoard>>;

    fn handle(&mut self, read: ReadBoard, _: &mut Context<Self>) -> Self::Result {
        match self.awake() {
            Ok(awake) => Ok(awake.read(read.who)?),
            Err(NotAwake::Failed(error)) => Err(error.into()),
            Err(NotAwake::Gone) => Err(RequestError::Moved(read)),
        }
    }
}

impl Handler<Persisted> for BoardActor {
    type Result = ();

    fn handle(&mut self, persisted: Persisted, ctx: &mut Context<Self>) {
        if let Phase::Awake(awake) = &mut self.phase {
            awake.persisted(persisted.rev, ctx);
        }
    }
}

impl Handler<Fenced> for BoardActor {
    type Result = ();

    fn handle(&mut self, _: Fenced, ctx: &mut Context<Self>) {
        if let Phase::Awake(_) = self.phase {
            self.fenced(ctx);
        }
    }
}

impl Handler<HistoryRewritten> for BoardActor {
    type Result = ();

    fn handle(&mut self, outdated: HistoryRewritten, ctx: &mut Context<Self>) {
        if let Phase::Awake(awake) = &self.phase
            && awake.epoch < outdated.epoch
        {
            self.fenced(ctx);
        }
    }
}

impl Handler<JournalState> for BoardActor {
    type Result = ();

    fn handle(&mut self, state: JournalState, _: &mut Context<Self>) {
        if let Phase::Awake(awake) = &mut self.phase {
            awake.journal_state(state.writable);
        }
    }
}

impl Handler<AccessChanged> for BoardActor {
    type Result = ();

    fn handle(&mut self, changed: AccessChanged, ctx: &mut Context<Self>) {
        if let Phase::Awake(awake) = &mut self.phase {
            awake.seal_before_access_change(&changed.session, ctx);
            awake.access.set_class(changed.session);
            awake.apply_rights(changed.why, ctx);
        }
    }
}

impl Handler<SessionEnded> for BoardActor {
    type Result = ();

    fn handle(&mut self, ended: SessionEnded, ctx: &mut Context<Self>) {
        if let Phase::Awake(awake) = &mut self.phase {
            awake.seal_all(ctx);
            awake.broadcast(None, &ServerFrame::Ended(ended.session));
            awake.close_seats(Close::SessionEnded);
        }
    }
}

impl Handler<CloseBoard> for BoardActor {
    type Result = ();

    fn handle(&mut self, dismiss: CloseBoard, ctx: &mut Context<Self>) {
        if let Phase::Awake(awake) = &mut self.phase {
            awake.close_seats(dismiss.close);
            awake.fail_waiters(&BoardError::NotFound);
            self.unload(ctx);
        }
    }
}

impl Handler<Drain> for BoardActor {
    type Result = ResponseFuture<bool>;

    fn handle(&mut self, _: Drain, ctx: &mut Context<Self>) -> Self::Result {
        match &mut self.phase {
            Phase::Awake(awake) => {
                let drained = awake.drain(ctx);
                Box::pin(async move { drained.await.unwrap_or(false) })
            }
            Phase::Loading | Phase::Failed(_) | Phase::Gone => Box::pin(std::future::ready(true)),
        }
    }
}

impl Handler<InspectBoard> for BoardActor {
    type Result = MessageResult<InspectBoard>;

    fn handle(&mut self, _: InspectBoard, _: &mut Context<Self>) -> Self::Result {
        MessageResult(self.inspect())
    }
}
