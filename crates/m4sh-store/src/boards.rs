//! Boards while they are awake: ownership, checkpoints, the journal's tail, rights. Called by the board actor.
//! Never decodes a checkpoint and never compares revisions beyond what the fence needs.

use jiff::Timestamp;
use tokio_postgres::Row;

use crate::{
    Store, StoreError,
    journal::FORMAT,
    query::{One, queries, row},
    sql::{FromRow, RowField, column},
};
use m4sh_domain::limits;
use m4sh_domain::{
    access::{EffectiveRights, Rights},
    board::{BatchKey, BatchKind, JournalEntry, Receipt},
    ids::{BoardId, ClassroomId, Epoch, LessonId, Rev, UserId},
};

/// A board that was just taken over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claim {
    /// The new epoch: whoever held an older one can write nothing any more.
    pub epoch: Epoch,
    pub access: BoardAccess,
}

row! {
    /// What the rights on a board follow from.
    #[derive(Clone, PartialEq, Eq, Debug)]
    pub struct BoardAccess {
        /// Whose board it is; the classroom's owner for a lesson's board.
        pub owner: UserId,
        /// The lesson whose board it is; `None` for a solo board.
        pub session: Option<BoardLesson>,
    }
}

row! {
    /// The lesson behind a board.
    #[derive(Clone, PartialEq, Eq, Debug)]
    pub struct BoardLesson {
        pub classroom: ClassroomId,
        pub session: LessonId,
        /// Whether what pupils draw on this board is hidden from one another.
        pub isolated: bool,
        pub rights: Rights,
    }
}

impl RowField for Option<BoardLesson> {
    fn read(row: &Row, name: &'static str) -> Result<Self, StoreError> {
        let session: Option<LessonId> = column(row, name)?;
        session.map(|_| BoardLesson::from_row(row)).transpose()
    }
}

impl BoardAccess {
    /// What somebody is and may do; `None` for a stranger. A board of one's own is always live.
    #[must_use]
    pub fn effective(&self, user: UserId, now: Timestamp) -> Option<EffectiveRights> {
        match &self.session {
            Some(class) => class.rights.effective(user, now),
            None => (user == self.owner).then_some(EffectiveRights::OWNER),
        }
    }
}

row! {
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
}

queries! {
    /// The update waits for every append that holds the row under FOR SHARE.
    fn claim(id: BoardId) -> Option<Epoch> = "
        UPDATE board b SET epoch = b.epoch + 1
        FROM node n
        WHERE b.id = $1 AND n.id = b.id AND n.trashed_at IS NULL
        RETURNING b.epoch";

    /// What the rights on a board follow from; `None`: no such board, or it lies in the trash.
    pub fn board_access(id: BoardId) -> Option<BoardAccess> = r#"
        SELECT n.owner, s.session, s.classroom, s.status, s.isolated, s.pupil, s.team, m.*, r.*, t.mates
        FROM board b
        JOIN node n ON n.id = b.id
        LEFT JOIN class_board s ON s.board = b.id
        LEFT JOIN LATERAL (
            SELECT array_agg(account) AS accounts, array_agg(role) AS roles FROM member WHERE "group" = s.classroom
        ) m ON true
        LEFT JOIN LATERAL (
            SELECT array_agg(session IS NOT NULL) AS rule_sessions, array_agg(account) AS rule_accounts,
                array_agg(what) AS rule_subjects, array_agg(allowed) AS rule_alloweds, array_agg(until) AS rule_untils
            FROM class_rule
            WHERE classroom = s.classroom AND (session IS NULL OR session = s.session) AND (until IS NULL OR until > now())
        ) r ON true
        LEFT JOIN LATERAL (
            SELECT array_agg(account) AS mates FROM class_team_member WHERE session = s.session AND team = s.team
        ) t ON true
        WHERE b.id = $1 AND n.trashed_at IS NULL"#;

    /// The checkpoints kept for a board, newest first: the last `limits::CHECKPOINTS_KEPT` and the one of revision 0.
    /// Reads them all; a wake-up that expects the newest to be good asks `checkpoint_below` instead.
    pub fn checkpoints(id: BoardId) -> Vec<CheckpointRow> = "
        SELECT epoch, rev, bytes FROM checkpoint WHERE board = $1 ORDER BY rev DESC";

    /// The newest checkpoint below a revision, or the newest of all: to walk back past a bad one, read one by one.
    pub fn checkpoint_below(id: BoardId, below: Option<Rev>) -> Option<CheckpointRow> = "
        SELECT epoch, rev, bytes FROM checkpoint WHERE board = $1 AND rev < $2 ORDER BY rev DESC LIMIT 1", [
        id, below.unwrap_or(Rev(u64::MAX)),
    ];

    /// The first journal entries after a revision, in order: at most `rows`, and none after those whose operations reach
    /// `bytes` together; the first is always among them. The length of long operations is known without reading them.
    pub fn journal_page(id: BoardId, after: Rev, rows: u32, bytes: usize) -> Vec<JournalEntry> = "
        SELECT rev, author, client, batch, at, ops, format, digest, page_count, fingerprint, course, regard
        FROM (
            SELECT *, sum(octet_length(ops)) OVER (ORDER BY rev ROWS UNBOUNDED PRECEDING) - octet_length(ops) AS before
            FROM journal
            WHERE board = $1 AND rev > $2
            ORDER BY rev
            LIMIT $3
        ) page
        WHERE before < $4
        ORDER BY rev", [id, after, i64::from(rows), bytes];

    /// The receipts of the last `last` batches up to and with a revision, newest first. Long operations are kept apart from
    /// their rows by PostgreSQL, so leaving `ops` out leaves them unread.
    fn newest_receipts(id: BoardId, up_to: Rev, last: usize) -> Vec<(BatchKey, Receipt)> = "
        SELECT rev, author, client, batch, at, digest, fingerprint, course, regard
        FROM journal
        WHERE board = $1 AND rev <= $2
        ORDER BY rev DESC
        LIMIT $3";

    /// Saves a checkpoint and drops those that it makes superfluous, under the same fence as an append: of the older ones the
    /// newest `limits::CHECKPOINTS_KEPT - 1` stay, and that of revision 0: with the journal it is everything that the board
    /// ever was. `false`: `epoch` is over, nothing was written.
    pub fn save_checkpoint(id: BoardId, epoch: Epoch, rev: Rev, bytes: Vec<u8>) -> One<bool> = "
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
        SELECT EXISTS (SELECT FROM fence)", [id, epoch, rev, bytes, limits::CHECKPOINTS_KEPT];
}

impl RowField for BatchKey {
    fn read(row: &Row, _: &'static str) -> Result<Self, StoreError> {
        Ok(Self { author: column(row, "author")?, client: column(row, "client")?, id: column(row, "batch")? })
    }
}

impl RowField for BatchKind {
    fn read(row: &Row, _: &'static str) -> Result<Self, StoreError> {
        let target: Option<u64> = column(row, "regard")?;
        let stored = column::<Option<i16>>(row, "course")?.map(|kind| (kind, target.unwrap_or_default()));
        Self::from_stored(stored)
            .ok_or_else(|| StoreError::query(format!("a journal row is of the unknown kind {stored:?}")))
    }
}

impl FromRow for JournalEntry {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let format: i16 = column(row, "format")?;
        if format != FORMAT {
            return Err(StoreError::query(format!("a journal row has format {format}; this program knows {FORMAT}")));
        }
        Ok(Self {
            rev: column(row, "rev")?,
            key: BatchKey::read(row, "key")?,
            at: column(row, "at")?,
            ops: column(row, "ops")?,
            digest: column(row, "digest")?,
            page_count: column(row, "page_count")?,
            fingerprint: column::<i64>(row, "fingerprint")?.cast_unsigned(),
            kind: BatchKind::read(row, "kind")?,
            inverse: None,
        })
    }
}

impl FromRow for (BatchKey, Receipt) {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let receipt = Receipt {
            rev: column(row, "rev")?,
            at: column(row, "at")?,
            digest: column(row, "digest")?,
            fingerprint: column::<i64>(row, "fingerprint")?.cast_unsigned(),
            kind: BatchKind::read(row, "kind")?,
        };
        Ok((BatchKey::read(row, "key")?, receipt))
    }
}

impl Store {
    /// Takes a board over: raises its epoch by one. Waits for appends that the former owner has in flight, so that
    /// what is read afterwards is all that was ever saved. `None`: no such board, or it lies in the trash.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn claim_board(&self, id: BoardId) -> Result<Option<Claim>, StoreError> {
        let conn = self.pool.get().await?;
        let Some(epoch) = claim(&conn, id).await? else { return Ok(None) };
        // Its own statement: the claim may have waited, and the rights should be those of after the wait.
        Ok(board_access(&conn, id).await?.map(|access| Claim { epoch, access }))
    }

    /// Every journal entry after a revision, in the order of revisions.
    ///
    /// # Errors
    /// `Query` also when a row is of a format that this program does not know; or another [`StoreError`].
    pub async fn journal_after(&self, id: BoardId, after: Rev) -> Result<Vec<JournalEntry>, StoreError> {
        self.journal_page(id, after, u32::MAX, usize::MAX).await
    }

    /// The receipts of the last `last` batches up to and with a revision, oldest first, without their operations.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn receipts(&self, id: BoardId, up_to: Rev, last: usize) -> Result<Vec<(BatchKey, Receipt)>, StoreError> {
        let mut receipts = newest_receipts(&self.pool.get().await?, id, up_to, last).await?;
        receipts.reverse();
        Ok(receipts)
    }
}
