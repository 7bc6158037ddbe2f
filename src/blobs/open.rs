//! Opens the store of the settings: a folder, which is created when it is missing, or a bucket.
//! Called by `app`. Never contacts the bucket, which may start later than this process.

use std::{fs, io, os::unix::fs::DirBuilderExt, path::Path, sync::Arc, time::Duration};

use object_store::{
    BackoffConfig, ClientOptions, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder},
    local::LocalFileSystem,
};
use url::Url;

use super::{BlobError, Blobs, urls::UrlSigner};
use crate::config::{BucketSettings, StorageSettings};
use m4sh_domain::limits::{OBJECT_CALL, OBJECT_PART_CALL};

/// Connect timeout of the store.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);

impl Blobs {
    /// The store of these settings. `secret` is the server's; what signs local URLs is derived from it.
    ///
    /// # Errors
    /// `Settings` when the folder cannot be used or the bucket's settings make no address.
    pub fn open(storage: &StorageSettings, secret: &[u8]) -> Result<Self, BlobError> {
        match storage {
            StorageSettings::Local(folder) => Self::folder(folder, secret),
            StorageSettings::S3(bucket) => Self::bucket(bucket),
        }
    }

    fn folder(folder: &Path, secret: &[u8]) -> Result<Self, BlobError> {
        let opened = open_folder(folder);
        let (objects, root) =
            opened.map_err(|error| BlobError::Settings(format!("the folder {}: {error}", folder.display())))?;
        Ok(Self { objects: Arc::new(objects), urls: Arc::new(UrlSigner::local(secret)), root: Some(root) })
    }

    fn bucket(bucket: &BucketSettings) -> Result<Self, BlobError> {
        let objects = s3(bucket, bucket.endpoint.as_deref())?;
        // The signature covers the host, so a URL is signed for the host that browsers use.
        let signer = match &bucket.public_endpoint {
            Some(public) => s3(bucket, Some(public))?,
            None => objects.clone(),
        };
        let urls = UrlSigner::bucket(signer, bucket.cdn.as_ref());
        Ok(Self { objects: Arc::new(objects), urls: Arc::new(urls), root: None })
    }

    /// A store in memory, for tests.
    #[cfg(test)]
    pub(crate) fn in_memory() -> Self {
        let objects = Arc::new(object_store::memory::InMemory::new());
        Self { objects, urls: Arc::new(UrlSigner::local(b"for tests")), root: None }
    }

    /// The same store behind a wrapper, for tests with faults.
    #[cfg(test)]
    pub(crate) fn through(
        &self,
        door: impl FnOnce(Arc<dyn object_store::ObjectStore>) -> Arc<dyn object_store::ObjectStore>,
    ) -> Self {
        Self { objects: door(Arc::clone(&self.objects)), ..self.clone() }
    }
}

fn open_folder(folder: &Path) -> io::Result<(LocalFileSystem, std::path::PathBuf)> {
    // Boards of people: no other user of this machine may read them.
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let root = folder.canonicalize()?;
    // A stored object survives a power failure.
    let objects = LocalFileSystem::new_with_prefix(&root).map_err(io::Error::other)?.with_fsync(true);
    Ok((objects, root))
}

fn s3(bucket: &BucketSettings, endpoint: Option<&str>) -> Result<AmazonS3, BlobError> {
    let wrong = |what: String| BlobError::Settings(format!("the bucket {}: {what}", bucket.name));
    // Its default retries for three minutes, while a person waits.
    let retry = RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(2),
            base: 2.0,
        },
        max_retries: 3,
        retry_timeout: OBJECT_CALL,
    };
    crate::tls::install_provider();
    let client = ClientOptions::new()
        .with_connect_timeout(CONNECT_WITHIN)
        .with_timeout(OBJECT_PART_CALL)
        .with_allow_http(endpoint.is_some_and(|endpoint| endpoint.starts_with("http://")));
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&bucket.name)
        .with_region(&bucket.region)
        .with_access_key_id(&bucket.access_key_id)
        .with_secret_access_key(bucket.secret_access_key.expose())
        .with_virtual_hosted_style_request(!bucket.path_style)
        .with_retry(retry)
        .with_client_options(client);
    if let Some(endpoint) = endpoint {
        let endpoint = if bucket.path_style { endpoint.to_owned() } else { with_host(endpoint, &bucket.name)? };
        builder = builder.with_endpoint(endpoint);
    }
    builder.build().map_err(|error| wrong(error.to_string()))
}

/// `https://host` as `https://bucket.host`.
fn with_host(endpoint: &str, bucket: &str) -> Result<String, BlobError> {
    let wrong = || BlobError::Settings(format!("`{bucket}` cannot stand before the host of {endpoint}"));
    let mut url = Url::parse(endpoint).map_err(|_| wrong())?;
    let host = format!("{bucket}.{}", url.host_str().ok_or_else(wrong)?);
    url.set_host(Some(&host)).map_err(|_| wrong())?;
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v1_a_bucket_can_stand_before_the_host() {
        assert_eq!(with_host("https://s3.example.org:9000", "boards").unwrap(), "https://boards.s3.example.org:9000");
        assert!(with_host("nowhere", "boards").is_err());
    }
}
