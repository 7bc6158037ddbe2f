//! Keeping something: hash, reserve and row, bytes. The seal is the caller's transaction.
//! Called by whoever makes a reference. Never leaves a reservation behind that it could take back.

use std::{fs::File, io, io::Read, time::Duration};

use metrics::counter;
use sha2::{Digest, Sha256};
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use super::{ObjectError, ObjectService, ObjectUpload, UploadedObject};
use crate::blobs::BlobContent;
use m4sh_domain::limits::UPLOAD_DEADLINE;
use m4sh_store::{NewBlob, Store, UploadStart};

/// How often an upload asks whether another one of the same key has ended: such a thing is rare and short.
const ASK_AGAIN: Duration = Duration::from_millis(100);
/// Bytes that are hashed where they are; more take longer than a turn of the reactor may.
const HASHED_HERE: usize = 64 * 1024;
/// Bytes read at once from a file that is hashed.
const READ: usize = 256 * 1024;

impl ObjectService {
    /// Reserves the cost, writes the row, uploads. What comes back is nobody's until a transaction of the store seals
    /// it; when that fails, [`abandon`](Self::abandon) it. Of several uploads of one key each waits for its turn.
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

    /// Gives a deposit up whose reference was not made. Does nothing when it was made after all, so it may be called
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
        // From the first statement on: an answer that is lost may have been a yes.
        let mut unfinished = UploadGuard { store: Some(self.store.clone()), reference, blob: new.id };
        let outcome = match self.open(&new, reference, charge).await {
            Ok(UploadStep::Upload) => {
                self.put_bytes(&new, content, &metadata).await.map(|version| deposited(new.id, version))
            }
            Ok(UploadStep::Known(blob)) => Ok(deposited(blob, None)),
            // Nothing was written, so there is nothing to release: the reference may be somebody's good one.
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

/// What an upload may do.
enum UploadStep {
    Upload,
    Known(Uuid),
}

/// Why it may not.
enum UploadFailure {
    /// Nothing was written.
    Before(ObjectError),
    /// Perhaps something was.
    Unclear(ObjectError),
}

/// Releases when a deposit's future is dropped in the middle, for instance because its client hung up.
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
