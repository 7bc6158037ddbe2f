//! What callers hear when Postgres is away, full or in the way.

use std::time::{Duration, Instant};

use super::*;
use crate::{JournalConnection, StoreError, pool::Executor, testing::TestDatabase};

const END_OTHERS: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()";

#[tokio::test]
async fn without_a_server_the_store_says_unavailable_within_its_deadline() {
    let nowhere = tempfile::tempdir().unwrap();
    let url = format!("host='{}' user=m4sh dbname=m4sh", nowhere.path().display());
    let begun = Instant::now();
    let error = Store::connect(&url, 4).await.unwrap_err();
    assert!(error.is_unavailable(), "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(6));
    let error = Store::connect("not a url", 4).await.unwrap_err();
    assert!(matches!(error, StoreError::Query(_)), "{error:?}");
}

#[tokio::test]
async fn a_database_that_is_not_there_is_a_fault_to_be_told_and_not_an_outage() {
    let database = TestDatabase::new().await;
    let url = database.url.replace("m4sh_test_", "m4sh_missing_");
    let error = Store::connect(&url, 1).await.unwrap_err();
    assert!(matches!(error, StoreError::Query(_)) && error.to_string().contains("does not exist"), "{error}");
}

#[tokio::test]
async fn a_server_that_accepts_and_says_nothing_is_unavailable_too() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgresql://m4sh@127.0.0.1:{}/m4sh", listener.local_addr().unwrap().port());
    let error = Store::connect(&url, 1).await.unwrap_err();
    assert!(error.is_unavailable(), "{error:?}");
}

#[tokio::test]
async fn after_a_shutdown_of_all_connections_the_pool_serves_again_and_the_journal_reopens() {
    let database = TestDatabase::new().await;
    let store = database.store().await;
    let board = some_board(&store).await;
    let epoch = store.claim_board(board).await.unwrap().unwrap().epoch;
    let journal = JournalConnection::open(&store).await.unwrap();
    journal.append(&[row(board, epoch, 1)]).await.unwrap();

    database.client().await.execute(END_OTHERS, &[]).await.unwrap();
    let lost = journal.append(&[row(board, epoch, 2)]).await.unwrap_err();
    assert!(lost.is_unavailable(), "{lost:?}");
    assert!(journal.is_closed());
    let journal = JournalConnection::open(&store).await.unwrap();
    assert_eq!(journal.append(&[row(board, epoch, 2)]).await.unwrap().len(), 1);

    // At most the one question that was on its way when the connection went may fail.
    let answer = async {
        loop {
            match store.journal_after(board, Rev(0)).await {
                Ok(entries) => return entries,
                Err(error) => assert!(error.is_unavailable(), "{error:?}"),
            }
        }
    };
    let entries = tokio::time::timeout(Duration::from_secs(10), answer).await.expect("never served again");
    assert_eq!(revs(&entries), [1, 2]);
}

#[tokio::test]
async fn a_full_pool_makes_the_next_caller_wait_and_then_says_unavailable() {
    let database = TestDatabase::new().await;
    let store = Store::connect(&database.url, 1).await.unwrap();
    let held = store.pool.get().await.unwrap();
    let error = store.ping().await.unwrap_err();
    assert!(error.is_unavailable(), "{error:?}");
    drop(held);
    store.ping().await.unwrap();
}

#[tokio::test]
async fn a_transaction_that_is_given_up_halfway_leaves_nothing_behind() {
    let database = TestDatabase::new().await;
    let store = Store::connect(&database.url, 1).await.unwrap();
    let ada = somebody(&store).await;
    {
        let mut conn = store.pool.get().await.unwrap();
        let tx = conn.begin().await.unwrap();
        let db = Executor::from(&tx);
        db.execute("DELETE FROM node", &[]).await.unwrap();
        db.execute("UPDATE account SET first_name = 'Eve' WHERE id = $1", &[&ada.0]).await.unwrap();
    }
    assert_eq!(store.account(ada).await.unwrap().unwrap().first_name, "Ada");
    let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'";
    assert_eq!(database.client().await.query_one(open, &[]).await.unwrap().get::<_, i64>(0), 0);
}

#[test]
fn every_refusal_is_told_apart_by_whether_asking_again_may_help() {
    use tokio_postgres::error::SqlState;
    for state in ["08006", "53300", "53100", "57P01", "57P02", "57P03", "57014", "40P01", "40001", "25006", "55P03"] {
        assert!(crate::error::is_transient(&SqlState::from_code(state)), "{state}");
    }
    for state in ["23505", "23503", "42P01", "22021", "28P01", "3D000", "42501"] {
        assert!(!crate::error::is_transient(&SqlState::from_code(state)), "{state}");
    }
}
