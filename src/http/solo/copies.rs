//! What a copy of a board needs beside its state: its owner's account, and the assets with their cost.
//! Called by the handlers that copy boards. Never copies a state.

use bytes::Bytes;

use crate::{
    http::{Services, problem::Problem},
    identity::UserProfile,
};
use m4sh_domain::ids::{BoardId, UserId};
use m4sh_store::CopyAssetsResult;

impl Services {
    /// Passes when a copy of the board's assets would fit: for those who cannot delete the copy again.
    ///
    /// # Errors
    /// 403 `quota_exceeded`.
    pub(in crate::http) async fn holds_assets(&self, from: BoardId, owner: UserId) -> Result<(), Problem> {
        let bytes = self.store.assets_size(from).await?;
        let Some(usage) = self.store.usage(owner).await? else { return Ok(()) };
        let used = usage.used.saturating_add(usage.reserved);
        let fits = bytes == 0 || usage.quota == 0 || used.saturating_add(bytes) <= usage.quota;
        if fits { Ok(()) } else { Err(Problem::QuotaExceeded { used, quota: usage.quota }) }
    }

    /// Gives a copy of a board the assets that its state names, at the cost of the copy's owner.
    ///
    /// # Errors
    /// 403 `quota_exceeded`; then nothing was copied.
    pub(in crate::http) async fn copy_assets(
        &self,
        from: BoardId,
        to: BoardId,
        owner: UserId,
        state: &Bytes,
    ) -> Result<(), Problem> {
        match self.store.copy_assets(from, to, owner).await? {
            CopyAssetsResult::Assets(_) => self.forget_hidden_pictures(from, to, state).await,
            CopyAssetsResult::Full(usage) => {
                let used = usage.used.saturating_add(usage.reserved);
                Err(Problem::QuotaExceeded { used, quota: usage.quota })
            }
        }
    }

    /// The account that is to own something. A token of another issuer may name somebody without an account here, who can
    /// own nothing.
    ///
    /// # Errors
    /// 401 without an account.
    pub(crate) async fn must_exist(&self, user: UserId) -> Result<UserProfile, Problem> {
        let profile = self.people.profile(user).await?;
        profile.ok_or_else(|| Problem::Unauthenticated("This account does not exist.".into()))
    }
}
