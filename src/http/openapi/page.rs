//! The page that shows the API's description: Swagger UI, compiled in, so that it needs no other network.
//! Called by the route table. Never loads a script from elsewhere: the policy it is sent with forbids that.

use std::{
    borrow::Cow,
    sync::{Arc, LazyLock},
};

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, LOCATION},
    web,
};
use bytes::Bytes;
use utoipa_swagger_ui::{Config, serve};

use crate::http::problem::Problem;

/// Only what this server sends; icons are `data:` addresses in the style sheet.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const CACHED: &str = "public, max-age=3600";

static CONFIG: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
    // The address is relative to the page: the router is mounted twice.
    let config = Config::from("../openapi.json").use_base_layout().validator_url("none").doc_expansion("list");
    Arc::new(config.filter(true).display_request_duration(true).default_models_expand_depth(0).deep_linking(true))
});

/// `GET /docs/`.
pub async fn index(request: HttpRequest) -> Result<HttpResponse, Problem> {
    if request.path().ends_with('/') {
        return asset("index.html");
    }
    // Its files are found beside it.
    Ok(HttpResponse::PermanentRedirect().insert_header((LOCATION, format!("{}/", request.path()))).finish())
}

/// `GET /docs/{file}`: a script, a style sheet, an icon.
pub async fn file(path: web::Path<(String,)>) -> Result<HttpResponse, Problem> {
    asset(&path.0)
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
