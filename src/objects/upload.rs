//! Uploads: hash, reservation and row, bytes. The caller's transaction seals them.
//! Called by the creators of references. Never leaves a reservation that it can release.

use std::{fs::File, io, io::Read, time::Duration};

use metrics::counter;
use sha2::{Digest, Sha256};
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use super::{ObjectError, ObjectService, ObjectUpload, UploadedObject};
use crate::blobs::BlobContent;
use m4sh_domain::limits::UPLOAD_DEADLINE;
use m4sh_store::{NewBlob, Store, UploadStart};

/// Interval at which an upload checks whether another one of the same key has ended.
const ASK_AGAIN: Duration = Duration::from_millis(100);
/// Bytes that are hashed in place; more go to a blocking thread.
const HASHED_HERE: usize = 64 * 1024;
/// Bytes read at once from a file that is hashed.
const READ: usize = 256 * 1024;

impl ObjectService {
    /// Reserves the cost, writes the row, uploads. The result has no owner until a transaction of the store seals
    /// it; when that fails, [`abandon`](Self::abandon) it. Uploads of one key run one after the other.
    ///
    /// # Errors
    /// [`ObjectError`]; reservation and row are released by then, also when the future is dropped.
    pub async fn upload(&self, deposit: ObjectUpload, content: BlobContent) -> Result<UploadedObject, ObjectError> {
        let outcome = self.try_upload(deposit, content).await;
        let word = match &outcome {
            Ok(_) => "kept",
            Err(ObjectError::Quota { .. }) => "quota",
            Err(_) => "failed",
        };
        counter!("m4sh_deposits_total", "outcome" => word).increment(1);
        outcome
    }

    /// Abandons an upload without a reference. Does nothing when the reference exists, so it may be called
    /// when that is not known.
    pub async fn abandon(&self, deposited: &UploadedObject) {
        release(&self.store, deposited.reference, deposited.blob).await;
    }

    async fn try_upload(&self, deposit: ObjectUpload, content: BlobContent) -> Result<UploadedObject, ObjectError> {
        let ObjectUpload { reference, key, media_type, charge, metadata } = deposit;
        let size = content.size();
        let (content, sha256) = hashed(content).await?;
        let new = NewBlob { id: Uuid::now_v7(), key, sha256, size, media_type };
        let deposited =
            |blob, version| UploadedObject { reference, blob, size, sha256, version, charged: charge.is_some() };
        // From the first statement on, since a lost answer may have been a success.
        let mut unfinished = UploadGuard { store: Some(self.store.clone()), reference, blob: new.id };
        let outcome = match self.open(&new, reference, charge).await {
            Ok(UploadStep::Upload) => {
                self.put_bytes(&new, content, &metadata).await.map(|version| deposited(new.id, version))
            }
            Ok(UploadStep::Known(blob)) => Ok(deposited(blob, None)),
            // Nothing was written, so nothing is released: the reference may belong to another upload.
            Err(UploadFailure::Before(error)) => {
                unfinished.store = None;
                return Err(error);
            }
            Err(UploadFailure::Unclear(error)) => Err(error),
        };
        unfinished.store = None;
        if outcome.is_err() {
            release(&self.store, reference, new.id).await;
        }
        outcome
    }

    async fn open(
        &self,
        new: &NewBlob,
        reference: Uuid,
        charge: Option<(m4sh_domain::ids::UserId, m4sh_store::LedgerKind)>,
    ) -> Result<UploadStep, UploadFailure> {
        let until = Instant::now() + self.turn;
        loop {
            let opened = self.store.begin_upload(new, reference, charge).await;
            match opened.map_err(|error| UploadFailure::Unclear(error.into()))? {
                UploadStart::Fresh => return Ok(UploadStep::Upload),
                UploadStart::Known(blob) => return Ok(UploadStep::Known(blob)),
                UploadStart::Full(usage) => {
                    let used = usage.used.saturating_add(usage.reserved);
                    return Err(UploadFailure::Before(ObjectError::Quota { used, quota: usage.quota }));
                }
                UploadStart::Taken => {
                    let words = format!("other bytes are kept under {}", new.key);
                    return Err(UploadFailure::Before(ObjectError::Conflict(words)));
                }
                UploadStart::Busy if Instant::now() >= until => {
                    let words = format!("another upload of {} is under way", new.key);
                    return Err(UploadFailure::Before(ObjectError::Unavailable(words)));
                }
                UploadStart::Busy => sleep(ASK_AGAIN).await,
            }
        }
    }

    async fn put_bytes(
        &self,
        new: &NewBlob,
        content: BlobContent,
        metadata: &[(&'static str, String)],
    ) -> Result<Option<String>, ObjectError> {
        let put = timeout(UPLOAD_DEADLINE, self.blobs.put(&new.key, content, &new.media_type, metadata)).await;
        let late = || ObjectError::Unavailable(format!("the upload took longer than {} s", UPLOAD_DEADLINE.as_secs()));
        let outcome = put.map_or_else(|_| Err(late()), |put| put.map_err(ObjectError::from));
        if let Err(error) = &outcome {
            tracing::warn!(key = new.key, size = new.size, %error, "upload failed");
        }
        outcome
    }
}

/// The next step of an upload.
enum UploadStep {
    Upload,
    Known(Uuid),
}

/// Why an upload failed.
enum UploadFailure {
    /// Nothing was written.
    Before(ObjectError),
    /// Something may have been written.
    Unclear(ObjectError),
}

/// Releases the reservation when the future of an upload is dropped, for example after a disconnect.
struct UploadGuard {
    store: Option<Store>,
    reference: Uuid,
    blob: Uuid,
}

impl Drop for UploadGuard {
    fn drop(&mut self) {
        let (Some(store), Ok(runtime)) = (self.store.take(), tokio::runtime::Handle::try_current()) else { return };
        let (reference, blob) = (self.reference, self.blob);
        runtime.spawn(async move { release(&store, reference, blob).await });
    }
}

async fn release(store: &Store, reference: Uuid, blob: Uuid) {
    if let Err(error) = store.cancel_upload(reference, blob).await {
        tracing::warn!(%reference, %error, "reservation could not be released, it expires");
    }
}

/// The content with its SHA-256.
async fn hashed(content: BlobContent) -> Result<(BlobContent, [u8; 32]), ObjectError> {
    if let BlobContent::Bytes(bytes) = &content
        && bytes.len() <= HASHED_HERE
    {
        let sha256 = Sha256::digest(bytes).into();
        return Ok((content, sha256));
    }
    let work = move || {
        let sha256 = match &content {
            BlobContent::Bytes(bytes) => Sha256::digest(bytes).into(),
            BlobContent::File(path, size) => of_file(File::open(path)?, *size)?,
        };
        Ok::<_, io::Error>((content, sha256))
    };
    let done = tokio::task::spawn_blocking(work).await.map_err(|error| ObjectError::Conflict(error.to_string()))?;
    done.map_err(|error| ObjectError::Conflict(format!("the file cannot be read: {error}")))
}

fn of_file(mut file: File, size: u64) -> io::Result<[u8; 32]> {
    let (mut hasher, mut buffer, mut read) = (Sha256::new(), vec![0; READ], 0);
    loop {
        let got = file.read(&mut buffer)?;
        if got == 0 {
            break;
        }
        read += got as u64;
        hasher.update(&buffer[..got]);
    }
    if read != size {
        return Err(io::Error::other(format!("it has {read} bytes and was said to have {size}")));
    }
    Ok(hasher.finalize().into())
}
