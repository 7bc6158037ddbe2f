//! The past of boards over REST: revisions, states, comparisons, authors, restoring and replay (SPEC Q).
//! Called by the route table. Whoever may read a board may read its past, and sees of it what they may see: everything
//! goes through their eyes first. Never wakes a board but to restore.

pub mod asked;
pub mod authors;
pub mod compared;
pub mod lesson;
pub mod list;
pub mod replay;
pub mod restore;
pub mod shown;
pub mod state;

use std::{collections::HashMap, sync::Arc};

use actix_web::web;
use jiff::Timestamp;
use tokio::sync::Semaphore;

use super::{Services, problem::Problem};
use crate::board_history::{self, BoardAtRevision};
use asked::Moment;
use m4sh_domain::limits;
use m4sh_domain::{
    access::{EffectiveRights, Visibility},
    board::{Document, ERASED, JournalEntry, Op},
    ids::{BoardId, Rev, UserId},
};
use m4sh_store::BoardAccess;

/// Rebuilding is bounded for the whole process: each takes a state's memory and a journal's time.
static REBUILDS: Semaphore = Semaphore::const_new(limits::REBUILDS_AT_ONCE);

/// Somebody who reads a board's past.
pub(super) struct Reader {
    /// The board.
    pub board: BoardId,
    /// What its rights follow from.
    pub access: BoardAccess,
    /// What they may do.
    pub standing: EffectiveRights,
    /// What they see.
    pub eyes: Visibility,
}

/// A batch as its reader may see it.
pub(super) struct Batch {
    /// The batch; its operations are in `ops`.
    pub entry: JournalEntry,
    /// The operations that are seen.
    pub ops: Vec<Op>,
}

impl Services {
    /// Somebody before a board's past.
    pub(super) async fn reader(&self, board: BoardId, who: UserId) -> Result<Reader, Problem> {
        let (access, standing) = self.standing(board, who).await?;
        Ok(Reader { board, access, standing, eyes: standing.visibility(who) })
    }

    /// The revision that a board had at a moment. A revision that it never had is `unknown_rev`.
    pub(super) async fn rev_of(&self, board: BoardId, moment: Moment) -> Result<Rev, Problem> {
        match moment {
            Moment::Rev(rev) => Ok(rev),
            Moment::Time(at) => {
                let found = self.store.revs_at(&[board], at).await?;
                Ok(found.first().map_or(Rev(0), |(_, rev)| *rev))
            }
        }
    }

    /// A board's state at a revision, or the newest, as a reader sees it.
    pub(super) async fn past_seen(&self, reader: &Reader, rev: Option<Rev>) -> Result<BoardAtRevision, Problem> {
        let _turn = REBUILDS.acquire().await.map_err(|error| Problem::Internal(error.to_string()))?;
        let past = board_history::document_at(&self.store, reader.board, rev).await?.ok_or(Problem::UnknownRev)?;
        let eyes = reader.eyes;
        off_thread(move || {
            let document: Document = past.document.visible_to(eyes).into_owned();
            BoardAtRevision { rev: past.rev, page_count: document.page_count(), document }
        })
        .await
    }

    /// The names of people, as others in class see them. Who is not there any more has none.
    pub(super) async fn names(
        &self,
        people: impl IntoIterator<Item = UserId>,
    ) -> Result<HashMap<UserId, Arc<str>>, Problem> {
        let mut names = HashMap::new();
        for user in people {
            if user != ERASED
                && !names.contains_key(&user)
                && let Some(card) = self.people.profile(user).await?
            {
                names.insert(user, Arc::from(&*card.name));
            }
        }
        Ok(names)
    }
}

/// Reads entries as these eyes see them. A batch of which a reader sees nothing is left out whole: not even its author
/// and its time are told.
pub(super) async fn seen(entries: Vec<JournalEntry>, eyes: Visibility) -> Result<Vec<Batch>, Problem> {
    let seen = seen_with(entries.into_iter().map(|entry| ((), entry)).collect(), eyes).await?;
    Ok(seen.into_iter().map(|((), batch)| batch).collect())
}

/// The same of entries that have something beside them.
pub(super) async fn seen_with<T: Send + 'static>(
    entries: Vec<(T, JournalEntry)>,
    eyes: Visibility,
) -> Result<Vec<(T, Batch)>, Problem> {
    let read = move |(beside, entry)| match one_seen(entry, eyes) {
        Ok(Some(batch)) => Some(Ok((beside, batch))),
        Ok(None) => None,
        Err(problem) => Some(Err(problem)),
    };
    off_thread(move || entries.into_iter().filter_map(read).collect()).await?
}

fn one_seen(entry: JournalEntry, eyes: Visibility) -> Result<Option<Batch>, Problem> {
    let text = entry.ops_visible_to(eyes);
    let ops = Op::parse_journal(entry.rev, &text).map_err(|error| Problem::Internal(error.to_string()))?;
    let is_hidden = ops.is_empty() && eyes != Visibility::All;
    Ok((!is_hidden).then_some(Batch { entry, ops }))
}

/// On a thread for blocking work.
pub(in crate::http) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    web::block(work).await.map_err(|error| Problem::Internal(error.to_string()))
}

/// Milliseconds since 1970, for orders that compare.
pub(in crate::http) fn millis(at: Timestamp) -> i64 {
    at.as_millisecond()
}
