//! The settings of object storage: a folder, or a bucket of S3, R2 or their like.
//! Called by `config` for its `Settings`. Never prints a key.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use url::Url;

use super::{ConfigError, RawSettings, Secret};

/// Where objects are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum StorageBackend {
    /// In a folder of this machine.
    #[default]
    Local,
    /// In a bucket that speaks S3.
    S3,
}

/// Where objects are kept, with all that is needed to get there.
#[derive(Clone, Debug)]
pub enum StorageSettings {
    /// In this folder.
    Local(PathBuf),
    /// In this bucket.
    S3(BucketSettings),
}

/// A bucket.
#[derive(Clone, Debug)]
pub struct BucketSettings {
    /// Its name.
    pub name: String,
    /// Its region.
    pub region: String,
    /// The key's id.
    pub access_key_id: String,
    /// The key's secret.
    pub secret_access_key: Secret,
    /// The store's address; `None` is Amazon's.
    pub endpoint: Option<String>,
    /// The store's address as browsers reach it; `None` is the same.
    pub public_endpoint: Option<String>,
    /// Whether the bucket's name is in the path instead of the host.
    pub path_style: bool,
    /// What serves the bucket to browsers, if anything does.
    pub cdn: Option<CdnSettings>,
}

/// A CDN that checks signatures.
#[derive(Clone, Debug)]
pub struct CdnSettings {
    /// Its host.
    pub domain: String,
    /// What signs its URLs. A domain without a key is never used: every URL would be open to everybody for ever.
    pub key: Secret,
}

/// The shortest key of a CDN.
const CDN_KEY_BYTES: usize = 16;

pub(super) fn resolve(
    cli: &mut RawSettings,
    file: &mut RawSettings,
    data_dir: &Path,
) -> Result<StorageSettings, ConfigError> {
    macro_rules! take {
        ($field:ident) => {
            cli.$field.take().or(file.$field.take())
        };
    }
    macro_rules! take_text {
        ($field:ident) => {
            take!($field).filter(|text| !text.is_empty())
        };
    }
    let dir = take!(storage_dir).unwrap_or_else(|| data_dir.join("blobs"));
    let cdn = cdn(take_text!(cdn_domain), take_text!(cdn_signing_key))?;
    if take!(storage_backend).unwrap_or_default() == StorageBackend::Local {
        return Ok(StorageSettings::Local(dir));
    }
    let needed = |name, value: Option<String>| {
        value.ok_or_else(|| ConfigError::Value(name, "is needed when storage_backend is s3".to_owned()))
    };
    let endpoint = take_text!(s3_endpoint_url).map(|url| http_url("s3_endpoint_url", &url)).transpose()?;
    let public = take_text!(s3_public_endpoint_url).map(|url| http_url("s3_public_endpoint_url", &url)).transpose()?;
    Ok(StorageSettings::S3(BucketSettings {
        name: take_text!(s3_bucket).unwrap_or_else(|| "solo-workspace".to_owned()),
        region: take_text!(s3_region).unwrap_or_else(|| "eu-central-1".to_owned()),
        access_key_id: needed("s3_access_key_id", take_text!(s3_access_key_id))?,
        secret_access_key: Secret(needed("s3_secret_access_key", take_text!(s3_secret_access_key))?),
        path_style: take!(s3_path_style).unwrap_or(endpoint.is_some()),
        endpoint,
        public_endpoint: public,
        cdn,
    }))
}

fn cdn(domain: Option<String>, key: Option<String>) -> Result<Option<CdnSettings>, ConfigError> {
    let (Some(domain), Some(key)) = (domain, key) else { return Ok(None) };
    if key.len() < CDN_KEY_BYTES {
        return Err(ConfigError::Value("cdn_signing_key", format!("needs at least {CDN_KEY_BYTES} bytes")));
    }
    if Url::parse(&format!("https://{domain}/")).is_err() || domain.contains(['/', '?', '#', '@']) {
        return Err(ConfigError::Value("cdn_domain", format!("`{domain}` is no host: leave out scheme and path")));
    }
    Ok(Some(CdnSettings { domain, key: Secret(key) }))
}

/// An absolute address without a slash at its end.
pub(super) fn http_url(name: &'static str, text: &str) -> Result<String, ConfigError> {
    let fits = |url: &Url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.query().is_none()
            && url.fragment().is_none()
    };
    match Url::parse(text) {
        Ok(url) if fits(&url) => Ok(url.as_str().trim_end_matches('/').to_owned()),
        _ => Err(ConfigError::Value(name, format!("`{text}` is no address: write http:// or https:// and a host"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s3() -> RawSettings {
        RawSettings {
            storage_backend: Some(StorageBackend::S3),
            s3_access_key_id: Some("id".into()),
            s3_secret_access_key: Some("the secret".into()),
            ..RawSettings::default()
        }
    }

    fn resolved(mut raw: RawSettings) -> Result<StorageSettings, ConfigError> {
        resolve(&mut raw, &mut RawSettings::default(), Path::new("/data"))
    }

    #[test]
    fn v1_objects_lie_in_the_data_directory_unless_told_otherwise() {
        assert!(
            matches!(resolved(RawSettings::default()), Ok(StorageSettings::Local(dir)) if dir == Path::new("/data/blobs"))
        );
        let elsewhere = RawSettings { storage_dir: Some("/srv/objects".into()), ..RawSettings::default() };
        assert!(matches!(resolved(elsewhere), Ok(StorageSettings::Local(dir)) if dir == Path::new("/srv/objects")));
    }

    #[test]
    fn v1_a_bucket_has_the_contracts_defaults_and_its_keys_do_not_print() {
        let Ok(StorageSettings::S3(bucket)) = resolved(s3()) else { panic!("s3") };
        assert_eq!((&*bucket.name, &*bucket.region, bucket.path_style), ("solo-workspace", "eu-central-1", false));
        assert!(!format!("{bucket:?}").contains("the secret"));
        let own = RawSettings { s3_endpoint_url: Some("http://localhost:9000/".into()), ..s3() };
        let Ok(StorageSettings::S3(bucket)) = resolved(own) else { panic!("s3") };
        assert_eq!((bucket.endpoint.as_deref(), bucket.path_style), (Some("http://localhost:9000"), true));
    }

    #[test]
    fn v4_a_cdn_without_a_key_is_not_used_and_a_weak_key_is_refused() {
        let with = |domain: &str, key: Option<&str>| {
            resolved(RawSettings { cdn_domain: Some(domain.into()), cdn_signing_key: key.map(Into::into), ..s3() })
        };
        assert!(matches!(with("cdn.example.org", None), Ok(StorageSettings::S3(BucketSettings { cdn: None, .. }))));
        assert!(matches!(
            with("cdn.example.org", Some("0123456789abcdef")),
            Ok(StorageSettings::S3(BucketSettings { cdn: Some(_), .. }))
        ));
        assert!(with("cdn.example.org", Some("short")).is_err());
        assert!(with("https://cdn.example.org/x", Some("0123456789abcdef")).is_err());
    }

    #[test]
    fn o3_an_address_is_absolute_and_bare() {
        assert_eq!(http_url("x", "https://class.example.org/").unwrap(), "https://class.example.org");
        assert_eq!(http_url("x", "http://h:1/m4sh").unwrap(), "http://h:1/m4sh");
        for wrong in ["class.example.org", "ftp://h", "http://", "https://u@h/", "https://h/?q", "https://h/#f"] {
            assert!(http_url("x", wrong).is_err(), "{wrong}");
        }
    }
}
