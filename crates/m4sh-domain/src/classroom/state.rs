//! How a lesson stands, as the fold of its events: hands, chat, timer, polls, who leads where. Kept by the classroom actor;
//! made again from rows after a restart, with the same result. Never changes but by `apply`.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;

use super::{ChatContent, ChatMode, ClassEvent, ClassTimer, Poll, RecordedEvent, Viewport};
use crate::ids::{BoardId, UserId};
use crate::limits;

/// A message as it stands.
#[derive(Clone, PartialEq, Debug)]
pub struct ChatMessage {
    /// Its number.
    pub seq: u64,
    /// When it was written.
    pub at: Timestamp,
    /// By whom.
    pub author: UserId,
    /// Its words, empty when it was taken out.
    pub said: ChatContent,
    /// Whether it was changed.
    pub edited: bool,
    /// Whether it was taken out.
    pub removed: bool,
}

impl ChatMessage {
    /// Whether somebody may read it.
    #[must_use]
    pub fn is_for(&self, user: UserId) -> bool {
        self.said.to.is_none_or(|to| to == user || self.author == user)
    }

    /// What is left of its row's data.
    #[must_use]
    pub fn data(&self) -> crate::json::Object {
        super::event::chat_data(&self.said, self.edited, self.removed)
    }
}

/// A hand that is up.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct RaisedHand {
    pub(super) user: UserId,
    pub(super) name: Arc<str>,
    pub(super) seq: u64,
    pub(super) at: Timestamp,
}

/// See the module's words. A clone is cheap: what is large in it is shared.
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
    pub(super) bring: Option<(u64, Viewport, Vec<UserId>)>,
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
        self.chat.iter().rev().any(|chat| chat.author == author && &*chat.said.id == id)
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

    fn poll_mut(&mut self, seq: u64) -> Option<&mut Poll> {
        self.polls.iter_mut().find(|poll| poll.seq == seq).map(Arc::make_mut)
    }

    /// Takes one event in.
    pub fn apply(&mut self, event: &RecordedEvent) {
        let RecordedEvent { seq, at, author, what, amended } = event;
        self.seq = self.seq.max(*seq);
        self.at = Some(self.next_timestamp(*at));
        if let Some(chat) = amended
            && let Ok(place) = self.chat.binary_search_by_key(&chat.seq, |chat| chat.seq)
        {
            self.chat[place] = Arc::new(chat.clone());
        }
        match what {
            ClassEvent::Hand { user, name, up } => {
                self.hands.retain(|raised| raised.user != *user);
                if *up {
                    self.hands.push(RaisedHand { user: *user, name: name.clone(), seq: *seq, at: *at });
                }
            }
            ClassEvent::HandsCleared => self.hands.clear(),
            ClassEvent::Chat(said) => {
                let fresh = |author: &UserId| {
                    let (edited, removed) = (false, false);
                    ChatMessage { seq: *seq, at: *at, author: *author, said: said.clone(), edited, removed }
                };
                // One that was read back may have been changed since.
                if let Some(chat) = amended.clone().or_else(|| author.as_ref().map(fresh)) {
                    self.keep(chat);
                }
            }
            ClassEvent::ChatMode(mode) => self.chat_mode = *mode,
            ClassEvent::Timer(timer) => self.timer = *timer,
            ClassEvent::Poll(question) => self.polls.push(Arc::new(Poll {
                seq: *seq,
                at: *at,
                author: *author,
                question: question.clone(),
                ended: false,
                revealed: false,
                votes: std::collections::BTreeMap::new(),
            })),
            ClassEvent::Vote(vote) => {
                if let Some(poll) = self.poll_mut(vote.poll) {
                    poll.vote(vote);
                }
            }
            ClassEvent::PollEnd { poll, reveal } => {
                if let Some(poll) = self.poll_mut(*poll) {
                    poll.ended = true;
                    poll.revealed |= reveal;
                }
            }
            ClassEvent::Follow(user) => self.follow = *user,
            ClassEvent::Bring { place, users } => self.bring = Some((*seq, place.clone(), users.clone())),
            ClassEvent::ViewLock(on) => self.view_lock = *on,
            ClassEvent::Page(page) => self.page = Some(page.clone()),
            ClassEvent::Present(board) => self.present = Some(*board),
            ClassEvent::React(_)
            | ClassEvent::ChatEdit { .. }
            | ClassEvent::ChatDelete { .. }
            | ClassEvent::Note(..) => {}
        }
    }

    /// Keeps a message, of the last [`limits::CHAT_KEPT`].
    fn keep(&mut self, chat: ChatMessage) {
        if self.chat.len() >= limits::CHAT_KEPT {
            self.chat.pop_front();
        }
        self.chat.push_back(Arc::new(chat));
    }
}
