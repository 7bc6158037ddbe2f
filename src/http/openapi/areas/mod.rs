//! The operations, an area a file: the shapes of its bodies and one function for each operation, which carries nothing
//! but its description. Used by `openapi`. Never called at run time: the handlers are elsewhere (ADR 0020).

// What is here is read by the derive macros and by people.
#![allow(dead_code, reason = "descriptions have no callers")]

mod accounts;
mod activity;
pub mod diagnostics;
pub mod hooks;
mod service;

use utoipa::{OpenApi, ToSchema, openapi::OpenApi as Description};

/// Every area, in the order of the page.
pub fn all() -> Vec<Description> {
    vec![
        accounts::Api::openapi(),
        hooks::Api::openapi(),
        activity::Api::openapi(),
        diagnostics::Api::openapi(),
        service::Api::openapi(),
    ]
}

/// A page of a list.
#[derive(ToSchema)]
struct Page<T> {
    /// Rows in all.
    #[schema(minimum = 0)]
    count: u64,
    /// The path of the next page, if there is one.
    #[schema(required = true, example = "/api/v1/classrooms/?limit=20&offset=40")]
    next: Option<String>,
    /// The path of the page before, if there is one.
    #[schema(required = true, example = "/api/v1/classrooms/?limit=20&offset=0")]
    previous: Option<String>,
    results: Vec<T>,
}
