//! Whether pupils' work in a lesson is hidden from one another, and whether it ever was. Called by the classroom actor
//! and by `http`, which check rights first. Never says whose work is hidden: the boards' journals do.

use crate::{Store, StoreError, query::queries};
use m4sh_domain::ids::{BoardId, ClassroomId, LessonId};

queries! {
    /// Hides pupils' work on a lesson's shared board from one another from now on, or stops hiding it. `false`: no such
    /// lesson. What was hidden once stays hidden until it is revealed, so the second mark is never taken back.
    pub fn set_isolated(classroom: ClassroomId, session: LessonId, on: bool) -> bool = "
        UPDATE class_session SET isolated = $3, was_isolated = was_isolated OR $3 WHERE id = $2 AND classroom = $1";

    fn was_ever_isolated(board: BoardId) -> Option<bool> = "SELECT was_isolated FROM class_session WHERE board = $1";

    /// Takes from a board all assets but these; a trigger takes the cost back and looks after the objects.
    pub fn keep_assets(board: BoardId, kept: &[[u8; 32]]) -> () = "
        DELETE FROM asset WHERE node = $1 AND sha256 <> ALL ($2)";
}

impl Store {
    /// Whether work on a board was ever hidden from some of its readers.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn was_isolated(&self, board: BoardId) -> Result<bool, StoreError> {
        Ok(was_ever_isolated(&self.pool.get().await?, board).await?.unwrap_or_default())
    }
}
