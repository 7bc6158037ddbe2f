//! An upload's bytes, from the body as it is or from a form with one file. Called by `http::assets`.
//! Never holds more than the limit of an asset, and never writes a file.

use std::time::Duration;

use actix_multipart::{Multipart, MultipartError};
use actix_web::{HttpRequest, dev, http::header};
use bytes::BytesMut;
use futures_util::TryStreamExt;

use super::{Upload, media_type, name_in_query};
use crate::http::{
    body,
    fields::Faults,
    problem::{Encoding, Problem},
};
use m4sh_domain::limits::ASSET_BYTES;

/// A form's own words around its file, in bytes: headers and boundaries.
const FORM_OVERHEAD: u64 = 64 * 1024;
/// Parts of a form that are looked at: text fields before the file.
const PARTS: usize = 16;
/// A form that takes longer than this is a slow-loris attack or a dead link.
const DEADLINE: Duration = Duration::from_secs(60);

pub(super) async fn read(request: &HttpRequest, mut payload: dev::Payload) -> Result<Upload, Problem> {
    let declared = media_type(request.headers());
    let name = name_in_query(request);
    if declared.as_deref() != Some("multipart/form-data") {
        let bytes = body::read(request, &mut payload, ASSET_BYTES).await?;
        return Ok(Upload { bytes, declared, name });
    }
    let is_plain = |value: &header::HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    if !request.headers().get(header::CONTENT_ENCODING).is_none_or(is_plain) {
        return Err(Problem::UnsupportedEncoding);
    }
    let length =
        request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > ASSET_BYTES as u64 + FORM_OVERHEAD) {
        return Err(too_large());
    }
    let form = Multipart::new(request.headers(), payload);
    let upload = tokio::time::timeout(DEADLINE, file_of(form)).await.map_err(|_| Problem::SlowBody)??;
    Ok(Upload { name: name.or(upload.name), ..upload })
}

/// The form's first file.
async fn file_of(mut form: Multipart) -> Result<Upload, Problem> {
    for _ in 0..PARTS {
        let Some(mut field) = form.try_next().await.map_err(refused)? else { break };
        let name = field.content_disposition().and_then(|it| it.get_filename()).map(str::to_owned);
        let Some(name) = name else {
            // Other fields say nothing to us, and must be short.
            let mut length = 0;
            while let Some(chunk) = field.try_next().await.map_err(refused)? {
                length += chunk.len() as u64;
                if length > FORM_OVERHEAD {
                    return Err(too_large());
                }
            }
            continue;
        };
        let declared = field.content_type().map(|kind| kind.essence_str().to_ascii_lowercase());
        let mut bytes = BytesMut::new();
        while let Some(chunk) = field.try_next().await.map_err(refused)? {
            if bytes.len() + chunk.len() > ASSET_BYTES {
                return Err(too_large());
            }
            bytes.extend_from_slice(&chunk);
        }
        return Ok(Upload { bytes: bytes.freeze(), declared, name: Some(name) });
    }
    Err(Problem::Invalid(Faults::one("file", "A form with one file is required.")))
}

fn too_large() -> Problem {
    Problem::BodyTooLarge { limit: ASSET_BYTES, encoding: Encoding::Raw }
}

fn refused(error: MultipartError) -> Problem {
    match error {
        MultipartError::Incomplete | MultipartError::Payload(_) => Problem::IncompleteBody,
        other => Problem::Invalid(Faults::one("file", &format!("The form cannot be read: {other}."))),
    }
}
