//! Appends to the journal: the moment at which a batch becomes saved. Called by the journal writers, one connection each.
//! Never says that a row is committed before Postgres has flushed it, and never writes for an owner who was replaced.

use std::{
    collections::{BTreeSet, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio_postgres::{Client, NoTls, Statement};

#[cfg(test)]
use crate::query::{CheckedQuery, Plan, QueryOutput, param_types};
use crate::{
    Store, StoreError, pool,
    query::ParamList,
    sql::{FromRow, SqlParam, each},
};
use m4sh_domain::{
    board::JournalEntry,
    ids::{BoardId, Epoch},
};

/// The format of `ops` that this program writes and reads: a canonical JSON array.
pub(super) const FORMAT: i16 = 1;

/// One batch to be kept.
#[derive(Clone, Debug)]
pub struct JournalRow {
    /// Its board.
    pub board: BoardId,
    /// The owner who accepted it.
    pub epoch: Epoch,
    /// The batch.
    pub entry: Arc<JournalEntry>,
}

/// A connection of its own for one journal writer, outside the pool: its statement is prepared once and its settings
/// are the journal's.
#[derive(Debug)]
pub struct JournalConnection {
    client: Client,
    append: Statement,
    /// An append has failed, so the server's end may be gone before the driver has noticed.
    failed: AtomicBool,
}

/// `synchronous_commit`: a commit is answered when it is on disk, whatever the server's or the database's default is.
/// The plan is made once, as a generic one: a plan for these very arrays would copy them, megabytes at times, to find
/// the same. And it looks boards up by their index even on a server that has not yet counted them, since it may well
/// be made while the table is empty and used when it is not.
pub(super) const SETTINGS: &str = "
    SET synchronous_commit = on;
    SET plan_cache_mode = force_generic_plan;
    SET enable_seqscan = off;
    SET jit = off";

/// The fence and the rows in one statement, thus one transaction and one round trip.
///
/// FOR SHARE is not decoration. Without it a takeover does not wait: it could raise the epoch and read the tail while
/// this statement, which saw the old epoch, is about to write behind it. With it the takeover waits for this commit
/// and sees the rows; and when the takeover came first, this statement waits, looks at the row again, finds another
/// epoch and writes nothing.
pub(super) const APPEND: &str = "
    WITH fence AS MATERIALIZED (
        SELECT b.id, b.epoch
        FROM unnest($1::uuid[], $2::bigint[]) AS held (id, epoch)
        JOIN board b ON b.id = held.id AND b.epoch = held.epoch
        FOR SHARE OF b
    ), written AS (
        INSERT INTO journal (board, epoch, rev, at, fingerprint, page_count, author, client, batch, digest, ops, course,
            regard, back, format)
        SELECT batch.*, $17
        FROM unnest(
            $3::uuid[], $4::bigint[], $5::bigint[], $6::timestamptz[], $7::bigint[], $8::integer[], $9::uuid[],
            $10::uuid[], $11::text[], $12::bytea[], $13::bytea[], $14::smallint[], $15::bigint[], $16::bytea[]
        ) AS batch (board, epoch, rev, at, fingerprint, page_count, author, client, name, digest, ops, course, regard, back)
        WHERE (batch.board, batch.epoch) IN (SELECT id, epoch FROM fence)
        ON CONFLICT ON CONSTRAINT journal_pkey DO NOTHING
    )
    SELECT id, epoch FROM fence";

impl JournalConnection {
    /// Connects and prepares. The connection is driven by a task on the caller's runtime.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer within 3 s.
    pub async fn open(store: &Store) -> Result<Self, StoreError> {
        pool::within_connect_time(async {
            let (client, connection) = store.pool.config().connect(NoTls).await?;
            tokio::spawn(async move {
                // Whoever waits for an answer is told; the rest is for the log.
                if let Err(error) = connection.await {
                    tracing::warn!(error = %StoreError::from(error), "a journal connection ended");
                }
            });
            client.batch_execute(SETTINGS).await?;
            let append = Self::on(&client).await?;
            Ok(Self { client, append, failed: AtomicBool::new(false) })
        })
        .await
    }

    /// Prepares the statement on a connection.
    pub(super) async fn on(client: &Client) -> Result<Statement, StoreError> {
        Ok(client.prepare(APPEND).await?)
    }

    /// Whether only a new connection can append: the connection is gone, or the last append was `Unavailable`.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.failed.load(Ordering::Relaxed) || self.client.is_closed()
    }

    /// Commits the rows of every board whose epoch still holds, in one round trip, and says which boards at which
    /// epochs those are; rows of the others are not written. A repeat after a lost answer changes nothing.
    ///
    /// The epoch is part of the answer because one call may carry rows of two owners of a board, an old and a new one:
    /// that the new one's are saved says nothing of the old one's.
    ///
    /// # Errors
    /// `Unavailable`: whether the rows are committed is not known; the same rows may be appended again, on a new
    /// connection.
    pub async fn append(&self, rows: &[JournalRow]) -> Result<HashSet<(BoardId, Epoch)>, StoreError> {
        let answer = Self::append_on(&self.client, &self.append, rows).await;
        if answer.as_ref().is_err_and(StoreError::is_unavailable) {
            self.failed.store(true, Ordering::Relaxed);
        }
        answer
    }

    /// The append itself, apart from the connection so that tests can hold its transaction open.
    pub(super) async fn append_on(
        client: &Client,
        append: &Statement,
        rows: &[JournalRow],
    ) -> Result<HashSet<(BoardId, Epoch)>, StoreError> {
        let fenced = client.query(append, &append_params(rows).refs()).await?;
        fenced.iter().map(<(BoardId, Epoch)>::from_row).collect()
    }
}

/// The parameters of [`APPEND`]: the rows turned on their side, as UNNEST wants them.
fn append_params(rows: &[JournalRow]) -> impl ParamList {
    // In the order of ids, which is the order in which whoever locks several boards locks them.
    let held: Vec<_> = rows.iter().map(|row| (row.board, row.epoch)).collect::<BTreeSet<_>>().into_iter().collect();
    let kinds = each(rows, |row| row.entry.kind.to_stored());
    (
        each(&held, |(board, _)| board.0),
        each(&held, |(_, epoch)| epoch.to_sql()),
        each(rows, |row| row.board.0),
        each(rows, |row| row.epoch.to_sql()),
        each(rows, |row| row.entry.rev.to_sql()),
        each(rows, |row| row.entry.at),
        each(rows, |row| row.entry.fingerprint.cast_signed()),
        each(rows, |row| row.entry.page_count.max(1).to_sql()),
        each(rows, |row| row.entry.key.author.0),
        each(rows, |row| row.entry.key.client.0),
        each(rows, |row| &*row.entry.key.id),
        each(rows, |row| row.entry.digest.as_ref().map(|digest| digest.0.as_slice())),
        each(rows, |row| &*row.entry.ops),
        each(&kinds, |kind| kind.map(|(kind, _)| kind)),
        each(&kinds, |kind| kind.map(|(_, target)| target.to_sql())),
        each(rows, |row| row.entry.inverse.as_deref()),
        FORMAT,
    )
}

/// Prepared by the connection itself, and listed for the tests like every other query.
#[cfg(test)]
pub(crate) const QUERIES: &[CheckedQuery] = &[CheckedQuery {
    name: "journal::append",
    sql: APPEND,
    plan: Plan::Batch,
    params: param_types(|| append_params(&[])),
    check: <Vec<(BoardId, Epoch)> as QueryOutput>::check,
}];

#[cfg(test)]
impl JournalConnection {
    /// A setting as this connection has it.
    pub(super) async fn setting(&self, name: &str) -> String {
        self.client.query_one("SELECT current_setting($1)", &[&name]).await.unwrap().get(0)
    }

    /// The number of the server's process behind this connection.
    pub(super) async fn server_process(&self) -> i32 {
        self.client.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0)
    }
}
