//! Brings a database to the schema of this program. Called by `app` at start and by `m4sh migrate`.
//! Never goes back, and never lets two processes migrate at once.

use tokio_postgres::{Client, NoTls};

use super::{StoreError, pool};

mod embedded {
    refinery::embed_migrations!("../../migrations");
}

/// Any number will do as long as every version of this program uses the same.
const LOCK: i64 = 0x6d34_7368_6d69_6772;

/// Applies what is missing, under an advisory lock; says what was applied, such as `V1 foundations`.
///
/// # Errors
/// `Unavailable` when the database does not answer, `Query` when a migration fails (it is rolled back) or when the
/// database was migrated by another version of a file.
pub async fn run(url: &str) -> Result<Vec<String>, StoreError> {
    let (mut client, connection) =
        pool::within_connect_time(async { Ok(pool::config(url)?.connect(NoTls).await?) }).await?;
    let driver = tokio::spawn(connection);
    let applied = apply(&mut client).await;
    // The lock goes with the connection, which is gone for the server when its driver has ended.
    drop(client);
    driver.await.map_err(StoreError::query)??;
    applied
}

async fn apply(client: &mut Client) -> Result<Vec<String>, StoreError> {
    // A migration, and the wait for another process that migrates, take as long as they take.
    client.batch_execute("SET statement_timeout = 0; SET client_min_messages = warning").await?;
    client.execute("SELECT pg_advisory_lock($1)", &[&LOCK]).await?;
    let report = embedded::migrations::runner().run_async(client).await.map_err(refused)?;
    Ok(report.applied_migrations().iter().map(|one| format!("V{} {}", one.version(), one.name())).collect())
}

/// A lost connection stays what it is beneath refinery's own words.
fn refused(error: refinery::Error) -> StoreError {
    let lost = std::error::Error::source(&error)
        .and_then(|source| source.downcast_ref::<tokio_postgres::Error>())
        .is_some_and(tokio_postgres::Error::is_closed);
    if lost { StoreError::unavailable(error) } else { StoreError::query(error) }
}

/// Tells one set of migrations from another.
#[cfg(any(test, feature = "testing"))]
pub(super) fn fingerprint() -> String {
    let runner = embedded::migrations::runner();
    let migrations: Vec<_> = runner.get_migrations().iter().map(|one| format!("{one} {};", one.checksum())).collect();
    migrations.concat()
}
