//! Pictures and documents of boards, each once for a board. Called by `http`.
//! Never decides who may see or place one, and never reads an object.

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    LedgerKind, PageRequest, Store, StoreError, UploadedObject, Usage,
    blobs::{reserve, seal},
    pool::Params,
    rows::{self, count, get},
};
use m4sh_domain::ids::{BoardId, UserId};

/// What an uploaded file is, besides its bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewAsset {
    /// The board it belongs to.
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

/// An asset of a board.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AssetRow {
    /// Its row.
    pub id: Uuid,
    /// What it is, and its name in operations.
    pub sha256: [u8; 32],
    /// Its name for people.
    pub name: String,
    /// Its media type.
    pub media_type: String,
    /// Its length in bytes.
    pub size: u64,
    /// An image's width and height in pixels.
    pub pixels: Option<(u32, u32)>,
    /// A document's pages, where they could be counted.
    pub pages: Option<u32>,
    /// Who uploaded it.
    pub author: Option<UserId>,
    /// When.
    pub created_at: Timestamp,
    /// Its object's key.
    pub key: String,
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

/// Of two who upload the same bytes at once the second finds the first one's row.
const INSERT: &str = "
    INSERT INTO asset (id, node, sha256, blob, name, width, height, pages, author)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    ON CONFLICT (node, sha256) DO NOTHING";

const ONE: &str =
    concat!("SELECT ", columns!(), " FROM asset a JOIN blob b ON b.id = a.blob WHERE a.node = $1 AND a.sha256 = $2");

const KEYS: &str =
    "SELECT a.sha256, b.key FROM asset a JOIN blob b ON b.id = a.blob WHERE a.node = $1 AND a.sha256 = ANY($2)";

const LIST: &str = concat!(
    "WITH page AS (
        SELECT ",
    columns!(),
    "
        FROM asset a JOIN blob b ON b.id = a.blob
        WHERE a.node = $1
        ORDER BY a.created_at DESC, a.id DESC
        LIMIT $2 OFFSET $3
    )
    SELECT total, page.*
    FROM (SELECT count(*) AS total FROM asset WHERE node = $1) AS counted LEFT JOIN page ON true
    ORDER BY created_at DESC, id DESC"
);

/// Only what its reader may know of.
const LIST_NAMED: &str = concat!(
    "WITH known AS (
        SELECT ",
    columns!(),
    "
        FROM asset a JOIN blob b ON b.id = a.blob
        WHERE a.node = $1 AND (a.sha256 = ANY ($4) OR a.author = $5)
    ), page AS (
        SELECT * FROM known ORDER BY created_at DESC, id DESC LIMIT $2 OFFSET $3
    )
    SELECT total, page.*
    FROM (SELECT count(*) AS total FROM known) AS counted LEFT JOIN page ON true
    ORDER BY created_at DESC, id DESC"
);

const SIZE: &str = "
    SELECT coalesce(sum(b.size), 0)::bigint AS bytes FROM asset a JOIN blob b ON b.id = a.blob WHERE a.node = $1";

/// A trigger takes the cost back and looks after the object.
const DELETE: &str = "DELETE FROM asset WHERE node = $1 AND sha256 = $2";

/// While these are held they cannot be deleted, so their objects stay.
const TO_COPY: &str = "SELECT id FROM asset WHERE node = $1 ORDER BY id FOR KEY SHARE";

const COPY: &str = "
    INSERT INTO asset (id, node, sha256, blob, name, width, height, pages, author)
    SELECT made.id, $3, a.sha256, a.blob, a.name, a.width, a.height, a.pages, $4
    FROM unnest($1::uuid[], $2::uuid[]) AS made (source, id) JOIN asset a ON a.id = made.source
    ON CONFLICT (node, sha256) DO NOTHING
    RETURNING id, (SELECT size FROM blob b WHERE b.id = asset.blob) AS size";

const PAY: &str = "
    INSERT INTO ledger (ref, account, kind, bytes) SELECT ref, $3, $4, bytes FROM unnest($1::uuid[], $2::bigint[])
    AS made (ref, bytes)";

const FORGET: &str = "DELETE FROM ledger WHERE ref = $1";

impl AssetRow {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let number = |column| {
            let number: Option<i32> = get(row, column)?;
            number.map(u32::try_from).transpose().map_err(StoreError::query)
        };
        Ok(Self {
            id: get(row, "id")?,
            sha256: get::<&[u8]>(row, "sha256")?.try_into().map_err(StoreError::query)?,
            name: get(row, "name")?,
            media_type: get(row, "media_type")?,
            size: count(row, "size")?,
            pixels: number("width")?.zip(number("height")?),
            pages: number("pages")?,
            author: get::<Option<Uuid>>(row, "author")?.map(UserId),
            created_at: get(row, "created_at")?,
            key: get(row, "key")?,
        })
    }
}

impl Store {
    /// Makes the row of an uploaded file and seals its deposit. `None`: the board has this file already, and nothing was
    /// changed; the deposit is still to be abandoned.
    ///
    /// # Errors
    /// `Unavailable` when the deposit was given up meanwhile, `Query` when the board is gone, or as every query.
    pub async fn add_asset(&self, new: &NewAsset, deposited: &UploadedObject) -> Result<Option<AssetRow>, StoreError> {
        let mut conn = self.pool.get().await?;
        let tx = conn.begin().await?;
        let signed = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
        let (width, height) = (new.pixels.map(|it| signed(it.0)), new.pixels.map(|it| signed(it.1)));
        let sha256 = deposited.sha256.as_slice();
        let pages = new.pages.map(signed);
        let row: Params = &[
            &deposited.reference,
            &new.board.0,
            &sha256,
            &deposited.blob,
            &new.name,
            &width,
            &height,
            &pages,
            &new.author.0,
        ];
        if tx.execute(INSERT, row).await? == 0 {
            return Ok(None);
        }
        seal(&tx, deposited).await?;
        let row = tx.query_opt(ONE, &[&new.board.0, &sha256]).await?;
        let row = row.ok_or_else(|| StoreError::query("an asset is missing"))?;
        tx.commit().await?;
        AssetRow::from_row(&row).map(Some)
    }

    /// An asset of a board.
    ///
    /// # Errors
    /// As every query.
    pub async fn asset(&self, board: BoardId, sha256: &[u8; 32]) -> Result<Option<AssetRow>, StoreError> {
        let row = self.pool.get().await?.query_opt(ONE, &[&board.0, &sha256.as_slice()]).await?;
        row.as_ref().map(AssetRow::from_row).transpose()
    }

    /// The keys of those of these assets that a board has.
    ///
    /// # Errors
    /// As every query.
    pub async fn asset_keys(&self, board: BoardId, of: &[[u8; 32]]) -> Result<Vec<([u8; 32], String)>, StoreError> {
        let of: Vec<&[u8]> = of.iter().map(<[u8; 32]>::as_slice).collect();
        let rows = self.pool.get().await?.query(KEYS, &[&board.0, &of]).await?;
        let read =
            |row: &Row| Ok((get::<&[u8]>(row, "sha256")?.try_into().map_err(StoreError::query)?, get(row, "key")?));
        rows.iter().map(read).collect()
    }

    /// The same of those assets only that are named, and of an author's own.
    ///
    /// # Errors
    /// As every query.
    pub async fn list_named_assets(
        &self,
        board: BoardId,
        page: PageRequest,
        named: &[[u8; 32]],
        author: UserId,
    ) -> Result<(u64, Vec<AssetRow>), StoreError> {
        let (limit, offset) = page.bounds();
        let named: Vec<&[u8]> = named.iter().map(<[u8; 32]>::as_slice).collect();
        let with: Params = &[&board.0, &limit, &offset, &named, &author.0];
        rows::paged(&self.pool.get().await?.query(LIST_NAMED, with).await?, AssetRow::from_row)
    }

    /// How many assets a board has, and one page of them, the newest first.
    ///
    /// # Errors
    /// As every query.
    pub async fn list_assets(&self, board: BoardId, page: PageRequest) -> Result<(u64, Vec<AssetRow>), StoreError> {
        let (limit, offset) = page.bounds();
        let rows = self.pool.get().await?.query(LIST, &[&board.0, &limit, &offset]).await?;
        rows::paged(&rows, AssetRow::from_row)
    }

    /// Bytes of all assets of a board.
    ///
    /// # Errors
    /// As every query.
    pub async fn assets_size(&self, board: BoardId) -> Result<u64, StoreError> {
        count(&self.pool.get().await?.query_one(SIZE, &[&board.0]).await?, "bytes")
    }

    /// Takes an asset off a board; its owner's quota is freed. `false`: there was none.
    ///
    /// # Errors
    /// As every query.
    pub async fn delete_asset(&self, board: BoardId, sha256: &[u8; 32]) -> Result<bool, StoreError> {
        Ok(self.pool.get().await?.execute(DELETE, &[&board.0, &sha256.as_slice()]).await? > 0)
    }

    /// Gives one board's assets to another one as well, charged to `account`. No byte is moved.
    ///
    /// # Errors
    /// As every query; then nothing was copied.
    pub async fn copy_assets(
        &self,
        from: BoardId,
        to: BoardId,
        account: UserId,
    ) -> Result<CopyAssetsResult, StoreError> {
        let mut conn = self.pool.get().await?;
        let tx = conn.begin().await?;
        let rows = tx.query(TO_COPY, &[&from.0]).await?;
        let sources = rows.iter().map(|row| get(row, "id")).collect::<Result<Vec<Uuid>, _>>()?;
        if sources.is_empty() {
            return Ok(CopyAssetsResult::Assets(0));
        }
        let ids: Vec<Uuid> = sources.iter().map(|_| Uuid::now_v7()).collect();
        let rows = tx.query(COPY, &[&sources, &ids, &to.0, &account.0]).await?;
        let made = rows.iter().map(|row| get(row, "id")).collect::<Result<Vec<Uuid>, _>>()?;
        let sizes = rows.iter().map(|row| get(row, "size")).collect::<Result<Vec<i64>, _>>()?;
        let bytes = rows.iter().try_fold(0, |sum: u64, row| Ok::<_, StoreError>(sum + count(row, "size")?))?;
        // All of them are one reservation first: it holds the account's lock until each is paid for.
        let all_of_them = Uuid::now_v7();
        if let Some(full) = reserve(&tx, all_of_them, (account, LedgerKind::Asset), bytes).await? {
            return Ok(CopyAssetsResult::Full(full));
        }
        tx.execute(FORGET, &[&all_of_them]).await?;
        tx.execute(PAY, &[&made, &sizes, &account.0, &LedgerKind::Asset.name()]).await?;
        tx.commit().await?;
        Ok(CopyAssetsResult::Assets(made.len() as u64))
    }
}

/// What this file asks, for the test that looks at the plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[INSERT, ONE, KEYS, LIST, LIST_NAMED, SIZE, DELETE, TO_COPY, COPY, PAY, FORGET];
