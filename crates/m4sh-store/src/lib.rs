//! Everything that Postgres keeps: boards and their journal, accounts, classrooms, and the managed local cluster.
//! Called by `identity`, the actors, `http` and `app`. Never decides who may do what (that is `domain::access` and the
//! callers), never reads a board's document to answer a list, and never retries: a caller knows what a repeat means.

mod accounts;
mod assets;
mod blobs;
mod board_queries;
mod boards;
mod class_events;
mod class_rules;
mod classes;
mod client_events;
mod erasure;
mod error;
mod event_pages;
mod events;
mod exports;
mod garbage_collection;
mod history;
mod hook_deliveries;
mod hook_feed;
mod hooks;
mod idempotency;
mod isolation;
mod jobs;
mod journal;
mod lesson_boards;
mod lesson_events;
mod lesson_retention;
mod lessons;
mod links;
mod logins;
pub mod migrate;
mod overviews;
mod pool;
mod query;
mod renditions;
mod retention;
mod revisions;
mod rights;
mod room_client;
mod sql;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;
mod undo;
mod usage_stats;

use m4sh_domain::limits;

use query::queries;

pub use accounts::{Account, AccountRole, CreateAccountError, NewAccount};
pub use assets::{AssetRow, CopyAssetsResult, NewAsset};
pub use blobs::{BlobInfo, LedgerKind, NewBlob, UploadStart, UploadedObject, Usage};
pub use board_queries::{BoardPatch, BoardSummary, NewBoard};
pub use boards::{BoardAccess, BoardLesson, CheckpointRow, Claim};
pub use class_events::{CLASS_EVENT, ChatCursor};
pub use classes::{ClassroomRow, DeletedClassroom, JoinedClassroom, MemberEdit, MemberRow, NewClassroom};
pub use client_events::{ClientEvent, ClientEventKind, ClientMetrics, HourlyMetrics, MetricPercentiles};
pub use erasure::{ErasureCounts, ErasureError, ErasureScope, RewrittenHistory};
pub use error::{Cause, StoreError};
pub use event_pages::{EventFilter, EventRow};
pub use events::{AuditEvent, EventCategory, RequestOrigin};
pub use exports::{BoardImage, ExportFile, ExportRow, ExportSubject};
pub use garbage_collection::{CorrectedUsage, StoredBlob};
pub use history::{AuthorActivity, HistoryRange, JournalPosition, JournalSpan};
pub use hook_deliveries::{ClaimedHook, DeliveryRow, FailedDelivery, NumberedEvent, SigningSecrets};
pub use hooks::{HookPatch, HookRow, HookStatus, NewHook, ReplayFrom};
pub use idempotency::{IdempotencyKey, IdempotentRequest};
pub use jobs::{Enqueued, JobKinds, JobObject, JobRow, JobStatus, NewJob};
pub use journal::{JournalConnection, JournalRow};
pub use lesson_boards::{InitialState, LessonTeam};
pub use lesson_events::{LessonEvent, LessonEventCounts, LessonEventQuery};
pub use lessons::{EndedLesson, LessonAccess, LessonRow, LessonStatus, LiveLesson, NewLesson};
pub use links::{CreatedLink, LinkHash, LinkRow, LinkVisit, LiveLink, NewLink, SharedBoard};
pub use logins::{NewLogin, Rotation, TokenHash};
pub use overviews::{LessonBoard, LessonPerson};
pub use renditions::StoredThumbnail;
pub use retention::{ExpiringRows, TrimmedSnapshots};
pub use revisions::{DeleteSnapshotResult, NewSnapshot, SaveSnapshotResult, SnapshotOrigin, SnapshotRow};
pub use room_client::{RoomKind, RoomLesson, RoomPhase, RoomPlan};
pub use undo::{ClearRow, RecalledBatch};

/// The door to Postgres. A clone shares the same pool of connections.
#[derive(Clone, Debug)]
pub struct Store {
    pool: pool::ConnectionPool,
}

impl Store {
    /// Makes a store of at most `pool_size` connections to `url` (at least 1) and proves with one of them that the
    /// database answers.
    ///
    /// # Errors
    /// `Query` when `url` is no Postgres URL or the server refuses it (user, password, database), `Unavailable` when
    /// nothing answers within 3 s.
    pub async fn connect(url: &str, pool_size: u32) -> Result<Self, StoreError> {
        let pool = pool::ConnectionPool::new(url, pool_size)?;
        pool.prove().await?;
        Ok(Self { pool })
    }
}

queries! {
    /// Asks the database for an answer; what readiness is made of.
    pub fn ping() -> () = "SELECT 1";
}

/// Which rows of a list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PageRequest {
    /// Rows at most; values above `limits::PAGE_MAX` count as that.
    pub limit: u32,
    /// Rows to leave out before the first.
    pub offset: u32,
}

impl Default for PageRequest {
    fn default() -> Self {
        Self { limit: limits::PAGE_DEFAULT, offset: 0 }
    }
}

impl PageRequest {
    fn limit(self) -> i64 {
        self.limit.min(limits::PAGE_MAX).into()
    }

    fn offset(self) -> i64 {
        self.offset.into()
    }
}
