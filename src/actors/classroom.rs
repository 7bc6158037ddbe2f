//! The classroom actor: one for each live class session. Owns who is in class, and pushes rights down to its board.
//! Called by `ws` (entering, leaving) and `directory` (changes made over REST). Never sees an operation or a cursor.

use std::collections::HashMap;
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::oneshot;

use crate::actors::clock;
use crate::actors::directory::Directory;
use crate::actors::messages::{AccessChanged, Declined, SessionEnded};
use crate::domain::ids::{BoardId, ClassroomId, ConnId, SessionId, UserId};
use crate::limits;
use crate::protocol::close::Close;
use crate::store::{BoardSession, SessionAccess, StoreError};

const HOUSEKEEPING: Duration = Duration::from_secs(15);
/// Why a session is read again when it has ended.
pub const ENDED: &str = "ended";

/// See the module's words.
pub struct ClassroomActor {
    classroom: ClassroomId,
    session: SessionId,
    directory: Directory,
    known: Result<SessionAccess, Close>,
    present: HashMap<ConnId, UserId>,
    used: Duration,
}

/// Come into class.
#[derive(Message)]
#[rtype(result = "Result<BoardId, Declined>")]
pub struct Enter {
    /// The socket.
    pub conn: ConnId,
    /// Whose it is.
    pub user: UserId,
}

/// Leave class.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Leave {
    /// The socket.
    pub conn: ConnId,
}

/// Members, roles or the session's status were changed over REST: read them again and push them down.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Reread {
    /// What changed, as those who are concerned are told.
    pub why: &'static str,
    /// Hears when the board has applied it.
    pub applied: oneshot::Sender<()>,
}

impl ClassroomActor {
    /// An actor that will read its session as soon as it starts.
    #[must_use]
    pub fn new(classroom: ClassroomId, session: SessionId, directory: Directory) -> Self {
        let known = Err(Close::Moved);
        Self { classroom, session, directory, known, present: HashMap::new(), used: clock::now() }
    }

    /// Reads members and status; the mailbox waits, so that nobody is judged by what held before.
    fn read(&mut self, ctx: &mut Context<Self>, change: Option<Reread>) {
        let (store, classroom, session) = (self.directory.store().clone(), self.classroom, self.session);
        let reading = async move { store.session_access(classroom, session).await };
        ctx.wait(reading.into_actor(self).map(move |read, act, ctx| act.learned(read, change, ctx)));
    }

    fn learned(
        &mut self,
        read: Result<Option<SessionAccess>, StoreError>,
        change: Option<Reread>,
        ctx: &mut Context<Self>,
    ) {
        match read {
            Ok(Some(access)) => {
                self.known = Ok(access);
                if let Some(change) = change {
                    self.push(change, ctx);
                }
            }
            Ok(None) => {
                self.known = Err(Close::NotFound);
                self.forget(ctx);
            }
            Err(error) => {
                tracing::warn!(session = %self.session, %error, "class session could not be read");
                if change.is_some() {
                    // A change of rights must arrive: try until Postgres answers.
                    ctx.run_later(Duration::from_secs(1), move |act, ctx| act.read(ctx, change));
                } else {
                    self.known = Err(Close::Moved);
                    self.forget(ctx);
                }
            }
        }
    }

    /// Tells the board, if it is awake; a board that wakes later reads the same rows.
    fn push(&self, change: Reread, ctx: &mut Context<Self>) {
        let Ok(access) = &self.known else { return };
        let Some(board) = self.directory.awake(access.board) else { return };
        let session = BoardSession {
            classroom: self.classroom,
            session: self.session,
            live: access.live,
            members: access.members.clone(),
        };
        // Only the end itself closes sockets: those who look at an ended lesson's board later may stay.
        let ended = (change.why == ENDED).then_some(SessionEnded { session: self.session });
        let telling = async move {
            // A board that leaves memory meanwhile reads the same rows when it wakes.
            let _ = board.send(AccessChanged { session, why: change.why }).await;
            if let Some(ended) = ended {
                let _ = board.send(ended).await;
            }
            let _ = change.applied.send(());
        };
        ctx.spawn(telling.into_actor(self));
    }

    fn forget(&self, ctx: &mut Context<Self>) {
        self.directory.forget_session((self.classroom, self.session), &ctx.address());
    }
}

impl Actor for ClassroomActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.read(ctx, None);
        ctx.run_interval(HOUSEKEEPING, |act, ctx| {
            if act.present.is_empty() && clock::now().saturating_sub(act.used) > limits::PARK_AFTER {
                act.forget(ctx);
                ctx.stop();
            }
        });
    }
}

impl Handler<Enter> for ClassroomActor {
    type Result = Result<BoardId, Declined>;

    fn handle(&mut self, enter: Enter, _: &mut Context<Self>) -> Self::Result {
        self.used = clock::now();
        let access = self.known.as_ref().map_err(|close| Declined::Close(*close))?;
        if !access.members.iter().any(|(user, _)| *user == enter.user) {
            return Err(Declined::Close(Close::Forbidden));
        }
        if !access.live {
            return Err(Declined::Close(Close::SessionEnded));
        }
        self.present.insert(enter.conn, enter.user);
        Ok(access.board)
    }
}

impl Handler<Leave> for ClassroomActor {
    type Result = ();

    fn handle(&mut self, leave: Leave, _: &mut Context<Self>) {
        self.used = clock::now();
        self.present.remove(&leave.conn);
    }
}

impl Handler<Reread> for ClassroomActor {
    type Result = ();

    fn handle(&mut self, change: Reread, ctx: &mut Context<Self>) {
        self.used = clock::now();
        self.read(ctx, Some(change));
    }
}
