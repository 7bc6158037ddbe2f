//! Query and header parameters that several operations share. Used by the areas.
//! Never the ids in a path: each operation says what they mean there.

#![allow(dead_code, reason = "descriptions have no readers but the derive macros")]

use std::borrow::Cow;

use utoipa::{
    IntoParams, PartialSchema, ToSchema,
    openapi::{
        ObjectBuilder, RefOr,
        schema::{Schema, Type},
    },
};

use crate::limits::{IDEMPOTENCY_KEY_BYTES, PAGE_DEFAULT, PAGE_MAX};

/// `?limit=&offset=` of a list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    /// Rows of the answer. More than there may be in one are not refused, only not given.
    #[param(required = false, schema_with = rows)]
    limit: u32,
    /// Rows to skip.
    #[param(required = false, schema_with = skipped)]
    offset: u32,
}

fn skipped() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).maximum(Some(u32::MAX)).examples([0])
}

fn rows() -> ObjectBuilder {
    let words = format!("{PAGE_DEFAULT} unless said otherwise (boards: {PAGE_MAX}), {PAGE_MAX} at most.");
    let number = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(u32::MAX));
    number.description(Some(words)).examples([20])
}

/// The revision that a save builds on.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub struct Base {
    /// The `ETag` of the last answer. One of this and `X-Rev` is needed where a save must name its revision; this one wins.
    #[param(rename = "If-Match", required = false, inline)]
    if_match: Tag,
    /// The revision as a number; `X-Revision` is the same.
    #[param(rename = "X-Rev", required = false, inline)]
    x_rev: Number,
}

/// The name of a save.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub struct Key {
    /// Makes the request safe to send again. `X-Idempotency-Key` is the same.
    #[param(rename = "Idempotency-Key", required = false, inline)]
    key: IdempotencyKey,
}

macro_rules! texts {
    ($($name:ident = $most:expr, $pattern:literal, $example:literal;)+) => {$(
        pub struct $name;
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let text = ObjectBuilder::new().schema_type(Type::String).max_length(Some($most));
                RefOr::T(text.pattern(Some($pattern)).examples([$example]).into())
            }
        }
        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                stringify!($name).into()
            }
        }
    )+};
}

texts! {
    Tag = 64, r#"^((W/)?"rev:[0-9]{1,15}")?$"#, "W/\"rev:0\"";
    Number = 15, "^[0-9]{0,15}$", "0";
    IdempotencyKey = IDEMPOTENCY_KEY_BYTES, "^[!-~]*$", "5f3c2a9e-save-42";
}
