//! What can go wrong with the object store, in the ways that callers tell apart.
//! Made by the rest of `blobs`. Never carries a key of the store or an object's contents.

use std::time::Duration;

/// Why the store has no answer.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// There is no such object.
    #[error("there is no such object")]
    Missing,
    /// The object is longer than the caller takes.
    #[error("the object is longer than {limit} bytes")]
    TooLarge {
        /// What the caller takes, in bytes.
        limit: usize,
    },
    /// The store is away, too slow, full, or refuses. The same may pass later; whether a write happened is not known.
    #[error("the object store is unavailable: {0}")]
    Unavailable(String),
    /// The settings cannot be used; only at the start.
    #[error("object storage: {0}")]
    Settings(String),
    /// A key that none of ours looks like.
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
