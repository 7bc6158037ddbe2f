//! Revealing pupils' hidden work: one batch like any other, written by the board itself.
//! Asked for by the classroom actor. Never reveals for somebody who may not lock pens.

use actix::prelude::*;
use uuid::Uuid;

use super::saves::RETRY_UNSAVED;
use super::{AwakeBoard, BoardActor, NotAwake};
use crate::actors::clock;
use crate::actors::messages::{BoardError, PupilSelection, RequestError, RevealLayers, Revealed};
use m4sh_domain::board::BatchKey;
use m4sh_domain::ids::ClientId;

impl Handler<RevealLayers> for BoardActor {
    type Result = Result<Revealed, RequestError<RevealLayers>>;

    fn handle(&mut self, reveal: RevealLayers, ctx: &mut Context<Self>) -> Self::Result {
        match self.awake() {
            Ok(awake) => Ok(awake.reveal(&reveal, ctx)?),
            Err(NotAwake::Failed(error)) => Err(error.into()),
            Err(NotAwake::Gone) => Err(RequestError::Moved(reveal)),
        }
    }
}

impl AwakeBoard {
    fn reveal(&mut self, reveal: &RevealLayers, ctx: &mut Context<BoardActor>) -> Result<Revealed, BoardError> {
        let can = self.access.can(reveal.by).ok_or(BoardError::NotFound)?;
        if !can.can_lock {
            return Err(BoardError::Forbidden);
        }
        if self.draining || !self.shard.health.is_writable() || self.is_full() {
            return Err(BoardError::Unavailable { retry_after: RETRY_UNSAVED });
        }
        let id = format!("reveal-{}", Uuid::now_v7()).into();
        let key = BatchKey { author: reveal.by, client: ClientId(reveal.by.0), id };
        let whose = |user| match &reveal.whose {
            PupilSelection::All => true,
            PupilSelection::Only(users) => users.contains(&user),
        };
        let entry = self.board.reveal(key, whose, clock::timestamp()).map_err(BoardError::Refused)?;
        if let Some(entry) = entry {
            self.publish(None, &entry, tracing::Span::current(), ctx);
        }
        let rev = self.board.rev();
        Ok(Revealed { rev, durable: self.durable_at(rev) })
    }
}
