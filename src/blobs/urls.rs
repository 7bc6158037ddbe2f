//! Signed URLs: of this server for a folder, of the bucket, or of a CDN before the bucket.
//! Called by `Blobs`. Never creates a URL without an end, and never changes a host after signing.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use object_store::{
    aws::AmazonS3,
    path::Path,
    signer::{Method, SignedUrlOptions, Signer},
};
use sha2::Sha256;
use url::{Url, form_urlencoded};

use super::{BlobError, within};
use crate::config::CdnSettings;
use m4sh_domain::limits::OBJECT_CALL;

/// The longest life of a URL: what S3 signs at most.
pub const SIGNED_AT_MOST: Duration = Duration::from_secs(7 * 24 * 3600);

/// Labels for deriving keys from the server's secret, so that no key can be used for another purpose.
const LABEL: &[u8] = b"m4sh object urls 1";
/// Characters of a CDN's signature (SPEC V4).
const CDN_CHARS: usize = 32;

/// The query of a local URL.
#[derive(Clone, Copy, Debug)]
pub struct SignedUrlQuery<'a> {
    /// Expiry in seconds of Unix time.
    pub expires: i64,
    /// The name to save the object under.
    pub name: Option<&'a str>,
    /// The signature.
    pub signature: &'a str,
}

/// How URLs of this store are created.
pub(super) enum UrlSigner {
    Local([u8; 32]),
    Bucket { signer: AmazonS3, cdn: Option<CdnSettings> },
}

impl UrlSigner {
    pub(super) fn local(secret: &[u8]) -> Self {
        Self::Local(mac(secret, &[LABEL]).finalize().into_bytes().into())
    }

    pub(super) fn bucket(signer: AmazonS3, cdn: Option<&CdnSettings>) -> Self {
        Self::Bucket { signer, cdn: cdn.cloned() }
    }

    pub(super) async fn sign(
        &self,
        path: &Path,
        life: Duration,
        base: &str,
        name: Option<&str>,
    ) -> Result<String, BlobError> {
        let life = life.clamp(Duration::from_secs(1), SIGNED_AT_MOST);
        let expires = Timestamp::now().as_second().saturating_add(i64::try_from(life.as_secs()).unwrap_or(i64::MAX));
        match self {
            Self::Local(key) => Ok(local(key, path.as_ref(), expires, base, name)),
            Self::Bucket { cdn: Some(cdn), .. } => Ok(of_cdn(cdn, path.as_ref(), expires)),
            Self::Bucket { signer, cdn: None } => presigned(signer, path, life, name).await,
        }
    }

    pub(super) fn admits(&self, key: &str, pass: &SignedUrlQuery<'_>, now: Timestamp) -> bool {
        let Self::Local(secret) = self else { return false };
        let Ok(signature) = BASE64_URL_SAFE_NO_PAD.decode(pass.signature) else { return false };
        let genuine = signing(secret, key, pass.expires, pass.name).verify_slice(&signature).is_ok();
        genuine && now.as_second() < pass.expires
    }
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Hmac<Sha256> {
    // HMAC takes keys of every length.
    #[allow(clippy::expect_used, reason = "a key of any length is one")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    for part in parts {
        mac.update(part);
    }
    mac
}

/// Keys have no line break, so that no two of these texts are alike.
fn signing(secret: &[u8; 32], key: &str, expires: i64, name: Option<&str>) -> Hmac<Sha256> {
    let named = if name.is_some() { "named" } else { "plain" };
    let head = format!("{key}\n{expires}\n{named}\n");
    mac(secret, &[head.as_bytes(), name.unwrap_or_default().as_bytes()])
}

fn local(secret: &[u8; 32], key: &str, expires: i64, base: &str, name: Option<&str>) -> String {
    let signature = BASE64_URL_SAFE_NO_PAD.encode(signing(secret, key, expires, name).finalize().into_bytes());
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("expires", &expires.to_string());
    if let Some(name) = name {
        query.append_pair("name", name);
    }
    query.append_pair("signature", &signature);
    format!("{}/blobs/{key}?{}", base.trim_end_matches('/'), query.finish())
}

fn of_cdn(cdn: &CdnSettings, key: &str, expires: i64) -> String {
    let signed = mac(cdn.key.expose().as_bytes(), &[format!("/{key}:{expires}").as_bytes()]).finalize().into_bytes();
    let hex: String = signed.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("https://{}/{key}?expires={expires}&signature={}", cdn.domain, &hex[..CDN_CHARS])
}

async fn presigned(signer: &AmazonS3, path: &Path, life: Duration, name: Option<&str>) -> Result<String, BlobError> {
    let disposition = name.map(|name| ("response-content-disposition", super::attachment(name)));
    let options = SignedUrlOptions::default().with_query(disposition);
    let signed = async { Ok(signer.signed_url_opts(Method::GET, path, life, &options).await?) };
    let url: Url = within(OBJECT_CALL, signed).await?;
    Ok(url.into())
}
