//! Lessons that ended long ago, removed whole: an operator's decision (SPEC Q14). Called by the scheduled job, again and
//! again until none is left. Never removes a lesson that goes on, and never a part of one.

use jiff::Timestamp;
use uuid::Uuid;

use super::{Store, StoreError, rows::get};

/// Those that ended first, with whatever is theirs. The class is held, so that who deletes it waits; a lesson that somebody
/// else is at is passed over.
const OLD: &str = "
    SELECT s.id
    FROM class_session s
    JOIN \"group\" g ON g.id = s.classroom
    WHERE s.status = 'ended' AND s.ended_at < $1
    ORDER BY s.ended_at
    LIMIT $2
    FOR UPDATE OF s SKIP LOCKED
    FOR KEY SHARE OF g SKIP LOCKED";

const BOARDS: &str = "SELECT board FROM class_board WHERE session = ANY ($1)";

/// Takes what was said, rules and groups along.
const DELETE: &str = "DELETE FROM class_session WHERE id = ANY ($1)";

/// Takes boards, checkpoints, snapshots, pictures, exports and links along; journals and objects follow by trigger.
const DELETE_BOARDS: &str = "DELETE FROM node WHERE id = ANY ($1)";

/// Lessons in one transaction.
const AT_ONCE: i64 = 20;

impl Store {
    /// Removes some of the lessons that ended before `before`, with their boards, and says how many lessons and boards.
    ///
    /// # Errors
    /// As every query; then nothing was removed.
    pub async fn remove_old_lessons(&self, before: Timestamp) -> Result<(u64, u64), StoreError> {
        let mut conn = self.pool.get().await?;
        let tx = conn.begin().await?;
        let ids = |rows: &[tokio_postgres::Row], name| {
            rows.iter().map(|row| get::<Uuid>(row, name)).collect::<Result<Vec<_>, _>>()
        };
        let lessons = ids(&tx.query(OLD, &[&before, &AT_ONCE]).await?, "id")?;
        if lessons.is_empty() {
            return Ok((0, 0));
        }
        let boards = ids(&tx.query(BOARDS, &[&lessons]).await?, "board")?;
        let removed = tx.execute(DELETE, &[&lessons]).await?;
        let boards = tx.execute(DELETE_BOARDS, &[&boards]).await?;
        tx.commit().await?;
        Ok((removed, boards))
    }
}

/// What this file does to many rows at once, for the test that looks at the plans.
#[cfg(test)]
pub(super) const BATCHES: &[&str] = &[OLD, BOARDS, DELETE, DELETE_BOARDS];
