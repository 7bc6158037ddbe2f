//! `GET /classrooms/{id}/sessions/{sid}/replay/`: all boards of a lesson as one sequence in time (SPEC Q8).
//! Also called by other areas. Never shows a board or a batch that its reader may not see.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    lesson::LessonHistory,
    query::{Author, Board, Operations, Page, PositionCursor, Time, history_query},
    shapes::{self, OperationResponse},
    visible_batches_with,
};
use crate::http::{
    Services,
    classrooms::LessonPath,
    operation::{
        Operation,
        answer::{Json, Sorted},
        argument::Call,
        get,
        params::Path,
    },
    problem::Problem,
};
use m4sh_domain::limits::{REPLAY_BYTES, REPLAY_ROWS};
use m4sh_domain::{
    access::BoardAssignment,
    board::JournalEntry,
    ids::{BoardId, Rev},
};
use m4sh_store::JournalPosition;

pub(super) fn operations() -> [Operation; 1] {
    [get("/classrooms/{id}/sessions/{sid}/replay", "replay_lesson", replay_lesson)
        .about("Replay a lesson", "All its boards that the reader may see, as one sequence in time.")
        .answers(&["A page of operations."])]
}

history_query! {
    /// Which operations of a lesson.
    pub struct LessonReplayQuery {
        /// Only by this person.
        user: Author,
        /// Only on this page.
        page: Page,
        /// Only on this board.
        board: Board,
        /// From this time on.
        from: Time,
        /// Up to this time.
        to: Time,
        /// Operations; a batch is never cut.
        limit: Operations,
        /// Of `next`.
        cursor: PositionCursor,
    }
}

/// A board of a lesson.
#[derive(Serialize, ToSchema)]
struct LessonBoardResponse {
    board_id: Uuid,
    /// Whose own it is.
    #[schema(required = true, example = json!(null))]
    pupil: Option<Uuid>,
    /// Whether it is a group's.
    group: bool,
}

/// A page of a lesson's replay.
#[derive(Serialize, ToSchema)]
struct LessonReplayResponse {
    session_id: Uuid,
    /// Those that its reader may see; their states of before are in `/boards/{id}/history/`.
    boards: Vec<LessonBoardResponse>,
    operations: Vec<OperationResponse>,
    #[schema(required = true, example = json!(null))]
    next: Option<String>,
}

async fn replay_lesson(
    _: Path<LessonPath>,
    call: Call,
    query: LessonReplayQuery,
    lesson: LessonHistory,
) -> Result<Json<Sorted<LessonReplayResponse>>, Problem> {
    let (operations, next) = call.services.lesson_operations(&lesson, query).await?;
    let boards = lesson.boards.iter().map(|(board, assignment)| LessonBoardResponse {
        board_id: board.0,
        pupil: if let BoardAssignment::Pupil(pupil) = assignment { Some(pupil.0) } else { None },
        group: matches!(assignment, BoardAssignment::Group(_)),
    });
    let session_id = lesson.row.id.0;
    Ok(Json(Sorted(LessonReplayResponse { session_id, boards: boards.collect(), operations, next })))
}

impl Services {
    /// A page of what was done on a lesson's boards, and the path of the next one.
    pub(crate) async fn lesson_operations(
        &self,
        lesson: &LessonHistory,
        query: LessonReplayQuery,
    ) -> Result<(Vec<OperationResponse>, Option<String>), Problem> {
        let boards = lesson.boards.iter().map(|(board, _)| *board);
        let boards: Vec<_> = boards.filter(|board| query.board.is_none_or(|wanted| wanted == *board)).collect();
        if boards.is_empty() {
            return Err(Problem::NotFound);
        }
        let (operations, next) = self.merged_operations(&boards, lesson, &query).await?;
        let next = next.map(|position| {
            let JournalPosition { at, board, rev } = position;
            query.next.with(&[("cursor", format!("{}.{board}.{rev}", at.as_microsecond()))])
        });
        Ok((operations, next))
    }

    async fn merged_operations(
        &self,
        boards: &[BoardId],
        lesson: &LessonHistory,
        query: &LessonReplayQuery,
    ) -> Result<(Vec<OperationResponse>, Option<JournalPosition>), Problem> {
        // The batches of the cursor's own moment come once more and are passed over: others may have the same time.
        let from = query.cursor.map(|position| position.at).or(query.from);
        let before = from.and_then(|at| at.checked_sub(SignedDuration::from_micros(1)).ok());
        let starts = match before {
            Some(at) => self.store.revs_at(boards, at).await?,
            None => boards.iter().map(|board| (*board, Rev(0))).collect(),
        };
        let mut rows = self.store.merged_journal(&starts, REPLAY_ROWS).await?;
        let bytes: usize = rows.iter().map(|(_, entry)| entry.ops.len()).sum();
        let is_last = rows.len() < REPLAY_ROWS as usize && bytes < REPLAY_BYTES;
        let mut read_to = rows.last().map(position_of).filter(|_| !is_last);
        if let Some(to) = query.to {
            let all = rows.len();
            rows.retain(|(_, entry)| entry.at <= to);
            if rows.len() < all {
                read_to = None;
            }
        }
        rows.retain(|row| query.cursor.is_none_or(|cursor| position_of(row) > cursor));
        rows.retain(|(_, entry)| query.user.is_none_or(|user| entry.key.author == user));
        let batches = visible_batches_with(rows, lesson.visibility).await?;
        let names = self.names(batches.iter().map(|(_, batch)| batch.entry.key.author)).await?;
        let (mut operations, mut last) = (Vec::new(), query.cursor);
        for (board, batch) in batches {
            let position = JournalPosition { at: batch.entry.at, board, rev: batch.entry.rev };
            let more: Vec<_> = shapes::operations(batch, query.page.as_deref(), Some(board), &names).collect();
            if !operations.is_empty() && operations.len() + more.len() > query.limit as usize {
                return Ok((operations, last));
            }
            operations.extend(more);
            last = Some(position);
        }
        Ok((operations, read_to))
    }
}

fn position_of((board, entry): &(BoardId, JournalEntry)) -> JournalPosition {
    JournalPosition { at: entry.at, board: *board, rev: entry.rev }
}

/// Reads a cursor: microseconds, board and revision, with points between.
pub(super) fn parse_position(text: &str) -> Option<JournalPosition> {
    let mut parts = text.split('.');
    let at = Timestamp::from_microsecond(parts.next()?.parse().ok()?).ok()?;
    let position = JournalPosition { at, board: parts.next()?.parse().ok()?, rev: Rev(parts.next()?.parse().ok()?) };
    parts.next().is_none().then_some(position)
}
