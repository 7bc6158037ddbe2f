//! A socket that has not joined: who it is, and the way from hello to a session. Joining consumes it, so that the two are
//! never confused. Called by `socket_loop`. Never reads the socket.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use actix::Addr;

use crate::actors::board::BoardActor;
use crate::actors::classroom::{ClassroomActor, JoinClass, JoinedClass, LeaveClass, WelcomeSent};
use crate::actors::clock;
use crate::actors::messages::{self, Attach, JoinError};
use crate::actors::outbox::Outbox;
use crate::actors::socket_registry::{RegisteredSocket, Registration};
use crate::identity::{Principal, RateLimitKey};
use crate::ws::context::SocketContext;
use crate::ws::guests::{self, Guest};
use crate::ws::session::{IdleTimer, JoinedSession};
use crate::ws::translator::{OpenTranslator, Translator};
use m4sh_domain::ids::{BoardId, ClassroomId, ClientId, ConnId, LessonId, LoginId, UserId};
use m4sh_protocol::client::Position;
use m4sh_protocol::close::Close;
use m4sh_protocol::dialect::Dialect;

/// How often a seat is asked for at a board that had just left memory.
const LOOK_UPS: usize = 5;

/// Which route was taken.
pub(super) enum SocketEndpoint {
    Class(ClassroomId, LessonId),
    Board(BoardId),
    /// A client of another protocol: its translator says which lesson it joins.
    Translated(OpenTranslator),
}

/// Who opened a socket.
pub(super) enum Visitor {
    Account(Principal),
    Guest(Guest),
}

/// Who it was found to be.
struct Identified {
    user: UserId,
    name: Arc<str>,
    /// How long they may stay, and with what they go.
    ends: Option<(Duration, Close)>,
    guest_slot: Option<Registration>,
}

/// Why a socket is closed before it joins.
pub(super) struct Rejected {
    pub(super) close: Close,
    /// When they may come back, where that is not what the code says.
    pub(super) wait: Option<Duration>,
}

impl From<Close> for Rejected {
    fn from(close: Close) -> Self {
        Self { close, wait: None }
    }
}

impl Rejected {
    /// Too many for now.
    pub(super) fn until(wait: Duration) -> Self {
        Self { close: Close::RateLimited, wait: Some(wait) }
    }
}

/// A socket that has not joined.
pub(super) struct PendingSocket {
    pub(super) conn: ConnId,
    pub(super) dialect: Dialect,
    pub(super) visitor: Visitor,
    pub(super) endpoint: SocketEndpoint,
    pub(super) address: IpAddr,
    pub(super) sockets: Arc<SocketContext>,
}

impl PendingSocket {
    /// The login that this socket lives on.
    pub(super) fn login(&self) -> Option<LoginId> {
        match &self.visitor {
            Visitor::Account(principal) => principal.login,
            Visitor::Guest(_) => None,
        }
    }

    /// Opens the translator of a client of another protocol, and leads to its lesson from then on.
    pub(super) async fn open(
        mut self: Box<Self>,
        outbox: Outbox,
    ) -> Result<(Box<Self>, Option<Box<dyn Translator>>), Close> {
        let SocketEndpoint::Translated(open) = self.endpoint else { return Ok((self, None)) };
        let Visitor::Account(principal) = &self.visitor else { return Err(Close::Unauthorized) };
        let (classroom, lesson, translator) = open(self.conn, principal.user, outbox).await?;
        self.endpoint = SocketEndpoint::Class(classroom, lesson);
        Ok((self, Some(translator)))
    }

    /// Who answers for what comes over this socket: an account, or an address where there is none.
    pub(super) fn caller(&self) -> RateLimitKey {
        match &self.visitor {
            Visitor::Account(principal) => principal.user.into(),
            Visitor::Guest(_) => self.address.into(),
        }
    }

    /// Takes a seat, or says with which code to close. The welcome is in the outbox when this returns.
    pub(super) async fn join(
        self,
        client: ClientId,
        resume: Option<Position>,
        watch: bool,
        outbox: Outbox,
    ) -> Result<JoinedSession, Close> {
        let Identified { user, name, ends, guest_slot: watching } = match &self.visitor {
            Visitor::Account(principal) => self.account(principal).await?,
            Visitor::Guest(guest) => self.guest(guest, client, &outbox).await?,
        };
        let (class, board, stands, heeded) = match self.endpoint {
            SocketEndpoint::Board(board) => (None, board, None, None),
            SocketEndpoint::Translated(_) => return Err(Close::NotFound),
            SocketEndpoint::Class(classroom, session) => {
                let (class, entered) = self.enter(user, &name, &outbox, classroom, session).await?;
                (Some(class), entered.board, Some(entered.class), Some(entered.is_followed))
            }
        };
        let door = match (&class, &watching) {
            (Some(_), _) => messages::AccessPath::Class,
            (None, Some(_)) => messages::AccessPath::Link,
            (None, None) => messages::AccessPath::Board,
        };
        let (conn, dialect) = (self.conn, self.dialect);
        // A guest sends no operations.
        let ledger = &self.sockets.directory.boards().node().shared_budgets;
        let address = watching.is_none().then(|| ledger.address(self.address.into(), clock::now()));
        let attach = Attach {
            conn,
            user,
            name,
            client,
            dialect,
            outbox: outbox.clone(),
            resume,
            access_path: door,
            class: stands,
            address,
        };
        let attached = self.attach(board, attach).await;
        if let (Ok(_), Some(class)) = (&attached, &class) {
            class.do_send(WelcomeSent { conn, watch });
        }
        match attached {
            Ok(board) => Ok(JoinedSession {
                conn: self.conn,
                dialect: self.dialect,
                board,
                class,
                is_followed: heeded,
                outbox,
                ends,
                guest_slot: watching,
                idle_timer: IdleTimer::new(),
            }),
            Err(close) => {
                if let Some(class) = class {
                    class.do_send(LeaveClass { conn: self.conn });
                }
                // Whether the board or only the link is gone is not for guests to know.
                let is_guest = watching.is_some();
                Err(if is_guest && close == Close::NotFound { Close::Forbidden } else { close })
            }
        }
    }

    async fn account(&self, principal: &Principal) -> Result<Identified, Close> {
        let card = match self.sockets.people.profile(principal.user).await {
            Ok(Some(card)) => card,
            Ok(None) => return Err(Close::Unauthorized),
            Err(error) => {
                tracing::warn!(%error, "profile of a user could not be read");
                return Err(Close::Moved);
            }
        };
        // A token of ours lives as long as its login, whose end is told at once; one of another issuer has no login
        // here, so its own end is all that is known (SPEC W13).
        let left = principal.expires_at.duration_since(clock::timestamp()).try_into().unwrap_or_default();
        let ends = principal.login.is_none().then_some((left, Close::Unauthorized));
        Ok(Identified { user: principal.user, name: card.name, ends, guest_slot: None })
    }

    async fn guest(&self, guest: &Guest, client: ClientId, outbox: &Outbox) -> Result<Identified, Close> {
        let SocketEndpoint::Board(board) = self.endpoint else { return Err(Close::Unauthorized) };
        let socket = RegisteredSocket { conn: self.conn, user: None, dialect: self.dialect, outbox: outbox.clone() };
        let admitted = guest.admit(board, &self.sockets, socket).await?;
        Ok(Identified {
            user: admitted.user(client),
            name: guests::GUEST_NAME.into(),
            ends: admitted.life.map(|life| (life, Close::Forbidden)),
            guest_slot: Some(admitted.slot),
        })
    }

    async fn enter(
        &self,
        user: UserId,
        name: &Arc<str>,
        outbox: &Outbox,
        classroom: ClassroomId,
        session: LessonId,
    ) -> Result<(Addr<ClassroomActor>, JoinedClass), Close> {
        let mut close = Close::Moved;
        for _ in 0..LOOK_UPS {
            let Some(class) = self.sockets.directory.locate_session(classroom, session) else { break };
            let (name, outbox) = (name.clone(), outbox.clone());
            match class.send(JoinClass { conn: self.conn, user, name, dialect: self.dialect, outbox }).await {
                Ok(Ok(entered)) => return Ok((class, entered)),
                Ok(Err(JoinError::Close(declined))) => return Err(declined),
                // The actor stopped between the look-up and the message.
                Ok(Err(JoinError::Moved)) | Err(_) => close = Close::Moved,
            }
        }
        Err(close)
    }

    async fn attach(&self, board: BoardId, attach: Attach) -> Result<Addr<BoardActor>, Close> {
        for _ in 0..LOOK_UPS {
            let Some(actor) = self.sockets.directory.boards().locate(board) else { break };
            match actor.send(attach.clone()).await {
                Ok(Ok(())) => return Ok(actor),
                Ok(Err(JoinError::Close(close))) => return Err(close),
                Ok(Err(JoinError::Moved)) | Err(_) => {}
            }
        }
        Err(Close::Moved)
    }
}
