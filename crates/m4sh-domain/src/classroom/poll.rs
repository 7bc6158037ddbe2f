//! Polls: `poll`, `vote`, `poll_end` (SPEC F7). One vote a person, the last one counts. Who voted what in an anonymous
//! poll is not known here.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::spec::{Decide, Event, EventColumns};
use super::{
    AllowedSenders, ClassDecision, ClassState, DecisionContext, DecisionResult, FrameSpec, KEY_REUSED, Recipients,
    RecordedEvent, Requester, happens, put, user_value,
};
use crate::fields::{event_number, optional_flag, phrase, word};
use crate::ids::{LessonId, UserId};
use crate::json::{Object, Value};
use crate::limits;
use crate::rate::Scope;
use crate::refusal::{Refusal, RefusalCode};
use crate::times;

const NO_POLL: Refusal = Refusal::new(RefusalCode::UnknownPoll, "there is no such poll in this lesson");

/// Open a poll with this question; a poll was opened, and its number is the event's.
#[derive(Clone, PartialEq, Debug)]
pub struct Question {
    /// The author's own id of it, when there is one: the same one again is the same poll.
    pub id: Option<Box<str>>,
    /// The words.
    pub question: Arc<str>,
    /// What can be chosen, in order.
    pub options: Vec<Arc<str>>,
    /// Whether several may be.
    pub multiple: bool,
    /// Whether nobody is to know who chose what.
    pub anonymous: bool,
}

impl Decide for Question {
    const SPEC: FrameSpec = FrameSpec {
        name: "poll",
        needs: "poll needs question of 1 to 300 characters and options, 2 to 10 texts of 1 to 100 characters; id is a \
                text of 1 to 64 bytes",
        example: r#"{"question":"Ready?","options":["yes","no"]}"#,
        max_bytes: limits::WORDS_FRAME,
        decode: |frame| {
            let question = phrase(frame, "question", limits::POLL_QUESTION_CHARS)?;
            let id = match frame.get("id") {
                None | Some(Value::Null) => None,
                Some(_) => Some(word(frame, "id")?),
            };
            let options = options(frame)?;
            let [multiple, anonymous] = ["multiple", "anonymous"].map(|key| optional_flag(frame, key, false));
            let (multiple, anonymous) = (multiple?, anonymous?);
            Some(Self { id, question, options, multiple, anonymous }.into())
        },
        ..FrameSpec::COMMAND
    };

    fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    fn decide(&self, state: &ClassState, by: &Requester, _: &DecisionContext<'_>) -> DecisionResult {
        let mine = |poll: &&Poll| poll.author == Some(by.user) && poll.question.id == self.id;
        if self.id.is_some()
            && let Some(known) = state.polls().find(mine)
        {
            return if known.question == *self { Ok(ClassDecision::Already(known.frame())) } else { Err(KEY_REUSED) };
        }
        if state.polls.len() >= limits::POLLS || state.polls().filter(|poll| !poll.ended).count() >= limits::POLLS_OPEN
        {
            return Err(Refusal::new(RefusalCode::TooManyPolls, "end a poll first, or open another lesson"));
        }
        happens(self.clone())
    }
}

impl Event for Question {
    const KIND: &'static str = "poll";

    fn data(&self) -> Object {
        let options: Vec<Value> = self.options.iter().map(|option| (&**option).into()).collect();
        let mut data = Object::from([
            ("question", (&*self.question).into()),
            ("options", options.into()),
            ("multiple", self.multiple.into()),
            ("anonymous", self.anonymous.into()),
        ]);
        put(&mut data, "id", self.id.as_deref().map(Value::from));
        data
    }

    fn read(row: &EventColumns<'_>) -> Option<Self> {
        let option = |option: &Value| option.as_str().map(Arc::from);
        Some(Self {
            id: row.text("id").map(Box::from),
            question: row.text("question")?.into(),
            options: row.data.get("options")?.as_array()?.iter().map(option).collect::<Option<_>>()?,
            multiple: row.flag("multiple").unwrap_or_default(),
            anonymous: row.flag("anonymous").unwrap_or_default(),
        })
    }

    fn apply(&self, event: &RecordedEvent, state: &mut ClassState) {
        state.polls.push(Arc::new(Poll {
            seq: event.seq,
            at: event.at,
            author: event.author,
            question: self.clone(),
            ended: false,
            revealed: false,
            votes: BTreeMap::new(),
        }));
    }

    fn frames(&self, event: &RecordedEvent, _: &ClassState, _: Option<UserId>) -> Vec<(Recipients, Object)> {
        let mut frame = event.frame(self.data());
        frame.insert("poll", event.seq);
        vec![(Recipients::All, frame)]
    }
}

/// Vote, or vote anew.
#[derive(Clone, PartialEq, Debug)]
pub struct CastVote {
    /// The poll.
    pub poll: u64,
    /// The options, by their place; none takes the vote back.
    pub choices: Vec<u8>,
}

impl Decide for CastVote {
    const SPEC: FrameSpec = FrameSpec {
        name: "vote",
        needs: "vote needs poll, a poll's number, and choices, places of options",
        example: r#"{"poll":999999,"choices":[0]}"#,
        senders: AllowedSenders::Participants,
        denied: "who watches does not vote",
        cost: Some(Scope::WsReact),
        decode: |frame| {
            Some(Self { poll: event_number(frame, "poll")?, choices: choices(frame.get("choices")?)? }.into())
        },
        ..FrameSpec::COMMAND
    };

    fn decide(&self, state: &ClassState, by: &Requester, context: &DecisionContext<'_>) -> DecisionResult {
        let poll = state.poll(self.poll).ok_or(NO_POLL)?;
        if poll.ended {
            return Err(Refusal::new(RefusalCode::PollOver, "this poll is over"));
        }
        let mut choices = self.choices.clone();
        choices.sort_unstable();
        choices.dedup();
        let unknown = choices.iter().any(|choice| usize::from(*choice) >= poll.question.options.len());
        if unknown || (!poll.question.multiple && choices.len() > 1) {
            let detail = "choices are places of options, one unless the poll takes several";
            return Err(Refusal::new(RefusalCode::BadChoice, detail));
        }
        let voter = voter_key(context.lesson, poll.seq, poll.question.anonymous, by.user);
        if poll.votes.get(&voter).map_or(choices.is_empty(), |known| *known == choices) {
            return Ok(ClassDecision::Already(my_vote(poll.seq, &choices)));
        }
        happens(Vote { poll: poll.seq, voter, choices })
    }
}

/// One person's vote.
#[derive(Clone, PartialEq, Debug)]
pub struct Vote {
    /// The poll.
    pub poll: u64,
    /// Whose it is, as [`voter_key`] says.
    pub voter: Uuid,
    /// The options, by their place, sorted; none takes the vote back.
    pub choices: Vec<u8>,
}

impl Event for Vote {
    const KIND: &'static str = "vote";

    fn person(&self) -> Option<Uuid> {
        Some(self.voter)
    }

    fn about(&self) -> Option<u64> {
        Some(self.poll)
    }

    fn data(&self) -> Object {
        Object::from([("choices", choices_value(&self.choices))])
    }

    fn read(row: &EventColumns<'_>) -> Option<Self> {
        let choices = choices(row.data.get("choices")?)?;
        Some(Self { poll: row.about?, voter: row.person?, choices })
    }

    fn apply(&self, _: &RecordedEvent, state: &mut ClassState) {
        let Some(poll) = state.poll_mut(self.poll) else { return };
        if self.choices.is_empty() {
            poll.votes.remove(&self.voter);
        } else {
            poll.votes.insert(self.voter, self.choices.clone());
        }
    }

    /// Its voter hears that it counts, those who lead what the poll stands at, and nobody else anything.
    fn frames(&self, event: &RecordedEvent, state: &ClassState, by: Option<UserId>) -> Vec<(Recipients, Object)> {
        let base = event.frame(Object::default());
        let mut frames = Vec::new();
        if let Some(by) = by {
            let mut mine = my_vote(self.poll, &self.choices);
            put(&mut mine, "seq", base.get("seq").cloned());
            put(&mut mine, "at", base.get("at").cloned());
            mine.insert("mine", true);
            frames.push((Recipients::Only(vec![by]), mine));
        }
        if let Some(poll) = state.poll(self.poll) {
            let mut counted = base;
            counted.insert("poll", self.poll);
            poll.write_results(&mut counted);
            if !poll.question.anonymous {
                counted.insert("choices", choices_value(&self.choices));
            }
            frames.push((Recipients::Leaders, counted));
        }
        frames
    }
}

/// End a poll, or show what came out; a poll is over, and perhaps shown.
#[derive(Clone, PartialEq, Debug)]
pub struct EndPoll {
    /// The poll.
    pub poll: u64,
    /// Whether everybody sees what came out.
    pub reveal: bool,
}

impl Decide for EndPoll {
    const SPEC: FrameSpec = FrameSpec {
        name: "poll_end",
        needs: "poll_end needs poll, a poll's number; reveal is true or false",
        example: r#"{"poll":999999}"#,
        decode: |frame| {
            Some(Self { reveal: optional_flag(frame, "reveal", false)?, poll: event_number(frame, "poll")? }.into())
        },
        ..FrameSpec::COMMAND
    };

    fn decide(&self, state: &ClassState, _: &Requester, _: &DecisionContext<'_>) -> DecisionResult {
        let known = state.poll(self.poll).ok_or(NO_POLL)?;
        if known.ended && known.revealed >= self.reveal {
            return Ok(ClassDecision::Already(known.end_frame(true)));
        }
        happens(self.clone())
    }
}

impl Event for EndPoll {
    const KIND: &'static str = "poll_end";

    fn about(&self) -> Option<u64> {
        Some(self.poll)
    }

    fn data(&self) -> Object {
        Object::from([("reveal", self.reveal.into())])
    }

    fn read(row: &EventColumns<'_>) -> Option<Self> {
        Some(Self { poll: row.about?, reveal: row.flag("reveal")? })
    }

    fn apply(&self, _: &RecordedEvent, state: &mut ClassState) {
        if let Some(poll) = state.poll_mut(self.poll) {
            poll.ended = true;
            poll.revealed |= self.reveal;
        }
    }

    fn frames(&self, event: &RecordedEvent, state: &ClassState, _: Option<UserId>) -> Vec<(Recipients, Object)> {
        let Some(poll) = state.poll(self.poll) else { return Vec::new() };
        [(Recipients::Leaders, true), (Recipients::NonLeaders, false)]
            .map(|(recipients, leads)| (recipients, event.frame(poll.end_frame(leads))))
            .into()
    }
}

/// A poll as it stands.
#[derive(Clone, PartialEq, Debug)]
pub struct Poll {
    /// Its number: that of the event that opened it.
    pub seq: u64,
    /// When it was opened.
    pub at: Timestamp,
    /// By whom.
    pub author: Option<UserId>,
    /// What is asked.
    pub question: Question,
    /// Whether it is over.
    pub ended: bool,
    /// Whether everybody sees what came out.
    pub revealed: bool,
    /// The choices of each voter.
    votes: BTreeMap<Uuid, Vec<u8>>,
}

impl Poll {
    /// How often each option was chosen.
    #[must_use]
    pub fn counts(&self) -> Vec<u64> {
        let mut counts = vec![0; self.question.options.len()];
        for choice in self.votes.values().flatten() {
            if let Some(count) = counts.get_mut(usize::from(*choice)) {
                *count += 1;
            }
        }
        counts
    }

    fn write_results(&self, to: &mut Object) {
        to.insert("counts", self.counts().into_iter().map(Value::from).collect::<Vec<_>>());
        to.insert("voters", self.votes.len() as u64);
    }

    fn base(&self) -> Object {
        let mut row = self.question.data();
        row.insert("poll", self.seq);
        row.insert("at", times::utc_field(self.at));
        put(&mut row, "user", self.author.map(user_value));
        row
    }

    /// As the answer to a repeat.
    fn frame(&self) -> Object {
        let mut frame = self.base();
        frame.insert("t", "poll");
        frame.insert("seq", self.seq);
        frame
    }

    /// Its end; what came out is for those who lead until it is revealed.
    fn end_frame(&self, leads: bool) -> Object {
        let mut frame =
            Object::from([("t", "poll_end".into()), ("poll", self.seq.into()), ("revealed", self.revealed.into())]);
        if leads || self.revealed {
            self.write_results(&mut frame);
        }
        frame
    }

    /// As lists show it to one person.
    #[must_use]
    pub fn row(&self, lesson: LessonId, user: UserId, leads: bool) -> Object {
        let mut row = self.base();
        row.insert("ended", self.ended);
        row.insert("revealed", self.revealed);
        let mine = self.votes.get(&voter_key(lesson, self.seq, self.question.anonymous, user));
        put(&mut row, "mine", mine.map(|chosen| choices_value(chosen)));
        if leads || self.revealed {
            self.write_results(&mut row);
        }
        if leads && !self.question.anonymous {
            let votes = self.votes.iter().map(|(voter, chosen)| (voter.to_string(), choices_value(chosen)));
            row.insert("votes", votes.collect::<Object>());
        }
        row
    }
}

/// Who a vote is known by: the person, or in an anonymous poll a hash that is theirs in this poll alone.
#[must_use]
pub fn voter_key(lesson: LessonId, poll: u64, anonymous: bool, user: UserId) -> Uuid {
    if !anonymous {
        return user.0;
    }
    let mut hash = Sha256::new_with_prefix(b"m4sh anonymous vote");
    hash.update(lesson.0);
    hash.update(poll.to_be_bytes());
    hash.update(user.0);
    let digest = hash.finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// The options of a poll: 2 to [`limits::POLL_OPTIONS`], no two alike.
fn options(frame: &Value) -> Option<Vec<Arc<str>>> {
    let listed = frame.get("options")?.as_array().filter(|all| (2..=limits::POLL_OPTIONS).contains(&all.len()))?;
    let one = |option: &Value| {
        let text = option.as_str().filter(|text| !text.chars().any(char::is_control))?.trim();
        (!text.is_empty() && text.chars().count() <= limits::POLL_OPTION_CHARS).then(|| Arc::from(text))
    };
    let options: Vec<Arc<str>> = listed.iter().map(one).collect::<Option<_>>()?;
    let alike = options.iter().enumerate().any(|(place, option)| options[..place].contains(option));
    (!alike).then_some(options)
}

fn choices(value: &Value) -> Option<Vec<u8>> {
    let listed = value.as_array().filter(|all| all.len() <= limits::POLL_OPTIONS)?;
    listed.iter().map(|choice| choice.as_u64()?.try_into().ok()).collect()
}

fn my_vote(poll: u64, chosen: &[u8]) -> Object {
    Object::from([("t", "vote".into()), ("poll", poll.into()), ("choices", choices_value(chosen))])
}

fn choices_value(choices: &[u8]) -> Value {
    choices.iter().map(|choice| Value::from(u64::from(*choice))).collect::<Vec<_>>().into()
}
