//! What an event is told as, to whom, and how a lesson is shown to a newcomer. Used by the classroom actor and REST.
//! Never shows a private message, a vote or a result to whom it is not for: this is the one place that decides it.

use std::sync::Arc;

use jiff::Timestamp;

use super::state::RaisedHand;
use super::{ChatMessage, ClassEvent, ClassState, Poll, RecordedEvent, fields, put};
use crate::limits;
use crate::{
    ids::{LessonId, UserId},
    json::{Object, Value},
    times,
};

/// A frame: its `t` and what it carries.
pub type ClassFrameFields = Object;

/// To whom a frame is said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Recipients {
    /// Everybody in class.
    All,
    /// Those who lead or see all.
    Leaders,
    /// Everybody else.
    NonLeaders,
    /// These.
    Only(Vec<UserId>),
    /// These, and those who lead.
    WithLeaders(Vec<UserId>),
}

fn text(user: UserId) -> Value {
    user.to_string().into()
}

fn moment(at: Timestamp) -> Value {
    times::utc_field(at).into()
}

fn choices(choices: &[u8]) -> Value {
    choices.iter().map(|choice| Value::from(u64::from(*choice))).collect::<Vec<_>>().into()
}

impl ClassState {
    /// What an event is told as; `self` is how the lesson stands right after it, `by` whoever asked for it.
    #[must_use]
    pub fn frames(&self, event: &RecordedEvent, by: Option<UserId>) -> Vec<(Recipients, ClassFrameFields)> {
        let mut frame = fields([("t", event.what.kind().into()), ("seq", event.seq.into()), ("at", moment(event.at))]);
        put(&mut frame, "user", event.author.map(text));
        let mut with = |members: Object| members.into_iter().for_each(|(key, value)| drop(frame.insert(key, value)));
        match &event.what {
            ClassEvent::Hand { user, name, up } => {
                with(fields([("user", text(*user)), ("name", (&**name).into()), ("up", (*up).into())]));
                put(&mut frame, "by", event.author.filter(|by| by != user).map(text));
            }
            ClassEvent::HandsCleared => with(fields([("t", "hands".into()), ("clear", true.into())])),
            ClassEvent::Chat(said) => {
                with(event.what.data());
                put(&mut frame, "to", said.to.map(text));
            }
            ClassEvent::ChatEdit { chat } => {
                with(fields([("chat", (*chat).into())]));
                put(&mut frame, "text", event.amended.as_ref().map(|chat| (&*chat.said.text).into()));
            }
            ClassEvent::ChatDelete { chat } => with(fields([("chat", (*chat).into())])),
            ClassEvent::Poll(_) => {
                with(event.what.data());
                frame.insert("poll", event.seq);
            }
            ClassEvent::Vote(vote) => return self.vote_frames(vote, &frame, by),
            ClassEvent::PollEnd { poll, .. } => return self.end_frames(*poll, frame),
            ClassEvent::Follow(leader) => {
                with(fields([("on", leader.is_some().into())]));
                put(&mut frame, "leader", leader.map(text));
            }
            ClassEvent::Note(..) => return Vec::new(),
            ClassEvent::React(_)
            | ClassEvent::ChatMode(_)
            | ClassEvent::Timer(_)
            | ClassEvent::Bring { .. }
            | ClassEvent::ViewLock(_)
            | ClassEvent::Page(_)
            | ClassEvent::Present(_) => with(event.what.data()),
        }
        let audience = match (&event.what, &event.amended) {
            (ClassEvent::Chat(said), _) => private(event.author, said.to),
            (ClassEvent::ChatEdit { .. } | ClassEvent::ChatDelete { .. }, chat) => {
                // A change of something that is not known is told to nobody.
                chat.as_ref().map_or(Recipients::Only(Vec::new()), |chat| private(Some(chat.author), chat.said.to))
            }
            (ClassEvent::Bring { users, .. }, _) if !users.is_empty() => Recipients::WithLeaders(users.clone()),
            _ => Recipients::All,
        };
        vec![(audience, frame)]
    }

    /// A vote: its voter hears that it counts, those who lead what the poll stands at, and nobody else anything.
    fn vote_frames(
        &self,
        vote: &super::Vote,
        base: &ClassFrameFields,
        by: Option<UserId>,
    ) -> Vec<(Recipients, ClassFrameFields)> {
        let mut frames = Vec::new();
        if let Some(by) = by {
            let mut mine = my_vote(vote.poll, &vote.choices);
            put(&mut mine, "seq", base.get("seq").cloned());
            put(&mut mine, "at", base.get("at").cloned());
            mine.insert("mine", true);
            frames.push((Recipients::Only(vec![by]), mine));
        }
        if let Some(poll) = self.poll(vote.poll) {
            let mut told = base.clone();
            told.insert("poll", vote.poll);
            poll.write_results(&mut told);
            if !poll.question.anonymous {
                told.insert("choices", choices(&vote.choices));
            }
            frames.push((Recipients::Leaders, told));
        }
        frames
    }

    fn end_frames(&self, poll: u64, base: ClassFrameFields) -> Vec<(Recipients, ClassFrameFields)> {
        let Some(poll) = self.poll(poll) else { return Vec::new() };
        [(Recipients::Leaders, true), (Recipients::NonLeaders, false)]
            .map(|(audience, leads)| {
                let mut frame = base.clone();
                poll_over(poll, leads).into_iter().for_each(|(key, value)| drop(frame.insert(key, value)));
                (audience, frame)
            })
            .into()
    }

    /// How the lesson stands, for one person.
    pub fn snapshot(&self, to: &mut Object, session: LessonId, user: UserId, leads: bool) {
        to.insert("seq", self.seq);
        to.insert("hands", self.hands.iter().map(|raised| raised_row(raised).into()).collect::<Vec<Value>>());
        to.insert("chat", self.recent_chat(user));
        let mut mode = Object::default();
        self.chat_mode.write(&mut mode);
        to.insert("chat_mode", mode);
        let mut timer = Object::default();
        self.timer.write(&mut timer);
        to.insert("timer", timer);
        let polls = self.shown_polls().map(|poll| poll_row(poll, session, user, leads).into());
        to.insert("polls", polls.collect::<Vec<Value>>());
        put(to, "follow", self.follow.map(|leader| fields([("leader", text(leader))]).into()));
        if let Some((seq, place, users)) = &self.bring
            && (users.is_empty() || leads || users.contains(&user))
        {
            let mut bring = fields([("seq", (*seq).into())]);
            place.write(&mut bring);
            to.insert("bring", bring);
        }
        to.insert("view_lock", self.view_lock);
        put(to, "page", self.page.as_deref().map(Value::from));
        put(to, "present", self.present.map(|board| board.to_string().into()));
    }

    /// The polls that go on, and the one that ended last.
    fn shown_polls(&self) -> impl Iterator<Item = &Poll> {
        let last = self.polls().rev().find(|poll| poll.ended).map(|poll| poll.seq);
        self.polls().filter(move |poll| !poll.ended || Some(poll.seq) == last)
    }

    /// The last messages that somebody may read, as many as a welcome bears.
    pub(super) fn recent_chat(&self, user: UserId) -> Vec<Value> {
        let mut bytes = 0;
        let readable = self.chat.iter().rev().filter(|chat| chat.is_for(user) && !chat.removed);
        let fits = |chat: &&Arc<ChatMessage>| {
            bytes += chat.said.text.len();
            bytes <= limits::CHAT_SHOWN_BYTES
        };
        let mut rows: Vec<Value> =
            readable.take(limits::CHAT_SHOWN).take_while(fits).map(|chat| chat_row(chat).into()).collect();
        rows.reverse();
        rows
    }
}

fn private(author: Option<UserId>, to: Option<UserId>) -> Recipients {
    to.map_or(Recipients::All, |to| Recipients::Only(author.into_iter().chain([to]).collect()))
}

fn raised_row(raised: &RaisedHand) -> Object {
    fields([
        ("user", text(raised.user)),
        ("name", (&*raised.name).into()),
        ("seq", raised.seq.into()),
        ("at", moment(raised.at)),
    ])
}

/// A hand as it stands, for whoever asked for what is so already.
pub(super) fn hand_stands(user: UserId, raised: Option<&RaisedHand>) -> ClassFrameFields {
    let mut frame = raised.map(raised_row).unwrap_or_default();
    frame.insert("t", "hand");
    frame.insert("user", text(user));
    frame.insert("up", raised.is_some());
    frame
}

/// A message as lists show it.
#[must_use]
pub fn chat_row(chat: &ChatMessage) -> Object {
    let mut row = chat.data();
    row.insert("seq", chat.seq);
    row.insert("at", moment(chat.at));
    row.insert("user", text(chat.author));
    row.insert("removed", chat.removed);
    put(&mut row, "to", chat.said.to.map(text));
    row
}

/// A message as it was told.
pub(super) fn chat(chat: &ChatMessage) -> ClassFrameFields {
    let mut frame = chat_row(chat);
    frame.insert("t", "chat");
    frame
}

pub(super) fn taken_out(chat: &ChatMessage) -> ClassFrameFields {
    fields([("t", "chat_delete".into()), ("chat", chat.seq.into())])
}

pub(super) fn my_vote(poll: u64, chosen: &[u8]) -> ClassFrameFields {
    fields([("t", "vote".into()), ("poll", poll.into()), ("choices", choices(chosen))])
}

fn poll_base(poll: &Poll) -> Object {
    let mut row = fields([("poll", poll.seq.into()), ("at", moment(poll.at))]);
    put(&mut row, "user", poll.author.map(text));
    poll.question.write(&mut row);
    row
}

/// A poll as it was told.
pub(super) fn poll(poll: &Poll) -> ClassFrameFields {
    let mut frame = poll_base(poll);
    frame.insert("t", "poll");
    frame.insert("seq", poll.seq);
    frame
}

/// The end of a poll; what came out is for those who lead until it is revealed.
pub(super) fn poll_over(poll: &Poll, leads: bool) -> ClassFrameFields {
    let mut frame = fields([("t", "poll_end".into()), ("poll", poll.seq.into()), ("revealed", poll.revealed.into())]);
    if leads || poll.revealed {
        poll.write_results(&mut frame);
    }
    frame
}

/// A poll as lists show it to one person.
#[must_use]
pub fn poll_row(poll: &Poll, session: LessonId, user: UserId, leads: bool) -> Object {
    let mut row = poll_base(poll);
    row.insert("ended", poll.ended);
    row.insert("revealed", poll.revealed);
    put(&mut row, "mine", poll.choices_of(session, user).map(choices));
    if leads || poll.revealed {
        poll.write_results(&mut row);
    }
    if leads && !poll.question.anonymous {
        let votes = poll.votes.iter().map(|(voter, chosen)| (voter.to_string(), choices(chosen)));
        row.insert("votes", votes.collect::<Object>());
    }
    row
}
