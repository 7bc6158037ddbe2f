//! Walking over every board, for `m4sh verify`. Called by `app`. Never on a request's path.

use m4sh_domain::ids::BoardId;
use uuid::Uuid;

use crate::query::queries;

queries! {
    /// The ids of at most `rows` boards after `after`, in order of their ids.
    pub fn board_ids(after: Option<BoardId>, rows: u32) -> Vec<BoardId> = "
        SELECT id FROM board WHERE id > $1 ORDER BY id LIMIT $2", [after.map_or(Uuid::nil(), |id| id.0), i64::from(rows)];
}
