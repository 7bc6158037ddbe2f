//! What somebody may do on a board that they name in a path. Called by handlers that need more than to look.
//! Never decides: the rows say what somebody is, `domain::access` what that allows.

use jiff::Timestamp;

use super::{Services, problem::Problem};
use m4sh_domain::{
    access::{EffectiveRights, Permission, Permissions},
    ids::{BoardId, UserId},
};
use m4sh_store::BoardAccess;

impl Services {
    /// What `who` may do on a board.
    ///
    /// # Errors
    /// 404 for a board that is not there, or not for them.
    pub(crate) async fn rights(&self, board: BoardId, who: UserId) -> Result<Permissions, Problem> {
        self.standing(board, who).await.map(|(_, standing)| standing.can)
    }

    /// The board's rights, and what `who` is and may do there at this moment.
    ///
    /// # Errors
    /// As [`Services::rights`].
    pub(super) async fn standing(
        &self,
        board: BoardId,
        who: UserId,
    ) -> Result<(BoardAccess, EffectiveRights), Problem> {
        let access = self.store.board_access(board).await?.ok_or(Problem::NotFound)?;
        let standing = access.effective(who, Timestamp::now()).ok_or(Problem::NotFound)?;
        Ok((access, standing))
    }

    /// Passes for those who may share a board: its owner, and the tutors of its class.
    ///
    /// # Errors
    /// As [`Services::rights`]; 403 for those who may only look.
    pub(super) async fn may_share(&self, board: BoardId, who: UserId) -> Result<(), Problem> {
        let may = self.rights(board, who).await?.has(Permission::Share);
        may.then_some(())
            .ok_or(Problem::Forbidden("Only the owner of this board or a tutor of its class may share it."))
    }
}
