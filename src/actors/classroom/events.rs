//! The lesson's events: gathered while one transaction is in flight, judged together, numbered, committed, and only then
//! said. Turns of the classroom actor. Never says what is not committed, and never lets two events have one number.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use jiff::Timestamp;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::{ClassroomActor, LessonAccess};
use crate::actors::clock;
use crate::actors::metrics::metrics;
use m4sh_domain::classroom::{
    ChatMessage, ClassChange, ClassCommand, ClassDecision, ClassEvent, ClassFrameFields, ClassRefusal, ClassState,
    DecisionContext, Recipients, RecordedEvent, Requester,
};
use m4sh_domain::ids::{ConnId, UserId};
use m4sh_domain::json::Object;
use m4sh_domain::limits;
use m4sh_protocol::server::ServerFrame;
use m4sh_store::{CLASS_EVENT, StoreError};

/// How long nothing is tried after the database was away.
const RETRY: Duration = Duration::from_secs(1);
pub(super) const UNAVAILABLE: ClassRefusal =
    ClassRefusal::until("unavailable", "this cannot be kept right now; nobody was told", RETRY);
const STRANGER: ClassRefusal = ClassRefusal::new("forbidden", "you are not in this class");

/// What an ask came to, for whoever asked over REST.
#[derive(Clone, PartialEq, Debug)]
pub struct CommandReply {
    /// Whether it happened now.
    pub fresh: bool,
    /// What was told.
    pub frame: ClassFrameFields,
}

/// Somebody's ask on its way.
pub(super) struct PendingCommand {
    pub(super) from: CommandSource,
    pub(super) user: UserId,
    pub(super) name: Arc<str>,
    pub(super) ask: ClassCommand,
    /// The message it is about, when that is no longer remembered.
    pub(super) older: Option<ChatMessage>,
}

/// By which way it came.
pub(super) enum CommandSource {
    Socket(ConnId),
    Rest(oneshot::Sender<Result<CommandReply, ClassRefusal>>),
    /// From the class itself, which tells it in its own way; by whom it was done, where that is known.
    Class(Option<UserId>),
}

enum CommandOutcome {
    Happened(Box<RecordedEvent>, Vec<(Recipients, ClassFrameFields)>),
    Already(ClassFrameFields),
    Refused(ClassRefusal),
}

/// The events of one lesson.
#[derive(Default)]
pub(super) struct ClassEventLog {
    /// As committed.
    pub(super) state: ClassState,
    /// Whether the rows were read.
    pub(super) loaded: bool,
    waiting: VecDeque<PendingCommand>,
    in_flight: bool,
    /// Whether there may be rows that are not in `state`: somebody else wrote, or it is not known whether we did.
    stale: bool,
    backing_off: bool,
}

impl ClassEventLog {
    /// Whether rows are being written or read.
    pub(super) const fn is_writing(&self) -> bool {
        self.in_flight
    }

    /// Whether nothing is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && !self.in_flight && !self.stale
    }
}

impl ClassroomActor {
    /// Takes an ask; it is answered when it is decided and, if it happens, committed.
    pub(super) fn enqueue(&mut self, intent: PendingCommand, ctx: &mut Context<Self>) {
        if self.events.waiting.len() >= limits::CLASS_EVENTS_WAITING {
            self.settle(intent, CommandOutcome::Refused(UNAVAILABLE), &HashSet::new());
            return;
        }
        self.events.waiting.push_back(intent);
        self.write(ctx);
    }

    /// Keeps, in the lesson's order, something that was done and told elsewhere in this actor: a lock, a reveal.
    pub(super) fn record(&mut self, note: ClassChange, author: Option<UserId>, data: Object, ctx: &mut Context<Self>) {
        let ask = ClassCommand::Note(note, data);
        let user = author.unwrap_or(UserId(uuid::Uuid::nil()));
        self.enqueue(
            PendingCommand { from: CommandSource::Class(author), user, name: "".into(), ask, older: None },
            ctx,
        );
    }

    fn write(&mut self, ctx: &mut Context<Self>) {
        if self.events.in_flight || self.events.backing_off {
            return;
        }
        if self.events.stale {
            self.catch_up(ctx);
            return;
        }
        while !self.events.waiting.is_empty() {
            let (settled, draft) = self.judge();
            let happened = |(_, outcome): &(PendingCommand, CommandOutcome)| match outcome {
                CommandOutcome::Happened(event, _) => Some((**event).clone()),
                CommandOutcome::Already(_) | CommandOutcome::Refused(_) => None,
            };
            let events: Vec<RecordedEvent> = settled.iter().filter_map(happened).collect();
            if events.is_empty() {
                self.settle_all(settled);
                continue;
            }
            self.events.in_flight = true;
            let (store, session) = (self.directory.store().clone(), self.session);
            let writing = async move {
                let append = store.append_class_events(session, &events);
                timeout(limits::CLASS_EVENT_WITHIN, append).await.unwrap_or_else(|late| Err(StoreError::late(late)))
            };
            ctx.spawn(writing.into_actor(self).map(move |written, act, ctx| act.written(settled, draft, written, ctx)));
            return;
        }
    }

    /// Judges what waits, each ask seeing what those before it will have done.
    fn judge(&mut self) -> (Vec<(PendingCommand, CommandOutcome)>, ClassState) {
        let mut draft = self.events.state.clone();
        let count = self.events.waiting.len().min(limits::CLASS_FLUSH);
        let taken: Vec<PendingCommand> = self.events.waiting.drain(..count).collect();
        let now = clock::timestamp();
        let boards = self.known.as_ref().map(all_boards).unwrap_or_default();
        let judged = |intent: PendingCommand| {
            let outcome = self.outcome(&mut draft, &intent, &boards, now);
            (intent, outcome.unwrap_or_else(CommandOutcome::Refused))
        };
        let settled = taken.into_iter().map(judged).collect();
        (settled, draft)
    }

    fn outcome(
        &self,
        draft: &mut ClassState,
        intent: &PendingCommand,
        boards: &[m4sh_domain::ids::BoardId],
        now: Timestamp,
    ) -> Result<CommandOutcome, ClassRefusal> {
        let access = self.known.as_ref().map_err(|_| UNAVAILABLE)?;
        let at = draft.next_timestamp(now);
        let (what, amended) = if let ClassCommand::Note(note, data) = &intent.ask {
            (ClassEvent::Note(*note, data.clone()), None)
        } else {
            let standing = access.rights.effective(intent.user, now).ok_or(STRANGER)?;
            let who = Requester::new(intent.user, intent.name.clone(), standing);
            let scene = DecisionContext {
                now: at,
                live: access.rights.live,
                session: self.session,
                members: &access.rights.members,
                boards,
                older: intent.older.as_ref(),
            };
            match draft.decide(&intent.ask, &who, &scene)? {
                ClassDecision::Already(frame) => return Ok(CommandOutcome::Already(frame)),
                ClassDecision::Happens(what, amended) => (what, amended),
            }
        };
        let author = match (&what, &intent.from) {
            (_, CommandSource::Class(author)) => *author,
            // Whose vote it is, is nobody's to know.
            (ClassEvent::Vote(vote), _) if vote.voter != intent.user.0 => None,
            _ => Some(intent.user),
        };
        let event = RecordedEvent { seq: draft.seq() + 1, at, author, what, amended };
        draft.apply(&event);
        let frames = draft.frames(&event, Some(intent.user));
        Ok(CommandOutcome::Happened(Box::new(event), frames))
    }

    fn written(
        &mut self,
        settled: Vec<(PendingCommand, CommandOutcome)>,
        draft: ClassState,
        written: Result<(), StoreError>,
        ctx: &mut Context<Self>,
    ) {
        self.events.in_flight = false;
        match written {
            Ok(()) => {
                self.events.state = draft;
                self.settle_all(settled);
                self.reload_erased(ctx);
                self.update_followed();
            }
            Err(StoreError::Conflict(CLASS_EVENT)) => {
                // Somebody else has written: everything is judged again on what holds now.
                self.events.stale = true;
                for (intent, _) in settled.into_iter().rev() {
                    self.events.waiting.push_front(intent);
                }
            }
            Err(error) => {
                tracing::warn!(session = %self.session, %error, "class events could not be written");
                // It may have been written all the same.
                self.events.stale = true;
                let refused = |(intent, _)| (intent, CommandOutcome::Refused(UNAVAILABLE));
                self.settle_all(settled.into_iter().map(refused).collect());
            }
        }
        self.write(ctx);
    }

    /// Reads what was written without this actor's knowledge, and says it.
    fn catch_up(&mut self, ctx: &mut Context<Self>) {
        self.events.in_flight = true;
        let (store, session, seq) = (self.directory.store().clone(), self.session, self.events.state.seq());
        let reading = async move {
            let read = store.class_events_after(session, seq);
            timeout(limits::CLASS_EVENT_WITHIN, read).await.unwrap_or_else(|late| Err(StoreError::late(late)))
        };
        ctx.spawn(reading.into_actor(self).map(|read, act, ctx| {
            act.events.in_flight = false;
            match read {
                Ok((events, last)) => {
                    act.events.stale = last > act.events.state.seq();
                    let leaders = act.leaders();
                    for event in events {
                        act.events.state.apply(&event);
                        for (audience, frame) in act.events.state.frames(&event, None) {
                            act.send_to_recipients(&audience, &frame, &leaders);
                        }
                    }
                    act.events.state.advance_to(last);
                    act.update_followed();
                    act.write(ctx);
                }
                Err(error) => {
                    tracing::warn!(session = %act.session, %error, "class events could not be read");
                    let refused = |intent| (intent, CommandOutcome::Refused(UNAVAILABLE));
                    let waiting = act.events.waiting.drain(..).map(refused).collect();
                    act.settle_all(waiting);
                    act.events.backing_off = true;
                    ctx.run_later(RETRY, |act, ctx| {
                        act.events.backing_off = false;
                        act.write(ctx);
                    });
                }
            }
        }));
    }

    fn settle_all(&mut self, settled: Vec<(PendingCommand, CommandOutcome)>) {
        let leaders = self.leaders();
        for (intent, outcome) in settled {
            self.settle(intent, outcome, &leaders);
        }
    }

    /// Says an outcome to those it is for.
    fn settle(&mut self, intent: PendingCommand, outcome: CommandOutcome, leaders: &HashSet<UserId>) {
        let answer = match outcome {
            CommandOutcome::Happened(_, frames) => {
                for (audience, frame) in &frames {
                    self.send_to_recipients(audience, frame, leaders);
                }
                let frame = frames.into_iter().next().map(|(_, frame)| frame).unwrap_or_default();
                Ok(CommandReply { fresh: true, frame })
            }
            CommandOutcome::Already(frame) => {
                if let CommandSource::Socket(conn) = intent.from {
                    self.sockets.send(conn, &ServerFrame::Prepared(&frame));
                }
                Ok(CommandReply { fresh: false, frame })
            }
            CommandOutcome::Refused(refused) => {
                metrics().refused.increment(1);
                if let CommandSource::Socket(conn) = intent.from {
                    self.refuse(conn, &intent.ask, refused);
                }
                Err(refused)
            }
        };
        if let CommandSource::Rest(reply) = intent.from {
            // Whoever asked may have hung up.
            let _ = reply.send(answer);
        }
    }

    pub(super) fn refuse(&mut self, conn: ConnId, ask: &ClassCommand, refused: ClassRefusal) {
        let id = match ask {
            ClassCommand::Chat { id, .. } => Some(&**id),
            ClassCommand::Poll(question) => question.id.as_deref(),
            _ => None,
        };
        let wait = refused.retry_after.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1));
        let frame =
            ServerFrame::Refused { id, code: refused.code, detail: refused.detail, index: None, retry_after_ms: wait };
        self.sockets.send(conn, &frame);
    }

    fn send_to_recipients(&mut self, audience: &Recipients, frame: &ClassFrameFields, leaders: &HashSet<UserId>) {
        let hears = |user: UserId| match audience {
            Recipients::All => true,
            Recipients::Leaders => leaders.contains(&user),
            Recipients::NonLeaders => !leaders.contains(&user),
            Recipients::Only(users) => users.contains(&user),
            Recipients::WithLeaders(users) => users.contains(&user) || leaders.contains(&user),
        };
        self.sockets.broadcast(&ServerFrame::Prepared(frame), |seat| hears(seat.user));
    }

    /// Those in class who lead at this moment.
    fn leaders(&self) -> HashSet<UserId> {
        let Ok(access) = &self.known else { return HashSet::new() };
        let now = clock::timestamp();
        let leads = |user: &UserId| {
            let standing = access.rights.effective(*user, now);
            standing.is_some_and(|standing| Requester::new(*user, "".into(), standing).leads)
        };
        self.sockets.iter().map(|(_, seat)| seat.user).filter(leads).collect()
    }
}

fn all_boards(access: &LessonAccess) -> Vec<m4sh_domain::ids::BoardId> {
    std::iter::once(access.board).chain(access.others.iter().map(|(board, _)| *board)).collect()
}
