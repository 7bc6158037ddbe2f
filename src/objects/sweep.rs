//! Garbage collection: objects without references, uploads that never ended, objects without a row, and accounts that differ
//! from the ledger. Called by the schedule and by `m4sh job`. Never removes what something refers to, and may run on
//! several nodes at once.

use std::{
    collections::HashSet,
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use futures_util::{StreamExt, pin_mut, stream};
use jiff::Timestamp;
use metrics::counter;
use uuid::Uuid;

use super::{ObjectError, ObjectService, OrphanReport, ReconcileReport, SweepReport};
use crate::blobs::BlobError;
use m4sh_domain::limits::{ORPHAN_GRACE, UPLOAD_LIFE};

/// The first part of every key; a bucket may have other tenants.
const PREFIXES: &[&str] = &["solo"];
/// Objects removed at once: each holds a connection to the database meanwhile.
const AT_ONCE: usize = 4;
/// Keys compared with the rows at once.
const KEYS: usize = 500;

impl ObjectService {
    /// Removes expired reservations, uploads that never ended, rows that lost their
    /// last reference, and then all objects that are queued for deletion.
    ///
    /// # Errors
    /// Of the database. A failed removal is counted and is no error.
    pub async fn sweep(&self) -> Result<SweepReport, ObjectError> {
        self.sweep_after(UPLOAD_LIFE).await
    }

    /// The same, with another age of failed uploads.
    pub(super) async fn sweep_after(&self, age: Duration) -> Result<SweepReport, ObjectError> {
        let mut swept = SweepReport::default();
        loop {
            match self.store.expire_reservations().await? {
                0 => break,
                some => swept.reservations += some,
            }
        }
        loop {
            match self.store.expire_uploads(age).await? {
                0 => break,
                some => swept.rows += some,
            }
        }
        let mut at = Uuid::nil();
        loop {
            let (dropped, next) = self.store.delete_unreferenced_blobs(at).await?;
            swept.rows += dropped;
            let Some(next) = next else { break };
            at = next;
        }
        self.remove_doomed(&mut swept).await?;
        counter!("m4sh_vault_removed_objects_total").increment(swept.objects);
        counter!("m4sh_vault_failed_removals_total").increment(swept.failed);
        Ok(swept)
    }

    async fn remove_doomed(&self, swept: &mut SweepReport) -> Result<(), ObjectError> {
        let mut at = String::new();
        loop {
            let keys = self.store.pending_object_deletions(&at).await?;
            let Some(last) = keys.last() else { return Ok(()) };
            at.clone_from(last);
            let removals = stream::iter(keys).map(|key| async move { self.remove(&key).await });
            let removals = removals.buffer_unordered(AT_ONCE);
            pin_mut!(removals);
            while let Some(removal) = removals.next().await {
                match removal? {
                    Removal::Done => swept.objects += 1,
                    Removal::Needless => {}
                    Removal::Failed => swept.failed += 1,
                }
            }
        }
    }

    async fn remove(&self, key: &str) -> Result<Removal, ObjectError> {
        let mut failed = false;
        let remove = async {
            match self.blobs.delete(key).await {
                // Such a name was never stored.
                Ok(()) | Err(BlobError::Key(_)) => true,
                Err(error) => {
                    tracing::warn!(key, %error, "object could not be removed, it will be retried");
                    failed = true;
                    false
                }
            }
        };
        let removed = self.store.delete_pending_object(key, remove).await?;
        Ok(match (removed, failed) {
            (true, _) => Removal::Done,
            (false, true) => Removal::Failed,
            (false, false) => Removal::Needless,
        })
    }

    /// Lists the whole store against the rows. Objects without a row, half-written files and rows without a reference
    /// are removed when they are older than a day; rows without an object are told.
    ///
    /// # Errors
    /// Of the database or the store; what was done stays done.
    pub async fn orphans(&self) -> Result<OrphanReport, ObjectError> {
        self.orphans_after(ORPHAN_GRACE).await
    }

    /// The same, with another minimum age.
    ///
    /// # Errors
    /// As [`orphans`](Self::orphans).
    pub async fn orphans_after(&self, grace: Duration) -> Result<OrphanReport, ObjectError> {
        let before = Timestamp::now() - jiff::SignedDuration::try_from(grace).unwrap_or(jiff::SignedDuration::MAX);
        let mut found = OrphanReport::default();
        // Eight bytes for each object instead of its key.
        let (hasher, mut seen) = (RandomState::new(), HashSet::new());
        for prefix in PREFIXES {
            let listed = self.blobs.list(prefix).chunks(KEYS);
            pin_mut!(listed);
            while let Some(some) = listed.next().await {
                let some = some.into_iter().collect::<Result<Vec<_>, _>>()?;
                found.listed += some.len() as u64;
                seen.extend(some.iter().map(|object| hasher.hash_one(object.key.as_str())));
                let old = some.into_iter().filter(|object| object.modified <= before).map(|object| object.key);
                found.removed += self.store.queue_objects_without_row(&old.collect::<Vec<_>>()).await?;
            }
        }
        found.staged = self.blobs.clear_staged(grace).await?;
        self.check_rows(before, |key| seen.contains(&hasher.hash_one(key)), &mut found).await?;
        let swept = self.sweep().await?;
        counter!("m4sh_vault_orphans_total").increment(found.removed);
        counter!("m4sh_vault_missing_objects_total").increment(found.missing);
        tracing::info!(?found, ?swept, "object store compared with its rows");
        Ok(found)
    }

    /// The reverse: compares each row with the listing, and asks the store for missing ones.
    async fn check_rows(
        &self,
        before: Timestamp,
        was_listed: impl Fn(&str) -> bool,
        found: &mut OrphanReport,
    ) -> Result<(), ObjectError> {
        let mut at = Uuid::nil();
        loop {
            let rows = self.store.stored_blobs(at, before).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            at = last.id;
            let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
            found.loose += self.store.mark_unreferenced(&ids).await?;
            for row in rows.iter().filter(|row| !was_listed(&row.key)) {
                if !self.blobs.exists(&row.key).await? {
                    tracing::error!(key = row.key, "object with a row is missing in the store");
                    found.missing += 1;
                }
            }
        }
    }

    /// Compares the usage of accounts with the sum of the ledger, and corrects differences.
    ///
    /// # Errors
    /// Of the database.
    pub async fn reconcile(&self) -> Result<ReconcileReport, ObjectError> {
        let mended = self.store.reconcile_usage().await?;
        let mut outcome = ReconcileReport::default();
        for one in &mended {
            tracing::error!(account = %one.account, was = ?one.was, is = ?one.is, "storage usage of an account differed from its ledger");
            outcome.mended += 1;
            outcome.drift += one.was.0.abs_diff(one.is.0) + one.was.1.abs_diff(one.is.1);
        }
        counter!("m4sh_vault_drifted_accounts_total").increment(outcome.mended);
        Ok(outcome)
    }
}

/// The outcome of one deletion.
enum Removal {
    Done,
    Needless,
    Failed,
}
