//! Not yet seated: who has come, and the way from hello to a seat. Consumes itself, so that the two are never confused.
//! Called by `pump`. Never reads the socket.

use std::sync::Arc;
use std::time::Duration;

use actix::Addr;
use jiff::Timestamp;

use crate::actors::board::BoardActor;
use crate::actors::classroom::{ClassroomActor, Enter, Leave};
use crate::actors::messages::{Attach, Declined};
use crate::actors::outbox::Outbox;
use crate::domain::ids::{BoardId, ClassroomId, ClientId, ConnId, SessionId};
use crate::identity::Principal;
use crate::protocol::client::Position;
use crate::protocol::close::Close;
use crate::protocol::dialect::Dialect;
use crate::ws::Sockets;
use crate::ws::seated::Seated;

/// How often a seat is asked for at a board that had just left memory.
const LOOK_UPS: usize = 5;

/// Which route was taken.
#[derive(Clone, Copy, Debug)]
pub(super) enum Door {
    Class(ClassroomId, SessionId),
    Board(BoardId),
}

/// Somebody at the door.
pub(super) struct Greeting {
    pub(super) conn: ConnId,
    pub(super) dialect: Dialect,
    pub(super) principal: Principal,
    pub(super) door: Door,
    pub(super) sockets: Arc<Sockets>,
}

impl Greeting {
    /// How long the socket may live by its token. One of ours lives as long as its login, whose end is told at once;
    /// a token of another issuer has no login here, so its own end is all that is known (SPEC W13).
    pub(super) fn life(&self) -> Option<Duration> {
        let left = self.principal.expires_at.duration_since(Timestamp::now());
        self.principal.login.is_none().then(|| left.try_into().unwrap_or(Duration::ZERO))
    }

    /// Takes a seat, or says with which code to close. The welcome is in the outbox when this returns.
    pub(super) async fn sit(self, client: ClientId, resume: Option<Position>, outbox: Outbox) -> Result<Seated, Close> {
        let user = self.principal.user;
        let card = match self.sockets.people.card(user).await {
            Ok(Some(card)) => card,
            Ok(None) => return Err(Close::Unauthorized),
            Err(error) => {
                tracing::warn!(%error, "who somebody is could not be read");
                return Err(Close::Moved);
            }
        };
        let (class, board) = match self.door {
            Door::Board(board) => (None, board),
            Door::Class(classroom, session) => {
                let (class, board) = self.enter(classroom, session).await?;
                (Some(class), board)
            }
        };
        let attach = Attach {
            conn: self.conn,
            user,
            name: card.name,
            client,
            dialect: self.dialect,
            outbox: outbox.clone(),
            resume,
            by_class: class.is_some(),
        };
        match self.attach(board, attach).await {
            Ok(board) => Ok(Seated::new(self.conn, self.dialect, board, class, outbox)),
            Err(close) => {
                if let Some(class) = class {
                    class.do_send(Leave { conn: self.conn });
                }
                Err(close)
            }
        }
    }

    async fn enter(
        &self,
        classroom: ClassroomId,
        session: SessionId,
    ) -> Result<(Addr<ClassroomActor>, BoardId), Close> {
        let mut close = Close::Moved;
        for _ in 0..LOOK_UPS {
            let Some(class) = self.sockets.directory.locate_session(classroom, session) else { break };
            match class.send(Enter { conn: self.conn, user: self.principal.user }).await {
                Ok(Ok(board)) => return Ok((class, board)),
                Ok(Err(Declined::Close(declined))) => return Err(declined),
                // The actor stopped between the look-up and the message.
                Ok(Err(Declined::Moved)) | Err(_) => close = Close::Moved,
            }
        }
        Err(close)
    }

    async fn attach(&self, board: BoardId, attach: Attach) -> Result<Addr<BoardActor>, Close> {
        for _ in 0..LOOK_UPS {
            let Some(actor) = self.sockets.directory.locate(board) else { break };
            match actor.send(attach.clone()).await {
                Ok(Ok(())) => return Ok(actor),
                Ok(Err(Declined::Close(close))) => return Err(close),
                Ok(Err(Declined::Moved)) | Err(_) => {}
            }
        }
        Err(Close::Moved)
    }
}
