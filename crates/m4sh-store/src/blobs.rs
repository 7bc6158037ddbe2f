//! Rows of objects and the ledger of what they cost: reserved before an upload, sealed with the reference.
//! Called by `objects`, and by the files of this crate that insert a reference. Never touches bytes.

use uuid::Uuid;

use crate::{
    Store, StoreError,
    pool::Tx,
    query::{queries, row, text_enum},
};
use m4sh_domain::ids::UserId;
use m4sh_domain::limits;

text_enum! {
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
    pub id: Uuid,
    pub key: String,
    pub sha256: [u8; 32],
    /// Bytes.
    pub size: u64,
    pub media_type: String,
}

/// What came of beginning an upload.
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
    /// Bytes.
    pub size: u64,
    pub sha256: [u8; 32],
    /// The store's own version of it.
    pub version: Option<String>,
    /// Whether a reservation becomes used with the seal.
    pub charged: bool,
}

row! {
    /// What an account's objects cost, in bytes.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Usage {
        /// What is kept.
        pub used: u64,
        /// What is on its way.
        pub reserved: u64,
        /// What may be kept; 0 is unlimited.
        pub quota: u64,
    }
}

row! {
    /// An object that can be served.
    #[derive(Clone, PartialEq, Eq, Debug)]
    pub struct BlobInfo {
        pub sha256: [u8; 32],
        /// Bytes.
        pub size: u64,
        pub media_type: String,
    }
}

row! {
    struct Reservation {
        usage: Usage,
        fits: bool,
    }
}

row! {
    /// What lies under a key already.
    struct ExistingObject {
        id: Uuid,
        sha256: [u8; 32],
        stored: bool,
        /// An upload that has run out of time.
        stale: bool,
        referred_to: bool,
    }
}

/// Whether something refers to the blob `b`.
macro_rules! referred_to {
    () => {
        "(EXISTS (SELECT FROM revision r WHERE r.blob = b.id) OR EXISTS (SELECT FROM asset r WHERE r.blob = b.id)
            OR EXISTS (SELECT FROM rendition r WHERE r.blob = b.id) OR EXISTS (SELECT FROM job r WHERE r.blob = b.id))"
    };
}
pub(super) use referred_to;

queries! {
    /// Whoever removes or uploads an object holds its key's lock: a removal that is under way cannot hit a newer upload.
    pub(crate) fn lock_object_key(key: &str) -> () = "SELECT pg_advisory_xact_lock(hashtextextended('object ' || $1::text, 0))";

    fn forget_reservation(reference: Uuid) -> () = "
        DELETE FROM ledger WHERE ref = $1 AND reserved_until IS NOT NULL";

    /// Checks and books in one statement, under the lock of the account's row: of reservations that come together the next
    /// one sees what the last one took. A trigger keeps `account_usage`.
    fn book(reference: Uuid, account: UserId, kind: LedgerKind, bytes: u64) -> Option<Reservation> = "
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
        SELECT used, reserved, quota, EXISTS (SELECT FROM booked) AS fits FROM room", [
        reference, account, kind, bytes, limits::UPLOAD_LIFE,
    ];

    /// An upload that began before one and a half deadlines has failed.
    fn existing_object(key: &str) -> Option<ExistingObject> = concat!(
        "SELECT b.id, b.sha256, b.stored_at IS NOT NULL AS stored,
            b.created_at < now() - make_interval(secs => $2) AS stale, ", referred_to!(), " AS referred_to
        FROM blob b
        WHERE b.key = $1
        FOR NO KEY UPDATE OF b"
    ), [key, limits::UPLOAD_DEADLINE.mul_f64(1.5)];

    /// Whoever found these bytes lying there needs them for a moment, though nothing refers to them.
    fn spare(blob: Uuid) -> () = "
        INSERT INTO loose_blob (blob, since) VALUES ($1, now() + make_interval(secs => $2))
        ON CONFLICT (blob) DO UPDATE SET since = excluded.since", [blob, limits::UPLOAD_LIFE];

    fn delete_blob(id: Uuid) -> () = "DELETE FROM blob WHERE id = $1";

    fn insert_blob(new: &NewBlob) -> () = "
        INSERT INTO blob (id, key, sha256, size, media_type) VALUES ($1, $2, $3, $4, $5)", [
        new.id, &new.key, &new.sha256, new.size, &new.media_type,
    ];

    pub(crate) fn cancel_object_deletion(key: &str) -> () = "DELETE FROM doomed_object WHERE key = $1";

    fn seal_ledger(reference: Uuid) -> bool = "
        UPDATE ledger SET reserved_until = NULL WHERE ref = $1 AND reserved_until IS NOT NULL";

    fn seal_blob(id: Uuid, version: Option<&str>) -> bool = "
        UPDATE blob SET stored_at = coalesce(stored_at, now()), version = coalesce($2, version) WHERE id = $1";

    /// Takes a reservation back, and the row of an upload that was not sealed; its object is removed with it. What was
    /// sealed meanwhile stays. When this fails, garbage collection does it later.
    pub fn cancel_upload(reference: Uuid, blob: Uuid) -> () = "
        WITH freed AS (
            DELETE FROM ledger WHERE ref = $1 AND reserved_until IS NOT NULL
        )
        DELETE FROM blob WHERE id = $2 AND stored_at IS NULL";

    /// What an account uses; `None`: no such account.
    pub fn usage(account: UserId) -> Option<Usage> = "
        SELECT u.used, u.reserved, a.quota_bytes AS quota
        FROM account_usage u JOIN account a ON a.id = u.account
        WHERE u.account = $1";

    /// What is known of the object under a key; `None`: there is none, or its upload is under way.
    pub fn blob_info(key: &str) -> Option<BlobInfo> = "
        SELECT sha256, size, media_type FROM blob WHERE key = $1 AND stored_at IS NOT NULL";
}

/// Makes an upload part of the transaction that inserted its reference: the bytes are called stored and the reservation
/// becomes used. Call it last: locks are taken in the order in which deletions cascade (reference, object, account), so
/// that nobody waits in a circle.
///
/// # Errors
/// `Unavailable` when the upload was given up (its reservation ran out); the transaction must not be committed.
pub(super) async fn seal(tx: &Tx<'_>, uploaded: &UploadedObject) -> Result<(), StoreError> {
    if !seal_blob(tx, uploaded.blob, uploaded.version.as_deref()).await? {
        return Err(StoreError::unavailable("the upload was given up"));
    }
    if uploaded.charged && !seal_ledger(tx, uploaded.reference).await? {
        return Err(StoreError::unavailable("the reservation has run out"));
    }
    Ok(())
}

/// Reserves room in an account, `None` when it fits. The reservation counts at once and for `limits::UPLOAD_LIFE`.
pub(super) async fn reserve(
    tx: &Tx<'_>,
    reference: Uuid,
    (account, kind): (UserId, LedgerKind),
    bytes: u64,
) -> Result<Option<Usage>, StoreError> {
    forget_reservation(tx, reference).await?;
    let booked = book(tx, reference, account, kind, bytes).await?;
    let booked = booked.ok_or_else(|| StoreError::query("there is no such account"))?;
    Ok((!booked.fits).then_some(booked.usage))
}

impl Store {
    /// Writes the row of an upload to come and reserves what it costs, or says why not; then nothing was written.
    ///
    /// # Errors
    /// `Conflict("ledger_pkey")` when the reference has been paid for already, `Query` when there is no such account, or
    /// another [`StoreError`].
    pub async fn begin_upload(
        &self,
        new: &NewBlob,
        reference: Uuid,
        charge: Option<(UserId, LedgerKind)>,
    ) -> Result<UploadStart, StoreError> {
        let mut conn = self.pool.get().await?;
        let tx = conn.begin().await?;
        lock_object_key(&tx, &new.key).await?;
        let existing = existing_object(&tx, &new.key).await?;
        let same = existing.as_ref().filter(|it| it.stored && it.sha256 == new.sha256).map(|it| it.id);
        match &existing {
            Some(it) if !it.stored && !it.stale => return Ok(UploadStart::Busy),
            Some(it) if it.stored && it.referred_to && same.is_none() => return Ok(UploadStart::Taken),
            _ => {}
        }
        // The account after the object, as in `seal`.
        if let Some(charge) = charge
            && let Some(full) = reserve(&tx, reference, charge, new.size).await?
        {
            return Ok(UploadStart::Full(full));
        }
        let start = if let Some(id) = same {
            spare(&tx, id).await?;
            UploadStart::Known(id)
        } else {
            if let Some(unneeded) = existing {
                delete_blob(&tx, unneeded.id).await?;
            }
            insert_blob(&tx, new).await?;
            // What lay under this key and was to be removed is about to be replaced.
            cancel_object_deletion(&tx, &new.key).await?;
            UploadStart::Fresh
        };
        tx.commit().await?;
        Ok(start)
    }
}
