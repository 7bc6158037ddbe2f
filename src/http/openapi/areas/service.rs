//! Health, and the description itself.

use utoipa::{OpenApi, ToSchema};

const SERVICE: &str = "Service";

#[derive(OpenApi)]
#[openapi(paths(live, ready, openapi, docs, docs_file), tags((name = SERVICE, description = "For balancers and for readers of this page.")))]
pub struct Api;

/// How the process is.
#[derive(ToSchema)]
struct Health {
    #[schema(example = "ready")]
    status: String,
}

/// The process answers
#[utoipa::path(get, path = "/health/live/", tag = SERVICE, security(()), responses((status = 200, description = "It lives.", body = Health)))]
fn live() {}

/// Requests are welcome
///
/// 503 while the database is away or the server is leaving.
#[utoipa::path(
    get, path = "/health/ready/", tag = SERVICE, security(()),
    responses((status = 200, description = "It is ready.", body = Health)),
    extensions(("x-m4sh-errors" = json!(["unavailable"]))),
)]
fn ready() {}

/// This description
#[utoipa::path(
    get, path = "/api/v1/openapi.json", tag = SERVICE, security(()),
    responses((
        status = 200, description = "OpenAPI 3.1. Sent with an `ETag`; pages of every origin may read it.",
        body = Object, headers(("ETag" = String, description = "Changes with the document.")),
        example = json!({"openapi": "3.1.0"}),
    )),
)]
fn openapi() {}

/// A page that shows it
///
/// Needs nothing from another network.
#[utoipa::path(
    get, path = "/api/v1/docs/", tag = SERVICE, security(()),
    responses((status = 200, description = "The page.", body = String, content_type = "text/html", example = json!("<!DOCTYPE html>…"))),
)]
fn docs() {}

/// A script, style sheet or icon of the page
#[utoipa::path(
    get, path = "/api/v1/docs/{file}/", tag = SERVICE, security(()),
    params(("file" = String, Path, description = "Its name.", example = "swagger-ui.css")),
    responses((status = 200, description = "The file, compressed.", body = String, content_type = "text/css", example = json!(".swagger-ui{…}"))),
)]
fn docs_file() {}
