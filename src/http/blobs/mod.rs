//! Objects of the local store, for whoever holds a signed URL: `GET /blobs/{key}?expires=&signature=`.
//! Called by the route table. Never looks a key up before its signature is good, and never lets a browser run anything.

pub mod cors;
mod range;

use std::borrow::Cow;

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

use self::range::Wanted;
use super::{Services, problem::Problem};
use crate::blobs::{BlobError, SignedUrlQuery, attachment};
use m4sh_store::BlobInfo;

/// What browsers may show in a page; everything else is saved.
const SHOWN: &[&str] = &["image/png", "image/jpeg", "image/gif", "image/webp"];
/// Whatever the bytes are, they are no page: no script, no origin, no request of their own.
const POLICY: &str = "default-src 'none'; sandbox";
static POLICY_HEADER: HeaderName = HeaderName::from_static("content-security-policy");
static RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// `GET` and `HEAD /blobs/{key}`.
pub async fn serve(services: web::Data<Services>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let blobs = services.objects.blobs();
    if !blobs.is_local() {
        return Err(Problem::NotFound);
    }
    let key = request.match_info().get("key").unwrap_or_default();
    let query = Query::read(request.query_string());
    let now = Timestamp::now();
    let expires =
        query.admitted(key, blobs, now).ok_or(Problem::Forbidden("This link is not valid, or not any more."))?;
    let card = services.store.blob_info(key).await?.ok_or(Problem::NotFound)?;
    let tag = etag(&card);

    let mut answer = HttpResponse::Ok();
    answer
        .insert_header((header::CACHE_CONTROL, format!("private, max-age={}", expires - now.as_second())))
        .insert_header((header::ETAG, tag.as_str()))
        .insert_header((header::ACCEPT_RANGES, "bytes"))
        .insert_header((POLICY_HEADER.clone(), POLICY))
        .insert_header((RESOURCE_POLICY.clone(), "cross-origin"));
    if names(&request, header::IF_NONE_MATCH, &tag) {
        return Ok(answer.status(actix_web::http::StatusCode::NOT_MODIFIED).finish());
    }
    answer
        .insert_header((header::CONTENT_TYPE, card.media_type.as_str()))
        .insert_header((header::CONTENT_DISPOSITION, disposition(key, &card, query.name.as_deref())));
    let range = match wanted(&request, &card, &tag) {
        Wanted::Whole => 0..card.size,
        Wanted::Nothing => return Err(Problem::RangeNotSatisfiable { size: card.size }),
        Wanted::Part(range) => {
            let of = format!("bytes {}-{}/{}", range.start, range.end - 1, card.size);
            answer.status(actix_web::http::StatusCode::PARTIAL_CONTENT).insert_header((header::CONTENT_RANGE, of));
            range
        }
    };
    if request.method() == Method::HEAD {
        let empty = futures_util::stream::empty::<Result<_, BlobError>>();
        return Ok(sized(&mut answer, range.end - range.start, empty));
    }
    let bytes = blobs.read(key, range.clone()).await.map_err(crate::objects::ObjectError::from)?;
    // The head is out already: all that is left is to break off, and to say why in the log.
    let bytes = bytes.inspect_err(|error| tracing::error!(%error, "an object broke off while it was served"));
    Ok(sized(&mut answer, range.end - range.start, bytes))
}

fn sized(
    answer: &mut HttpResponseBuilder,
    size: u64,
    bytes: impl futures_util::Stream<Item = Result<bytes::Bytes, BlobError>> + 'static,
) -> HttpResponse {
    answer.body(SizedStream::new(size, bytes))
}

/// What a URL says behind its key.
#[derive(Default)]
struct Query<'a> {
    expires: Option<i64>,
    name: Option<Cow<'a, str>>,
    signature: Option<Cow<'a, str>>,
}

impl<'a> Query<'a> {
    fn read(text: &'a str) -> Self {
        let mut query = Self::default();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            match &*name {
                "expires" => query.expires = value.parse().ok(),
                "name" => query.name = Some(value),
                "signature" => query.signature = Some(value),
                _ => {}
            }
        }
        query
    }

    /// Until when it opens that key; `None`: it does not.
    fn admitted(&self, key: &str, blobs: &crate::blobs::Blobs, now: Timestamp) -> Option<i64> {
        let expires = self.expires?;
        let pass = SignedUrlQuery { expires, name: self.name.as_deref(), signature: self.signature.as_deref()? };
        blobs.admits(key, &pass, now).then_some(expires)
    }
}

/// The bytes' own hash: the strongest tag there is.
fn etag(card: &BlobInfo) -> String {
    let hex: String = card.sha256.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

/// Whether a header names the tag; a weak one compares as a strong one here, as it does for `If-None-Match`.
fn names(request: &HttpRequest, name: HeaderName, tag: &str) -> bool {
    let text = request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    text.split(',').map(|one| one.trim().trim_start_matches("W/")).any(|one| one == tag || one == "*")
}

fn wanted(request: &HttpRequest, card: &BlobInfo, tag: &str) -> Wanted {
    let Some(text) = request.headers().get(header::RANGE).and_then(|value| value.to_str().ok()) else {
        return Wanted::Whole;
    };
    // A part of something else would spoil what the client has.
    let same = request.headers().get(header::IF_RANGE).is_none_or(|value| value.to_str().is_ok_and(|it| it == tag));
    if same { range::wanted(text, card.size) } else { Wanted::Whole }
}

fn disposition(key: &str, card: &BlobInfo, name: Option<&str>) -> String {
    match name {
        Some(name) => attachment(name),
        None if SHOWN.contains(&card.media_type.as_str()) => "inline".to_owned(),
        None => attachment(key.rsplit('/').next().unwrap_or_default()),
    }
}
