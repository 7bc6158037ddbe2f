//! Logins and their refresh tokens. A login is a family: each rotation uses up one token and makes the next, and a
//! token shown twice ends the family. Called by `identity`. Never sees a token, only its hash.

use jiff::Timestamp;

use super::{Account, RequestOrigin, Store, StoreError, rows::get};
use m4sh_domain::ids::{LoginId, UserId};
use m4sh_domain::limits;

/// SHA-256 of a refresh token.
pub type TokenHash = [u8; 32];

/// A login to be opened.
#[derive(Clone, Debug)]
pub struct NewLogin {
    /// A fresh id.
    pub id: LoginId,
    /// The first refresh token's hash.
    pub refresh: TokenHash,
    /// Now; the token lives for `limits::REFRESH_TOKEN_LIFE` from here.
    pub at: Timestamp,
    /// Where from; kept so that a person can tell one login from another.
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

const OPEN: &str = "
    WITH login AS (
        INSERT INTO auth_session (id, account, created_at, expires_at, address, agent) VALUES ($1, $2, $3, $4, $5, $6)
    )
    INSERT INTO refresh_token (hash, auth_session, expires_at) VALUES ($7, $1, $4)";

/// Whoever updates the token's row first has it. The other waits for that row, finds it used, and gets none.
const ROTATE: &str = "
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

/// Why `ROTATE` gave none; its own statement, so that it sees what the one who was first has committed.
const FATE: &str = "
    SELECT auth_session AS login, used_at IS NOT NULL AS used, expires_at <= $2 AS expired
    FROM refresh_token
    WHERE hash = $1";

/// For requests that can show nothing but the cookie.
const HOLDER: &str = "
    SELECT s.account
    FROM refresh_token t
    JOIN auth_session s ON s.id = t.auth_session
    JOIN account a ON a.id = s.account
    WHERE t.hash = $1 AND t.used_at IS NULL AND t.expires_at > $2 AND s.ended_at IS NULL AND a.disabled_at IS NULL";

const END: &str = "UPDATE auth_session SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL";

const END_ALL: &str = "UPDATE auth_session SET ended_at = $2 WHERE account = $1 AND ended_at IS NULL RETURNING id";

const ENDED_SINCE: &str = "SELECT id FROM auth_session WHERE ended_at >= $1 ORDER BY ended_at";

impl Store {
    /// Opens a login of an account that exists.
    ///
    /// # Errors
    /// As every query.
    pub async fn open_login(&self, user: UserId, login: &NewLogin) -> Result<(), StoreError> {
        let row: super::pool::Params = &[
            &login.id.0,
            &user.0,
            &login.at,
            &login.expires_at()?,
            &login.origin.address,
            &login.origin.agent(),
            &login.refresh.as_slice(),
        ];
        self.pool.get().await?.execute(OPEN, row).await.map(drop)
    }

    /// Exchanges a refresh token for its successor. Of two callers with the same token exactly one is `Rotated`.
    ///
    /// # Errors
    /// As every query.
    pub async fn rotate_refresh(
        &self,
        old: &TokenHash,
        new: &TokenHash,
        now: Timestamp,
    ) -> Result<Rotation, StoreError> {
        let (old, new) = (old.as_slice(), new.as_slice());
        let conn = self.pool.get().await?;
        if let Some(row) = conn.query_opt(ROTATE, &[&old, &new, &now, &expiry(now)?]).await? {
            return Ok(Rotation::Rotated { login: LoginId(get(&row, "login")?), account: Account::from_row(&row)? });
        }
        let Some(row) = conn.query_opt(FATE, &[&old, &now]).await? else { return Ok(Rotation::Unknown) };
        // An expired token proves nothing any more, used or not: soon its row is gone and it is unknown.
        if get(&row, "expired")? {
            return Ok(Rotation::Expired);
        }
        if get(&row, "used")? {
            let login = LoginId(get(&row, "login")?);
            conn.execute(END, &[&login.0, &now]).await?;
            return Ok(Rotation::Replayed { login });
        }
        Ok(Rotation::Unknown)
    }

    /// Whose unused refresh token that is; `None` when it is good for nothing any more. Uses nothing up.
    ///
    /// # Errors
    /// As every query.
    pub async fn holder_of_refresh(&self, token: &TokenHash, now: Timestamp) -> Result<Option<UserId>, StoreError> {
        let row = self.pool.get().await?.query_opt(HOLDER, &[&token.as_slice(), &now]).await?;
        row.map(|row| get(&row, "account").map(UserId)).transpose()
    }

    /// Ends a login and with it all its refresh tokens. `false`: it was over already, or never was.
    ///
    /// # Errors
    /// As every query.
    pub async fn end_login(&self, login: LoginId, now: Timestamp) -> Result<bool, StoreError> {
        Ok(self.pool.get().await?.execute(END, &[&login.0, &now]).await? == 1)
    }

    /// Ends every login of a user; those that this call ended.
    ///
    /// # Errors
    /// As every query.
    pub async fn end_logins_of(&self, user: UserId, now: Timestamp) -> Result<Vec<LoginId>, StoreError> {
        let rows = self.pool.get().await?.query(END_ALL, &[&user.0, &now]).await?;
        rows.iter().map(|row| get(row, "id").map(LoginId)).collect()
    }

    /// Logins that ended at `since` or later, oldest first: access tokens of theirs that are still young are refused.
    ///
    /// # Errors
    /// As every query.
    pub async fn logins_ended_since(&self, since: Timestamp) -> Result<Vec<LoginId>, StoreError> {
        let rows = self.pool.get().await?.query(ENDED_SINCE, &[&since]).await?;
        rows.iter().map(|row| get(row, "id").map(LoginId)).collect()
    }
}

/// What this file asks, for the test that looks at the plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[OPEN, ROTATE, FATE, HOLDER, END, END_ALL, ENDED_SINCE];
