//! Boards while they are awake: ownership, checkpoints, the journal's tail, rights. Called by the board actor.
//! Never decodes a checkpoint and never compares revisions beyond what the fence needs.

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    Store, StoreError,
    journal::FORMAT,
    pool::{Conn, Params},
    rows::{self, get, signed},
    undo,
};
use m4sh_domain::limits;
use m4sh_domain::{
    access::{EffectiveRights, Rights},
    board::{BatchKey, JournalEntry, Receipt},
    ids::{BoardId, ClassroomId, ClientId, Epoch, LessonId, Rev, UserId},
};

/// A board that was just taken over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claim {
    /// The new epoch: whoever held an older one can write nothing any more.
    pub epoch: Epoch,
    /// Who may do what here.
    pub access: BoardAccess,
}

/// What the rights on a board follow from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BoardAccess {
    /// Whose board it is; the classroom's owner for a session's board.
    pub owner: UserId,
    /// The class session whose board it is; `None` for a solo board.
    pub session: Option<BoardLesson>,
}

/// The class session behind a board.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BoardLesson {
    /// Its classroom.
    pub classroom: ClassroomId,
    /// Itself.
    pub session: LessonId,
    /// Whether what pupils draw on this board is hidden from one another.
    pub isolated: bool,
    /// Who may do what on this board.
    pub rights: Rights,
}

impl BoardAccess {
    /// What somebody is and may do; `None` for a stranger. A board of one's own is always live.
    #[must_use]
    pub fn standing(&self, user: UserId, now: Timestamp) -> Option<EffectiveRights> {
        match &self.session {
            Some(class) => class.rights.effective(user, now),
            None => (user == self.owner).then_some(EffectiveRights::OWNER),
        }
    }
}

/// A saved checkpoint, not decoded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CheckpointRow {
    /// The owner who wrote it.
    pub epoch: Epoch,
    /// The revision it holds.
    pub rev: Rev,
    /// As `domain::board::Checkpoint` encoded it.
    pub bytes: Vec<u8>,
}

/// The update waits for every append that holds the row under FOR SHARE.
const CLAIM: &str = "
    UPDATE board b SET epoch = b.epoch + 1
    FROM node n
    WHERE b.id = $1 AND n.id = b.id AND n.trashed_at IS NULL
    RETURNING b.epoch";

pub(super) const ACCESS: &str = "
    SELECT n.owner, s.session, s.classroom, s.status, s.isolated, s.pupil, s.team, m.*, r.*, t.mates
    FROM board b
    JOIN node n ON n.id = b.id
    LEFT JOIN class_board s ON s.board = b.id
    LEFT JOIN LATERAL (
        SELECT array_agg(account) AS accounts, array_agg(role) AS roles FROM member WHERE \"group\" = s.classroom
    ) m ON true
    LEFT JOIN LATERAL (
        SELECT array_agg(session IS NOT NULL) AS rule_sessions, array_agg(account) AS rule_accounts,
            array_agg(what) AS rule_whats, array_agg(allowed) AS rule_alloweds, array_agg(until) AS rule_untils
        FROM class_rule
        WHERE classroom = s.classroom AND (session IS NULL OR session = s.session) AND (until IS NULL OR until > now())
    ) r ON true
    LEFT JOIN LATERAL (
        SELECT array_agg(account) AS mates FROM class_team_member WHERE session = s.session AND team = s.team
    ) t ON true
    WHERE b.id = $1 AND n.trashed_at IS NULL";

const CHECKPOINTS: &str = "SELECT epoch, rev, bytes FROM checkpoint WHERE board = $1 ORDER BY rev DESC";

const CHECKPOINT_BELOW: &str = "
    SELECT epoch, rev, bytes FROM checkpoint WHERE board = $1 AND rev < $2 ORDER BY rev DESC LIMIT 1";

/// Rows in order, until so many or until their operations together pass so many bytes; the first is always among them.
/// The length of long operations is known without reading them.
const JOURNAL: &str = "
    SELECT rev, author, client, batch, at, ops, format, digest, page_count, fingerprint, course, regard
    FROM (
        SELECT *, sum(octet_length(ops)) OVER (ORDER BY rev ROWS UNBOUNDED PRECEDING) - octet_length(ops) AS before
        FROM journal
        WHERE board = $1 AND rev > $2
        ORDER BY rev
        LIMIT $3
    ) page
    WHERE before < $4
    ORDER BY rev";

/// Long operations are kept apart from their rows by Postgres, so leaving `ops` out leaves them unread.
const RECEIPTS: &str = "
    SELECT rev, author, client, batch, at, digest, fingerprint, course, regard
    FROM journal
    WHERE board = $1 AND rev <= $2
    ORDER BY rev DESC
    LIMIT $3";

/// The new checkpoint and the ones that it makes superfluous, under the same fence as an append. Of the older ones the
/// newest `$5 - 1` stay, and that of revision 0: with the journal it is everything that the board ever was.
const SAVE: &str = "
    WITH fence AS MATERIALIZED (
        SELECT id FROM board WHERE id = $1 AND epoch = $2 FOR SHARE
    ), saved AS (
        INSERT INTO checkpoint (board, epoch, rev, bytes) SELECT id, $2, $3, $4 FROM fence
        ON CONFLICT (board, rev) DO UPDATE
            SET epoch = excluded.epoch, bytes = excluded.bytes, created_at = excluded.created_at
    ), dropped AS (
        DELETE FROM checkpoint
        WHERE board IN (SELECT id FROM fence) AND rev > 0 AND rev < $3 AND rev NOT IN (
            SELECT rev FROM checkpoint WHERE board = $1 AND rev < $3 ORDER BY rev DESC LIMIT $5::bigint - 1
        )
    )
    SELECT EXISTS (SELECT FROM fence) AS held";

async fn access(conn: &Conn<'_>, id: BoardId) -> Result<Option<BoardAccess>, StoreError> {
    let Some(row) = conn.query_opt(ACCESS, &[&id.0]).await? else { return Ok(None) };
    let session = match get::<Option<Uuid>>(&row, "session")? {
        None => None,
        Some(session) => Some(BoardLesson {
            classroom: ClassroomId(get(&row, "classroom")?),
            session: LessonId(session),
            isolated: get(&row, "isolated")?,
            rights: rows::rights(&row)?,
        }),
    };
    Ok(Some(BoardAccess { owner: UserId(get(&row, "owner")?), session }))
}

fn checkpoint(row: &Row) -> Result<CheckpointRow, StoreError> {
    Ok(CheckpointRow { epoch: rows::epoch(row)?, rev: rows::rev(row)?, bytes: get(row, "bytes")? })
}

fn key(row: &Row) -> Result<BatchKey, StoreError> {
    Ok(BatchKey {
        author: UserId(get(row, "author")?),
        client: ClientId(get(row, "client")?),
        id: get::<&str>(row, "batch")?.into(),
    })
}

pub(super) fn entry(row: &Row) -> Result<JournalEntry, StoreError> {
    let format: i16 = get(row, "format")?;
    if format != FORMAT {
        return Err(StoreError::query(format!("a journal row has format {format}; this program knows {FORMAT}")));
    }
    Ok(JournalEntry {
        rev: rows::rev(row)?,
        key: key(row)?,
        at: get(row, "at")?,
        ops: get::<Vec<u8>>(row, "ops")?.into(),
        digest: rows::digest(row)?,
        page_count: rows::pages(row)?,
        fingerprint: get::<i64>(row, "fingerprint")?.cast_unsigned(),
        kind: undo::course(row)?,
        inverse: None,
    })
}

fn receipt(row: &Row) -> Result<(BatchKey, Receipt), StoreError> {
    let receipt = Receipt {
        rev: rows::rev(row)?,
        at: get(row, "at")?,
        digest: rows::digest(row)?,
        fingerprint: get::<i64>(row, "fingerprint")?.cast_unsigned(),
        kind: undo::course(row)?,
    };
    Ok((key(row)?, receipt))
}

impl Store {
    /// Takes a board over: raises its epoch by one. Waits for appends that the former owner has in flight, so that
    /// what is read afterwards is all that was ever saved. `None`: no such board, or it lies in the trash.
    ///
    /// # Errors
    /// As every query.
    pub async fn claim_board(&self, id: BoardId) -> Result<Option<Claim>, StoreError> {
        let conn = self.pool.get().await?;
        let Some(row) = conn.query_opt(CLAIM, &[&id.0]).await? else { return Ok(None) };
        // Its own statement: the claim may have waited, and the rights should be those of after the wait.
        let access = access(&conn, id).await?;
        let epoch = rows::epoch(&row)?;
        Ok(access.map(|access| Claim { epoch, access }))
    }

    /// The checkpoints kept for a board, newest first: the last `limits::CHECKPOINTS_KEPT` and the one of revision 0.
    /// Reads them all; a wake-up that expects the newest to be good asks `checkpoint_below` instead.
    ///
    /// # Errors
    /// As every query.
    pub async fn checkpoints(&self, id: BoardId) -> Result<Vec<CheckpointRow>, StoreError> {
        let rows = self.pool.get().await?.query(CHECKPOINTS, &[&id.0]).await?;
        rows.iter().map(checkpoint).collect()
    }

    /// The newest checkpoint below a revision, or the newest of all: to walk back past a bad one, read one by one.
    ///
    /// # Errors
    /// As every query.
    pub async fn checkpoint_below(&self, id: BoardId, below: Option<Rev>) -> Result<Option<CheckpointRow>, StoreError> {
        let below = below.map_or(i64::MAX, |rev| signed(rev.0));
        let row = self.pool.get().await?.query_opt(CHECKPOINT_BELOW, &[&id.0, &below]).await?;
        row.as_ref().map(checkpoint).transpose()
    }

    /// Every journal entry after a revision, in the order of revisions.
    ///
    /// # Errors
    /// As every query; `Query` also when a row is of a format that this program does not know.
    pub async fn journal_after(&self, id: BoardId, after: Rev) -> Result<Vec<JournalEntry>, StoreError> {
        self.journal(id, after, i64::MAX, i64::MAX).await
    }

    /// The first journal entries after a revision, at most `rows`, and none after those whose operations reach `bytes`
    /// together: a long history in bounded memory.
    ///
    /// # Errors
    /// As `journal_after`.
    pub async fn journal_page(
        &self,
        id: BoardId,
        after: Rev,
        rows: u32,
        bytes: usize,
    ) -> Result<Vec<JournalEntry>, StoreError> {
        self.journal(id, after, rows.into(), i64::try_from(bytes).unwrap_or(i64::MAX)).await
    }

    async fn journal(&self, id: BoardId, after: Rev, rows: i64, bytes: i64) -> Result<Vec<JournalEntry>, StoreError> {
        let rows = self.pool.get().await?.query(JOURNAL, &[&id.0, &signed(after.0), &rows, &bytes]).await?;
        rows.iter().map(entry).collect()
    }

    /// The receipts of the last `last` batches up to and with a revision, oldest first, without their operations.
    ///
    /// # Errors
    /// As every query.
    pub async fn receipts(&self, id: BoardId, up_to: Rev, last: usize) -> Result<Vec<(BatchKey, Receipt)>, StoreError> {
        let last = i64::try_from(last).unwrap_or(i64::MAX);
        let rows = self.pool.get().await?.query(RECEIPTS, &[&id.0, &signed(up_to.0), &last]).await?;
        rows.iter().rev().map(receipt).collect()
    }

    /// Saves a checkpoint and drops those that are no longer kept. `false`: `epoch` is over, nothing was written.
    ///
    /// # Errors
    /// As every query.
    pub async fn save_checkpoint(
        &self,
        id: BoardId,
        epoch: Epoch,
        rev: Rev,
        bytes: Vec<u8>,
    ) -> Result<bool, StoreError> {
        let conn = self.pool.get().await?;
        let row: Params = &[&id.0, &signed(epoch.0), &signed(rev.0), &bytes, &limits::CHECKPOINTS_KEPT];
        get(&conn.query_one(SAVE, row).await?, "held")
    }

    /// What the rights on a board follow from; `None`: no such board, or it lies in the trash.
    ///
    /// # Errors
    /// As every query.
    pub async fn board_access(&self, id: BoardId) -> Result<Option<BoardAccess>, StoreError> {
        access(&self.pool.get().await?, id).await
    }
}

/// What this file asks, for the test that looks at the plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[CLAIM, ACCESS, CHECKPOINTS, CHECKPOINT_BELOW, JOURNAL, RECEIPTS, SAVE];
