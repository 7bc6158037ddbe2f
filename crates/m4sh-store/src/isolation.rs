//! Whether pupils' work in a lesson is hidden from one another, and whether it ever was. Called by the classroom actor
//! and by `http`, which check rights first. Never says whose work is hidden: the boards' journals do.

use super::{Store, StoreError, rows::get};
use m4sh_domain::ids::{BoardId, ClassroomId, LessonId};

/// What was hidden once stays hidden until it is revealed, so the second mark is never taken back.
const SET: &str =
    "UPDATE class_session SET isolated = $3, was_isolated = was_isolated OR $3 WHERE id = $2 AND classroom = $1";

const WAS: &str = "SELECT was_isolated FROM class_session WHERE board = $1";

/// A trigger takes the cost back and looks after the objects.
const KEEP_ASSETS: &str = "DELETE FROM asset WHERE node = $1 AND sha256 <> ALL ($2)";

impl Store {
    /// Hides pupils' work on a lesson's shared board from one another from now on, or stops hiding it. `false`: no such
    /// lesson.
    ///
    /// # Errors
    /// As every query.
    pub async fn set_isolated(&self, classroom: ClassroomId, session: LessonId, on: bool) -> Result<bool, StoreError> {
        Ok(self.pool.get().await?.execute(SET, &[&classroom.0, &session.0, &on]).await? == 1)
    }

    /// Whether work on a board was ever hidden from some of its readers.
    ///
    /// # Errors
    /// As every query.
    pub async fn was_isolated(&self, board: BoardId) -> Result<bool, StoreError> {
        let row = self.pool.get().await?.query_opt(WAS, &[&board.0]).await?;
        row.as_ref().map_or(Ok(false), |row| get(row, "was_isolated"))
    }

    /// Takes from a board all assets but these.
    ///
    /// # Errors
    /// As every query.
    pub async fn keep_assets(&self, board: BoardId, kept: &[[u8; 32]]) -> Result<(), StoreError> {
        let kept: Vec<&[u8]> = kept.iter().map(<[u8; 32]>::as_slice).collect();
        self.pool.get().await?.execute(KEEP_ASSETS, &[&board.0, &kept]).await?;
        Ok(())
    }
}

/// What this file asks, for the test that looks at the plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[SET, WAS, KEEP_ASSETS];
