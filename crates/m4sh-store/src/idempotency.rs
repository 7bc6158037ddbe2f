//! Answers that may be asked for twice: whoever inserts the row does the work, the others wait for its answer.
//! Called by `http::once`. Never knows what the answer means.

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    Store, StoreError,
    query::{queries, row},
};
use m4sh_domain::ids::UserId;

/// One person's key within a scope.
#[derive(Clone, Copy, Debug)]
pub struct IdempotencyKey<'a> {
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
    Answered { status: u16, body: Vec<u8> },
    /// The key was used for something else.
    Reused,
}

row! {
    struct KnownRequest {
        /// Whether the same was asked.
        same: bool,
        status: Option<u16>,
        body: Option<Vec<u8>>,
    }
}

queries! {
    /// The time at which a turn runs out is also its token: whoever takes over a dead one has another.
    fn begin(key: IdempotencyKey<'_>, fingerprint: &[u8; 32], within: Duration) -> Option<Timestamp> = "
        INSERT INTO idempotency AS i (account, scope, key, fingerprint, expires_at)
        VALUES ($1, $2, $3, $4, clock_timestamp() + make_interval(secs => $5))
        ON CONFLICT ON CONSTRAINT idempotency_pkey DO UPDATE
            SET fingerprint = excluded.fingerprint, status = NULL, body = NULL, expires_at = excluded.expires_at
            WHERE i.expires_at <= clock_timestamp()
        RETURNING expires_at", [key.account, key.scope, key.key, fingerprint, within];

    fn known(key: IdempotencyKey<'_>, fingerprint: &[u8; 32]) -> Option<KnownRequest> = "
        SELECT fingerprint = $4 AS same, status, body FROM idempotency WHERE account = $1 AND scope = $2 AND key = $3", [
        key.account, key.scope, key.key, fingerprint,
    ];

    /// Keeps the answer for `life`. `false`: the turn was lost meanwhile.
    pub fn store_response(key: IdempotencyKey<'_>, turn: Timestamp, status: u16, body: &[u8], life: Duration) -> bool = "
        UPDATE idempotency SET status = $5, body = $6, expires_at = clock_timestamp() + make_interval(secs => $7)
        WHERE account = $1 AND scope = $2 AND key = $3 AND status IS NULL AND expires_at = $4", [
        key.account, key.scope, key.key, turn, status, body, life,
    ];

    /// Gives the turn up: the work was refused, and the key may be used again.
    pub fn forget_idempotency_key(key: IdempotencyKey<'_>, turn: Timestamp) -> () = "
        DELETE FROM idempotency WHERE account = $1 AND scope = $2 AND key = $3 AND status IS NULL AND expires_at = $4", [
        key.account, key.scope, key.key, turn,
    ];
}

impl Store {
    /// Begins a request under a key; a turn is lost after `within`.
    ///
    /// # Errors
    /// `Query` when the account does not exist, or another [`StoreError`].
    pub async fn begin_idempotent(
        &self,
        key: IdempotencyKey<'_>,
        fingerprint: &[u8; 32],
        within: Duration,
    ) -> Result<IdempotentRequest, StoreError> {
        let conn = self.pool.get().await?;
        if let Some(token) = begin(&conn, key, fingerprint, within).await? {
            return Ok(IdempotentRequest::Mine(token));
        }
        Ok(match known(&conn, key, fingerprint).await? {
            Some(KnownRequest { same: false, .. }) => IdempotentRequest::Reused,
            Some(KnownRequest { status: Some(status), body: Some(body), .. }) => {
                IdempotentRequest::Answered { status, body }
            }
            // Under way, or gone in between: the next look begins anew.
            Some(_) | None => IdempotentRequest::Waiting,
        })
    }
}
