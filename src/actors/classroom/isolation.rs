//! Isolation: hiding pupils' work from one another, and revealing it. Handlers of the classroom actor.
//! Never touches a document: boards do.

use actix::prelude::*;
use uuid::Uuid;

use super::actor::ClassroomActor;
use super::messages::Reveal;
use super::state::RETRY;
use crate::actors::board::RevealLayers;
use crate::actors::messages::{BoardError, Precondition, Save};
use m4sh_domain::access::AccessCause;
use m4sh_domain::classroom::{ClassChange, PupilSelection};
use m4sh_domain::ids::{BoardId, ConnId, Rev, UserId};
use m4sh_domain::json::{Object, Value};
use m4sh_protocol::close::Close;
use m4sh_protocol::server::ServerFrame;

impl ClassroomActor {
    pub(super) fn reveal_for(&mut self, conn: ConnId, by: UserId, whose: PupilSelection, ctx: &mut Context<Self>) {
        let revealing = self.reveal(by, whose);
        // The mailbox waits: what is sent next is done after it.
        ctx.wait(revealing.map(move |revealed, act, _| {
            if let Err(error) = revealed {
                act.refuse(conn, None, &error.into());
            }
        }));
    }

    pub(super) fn isolate(&self, conn: ConnId, on: bool, ctx: &mut Context<Self>) {
        let (host, lesson) = (self.host.clone(), (self.classroom, self.session));
        let writing = async move { host.set_isolated(lesson, on).await };
        ctx.wait(writing.into_actor(self).map(move |written, act, ctx| match written {
            Ok(_) => act.reload(AccessCause::Isolated, ctx),
            Err(error) => {
                tracing::warn!(session = %act.session, %error, "isolation could not be written");
                act.refuse(conn, None, &BoardError::Unavailable { retry_after: RETRY }.into());
            }
        }));
    }

    /// The boards know: from here on nobody draws openly who thinks that they are hidden, so the class may hear of it.
    pub(super) fn isolation_applied(&mut self, on: bool) {
        let frame = Object::from([("t", "isolated".into()), ("on", on.into())]);
        self.sockets.broadcast(&ServerFrame::Prepared(&frame), |_| true);
    }

    fn reveal(&self, by: UserId, whose: PupilSelection) -> ResponseActFuture<Self, Result<Rev, BoardError>> {
        let board: Result<BoardId, BoardError> = match &self.known {
            Ok(access) => Ok(access.board),
            Err(Close::NotFound) => Err(BoardError::NotFound),
            Err(_) => Err(BoardError::Unavailable { retry_after: RETRY }),
        };
        let (boards, revealed) = (self.host.boards().clone(), whose.clone());
        let revealing = async move {
            let key = format!("reveal-{}", Uuid::now_v7()).into();
            let save = Save::new(by, Precondition::Any, Some(key), RevealLayers(revealed));
            boards.save(board?, save).await.map(|saved| saved.rev)
        };
        Box::pin(revealing.into_actor(self).map(move |revealed, act, ctx| {
            if let Ok(rev) = revealed {
                let data = Object::from([("users", users(&whose)), ("rev", rev.0.into())]);
                let mut frame = data.clone();
                frame.insert("t", "revealed");
                act.sockets.broadcast(&ServerFrame::Prepared(&frame), |_| true);
                act.record(ClassChange::Reveal, Some(by), data, ctx);
            }
            revealed
        }))
    }
}

/// `"all"`, or ids.
fn users(whose: &PupilSelection) -> Value {
    match whose {
        PupilSelection::All => "all".into(),
        PupilSelection::Only(users) => Value::Array(users.iter().map(|user| user.to_string().into()).collect()),
    }
}

impl Handler<Reveal> for ClassroomActor {
    type Result = AtomicResponse<Self, Result<Rev, BoardError>>;

    fn handle(&mut self, Reveal { by, whose }: Reveal, _: &mut Context<Self>) -> Self::Result {
        self.used = crate::actors::clock::now();
        AtomicResponse::new(self.reveal(by, whose))
    }
}
