//! The job `erase_person`: erases a person's work from boards and lessons (SPEC Q9, ADR 0023).
//! Run by the runner, requested by `http` and by hand. One board after the other, each completely or not at all: after a crash it continues
//! with the rest. Changes work of others only where it concerns that person's items.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{JobError, JobHandler, JobOutput, JobRow, Progress};
use m4sh_domain::limits;
use m4sh_domain::{
    board::{AuthorErasure, Checkpoint, Corrupt, SharedPages},
    ids::{BoardId, ClassroomId, Rev, UserId},
};
use m4sh_store::{ErasureError, ErasureScope, RewrittenHistory, Store};

/// The `params` of such a job.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EraseParams {
    /// Whom.
    pub account: UserId,
    /// Limits it to one board.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub board: Option<BoardId>,
    /// Limits it to the lessons of one class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classroom: Option<ClassroomId>,
}

/// The work.
pub struct ErasePersonJob {
    /// Where everything is.
    pub store: Store,
}

impl JobHandler for ErasePersonJob {
    const KIND: &'static str = "erase_person";
    /// One at a time: two must not rewrite the same board at once.
    const AT_ONCE: usize = 1;
    const DEADLINE: std::time::Duration = std::time::Duration::from_secs(3600);

    async fn run(&self, job: &JobRow, progress: &Progress) -> Result<JobOutput, JobError> {
        let wanted: EraseParams = serde_json::from_value(job.params.clone())
            .map_err(|error| JobError::Fail(format!("The job cannot be read: {error}.")))?;
        let who = wanted.account;
        let scope = match (wanted.board, wanted.classroom) {
            (Some(board), None) => ErasureScope::Board(board),
            (None, Some(classroom)) => ErasureScope::Classroom(classroom),
            (None, None) => ErasureScope::Everywhere,
            (Some(_), Some(_)) => return Err(JobError::Fail("Name a board or a classroom, not both.".to_owned())),
        };
        let boards = self.store.boards_to_erase(scope, who).await?;
        let (mut rows, mut objects, mut own) = (0, 0, 0_u64);
        for (done, board) in boards.iter().enumerate() {
            progress.set(u8::try_from(done * 95 / boards.len()).unwrap_or(95));
            // The whole board is theirs; it is deleted with the board or the account.
            if self.store.is_own_board(*board, who).await? {
                if scope == ErasureScope::Everywhere && self.store.delete_board(*board, who).await? {
                    own += 1;
                }
                continue;
            }
            let erased = self.board(*board, who).await?;
            rows += erased.rows;
            objects += erased.objects;
        }
        let mut said = 0;
        if wanted.board.is_none() {
            said = self.store.erase_from_lessons(who, wanted.classroom).await?;
        }
        if scope == ErasureScope::Everywhere {
            said += self.store.erase_reports(who).await?;
        }
        let result = json!({
            "boards": boards.len(), "rows": rows, "objects": objects, "said": said, "deleted_boards": own,
        });
        Ok(JobOutput { deposited: None, result })
    }
}

impl ErasePersonJob {
    async fn board(&self, board: BoardId, who: UserId) -> Result<m4sh_store::ErasureCounts, JobError> {
        let walk = if self.store.wrote_on(board, who).await? { Some(self.walk(board, who).await?) } else { None };
        let known = walk.as_ref().map_or(Rev(u64::MAX >> 1), |walk| walk.known);
        let rewrite = move |tail| walk.map_or_else(|| Ok(RewrittenHistory::default()), |walk| walk.finish(tail));
        let erased = self.store.erase_from_board(board, who, known, rewrite).await;
        erased.map(Option::unwrap_or_default).map_err(|error| match error {
            ErasureError::Store(error) => error.into(),
            ErasureError::Corrupt(error) => JobError::Fail(format!("Board {board} does not read back: {error}")),
        })
    }

    /// The part that needs no lock: the current journal, without that person.
    async fn walk(&self, board: BoardId, who: UserId) -> Result<HistoryRewriter, JobError> {
        let broken = |error: Corrupt| JobError::Fail(format!("Board {board} does not read back: {error}"));
        let missing = || JobError::Fail(format!("Board {board} has no checkpoint to begin from."));
        let oldest = self.store.checkpoints(board).await?.pop().ok_or_else(missing)?;
        let mut shared = SharedPages::new(who);
        let (mut at, rows) = (oldest.rev, limits::REPLAY_ROWS);
        loop {
            let page = self.store.journal_page(board, at, rows, limits::REPLAY_BYTES).await?;
            let Some(last) = page.last().map(|entry| entry.rev) else { break };
            at = last;
            page.iter().try_for_each(|entry| shared.look(entry)).map_err(broken)?;
        }
        let (document, rev) = Checkpoint::decode(&oldest.bytes).map_err(broken)?;
        let mut walk =
            HistoryRewriter { erasure: AuthorErasure::new(document, rev, shared), known: rev, rows: Vec::new() };
        loop {
            let page = self.store.journal_page(board, walk.known, rows, limits::REPLAY_BYTES).await?;
            if page.is_empty() {
                return Ok(walk);
            }
            let walked = tokio::task::spawn_blocking(move || walk.on(page)).await;
            walk = walked.map_err(|error| JobError::Retry(error.to_string()))?.map_err(broken)?;
        }
    }
}

/// A replay of the journal of a board.
struct HistoryRewriter {
    erasure: AuthorErasure,
    /// The last revision read.
    known: Rev,
    /// The rewritten rows.
    rows: Vec<m4sh_domain::board::JournalEntry>,
}

impl HistoryRewriter {
    fn on(mut self, page: Vec<m4sh_domain::board::JournalEntry>) -> Result<Self, Corrupt> {
        for entry in page {
            self.known = entry.rev;
            self.rows.extend(self.erasure.step(entry)?);
        }
        Ok(self)
    }

    /// The rows that arrived meanwhile, and the result.
    fn finish(self, tail: Vec<m4sh_domain::board::JournalEntry>) -> Result<RewrittenHistory, Corrupt> {
        let walk = self.on(tail)?;
        let checkpoint = walk.erasure.board().checkpoint();
        Ok(RewrittenHistory {
            first: walk.erasure.first(),
            head: walk.known,
            rows: walk.rows,
            checkpoint: checkpoint.encode(),
        })
    }
}
