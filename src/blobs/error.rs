//! The errors of the object store, as callers distinguish them.
//! Created by the rest of `blobs`. Never contains a credential or the content of an object.

use std::time::Duration;

/// Why an operation on the store failed.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// There is no such object.
    #[error("there is no such object")]
    Missing,
    /// The object is longer than the caller accepts.
    #[error("the object is longer than {limit} bytes")]
    TooLarge {
        /// The accepted length, in bytes.
        limit: usize,
    },
    /// The store is away, too slow, full, or refuses. A retry may succeed; whether a write happened is unknown.
    #[error("the object store is unavailable: {0}")]
    Unavailable(String),
    /// The settings are unusable; only at the start.
    #[error("object storage: {0}")]
    Settings(String),
    /// Not a key of this program.
    #[error("`{0}` is no object's key")]
    Key(String),
}

impl From<object_store::Error> for BlobError {
    fn from(error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { .. } => Self::Missing,
            other => Self::Unavailable(other.to_string()),
        }
    }
}

impl From<std::io::Error> for BlobError {
    fn from(error: std::io::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// The outcome, or `Unavailable` when it does not come in time.
pub(super) async fn within<T>(
    deadline: Duration,
    work: impl Future<Output = Result<T, BlobError>>,
) -> Result<T, BlobError> {
    let late = || BlobError::Unavailable(format!("no answer within {} s", deadline.as_secs()));
    tokio::time::timeout(deadline, work).await.unwrap_or_else(|_| Err(late()))
}
