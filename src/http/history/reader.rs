//! Who reads the history of a board, and what of it they may see. Used by the operations of history.
//! Never loads a board's actor.

use std::sync::Arc;

use actix_web::web;
use jiff::Timestamp;
use tokio::sync::Semaphore;

use super::{query::HistoryPoint, shapes::Names};
use crate::{
    board_history::{self, BoardAtRevision},
    http::{Services, problem::Problem},
};
use m4sh_domain::{
    access::{EffectiveRights, Visibility},
    board::{Document, ERASED, JournalEntry, Op},
    ids::{BoardId, Rev, UserId},
    limits,
};
use m4sh_store::BoardAccess;

/// Rebuilding is bounded for the whole process: each takes a state's memory and a journal's time.
static REBUILDS: Semaphore = Semaphore::const_new(limits::REBUILDS_AT_ONCE);

/// Somebody who reads a board's history.
pub struct HistoryReader {
    pub board: BoardId,
    /// What the board's rights follow from.
    pub access: BoardAccess,
    /// What the reader may do.
    pub standing: EffectiveRights,
    pub visibility: Visibility,
}

/// A batch as its reader may see it.
pub struct VisibleBatch {
    /// The batch; its operations are in `ops`.
    pub(super) entry: JournalEntry,
    /// The operations that are visible.
    pub(super) ops: Vec<Op>,
}

impl Services {
    /// A reader of a board's history; 404 when they may not see the board.
    pub(crate) async fn history_reader(&self, board: BoardId, who: UserId) -> Result<HistoryReader, Problem> {
        let (access, standing) = self.standing(board, who).await?;
        Ok(HistoryReader { board, access, standing, visibility: standing.visibility(who) })
    }

    /// The revision that a board had at a point.
    pub(super) async fn rev_at(&self, board: BoardId, point: HistoryPoint) -> Result<Rev, Problem> {
        match point {
            HistoryPoint::Rev(rev) => Ok(rev),
            HistoryPoint::Time(at) => {
                let found = self.store.revs_at(&[board], at).await?;
                Ok(found.first().map_or(Rev(0), |(_, rev)| *rev))
            }
        }
    }

    /// What a reader may see of a board at a revision, or at the newest. `unknown_rev` when it never had that one.
    pub(crate) async fn visible_board_at(
        &self,
        reader: &HistoryReader,
        rev: Option<Rev>,
    ) -> Result<BoardAtRevision, Problem> {
        let _permit = REBUILDS.acquire().await.map_err(|error| Problem::Internal(error.to_string()))?;
        let past = board_history::document_at(&self.store, reader.board, rev).await?.ok_or(Problem::UnknownRev)?;
        let visibility = reader.visibility;
        off_thread(move || {
            let document: Document = past.document.visible_to(visibility).into_owned();
            BoardAtRevision { rev: past.rev, page_count: document.page_count(), document }
        })
        .await
    }

    /// The names of people, as others in class see them; none for accounts that are gone.
    pub(crate) async fn names(&self, people: impl IntoIterator<Item = UserId>) -> Result<Names, Problem> {
        let mut names = Names::new();
        for user in people {
            if user != ERASED
                && !names.contains_key(&user)
                && let Some(profile) = self.people.profile(user).await?
            {
                names.insert(user, Arc::from(&*profile.name));
            }
        }
        Ok(names)
    }
}

/// Entries as a reader may see them. A batch of which nothing is visible is left out whole, with its author and time.
pub async fn visible_batches(entries: Vec<JournalEntry>, visibility: Visibility) -> Result<Vec<VisibleBatch>, Problem> {
    let entries = entries.into_iter().map(|entry| ((), entry)).collect();
    Ok(visible_batches_with(entries, visibility).await?.into_iter().map(|((), batch)| batch).collect())
}

/// The same of entries with a value beside each.
pub async fn visible_batches_with<T: Send + 'static>(
    entries: Vec<(T, JournalEntry)>,
    visibility: Visibility,
) -> Result<Vec<(T, VisibleBatch)>, Problem> {
    let read = move |(beside, entry)| match visible_batch(entry, visibility) {
        Ok(Some(batch)) => Some(Ok((beside, batch))),
        Ok(None) => None,
        Err(problem) => Some(Err(problem)),
    };
    off_thread(move || entries.into_iter().filter_map(read).collect()).await?
}

fn visible_batch(entry: JournalEntry, visibility: Visibility) -> Result<Option<VisibleBatch>, Problem> {
    let text = entry.ops_visible_to(visibility);
    let ops = Op::parse_journal(entry.rev, &text).map_err(|error| Problem::Internal(error.to_string()))?;
    let is_hidden = ops.is_empty() && visibility != Visibility::All;
    Ok((!is_hidden).then_some(VisibleBatch { entry, ops }))
}

/// On a thread for blocking work.
pub async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    web::block(work).await.map_err(|error| Problem::Internal(error.to_string()))
}

/// The canonical state of a document.
pub fn state_bytes(document: &Document) -> Vec<u8> {
    let mut state = Vec::new();
    document.write_state(&mut state);
    state
}

/// Whole milliseconds from one time to another.
pub fn milliseconds(from: Timestamp, to: Timestamp) -> i64 {
    to.as_millisecond() - from.as_millisecond()
}
