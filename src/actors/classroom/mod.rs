//! The classroom actor: one for each live class session. Owns who is in class and what is said there, and pushes rights
//! down to its boards. Called by `ws` (entering, speaking, leaving) and `directory` (changes made over REST). Never sees
//! an operation or a cursor.

mod boards;
mod class_changes;
mod commands;
mod ephemera;
mod erasure;
mod events;
mod isolation;
mod lead;
mod monitor;
pub mod participants;
mod pupil_boards;
mod rights;
mod sockets;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::oneshot;

use self::boards::BoardProvisioning;
pub use self::boards::BroadcastFrame;
use self::commands::ClassBudgets;
pub use self::commands::SubmitCommand;
use self::ephemera::ClassEphemera;
use self::erasure::ErasureState;
pub use self::erasure::ReloadErased;
use self::events::ClassEventLog;
pub use self::events::CommandReply;
pub use self::isolation::Reveal;
pub use self::lead::ViewChanged;
use self::monitor::ClassMonitor;
pub use self::monitor::{ClassOverview, GetOverview, OverviewBoard, OverviewPerson};
use self::rights::RightsQueue;
use self::sockets::{ClassSocket, ClassSockets};
use crate::actors::clock;
use crate::actors::directory::Directory;
use crate::actors::messages::{AccessChanged, JoinError, SessionEnded};
use crate::actors::outbox::Outbox;
use m4sh_domain::access::{AccessCause, EffectiveRights, Rights};
use m4sh_domain::classroom::{AllowedSenders, ClassAction, ClassFrame, ClassState};
use m4sh_domain::ids::{BoardId, ClassroomId, ConnId, LessonId, UserId};
use m4sh_domain::json::Object;
use m4sh_domain::limits;
use m4sh_domain::refusal::Refusal;
use m4sh_protocol::client::ActivityStatus;
use m4sh_protocol::close::Close;
use m4sh_protocol::dialect::Dialect;
use m4sh_store::{BoardLesson, LessonAccess, StoreError};

const HOUSEKEEPING: Duration = Duration::from_secs(15);
/// When to try again what the database or a board could not do.
const RETRY: Duration = Duration::from_secs(1);

/// See the module's words.
pub struct ClassroomActor {
    classroom: ClassroomId,
    session: LessonId,
    directory: Directory,
    known: Result<LessonAccess, Close>,
    sockets: ClassSockets,
    rights_queue: RightsQueue,
    monitor: ClassMonitor,
    events: ClassEventLog,
    ephemera: ClassEphemera,
    budgets: ClassBudgets,
    erasure: ErasureState,
    provisioning: BoardProvisioning,
    used: Duration,
}

/// Come into class. From here on class frames are kept for the socket, and said to it once it has [`WelcomeSent`].
#[derive(Message)]
#[rtype(result = "Result<JoinedClass, JoinError>")]
pub struct JoinClass {
    /// The socket.
    pub conn: ConnId,
    /// Whose it is.
    pub user: UserId,
    /// The name that others see.
    pub name: Arc<str>,
    /// How to write to it.
    pub dialect: Dialect,
    /// Where to write to it.
    pub outbox: Outbox,
}

/// What somebody who comes into class is given.
pub struct JoinedClass {
    /// The lesson's shared board.
    pub board: BoardId,
    /// How the class stands, for the welcome's `class`: whoever comes late lands where the others are.
    pub class: Arc<Object>,
    /// Whether what the socket looks at is to be passed on with [`ViewChanged`]; it changes while the socket lives.
    pub is_followed: Arc<AtomicBool>,
}

/// The socket has its welcome: what was said in class since [`JoinClass`] follows it.
#[derive(Message)]
#[rtype(result = "()")]
pub struct WelcomeSent {
    /// The socket.
    pub conn: ConnId,
    /// Whether it asks to see the whole class.
    pub watch: bool,
}

/// What somebody does at the moment, as they say themselves; may be lost.
#[derive(Message)]
#[rtype(result = "()")]
pub struct StatusChanged {
    /// The socket.
    pub conn: ConnId,
    /// What they do.
    pub status: ActivityStatus,
}

/// Leave class.
#[derive(Message)]
#[rtype(result = "()")]
pub struct LeaveClass {
    /// The socket.
    pub conn: ConnId,
}

/// Something that is said to the class and not to a board.
#[derive(Message)]
#[rtype(result = "()")]
pub struct SubmitFrame {
    /// The socket.
    pub conn: ConnId,
    /// What it says.
    pub frame: ClassFrame,
}

/// Members, roles, rules, boards or the session's status were changed: read them again and push them down.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ReloadClass {
    /// What changed, as those who are concerned are told.
    pub cause: AccessCause,
    /// Hears when the boards have applied it.
    pub applied: oneshot::Sender<()>,
}

impl ClassroomActor {
    /// An actor that will read its session as soon as it starts.
    #[must_use]
    pub fn new(classroom: ClassroomId, session: LessonId, directory: Directory) -> Self {
        let known = Err(Close::Moved);
        Self {
            classroom,
            session,
            directory,
            known,
            sockets: ClassSockets::default(),
            rights_queue: RightsQueue::default(),
            monitor: ClassMonitor::default(),
            events: ClassEventLog::default(),
            ephemera: ClassEphemera::default(),
            budgets: ClassBudgets::default(),
            erasure: ErasureState::default(),
            provisioning: BoardProvisioning::default(),
            used: clock::now(),
        }
    }

    /// Reads members, rules and status, and at first how the lesson stands; the mailbox waits, so that nobody is judged by
    /// what held before.
    fn load(&mut self, ctx: &mut Context<Self>, change: Option<ReloadClass>) {
        let (store, classroom, session) = (self.directory.store().clone(), self.classroom, self.session);
        let unread = !self.events.loaded;
        let reading = async move {
            let access = store.lesson_access(classroom, session).await?;
            let stands = if unread { Some(store.class_state(session).await?) } else { None };
            Ok((access, stands))
        };
        ctx.wait(reading.into_actor(self).map(move |read, act, ctx| act.apply_loaded(read, change, ctx)));
    }

    fn apply_loaded(
        &mut self,
        read: Result<(Option<LessonAccess>, Option<ClassState>), StoreError>,
        change: Option<ReloadClass>,
        ctx: &mut Context<Self>,
    ) {
        match read {
            Ok((Some(access), stands)) => {
                if let Some(state) = stands {
                    (self.events.state, self.events.loaded) = (state, true);
                }
                let now = clock::timestamp();
                let known = std::mem::replace(&mut self.known, Ok(access));
                let changes = match (&known, &self.known) {
                    (Ok(known), Ok(access)) => class_changes::changes(known, access, now),
                    _ => Vec::new(),
                };
                self.apply_rights(ctx);
                self.send_boards(None);
                if let Ok(known) = &known {
                    self.announce_new_boards(&known.others);
                }
                for (note, data) in changes {
                    self.record(note, None, data, ctx);
                }
                if let Some(change) = change {
                    self.push_to_boards(change, known.ok().map(|known| known.isolated), ctx);
                }
            }
            Ok((None, _)) => {
                self.known = Err(Close::NotFound);
                self.close_sockets(Close::NotFound);
                self.unregister(ctx);
            }
            Err(error) => {
                tracing::warn!(session = %self.session, %error, "class session could not be read");
                if change.is_some() {
                    // A change of rights must arrive: try until Postgres answers.
                    ctx.run_later(Duration::from_secs(1), move |act, ctx| act.load(ctx, change));
                } else {
                    self.known = Err(Close::Moved);
                    self.unregister(ctx);
                }
            }
        }
    }

    /// Tells the boards that are awake; one that wakes later reads the same rows.
    fn push_to_boards(&self, change: ReloadClass, was_isolated: Option<bool>, ctx: &mut Context<Self>) {
        let Ok(access) = &self.known else { return };
        let switched = was_isolated.filter(|was| *was != access.isolated).map(|was| !was);
        let shared = (access.board, access.rights.board.clone(), access.isolated);
        let others = access.others.iter().map(|(board, whose)| (*board, whose.clone(), false));
        let awake: Vec<_> = std::iter::once(shared)
            .chain(others)
            .filter_map(|(board, whose, isolated)| {
                let actor = self.directory.boards().find_awake(board)?;
                let rights = Rights { board: whose, ..access.rights.clone() };
                Some((actor, BoardLesson { classroom: self.classroom, session: self.session, isolated, rights }))
            })
            .collect();
        // Only the end itself closes sockets: those who look at an ended lesson's board later may stay.
        let ended = (change.cause == AccessCause::Ended).then_some(SessionEnded { session: self.session });
        let telling = async move {
            let tell = |(board, session): (Addr<crate::actors::board::BoardActor>, BoardLesson)| async move {
                // A board that leaves memory meanwhile reads the same rows when it wakes.
                let _ = board.send(AccessChanged { session, cause: change.cause }).await;
                if let Some(ended) = ended {
                    let _ = board.send(ended).await;
                }
            };
            futures_util::future::join_all(awake.into_iter().map(tell)).await;
            let _ = change.applied.send(());
        };
        ctx.spawn(telling.into_actor(self).map(move |(), act, _| {
            if ended.is_some() {
                act.close_sockets(Close::SessionEnded);
            }
            if let Some(on) = switched {
                act.isolation_applied(on);
            }
        }));
    }

    /// Reads again what was just written, and pushes it down.
    fn reload(&mut self, cause: AccessCause, ctx: &mut Context<Self>) {
        let (applied, _) = oneshot::channel();
        self.load(ctx, Some(ReloadClass { cause, applied }));
    }

    /// How the class stands, as a newcomer is told.
    fn snapshot(&self, access: &LessonAccess, user: UserId, standing: EffectiveRights) -> Object {
        let mut class = Object::from([
            ("classroom", self.classroom.to_string().into()),
            ("session", self.session.to_string().into()),
            ("isolated", access.isolated.into()),
            ("locks", self.locks().into()),
        ]);
        let leads = AllowedSenders::Leaders.allows(standing);
        self.events.state.snapshot(&mut class, self.session, user, leads);
        self.ephemera.snapshot(&mut class);
        class.insert("boards", Self::boards_of(access, user));
        class
    }

    fn may_send(&self, user: UserId, senders: AllowedSenders) -> bool {
        let now = clock::timestamp();
        let rights = self.known.as_ref().ok().and_then(|access| access.rights.effective(user, now));
        senders == AllowedSenders::Everybody || rights.is_some_and(|rights| senders.allows(rights))
    }

    fn unregister(&self, ctx: &mut Context<Self>) {
        self.directory.forget_session((self.classroom, self.session), &ctx.address());
    }
}

impl Actor for ClassroomActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.load(ctx, None);
        ctx.run_interval(HOUSEKEEPING, |act, ctx| {
            act.budgets.forget_full();
            if act.sockets.is_empty()
                && act.events.is_idle()
                && clock::now().saturating_sub(act.used) > limits::PARK_AFTER
            {
                act.unregister(ctx);
                ctx.stop();
            }
        });
    }
}

impl Handler<JoinClass> for ClassroomActor {
    type Result = Result<JoinedClass, JoinError>;

    fn handle(&mut self, enter: JoinClass, _: &mut Context<Self>) -> Self::Result {
        self.used = clock::now();
        let access = self.known.as_ref().map_err(|close| JoinError::Close(*close))?;
        let standing = access.rights.effective(enter.user, clock::timestamp());
        let standing = standing.ok_or(JoinError::Close(Close::Forbidden))?;
        if !access.rights.live {
            return Err(JoinError::Close(Close::SessionEnded));
        }
        let class = Arc::new(self.snapshot(access, enter.user, standing));
        let board = access.board;
        let seat = ClassSocket::new(enter.user, enter.name, standing.role, enter.dialect, enter.outbox);
        let heeded = seat.is_followed.clone();
        self.sockets.enter(enter.conn, seat);
        self.update_followed();
        Ok(JoinedClass { board, class, is_followed: heeded })
    }
}

impl Handler<WelcomeSent> for ClassroomActor {
    type Result = ();

    fn handle(&mut self, arrived: WelcomeSent, ctx: &mut Context<Self>) {
        self.sockets.release_pending(arrived.conn);
        self.show_ephemera(arrived.conn);
        self.provide_board_for(arrived.conn, ctx);
        if arrived.watch {
            self.watch(arrived.conn, ctx);
        }
    }
}

impl Handler<LeaveClass> for ClassroomActor {
    type Result = ();

    fn handle(&mut self, leave: LeaveClass, ctx: &mut Context<Self>) {
        self.used = clock::now();
        self.unwatch(leave.conn, ctx);
        let Some(left) = self.sockets.leave(leave.conn) else { return };
        let stays = self.sockets.iter().any(|(_, seat)| seat.user == left.user);
        if let Some(laser) = self.ephemera.laser_off(left.user).filter(|_| !stays) {
            self.set_laser(leave.conn, left.user, laser, ctx);
        }
    }
}

impl Handler<SubmitFrame> for ClassroomActor {
    type Result = ();

    fn handle(&mut self, SubmitFrame { conn, frame }: SubmitFrame, ctx: &mut Context<Self>) {
        self.used = clock::now();
        let Some(user) = self.sockets.get(conn).map(|socket| socket.user) else { return };
        let ClassFrame { spec, action } = frame;
        // Commands and changes of rights are judged in their turn, by what holds then.
        let judged_in_turn = matches!(action, ClassAction::Command(_) | ClassAction::Rights(_));
        if !judged_in_turn && !self.may_send(user, spec.senders) {
            return self.refuse(conn, None, &Refusal::forbidden(spec.denied));
        }
        match action {
            ClassAction::Command(command) => self.submit_from_socket(conn, command, ctx),
            ClassAction::Rights(frame) => self.enqueue_change(conn, user, frame, ctx),
            ClassAction::Isolate(on) => self.isolate(conn, on, ctx),
            ClassAction::Reveal(whose) => self.reveal_for(conn, user, whose, ctx),
            ClassAction::PupilBoards { on, template } => self.provide_all(conn, user, (on, template), ctx),
            ClassAction::Laser(laser) => self.point_laser(conn, user, laser, spec.cost, ctx),
            ClassAction::Done(on) => self.mark_done(user, on),
            ClassAction::Attention { stuck_after } => self.set_stuck_after(stuck_after),
        }
    }
}

impl Handler<ReloadClass> for ClassroomActor {
    type Result = ();

    fn handle(&mut self, change: ReloadClass, ctx: &mut Context<Self>) {
        self.used = clock::now();
        self.load(ctx, Some(change));
    }
}
