//! Pictures and documents of boards, each once for a board. Called by `http`.
//! Never decides who may see or place one, and never reads an object.

use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    LedgerKind, PageRequest, Store, StoreError, UploadedObject, Usage,
    blobs::{reserve, seal},
    query::{One, Paged, queries, row},
};
use m4sh_domain::ids::{BoardId, UserId};

/// What an uploaded file is, besides its bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewAsset {
    pub board: BoardId,
    /// Its name; at most `limits::NAME_CHARS`.
    pub name: String,
    /// An image's width and height in pixels.
    pub pixels: Option<(u32, u32)>,
    /// A document's pages, where they could be counted.
    pub pages: Option<u32>,
    /// Who uploaded it.
    pub author: UserId,
}

row! {
    /// An asset of a board.
    #[derive(Clone, PartialEq, Eq, Debug)]
    pub struct AssetRow {
        pub id: Uuid,
        /// Of its bytes; its name in operations.
        pub sha256: [u8; 32],
        /// Its name for people.
        pub name: String,
        pub media_type: String,
        /// Bytes.
        pub size: u64,
        /// Of an image, in pixels.
        pub width: Option<u32>,
        /// Of an image, in pixels.
        pub height: Option<u32>,
        /// A document's pages, where they could be counted.
        pub pages: Option<u32>,
        /// Who uploaded it.
        pub author: Option<UserId>,
        pub created_at: Timestamp,
        /// Its object's key.
        pub key: String,
    }
}

/// What came of copying a board's assets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CopyAssetsResult {
    /// So many are the other board's, too.
    Assets(u64),
    /// They do not fit into the account that would pay for them; none was copied.
    Full(Usage),
}

macro_rules! columns {
    () => {
        "a.id, a.sha256, a.name, a.width, a.height, a.pages, a.author, a.created_at, b.media_type, b.size, b.key"
    };
}

queries! {
    /// Of two who upload the same bytes at once the second finds the first one's row.
    fn insert(new: &NewAsset, uploaded: &UploadedObject) -> bool = "
        INSERT INTO asset (id, node, sha256, blob, name, width, height, pages, author)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT (node, sha256) DO NOTHING", [
        uploaded.reference, new.board, &uploaded.sha256, uploaded.blob, &new.name, new.pixels.map(|pixels| pixels.0),
        new.pixels.map(|pixels| pixels.1), new.pages, new.author,
    ];

    /// An asset of a board.
    pub fn asset(board: BoardId, sha256: &[u8; 32]) -> Option<AssetRow> = concat!(
        "SELECT ", columns!(), " FROM asset a JOIN blob b ON b.id = a.blob WHERE a.node = $1 AND a.sha256 = $2"
    );

    /// The keys of those of these assets that a board has.
    pub fn asset_keys(board: BoardId, hashes: &[[u8; 32]]) -> Vec<([u8; 32], String)> = "
        SELECT a.sha256, b.key FROM asset a JOIN blob b ON b.id = a.blob WHERE a.node = $1 AND a.sha256 = ANY($2)";

    /// How many assets a board has, and one page of them, the newest first.
    pub fn list_assets(board: BoardId, page: PageRequest) -> Paged<AssetRow> = concat!(
        "WITH page AS (
            SELECT ", columns!(), "
            FROM asset a JOIN blob b ON b.id = a.blob
            WHERE a.node = $1
            ORDER BY a.created_at DESC, a.id DESC
            LIMIT $2 OFFSET $3
        )
        SELECT total, page.*
        FROM (SELECT count(*) AS total FROM asset WHERE node = $1) AS counted LEFT JOIN page ON true
        ORDER BY created_at DESC, id DESC"
    ), [board, page.limit(), page.offset()];

    /// The same of those assets only that are named, and of an author's own.
    pub fn list_named_assets(board: BoardId, page: PageRequest, named: &[[u8; 32]], author: UserId) -> Paged<AssetRow>
    = concat!(
        "WITH known AS (
            SELECT ", columns!(), "
            FROM asset a JOIN blob b ON b.id = a.blob
            WHERE a.node = $1 AND (a.sha256 = ANY ($4) OR a.author = $5)
        ), page AS (
            SELECT * FROM known ORDER BY created_at DESC, id DESC LIMIT $2 OFFSET $3
        )
        SELECT total, page.*
        FROM (SELECT count(*) AS total FROM known) AS counted LEFT JOIN page ON true
        ORDER BY created_at DESC, id DESC"
    ), [board, page.limit(), page.offset(), named, author];

    /// Bytes of all assets of a board.
    pub fn assets_size(board: BoardId) -> One<u64> = "
        SELECT coalesce(sum(b.size), 0)::bigint FROM asset a JOIN blob b ON b.id = a.blob WHERE a.node = $1";

    /// Takes an asset off a board; a trigger frees its owner's quota and looks after the object. `false`: there was none.
    pub fn delete_asset(board: BoardId, sha256: &[u8; 32]) -> bool = "
        DELETE FROM asset WHERE node = $1 AND sha256 = $2";

    /// While these are held they cannot be deleted, so their objects stay.
    fn to_copy(board: BoardId) -> Vec<Uuid> = "SELECT id FROM asset WHERE node = $1 ORDER BY id FOR KEY SHARE";

    fn copy(sources: &[Uuid], ids: &[Uuid], to: BoardId, author: UserId) -> Vec<(Uuid, u64)> = "
        INSERT INTO asset (id, node, sha256, blob, name, width, height, pages, author)
        SELECT made.id, $3, a.sha256, a.blob, a.name, a.width, a.height, a.pages, $4
        FROM unnest($1::uuid[], $2::uuid[]) AS made (source, id) JOIN asset a ON a.id = made.source
        ON CONFLICT (node, sha256) DO NOTHING
        RETURNING id, (SELECT size FROM blob b WHERE b.id = asset.blob)";

    fn charge(references: &[Uuid], bytes: &[u64], account: UserId, kind: LedgerKind) -> () = "
        INSERT INTO ledger (ref, account, kind, bytes) SELECT ref, $3, $4, bytes FROM unnest($1::uuid[], $2::bigint[])
        AS made (ref, bytes)";

    fn forget_charge(reference: Uuid) -> () = "DELETE FROM ledger WHERE ref = $1";
}

impl Store {
    /// Makes the row of an uploaded file and seals its upload. `None`: the board has this file already, and nothing was
    /// changed; the upload is still to be abandoned.
    ///
    /// # Errors
    /// `Unavailable` when the upload was given up meanwhile, `Query` when the board is gone, or another [`StoreError`].
    pub async fn add_asset(&self, new: &NewAsset, uploaded: &UploadedObject) -> Result<Option<AssetRow>, StoreError> {
        let mut conn = self.pool.get().await?;
        let tx = conn.begin().await?;
        if !insert(&tx, new, uploaded).await? {
            return Ok(None);
        }
        seal(&tx, uploaded).await?;
        let row = asset(&tx, new.board, &uploaded.sha256).await?;
        let row = row.ok_or_else(|| StoreError::query("an asset is missing"))?;
        tx.commit().await?;
        Ok(Some(row))
    }

    /// Gives one board's assets to another one as well, charged to `account`. No byte is moved.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing was copied.
    pub async fn copy_assets(
        &self,
        from: BoardId,
        to: BoardId,
        account: UserId,
    ) -> Result<CopyAssetsResult, StoreError> {
        let mut conn = self.pool.get().await?;
        let tx = conn.begin().await?;
        let sources = to_copy(&tx, from).await?;
        if sources.is_empty() {
            return Ok(CopyAssetsResult::Assets(0));
        }
        let ids: Vec<Uuid> = sources.iter().map(|_| Uuid::now_v7()).collect();
        let (made, sizes): (Vec<Uuid>, Vec<u64>) = copy(&tx, &sources, &ids, to, account).await?.into_iter().unzip();
        // All of them are one reservation first: it holds the account's lock until each is paid for.
        let all_of_them = Uuid::now_v7();
        if let Some(full) = reserve(&tx, all_of_them, (account, LedgerKind::Asset), sizes.iter().sum()).await? {
            return Ok(CopyAssetsResult::Full(full));
        }
        forget_charge(&tx, all_of_them).await?;
        charge(&tx, &made, &sizes, account, LedgerKind::Asset).await?;
        tx.commit().await?;
        Ok(CopyAssetsResult::Assets(made.len() as u64))
    }
}
