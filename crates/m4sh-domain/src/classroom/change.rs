//! What other parts of the class change and announce by themselves: recorded as events, so that the lesson's history has
//! them in order (SPEC F16). Never sent from here.

use super::spec::{Event, EventColumns};
use super::{ClassState, Recipients, RecordedEvent};
use crate::ids::UserId;
use crate::json::Object;

/// The kind of a change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "each is its name in the row")]
pub enum ClassChange {
    Lock,
    Isolate,
    Reveal,
    Kick,
    Role,
}

impl ClassChange {
    const ALL: [Self; 5] = [Self::Lock, Self::Isolate, Self::Reveal, Self::Kick, Self::Role];

    const fn name(self) -> &'static str {
        match self {
            Self::Lock => "lock",
            Self::Isolate => "isolate",
            Self::Reveal => "reveal",
            Self::Kick => "kick",
            Self::Role => "role",
        }
    }
}

/// A change with what it is about.
#[derive(Clone, PartialEq, Debug)]
pub struct RecordedChange {
    /// Its kind.
    pub change: ClassChange,
    /// The target and the change.
    pub data: Object,
}

impl Event for RecordedChange {
    /// Any of [`ClassChange`]'s.
    const KIND: &'static str = "";

    fn kind(&self) -> &'static str {
        self.change.name()
    }

    fn is_kind(kind: &str) -> bool {
        ClassChange::ALL.iter().any(|change| change.name() == kind)
    }

    fn data(&self) -> Object {
        self.data.clone()
    }

    fn read(row: &EventColumns<'_>) -> Option<Self> {
        let change = ClassChange::ALL.into_iter().find(|change| change.name() == row.kind)?;
        Some(Self { change, data: row.data.clone() })
    }

    fn frames(&self, _: &RecordedEvent, _: &ClassState, _: Option<UserId>) -> Vec<(Recipients, Object)> {
        Vec::new()
    }
}
