//! Raised hands and reactions: `hand`, `hands`, `react` (SPEC F2, F8).

use std::sync::Arc;

use uuid::Uuid;

use super::spec::{Decide, Event, EventColumns};
use super::{
    AllowedSenders, ClassDecision, ClassState, DecisionContext, DecisionResult, FrameSpec, Recipients, RecordedEvent,
    Requester, happens, is_single_emoji, put, user_value,
};
use crate::fields::{flag, optional_id};
use crate::ids::UserId;
use crate::json::Object;
use crate::rate::Scope;
use crate::refusal::Refusal;

/// Raise or lower my hand, or lower somebody's whom I lead.
#[derive(Clone, PartialEq, Debug)]
pub struct SetHand {
    /// Whose; my own when nobody is named.
    pub user: Option<UserId>,
    /// Raised or lowered.
    pub up: bool,
}

impl Decide for SetHand {
    const SPEC: FrameSpec = FrameSpec {
        name: "hand",
        needs: "hand needs up, true or false; user is a user's id",
        example: r#"{"up":false}"#,
        senders: AllowedSenders::Everybody,
        cost: Some(Scope::WsReact),
        decode: |frame| Some(Self { up: flag(frame, "up")?, user: optional_id(frame, "user")? }.into()),
        ..FrameSpec::COMMAND
    };

    fn decide(&self, state: &ClassState, by: &Requester, context: &DecisionContext<'_>) -> DecisionResult {
        let user = self.user.unwrap_or(by.user);
        if user != by.user && (!by.leads() || self.up) {
            return Err(Refusal::forbidden("a hand is raised by its owner, and lowered by those who lead, too"));
        }
        let raised = state.hands.iter().find(|raised| raised.user == user);
        let name = raised.map_or_else(|| by.name.clone(), |raised| raised.name.clone());
        if user != by.user {
            context.check_member(user)?;
        }
        if raised.is_some() == self.up {
            let mut frame = raised.map(RaisedHand::row).unwrap_or_default();
            frame.insert("t", "hand");
            frame.insert("user", user_value(user));
            frame.insert("up", raised.is_some());
            return Ok(ClassDecision::Already(frame));
        }
        happens(HandChanged { user, name, up: self.up })
    }
}

/// A hand went up or down.
#[derive(Clone, PartialEq, Debug)]
pub struct HandChanged {
    /// Whose.
    pub user: UserId,
    /// Their name at that time.
    pub name: Arc<str>,
    /// Up or down.
    pub up: bool,
}

impl Event for HandChanged {
    const KIND: &'static str = "hand";

    fn person(&self) -> Option<Uuid> {
        Some(self.user.0)
    }

    fn data(&self) -> Object {
        Object::from([("up", self.up.into()), ("name", (&*self.name).into())])
    }

    fn read(row: &EventColumns<'_>) -> Option<Self> {
        Some(Self { user: UserId(row.person?), name: row.text("name")?.into(), up: row.flag("up")? })
    }

    fn apply(&self, event: &RecordedEvent, state: &mut ClassState) {
        state.hands.retain(|raised| raised.user != self.user);
        if self.up {
            state.hands.push(RaisedHand { user: self.user, name: self.name.clone(), seq: event.seq, at: event.at });
        }
    }

    fn frames(&self, event: &RecordedEvent, _: &ClassState, _: Option<UserId>) -> Vec<(Recipients, Object)> {
        let mut frame = event.frame(self.data());
        frame.insert("user", user_value(self.user));
        put(&mut frame, "by", event.author.filter(|by| *by != self.user).map(user_value));
        vec![(Recipients::All, frame)]
    }
}

/// A hand that is up.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct RaisedHand {
    pub(super) user: UserId,
    pub(super) name: Arc<str>,
    pub(super) seq: u64,
    pub(super) at: jiff::Timestamp,
}

impl RaisedHand {
    pub(super) fn row(&self) -> Object {
        Object::from([
            ("user", user_value(self.user)),
            ("name", (&*self.name).into()),
            ("seq", self.seq.into()),
            ("at", crate::times::utc_field(self.at).into()),
        ])
    }
}

/// Lower all hands.
#[derive(Clone, PartialEq, Debug)]
pub struct ClearHands;

impl Decide for ClearHands {
    const SPEC: FrameSpec = FrameSpec {
        name: "hands",
        needs: "hands needs clear: true",
        example: r#"{"clear":true}"#,
        decode: |frame| flag(frame, "clear")?.then(|| Self.into()),
        ..FrameSpec::COMMAND
    };

    fn decide(&self, _: &ClassState, _: &Requester, _: &DecisionContext<'_>) -> DecisionResult {
        happens(Self)
    }
}

impl Event for ClearHands {
    const KIND: &'static str = "hand";

    fn data(&self) -> Object {
        Object::from([("clear", true.into())])
    }

    fn read(row: &EventColumns<'_>) -> Option<Self> {
        row.flag("clear")?.then_some(Self)
    }

    fn apply(&self, _: &RecordedEvent, state: &mut ClassState) {
        state.hands.clear();
    }

    fn frames(&self, event: &RecordedEvent, _: &ClassState, _: Option<UserId>) -> Vec<(Recipients, Object)> {
        let mut frame = event.frame(self.data());
        frame.insert("t", "hands");
        vec![(Recipients::All, frame)]
    }
}

/// React with one emoji.
#[derive(Clone, PartialEq, Debug)]
pub struct React(pub Box<str>);

impl Decide for React {
    const SPEC: FrameSpec = FrameSpec {
        name: "react",
        needs: "react needs emoji, one picture of at most 32 bytes",
        example: r#"{"emoji":"👍"}"#,
        senders: AllowedSenders::Everybody,
        cost: Some(Scope::WsReact),
        decode: |frame| {
            let emoji = frame.get("emoji")?.as_str()?;
            is_single_emoji(emoji).then(|| Self(emoji.into()).into())
        },
        ..FrameSpec::COMMAND
    };

    fn decide(&self, _: &ClassState, _: &Requester, _: &DecisionContext<'_>) -> DecisionResult {
        happens(self.clone())
    }
}

impl Event for React {
    const KIND: &'static str = "react";

    fn data(&self) -> Object {
        Object::from([("emoji", (&*self.0).into())])
    }

    fn read(row: &EventColumns<'_>) -> Option<Self> {
        Some(Self(row.text("emoji")?.into()))
    }
}
