//! How a lesson stands, as the fold of its events. Kept by the classroom actor; made again from rows after a restart, with
//! the same result. Never changes but by `apply`.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;

use super::hands::RaisedHand;
use super::{
    Bring, ChatMessage, ChatMode, ClassCommand, ClassTimer, DecisionContext, DecisionResult, Poll, Recipients,
    RecordedEvent, Requester, put, user_value,
};
use crate::ids::{BoardId, LessonId, UserId};
use crate::json::{Object, Value};
use crate::refusal::{Refusal, RefusalCode};

/// A lesson's state. A clone is cheap: what is large in it is shared.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ClassState {
    pub(super) seq: u64,
    pub(super) at: Option<Timestamp>,
    pub(super) hands: Vec<RaisedHand>,
    pub(super) chat: VecDeque<Arc<ChatMessage>>,
    pub(super) chat_mode: ChatMode,
    pub(super) timer: ClassTimer,
    pub(super) polls: Vec<Arc<Poll>>,
    pub(super) follow: Option<UserId>,
    pub(super) bring: Option<(u64, Bring)>,
    pub(super) view_lock: bool,
    pub(super) page: Option<Box<str>>,
    pub(super) present: Option<BoardId>,
}

impl ClassState {
    /// The fold of rows in their order; `last` is the number of the last event, which may have left no trace here.
    #[must_use]
    pub fn fold<'a>(rows: impl IntoIterator<Item = &'a RecordedEvent>, last: u64) -> Self {
        let mut state = Self::default();
        for row in rows {
            state.apply(row);
        }
        state.advance_to(last);
        state
    }

    /// Events up to this number have happened, whether or not they left a trace here.
    pub fn advance_to(&mut self, last: u64) {
        self.seq = self.seq.max(last);
    }

    /// The number of the last event.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// A moment for the next event: `now`, as exact as it is kept, and never before the last one.
    #[must_use]
    pub fn next_timestamp(&self, now: Timestamp) -> Timestamp {
        let now = Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now);
        self.at.map_or(now, |at| at.max(now))
    }

    /// Whose view everybody follows.
    #[must_use]
    pub fn leader(&self) -> Option<UserId> {
        self.follow
    }

    /// A message that is near enough to be remembered.
    #[must_use]
    pub fn chat(&self, seq: u64) -> Option<&Arc<ChatMessage>> {
        self.chat.binary_search_by_key(&seq, |chat| chat.seq).ok().map(|at| &self.chat[at])
    }

    /// Whether somebody's hand is up.
    #[must_use]
    pub fn hand_is_up(&self, user: UserId) -> bool {
        self.hands.iter().any(|raised| raised.user == user)
    }

    /// Whether a message of somebody with that id is remembered.
    #[must_use]
    pub fn has_message(&self, author: UserId, id: &str) -> bool {
        self.chat.iter().rev().any(|chat| chat.author == author && &*chat.content.id == id)
    }

    /// Whether a message with that number may lie before those that are remembered.
    #[must_use]
    pub fn may_predate_window(&self, seq: u64) -> bool {
        seq > 0 && self.chat.front().is_some_and(|first| seq < first.seq)
    }

    /// The polls, the oldest first.
    pub fn polls(&self) -> impl DoubleEndedIterator<Item = &Poll> {
        self.polls.iter().map(|poll| &**poll)
    }

    pub(super) fn poll(&self, seq: u64) -> Option<&Poll> {
        self.polls().find(|poll| poll.seq == seq)
    }

    pub(super) fn poll_mut(&mut self, seq: u64) -> Option<&mut Poll> {
        self.polls.iter_mut().find(|poll| poll.seq == seq).map(Arc::make_mut)
    }

    /// Judges a command; `self` is the lesson as it will be when everything before has been written.
    ///
    /// # Errors
    /// Why nothing happens.
    pub fn decide(&self, command: &ClassCommand, by: &Requester, context: &DecisionContext<'_>) -> DecisionResult {
        let spec = command.spec();
        if !context.live && !spec.after_end {
            return Err(Refusal::new(RefusalCode::SessionEnded, "this lesson is over"));
        }
        if command.is_gated() && !spec.senders.allows(by.rights) {
            return Err(Refusal::forbidden(spec.denied));
        }
        command.decide(self, by, context)
    }

    /// Takes one event in.
    pub fn apply(&mut self, event: &RecordedEvent) {
        self.seq = self.seq.max(event.seq);
        self.at = Some(self.next_timestamp(event.at));
        if let Some(chat) = &event.amended
            && let Ok(place) = self.chat.binary_search_by_key(&chat.seq, |chat| chat.seq)
        {
            self.chat[place] = Arc::new(chat.clone());
        }
        event.event.apply(event, self);
    }

    /// What is sent of an event and to whom; `self` is the lesson right after it, `by` who asked for it.
    #[must_use]
    pub fn frames(&self, event: &RecordedEvent, by: Option<UserId>) -> Vec<(Recipients, Object)> {
        event.event.frames(event, self, by)
    }

    /// How the lesson stands, for one person.
    pub fn snapshot(&self, to: &mut Object, lesson: LessonId, user: UserId, leads: bool) {
        to.insert("seq", self.seq);
        to.insert("hands", self.hands.iter().map(|raised| raised.row().into()).collect::<Vec<Value>>());
        to.insert("chat", self.recent_chat(user));
        to.insert("chat_mode", self.chat_mode.fields());
        to.insert("timer", self.timer.fields());
        // The polls that go on, and the one that ended last.
        let last = self.polls().rev().find(|poll| poll.ended).map(|poll| poll.seq);
        let polls = self.polls().filter(|poll| !poll.ended || Some(poll.seq) == last);
        to.insert("polls", polls.map(|poll| poll.row(lesson, user, leads).into()).collect::<Vec<Value>>());
        put(to, "follow", self.follow.map(|leader| Object::from([("leader", user_value(leader))]).into()));
        if let Some((seq, Bring { viewport, users })) = &self.bring
            && (users.is_empty() || leads || users.contains(&user))
        {
            let mut bring = viewport.fields();
            bring.insert("seq", *seq);
            to.insert("bring", bring);
        }
        to.insert("view_lock", self.view_lock);
        put(to, "page", self.page.as_deref().map(Value::from));
        put(to, "present", self.present.map(|board| board.to_string().into()));
    }
}
