//! Rows of objects and the ledger of what they cost: reserved before an upload, sealed with the reference.
//! Called by `vault`, and by the files of `store` that insert a reference. Never touches bytes.

use uuid::Uuid;

use super::{
    Store, StoreError,
    pool::{Params, Tx},
    rows::{count, get},
};
use m4sh_domain::ids::UserId;
use m4sh_domain::limits;

m4sh_domain::named_enum! {
    /// What somebody pays for.
    pub enum LedgerKind {
        /// A kept state of a board.
        Snapshot = "snapshot",
        /// A picture or document on a board.
        Asset = "asset",
        /// An export's file.
        Export = "export",
    }
}

/// An object to be uploaded.
#[derive(Clone, Debug)]
pub struct NewBlob {
    /// A fresh id.
    pub id: Uuid,
    /// Its key.
    pub key: String,
    /// What it is.
    pub sha256: [u8; 32],
    /// Its length in bytes.
    pub size: u64,
    /// Its media type.
    pub media_type: String,
}

/// What came of the wish to upload.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum UploadStart {
    /// The row is written and the cost reserved: upload now.
    Fresh,
    /// The same bytes lie under this key already, in this row; the cost is reserved.
    Known(Uuid),
    /// Another upload of this key is under way.
    Busy,
    /// Other bytes lie under this key, and something refers to them.
    Taken,
    /// It does not fit.
    Full(Usage),
}

/// Bytes that lie in the store and that nothing refers to yet. A reference's transaction seals it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UploadedObject {
    /// The id of the row that will refer to it.
    pub reference: Uuid,
    /// Its row.
    pub blob: Uuid,
    /// Its length in bytes.
    pub size: u64,
    /// What it is.
    pub sha256: [u8; 32],
    /// The store's own version of it.
    pub version: Option<String>,
    /// Whether a reservation becomes used with the seal.
    pub charged: bool,
}

/// What an account's objects cost, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Usage {
    /// What is kept.
    pub used: u64,
    /// What is on its way.
    pub reserved: u64,
    /// What may be kept; 0 is as much as one likes.
    pub quota: u64,
}

/// An object that can be served.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BlobInfo {
    /// What it is.
    pub sha256: [u8; 32],
    /// Its length in bytes.
    pub size: u64,
    /// Its media type.
    pub media_type: String,
}

/// Whoever removes or uploads an object holds its key's lock: a removal that is under way cannot hit a newer upload.
pub(super) const LOCK_KEY: &str = "SELECT pg_advisory_xact_lock(hashtextextended('object ' || $1::text, 0))";

const FORGET_RESERVATION: &str = "DELETE FROM ledger WHERE ref = $1 AND reserved_until IS NOT NULL";

/// Checks and books in one statement, under the lock of the account's row: of reservations that come together the next
/// one sees what the last one took. A trigger keeps `account_usage`.
const RESERVE: &str = "
    WITH room AS MATERIALIZED (
        SELECT u.used, u.reserved, a.quota_bytes AS quota
        FROM account_usage u JOIN account a ON a.id = u.account
        WHERE u.account = $2
        FOR UPDATE OF u
    ), booked AS (
        INSERT INTO ledger (ref, account, kind, bytes, reserved_until)
        SELECT $1, $2, $3, $4, now() + make_interval(secs => $5)
        FROM room
        WHERE quota = 0 OR used + reserved + $4 <= quota
        RETURNING ref
    )
    SELECT used, reserved, quota, EXISTS (SELECT FROM booked) AS fits FROM room";

/// Whether something refers to the blob `b`.
macro_rules! referred_to {
    () => {
        "(EXISTS (SELECT FROM revision r WHERE r.blob = b.id) OR EXISTS (SELECT FROM asset r WHERE r.blob = b.id)
            OR EXISTS (SELECT FROM rendition r WHERE r.blob = b.id) OR EXISTS (SELECT FROM job r WHERE r.blob = b.id))"
    };
}
pub(super) use referred_to;

const UNDER_KEY: &str = concat!(
    "SELECT b.id, b.sha256, b.stored_at IS NOT NULL AS stored,
        b.created_at < now() - make_interval(secs => $2) AS stale, ",
    referred_to!(),
    " AS referred_to
    FROM blob b
    WHERE b.key = $1
    FOR NO KEY UPDATE OF b"
);

/// Whoever found these bytes lying there needs them for a moment, though nothing refers to them.
const SPARE: &str = "
    INSERT INTO loose_blob (blob, since) VALUES ($1, now() + make_interval(secs => $2))
    ON CONFLICT (blob) DO UPDATE SET since = excluded.since";

const DELETE_BLOB: &str = "DELETE FROM blob WHERE id = $1";

const INSERT_BLOB: &str = "
    INSERT INTO blob (id, key, sha256, size, media_type) VALUES ($1, $2, $3, $4, $5)";

const UNDOOM: &str = "DELETE FROM doomed_object WHERE key = $1";

const SEAL_LEDGER: &str = "UPDATE ledger SET reserved_until = NULL WHERE ref = $1 AND reserved_until IS NOT NULL";

const SEAL_BLOB: &str = "
    UPDATE blob SET stored_at = coalesce(stored_at, now()), version = coalesce($2, version) WHERE id = $1";

/// What was sealed meanwhile stays.
const RELEASE: &str = "
    WITH freed AS (
        DELETE FROM ledger WHERE ref = $1 AND reserved_until IS NOT NULL
    )
    DELETE FROM blob WHERE id = $2 AND stored_at IS NULL";

const USAGE: &str = "
    SELECT u.used, u.reserved, a.quota_bytes AS quota
    FROM account_usage u JOIN account a ON a.id = u.account
    WHERE u.account = $1";

const CARD: &str = "SELECT sha256, size, media_type FROM blob WHERE key = $1 AND stored_at IS NOT NULL";

/// Makes a deposit part of the transaction that inserted its reference: the bytes are called stored and the reservation
/// becomes used. Call it last: locks are taken in the order in which deletions cascade (reference, object, account), so
/// that nobody waits in a circle.
///
/// # Errors
/// `Unavailable` when the deposit was given up (its reservation ran out); the transaction must not be committed.
pub(super) async fn seal(tx: &Tx<'_>, deposited: &UploadedObject) -> Result<(), StoreError> {
    if tx.execute(SEAL_BLOB, &[&deposited.blob, &deposited.version]).await? != 1 {
        return Err(StoreError::unavailable("the upload was given up"));
    }
    if deposited.charged && tx.execute(SEAL_LEDGER, &[&deposited.reference]).await? != 1 {
        return Err(StoreError::unavailable("the reservation has run out"));
    }
    Ok(())
}

/// Reserves room in an account, `None` when it fits. The reservation counts at once and for `life` seconds.
pub(super) async fn reserve(
    tx: &Tx<'_>,
    reference: Uuid,
    (account, kind): (UserId, LedgerKind),
    bytes: u64,
) -> Result<Option<Usage>, StoreError> {
    tx.execute(FORGET_RESERVATION, &[&reference]).await?;
    let bytes = i64::try_from(bytes).map_err(StoreError::query)?;
    let life = limits::UPLOAD_LIFE.as_secs_f64();
    let row: Params = &[&reference, &account.0, &kind.name(), &bytes, &life];
    let row = tx.query_opt(RESERVE, row).await?.ok_or_else(|| StoreError::query("there is no such account"))?;
    Ok(if get(&row, "fits")? { None } else { Some(usage(&row)?) })
}

pub(super) fn usage(row: &tokio_postgres::Row) -> Result<Usage, StoreError> {
    Ok(Usage { used: count(row, "used")?, reserved: count(row, "reserved")?, quota: count(row, "quota")? })
}

/// What lies under a key already.
enum ExistingObject {
    /// These very bytes.
    Same(Uuid),
    /// Others, which something refers to.
    Taken,
    /// An upload that is under way.
    Busy,
    /// What nobody needs any more.
    Refuse(Uuid),
}

impl ExistingObject {
    fn read(row: &tokio_postgres::Row, sha256: &[u8; 32]) -> Result<Self, StoreError> {
        let id = get(row, "id")?;
        let (stored, stale, used): (bool, bool, bool) =
            (get(row, "stored")?, get(row, "stale")?, get(row, "referred_to")?);
        Ok(match (stored, stale) {
            (true, _) if get::<&[u8]>(row, "sha256")? == sha256 => Self::Same(id),
            (true, _) if used => Self::Taken,
            (true, _) | (false, true) => Self::Refuse(id),
            (false, false) => Self::Busy,
        })
    }
}

impl Store {
    /// Writes the row of an upload to come and reserves what it costs, or says why not; then nothing was written.
    ///
    /// # Errors
    /// `Conflict("ledger_pkey")` when the reference has been paid for already, `Query` when there is no such account, or
    /// as every query.
    pub async fn begin_upload(
        &self,
        new: &NewBlob,
        reference: Uuid,
        charge: Option<(UserId, LedgerKind)>,
    ) -> Result<UploadStart, StoreError> {
        let mut conn = self.pool.get().await?;
        let tx = conn.begin().await?;
        tx.execute(LOCK_KEY, &[&new.key]).await?;
        // An upload that began so long ago has failed: it has a deadline of its own.
        let stale = limits::UPLOAD_DEADLINE.as_secs_f64() * 1.5;
        let found = tx.query_opt(UNDER_KEY, &[&new.key, &stale]).await?;
        let under = found.as_ref().map(|row| ExistingObject::read(row, &new.sha256)).transpose()?;
        match under {
            Some(ExistingObject::Busy) => return Ok(UploadStart::Busy),
            Some(ExistingObject::Taken) => return Ok(UploadStart::Taken),
            None | Some(ExistingObject::Same(_) | ExistingObject::Refuse(_)) => {}
        }
        // The account after the object, as in `seal`.
        if let Some(charge) = charge
            && let Some(full) = reserve(&tx, reference, charge, new.size).await?
        {
            return Ok(UploadStart::Full(full));
        }
        let opened = if let Some(ExistingObject::Same(id)) = under {
            tx.execute(SPARE, &[&id, &limits::UPLOAD_LIFE.as_secs_f64()]).await?;
            UploadStart::Known(id)
        } else {
            if let Some(ExistingObject::Refuse(id)) = under {
                tx.execute(DELETE_BLOB, &[&id]).await?;
            }
            let size = i64::try_from(new.size).map_err(StoreError::query)?;
            let row: Params = &[&new.id, &new.key, &new.sha256.as_slice(), &size, &new.media_type];
            tx.execute(INSERT_BLOB, row).await?;
            // What lay under this key and was to be removed is about to be replaced.
            tx.execute(UNDOOM, &[&new.key]).await?;
            UploadStart::Fresh
        };
        tx.commit().await?;
        Ok(opened)
    }

    /// Takes a reservation back, and the row of an upload that was not sealed; its object is doomed with it.
    ///
    /// # Errors
    /// As every query; then the sweep does it later.
    pub async fn cancel_upload(&self, reference: Uuid, blob: Uuid) -> Result<(), StoreError> {
        self.pool.get().await?.execute(RELEASE, &[&reference, &blob]).await.map(drop)
    }

    /// What an account uses; `None`: no such account.
    ///
    /// # Errors
    /// As every query.
    pub async fn usage(&self, account: UserId) -> Result<Option<Usage>, StoreError> {
        let row = self.pool.get().await?.query_opt(USAGE, &[&account.0]).await?;
        row.as_ref().map(usage).transpose()
    }

    /// What is known of the object under a key; `None`: there is none, or its upload is under way.
    ///
    /// # Errors
    /// As every query.
    pub async fn blob_info(&self, key: &str) -> Result<Option<BlobInfo>, StoreError> {
        let Some(row) = self.pool.get().await?.query_opt(CARD, &[&key]).await? else { return Ok(None) };
        Ok(Some(BlobInfo {
            sha256: get::<&[u8]>(&row, "sha256")?.try_into().map_err(StoreError::query)?,
            size: count(&row, "size")?,
            media_type: get(&row, "media_type")?,
        }))
    }
}

/// What this file asks, for the test that looks at the plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[
    LOCK_KEY,
    FORGET_RESERVATION,
    RESERVE,
    UNDER_KEY,
    SPARE,
    DELETE_BLOB,
    INSERT_BLOB,
    UNDOOM,
    SEAL_LEDGER,
    SEAL_BLOB,
    RELEASE,
    USAGE,
    CARD,
];
