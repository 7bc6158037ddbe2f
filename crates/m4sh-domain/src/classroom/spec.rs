//! What a class frame is declared with: everything about it that is not its own code. Read by `list`, the decoder, the
//! classroom actor, the matrix of the contract tests and the table in SPEC.md. Never judges a lesson.

use uuid::Uuid;

use super::{
    ClassAction, ClassEvent, ClassState, DecisionContext, DecisionResult, Recipients, RecordedEvent, Requester,
};
use crate::access::{EffectiveRights, Permission, Role};
use crate::ids::UserId;
use crate::json::{Object, Value};
use crate::limits;
use crate::rate::Scope;

/// The declaration of one frame.
#[derive(Debug)]
pub struct FrameSpec {
    /// Under `t` on the wire.
    pub name: &'static str,
    /// The fields with their bounds.
    pub needs: &'static str,
    /// The members of a well-formed frame as JSON; `USER`, `BOARD` and `ID` stand for ids.
    pub example: &'static str,
    /// Who may send it.
    pub senders: AllowedSenders,
    /// The detail of `forbidden` for everybody else.
    pub denied: &'static str,
    /// The budget that it spends.
    pub cost: Option<Scope>,
    /// The longest such frame, in bytes.
    pub max_bytes: usize,
    /// What remains of it.
    pub retention: Retention,
    /// Whether it is taken in a lesson that is over.
    pub after_end: bool,
    /// Reads the frame; `None` when a field is missing or wrong.
    pub decode: fn(&Value) -> Option<ClassAction>,
    /// The detail of `bad_frame` for a frame that cannot be read.
    pub fault: fn(&Self, &Value) -> &'static str,
}

impl FrameSpec {
    /// A frame that the actor carries out by itself, free of cost.
    pub(super) const ACTION: Self = Self {
        name: "",
        needs: "",
        example: "{}",
        senders: AllowedSenders::Everybody,
        denied: "",
        cost: None,
        max_bytes: limits::PRESENCE_FRAME,
        retention: Retention::Memory,
        after_end: false,
        decode: |_| None,
        fault: |spec, _| spec.needs,
    };
    /// A frame of those who lead, kept as an event.
    pub(super) const COMMAND: Self = Self {
        senders: AllowedSenders::Leaders,
        denied: "only those who lead this class may do this",
        cost: Some(Scope::WsTalk),
        retention: Retention::Event,
        ..Self::ACTION
    };

    /// The frame's row of the table in SPEC.md.
    #[must_use]
    pub fn table_row(&self) -> String {
        let cost = self.cost.map_or("none", Scope::name);
        let (name, senders, retention) = (self.name, self.senders.words(), self.retention.words());
        let needs = self.needs.strip_prefix(name).and_then(|rest| rest.strip_prefix(" needs ")).unwrap_or(self.needs);
        format!("| `{name}` | {needs} | {senders} | {cost} | {} | {retention} |", self.max_bytes)
    }
}

/// Who may send a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AllowedSenders {
    /// Everybody in class.
    Everybody,
    /// Everybody but viewers and guests.
    Participants,
    /// Tutors, and assistants who may lock.
    Leaders,
    /// Tutors and assistants.
    Supervisors,
    /// Tutors.
    Tutors,
    /// Whoever has this permission.
    With(Permission),
}

impl AllowedSenders {
    /// Whether somebody with these rights is among them.
    #[must_use]
    pub fn allows(self, rights: EffectiveRights) -> bool {
        let role = rights.role;
        match self {
            Self::Everybody => true,
            Self::Participants => !matches!(role, Role::Viewer | Role::Guest),
            Self::Leaders => role.leads() || (role.sees_all() && rights.can.has(Permission::Lock)),
            Self::Supervisors => role.sees_all(),
            Self::Tutors => role.leads(),
            Self::With(permission) => rights.can.has(permission),
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Everybody => "everybody",
            Self::Participants => "everybody but viewers",
            Self::Leaders => "tutors, assistants who may lock",
            Self::Supervisors => "tutors, assistants",
            Self::Tutors => "tutors",
            Self::With(permission) => permission.name(),
        }
    }
}

/// What remains of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Retention {
    /// An event of the lesson.
    Event,
    /// Rows of its own; the change is recorded as an event.
    Rows,
    /// What it says, for as long as the class is in memory.
    Memory,
    /// Nothing: the latest value is sent, and may be lost.
    Latest,
}

impl Retention {
    const fn words(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Rows => "rows, recorded",
            Self::Memory => "in memory",
            Self::Latest => "latest only",
        }
    }
}

/// A frame that is decided by the state of the lesson and happens as an event.
pub(super) trait Decide: Sized {
    const SPEC: FrameSpec;
    /// Whether the senders is judged first; a command that answers repeats judges it itself.
    const GATED: bool = true;

    /// The author's own id of it, named in a refusal.
    fn id(&self) -> Option<&str> {
        None
    }

    fn decide(&self, state: &ClassState, by: &Requester, context: &DecisionContext<'_>) -> DecisionResult;
}

/// An event of a lesson: how it lies in its row, what it changes and who is told.
pub(super) trait Event: Sized + Into<ClassEvent> {
    /// The kind in the row and, where a frame of its own does not say otherwise, `t` on the wire.
    const KIND: &'static str;

    fn kind(&self) -> &'static str {
        Self::KIND
    }

    fn is_kind(kind: &str) -> bool {
        kind == Self::KIND
    }

    /// The person it is about: the owner of a hand or a vote, the receiver of a private message.
    fn person(&self) -> Option<Uuid> {
        None
    }

    /// Which earlier event it is about.
    fn about(&self) -> Option<u64> {
        None
    }

    /// Everything else.
    fn data(&self) -> Object {
        Object::default()
    }

    /// The event of a row of its kind; `None` for one that another version of this program wrote.
    fn read(row: &EventColumns<'_>) -> Option<Self>;

    fn apply(&self, _event: &RecordedEvent, _state: &mut ClassState) {}

    /// What is sent of it and to whom; `state` is the lesson right after it, `by` who asked for it.
    fn frames(&self, event: &RecordedEvent, _state: &ClassState, _by: Option<UserId>) -> Vec<(Recipients, Object)> {
        vec![(Recipients::All, event.frame(self.data()))]
    }
}

/// The columns of an event's row.
pub(super) struct EventColumns<'a> {
    pub(super) kind: &'a str,
    pub(super) person: Option<Uuid>,
    pub(super) about: Option<u64>,
    pub(super) data: &'a Object,
}

impl<'a> EventColumns<'a> {
    pub(super) fn text(&self, key: &str) -> Option<&'a str> {
        self.data.get(key)?.as_str()
    }

    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        self.data.get(key)?.as_bool()
    }

    pub(super) fn number(&self, key: &str) -> Option<u64> {
        self.data.get(key)?.as_u64()
    }
}
