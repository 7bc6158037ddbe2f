//! What the store promises, asked of a real Postgres. Each test has a database of its own.

mod accounts;
mod boards;
mod class_events;
mod class_rules;
mod classes;
mod client_events;
mod events;
mod jobs;
mod journal;
mod measure;
mod migrate;
mod outage;
mod queries;

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::{AccountRole, JournalRow, NewAccount, NewBoard, NewLogin, RequestOrigin, Store, TokenHash};
use m4sh_domain::{
    board::{BatchKey, BatchKind, Digest, JournalEntry},
    ids::{BoardId, ClientId, Epoch, LoginId, Rev, UserId},
};

/// Some moment, exact to what Postgres keeps.
fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn token() -> TokenHash {
    let mut hash = [0; 32];
    hash[..16].copy_from_slice(Uuid::new_v4().as_bytes());
    hash
}

fn login() -> NewLogin {
    let origin = RequestOrigin {
        address: Some("192.0.2.7".parse().unwrap()),
        agent: Some("a browser".into()),
        request_id: Some("r1".into()),
    };
    NewLogin { id: LoginId(Uuid::now_v7()), refresh: token(), at: at(0), origin }
}

fn account(email: &str) -> NewAccount {
    NewAccount {
        id: UserId(Uuid::now_v7()),
        email: email.into(),
        password_hash: "$argon2id$…".into(),
        first_name: "Ada".into(),
        last_name: "Lovelace".into(),
        role: AccountRole::Tutor,
        login: login(),
    }
}

/// Somebody with an account.
async fn somebody(store: &Store) -> UserId {
    let id = Uuid::now_v7();
    store.create_account(&account(&format!("{id}@example.org"))).await.unwrap().id
}

fn new_board(owner: UserId) -> NewBoard {
    NewBoard {
        id: BoardId(Uuid::now_v7()),
        owner,
        name: "Fractions".into(),
        thumbnail_url: None,
        page_count: 1,
        checkpoint: b"revision 0".to_vec(),
    }
}

/// A board of somebody's.
async fn some_board(store: &Store) -> BoardId {
    let owner = somebody(store).await;
    store.create_board(new_board(owner)).await.unwrap().id
}

fn row(board: BoardId, epoch: Epoch, rev: u64) -> JournalRow {
    let entry = JournalEntry {
        rev: Rev(rev),
        key: BatchKey {
            author: UserId(Uuid::from_u128(7)),
            client: ClientId(Uuid::from_u128(8)),
            id: format!("batch {rev}").into(),
        },
        at: at(i64::try_from(rev).unwrap()),
        ops: format!(r#"[{{"op":"add","rev":{rev}}}]"#).into_bytes().into(),
        digest: rev.is_multiple_of(2).then_some(Digest([7; 32])),
        page_count: 3,
        // Beyond what a signed number holds, as half of all fingerprints are.
        fingerprint: u64::MAX - rev,
        kind: BatchKind::Edit,
        inverse: None,
    };
    JournalRow { board, epoch, entry: Arc::new(entry) }
}

fn revs(entries: &[JournalEntry]) -> Vec<u64> {
    entries.iter().map(|entry| entry.rev.0).collect()
}

/// Removes the journals of boards that are gone, and says how many rows they had.
async fn purge_journals(store: &Store) -> u64 {
    let mut rows = 0;
    while let Some(gone) = store.purge_journal().await.unwrap() {
        rows += gone;
    }
    rows
}

/// Waits until another session of this database waits for a lock.
async fn until_somebody_waits(watcher: &tokio_postgres::Client) {
    let sql = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let waiting = async {
        while watcher.query_opt(sql, &[]).await.unwrap().is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), waiting).await.expect("nobody ever waited");
}
