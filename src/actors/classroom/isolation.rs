//! Isolation: hiding pupils' work from one another, and revealing it. Turns of the classroom actor.
//! Never touches a document: boards do.

use actix::prelude::*;
use uuid::Uuid;

use super::ClassroomActor;
use crate::actors::board::{PupilSelection, RevealLayers};
use crate::actors::clock;
use crate::actors::messages::{BoardError, Precondition, Save};
use m4sh_domain::access::Permission;
use m4sh_domain::classroom::{ClassChange, fields};
use m4sh_domain::ids::{BoardId, ConnId, Rev, UserId};
use m4sh_domain::json::{Object, Value};
use m4sh_protocol::class::IsolationFrame;
use m4sh_protocol::close::Close;
use m4sh_protocol::server::ServerFrame;

/// Reveal work on the lesson's shared board and tell the class. Answered when it is committed.
#[derive(Message)]
#[rtype(result = "Result<Rev, BoardError>")]
pub struct Reveal {
    /// Who reveals it.
    pub by: UserId,
    /// Whose work.
    pub whose: PupilSelection,
}

impl ClassroomActor {
    pub(super) fn isolation_said(&mut self, conn: ConnId, frame: IsolationFrame, ctx: &mut Context<Self>) {
        let Some(user) = self.sockets.get(conn).map(|seat| seat.user) else { return };
        if !self.may_isolate(user) {
            return self.refuse_isolation(conn, &BoardError::Forbidden);
        }
        match frame {
            IsolationFrame::Isolate { on } => self.isolate(conn, on, ctx),
            IsolationFrame::Reveal { users } => {
                let whose = users.map_or(PupilSelection::All, PupilSelection::Only);
                let revealing = self.reveal(user, whose);
                // The mailbox waits: what is said next is said after it.
                ctx.wait(revealing.map(move |revealed, act, _| {
                    if let Err(error) = revealed {
                        act.refuse_isolation(conn, &error);
                    }
                }));
            }
        }
    }

    fn may_isolate(&self, user: UserId) -> bool {
        let standing = self.known.as_ref().ok().and_then(|access| access.rights.effective(user, clock::timestamp()));
        standing.is_some_and(|standing| standing.can.has(Permission::Lock))
    }

    fn isolate(&self, conn: ConnId, on: bool, ctx: &mut Context<Self>) {
        let (store, classroom, session) = (self.directory.store().clone(), self.classroom, self.session);
        let writing = async move { store.set_isolated(classroom, session, on).await };
        ctx.wait(writing.into_actor(self).map(move |written, act, ctx| match written {
            Ok(_) => act.reload("isolated", ctx),
            Err(error) => {
                tracing::warn!(session = %act.session, %error, "isolation could not be written");
                act.refuse_isolation(conn, &BoardError::Unavailable { retry_after: super::RETRY });
            }
        }));
    }

    /// The boards know: from here on nobody draws openly who thinks that they are hidden, so the class may hear of it.
    pub(super) fn isolation_applied(&mut self, on: bool) {
        let frame = Object::from_iter([("t", "isolated".into()), ("on", on.into())].map(named));
        self.sockets.broadcast(&ServerFrame::Prepared(&frame), |_| true);
    }

    fn reveal(&self, by: UserId, whose: PupilSelection) -> ResponseActFuture<Self, Result<Rev, BoardError>> {
        let board: Result<BoardId, BoardError> = match &self.known {
            Ok(access) => Ok(access.board),
            Err(Close::NotFound) => Err(BoardError::NotFound),
            Err(_) => Err(BoardError::Unavailable { retry_after: super::RETRY }),
        };
        let (boards, revealed) = (self.directory.boards().clone(), whose.clone());
        let revealing = async move {
            let key = format!("reveal-{}", Uuid::now_v7()).into();
            boards
                .save(board?, Save::new(by, Precondition::Any, Some(key), RevealLayers(revealed)))
                .await
                .map(|saved| saved.rev)
        };
        Box::pin(revealing.into_actor(self).map(move |revealed, act, ctx| {
            if let Ok(rev) = revealed {
                let frame = [("t", "revealed".into()), ("users", users(&whose)), ("rev", rev.0.into())];
                let frame = Object::from_iter(frame.map(named));
                act.sockets.broadcast(&ServerFrame::Prepared(&frame), |_| true);
                act.record(
                    ClassChange::Reveal,
                    Some(by),
                    fields([("users", users(&whose)), ("rev", rev.0.into())]),
                    ctx,
                );
            }
            revealed
        }))
    }

    fn refuse_isolation(&mut self, conn: ConnId, error: &BoardError) {
        let (code, retry_after_ms) = match error {
            BoardError::Forbidden => ("forbidden", None),
            BoardError::Refused(refusal) => (refusal.code(), None),
            BoardError::Unavailable { retry_after } => {
                ("unavailable", Some(u64::try_from(retry_after.as_millis()).unwrap_or(u64::MAX)))
            }
            BoardError::NotFound | BoardError::PreconditionFailed { .. } | BoardError::RevMismatch { .. } => {
                ("not_found", None)
            }
        };
        let detail = error.to_string();
        self.sockets.send(conn, &ServerFrame::Refused { id: None, code, detail: &detail, index: None, retry_after_ms });
    }
}

fn named((key, value): (&str, Value)) -> (String, Value) {
    (key.to_owned(), value)
}

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
