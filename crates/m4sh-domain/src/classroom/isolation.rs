//! Isolation: `isolate` hides pupils' work from one another, `reveal` shows it (SPEC J).

use super::{AllowedSenders, ClassAction, FrameSpec, Retention};
use crate::access::Permission;
use crate::fields::flag;
use crate::ids::UserId;
use crate::json::Value;
use crate::limits;

/// The pupils whose work is meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PupilSelection {
    /// All.
    All,
    /// These.
    Only(Vec<UserId>),
}

impl PupilSelection {
    /// Reads `"all"` or a list of 1 to [`limits::REVEALED_NAMES`] ids.
    #[must_use]
    pub fn parse(value: &Value) -> Option<Self> {
        match value {
            Value::String(all) if all == "all" => Some(Self::All),
            Value::Array(ids) if (1..=limits::REVEALED_NAMES).contains(&ids.len()) => {
                ids.iter().map(|id| id.as_str()?.parse().ok()).collect::<Option<_>>().map(Self::Only)
            }
            _ => None,
        }
    }

    /// Whether somebody is among them.
    #[must_use]
    pub fn contains(&self, user: UserId) -> bool {
        match self {
            Self::All => true,
            Self::Only(users) => users.contains(&user),
        }
    }
}

const ISOLATION: FrameSpec = FrameSpec {
    senders: AllowedSenders::With(Permission::Lock),
    denied: "not allowed on this board",
    retention: Retention::Rows,
    ..FrameSpec::ACTION
};

pub(super) const ISOLATE: FrameSpec = FrameSpec {
    name: "isolate",
    needs: "isolate needs on: true or false",
    example: r#"{"on":false}"#,
    decode: |frame| Some(ClassAction::Isolate(flag(frame, "on")?)),
    ..ISOLATION
};

pub(super) const REVEAL: FrameSpec = FrameSpec {
    name: "reveal",
    needs: "reveal needs users: ids of pupils, or all",
    example: r#"{"users":"all"}"#,
    decode: |frame| Some(ClassAction::Reveal(PupilSelection::parse(frame.get("users")?)?)),
    ..ISOLATION
};
