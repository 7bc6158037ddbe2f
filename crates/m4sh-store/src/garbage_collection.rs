//! What is removed in the background: objects and rows that nothing refers to, reservations that ran out, and the
//! comparison of accounts with the ledger. Called by `objects`. Never removes what something refers to, and never waits
//! for a row that a request holds.

use std::time::Duration;

use uuid::Uuid;

use crate::{
    Store, StoreError,
    blobs::{cancel_object_deletion, lock_object_key, referred_to},
    query::{One, queries, row},
};
use m4sh_domain::ids::UserId;

/// Rows of one step: each is a short transaction.
const ROWS: i64 = 500;

row! {
    /// A row of an object, beside what the object store says.
    #[derive(Clone, PartialEq, Eq, Debug)]
    pub struct StoredBlob {
        pub id: Uuid,
        /// The object's key.
        pub key: String,
    }
}

/// An account whose numbers were not the ledger's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CorrectedUsage {
    pub account: UserId,
    /// Used and reserved bytes, as they stood.
    pub was: (i64, i64),
    /// Used and reserved bytes, as the ledger has them.
    pub is: (i64, i64),
}

queries! {
    /// Takes back some reservations that ran out, and says how many; 0 when none is left.
    #[plan(batch)]
    pub fn expire_reservations() -> u64 = "
        DELETE FROM ledger WHERE ref IN (
            SELECT ref FROM ledger WHERE reserved_until < now() ORDER BY reserved_until LIMIT $1 FOR UPDATE SKIP LOCKED
        )", [ROWS];

    /// Deletes some rows of uploads that began before `age` and were never sealed, and says how many.
    #[plan(batch)]
    pub fn expire_uploads(age: Duration) -> u64 = "
        DELETE FROM blob WHERE id IN (
            SELECT id FROM blob WHERE stored_at IS NULL AND created_at <= now() - make_interval(secs => $2)
            ORDER BY created_at LIMIT $1 FOR UPDATE SKIP LOCKED
        )", [ROWS, age];

    #[plan(batch)]
    fn unreferenced(after: Uuid) -> Vec<Uuid> = "
        SELECT blob FROM loose_blob WHERE since <= now() AND blob > $1 ORDER BY blob LIMIT $2", [after, ROWS];

    /// Nobody can begin to refer to a row that is locked like this.
    #[plan(batch)]
    fn lock_blobs(ids: &[Uuid]) -> Vec<Uuid> = "
        SELECT id FROM blob WHERE id = ANY($1) ORDER BY id FOR UPDATE SKIP LOCKED";

    #[plan(batch)]
    fn delete_unreferenced(ids: &[Uuid]) -> u64 = concat!(
        "DELETE FROM blob b WHERE b.id = ANY($1) AND b.stored_at IS NOT NULL AND NOT ", referred_to!()
    );

    /// Forgets that a row lost a reference when something refers to it that is not just going: a reference that cannot be
    /// locked is being deleted, and then the row must be looked at again.
    #[plan(batch)]
    fn forget_referenced(ids: &[Uuid]) -> () = "
        DELETE FROM loose_blob l
        WHERE l.blob = ANY($1) AND (
            EXISTS (SELECT FROM revision r WHERE r.blob = l.blob FOR KEY SHARE SKIP LOCKED)
            OR EXISTS (SELECT FROM asset r WHERE r.blob = l.blob FOR KEY SHARE SKIP LOCKED)
            OR EXISTS (SELECT FROM rendition r WHERE r.blob = l.blob FOR KEY SHARE SKIP LOCKED)
            OR EXISTS (SELECT FROM job r WHERE r.blob = l.blob FOR KEY SHARE SKIP LOCKED)
        )";

    /// Some keys of objects to be removed, after `after`.
    #[plan(batch)]
    pub fn pending_object_deletions(after: &str) -> Vec<String> = "
        SELECT key FROM doomed_object WHERE key > $1 ORDER BY key LIMIT $2", [after, ROWS];

    fn has_row(key: &str) -> One<bool> = "SELECT EXISTS (SELECT FROM blob WHERE key = $1)";

    /// Queues the removal of those of the keys that have no row, and says how many these are; whether they still have none
    /// is asked again under the key's lock.
    #[plan(batch)]
    pub fn queue_objects_without_row(keys: &[String]) -> u64 = "
        INSERT INTO doomed_object (key)
        SELECT k FROM unnest($1::text[]) AS k WHERE NOT EXISTS (SELECT FROM blob WHERE key = k)
        ON CONFLICT (key) DO UPDATE SET since = doomed_object.since
        RETURNING key";

    /// Some rows after `after` whose objects were stored before `before`.
    #[plan(batch)]
    pub fn stored_blobs(after: Uuid, before: jiff::Timestamp) -> Vec<StoredBlob> = "
        SELECT id, key FROM blob WHERE id > $1 AND stored_at < $2 ORDER BY id LIMIT $3", [after, before, ROWS];

    /// Hands those of the rows that nothing refers to to the next `delete_unreferenced_blobs`, and says how many were new.
    #[plan(batch)]
    pub fn mark_unreferenced(ids: &[Uuid]) -> u64 = concat!(
        "INSERT INTO loose_blob (blob) SELECT b.id FROM blob b WHERE b.id = ANY($1) AND NOT ", referred_to!(),
        " ON CONFLICT DO NOTHING"
    );

    /// Reads the whole ledger: it runs once a night.
    #[plan(scan)]
    fn accounts_off_ledger() -> Vec<UserId> = "
        SELECT u.account
        FROM account_usage u
        LEFT JOIN (
            SELECT account,
                coalesce(sum(bytes) FILTER (WHERE reserved_until IS NULL), 0) AS used,
                coalesce(sum(bytes) FILTER (WHERE reserved_until IS NOT NULL), 0) AS reserved
            FROM ledger GROUP BY account
        ) l ON l.account = u.account
        WHERE u.used <> coalesce(l.used, 0) OR u.reserved <> coalesce(l.reserved, 0)";

    fn lock_usage(account: UserId) -> Option<(i64, i64)> = "
        SELECT used, reserved FROM account_usage WHERE account = $1 FOR UPDATE";

    /// After the lock and as its own statement: it sees every booking that the lock waited for.
    fn correct_usage(account: UserId) -> Option<(i64, i64)> = "
        UPDATE account_usage u SET used = l.used, reserved = l.reserved
        FROM (
            SELECT coalesce(sum(bytes) FILTER (WHERE reserved_until IS NULL), 0)::bigint AS used,
                coalesce(sum(bytes) FILTER (WHERE reserved_until IS NOT NULL), 0)::bigint AS reserved
            FROM ledger WHERE account = $1
        ) l
        WHERE u.account = $1 AND (u.used <> l.used OR u.reserved <> l.reserved)
        RETURNING u.used, u.reserved";
}

impl Store {
    /// Looks at some rows after `after` that lost a reference, and deletes those that have none. Answers how many it
    /// deleted and where to go on; `None`: that was all.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delete_unreferenced_blobs(&self, after: Uuid) -> Result<(u64, Option<Uuid>), StoreError> {
        let mut conn = self.pool.get().await?;
        let tx = conn.begin().await?;
        let looked_at = unreferenced(&tx, after).await?;
        let ids = lock_blobs(&tx, &looked_at).await?;
        // Statements of their own: they see what was committed before the lock was got.
        let deleted = delete_unreferenced(&tx, &ids).await?;
        forget_referenced(&tx, &ids).await?;
        tx.commit().await?;
        Ok((deleted, looked_at.last().copied()))
    }

    /// Removes one object that is to be removed with `remove`, which says whether it did, while nobody can begin to upload
    /// under its key. Does not call it when the key has a row again. `remove` must end within `limits::OBJECT_CALL`.
    ///
    /// # Errors
    /// [`StoreError`]; the object is then removed once more.
    pub async fn delete_pending_object(
        &self,
        key: &str,
        remove: impl Future<Output = bool>,
    ) -> Result<bool, StoreError> {
        let mut conn = self.pool.get().await?;
        let tx = conn.begin().await?;
        lock_object_key(&tx, key).await?;
        let has_row = has_row(&tx, key).await?;
        let removed = !has_row && remove.await;
        if has_row || removed {
            cancel_object_deletion(&tx, key).await?;
        }
        tx.commit().await?;
        Ok(removed)
    }

    /// Sets the numbers of every account that differ from the ledger to the ledger's, and answers with them.
    ///
    /// # Errors
    /// [`StoreError`]; what was corrected stays corrected.
    pub async fn reconcile_usage(&self) -> Result<Vec<CorrectedUsage>, StoreError> {
        let mut conn = self.pool.get().await?;
        let mut corrected = Vec::new();
        for account in accounts_off_ledger(&conn).await? {
            let tx = conn.begin().await?;
            let Some(was) = lock_usage(&tx, account).await? else { continue };
            // A booking may have come between the two looks, and then nothing was wrong.
            let Some(is) = correct_usage(&tx, account).await? else { continue };
            tx.commit().await?;
            corrected.push(CorrectedUsage { account, was, is });
        }
        Ok(corrected)
    }
}
