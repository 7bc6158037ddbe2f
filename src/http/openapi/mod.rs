//! The API's description: OpenAPI 3.1 as JSON, and a page that shows it (ADR 0020).
//! Called by the route table. Never decides what a route does: a test compares it with the table, both ways.

mod complete_spec;
mod example;
mod failures;
mod operations;
mod page;

use std::{rc::Rc, sync::OnceLock};

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, ETAG, IF_NONE_MATCH},
};
use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use utoipa::OpenApi;

use crate::http::{
    operation::{
        Area,
        answer::Answer,
        get,
        signature::{Schemas, Success},
    },
    problem::Problem,
};

/// How long a cache may answer in our place; a new version is seen within minutes.
const CACHED: &str = "public, max-age=300";

/// The areas that are described, in the data of the app.
#[derive(Clone)]
pub struct DescribedAreas(pub Rc<dyn Fn() -> Vec<Area>>);

#[derive(OpenApi)]
#[openapi(
    info(title = "m4sh", description = include_str!("about.md"), license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")),
    servers((url = "/", description = "This server")),
    security(("bearer" = [])),
)]
struct Root;

/// What is served, made at the first request.
struct Document {
    bytes: Bytes,
    etag: String,
}

impl Document {
    fn of(areas: Vec<Area>) -> Self {
        let bytes = Bytes::from(build(areas).to_string());
        let hash = Sha256::digest(&bytes);
        let etag = hash.iter().take(8).fold(String::from("\""), |tag, byte| format!("{tag}{byte:02x}")) + "\"";
        Self { bytes, etag }
    }
}

/// The areas are the same for the whole process.
static DOCUMENT: OnceLock<Document> = OnceLock::new();

/// This description, and a page that shows it.
pub fn area() -> Area {
    let document = get("/openapi.json", "openapi", document)
        .about("This description", "")
        .answers(&["OpenAPI 3.1. Sent with an `ETag`; pages of every origin may read it."]);
    let operations: Vec<_> = [document].into_iter().chain(page::operations()).collect();
    Area::new("Service", "For balancers and for readers of this page.", operations)
}

/// The document, or word that it is the one that is known already.
struct DescriptionAnswer(HttpResponse);

impl Answer for DescriptionAnswer {
    fn describe(_: &mut Schemas) -> Vec<Success> {
        let mut success = Success::of("application/json", json!({"type": "object"}), json!({"openapi": "3.1.0"}));
        success.headers.push(("ETag", "Changes with the document.", "string"));
        vec![success]
    }

    fn respond(self) -> Result<HttpResponse, Problem> {
        Ok(self.0)
    }
}

async fn document(request: HttpRequest) -> Result<DescriptionAnswer, Problem> {
    let areas = || request.app_data::<DescribedAreas>().map_or_else(Vec::new, |areas| areas.0());
    let Document { bytes, etag } = DOCUMENT.get_or_init(|| Document::of(areas()));
    let known = request.headers().get(IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
    let is_known = known.is_some_and(|tags| tags.split(',').any(|tag| tag.trim().trim_start_matches("W/") == etag));
    let mut answer = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    answer
        .insert_header((ETAG, etag.as_str()))
        .insert_header((CACHE_CONTROL, CACHED))
        // Anybody's tools may read it: it is the same for everybody and needs no cookie.
        .insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, "*"));
    let answer = if is_known { answer.finish() } else { answer.content_type("application/json").body(bytes.clone()) };
    Ok(DescriptionAnswer(answer))
}

/// The whole document.
fn build(areas: Vec<Area>) -> Value {
    // Only our own types are in it, and their keys are texts.
    let mut document = serde_json::to_value(Root::openapi()).unwrap_or_default();
    document["tags"] = json!([]);
    document["components"]["securitySchemes"]["bearer"] = json!({
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The `access` token of a login. It lives 15 minutes; `POST /api/v1/auth/refresh/` gives the next.",
    });
    operations::add(&mut document, areas);
    complete_spec::complete(&mut document);
    document
}

#[cfg(test)]
pub(crate) mod tests;
