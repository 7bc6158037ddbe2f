//! Queries of the history routes: read, described and repeated in `next` from one declaration. An empty parameter counts as
//! absent, a wrong one is a fault of its field, and unknown ones are ignored: clients add some against caches.

use std::{collections::HashMap, str::FromStr};

use actix_web::HttpRequest;
use jiff::Timestamp;
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::http::{fields::Faults, operation::shared_params, problem::Problem};
use m4sh_domain::ids::{BoardId, Rev, UserId};
use m4sh_domain::limits::{AUTHORS_IDS, ITEM_ID_BYTES, PAGE_DEFAULT, PAGE_MAX, REPLAY_OPS, REPLAY_OPS_MAX};
use m4sh_store::{JournalPosition, SnapshotOrigin};
use utoipa::PartialSchema;

/// A revision, or a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HistoryPoint {
    Rev(Rev),
    Time(Timestamp),
}

impl FromStr for HistoryPoint {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return parse_revision(text).map(Self::Rev).ok_or(());
        }
        parse_time(text).map(Self::Time).ok_or(())
    }
}

/// A revision that a board could have.
fn parse_revision(text: &str) -> Option<Rev> {
    text.parse().ok().filter(|rev| i64::try_from(*rev).is_ok()).map(Rev)
}

/// A time in UTC or with its offset, whose `+` may have come as a space, as it does in a query.
pub fn parse_time(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| text.replace(' ', "+").parse().ok())
}

/// The parameters of a query, with the faults found so far.
pub struct QueryReader {
    path: String,
    given: HashMap<String, String>,
    faults: Faults,
}

impl QueryReader {
    pub fn of(request: &HttpRequest) -> Self {
        Self::read(request.path(), request.query_string())
    }

    fn read(path: &str, query: &str) -> Self {
        let given = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Self { path: path.to_owned(), given, faults: Faults::default() }
    }

    /// A parameter of at most `max` bytes as it came.
    pub fn text(&mut self, name: &'static str, max: usize) -> Option<String> {
        let text = self.given.get(name).filter(|text| !text.is_empty())?;
        if text.len() > max {
            self.faults.add(name, &format!("At most {max} bytes are read."));
            return None;
        }
        Some(text.clone())
    }

    fn parsed<T>(&mut self, name: &'static str, fault: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let text = self.text(name, 128)?;
        let value = parse(&text);
        if value.is_none() {
            self.faults.add(name, fault);
        }
        value
    }

    /// A list of ids, separated by commas.
    fn ids(&mut self, name: &'static str) -> Option<Vec<String>> {
        let text = self.text(name, AUTHORS_IDS * (ITEM_ID_BYTES + 1))?;
        let ids: Vec<_> = text.split(',').filter(|id| !id.is_empty()).map(str::to_owned).collect();
        if ids.len() > AUTHORS_IDS {
            self.faults.add(name, &format!("At most {AUTHORS_IDS} ids are looked for."));
        }
        Some(ids)
    }

    /// Ends the reading: the same query for the next page, with the parameters in this order.
    ///
    /// # Errors
    /// All faults in one answer.
    pub fn finish(mut self, names: &[&'static str]) -> Result<NextPage, Problem> {
        self.faults.into_result()?;
        let given = names.iter().map(|name| (*name, self.given.remove(*name))).collect();
        Ok(NextPage { path: self.path, given })
    }
}

/// What the path of the next page is made of.
#[derive(Debug)]
pub struct NextPage {
    path: String,
    given: Vec<(&'static str, Option<String>)>,
}

impl NextPage {
    /// The path of the same query with some parameters set.
    pub fn with(self, set: &[(&str, String)]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, given) in self.given {
            let value = set.iter().find(|(own, _)| *own == name).map(|(_, value)| value.clone()).or(given);
            if let Some(value) = value {
                query.append_pair(name, &value);
            }
        }
        format!("{}?{}", self.path, query.finish())
    }
}

/// A parameter of a history query.
pub trait HistoryParam {
    type Value;

    const IS_REQUIRED: bool = false;

    fn read(reader: &mut QueryReader, name: &'static str) -> Self::Value;

    fn schema() -> Value;

    /// Beside the schema, as the description has it.
    fn example() -> Option<Value> {
        None
    }
}

macro_rules! params {
    ($($(#[doc = $doc:literal])* $name:ident $([required = $required:literal])?: $value:ty, $schema:expr, $example:expr, |$reader:ident, $field:ident| $read:expr;)+) => {$(
        $(#[doc = $doc])*
        pub struct $name;

        impl HistoryParam for $name {
            type Value = $value;
            $(const IS_REQUIRED: bool = $required;)?

            fn read($reader: &mut QueryReader, $field: &'static str) -> $value {
                $read
            }

            fn schema() -> Value {
                $schema
            }

            fn example() -> Option<Value> {
                $example
            }
        }
    )+};
}

const UUID_FAULT: &str = "Must be a valid UUID.";
const WHOLE_FAULT: &str = "A whole number of at least 0 is required.";
const POINT_FAULT: &str = "A revision or a time (2026-01-31T12:00:00Z) is required.";
const REQUIRED_FAULT: &str = "This field is required.";
const CURSOR_FAULT: &str = "Not a cursor of this list.";

params! {
    Author: Option<UserId>, schema_of::<shared_params::Person>(), None,
        |reader, name| reader.parsed(name, UUID_FAULT, |text| text.parse().ok());
    Board: Option<BoardId>, schema_of::<shared_params::Person>(), None,
        |reader, name| reader.parsed(name, UUID_FAULT, |text| text.parse().ok());
    Page: Option<String>, json!({"type": "string", "maxLength": ITEM_ID_BYTES}), None,
        |reader, name| reader.text(name, ITEM_ID_BYTES);
    Point: Option<HistoryPoint>, schema_of::<shared_params::Point>(), None,
        |reader, name| reader.parsed(name, POINT_FAULT, |text| text.parse().ok());
    /// The default is never used: without the parameter there is a fault.
    RequiredPoint[required = true]: HistoryPoint, schema_of::<shared_params::NeededPoint>(), None, |reader, name| {
        if reader.given.get(name).is_none_or(String::is_empty) {
            reader.faults.add(name, REQUIRED_FAULT);
        }
        Point::read(reader, name).unwrap_or(HistoryPoint::Rev(Rev(0)))
    };
    /// The default is never used, as above.
    RequiredTime[required = true]: Timestamp, json!({"$ref": "#/components/schemas/Moment"}), Some(json!("2036-01-31T12:00:00Z")),
        |reader, name| match reader.given.get(name).filter(|text| (1..=64).contains(&text.len())) {
            None => {
                reader.faults.add(name, REQUIRED_FAULT);
                Timestamp::UNIX_EPOCH
            }
            Some(text) => parse_time(text).unwrap_or_else(|| {
                reader.faults.add(name, "A time is required (2026-01-31T12:00:00Z).");
                Timestamp::UNIX_EPOCH
            }),
        };
    /// Each board of a lesson counts its own revisions, so there are only times.
    Time: Option<Timestamp>, schema_of::<shared_params::Instant>(), None, |reader, name| match Point::read(reader, name)? {
        HistoryPoint::Time(at) => Some(at),
        HistoryPoint::Rev(_) => {
            reader.faults.add(name, "A time is required: each board counts its own revisions.");
            None
        }
    };
    /// Since the lesson was opened.
    Milliseconds: Option<u32>, count_schema(0), Some(json!(0)),
        |reader, name| reader.parsed(name, "Milliseconds since the lesson began are required.", |text| text.parse().ok());
    Skip: u32, count_schema(0), Some(json!(0)),
        |reader, name| reader.parsed(name, WHOLE_FAULT, |text| text.parse().ok()).unwrap_or(0);
    Revision: Option<Rev>, json!({"type": "integer", "format": "int64", "minimum": 0}), Some(json!(0)),
        |reader, name| reader.parsed(name, "A revision is required.", parse_revision);
    RevisionCursor: Option<Rev>, json!({"type": "integer", "format": "int64", "minimum": 0}), Some(json!(0)),
        |reader, name| reader.parsed(name, CURSOR_FAULT, parse_revision);
    PositionCursor: Option<JournalPosition>, schema_of::<shared_params::Place>(), None,
        |reader, name| reader.parsed(name, CURSOR_FAULT, super::lesson_replay::parse_position);
    Ids: Option<Vec<String>>, json!({"type": "string"}), None, |reader, name| reader.ids(name);
    Origin: Option<SnapshotOrigin>, json!({"type": "string"}), Some(json!("manual")), |reader, name| {
        let origin = reader.text(name, 32).map(|text| SnapshotOrigin::from_name(&text));
        if origin == Some(None) {
            reader.faults.add(name, "Choose `manual` or `automatic`.");
        }
        origin.flatten()
    };
}

/// How many rows: `DEFAULT` unless said, never more than `MAX`.
pub struct Limit<const DEFAULT: u32, const MAX: u32>;

pub type Rows = Limit<PAGE_DEFAULT, PAGE_MAX>;
pub type MostRows = Limit<PAGE_MAX, PAGE_MAX>;
pub type Operations = Limit<REPLAY_OPS, REPLAY_OPS_MAX>;

impl<const DEFAULT: u32, const MAX: u32> HistoryParam for Limit<DEFAULT, MAX> {
    type Value = u32;

    fn read(reader: &mut QueryReader, name: &'static str) -> u32 {
        let at_least_1 = |text: &str| text.parse().ok().filter(|rows| *rows > 0);
        let rows = reader.parsed(name, "A whole number of at least 1 is required.", at_least_1);
        rows.unwrap_or(DEFAULT).clamp(1, MAX)
    }

    fn schema() -> Value {
        count_schema(1)
    }

    fn example() -> Option<Value> {
        Some(DEFAULT.into())
    }
}

fn count_schema(least: u32) -> Value {
    json!({"type": "integer", "format": "int32", "minimum": least, "maximum": u32::MAX})
}

fn schema_of<T: PartialSchema>() -> Value {
    // Only our own types are in it, and their keys are texts.
    serde_json::to_value(T::schema()).unwrap_or_default()
}

/// A parameter as the description has it.
pub fn described<T: HistoryParam>(name: &str, words: &str) -> Value {
    let mut parameter = json!({
        "name": name, "in": "query", "description": words.trim(), "required": T::IS_REQUIRED, "schema": T::schema(),
    });
    if let Some(example) = T::example() {
        parameter["example"] = example;
    }
    parameter
}

/// Declares a query: `name: Type`, where the type is a [`HistoryParam`], in the order in which `next` repeats them.
macro_rules! history_query {
    ($(#[doc = $doc:literal])* $vis:vis struct $name:ident { $($(#[doc = $words:literal])+ $field:ident $(= $wire:literal)?: $kind:ty,)+ }) => {
        $(#[doc = $doc])*
        #[allow(dead_code, reason = "not every query has a next page")]
        $vis struct $name {
            $(pub $field: <$kind as $crate::http::history::query::HistoryParam>::Value,)+
            /// Leads to the next page.
            pub next: $crate::http::history::query::NextPage,
        }

        impl $name {
            fn read(
                mut reader: $crate::http::history::query::QueryReader,
            ) -> Result<Self, $crate::http::problem::Problem> {
                use $crate::http::history::query::HistoryParam;
                $(let $field = <$kind as HistoryParam>::read(
                    &mut reader,
                    $crate::http::history::query::wire_name!($field $($wire)?),
                );)+
                let next = reader.finish(&[$($crate::http::history::query::wire_name!($field $($wire)?)),+])?;
                Ok(Self { $($field,)+ next })
            }
        }

        impl $crate::http::operation::argument::Argument for $name {
            fn describe(signature: &mut $crate::http::operation::signature::Signature) {
                use $crate::http::history::query::described;
                signature.parameters.extend([$(described::<$kind>(
                    $crate::http::history::query::wire_name!($field $($wire)?),
                    concat!($($words),+),
                )),+]);
                signature.errors.insert("validation_error");
            }

            async fn take(
                context: &mut $crate::http::operation::context::Context,
            ) -> Result<Self, $crate::http::problem::Problem> {
                Self::read($crate::http::history::query::QueryReader::of(&context.request))
            }
        }
    };
}
pub(crate) use history_query;

macro_rules! wire_name {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $wire:literal) => {
        $wire
    };
}
pub(crate) use wire_name;

#[cfg(test)]
mod tests {
    use super::*;

    history_query! {
        /// All sorts.
        struct TestQuery {
            /// A page.
            page: Page,
            /// A begin.
            from: Point,
            /// An end.
            to: Point,
            /// Objects.
            ids: Ids,
            /// Rows.
            limit: Rows,
        }
    }

    #[test]
    fn q2_a_point_is_a_revision_or_a_time_and_nonsense_is_refused() {
        let at: Timestamp = "2026-01-31T10:00:00Z".parse().unwrap();
        for (text, point) in [
            ("7", Some(HistoryPoint::Rev(Rev(7)))),
            ("2026-01-31T10:00:00Z", Some(HistoryPoint::Time(at))),
            ("2026-01-31T12:00:00+02:00", Some(HistoryPoint::Time(at))),
            ("2026-01-31T12:00:00 02:00", Some(HistoryPoint::Time(at))),
            ("-1", None),
            ("yesterday", None),
            ("99999999999999999999", None),
            ("9223372036854775808", None),
        ] {
            assert_eq!(text.parse().ok(), point, "{text}");
        }
        let read = |query: &str| TestQuery::read(QueryReader::read("/x/", query));
        let Err(Problem::Invalid(faults)) = read("limit=0&from=no&page=a%20b&_=17") else { panic!("no fault") };
        assert_eq!(faults.iter().map(|(field, _)| field).collect::<Vec<_>>(), ["from", "limit"]);
        let query = read("limit=100000&to=&ids=a,,b&page=a+b").unwrap();
        assert_eq!((query.limit, query.to, query.page.as_deref()), (PAGE_MAX, None, Some("a b")));
        assert_eq!(query.ids.unwrap(), ["a", "b"]);
        assert_eq!(query.next.with(&[("limit", "7".to_owned())]), "/x/?page=a+b&to=&ids=a%2C%2Cb&limit=7");
    }
}
