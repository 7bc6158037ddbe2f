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

use m4sh_domain::limits::{IDEMPOTENCY_KEY_BYTES, PAGE_DEFAULT, PAGE_MAX};

/// `?limit=&offset=` of a list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PagingParams {
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

/// A time in UTC, of the days that every month has.
macro_rules! time {
    () => {
        "[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z"
    };
}

/// An id.
macro_rules! id {
    () => {
        "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    };
}

macro_rules! texts {
    ($($name:ident = $most:expr, $pattern:expr, $example:literal;)+) => {$(
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
    Person = 36, concat!("^(", id!(), ")?$"), "";
    Point = 20, concat!("^([0-9]{1,15}|", time!(), ")?$"), "2036-01-31T12:00:00Z";
    NeededPoint = 20, concat!("^([0-9]{1,15}|", time!(), ")$"), "0";
    Instant = 20, concat!("^(", time!(), ")?$"), "2036-01-31T12:00:00Z";
    Place = 80, concat!("^([0-9]{1,15}[.]", id!(), "[.][0-9]{1,15})?$"), "";
    IdempotencyKey = IDEMPOTENCY_KEY_BYTES, "^[!-~]*$", "5f3c2a9e-save-42";
}
