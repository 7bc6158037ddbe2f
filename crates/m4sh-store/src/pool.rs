//! Connections: pooled, with the settings that every one of them has. Called by the rest of `store` only.
//! Never asks the server whether a connection is alive: the next query tells, and costs nothing extra.

use std::{
    collections::HashMap,
    fmt,
    future::Future,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bb8_postgres::PostgresConnectionManager;
use tokio_postgres::{Client, Config, NoTls, Row, Statement, types::ToSql};

use super::StoreError;

/// How long a caller waits for a connection, and a connection for the server.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);
/// How long the server works on one statement before it gives up.
const STATEMENT_WITHIN: Duration = Duration::from_secs(10);
/// How long we wait for an answer: longer than the server works, so that its own word comes first.
const ANSWER_WITHIN: Duration = Duration::from_secs(12);

pub type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

/// What the connections to `url` are made from.
pub(super) fn config(url: &str) -> Result<Config, StoreError> {
    let mut config: Config = url.parse().map_err(StoreError::query)?;
    let asked = config.get_options().unwrap_or_default();
    // A transaction that is left open would hold back vacuum and, worse, a board's row lock.
    let options = format!(
        "{asked} -c statement_timeout={} -c idle_in_transaction_session_timeout=15000 -c timezone=UTC",
        STATEMENT_WITHIN.as_millis()
    );
    config.options(options.trim_start());
    if config.get_application_name().is_none() {
        config.application_name("m4sh");
    }
    config.connect_timeout(CONNECT_WITHIN);
    // A peer that vanished without a word is noticed within a minute, also while it owes us an answer.
    config.keepalives_idle(Duration::from_secs(30));
    config.keepalives_interval(Duration::from_secs(10));
    config.keepalives_retries(3);
    config.tcp_user_timeout(ANSWER_WITHIN);
    Ok(config)
}

/// The driver's own limit ends with the socket's connect; a server that accepts and then says nothing is as bad.
pub(super) async fn within_connect_time<T>(
    attempt: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    tokio::time::timeout(CONNECT_WITHIN, attempt).await.unwrap_or_else(|late| Err(StoreError::unavailable(late)))
}

/// A connection and the statements it has prepared.
#[derive(Debug)]
pub(super) struct CachingClient {
    client: Client,
    cache: StatementCache,
}

#[derive(Debug, Default)]
struct StatementCache {
    /// By text. Bounded by the number of texts in this program: only constants are prepared.
    statements: Mutex<HashMap<&'static str, Statement>>,
    /// An answer is overdue, so whatever comes on this connection next would wait behind it.
    stuck: AtomicBool,
}

impl StatementCache {
    /// Preparing costs a round trip and a plan; what was prepared costs neither again.
    async fn prepare(&self, client: &Client, sql: &'static str) -> Result<Statement, StoreError> {
        let known = self.statements.lock().unwrap_or_else(PoisonError::into_inner).get(sql).cloned();
        if let Some(statement) = known {
            return Ok(statement);
        }
        let statement = client.prepare(sql).await?;
        self.statements.lock().unwrap_or_else(PoisonError::into_inner).insert(sql, statement.clone());
        Ok(statement)
    }

    /// The answer, or `Unavailable` when it does not come: a host that vanished says nothing at all.
    async fn answer<T>(&self, question: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        tokio::time::timeout(ANSWER_WITHIN, question).await.unwrap_or_else(|late| {
            self.stuck.store(true, Ordering::Relaxed);
            Err(StoreError::unavailable(late))
        })
    }
}

/// Where statements are asked: a connection or the transaction that is open on it.
#[derive(Clone, Copy)]
pub struct Executor<'a> {
    client: &'a Client,
    cache: &'a StatementCache,
}

impl Executor<'_> {
    /// Every row.
    pub(super) async fn query(self, sql: &'static str, with: Params<'_>) -> Result<Vec<Row>, StoreError> {
        let Self { client, cache } = self;
        cache.answer(async { Ok(client.query(&cache.prepare(client, sql).await?, with).await?) }).await
    }

    /// How many rows it touched or found.
    pub(super) async fn execute(self, sql: &'static str, with: Params<'_>) -> Result<u64, StoreError> {
        let Self { client, cache } = self;
        cache.answer(async { Ok(client.execute(&cache.prepare(client, sql).await?, with).await?) }).await
    }
}

impl<'a> From<&'a Conn<'_>> for Executor<'a> {
    fn from(conn: &'a Conn<'_>) -> Self {
        Self { client: &conn.0.client, cache: &conn.0.cache }
    }
}

impl<'a> From<&'a Tx<'_>> for Executor<'a> {
    fn from(tx: &'a Tx<'_>) -> Self {
        Self { client: tx.inner.client(), cache: tx.cache }
    }
}

/// A connection for one caller, back in the pool when dropped.
pub(super) struct Conn<'a>(bb8::PooledConnection<'a, ConnectionManager>);

impl Conn<'_> {
    /// Opens a transaction. Dropped without `commit` it is rolled back.
    pub(super) async fn begin(&mut self) -> Result<Tx<'_>, StoreError> {
        let CachingClient { client, cache } = &mut *self.0;
        let cache = &*cache;
        let inner = cache.answer(async { Ok(client.transaction().await?) }).await?;
        Ok(Tx { inner, cache })
    }
}

/// A transaction at read committed: each statement sees what was committed before it began.
pub(super) struct Tx<'a> {
    inner: tokio_postgres::Transaction<'a>,
    cache: &'a StatementCache,
}

impl Tx<'_> {
    pub(super) async fn commit(self) -> Result<(), StoreError> {
        let Self { inner, cache } = self;
        cache.answer(async { Ok(inner.commit().await?) }).await
    }
}

/// How the pool makes and judges connections.
#[derive(Clone, Debug)]
pub(super) struct ConnectionManager(PostgresConnectionManager<NoTls>);

impl ConnectionManager {
    fn broken(session: &CachingClient) -> bool {
        session.cache.stuck.load(Ordering::Relaxed) || session.client.is_closed()
    }
}

impl bb8::ManageConnection for ConnectionManager {
    type Connection = CachingClient;
    type Error = StoreError;

    async fn connect(&self) -> Result<CachingClient, StoreError> {
        within_connect_time(async {
            Ok(CachingClient { client: self.0.connect().await?, cache: StatementCache::default() })
        })
        .await
    }

    /// Asked at every checkout, so it may not cost a round trip; it still spares a caller the connections that an
    /// earlier restart of the server has closed.
    async fn is_valid(&self, session: &mut CachingClient) -> Result<(), StoreError> {
        if Self::broken(session) { Err(StoreError::unavailable("the connection is closed")) } else { Ok(()) }
    }

    fn has_broken(&self, session: &mut CachingClient) -> bool {
        Self::broken(session)
    }
}

#[derive(Debug)]
struct LogFailures;

impl bb8::ErrorSink<StoreError> for LogFailures {
    fn sink(&self, error: StoreError) {
        tracing::warn!(%error, "a database connection failed");
    }

    fn boxed_clone(&self) -> Box<dyn bb8::ErrorSink<StoreError>> {
        Box::new(Self)
    }
}

/// The pool; a clone is the same pool.
#[derive(Clone)]
pub(super) struct ConnectionPool {
    sessions: bb8::Pool<ConnectionManager>,
    config: Config,
}

impl fmt::Debug for ConnectionPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("state", &self.sessions.state()).finish_non_exhaustive()
    }
}

impl ConnectionPool {
    /// A pool of at most `size` connections, none of them made yet.
    pub(super) fn new(url: &str, size: u32) -> Result<Self, StoreError> {
        let config = config(url)?;
        let sessions = bb8::Pool::builder()
            .max_size(size.max(1))
            .connection_timeout(CONNECT_WITHIN)
            .test_on_check_out(true)
            .error_sink(Box::new(LogFailures))
            .build_unchecked(ConnectionManager(PostgresConnectionManager::new(config.clone(), NoTls)));
        Ok(Self { sessions, config })
    }

    /// A connection of the pool, within 3 s.
    pub(super) async fn get(&self) -> Result<Conn<'_>, StoreError> {
        match self.sessions.get().await {
            Ok(session) => Ok(Conn(session)),
            Err(bb8::RunError::User(error)) => Err(error),
            Err(bb8::RunError::TimedOut) => Err(StoreError::unavailable("no connection within 3 s")),
        }
    }

    /// Connects once, past the pool, which knows only that it has no connection and not why.
    pub(super) async fn prove(&self) -> Result<(), StoreError> {
        self.sessions.dedicated_connection().await.map(drop)
    }

    /// What connections outside the pool are made from.
    pub(super) fn config(&self) -> &Config {
        &self.config
    }
}
