//! Logins and their refresh tokens. A login is a family: each rotation uses up one token and makes the next, and a
//! token shown twice ends the family. Called by `identity`. Never sees a token, only its hash.

use jiff::Timestamp;

use crate::{
    Account, RequestOrigin, Store, StoreError,
    query::{queries, row},
};
use m4sh_domain::ids::{LoginId, UserId};
use m4sh_domain::limits;

/// SHA-256 of a refresh token.
pub type TokenHash = [u8; 32];

/// A login to be opened.
#[derive(Clone, Debug)]
pub struct NewLogin {
    pub id: LoginId,
    /// The first refresh token's hash.
    pub refresh: TokenHash,
    /// Now; the token lives for `limits::REFRESH_TOKEN_LIFE` from here.
    pub at: Timestamp,
    /// Kept so that a person can tell one login from another.
    pub origin: RequestOrigin,
}

/// What became of a refresh token.
#[derive(Clone, PartialEq, Debug)]
pub enum Rotation {
    /// It was good and is now used up; the new one is its successor.
    Rotated {
        /// The family.
        login: LoginId,
        /// Whose.
        account: Account,
    },
    /// It had been used before: somebody has a copy. The login is ended.
    Replayed {
        /// The family, now over.
        login: LoginId,
    },
    /// No such token, or its login is over, or its account is disabled.
    Unknown,
    /// Too old.
    Expired,
}

impl NewLogin {
    pub(super) fn expires_at(&self) -> Result<Timestamp, StoreError> {
        expiry(self.at)
    }
}

/// When a token that is made now is too old.
fn expiry(now: Timestamp) -> Result<Timestamp, StoreError> {
    now.checked_add(limits::REFRESH_TOKEN_LIFE).map_err(StoreError::query)
}

row! {
    struct RotatedToken {
        login: LoginId,
        account: Account,
    }
}

row! {
    struct UnusableToken {
        login: LoginId,
        used: bool,
        expired: bool,
    }
}

queries! {
    fn open(user: UserId, login: &NewLogin, expires_at: Timestamp) -> () = "
        WITH login AS (
            INSERT INTO auth_session (id, account, created_at, expires_at, address, agent) VALUES ($1, $2, $3, $4, $5, $6)
        )
        INSERT INTO refresh_token (hash, auth_session, expires_at) VALUES ($7, $1, $4)", [
        login.id, user, login.at, expires_at, login.origin.address, login.origin.agent(), &login.refresh,
    ];

    /// Whoever updates the token's row first has it. The other waits for that row, finds it used, and gets none.
    fn rotate(old: &TokenHash, new: &TokenHash, now: Timestamp, expires_at: Timestamp) -> Option<RotatedToken> = "
        WITH taken AS (
            UPDATE refresh_token t SET used_at = $3
            FROM auth_session s JOIN account a ON a.id = s.account
            WHERE t.hash = $1 AND t.used_at IS NULL AND t.expires_at > $3
                AND s.id = t.auth_session AND s.ended_at IS NULL AND a.disabled_at IS NULL
            RETURNING s.id AS login, a.id, a.email, a.first_name, a.last_name, a.role, a.quota_bytes, a.created_at,
                false AS disabled
        ), successor AS (
            INSERT INTO refresh_token (hash, auth_session, expires_at) SELECT $2, login, $4 FROM taken
        ), kept AS (
            UPDATE auth_session s SET expires_at = $4 FROM taken WHERE s.id = taken.login
        )
        SELECT * FROM taken";

    /// Why `rotate` gave none; its own statement, so that it sees what the one who was first has committed.
    fn why_unusable(token: &TokenHash, now: Timestamp) -> Option<UnusableToken> = "
        SELECT auth_session AS login, used_at IS NOT NULL AS used, expires_at <= $2 AS expired
        FROM refresh_token
        WHERE hash = $1";

    /// Whose unused refresh token that is, for requests that can show nothing but the cookie; `None` when it is good for
    /// nothing any more. Uses nothing up.
    pub fn holder_of_refresh(token: &TokenHash, now: Timestamp) -> Option<UserId> = "
        SELECT s.account
        FROM refresh_token t
        JOIN auth_session s ON s.id = t.auth_session
        JOIN account a ON a.id = s.account
        WHERE t.hash = $1 AND t.used_at IS NULL AND t.expires_at > $2 AND s.ended_at IS NULL AND a.disabled_at IS NULL";

    /// Ends a login and with it all its refresh tokens. `false`: it was over already, or never was.
    pub fn end_login(login: LoginId, now: Timestamp) -> bool = "
        UPDATE auth_session SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL";

    /// Ends every login of a user; those that this call ended.
    pub fn end_logins_of(user: UserId, now: Timestamp) -> Vec<LoginId> = "
        UPDATE auth_session SET ended_at = $2 WHERE account = $1 AND ended_at IS NULL RETURNING id";

    /// Logins that ended at `since` or later, oldest first: access tokens of theirs that are still young are refused.
    pub fn logins_ended_since(since: Timestamp) -> Vec<LoginId> = "
        SELECT id FROM auth_session WHERE ended_at >= $1 ORDER BY ended_at";
}

impl Store {
    /// Opens a login of an account that exists.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open_login(&self, user: UserId, login: &NewLogin) -> Result<(), StoreError> {
        open(&self.pool.get().await?, user, login, login.expires_at()?).await
    }

    /// Exchanges a refresh token for its successor. Of two callers with the same token exactly one is `Rotated`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn rotate_refresh(
        &self,
        old: &TokenHash,
        new: &TokenHash,
        now: Timestamp,
    ) -> Result<Rotation, StoreError> {
        let conn = self.pool.get().await?;
        if let Some(RotatedToken { login, account }) = rotate(&conn, old, new, now, expiry(now)?).await? {
            return Ok(Rotation::Rotated { login, account });
        }
        Ok(match why_unusable(&conn, old, now).await? {
            // An expired token proves nothing any more, used or not: soon its row is gone and it is unknown.
            Some(token) if token.expired => Rotation::Expired,
            Some(UnusableToken { login, used: true, .. }) => {
                end_login(&conn, login, now).await?;
                Rotation::Replayed { login }
            }
            Some(_) | None => Rotation::Unknown,
        })
    }
}
