//! The page that shows the API's description: Swagger UI, compiled in, so that it needs no other network.
//! Called by the route table. Never loads a script from elsewhere: the policy it is sent with forbids that.

use std::{
    borrow::Cow,
    sync::{Arc, LazyLock},
};

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, LOCATION},
};
use bytes::Bytes;
use utoipa_swagger_ui::{Config, serve};

use serde_json::json;

use crate::http::{
    operation::{
        Operation,
        answer::Answer,
        get,
        params::{Path, path_params},
        signature::{Schemas, Success},
    },
    problem::Problem,
};

/// Only what this server sends; icons are `data:` addresses in the style sheet.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const CACHED: &str = "public, max-age=3600";

static CONFIG: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
    // The address is relative to the page: the router is mounted twice.
    let config = Config::from("../openapi.json").use_base_layout().validator_url("none").doc_expansion("list");
    Arc::new(config.filter(true).display_request_duration(true).default_models_expand_depth(0).deep_linking(true))
});

/// The page and its files.
pub fn operations() -> [Operation; 2] {
    [
        get("/docs", "docs", index)
            .about("A page that shows it", "Needs nothing from another network.")
            .answers(&["The page."]),
        get("/docs/{file}", "docs_file", file)
            .about("A script, style sheet or icon of the page", "")
            .answers(&["The file, compressed."]),
    ]
}

/// The page.
struct Page(HttpResponse);

impl Answer for Page {
    fn describe(_: &mut Schemas) -> Vec<Success> {
        vec![Success::of("text/html", json!({"type": "string"}), json!("<!DOCTYPE html>…"))]
    }

    fn respond(self) -> Result<HttpResponse, Problem> {
        Ok(self.0)
    }
}

/// A file of the page.
struct PageFile(HttpResponse);

impl Answer for PageFile {
    fn describe(_: &mut Schemas) -> Vec<Success> {
        vec![Success::of("text/css", json!({"type": "string"}), json!(".swagger-ui{…}"))]
    }

    fn respond(self) -> Result<HttpResponse, Problem> {
        Ok(self.0)
    }
}

path_params! {
    /// A file of the page.
    struct PageFilePath {
        /// Its name.
        file: String,
    }
}

async fn index(request: HttpRequest) -> Result<Page, Problem> {
    if request.path().ends_with('/') {
        return asset("index.html").map(Page);
    }
    // Its files are found beside it.
    Ok(Page(HttpResponse::PermanentRedirect().insert_header((LOCATION, format!("{}/", request.path()))).finish()))
}

async fn file(Path(path): Path<PageFilePath>) -> Result<PageFile, Problem> {
    asset(&path.file).map(PageFile)
}

fn asset(name: &str) -> Result<HttpResponse, Problem> {
    let found = serve(name, CONFIG.clone()).map_err(|error| Problem::Internal(error.to_string()))?;
    let file = found.ok_or(Problem::NotFound)?;
    let mut answer = HttpResponse::Ok();
    if file.gzpipped {
        answer.insert_header((CONTENT_ENCODING, "gzip"));
    }
    Ok(answer
        .content_type(file.content_type)
        .insert_header((CACHE_CONTROL, CACHED))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .body(match file.bytes {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => bytes.into(),
        }))
}
