//! What is removed in the background: objects and rows that nothing refers to, reservations that ran out, and the
//! comparison of accounts with the ledger. Called by `vault`. Never removes what something refers to, and never waits
//! for a row that a request holds.

use std::time::Duration;

use uuid::Uuid;

use super::{
    Store, StoreError,
    blobs::{LOCK_KEY, referred_to},
    rows::get,
};
use m4sh_domain::ids::UserId;

/// Rows of one step: each is a short transaction.
const ROWS: i64 = 500;

const EXPIRE_RESERVATIONS: &str = "
    DELETE FROM ledger WHERE ref IN (
        SELECT ref FROM ledger WHERE reserved_until < now() ORDER BY reserved_until LIMIT $1 FOR UPDATE SKIP LOCKED
    )";

const GIVE_UP_UPLOADS: &str = "
    DELETE FROM blob WHERE id IN (
        SELECT id FROM blob WHERE stored_at IS NULL AND created_at <= now() - make_interval(secs => $2)
        ORDER BY created_at LIMIT $1 FOR UPDATE SKIP LOCKED
    )";

const LOOSE: &str = "SELECT blob FROM loose_blob WHERE since <= now() AND blob > $1 ORDER BY blob LIMIT $2";

/// Nobody can begin to refer to a row that is locked like this.
const LOCK_BLOBS: &str = "SELECT id FROM blob WHERE id = ANY($1) ORDER BY id FOR UPDATE SKIP LOCKED";

const DELETE_LOOSE: &str =
    concat!("DELETE FROM blob b WHERE b.id = ANY($1) AND b.stored_at IS NOT NULL AND NOT ", referred_to!());

/// Forgets that a row was loose when something refers to it that is not just going: a reference that cannot be locked is
/// being deleted, and then the row must be looked at again.
const STILL_USED: &str = "
    DELETE FROM loose_blob l
    WHERE l.blob = ANY($1) AND (
        EXISTS (SELECT FROM revision r WHERE r.blob = l.blob FOR KEY SHARE SKIP LOCKED)
        OR EXISTS (SELECT FROM asset r WHERE r.blob = l.blob FOR KEY SHARE SKIP LOCKED)
        OR EXISTS (SELECT FROM rendition r WHERE r.blob = l.blob FOR KEY SHARE SKIP LOCKED)
        OR EXISTS (SELECT FROM job r WHERE r.blob = l.blob FOR KEY SHARE SKIP LOCKED)
    )";

const DOOMED: &str = "SELECT key FROM doomed_object WHERE key > $1 ORDER BY key LIMIT $2";

const HAS_ROW: &str = "SELECT EXISTS (SELECT FROM blob WHERE key = $1)";

const UNDOOM: &str = "DELETE FROM doomed_object WHERE key = $1";

/// Dooms those of the keys that have no row; whether they still have none is asked again under the key's lock.
const DOOM: &str = "
    INSERT INTO doomed_object (key)
    SELECT k FROM unnest($1::text[]) AS k WHERE NOT EXISTS (SELECT FROM blob WHERE key = k)
    ON CONFLICT (key) DO UPDATE SET since = doomed_object.since
    RETURNING key";

const STORED: &str = "SELECT id, key FROM blob WHERE id > $1 AND stored_at < $2 ORDER BY id LIMIT $3";

const LOOSEN: &str = concat!(
    "INSERT INTO loose_blob (blob) SELECT b.id FROM blob b WHERE b.id = ANY($1) AND NOT ",
    referred_to!(),
    " ON CONFLICT DO NOTHING"
);

/// Reads the whole ledger, and is meant to: it runs once a night.
const DRIFTED: &str = "
    SELECT u.account
    FROM account_usage u
    LEFT JOIN (
        SELECT account,
            coalesce(sum(bytes) FILTER (WHERE reserved_until IS NULL), 0) AS used,
            coalesce(sum(bytes) FILTER (WHERE reserved_until IS NOT NULL), 0) AS reserved
        FROM ledger GROUP BY account
    ) l ON l.account = u.account
    WHERE u.used <> coalesce(l.used, 0) OR u.reserved <> coalesce(l.reserved, 0)";

const LOCK_USAGE: &str = "SELECT used, reserved FROM account_usage WHERE account = $1 FOR UPDATE";

/// After the lock and as its own statement: it sees every booking that the lock waited for.
const MEND: &str = "
    UPDATE account_usage u SET used = l.used, reserved = l.reserved
    FROM (
        SELECT coalesce(sum(bytes) FILTER (WHERE reserved_until IS NULL), 0)::bigint AS used,
            coalesce(sum(bytes) FILTER (WHERE reserved_until IS NOT NULL), 0)::bigint AS reserved
        FROM ledger WHERE account = $1
    ) l
    WHERE u.account = $1 AND (u.used <> l.used OR u.reserved <> l.reserved)
    RETURNING u.used, u.reserved";

/// A row of the store's own list, beside what the object store says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredBlob {
    /// The row.
    pub id: Uuid,
    /// The object's key.
    pub key: String,
}

/// An account whose numbers were not the ledger's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CorrectedUsage {
    /// Whose.
    pub account: UserId,
    /// Used and reserved bytes, as they stood.
    pub was: (i64, i64),
    /// Used and reserved bytes, as the ledger has them.
    pub is: (i64, i64),
}

impl Store {
    /// Takes back some reservations that ran out, and says how many; 0 when none is left.
    ///
    /// # Errors
    /// As every query.
    pub async fn expire_reservations(&self) -> Result<u64, StoreError> {
        self.pool.get().await?.execute(EXPIRE_RESERVATIONS, &[&ROWS]).await
    }

    /// Deletes some rows of uploads that began before `age` and were never sealed, and says how many.
    ///
    /// # Errors
    /// As every query.
    pub async fn expire_uploads(&self, age: Duration) -> Result<u64, StoreError> {
        self.pool.get().await?.execute(GIVE_UP_UPLOADS, &[&ROWS, &age.as_secs_f64()]).await
    }

    /// Looks at some rows after `after` that lost a reference, and deletes those that have none. Answers how many it
    /// deleted and where to go on; `None`: that was all.
    ///
    /// # Errors
    /// As every query.
    pub async fn delete_unreferenced_blobs(&self, after: Uuid) -> Result<(u64, Option<Uuid>), StoreError> {
        let mut conn = self.pool.get().await?;
        let tx = conn.begin().await?;
        let rows = tx.query(LOOSE, &[&after, &ROWS]).await?;
        let loose = rows.iter().map(|row| get(row, "blob")).collect::<Result<Vec<Uuid>, _>>()?;
        let rows = tx.query(LOCK_BLOBS, &[&loose]).await?;
        let ids = rows.iter().map(|row| get(row, "id")).collect::<Result<Vec<Uuid>, _>>()?;
        // Statements of their own: they see what was committed before the lock was got.
        let dropped = tx.execute(DELETE_LOOSE, &[&ids]).await?;
        tx.execute(STILL_USED, &[&ids]).await?;
        tx.commit().await?;
        Ok((dropped, loose.last().copied()))
    }

    /// Some keys of objects to be removed, after `after`.
    ///
    /// # Errors
    /// As every query.
    pub async fn pending_object_deletions(&self, after: &str) -> Result<Vec<String>, StoreError> {
        let rows = self.pool.get().await?.query(DOOMED, &[&after, &ROWS]).await?;
        rows.iter().map(|row| get(row, "key")).collect()
    }

    /// Removes one doomed object with `remove`, which says whether it did, while nobody can begin to upload under its
    /// key. Does not call it when the key has a row again. `remove` must end within `limits::OBJECT_CALL`.
    ///
    /// # Errors
    /// As every query; the object is then removed once more.
    pub async fn delete_pending_object(
        &self,
        key: &str,
        remove: impl Future<Output = bool>,
    ) -> Result<bool, StoreError> {
        let mut conn = self.pool.get().await?;
        let tx = conn.begin().await?;
        tx.execute(LOCK_KEY, &[&key]).await?;
        let row = tx.query_opt(HAS_ROW, &[&key]).await?;
        let has_row = row.map_or(Ok(false), |row| get(&row, "exists"))?;
        let removed = !has_row && remove.await;
        if has_row || removed {
            tx.execute(UNDOOM, &[&key]).await?;
        }
        tx.commit().await?;
        Ok(removed)
    }

    /// Dooms those of the keys that have no row, and says how many these are.
    ///
    /// # Errors
    /// As every query.
    pub async fn queue_objects_without_row(&self, keys: &[String]) -> Result<u64, StoreError> {
        Ok(self.pool.get().await?.query(DOOM, &[&keys]).await?.len() as u64)
    }

    /// Some rows after `after` whose objects were stored before `before`.
    ///
    /// # Errors
    /// As every query.
    pub async fn stored_blobs(&self, after: Uuid, before: jiff::Timestamp) -> Result<Vec<StoredBlob>, StoreError> {
        let rows = self.pool.get().await?.query(STORED, &[&after, &before, &ROWS]).await?;
        let read = |row| Ok(StoredBlob { id: get(row, "id")?, key: get(row, "key")? });
        rows.iter().map(read).collect()
    }

    /// Hands those of the rows that nothing refers to to the next `delete_unreferenced_blobs`, and says how many were new to it.
    ///
    /// # Errors
    /// As every query.
    pub async fn mark_unreferenced(&self, ids: &[Uuid]) -> Result<u64, StoreError> {
        self.pool.get().await?.execute(LOOSEN, &[&ids]).await
    }

    /// Sets the numbers of every account that differ from the ledger to the ledger's, and tells them.
    ///
    /// # Errors
    /// As every query; what was mended stays mended.
    pub async fn reconcile_usage(&self) -> Result<Vec<CorrectedUsage>, StoreError> {
        let mut conn = self.pool.get().await?;
        let drifted = conn.query(DRIFTED, &[]).await?;
        let mut mended = Vec::new();
        for row in &drifted {
            let account: Uuid = get(row, "account")?;
            let tx = conn.begin().await?;
            let Some(was) = tx.query_opt(LOCK_USAGE, &[&account]).await? else { continue };
            // A booking may have come between the two looks, and then nothing was wrong.
            let Some(is) = tx.query_opt(MEND, &[&account]).await? else { continue };
            tx.commit().await?;
            mended.push(CorrectedUsage {
                account: UserId(account),
                was: (get(&was, "used")?, get(&was, "reserved")?),
                is: (get(&is, "used")?, get(&is, "reserved")?),
            });
        }
        Ok(mended)
    }
}

/// What this file asks, for the test that looks at the plans. `DRIFTED` reads all there is.
#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[HAS_ROW, UNDOOM, LOCK_USAGE, MEND];
/// What it asks about many rows at once.
#[cfg(test)]
pub(super) const BATCHES: &[&str] =
    &[EXPIRE_RESERVATIONS, GIVE_UP_UPLOADS, LOOSE, LOCK_BLOBS, DELETE_LOOSE, STILL_USED, DOOMED, DOOM, STORED, LOOSEN];
