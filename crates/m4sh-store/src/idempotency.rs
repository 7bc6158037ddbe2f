//! Answers that may be asked for twice: whoever inserts the row does the work, the others wait for its answer.
//! Called by `http::once`. Never knows what the answer means.

use std::time::Duration;

use jiff::Timestamp;

use super::{Store, StoreError, rows::get};
use m4sh_domain::ids::UserId;

/// One person's key within a scope.
#[derive(Clone, Copy, Debug)]
pub struct IdempotencyKey<'a> {
    /// Whose.
    pub account: UserId,
    /// What for, such as a route and its object.
    pub scope: &'a str,
    /// The client's key.
    pub key: &'a str,
}

/// What becomes of a request under a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum IdempotentRequest {
    /// It is the first: do the work, then `store_response` or `forget_idempotency_key` with this token.
    Mine(Timestamp),
    /// Another one is at it: ask again soon.
    Waiting,
    /// It was answered.
    Answered {
        /// The status.
        status: u16,
        /// The body.
        body: Vec<u8>,
    },
    /// The key was used for something else.
    Reused,
}

/// The time at which a turn runs out is also its token: whoever takes over a dead one has another.
const BEGIN: &str = "
    INSERT INTO idempotency AS i (account, scope, key, fingerprint, expires_at)
    VALUES ($1, $2, $3, $4, clock_timestamp() + make_interval(secs => $5))
    ON CONFLICT ON CONSTRAINT idempotency_pkey DO UPDATE
        SET fingerprint = excluded.fingerprint, status = NULL, body = NULL, expires_at = excluded.expires_at
        WHERE i.expires_at <= clock_timestamp()
    RETURNING expires_at";

const LOOK: &str = "
    SELECT fingerprint = $4 AS same, status, body FROM idempotency WHERE account = $1 AND scope = $2 AND key = $3";

const ANSWER: &str = "
    UPDATE idempotency SET status = $5, body = $6, expires_at = clock_timestamp() + make_interval(secs => $7)
    WHERE account = $1 AND scope = $2 AND key = $3 AND status IS NULL AND expires_at = $4";

const FORGET: &str = "
    DELETE FROM idempotency WHERE account = $1 AND scope = $2 AND key = $3 AND status IS NULL AND expires_at = $4";

impl Store {
    /// Begins a request under a key; a turn is lost after `within`.
    ///
    /// # Errors
    /// As every query; `Query` when the account does not exist.
    pub async fn begin_idempotent(
        &self,
        asked: IdempotencyKey<'_>,
        fingerprint: &[u8; 32],
        within: Duration,
    ) -> Result<IdempotentRequest, StoreError> {
        let IdempotencyKey { account, scope, key } = asked;
        let fingerprint = fingerprint.as_slice();
        let conn = self.pool.get().await?;
        let row = conn.query_opt(BEGIN, &[&account.0, &scope, &key, &fingerprint, &within.as_secs_f64()]).await?;
        if let Some(row) = row {
            return Ok(IdempotentRequest::Mine(get(&row, "expires_at")?));
        }
        // Gone in between: the next look begins anew.
        let Some(row) = conn.query_opt(LOOK, &[&account.0, &scope, &key, &fingerprint]).await? else {
            return Ok(IdempotentRequest::Waiting);
        };
        if !get::<bool>(&row, "same")? {
            return Ok(IdempotentRequest::Reused);
        }
        match (get::<Option<i16>>(&row, "status")?, get::<Option<Vec<u8>>>(&row, "body")?) {
            (Some(status), Some(body)) => {
                Ok(IdempotentRequest::Answered { status: status.try_into().map_err(StoreError::query)?, body })
            }
            (_, _) => Ok(IdempotentRequest::Waiting),
        }
    }

    /// Keeps the answer for `life`. `false`: the turn was lost meanwhile.
    ///
    /// # Errors
    /// As every query.
    pub async fn store_response(
        &self,
        asked: IdempotencyKey<'_>,
        turn: Timestamp,
        status: u16,
        body: &[u8],
        life: Duration,
    ) -> Result<bool, StoreError> {
        let IdempotencyKey { account, scope, key } = asked;
        let status = i16::try_from(status).map_err(StoreError::query)?;
        let row: super::pool::Params = &[&account.0, &scope, &key, &turn, &status, &body, &life.as_secs_f64()];
        Ok(self.pool.get().await?.execute(ANSWER, row).await? == 1)
    }

    /// Gives the turn up: the work was refused, and the key may be used again.
    ///
    /// # Errors
    /// As every query.
    pub async fn forget_idempotency_key(&self, asked: IdempotencyKey<'_>, turn: Timestamp) -> Result<(), StoreError> {
        let IdempotencyKey { account, scope, key } = asked;
        self.pool.get().await?.execute(FORGET, &[&account.0, &scope, &key, &turn]).await.map(drop)
    }
}

/// What this file asks, for the test that looks at the plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[BEGIN, LOOK, ANSWER, FORGET];
