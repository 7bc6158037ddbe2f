//! Uploads: small ones in one call, larger ones part by part, from memory or from a file.
//! Called by `Blobs::put`. Never holds more than one part of a file in memory.

use std::{fs::File, io, os::unix::fs::FileExt, sync::Arc, time::Duration};

use bytes::Bytes;
use object_store::{
    Attribute, Attributes, MultipartUpload, ObjectStore, PutMultipartOptions, PutOptions, PutPayload, path::Path,
};

use super::{BlobContent, BlobError, within};
use m4sh_domain::limits::{OBJECT_CALL, OBJECT_PACE, OBJECT_PART, OBJECT_PART_CALL};

/// The object's media type and metadata, as a bucket keeps them.
pub(super) fn attributes(media_type: &str, metadata: &[(&'static str, String)]) -> Attributes {
    let mut attributes = Attributes::new();
    attributes.insert(Attribute::ContentType, media_type.to_owned().into());
    for (name, value) in metadata {
        attributes.insert(Attribute::Metadata((*name).into()), value.clone().into());
    }
    attributes
}

pub(super) async fn put(
    objects: &dyn ObjectStore,
    path: &Path,
    content: BlobContent,
    attributes: Attributes,
) -> Result<Option<String>, BlobError> {
    let source = PartReader::open(content).await?;
    let outcome = if source.size <= OBJECT_PART as u64 {
        whole(objects, path, &source, attributes).await
    } else {
        parts(objects, path, &source, attributes).await
    };
    // A missing bucket is reported as an unavailable store; "missing" would refer to the object.
    outcome.map_err(|error| match error {
        BlobError::Missing => BlobError::Unavailable("the bucket or folder does not exist".to_owned()),
        other => other,
    })
}

async fn whole(
    objects: &dyn ObjectStore,
    path: &Path,
    source: &PartReader,
    attributes: Attributes,
) -> Result<Option<String>, BlobError> {
    let payload = PutPayload::from(source.part(0).await?);
    let options = PutOptions { attributes, ..PutOptions::default() };
    let deadline = OBJECT_CALL + Duration::from_secs(source.size / OBJECT_PACE);
    let put = within(deadline, async { Ok(objects.put_opts(path, payload, options).await?) }).await?;
    Ok(put.version)
}

async fn parts(
    objects: &dyn ObjectStore,
    path: &Path,
    source: &PartReader,
    attributes: Attributes,
) -> Result<Option<String>, BlobError> {
    let options = PutMultipartOptions { attributes, ..PutMultipartOptions::default() };
    let mut upload = within(OBJECT_CALL, async { Ok(objects.put_multipart_opts(path, options).await?) }).await?;
    let outcome = send(&mut *upload, source).await;
    if outcome.is_err() {
        // Best effort: the rest is no object, and rules of the bucket expire it.
        let _ = within(OBJECT_CALL, async { Ok(upload.abort().await?) }).await;
    }
    outcome
}

async fn send(upload: &mut dyn MultipartUpload, source: &PartReader) -> Result<Option<String>, BlobError> {
    let mut at = 0;
    while at < source.size {
        let part = source.part(at).await?;
        at += part.len() as u64;
        within(OBJECT_PART_CALL, async { Ok(upload.put_part(part.into()).await?) }).await?;
    }
    Ok(within(OBJECT_PART_CALL, async { Ok(upload.complete().await?) }).await?.version)
}

/// Where an upload's bytes come from.
struct PartReader {
    size: u64,
    from: PartSource,
}

enum PartSource {
    Memory(Bytes),
    File(Arc<File>),
}

impl PartReader {
    async fn open(content: BlobContent) -> Result<Self, BlobError> {
        let size = content.size();
        let from = match content {
            BlobContent::Bytes(bytes) => PartSource::Memory(bytes),
            BlobContent::File(path, _) => PartSource::File(Arc::new(aside(move || File::open(path)).await?)),
        };
        Ok(Self { size, from })
    }

    /// The part that begins at a byte.
    async fn part(&self, at: u64) -> Result<Bytes, BlobError> {
        let length = usize::try_from(self.size - at).unwrap_or(OBJECT_PART).min(OBJECT_PART);
        match &self.from {
            PartSource::Memory(bytes) => {
                // Below the length of bytes that are in memory.
                let at = usize::try_from(at).unwrap_or(usize::MAX);
                Ok(bytes.slice(at..at + length))
            }
            PartSource::File(file) => {
                let file = Arc::clone(file);
                aside(move || {
                    let mut part = vec![0; length];
                    file.read_exact_at(&mut part, at)?;
                    Ok(part.into())
                })
                .await
            }
        }
    }
}

/// File I/O, on a blocking thread.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T, BlobError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| BlobError::Unavailable(error.to_string()))?.map_err(Into::into)
}
