//! Rights: locks, single flags, roles, sending somebody out. Read by `class`, carried out by `actors::classroom`.
//! Never judges who may.

use m4sh_domain::access::{ChangeTarget, Permission, RightsChange, Role};
use m4sh_domain::ids::UserId;
use m4sh_domain::json::{Object, Value};
use m4sh_domain::limits;

/// One frame of this kind.
#[derive(Clone, PartialEq, Debug)]
pub struct RightsFrame {
    /// The client's own id of it, named in its answer.
    pub id: Option<Box<str>>,
    /// What is asked for.
    pub change: RightsChange,
}

const LOCK: &str = "lock needs user (an id or \"all\") and locked, and may have seconds from 1 to 86400";
const CAN: &str = "can needs user (an id or \"all\") and flags, a map of flags to true, false or null, and may have scope \
                   (session or class) and seconds from 1 to 86400";
const ROLE: &str = "role needs user and role: tutor, assistant, student or viewer";
const KICK: &str = "kick needs user, and may have on";
const UNKICK: &str = "unkick needs user";

impl RightsFrame {
    /// The frame with that name; `None` when it is none of these.
    pub(super) fn read(kind: &str, value: &Value) -> Option<Result<Self, &'static str>> {
        let (change, lacks) = match kind {
            "lock" => (lock(value), LOCK),
            "can" => (flags(value), CAN),
            "role" => (role(value), ROLE),
            "kick" => (kick(value), KICK),
            "unkick" => (user(value).map(|user| RightsChange::Kick { user, on: false }), UNKICK),
            _ => return None,
        };
        let id = value.get("id").and_then(Value::as_str);
        let id = id.filter(|id| !id.is_empty() && id.len() <= limits::BATCH_ID_BYTES).map(Box::from);
        Some(change.map(|change| Self { id, change }).ok_or(lacks))
    }
}

fn lock(value: &Value) -> Option<RightsChange> {
    let locked = value.get("locked")?.as_bool()?;
    Some(RightsChange::Lock { whom: whom(value)?, locked, session: true, seconds: seconds(value)? })
}

fn flags(value: &Value) -> Option<RightsChange> {
    let session = match value.get("scope") {
        None => true,
        Some(scope) => match scope.as_str()? {
            "session" => true,
            "class" => false,
            _ => return None,
        },
    };
    let flags = listed(value.get("flags")?.as_object()?)?;
    Some(RightsChange::Flags { whom: whom(value)?, flags, session, seconds: seconds(value)? })
}

/// Flags with what is to be of each, in the one order in which they are written.
fn listed(fields: &Object) -> Option<Vec<(Permission, Option<bool>)>> {
    if fields.is_empty() || fields.iter().any(|(name, _)| Permission::from_name(name).is_none()) {
        return None;
    }
    let wish = |flag: Permission| {
        Some(match fields.get(flag.name())? {
            Value::Null => Some((flag, None)),
            Value::Bool(allowed) => Some((flag, Some(*allowed))),
            _ => None,
        })
    };
    Permission::ALL.into_iter().filter_map(wish).collect()
}

fn role(value: &Value) -> Option<RightsChange> {
    let role = Role::from_name(value.get("role")?.as_str()?).filter(|role| *role != Role::Owner)?;
    Some(RightsChange::Role { user: user(value)?, role })
}

fn kick(value: &Value) -> Option<RightsChange> {
    let on = value.get("on").map_or(Some(true), Value::as_bool)?;
    Some(RightsChange::Kick { user: user(value)?, on })
}

fn user(value: &Value) -> Option<UserId> {
    value.get("user")?.as_str()?.parse().ok()
}

fn whom(value: &Value) -> Option<ChangeTarget> {
    match value.get("user")?.as_str()? {
        "all" => Some(ChangeTarget::Everybody),
        id => id.parse().ok().map(ChangeTarget::One),
    }
}

/// For how long; `None` when it is no time.
fn seconds(value: &Value) -> Option<Option<u32>> {
    match value.get("seconds") {
        None | Some(Value::Null) => Some(None),
        Some(given) => {
            let seconds = u32::try_from(given.as_u64()?).ok()?;
            (1..=limits::RULE_SECONDS).contains(&seconds).then_some(Some(seconds))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use m4sh_domain::json::Bounds;

    const USER: &str = "018f3e2a-7b1c-7000-8000-000000000001";

    fn read(text: &str) -> Result<RightsFrame, &'static str> {
        let text = text.replace("USER", USER);
        let value = Value::parse(text.as_bytes(), Bounds::default()).unwrap();
        RightsFrame::read(value.get("t").unwrap().as_str().unwrap(), &value).unwrap()
    }

    #[test]
    fn w5_frames_about_rights_say_what_is_asked_for_or_what_they_lack() {
        let user = USER.parse().unwrap();
        let timed = read(r#"{"t":"lock","id":"l1","user":"USER","locked":false,"seconds":120}"#).unwrap();
        assert_eq!(timed.id.as_deref(), Some("l1"));
        assert_eq!(
            timed.change,
            RightsChange::Lock { whom: ChangeTarget::One(user), locked: false, session: true, seconds: Some(120) }
        );
        let given = read(r#"{"t":"can","user":"all","flags":{"can_export":null,"can_draw":true},"scope":"class"}"#);
        let flags = vec![(Permission::Draw, Some(true)), (Permission::Export, None)];
        let change = RightsChange::Flags { whom: ChangeTarget::Everybody, flags, session: false, seconds: None };
        assert_eq!(given.unwrap().change, change);
        assert_eq!(
            read(r#"{"t":"kick","user":"USER","on":false}"#).unwrap().change,
            read(r#"{"t":"unkick","user":"USER"}"#).unwrap().change
        );
        for wrong in [
            r#"{"t":"lock","user":"all"}"#,
            r#"{"t":"lock","user":"everybody","locked":true}"#,
            r#"{"t":"lock","user":"all","locked":true,"seconds":0}"#,
            r#"{"t":"lock","user":"all","locked":true,"seconds":86401}"#,
            r#"{"t":"can","user":"all","flags":{}}"#,
            r#"{"t":"can","user":"all","flags":{"can_fly":true}}"#,
            r#"{"t":"can","user":"all","flags":{"can_draw":1}}"#,
            r#"{"t":"can","user":"all","flags":{"can_draw":true},"scope":"world"}"#,
            r#"{"t":"role","user":"USER","role":"owner"}"#,
            r#"{"t":"role","user":"all","role":"viewer"}"#,
            r#"{"t":"kick","user":"all"}"#,
            r#"{"t":"unkick"}"#,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
