//! A joined session: what one client's frames mean, and to whom they go. It has no socket, so that it is tested by feeding
//! frames. Called by `socket_loop` for each message. Never decides a right or applies an operation: the board does.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix::Addr;

use crate::actors::board::BoardActor;
use crate::actors::classroom::{ClassroomActor, LeaveClass, StatusChanged, SubmitFrame, ViewChanged};
use crate::actors::clock;
use crate::actors::messages::{BoardCommand, Detach, OutboxDrained, PresenceUpdate, Submit, UpdatePresence};
use crate::actors::metrics::metrics;
use crate::actors::outbox::Outbox;
use crate::actors::socket_registry::Registration;
use m4sh_domain::classroom::ClassAction;
use m4sh_domain::ids::ConnId;
use m4sh_domain::limits;
use m4sh_domain::refusal::{Refusal, RefusalCode};
use m4sh_protocol::client::{ActivityStatus, ClientFrame, View};
use m4sh_protocol::close::Close;
use m4sh_protocol::dialect::Dialect;
use m4sh_protocol::roster::Quality;
use m4sh_protocol::server::ServerFrame;

/// How a conversation ends.
pub(super) enum SessionEnd {
    /// Close with this.
    Close(Close),
    /// The client said goodbye.
    Left,
}

/// One connection with a seat.
pub(super) struct JoinedSession {
    pub(super) conn: ConnId,
    pub(super) dialect: Dialect,
    pub(super) board: Addr<BoardActor>,
    pub(super) class: Option<Addr<ClassroomActor>>,
    /// Whether the class follows what is looked at here.
    pub(super) is_followed: Option<Arc<AtomicBool>>,
    pub(super) outbox: Outbox,
    /// How long it may last, and with what it is closed then.
    pub(super) ends: Option<(Duration, Close)>,
    /// A guest's place, given back with the seat.
    pub(super) guest_slot: Option<Registration>,
    pub(super) idle_timer: IdleTimer,
}

/// When the client last did anything, and whether it was called idle since.
pub(super) struct IdleTimer {
    last: Duration,
    idle: bool,
    declared: ActivityStatus,
}

impl IdleTimer {
    pub(super) fn new() -> Self {
        Self { last: clock::now(), idle: false, declared: ActivityStatus::Active }
    }
}

impl JoinedSession {
    /// Takes one message; `Break` says how the conversation ends.
    pub(super) async fn handle_frame(&mut self, bytes: &[u8]) -> ControlFlow<SessionEnd> {
        let now = clock::now();
        let Ok(frame) = ClientFrame::decode(bytes, self.dialect) else {
            return ControlFlow::Break(SessionEnd::Close(Close::BadRequest));
        };
        if !matches!(frame, ClientFrame::Ping(_)) {
            self.mark_active(now);
        }
        match frame {
            ClientFrame::Cursor(cursor) => self.update_presence(PresenceUpdate::Cursor(cursor)),
            ClientFrame::View(view) => {
                self.forward_view(&view);
                self.update_presence(PresenceUpdate::View(view));
            }
            ClientFrame::Status(status) => {
                self.idle_timer.declared = status;
                self.notify_class(status);
                self.update_presence(PresenceUpdate::Status(status));
            }
            ClientFrame::Select(selection) => self.update_presence(PresenceUpdate::Select(selection)),
            ClientFrame::Class(frame) => match &self.class {
                // Waiting for the handler keeps one person's frames in order, and a flood out of the actor's mailbox.
                Some(class) => drop(class.send(SubmitFrame { conn: self.conn, frame }).await),
                None => {
                    let id = if let ClassAction::Rights(frame) = &frame.action { frame.id.as_deref() } else { None };
                    let detail = "this is said on the class's own socket";
                    self.refuse(id, &Refusal::new(RefusalCode::NotInClass, detail));
                }
            },
            ClientFrame::Join { color: Some(color) } => self.update_presence(PresenceUpdate::Color(color.into())),
            ClientFrame::Join { color: None } => {}
            ClientFrame::Ping(n) => self.send(&ServerFrame::Pong(&n)),
            ClientFrame::Ops { id, ops: Ok(ops) } => {
                if !Box::pin(self.submit(id, ops, bytes.len(), now)).await {
                    return ControlFlow::Break(SessionEnd::Close(Close::Moved));
                }
            }
            ClientFrame::Command(frame) => {
                let span = tracing::debug_span!("work", conn = %self.conn);
                // As with a batch, waiting for the handler is the back-pressure.
                let work = BoardCommand { conn: self.conn, frame, bytes: bytes.len(), span };
                if self.board.send(work).await.is_err() {
                    return ControlFlow::Break(SessionEnd::Close(Close::Moved));
                }
            }
            ClientFrame::Ops { id, ops: Err(error) } => {
                self.refuse(Some(&id), &error.into());
            }
            ClientFrame::Bad { detail, id } => {
                self.refuse(id.as_deref(), &Refusal::with_detail(RefusalCode::BadFrame, detail));
            }
            ClientFrame::Unknown(name) => {
                let detail = format!("`{name}` is no frame of this protocol");
                self.refuse(None, &Refusal::with_detail(RefusalCode::UnknownFrame, detail));
            }
            ClientFrame::Hello { .. } => {
                self.refuse(None, &Refusal::new(RefusalCode::BadFrame, "hello was said already"));
            }
            ClientFrame::Leave => return ControlFlow::Break(SessionEnd::Left),
        }
        ControlFlow::Continue(())
    }

    fn mark_active(&mut self, now: Duration) {
        self.idle_timer.last = now;
        if std::mem::take(&mut self.idle_timer.idle) {
            self.notify_class(self.idle_timer.declared);
            self.update_presence_reliably(PresenceUpdate::Idle(false));
        }
    }

    /// Looks whether the client has rested for so long that it is idle; returns when to look again, if it is not.
    pub(super) fn check_idle(&mut self) -> Option<Duration> {
        let left = limits::IDLE_AFTER.saturating_sub(clock::now().saturating_sub(self.idle_timer.last));
        if !left.is_zero() {
            return Some(left);
        }
        if !std::mem::replace(&mut self.idle_timer.idle, true) {
            if self.idle_timer.declared != ActivityStatus::Away {
                self.notify_class(ActivityStatus::Idle);
            }
            self.update_presence_reliably(PresenceUpdate::Idle(true));
        }
        None
    }

    /// How well this connection goes.
    pub(super) fn quality(&self, quality: Quality) {
        self.update_presence_reliably(PresenceUpdate::Quality(quality));
    }

    /// What is found out about the client, which is seldom and must not be lost.
    fn update_presence_reliably(&self, what: PresenceUpdate) {
        self.board.do_send(UpdatePresence { conn: self.conn, what });
    }

    /// The class sees who works, too. May be lost, as everything of this kind.
    fn notify_class(&self, status: ActivityStatus) {
        if let Some(class) = &self.class {
            let _ = class.try_send(StatusChanged { conn: self.conn, status });
        }
    }

    /// Lets the class follow, when it does.
    fn forward_view(&self, view: &View) {
        let wanted = self.is_followed.as_ref().is_some_and(|heeded| heeded.load(Ordering::Relaxed));
        if let Some(class) = self.class.as_ref().filter(|_| wanted) {
            // Past the mailbox's bound: the last view must not be the one that is lost, and one socket leads.
            class.do_send(ViewChanged { conn: self.conn, view: view.clone() });
        }
    }

    fn update_presence(&self, what: PresenceUpdate) {
        if self.board.try_send(UpdatePresence { conn: self.conn, what }).is_err() {
            metrics().drops.increment(1);
        }
    }

    /// Waiting for the handler is the back-pressure: while the board is busy this socket is not read.
    /// `false` when there is no board any more, so that the client must come back and send it again.
    async fn submit(&self, id: Box<str>, ops: Vec<m4sh_domain::board::Op>, bytes: usize, sent: Duration) -> bool {
        let span = tracing::debug_span!("batch", conn = %self.conn, %id);
        self.board.send(Submit { conn: self.conn, id, ops, bytes, sent, span }).await.is_ok()
    }

    fn refuse(&self, id: Option<&str>, refusal: &Refusal) {
        metrics().refused.increment(1);
        self.send(&ServerFrame::Refused { id, refusal });
    }

    fn send(&self, frame: &ServerFrame<'_>) {
        if let Some(payload) = frame.encode(self.dialect) {
            // A full outbox has closed itself.
            let _ = self.outbox.push(payload);
        }
    }

    /// Everything that waited is written, and more was left out meanwhile.
    pub(super) fn outbox_drained(&self) {
        self.board.do_send(OutboxDrained { conn: self.conn });
    }

    /// Gives the seat back; `for_good` when nobody waits for its person to come back.
    pub(super) fn leave(self, for_good: bool) {
        drop(self.guest_slot);
        self.board.do_send(Detach { conn: self.conn, for_good });
        if let Some(class) = self.class {
            class.do_send(LeaveClass { conn: self.conn });
        }
    }
}
