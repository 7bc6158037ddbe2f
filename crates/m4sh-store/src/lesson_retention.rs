//! Lessons that ended long ago, removed whole: an operator's decision (SPEC Q14). Called by the scheduled job, again and
//! again until none is left. Never removes a lesson that goes on, and never a part of one.

use jiff::Timestamp;

use crate::{Store, StoreError, query::queries};
use m4sh_domain::ids::{BoardId, LessonId};

/// Lessons in one transaction.
const AT_ONCE: i64 = 20;

queries! {
    /// Those that ended first, with whatever is theirs. The class is held, so that who deletes it waits; a lesson that
    /// somebody else is at is passed over.
    #[plan(batch)]
    fn oldest(before: Timestamp) -> Vec<LessonId> = r#"
        SELECT s.id
        FROM class_session s
        JOIN "group" g ON g.id = s.classroom
        WHERE s.status = 'ended' AND s.ended_at < $1
        ORDER BY s.ended_at
        LIMIT $2
        FOR UPDATE OF s SKIP LOCKED
        FOR KEY SHARE OF g SKIP LOCKED"#, [before, AT_ONCE];

    #[plan(batch)]
    fn boards_of(lessons: &[LessonId]) -> Vec<BoardId> = "SELECT board FROM class_board WHERE session = ANY ($1)";

    /// Takes what was said, rules and groups along.
    #[plan(batch)]
    fn delete(lessons: &[LessonId]) -> u64 = "DELETE FROM class_session WHERE id = ANY ($1)";

    /// Takes boards, checkpoints, snapshots, pictures, exports and links along; journals and objects follow by trigger.
    #[plan(batch)]
    fn delete_boards(boards: &[BoardId]) -> u64 = "DELETE FROM node WHERE id = ANY ($1)";
}

impl Store {
    /// Removes some of the lessons that ended before `before`, with their boards, and says how many lessons and boards.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing was removed.
    pub async fn remove_old_lessons(&self, before: Timestamp) -> Result<(u64, u64), StoreError> {
        let mut conn = self.pool.get().await?;
        let tx = conn.begin().await?;
        let lessons = oldest(&tx, before).await?;
        if lessons.is_empty() {
            return Ok((0, 0));
        }
        let boards = boards_of(&tx, &lessons).await?;
        let removed = (delete(&tx, &lessons).await?, delete_boards(&tx, &boards).await?);
        tx.commit().await?;
        Ok(removed)
    }
}
