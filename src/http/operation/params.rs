//! Parameters of paths and queries: each a type that reads itself and knows its schema. Declared by the areas with
//! `path_params!` and `query_params!`. A path that names nothing is 404; every fault of a query is answered at once.

use std::borrow::Cow;

use serde_json::{Value, json};
use url::form_urlencoded;
use uuid::Uuid;

use super::{argument::Argument, context::Context, signature::Signature};
use crate::http::problem::Problem;
use m4sh_domain::ids::{BoardId, ClassroomId, HookId, LessonId, UserId};

/// A value in a path or a query.
pub trait Param: Sized + 'static {
    /// Reads it.
    ///
    /// # Errors
    /// What must be there instead.
    fn parse(text: &str) -> Result<Self, Cow<'static, str>>;

    /// Its schema.
    fn schema(signature: &mut Signature) -> Value;
}

macro_rules! ids {
    ($($id:ty),+) => {$(
        impl Param for $id {
            fn parse(text: &str) -> Result<Self, Cow<'static, str>> {
                text.parse().map_err(|_| "Must be a valid UUID.".into())
            }

            fn schema(_: &mut Signature) -> Value {
                json!({"type": "string", "format": "uuid"})
            }
        }
    )+};
}

ids!(Uuid, BoardId, ClassroomId, HookId, LessonId, UserId);

impl Param for u64 {
    fn parse(text: &str) -> Result<Self, Cow<'static, str>> {
        text.parse().map_err(|_| "A whole number of at least 0 is required.".into())
    }

    fn schema(_: &mut Signature) -> Value {
        json!({"type": "integer", "format": "int64", "minimum": 0})
    }
}

impl Param for String {
    fn parse(text: &str) -> Result<Self, Cow<'static, str>> {
        Ok(text.to_owned())
    }

    fn schema(_: &mut Signature) -> Value {
        json!({"type": "string"})
    }
}

/// A whole number of a query that the store can hold.
pub struct Whole(pub u64);

impl Param for Whole {
    fn parse(text: &str) -> Result<Self, Cow<'static, str>> {
        let number = text.parse().ok().filter(|number: &u64| i64::try_from(*number).is_ok());
        number.map(Self).ok_or_else(|| "A whole number of at least 0 is required.".into())
    }

    fn schema(_: &mut Signature) -> Value {
        json!({"type": "integer", "format": "int64", "minimum": 0, "maximum": 9_007_199_254_740_991_i64})
    }
}

/// How many rows a query asks for at most.
pub struct RowLimit(pub u32);

impl Param for RowLimit {
    fn parse(text: &str) -> Result<Self, Cow<'static, str>> {
        let rows = text.parse().ok().filter(|rows: &u64| *rows > 0 && i64::try_from(*rows).is_ok());
        let rows = rows.map(|rows| u32::try_from(rows).unwrap_or(u32::MAX));
        rows.map(Self).ok_or_else(|| "A whole number of at least 1 is required.".into())
    }

    fn schema(_: &mut Signature) -> Value {
        json!({"type": "integer", "format": "int64", "minimum": 1, "maximum": u32::MAX})
    }
}

/// A text of a query, its escapes resolved.
pub struct Unescaped(pub String);

impl Param for Unescaped {
    fn parse(text: &str) -> Result<Self, Cow<'static, str>> {
        let pair = format!("_={text}");
        let text = form_urlencoded::parse(pair.as_bytes()).next().map(|(_, text)| text.into_owned());
        Ok(Self(text.unwrap_or_default()))
    }

    fn schema(signature: &mut Signature) -> Value {
        String::schema(signature)
    }
}

/// The parameters of a path.
pub trait PathParams: Sized + 'static {
    /// What they are.
    fn describe(signature: &mut Signature);

    /// Reads them; `None` when one cannot be what it must be. `get` gives the text of a name.
    fn read<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Option<Self>;
}

/// The parameters of a query.
pub trait QueryParams: Sized + 'static {
    /// What they are.
    fn describe(signature: &mut Signature);

    /// Reads them.
    ///
    /// # Errors
    /// Every parameter that is wrong.
    fn read(query: &str) -> Result<Self, Problem>;
}

/// The parameters of the path: 404 when one of them cannot be.
pub struct Path<T>(pub T);

impl<T: PathParams> Argument for Path<T> {
    fn describe(signature: &mut Signature) {
        T::describe(signature);
    }

    async fn take(context: &mut Context) -> Result<Self, Problem> {
        let matched = context.request.match_info();
        T::read(|name| matched.get(name)).map(Self).ok_or(Problem::NotFound)
    }
}

/// The parameters of the query.
pub struct Query<T>(pub T);

impl<T: QueryParams> Argument for Query<T> {
    fn describe(signature: &mut Signature) {
        T::describe(signature);
    }

    async fn take(context: &mut Context) -> Result<Self, Problem> {
        T::read(context.request.query_string()).map(Self)
    }
}

/// A parameter as the description has it.
pub fn describe<T: Param>(signature: &mut Signature, place: &str, name: &str, words: &str, is_required: bool) {
    let schema = T::schema(signature);
    signature.parameters.push(json!({
        "name": name, "in": place, "description": words.trim(), "required": is_required, "schema": schema,
    }));
}

/// Parameters that a derive describes.
pub fn describe_all<T: utoipa::IntoParams>(signature: &mut Signature) {
    // Their keys are texts.
    let parameters = T::into_params(|| None).into_iter().map(|one| serde_json::to_value(one).unwrap_or_default());
    signature.parameters.extend(parameters);
}

/// Declares the parameters of a path: names as in the pattern, each with what it is.
macro_rules! path_params {
    ($($(#[doc = $doc:literal])* $vis:vis struct $name:ident { $($(#[doc = $words:literal])+ $field:ident: $kind:ty,)+ })+) => {$(
        $(#[doc = $doc])*
        #[derive(Clone, Debug)]
        #[allow(dead_code, reason = "some of a path is read by other arguments, such as the class of its tutor")]
        $vis struct $name { $($(#[doc = $words])+ pub $field: $kind,)+ }

        impl $crate::http::operation::params::PathParams for $name {
            fn describe(signature: &mut $crate::http::operation::signature::Signature) {
                use $crate::http::operation::params::describe;
                $(describe::<$kind>(signature, "path", stringify!($field), concat!($($words),+), true);)+
            }

            fn read<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
                use $crate::http::operation::params::Param;
                Some(Self { $($field: <$kind as Param>::parse(get(stringify!($field))?).ok()?,)+ })
            }
        }
    )+};
}
pub(crate) use path_params;

/// Declares the parameters of a query, each of which may be left out. Of one that comes twice the last counts, and those
/// that are not declared are ignored: clients add some of their own against caches. A `check |faults|` block at the end sees
/// all of them and may add faults.
macro_rules! query_params {
    (
        $(#[doc = $doc:literal])* $vis:vis struct $name:ident { $($(#[doc = $words:literal])+ $field:ident: $kind:ty,)+ }
        $(check |$faults:ident| $check:block)?
    ) => {
        $(#[doc = $doc])*
        $vis struct $name { $($(#[doc = $words])+ pub $field: Option<$kind>,)+ }

        impl $crate::http::operation::params::QueryParams for $name {
            fn describe(signature: &mut $crate::http::operation::signature::Signature) {
                use $crate::http::operation::params::describe;
                $(describe::<$kind>(signature, "query", stringify!($field), concat!($($words),+), false);)+
            }

            fn read(query: &str) -> Result<Self, $crate::http::problem::Problem> {
                use $crate::http::operation::params::Param;
                $(let mut $field = None;)+
                let mut faults = $crate::http::fields::Faults::default();
                for pair in query.split('&') {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    match name {
                        $(stringify!($field) => match <$kind as Param>::parse(value) {
                            Ok(read) => $field = Some(read),
                            Err(must) => faults.add(stringify!($field), &must),
                        },)+
                        _ => {}
                    }
                }
                $({
                    let $faults = &mut faults;
                    $check
                })?
                faults.into_result()?;
                Ok(Self { $($field,)+ })
            }
        }
    };
}
pub(crate) use query_params;
