//! The parameters in the paths of boards. Used by the operations of boards, their history and their events.

use crate::http::operation::params::path_params;
use m4sh_domain::ids::BoardId;

path_params! {
    /// A board.
    pub struct BoardPath {
        /// The board.
        id: BoardId,
    }
    /// A revision of a board.
    pub struct RevisionPath {
        /// The board.
        id: BoardId,
        /// The revision.
        rev: u64,
    }
}
