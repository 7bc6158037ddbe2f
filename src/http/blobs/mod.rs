//! Objects of the local store, for whoever holds a signed URL: `GET /blobs/{key}?expires=&signature=` (SPEC V3 to V5).
//! Called by the route table. Never looks a key up before its signature is good, and never lets a browser run anything.

pub mod cors;
mod range;

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    body::SizedStream,
    http::{
        Method,
        header::{self, HeaderName},
    },
    web,
};
use futures_util::TryStreamExt;
use jiff::Timestamp;
use url::form_urlencoded;
use utoipa::IntoParams;

use self::range::RequestedRange;
use super::{
    Services, assets,
    operation::{
        Area,
        answer::Answer,
        get,
        params::{Path, Query, QueryParams, describe_all, path_params},
        signature::{Schemas, Signature, Success},
    },
    problem::Problem,
};
use crate::blobs::{BlobError, SignedUrlQuery, attachment};
use m4sh_store::BlobInfo;

/// What browsers may show in a page; everything else is saved.
const SHOWN: &[&str] = &["image/png", "image/jpeg", "image/gif", "image/webp"];
/// Whatever the bytes are, they are no page: no script, no origin, no request of their own.
const POLICY: &str = "default-src 'none'; sandbox";
static POLICY_HEADER: HeaderName = HeaderName::from_static("content-security-policy");
static RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Objects behind signed URLs.
pub fn area() -> Area {
    let operations = [get("/blobs/{key:.+}", "read_blob", read_blob)
        .about(
            "An object behind a signed URL",
            "Where objects are in a folder of the server's. The slashes of the key are written as they are. Ranges and \
             `If-None-Match` are honoured.",
        )
        .answers(&["The object.", "The part that `Range` asked for."])
        .errors(&["forbidden", "range_not_satisfiable", "unavailable"])];
    Area::new(assets::SECTION.0, assets::SECTION.1, operations).at_root()
}

path_params! {
    /// An object.
    struct BlobPath {
        /// The object's key, of several segments.
        key: String,
    }
}

/// The bytes of an object, or a part of them.
struct BlobAnswer(HttpResponse);

impl Answer for BlobAnswer {
    fn describe(schemas: &mut Schemas) -> Vec<Success> {
        let mut success = |status| {
            let content = Some(("application/octet-stream", schemas.of::<assets::FileResponse>(), None));
            Success { status, content, headers: Vec::new() }
        };
        vec![success(200), success(206)]
    }

    fn respond(self) -> Result<HttpResponse, Problem> {
        Ok(self.0)
    }
}

async fn read_blob(
    Path(BlobPath { key }): Path<BlobPath>,
    Query(query): Query<SignedUrlParams>,
    request: HttpRequest,
    services: web::Data<Services>,
) -> Result<BlobAnswer, Problem> {
    let blobs = services.objects.blobs();
    if !blobs.is_local() {
        return Err(Problem::NotFound);
    }
    let key = key.as_str();
    let now = Timestamp::now();
    let expires =
        query.admitted(key, blobs, now).ok_or(Problem::Forbidden("This link is not valid, or not any more."))?;
    let blob = services.store.blob_info(key).await?.ok_or(Problem::NotFound)?;
    let tag = etag(&blob);

    let mut answer = HttpResponse::Ok();
    answer
        .insert_header((header::CACHE_CONTROL, format!("private, max-age={}", expires - now.as_second())))
        .insert_header((header::ETAG, tag.as_str()))
        .insert_header((header::ACCEPT_RANGES, "bytes"))
        .insert_header((POLICY_HEADER.clone(), POLICY))
        .insert_header((RESOURCE_POLICY.clone(), "cross-origin"));
    if names(&request, header::IF_NONE_MATCH, &tag) {
        return Ok(BlobAnswer(answer.status(actix_web::http::StatusCode::NOT_MODIFIED).finish()));
    }
    answer
        .insert_header((header::CONTENT_TYPE, blob.media_type.as_str()))
        .insert_header((header::CONTENT_DISPOSITION, disposition(key, &blob, query.name.as_deref())));
    let range = match requested_range(&request, &blob, &tag) {
        RequestedRange::Whole => 0..blob.size,
        RequestedRange::Nothing => return Err(Problem::RangeNotSatisfiable { size: blob.size }),
        RequestedRange::Part(range) => {
            let of = format!("bytes {}-{}/{}", range.start, range.end - 1, blob.size);
            answer.status(actix_web::http::StatusCode::PARTIAL_CONTENT).insert_header((header::CONTENT_RANGE, of));
            range
        }
    };
    if request.method() == Method::HEAD {
        let empty = futures_util::stream::empty::<Result<_, BlobError>>();
        return Ok(BlobAnswer(sized(&mut answer, range.end - range.start, empty)));
    }
    let bytes = blobs.read(key, range.clone()).await.map_err(crate::objects::ObjectError::from)?;
    // The head is sent already: the body can only end early, with the reason in the log.
    let bytes = bytes.inspect_err(|error| tracing::error!(%error, "reading an object failed while it was served"));
    Ok(BlobAnswer(sized(&mut answer, range.end - range.start, bytes)))
}

fn sized(
    answer: &mut HttpResponseBuilder,
    size: u64,
    bytes: impl futures_util::Stream<Item = Result<bytes::Bytes, BlobError>> + 'static,
) -> HttpResponse {
    answer.body(SizedStream::new(size, bytes))
}

/// What a signed URL carries.
#[derive(Default, IntoParams)]
#[into_params(parameter_in = Query)]
struct SignedUrlParams {
    /// Seconds since 1970.
    #[param(value_type = i64, required = true, example = 1_767_225_600)]
    expires: Option<i64>,
    #[param(value_type = String, required = true, example = "5f2c…")]
    signature: Option<String>,
    /// Saves the object under this name.
    #[param(value_type = String, required = false)]
    name: Option<String>,
}

impl QueryParams for SignedUrlParams {
    fn describe(signature: &mut Signature) {
        describe_all::<Self>(signature);
    }

    fn read(text: &str) -> Result<Self, Problem> {
        let mut query = Self::default();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            match &*name {
                "expires" => query.expires = value.parse().ok(),
                "name" => query.name = Some(value.into_owned()),
                "signature" => query.signature = Some(value.into_owned()),
                _ => {}
            }
        }
        Ok(query)
    }
}

impl SignedUrlParams {
    /// Until when it opens that key; `None`: it does not.
    fn admitted(&self, key: &str, blobs: &crate::blobs::Blobs, now: Timestamp) -> Option<i64> {
        let expires = self.expires?;
        let pass = SignedUrlQuery { expires, name: self.name.as_deref(), signature: self.signature.as_deref()? };
        blobs.admits(key, &pass, now).then_some(expires)
    }
}

/// The bytes' own hash: the strongest tag there is.
fn etag(blob: &BlobInfo) -> String {
    let hex: String = blob.sha256.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

/// Whether a header names the tag; a weak one compares as a strong one here, as it does for `If-None-Match`.
fn names(request: &HttpRequest, name: HeaderName, tag: &str) -> bool {
    let text = request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    text.split(',').map(|one| one.trim().trim_start_matches("W/")).any(|one| one == tag || one == "*")
}

fn requested_range(request: &HttpRequest, blob: &BlobInfo, tag: &str) -> RequestedRange {
    let Some(text) = request.headers().get(header::RANGE).and_then(|value| value.to_str().ok()) else {
        return RequestedRange::Whole;
    };
    // A part of something else would spoil what the client has.
    let same = request.headers().get(header::IF_RANGE).is_none_or(|value| value.to_str().is_ok_and(|it| it == tag));
    if same { range::requested(text, blob.size) } else { RequestedRange::Whole }
}

fn disposition(key: &str, blob: &BlobInfo, name: Option<&str>) -> String {
    match name {
        Some(name) => attachment(name),
        None if SHOWN.contains(&blob.media_type.as_str()) => "inline".to_owned(),
        None => attachment(key.rsplit('/').next().unwrap_or_default()),
    }
}
