//! How the small schemas of `schemas` are read from a body, with the words for each way in which they can be wrong.
//! Called by the bodies that `request!` declares. Never reads a whole body.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::{
    body::Field,
    schemas::{
        All, AllOrGroups, Batch, ChatText, Everybody, FirstState, Happening, ItemId, LinkDays, LinkViews, MessageKey,
        Name, Note, PageCount, RevealedUsers, State, Url,
    },
    signature::Schemas,
};
use crate::http::fields::{Fields, whole};
use m4sh_domain::{
    access::ChangeTarget,
    classroom::PupilSelection,
    fields::is_phrase,
    ids::{Rev, UserId},
    json::Value,
    limits::{
        BATCH_ID_BYTES, BOARD_PAGES, CHAT_CHARS, CLIENT_WORD_CHARS, FEED_BOARDS, ITEM_ID_BYTES, LINK_DAYS,
        LINK_DAYS_DEFAULT, LINK_VIEWS, NAME_CHARS, NOTE_CHARS, RULE_SECONDS, URL_CHARS,
    },
};

/// Whose pages are collected.
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
