//! The board actor's messages, each handed to the file that implements it.
//! Called by actix. Decides only whether the board is awake.

use actix::prelude::*;

use super::actor::{BoardActor, NotAwake, Phase};
use super::writes::BoardWrite;
use crate::actors::messages::{
    AccessChanged, Attach, BoardError, BoardView, CloseBoard, Detach, Drain, HistoryRewritten, InspectBoard, JoinError,
    JournalEvent, OutboxDrained, Pending, ReadBoard, RequestError, Save, Saved, SessionEnded, Submit, UpdatePresence,
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

impl<W: BoardWrite> Handler<Save<W>> for BoardActor {
    type Result = Result<Pending<Saved>, RequestError<Save<W>>>;

    fn handle(&mut self, save: Save<W>, ctx: &mut Context<Self>) -> Self::Result {
        let _entered = save.span.clone().entered();
        match self.awake() {
            Ok(awake) => Ok(awake.save(save, ctx)?),
            Err(NotAwake::Failed(error)) => Err(error.into()),
            Err(NotAwake::Gone) => Err(RequestError::Moved(save)),
        }
    }
}

impl Handler<ReadBoard> for BoardActor {
    type Result = Result<Pending<BoardView>, RequestError<ReadBoard>>;

    fn handle(&mut self, read: ReadBoard, _: &mut Context<Self>) -> Self::Result {
        match self.awake() {
            Ok(awake) => Ok(awake.read(read.who)?),
            Err(NotAwake::Failed(error)) => Err(error.into()),
            Err(NotAwake::Gone) => Err(RequestError::Moved(read)),
        }
    }
}

impl Handler<JournalEvent> for BoardActor {
    type Result = ();

    fn handle(&mut self, event: JournalEvent, ctx: &mut Context<Self>) {
        let Phase::Awake(awake) = &mut self.phase else { return };
        match event {
            JournalEvent::Persisted(rev) => awake.persisted(rev, ctx),
            JournalEvent::Fenced => self.fenced(ctx),
            JournalEvent::State { writable } => awake.journal_state(writable),
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

impl Handler<AccessChanged> for BoardActor {
    type Result = ();

    fn handle(&mut self, changed: AccessChanged, ctx: &mut Context<Self>) {
        if let Phase::Awake(awake) = &mut self.phase {
            awake.seal_before_access_change(&changed.session, ctx);
            awake.access.set_class(changed.session);
            awake.apply_rights(changed.cause, ctx);
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
