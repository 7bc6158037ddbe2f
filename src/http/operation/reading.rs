//! How the small schemas of `schemas` are read from a body, with the words for each way in which they can be wrong.
//! Called by the bodies that `request!` declares. Never reads a whole body.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::{
    body::Field,
    schemas::{
        All, AllOrGroups, Batch, ChatText, Email, Everybody, FirstState, Happening, HookEvents, HookReplayStart,
        HookUrl, ItemId, LinkDays, LinkViews, LoginName, MessageKey, Name, NewPassword, Note, PageCount, Password,
        PersonName, RefreshTokenText, RevealedUsers, State, Url,
    },
    signature::Schemas,
};
use crate::{
    http::fields::{Fields, whole},
    jobs::hooks::address,
};
use m4sh_domain::{
    access::ChangeTarget,
    classroom::PupilSelection,
    fields::is_phrase,
    hooks::HookEvent,
    ids::{Rev, UserId},
    json::Value,
    limits::{
        BATCH_ID_BYTES, BOARD_PAGES, CHAT_CHARS, CLIENT_WORD_CHARS, EMAIL_BYTES, FEED_BOARDS, ITEM_ID_BYTES, LINK_DAYS,
        LINK_DAYS_DEFAULT, LINK_VIEWS, NAME_CHARS, NOTE_CHARS, PASSWORD_BYTES, PERSON_NAME_CHARS, RULE_SECONDS,
        URL_CHARS,
    },
};
use m4sh_store::ReplayFrom;

/// One `@` with something on both sides, and nothing that cannot be in a header: whether mail arrives, only mail tells.
fn is_address(email: &str) -> bool {
    let fit = |part: &str| !part.is_empty() && !part.contains(|c: char| c == '@' || c.is_whitespace());
    email.len() <= EMAIL_BYTES
        && email.split_once('@').is_some_and(|(local, domain)| {
            fit(local) && fit(domain) && !domain.starts_with('.') && !domain.ends_with('.')
        })
}

/// Whose pages are collected.
#[derive(Debug)]
pub enum PageSources {
    /// Every pupil's.
    Everybody,
    /// Every group's.
    Groups,
    /// Those of these pupils.
    Of(Vec<UserId>),
}

/// Gives a schema the way in which it is read.
macro_rules! reads {
    ($($name:ident: $value:ty = $read:expr;)+) => {$(
        impl Field for $name {
            type Value = $value;

            fn read(fields: &mut Fields, name: &'static str) -> Option<Self::Value> {
                let read: fn(&mut Fields, &'static str) -> Option<$value> = $read;
                read(fields, name)
            }

            fn schema(schemas: &mut Schemas) -> Json {
                schemas.of::<$name>()
            }
        }
    )+};
}

/// Declares fields whose schema has no name: written out where they are used.
macro_rules! inline_fields {
    ($($(#[doc = $doc:literal])* $name:ident: $value:ty, $schema:expr, $read:expr;)+) => {$(
        $(#[doc = $doc])*
        pub struct $name;

        impl Field for $name {
            type Value = $value;

            fn read(fields: &mut Fields, name: &'static str) -> Option<Self::Value> {
                let read: fn(&mut Fields, &'static str) -> Option<$value> = $read;
                read(fields, name)
            }

            fn schema(_: &mut Schemas) -> Json {
                $schema
            }
        }
    )+};
}

inline_fields! {
    /// A code that somebody typed.
    TypedInviteCode: String, json!({
        "type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[A-Za-z2-9 -]*[A-Za-z2-9][A-Za-z2-9 -]*$",
        "example": "ABCD-2345",
    }), |fields, name| fields.needed_name(name, 64);
    /// A revision that a client knows: of its form only.
    KnownRev: u64, json!({
        "type": "integer", "format": "int64", "minimum": 0, "maximum": 1_000_000_000_000_000_u64, "example": 0,
    }), |fields, name| {
        let rev = fields.required_value(name)?;
        whole(&rev).or_else(|| fields.wrong(name, "A whole number of at least 0 is required."))
    };
    /// The id of a page.
    PageId: String, json!({"type": "string"}), |fields, name| fields.needed_name(name, ITEM_ID_BYTES);
    /// A member's id, or `all` for everybody who neither leads nor assists.
    MemberOrAll: ChangeTarget, json!({
        "type": "string", "maxLength": 64, "example": "all",
        "pattern": "^(all|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$",
    }), |fields, name| {
        let named = fields.needed_name(name, 64)?;
        let target = if named == "all" { Some(ChangeTarget::Everybody) } else { named.parse().ok().map(ChangeTarget::One) };
        target.or_else(|| fields.wrong(name, "Must be a valid UUID or `all`."))
    };
    /// For how long a rule holds.
    RuleSeconds: u32, json!({
        "type": "integer", "format": "int32", "minimum": 1, "maximum": RULE_SECONDS, "example": 120,
    }), |fields, name| {
        let seconds = whole(&fields.required_value(name)?).and_then(|seconds| u32::try_from(seconds).ok());
        let seconds = seconds.filter(|seconds| (1..=RULE_SECONDS).contains(seconds));
        seconds.or_else(|| fields.wrong(name, "Must be a whole number from 1 to 86400."))
    };
    /// A revision of a board.
    RevField: Rev, json!({"type": "integer", "format": "int64", "minimum": 0}), |fields, name| {
        let number = whole(&fields.required_value(name)?).filter(|rev| i64::try_from(*rev).is_ok());
        number.map(Rev).or_else(|| fields.wrong(name, "A valid integer is required."))
    };
}

/// A word for all of them (`Some(None)`), or a list of 1 to 300 people; `None` for anything else.
fn everybody_or(value: &Value, everybody: &str) -> Option<Option<Vec<UserId>>> {
    match value {
        Value::String(word) => (word == everybody).then_some(None),
        Value::Array(ids) if !ids.is_empty() && ids.len() <= FEED_BOARDS => {
            ids.iter().map(|id| id.as_str()?.parse().ok()).collect::<Option<Vec<UserId>>>().map(Some)
        }
        _ => None,
    }
}

reads! {
    Url: String = |fields, name| fields.required_text(name, URL_CHARS);
    Note: String = |fields, name| fields.required_text(name, NOTE_CHARS);
    ItemId: String = |fields, name| fields.required_text(name, ITEM_ID_BYTES);
    PageCount: u32 = |fields, name| {
        let count = fields.required_value(name)?;
        let count = whole(&count).and_then(|count| u32::try_from(count).ok());
        let count = count.filter(|count| (1..=BOARD_PAGES as u64).contains(&u64::from(*count)));
        count.or_else(|| fields.wrong(name, &format!("A whole number from 1 to {BOARD_PAGES} is required.")))
    };
    State: Value = |fields, name| {
        let state = fields.required_value(name)?;
        if state.as_object().is_some() { Some(state) } else { fields.wrong(name, "A state must be an object.") }
    };
    Batch: Value = |fields, name| fields.required_value(name);
    Name: String = |fields, name| fields.needed_name(name, NAME_CHARS);
    Happening: String = |fields, name| fields.needed_name(name, CLIENT_WORD_CHARS);
    ChatText: Arc<str> = |fields, name| {
        let text = fields.required_value(name)?;
        let text = text.as_str().filter(|text| is_phrase(text, CHAT_CHARS)).map(Into::into);
        text.or_else(|| fields.wrong(name, "A text of 1 to 1000 characters is required, not blank, without control characters."))
    };
    MessageKey: String = |fields, name| {
        let key = fields.required_text(name, BATCH_ID_BYTES)?;
        let is_fit = (1..=BATCH_ID_BYTES).contains(&key.len());
        if is_fit { Some(key) } else { fields.wrong(name, "A text of 1 to 64 bytes is required.") }
    };
    Everybody: Option<Vec<UserId>> = |fields, name| {
        let read = everybody_or(&fields.required_value(name)?, "everybody");
        read.or_else(|| fields.wrong(name, "Must be \"everybody\" or a list of 1 to 300 ids."))
    };
    All: Option<Vec<UserId>> = |fields, name| {
        let read = everybody_or(&fields.required_value(name)?, "all");
        read.or_else(|| fields.wrong(name, "Must be \"all\" or a list of 1 to 300 ids."))
    };
    AllOrGroups: PageSources = |fields, name| {
        let value = fields.required_value(name)?;
        let read = match value.as_str() {
            Some("groups") => Some(PageSources::Groups),
            _ => everybody_or(&value, "all").map(|users| users.map_or(PageSources::Everybody, PageSources::Of)),
        };
        read.or_else(|| fields.wrong(name, "Must be \"all\", \"groups\" or a list of 1 to 300 ids."))
    };
    Email: String = |fields, name| {
        let email = fields.needed_name(name, EMAIL_BYTES)?;
        if is_address(&email) { Some(email) } else { fields.wrong(name, "Enter a valid email address.") }
    };
    LoginName: String = |fields, name| fields.needed_name(name, EMAIL_BYTES);
    Password: String = |fields, name| {
        let password = fields.required_secret(name, *PASSWORD_BYTES.end());
        (!fields.has_fault(name)).then_some(password)
    };
    NewPassword: String = |fields, name| {
        let password = Password::read(fields, name)?;
        if password.len() >= *PASSWORD_BYTES.start() {
            return Some(password);
        }
        let least = PASSWORD_BYTES.start();
        fields.wrong(name, &format!("This password is too short. It must contain at least {least} bytes."))
    };
    PersonName: String = |fields, name| fields.required_text(name, PERSON_NAME_CHARS);
    RefreshTokenText: String = |fields, name| fields.needed_name(name, 128);
    HookUrl: String = |fields, name| {
        let url = fields.needed_name(name, URL_CHARS)?;
        match address::check(&url, fields.private_hooks) {
            Ok(_) => Some(url),
            Err(why) => fields.wrong(name, why),
        }
    };
    HookEvents: Vec<HookEvent> = |fields, name| {
        let value = fields.required_value(name)?;
        let names = value.as_array().filter(|names| (1..=HookEvent::ALL.len()).contains(&names.len()));
        let found = names.and_then(|names| names.iter().map(|name| HookEvent::from_name(name.as_str()?)).collect());
        let found = found.filter(|events: &Vec<_>| (1..events.len()).all(|at| !events[..at].contains(&events[at])));
        found.or_else(|| {
            let known: Vec<_> = HookEvent::ALL.iter().map(|event| event.name()).collect();
            fields.wrong(name, &format!("Must be a list of different events of these: {}.", known.join(", ")))
        })
    };
    HookReplayStart: ReplayFrom = |fields, name| {
        let value = fields.required_value(name)?;
        let time = || value.as_str()?.parse().ok().map(ReplayFrom::Time);
        let cursor = whole(&value).filter(|cursor| i64::try_from(*cursor).is_ok());
        cursor.map(ReplayFrom::Cursor).or_else(time).or_else(|| {
            fields.wrong(name, "Must be a cursor, such as 41, or a time, such as 2026-01-31T12:00:00Z.")
        })
    };
    RevealedUsers: PupilSelection = |fields, name| {
        let read = PupilSelection::parse(&fields.required_value(name)?);
        read.or_else(|| fields.wrong(name, "Must be \"all\" or a list of 1 to 50 ids."))
    };
}

/// A falsy state counts as none (SPEC D16).
impl Field for FirstState {
    type Value = Option<Value>;
    const IS_REQUIRED: bool = false;

    fn read(fields: &mut Fields, name: &'static str) -> Option<Self::Value> {
        match fields.any(name) {
            Some(state) if state.as_object().is_some_and(|state| !state.is_empty()) => Some(Some(state)),
            Some(state) if !state.is_falsy() => fields.wrong(name, "A state must be an object."),
            _ => Some(None),
        }
    }

    fn schema(schemas: &mut Schemas) -> Json {
        schemas.of::<Self>()
    }
}

/// Falsy means without a bound; what is absent is the default.
macro_rules! amounts {
    ($($name:ident = $most:expr, $default:expr;)+) => {$(
        impl Field for $name {
            type Value = Option<u32>;
            const IS_REQUIRED: bool = false;

            fn read(fields: &mut Fields, name: &'static str) -> Option<Self::Value> {
                let value = match fields.any(name) {
                    None => return Some($default),
                    Some(value) if value.is_falsy() => return Some(None),
                    Some(value) => value,
                };
                let number = whole(&value).filter(|number| *number <= $most);
                let number = number.and_then(|number| u32::try_from(number).ok()).map(Some);
                number.or_else(|| fields.wrong(name, &format!("A whole number from 0 to {} is required.", $most)))
            }

            fn schema(schemas: &mut Schemas) -> Json {
                schemas.of::<Self>()
            }
        }
    )+};
}

amounts! {
    LinkDays = LINK_DAYS, u32::try_from(LINK_DAYS_DEFAULT).ok();
    LinkViews = LINK_VIEWS, None;
}
