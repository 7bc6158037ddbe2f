//! The classroom actor: one for each live lesson. Owns who is in class and what is said there, and pushes rights down to its
//! boards. Called by actix and the handlers beside it. Never sees an operation or a cursor.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::oneshot;

use super::class_changes;
use super::ephemera::ClassEphemera;
use super::host::ClassHost;
use super::messages::{JoinClass, JoinedClass, LeaveClass, ReloadClass, SubmitFrame, WelcomeSent};
use super::monitor::state::ClassMonitor;
use super::sockets::{ClassSocket, ClassSockets};
use super::state::{BoardProvisioning, ClassBudgets, ClassEventLog, ErasureState, RightsQueue};
use crate::actors::clock;
use crate::actors::messages::{AccessChanged, JoinError, SessionEnded};
use m4sh_domain::access::{AccessCause, EffectiveRights, Rights};
use m4sh_domain::classroom::{AllowedSenders, ClassAction, ClassFrame, ClassState};
use m4sh_domain::ids::{ClassroomId, LessonId, UserId};
use m4sh_domain::json::Object;
use m4sh_domain::limits;
use m4sh_domain::refusal::Refusal;
use m4sh_protocol::close::Close;
use m4sh_store::{BoardLesson, LessonAccess, StoreError};

const HOUSEKEEPING: Duration = Duration::from_secs(15);

/// Takes an actor out of the list of classes that are awake.
pub type ForgetClass = Box<dyn Fn(&Addr<ClassroomActor>) + Send>;

/// The actor of one lesson.
pub struct ClassroomActor {
    pub(super) classroom: ClassroomId,
    pub(super) session: LessonId,
    pub(super) host: Arc<dyn ClassHost>,
    /// Takes this actor out of the list of classes that are awake.
    forget: ForgetClass,
    pub(super) known: Result<LessonAccess, Close>,
    pub(super) sockets: ClassSockets,
    pub(super) rights_queue: RightsQueue,
    pub(super) monitor: ClassMonitor,
    pub(super) events: ClassEventLog,
    pub(super) ephemera: ClassEphemera,
    pub(super) budgets: ClassBudgets,
    pub(super) erasure: ErasureState,
    pub(super) provisioning: BoardProvisioning,
    pub(super) used: Duration,
}

impl ClassroomActor {
    /// An actor that will read its session as soon as it starts.
    #[must_use]
    pub fn new(classroom: ClassroomId, session: LessonId, host: Arc<dyn ClassHost>, forget: ForgetClass) -> Self {
        let known = Err(Close::Moved);
        Self {
            classroom,
            session,
            host,
            forget,
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
        let (host, classroom, session) = (self.host.clone(), self.classroom, self.session);
        let unread = !self.events.loaded;
        let reading = async move {
            let access = host.access((classroom, session)).await?;
            let stands = if unread { Some(host.state(session).await?) } else { None };
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
                tracing::warn!(session = %self.session, %error, "lesson could not be read");
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
                let actor = self.host.boards().find_awake(board)?;
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
    pub(super) fn reload(&mut self, cause: AccessCause, ctx: &mut Context<Self>) {
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

    pub(super) fn may_send(&self, user: UserId, senders: AllowedSenders) -> bool {
        let now = clock::timestamp();
        let rights = self.known.as_ref().ok().and_then(|access| access.rights.effective(user, now));
        senders == AllowedSenders::Everybody || rights.is_some_and(|rights| senders.allows(rights))
    }

    fn unregister(&self, ctx: &mut Context<Self>) {
        (self.forget)(&ctx.address());
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
