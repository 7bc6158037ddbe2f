//! How the small schemas of `schemas` are read from a body, with the words for each way in which they can be wrong.
//! Called by the bodies that `request!` declares. Never reads a whole body.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::{
    body::Field,
    schemas::{ChatText, MessageKey, Name},
    signature::Schemas,
};
use crate::http::fields::Fields;
use m4sh_domain::{
    fields::is_phrase,
    limits::{BATCH_ID_BYTES, CHAT_CHARS, NAME_CHARS},
};

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
}

reads! {
    Name: String = |fields, name| fields.needed_name(name, NAME_CHARS);
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
}
