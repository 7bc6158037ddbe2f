//! Pages of a list: `?limit=&offset=` in, `count`, `next`, `previous` and `results` out.
//! Called by every list. Never answers more than `limits::PAGE_MAX` rows.

use std::{borrow::Cow, num::NonZeroU32};

use actix_web::HttpRequest;
use serde::Serialize;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        KnownFormat, ObjectBuilder, RefOr, SchemaFormat,
        schema::{ArrayBuilder, Schema, SchemaType, Type},
    },
};

use crate::http::{fields::Faults, problem::Problem};
use m4sh_domain::limits::{PAGE_DEFAULT, PAGE_MAX};
use m4sh_store::PageRequest;

/// Which rows were asked for, and under which path the neighbours are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paging {
    limit: Option<NonZeroU32>,
    offset: u32,
    path: String,
}

/// A page of a list.
#[derive(Serialize)]
pub struct PageResponse<T> {
    count: u64,
    next: Option<String>,
    previous: Option<String>,
    results: Vec<T>,
}

impl<T: ToSchema> PartialSchema for PageResponse<T> {
    fn schema() -> RefOr<Schema> {
        let number =
            ObjectBuilder::new().schema_type(Type::Integer).format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)));
        let count = number.minimum(Some(0)).description(Some("Rows in all."));
        let path = |words: &'static str, offset: u32| {
            let example = format!("/api/v1/classrooms/?limit=20&offset={offset}");
            let path = ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::String, Type::Null]));
            path.description(Some(words)).examples([example])
        };
        let page = ObjectBuilder::new().description(Some("A page of a list."));
        let page = page.property("count", count).required("count");
        let page = page.property("next", path("The path of the next page, if there is one.", 40)).required("next");
        let page = page.property("previous", path("The path of the page before, if there is one.", 0));
        let page = page.required("previous").property("results", ArrayBuilder::new().items(T::schema()));
        RefOr::T(page.required("results").into())
    }
}

impl<T: ToSchema> ToSchema for PageResponse<T> {
    fn name() -> Cow<'static, str> {
        format!("Page_{}", T::name()).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        T::schemas(schemas);
        schemas.push((T::name().into_owned(), T::schema()));
    }
}

impl Paging {
    /// What `request` asks for.
    ///
    /// # Errors
    /// Numbers that are none.
    pub fn of(request: &HttpRequest) -> Result<Self, Problem> {
        parse(request.path(), request.query_string())
    }

    /// The rows for the store, [`PAGE_DEFAULT`] of them when the caller did not say.
    #[must_use]
    pub fn page(&self) -> PageRequest {
        self.page_of(PAGE_DEFAULT)
    }

    /// As many rows as one answer may hold when the caller did not say: for clients that do not page.
    #[must_use]
    pub fn widest_page(&self) -> PageRequest {
        self.page_of(PAGE_MAX)
    }

    fn page_of(&self, default: u32) -> PageRequest {
        PageRequest { limit: self.limit.map_or(default, NonZeroU32::get).min(PAGE_MAX), offset: self.offset }
    }

    /// The answer: `results` are the rows of `page`, `count` is how many there are in all.
    #[must_use]
    pub fn response<T>(&self, page: PageRequest, count: u64, results: Vec<T>) -> PageResponse<T> {
        let PageRequest { limit, offset } = page;
        let at = |offset: u32| format!("{}?limit={limit}&offset={offset}", self.path);
        let after = offset.saturating_add(limit);
        PageResponse {
            count,
            next: (u64::from(after) < count).then(|| at(after)),
            previous: (offset > 0).then(|| at(offset.saturating_sub(limit))),
            results,
        }
    }
}

fn parse(path: &str, query: &str) -> Result<Paging, Problem> {
    let mut paging = Paging { limit: None, offset: 0, path: path.to_owned() };
    let mut faults = Faults::default();
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match (name, value.parse::<u32>()) {
            ("limit", Ok(limit)) if limit > 0 => paging.limit = NonZeroU32::new(limit),
            ("limit", _) => faults.add("limit", "A whole number of at least 1 is required."),
            ("offset", Ok(offset)) => paging.offset = offset,
            ("offset", Err(_)) => faults.add("offset", "A whole number of at least 0 is required."),
            // Clients add parameters of their own against caches.
            (_, _) => {}
        }
    }
    faults.into_result()?;
    Ok(paging)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k2_a_page_is_bounded_and_nonsense_is_refused() {
        let page = |query: &str| parse("/x/", query).map(|paging| paging.page());
        assert_eq!(page("").unwrap(), PageRequest { limit: PAGE_DEFAULT, offset: 0 });
        assert_eq!(page("limit=5&offset=10&_=1700").unwrap(), PageRequest { limit: 5, offset: 10 });
        assert_eq!(page("limit=100000").unwrap().limit, PAGE_MAX);
        assert_eq!(parse("/x/", "").unwrap().widest_page().limit, PAGE_MAX);
        for wrong in ["limit=0", "limit=-1", "limit=x", "offset=-1", "offset=", "limit=99999999999"] {
            assert_eq!(page(wrong).unwrap_err().status(), 400, "{wrong}");
        }
    }

    #[test]
    fn k2_neighbours_are_named_only_when_they_exist() {
        let paging = parse("/api/v1/classrooms/", "limit=2&offset=2").unwrap();
        let answer = serde_json::to_value(paging.response(paging.page(), 5, vec!["c", "d"])).unwrap();
        assert_eq!(answer["count"], 5);
        assert_eq!(answer["next"], "/api/v1/classrooms/?limit=2&offset=4");
        assert_eq!(answer["previous"], "/api/v1/classrooms/?limit=2&offset=0");
        let all = parse("/x/", "").unwrap();
        let answer = serde_json::to_value(all.response(all.page(), 1, vec!["a"])).unwrap();
        assert!(answer["next"].is_null() && answer["previous"].is_null());
    }
}
