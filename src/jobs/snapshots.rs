//! Snapshots: the committed state of a board as an object, charged to the board's owner.
//! Called by `http`, and by the runner when a board has changed. Never waits for an actor: it
//! gets the state, or reads it from PostgreSQL.

use bytes::Bytes;
use metrics::counter;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::{JobError, JobHandler, JobOutput, JobRow, Progress};
use crate::{
    blobs::BlobContent,
    board_history::{self, BoardHistoryError},
    objects::{ObjectError, ObjectService, ObjectUpload, UploadedObject},
};
use m4sh_domain::{
    ids::{BoardId, Rev, UserId},
    json as text,
};
use m4sh_store::{LedgerKind, NewSnapshot, SaveSnapshotResult, SnapshotOrigin, SnapshotRow, Store, StoreError};

/// Takes snapshots; clones share what they need.
#[derive(Clone)]
pub struct SnapshotService {
    store: Store,
    vault: ObjectService,
}

/// A request to store a snapshot.
#[derive(Clone, Debug)]
pub struct SnapshotRequest {
    /// Of which board.
    pub board: BoardId,
    /// The owner, who is charged.
    pub owner: UserId,
    /// At which revision, committed.
    pub rev: Rev,
    /// The state, as canonical JSON.
    pub state: Bytes,
    /// Why.
    pub origin: SnapshotOrigin,
    /// Who asked.
    pub author: Option<UserId>,
    /// Their note.
    pub note: String,
}

/// Why no snapshot was taken.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The board is gone.
    #[error("the board is gone")]
    NoBoard,
    /// No quota, or no object store.
    #[error(transparent)]
    Vault(#[from] ObjectError),
    /// PostgreSQL failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The state could not be written.
    #[error(transparent)]
    Thread(tokio::task::JoinError),
}

impl SnapshotService {
    /// A service for the boards of this database.
    #[must_use]
    pub fn new(store: Store, vault: ObjectService) -> Self {
        Self { store, vault }
    }

    /// Stores a snapshot. An existing one of the same revision is returned and costs nothing.
    ///
    /// # Errors
    /// [`SnapshotError`]; nothing is stored or charged.
    pub async fn save(&self, picture: SnapshotRequest) -> Result<SnapshotRow, SnapshotError> {
        let SnapshotRequest { board, owner, rev, state, origin, author, note } = picture;
        if let Some(known) = self.store.snapshot(board, rev).await? {
            return Ok(known);
        }
        let body = spawn_blocking(move || Bytes::from(text::to_utf8(&state))).await.map_err(SnapshotError::Thread)?;
        let new = NewSnapshot { id: Uuid::now_v7(), board, rev, origin, author, note };
        let deposit = ObjectUpload {
            reference: new.id,
            key: format!("solo/{owner}/{board}/{rev}.json"),
            media_type: "application/json".to_owned(),
            charge: Some((owner, LedgerKind::Snapshot)),
            metadata: vec![("rev", rev.to_string()), ("session_id", board.to_string())],
        };
        match self.vault.upload(deposit, BlobContent::Bytes(body)).await {
            Ok(deposited) => self.seal(new, deposited).await,
            // Perhaps another request stored the same revision.
            Err(error) => match self.store.snapshot(board, rev).await? {
                Some(known) => Ok(known),
                None => Err(error.into()),
            },
        }
    }

    async fn seal(&self, new: NewSnapshot, deposited: UploadedObject) -> Result<SnapshotRow, SnapshotError> {
        let refused = match self.store.save_snapshot(&new, &deposited).await {
            Ok(SaveSnapshotResult::New(row)) => return Ok(row),
            Ok(SaveSnapshotResult::Known(row)) => Ok(row),
            Ok(SaveSnapshotResult::NoBoard) => Err(SnapshotError::NoBoard),
            // Whether it is stored is unknown; garbage collection decides.
            Err(error) if error.is_unavailable() => return Err(error.into()),
            Err(error) => Err(error.into()),
        };
        self.vault.abandon(&deposited).await;
        refused
    }
}

/// The job of automatic snapshots. A board without quota for it is skipped.
pub struct AutomaticSnapshotJob {
    store: Store,
    snapshots: SnapshotService,
}

impl AutomaticSnapshotJob {
    /// Its kind.
    pub(super) const NAME: &'static str = "snapshot";

    pub(super) fn new(store: Store, vault: ObjectService) -> Self {
        Self { snapshots: SnapshotService::new(store.clone(), vault), store }
    }

    async fn take(&self, board: BoardId) -> Result<Value, JobError> {
        let again = |error: &dyn std::fmt::Display| JobError::Retry(error.to_string());
        let access = self.store.board_access(board).await.map_err(|e| again(&e))?;
        let past = board_history::document_at(&self.store, board, None).await.map_err(|error| match error {
            BoardHistoryError::Store(error) => again(&error),
            BoardHistoryError::NoGoodCheckpoint => JobError::Fail(error.to_string()),
        })?;
        let (Some(access), Some(past)) = (access, past) else { return Ok(skipped("gone")) };
        let newest = self.store.newest_snapshot(board).await.map_err(|e| again(&e))?;
        if newest.is_some_and(|newest| newest.rev >= past.rev) {
            return Ok(skipped("unchanged"));
        }
        let rev = past.rev;
        let write = move || {
            let mut state = Vec::new();
            past.document.write_state(&mut state);
            Bytes::from(state)
        };
        let state = spawn_blocking(write).await.map_err(|e| again(&e))?;
        let picture = SnapshotRequest {
            board,
            owner: access.owner,
            rev,
            state,
            origin: SnapshotOrigin::Automatic,
            author: None,
            note: String::new(),
        };
        match self.snapshots.save(picture).await {
            Ok(row) => Ok(json!({"rev": row.rev.0, "size": row.size})),
            Err(SnapshotError::NoBoard) => Ok(skipped("gone")),
            Err(SnapshotError::Vault(ObjectError::Quota { .. })) => Ok(skipped("quota")),
            Err(error) => Err(again(&error)),
        }
    }
}

fn skipped(why: &'static str) -> Value {
    counter!("m4sh_snapshots_skipped_total", "why" => why).increment(1);
    json!({"skipped": why})
}

impl JobHandler for AutomaticSnapshotJob {
    const KIND: &'static str = Self::NAME;

    async fn run(&self, job: &JobRow, _: &Progress) -> Result<JobOutput, JobError> {
        let board = job.node.ok_or_else(|| JobError::Fail("a snapshot without a board".to_owned()))?;
        Ok(JobOutput { deposited: None, result: self.take(board).await? })
    }
}
