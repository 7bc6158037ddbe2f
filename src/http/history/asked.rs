//! The query of a question about the past, field by field. Called by the handlers of `history` and `room`.
//! Never ignores a value that it cannot read; unknown fields are others' (clients add some against caches).

use std::{collections::HashMap, str::FromStr};

use actix_web::HttpRequest;
use jiff::Timestamp;
use url::form_urlencoded;

use crate::http::{fields::Faults, problem::Problem};
use m4sh_domain::ids::Rev;
use m4sh_domain::limits;

/// A revision, or a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moment {
    /// The revision.
    Rev(Rev),
    /// The time.
    Time(Timestamp),
}

impl FromStr for Moment {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return revision(text).map(Self::Rev).ok_or(());
        }
        time(text).map(Self::Time).ok_or(())
    }
}

/// A revision that a board could have.
fn revision(text: &str) -> Option<Rev> {
    text.parse().ok().filter(|rev| i64::try_from(*rev).is_ok()).map(Rev)
}

/// A time in UTC or with its offset; a `+` that came as a space, as `+` in a query does, is one.
#[must_use]
pub fn time(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| text.replace(' ', "+").parse().ok())
}

/// What was asked.
#[derive(Debug)]
pub struct Asked {
    path: String,
    fields: HashMap<String, String>,
    faults: Faults,
}

impl Asked {
    /// The query of a request.
    #[must_use]
    pub fn of(request: &HttpRequest) -> Self {
        Self::read(request.path(), request.query_string())
    }

    fn read(path: &str, query: &str) -> Self {
        let fields = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Self { path: path.to_owned(), fields, faults: Faults::default() }
    }

    /// A field as it came; empty is absent.
    pub fn text(&mut self, name: &'static str, most: usize) -> Option<String> {
        let text = self.fields.remove(name).filter(|text| !text.is_empty())?;
        if text.len() > most {
            self.faults.add(name, &format!("At most {most} bytes are read."));
            return None;
        }
        Some(text)
    }

    /// A field that reads as something.
    pub fn parsed<T: FromStr>(&mut self, name: &'static str, words: &str) -> Option<T> {
        let text = self.text(name, 128)?;
        let read = text.parse().ok();
        if read.is_none() {
            self.faults.add(name, words);
        }
        read
    }

    /// A revision or a time.
    pub fn moment(&mut self, name: &'static str) -> Option<Moment> {
        self.parsed(name, "A revision or a time (2026-01-31T12:00:00Z) is required.")
    }

    /// A revision, or a place in a list of them.
    pub fn rev(&mut self, name: &'static str, words: &str) -> Option<Rev> {
        let rev = revision(&self.text(name, 128)?);
        if rev.is_none() {
            self.faults.add(name, words);
        }
        rev
    }

    /// A number of rows: `default` when not told, and never more than `most`.
    pub fn limit(&mut self, default: u32, most: u32) -> u32 {
        let limit: Option<u32> = self.parsed("limit", "A whole number of at least 1 is required.");
        if limit == Some(0) {
            self.faults.add("limit", "A whole number of at least 1 is required.");
        }
        limit.unwrap_or(default).clamp(1, most)
    }

    /// A list of ids, separated by commas.
    pub fn ids(&mut self, name: &'static str) -> Option<Vec<String>> {
        let text = self.text(name, limits::AUTHORS_IDS * (limits::ITEM_ID_BYTES + 1))?;
        let ids: Vec<_> = text.split(',').filter(|id| !id.is_empty()).map(str::to_owned).collect();
        if ids.len() > limits::AUTHORS_IDS {
            self.faults.add(name, &format!("At most {} ids are looked for.", limits::AUTHORS_IDS));
        }
        Some(ids)
    }

    /// Notes a fault that only the caller can see.
    pub fn fault(&mut self, name: &'static str, words: &str) {
        self.faults.add(name, words);
    }

    /// The path that asks the same with one field more; the fields that were taken are given again.
    #[must_use]
    pub fn path_with(&self, fields: &[(&str, Option<String>)]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in fields {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        format!("{}?{}", self.path, query.finish())
    }

    /// Passes when nothing was wrong.
    ///
    /// # Errors
    /// All faults in one answer.
    pub fn check(&mut self) -> Result<(), Problem> {
        std::mem::take(&mut self.faults).into_result()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q2_a_moment_is_a_revision_or_a_time_and_nonsense_is_refused() {
        let at: Timestamp = "2026-01-31T10:00:00Z".parse().unwrap();
        for (text, moment) in [
            ("7", Some(Moment::Rev(Rev(7)))),
            ("2026-01-31T10:00:00Z", Some(Moment::Time(at))),
            ("2026-01-31T12:00:00+02:00", Some(Moment::Time(at))),
            ("2026-01-31T12:00:00 02:00", Some(Moment::Time(at))),
            ("-1", None),
            ("yesterday", None),
            ("99999999999999999999", None),
            ("9223372036854775808", None),
        ] {
            assert_eq!(text.parse().ok(), moment, "{text}");
        }
        let mut asked = Asked::read("/x/", "limit=0&from=no&page=a%20b&_=17");
        assert_eq!(asked.limit(50, 200), 1);
        assert_eq!(asked.moment("from"), None);
        assert_eq!(asked.text("page", 256).as_deref(), Some("a b"));
        assert!(asked.check().is_err());
        let mut asked = Asked::read("/x/", "limit=100000&to=&ids=a,,b");
        assert_eq!((asked.limit(50, 200), asked.moment("to")), (200, None));
        assert_eq!(asked.ids("ids").unwrap(), ["a", "b"]);
        assert!(asked.check().is_ok());
        assert_eq!(asked.path_with(&[("page", Some("a b".into())), ("to", None)]), "/x/?page=a+b");
    }
}
