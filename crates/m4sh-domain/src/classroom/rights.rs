//! Rights: `lock`, `can`, `role`, `kick`, `unkick` (SPEC P). Whether a change may be made, [`RightsChange::authorize`] says when its turn
//! has come; the senders declared here is the flag that it asks for first.

use super::{AllowedSenders, ClassAction, FrameSpec, Retention};
use crate::access::{ChangeTarget, Permission, RightsChange, Role};
use crate::fields::{id, optional_flag, word};
use crate::json::{Object, Value};
use crate::limits;

/// One change of rights.
#[derive(Clone, PartialEq, Debug)]
pub struct RightsFrame {
    /// The client's own id of it, named in its answer.
    pub id: Option<Box<str>>,
    /// What is asked for.
    pub change: RightsChange,
}

const RIGHTS: FrameSpec = FrameSpec { retention: Retention::Rows, ..FrameSpec::ACTION };

pub(super) const LOCK: FrameSpec = FrameSpec {
    name: "lock",
    needs: "lock needs user (an id or \"all\") and locked, and may have seconds from 1 to 86400",
    example: r#"{"user":"USER","locked":false}"#,
    senders: AllowedSenders::With(Permission::Lock),
    decode: |frame| {
        let locked = frame.get("locked")?.as_bool()?;
        action(frame, RightsChange::Lock { whom: whom(frame)?, locked, session: true, seconds: seconds(frame)? })
    },
    ..RIGHTS
};

pub(super) const CAN: FrameSpec = FrameSpec {
    name: "can",
    needs: "can needs user (an id or \"all\") and flags, a map of flags to true, false or null, and may have scope \
            (session or class) and seconds from 1 to 86400",
    example: r#"{"user":"USER","flags":{"can_export":true}}"#,
    senders: AllowedSenders::With(Permission::Manage),
    decode: |frame| {
        let session = match frame.get("scope") {
            None => true,
            Some(scope) => match scope.as_str()? {
                "session" => true,
                "class" => false,
                _ => return None,
            },
        };
        let flags = flags(frame.get("flags")?.as_object()?)?;
        action(frame, RightsChange::Permissions { whom: whom(frame)?, flags, session, seconds: seconds(frame)? })
    },
    ..RIGHTS
};

pub(super) const ROLE: FrameSpec = FrameSpec {
    name: "role",
    needs: "role needs user and role: tutor, assistant, student or viewer",
    example: r#"{"user":"USER","role":"student"}"#,
    senders: AllowedSenders::With(Permission::Manage),
    decode: |frame| {
        let role = Role::from_name(frame.get("role")?.as_str()?).filter(|role| *role != Role::Owner)?;
        action(frame, RightsChange::Role { user: id(frame, "user")?, role })
    },
    ..RIGHTS
};

pub(super) const KICK: FrameSpec = FrameSpec {
    name: "kick",
    needs: "kick needs user, and may have on",
    example: r#"{"user":"USER","on":false}"#,
    senders: AllowedSenders::With(Permission::Kick),
    decode: |frame| {
        let on = optional_flag(frame, "on", true)?;
        action(frame, RightsChange::Kick { user: id(frame, "user")?, on })
    },
    ..RIGHTS
};

pub(super) const UNKICK: FrameSpec = FrameSpec {
    name: "unkick",
    needs: "unkick needs user",
    example: r#"{"user":"USER"}"#,
    senders: AllowedSenders::With(Permission::Kick),
    decode: |frame| action(frame, RightsChange::Kick { user: id(frame, "user")?, on: false }),
    ..RIGHTS
};

#[allow(clippy::unnecessary_wraps, reason = "the end of every decoder here")]
fn action(frame: &Value, change: RightsChange) -> Option<ClassAction> {
    Some(ClassAction::Rights(RightsFrame { id: word(frame, "id"), change }))
}

/// Flags with what is to be of each, in the one order in which they are written.
fn flags(fields: &Object) -> Option<Vec<(Permission, Option<bool>)>> {
    if fields.is_empty() || fields.iter().any(|(name, _)| Permission::from_name(name).is_none()) {
        return None;
    }
    let wanted = |flag: Permission| {
        Some(match fields.get(flag.name())? {
            Value::Null => Some((flag, None)),
            Value::Bool(allowed) => Some((flag, Some(*allowed))),
            _ => None,
        })
    };
    Permission::ALL.into_iter().filter_map(wanted).collect()
}

fn whom(frame: &Value) -> Option<ChangeTarget> {
    match frame.get("user")?.as_str()? {
        "all" => Some(ChangeTarget::Everybody),
        id => id.parse().ok().map(ChangeTarget::One),
    }
}

/// For how long; the outer `None` when it is no time.
fn seconds(frame: &Value) -> Option<Option<u32>> {
    match frame.get("seconds") {
        None | Some(Value::Null) => Some(None),
        Some(given) => {
            let seconds = u32::try_from(given.as_u64()?).ok()?;
            (1..=limits::RULE_SECONDS).contains(&seconds).then_some(Some(seconds))
        }
    }
}
