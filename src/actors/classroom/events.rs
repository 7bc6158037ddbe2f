//! The lesson's events: gathered while one transaction is in flight, judged together, numbered, committed, and only then
//! sent. Handlers of the classroom actor. Never sends what is not committed, and never gives two events one number.

use std::collections::HashSet;

use actix::prelude::*;
use jiff::Timestamp;
use tokio::time::timeout;

use super::actor::ClassroomActor;
use super::state::{CommandReply, CommandSource, PendingCommand, Proposal, RETRY};
use crate::actors::clock;
use crate::actors::metrics::metrics;
use m4sh_domain::classroom::{
    AllowedSenders, ClassChange, ClassDecision, ClassEvent, ClassState, DecisionContext, Recipients, RecordedChange,
    RecordedEvent, Requester,
};
use m4sh_domain::ids::{BoardId, ConnId, UserId};
use m4sh_domain::json::Object;
use m4sh_domain::limits;
use m4sh_domain::refusal::{Refusal, RefusalCode};
use m4sh_protocol::server::ServerFrame;
use m4sh_store::{CLASS_EVENT, LessonAccess, StoreError};

pub(super) const UNAVAILABLE: Refusal =
    Refusal::until(RefusalCode::Unavailable, "this cannot be kept right now; nobody was told", RETRY);

enum CommandOutcome {
    Happened(Box<RecordedEvent>, Vec<(Recipients, Object)>),
    Already(Object),
    Refused(Refusal),
}

impl ClassroomActor {
    /// Takes a proposal; it is answered when it is decided and, if it happens, committed.
    pub(super) fn enqueue(&mut self, pending: PendingCommand, ctx: &mut Context<Self>) {
        if self.events.waiting.len() >= limits::CLASS_EVENTS_WAITING {
            self.settle(pending, CommandOutcome::Refused(UNAVAILABLE), &HashSet::new());
            return;
        }
        self.events.waiting.push_back(pending);
        self.write(ctx);
    }

    /// Records, in the lesson's order, something that was done and announced elsewhere in this actor: a lock, a reveal.
    pub(super) fn record(&mut self, change: ClassChange, by: Option<UserId>, data: Object, ctx: &mut Context<Self>) {
        let (source, proposal) = (CommandSource::Class, Proposal::Change(RecordedChange { change, data }, by));
        let user = UserId(uuid::Uuid::nil());
        self.enqueue(PendingCommand { source, user, name: "".into(), proposal, older: None }, ctx);
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
            let (host, session) = (self.host.clone(), self.session);
            let writing = async move {
                let append = host.append(session, &events);
                timeout(limits::CLASS_EVENT_WITHIN, append).await.unwrap_or_else(|late| Err(StoreError::late(late)))
            };
            ctx.spawn(writing.into_actor(self).map(move |written, act, ctx| act.written(settled, draft, written, ctx)));
            return;
        }
    }

    /// Judges what waits, each command seeing what those before it will have done.
    fn judge(&mut self) -> (Vec<(PendingCommand, CommandOutcome)>, ClassState) {
        let mut draft = self.events.state.clone();
        let count = self.events.waiting.len().min(limits::CLASS_FLUSH);
        let taken: Vec<PendingCommand> = self.events.waiting.drain(..count).collect();
        let now = clock::timestamp();
        let boards = self.known.as_ref().map(all_boards).unwrap_or_default();
        let judged = |pending: PendingCommand| {
            let outcome = self.outcome(&mut draft, &pending, &boards, now);
            (pending, outcome.unwrap_or_else(CommandOutcome::Refused))
        };
        let settled = taken.into_iter().map(judged).collect();
        (settled, draft)
    }

    fn outcome(
        &self,
        draft: &mut ClassState,
        pending: &PendingCommand,
        boards: &[BoardId],
        now: Timestamp,
    ) -> Result<CommandOutcome, Refusal> {
        let access = self.known.as_ref().map_err(|_| UNAVAILABLE)?;
        let at = draft.next_timestamp(now);
        let user = pending.user;
        let (event, author, amended) = match &pending.proposal {
            Proposal::Change(change, author) => (change.clone().into(), *author, None),
            Proposal::Command(command) => {
                let rights = access.rights.effective(user, now);
                let rights = rights.ok_or(const { Refusal::forbidden("you are not in this class") })?;
                let by = Requester { user, name: pending.name.clone(), rights };
                let context = DecisionContext {
                    now: at,
                    live: access.rights.live,
                    lesson: self.session,
                    members: &access.rights.members,
                    boards,
                    older: pending.older.as_ref(),
                };
                match draft.decide(command, &by, &context)? {
                    ClassDecision::Already(frame) => return Ok(CommandOutcome::Already(frame)),
                    ClassDecision::Happens(event, amended) => {
                        // Whose anonymous vote it is, nobody is to know.
                        let hidden = matches!(&event, ClassEvent::Vote(vote) if vote.voter != user.0);
                        (event, (!hidden).then_some(user), amended)
                    }
                }
            }
        };
        let event = RecordedEvent { seq: draft.seq() + 1, at, author, event, amended };
        draft.apply(&event);
        let frames = draft.frames(&event, Some(user));
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
                for (pending, _) in settled.into_iter().rev() {
                    self.events.waiting.push_front(pending);
                }
            }
            Err(error) => {
                tracing::warn!(session = %self.session, %error, "class events could not be written");
                // It may have been written all the same.
                self.events.stale = true;
                let refused = |(pending, _)| (pending, CommandOutcome::Refused(UNAVAILABLE));
                self.settle_all(settled.into_iter().map(refused).collect());
            }
        }
        self.write(ctx);
    }

    /// Reads what was written without this actor's knowledge, and sends it.
    fn catch_up(&mut self, ctx: &mut Context<Self>) {
        self.events.in_flight = true;
        let (host, session, seq) = (self.host.clone(), self.session, self.events.state.seq());
        let reading = async move {
            let read = host.events_after(session, seq);
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
                        for (recipients, frame) in act.events.state.frames(&event, None) {
                            act.send_to_recipients(&recipients, &frame, &leaders);
                        }
                    }
                    act.events.state.advance_to(last);
                    act.update_followed();
                    act.write(ctx);
                }
                Err(error) => {
                    tracing::warn!(session = %act.session, %error, "class events could not be read");
                    let refused = |pending| (pending, CommandOutcome::Refused(UNAVAILABLE));
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
        for (pending, outcome) in settled {
            self.settle(pending, outcome, &leaders);
        }
    }

    /// Sends an outcome to those it is for.
    fn settle(&mut self, pending: PendingCommand, outcome: CommandOutcome, leaders: &HashSet<UserId>) {
        let answer = match outcome {
            CommandOutcome::Happened(_, frames) => {
                for (recipients, frame) in &frames {
                    self.send_to_recipients(recipients, frame, leaders);
                }
                let frame = frames.into_iter().next().map(|(_, frame)| frame).unwrap_or_default();
                Ok(CommandReply { fresh: true, frame })
            }
            CommandOutcome::Already(frame) => {
                if let CommandSource::Socket(conn) = pending.source {
                    self.sockets.send(conn, &ServerFrame::Prepared(&frame));
                }
                Ok(CommandReply { fresh: false, frame })
            }
            CommandOutcome::Refused(refusal) => {
                if let CommandSource::Socket(conn) = pending.source {
                    self.refuse(conn, pending.proposal.id(), &refusal);
                }
                Err(refusal)
            }
        };
        if let CommandSource::Rest(reply) = pending.source {
            // Whoever asked may have hung up.
            let _ = reply.send(answer);
        }
    }

    pub(super) fn refuse(&mut self, conn: ConnId, id: Option<&str>, refusal: &Refusal) {
        metrics().refused.increment(1);
        self.sockets.send(conn, &ServerFrame::Refused { id, refusal });
    }

    fn send_to_recipients(&mut self, recipients: &Recipients, frame: &Object, leaders: &HashSet<UserId>) {
        let is_one = |user: UserId| match recipients {
            Recipients::All => true,
            Recipients::Leaders => leaders.contains(&user),
            Recipients::NonLeaders => !leaders.contains(&user),
            Recipients::Only(users) => users.contains(&user),
            Recipients::WithLeaders(users) => users.contains(&user) || leaders.contains(&user),
        };
        self.sockets.broadcast(&ServerFrame::Prepared(frame), |socket| is_one(socket.user));
    }

    /// Those in class who lead at this moment.
    fn leaders(&self) -> HashSet<UserId> {
        let Ok(access) = &self.known else { return HashSet::new() };
        let now = clock::timestamp();
        let rights = |user: &UserId| access.rights.effective(*user, now);
        let leads = |user: &UserId| rights(user).is_some_and(|rights| AllowedSenders::Leaders.allows(rights));
        self.sockets.iter().map(|(_, socket)| socket.user).filter(leads).collect()
    }
}

fn all_boards(access: &LessonAccess) -> Vec<BoardId> {
    std::iter::once(access.board).chain(access.others.iter().map(|(board, _)| *board)).collect()
}
