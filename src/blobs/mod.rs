//! Objects: bytes under a key, in a local folder or an S3 bucket, and their signed URLs.
//! Called by `objects`, which knows what an object is for, and by `http::blobs`, which serves the folder.
//! Never knows a row, a quota or a right, and never waits without a deadline.

mod error;
mod names;
mod open;
mod staged;
mod upload;
mod urls;

use std::{ops::Range, path::PathBuf, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, TryStreamExt, stream::BoxStream};
use jiff::Timestamp;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt, path::Path};

pub use error::BlobError;
use error::within;
pub use names::attachment;
pub use urls::{SIGNED_AT_MOST, SignedUrlQuery};

use m4sh_domain::limits;

/// The store. A clone is the same one.
#[derive(Clone)]
pub struct Blobs {
    objects: Arc<dyn ObjectStore>,
    urls: Arc<urls::UrlSigner>,
    /// The local backend's folder.
    root: Option<PathBuf>,
}

/// The content of an upload.
#[derive(Clone, Debug)]
pub enum BlobContent {
    /// Bytes in memory.
    Bytes(Bytes),
    /// A file of this length in bytes. It is streamed and must not change meanwhile.
    File(PathBuf, u64),
}

impl BlobContent {
    /// Its length in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(_, size) => *size,
        }
    }
}

/// An object in a listing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListedObject {
    /// Its key.
    pub key: String,
    /// Its length in bytes.
    pub size: u64,
    /// When it was written last.
    pub modified: Timestamp,
}

impl std::fmt::Debug for Blobs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Blobs").field(&self.objects.to_string()).finish()
    }
}

impl Blobs {
    /// Stores an object and answers the store's own version of it, where the store has versions. An object that has
    /// that key already is replaced whole. `metadata` and the media type go with the object where the store keeps such
    /// things; a folder does not.
    ///
    /// # Errors
    /// `Key` for a key that is none, `Unavailable` when the store does not take it in time; then nothing is promised
    /// about what lies under the key.
    pub async fn put(
        &self,
        key: &str,
        content: BlobContent,
        media_type: &str,
        metadata: &[(&'static str, String)],
    ) -> Result<Option<String>, BlobError> {
        let path = path(key)?;
        let attributes = if self.is_local() { Default::default() } else { upload::attributes(media_type, metadata) };
        upload::put(&*self.objects, &path, content, attributes).await
    }

    /// A whole object of at most `most` bytes.
    ///
    /// # Errors
    /// `Missing`, `TooLarge` before a byte is read, `Unavailable`.
    pub async fn get(&self, key: &str, most: usize) -> Result<Bytes, BlobError> {
        let path = path(key)?;
        within(limits::OBJECT_PART_CALL, async {
            let found = self.objects.get_opts(&path, GetOptions::default()).await?;
            let size = usize::try_from(found.meta.size).ok().filter(|size| *size <= most);
            let mut whole = BytesMut::with_capacity(size.ok_or(BlobError::TooLarge { limit: most })?);
            let mut parts = found.into_stream();
            while let Some(part) = parts.try_next().await? {
                // A store may send more than it announced.
                if whole.len() + part.len() > most {
                    return Err(BlobError::TooLarge { limit: most });
                }
                whole.extend_from_slice(&part);
            }
            Ok(whole.freeze())
        })
        .await
    }

    /// Some bytes of an object, as they come.
    ///
    /// # Errors
    /// `Missing`, `Unavailable`; the stream ends with `Unavailable` when the rest does not come in time.
    pub async fn read(
        &self,
        key: &str,
        range: Range<u64>,
    ) -> Result<BoxStream<'static, Result<Bytes, BlobError>>, BlobError> {
        if range.is_empty() {
            // The store cannot express an empty range.
            within(limits::OBJECT_CALL, async { Ok(self.objects.head(&path(key)?).await?) }).await?;
            return Ok(futures_util::stream::empty().boxed());
        }
        let path = path(key)?;
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        let found = within(limits::OBJECT_CALL, async { Ok(self.objects.get_opts(&path, options).await?) }).await?;
        Ok(paced(found.into_stream(), limits::OBJECT_PART_CALL))
    }

    /// Whether there is an object under the key.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn exists(&self, key: &str) -> Result<bool, BlobError> {
        let path = path(key)?;
        match within(limits::OBJECT_CALL, async { Ok(self.objects.head(&path).await?) }).await {
            Ok(_) => Ok(true),
            Err(BlobError::Missing) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Removes an object; a missing one is no error.
    ///
    /// # Errors
    /// `Unavailable`; then the object may or may not be there.
    pub async fn delete(&self, key: &str) -> Result<(), BlobError> {
        let path = path(key)?;
        match within(limits::OBJECT_CALL, async { Ok(self.objects.delete(&path).await?) }).await {
            Err(BlobError::Missing) => Ok(()),
            other => other,
        }
    }

    /// Every object whose key begins with the folder `prefix`, in no particular order. Files that a crash left incomplete are
    /// not among them.
    pub fn list(&self, prefix: &str) -> impl Stream<Item = Result<ListedObject, BlobError>> + Send + use<> {
        let listed = self.objects.list(Some(&Path::from(prefix)));
        paced(listed, limits::OBJECT_CALL).map(|found| {
            let found = found?;
            let modified = Timestamp::from_millisecond(found.last_modified.timestamp_millis());
            Ok(ListedObject {
                key: found.location.to_string(),
                size: found.size,
                modified: modified.map_err(|error| BlobError::Unavailable(error.to_string()))?,
            })
        })
    }

    /// A URL that opens an object for `life` (at most [`SIGNED_AT_MOST`]) to whoever has it. `base` is this server's
    /// own address, which a folder's URLs begin with.
    ///
    /// # Errors
    /// `Key` for a key that is none, `Unavailable` when it cannot be signed.
    pub async fn signed_url(&self, key: &str, life: Duration, base: &str) -> Result<String, BlobError> {
        self.urls.sign(&path(key)?, life, base, None).await
    }

    /// The same, to be saved under a name of people's choice instead of shown. A CDN's URLs do not carry the name.
    ///
    /// # Errors
    /// As [`signed_url`](Self::signed_url).
    pub async fn signed_download(
        &self,
        key: &str,
        life: Duration,
        base: &str,
        name: &str,
    ) -> Result<String, BlobError> {
        self.urls.sign(&path(key)?, life, base, Some(name)).await
    }

    /// Whether this server serves the objects itself, from a folder.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.root.is_some()
    }

    /// Checks a URL of the local backend. Takes the same time for every wrong signature.
    #[must_use]
    pub fn admits(&self, key: &str, pass: &SignedUrlQuery<'_>, now: Timestamp) -> bool {
        self.urls.admits(key, pass, now)
    }

    /// Removes what writes that were cut off by a crash left in the folder, when it is older than `grace`. A bucket
    /// keeps no such files; its own rules expire unfinished multipart uploads.
    ///
    /// # Errors
    /// `Unavailable` when the folder cannot be read.
    pub async fn clear_staged(&self, grace: Duration) -> Result<u64, BlobError> {
        match &self.root {
            Some(root) => staged::clear(root.clone(), grace).await,
            None => Ok(0),
        }
    }
}

/// The key as a path of the store. Keys are the program's own words, so one that does not fit is a fault of ours, and
/// nothing that climbs out of a folder can pass.
fn path(key: &str) -> Result<Path, BlobError> {
    let is_plain = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
            && part.bytes().any(|byte| byte != b'.')
    };
    let fits = key.len() <= limits::OBJECT_KEY_BYTES && key.split('/').all(is_plain);
    if !fits {
        return Err(BlobError::Key(key.chars().take(80).collect()));
    }
    Path::parse(key).map_err(|_| BlobError::Key(key.to_owned()))
}

/// A stream with a deadline for each chunk.
fn paced<T: Send + 'static>(
    stream: BoxStream<'static, Result<T, object_store::Error>>,
    each: Duration,
) -> BoxStream<'static, Result<T, BlobError>> {
    let next = move |stream: Option<BoxStream<'static, Result<T, object_store::Error>>>| async move {
        let mut stream = stream?;
        match within(each, async { Ok(stream.try_next().await?) }).await {
            Ok(Some(piece)) => Some((Ok(piece), Some(stream))),
            Ok(None) => None,
            Err(error) => Some((Err(error), None)),
        }
    };
    futures_util::stream::unfold(Some(stream), next).boxed()
}

#[cfg(test)]
mod tests;
