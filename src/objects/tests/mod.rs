//! What the vault promises, with a real Postgres and a folder whose door fails when it is told to.

mod faults;
mod property;
mod steps;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{ObjectService, ObjectUpload, UploadedObject};
use crate::{
    blobs::{BlobContent, Blobs},
    config::StorageSettings,
};
use faults::{FaultGate, InjectedFault};
use m4sh_domain::ids::{BoardId, UserId};
use m4sh_store::{LedgerKind, NewAsset, Store, testing::TestDatabase};

/// A vault of its own, with one way in for faults.
struct TestObjects {
    vault: ObjectService,
    store: Store,
    door: Arc<FaultGate>,
    client: tokio_postgres::Client,
    // After what uses them.
    _place: tempfile::TempDir,
    _database: TestDatabase,
}

/// Somebody with a board.
#[derive(Clone, Copy)]
struct Owner {
    account: UserId,
    board: BoardId,
}

impl TestObjects {
    async fn new() -> Self {
        let database = TestDatabase::new().await;
        let place = tempfile::tempdir().unwrap();
        let folder = Blobs::open(&StorageSettings::Local(place.path().join("blobs")), b"secret").unwrap();
        let door = Arc::new(FaultGate::default());
        let blobs = folder.through(|objects| Arc::new(faults::FaultyStore { objects, door: Arc::clone(&door) }));
        let store = database.store().await;
        let mut vault = ObjectService::new(store.clone(), blobs);
        vault.turn = Duration::from_millis(200);
        Self { vault, store, door, client: database.client().await, _place: place, _database: database }
    }

    async fn owner(&self, quota: i64) -> Owner {
        let (account, board) = (Uuid::now_v7(), Uuid::now_v7());
        let sql = format!(
            "INSERT INTO account (id, email, password_hash, role, quota_bytes) VALUES ('{account}', '{account}', '', 'tutor', {quota});
             INSERT INTO node (id, kind, owner, name) VALUES ('{board}', 'board', '{account}', 'b');
             INSERT INTO board (id) VALUES ('{board}')"
        );
        self.client.batch_execute(&sql).await.unwrap();
        Owner { account: UserId(account), board: BoardId(board) }
    }

    /// The first column of the only row.
    async fn number(&self, sql: &str) -> i64 {
        self.client.query_one(sql, &[]).await.unwrap().get(0)
    }

    /// Objects in the store.
    async fn objects(&self) -> Vec<String> {
        use futures_util::TryStreamExt;
        let listed = self.vault.blobs().list("solo").map_ok(|object| object.key);
        let mut keys: Vec<_> = listed.try_collect().await.unwrap();
        keys.sort();
        keys
    }

    /// Every promise that holds once nothing is under way and the sweep has been.
    async fn is_in_order(&self) {
        let drift = "SELECT count(*) FROM account_usage u WHERE (used, reserved) <> (
            SELECT coalesce(sum(bytes) FILTER (WHERE reserved_until IS NULL), 0),
                   coalesce(sum(bytes) FILTER (WHERE reserved_until IS NOT NULL), 0) FROM ledger l WHERE l.account = u.account)";
        assert_eq!(self.number(drift).await, 0, "used is the ledger's sum");
        let over = "SELECT count(*) FROM account_usage u JOIN account a ON a.id = u.account
            WHERE a.quota_bytes > 0 AND used + reserved > a.quota_bytes";
        assert_eq!(self.number(over).await, 0, "nobody is over their quota");
        assert_eq!(self.number("SELECT sum(reserved)::bigint FROM account_usage").await, 0, "nothing is reserved");
        let unpaid = "SELECT count(*) FROM asset a LEFT JOIN ledger l ON l.ref = a.id WHERE l.ref IS NULL";
        assert_eq!(self.number(unpaid).await, 0, "every asset is paid for");
        let unused = "SELECT count(*) FROM ledger l LEFT JOIN asset a ON a.id = l.ref WHERE a.id IS NULL";
        assert_eq!(self.number(unused).await, 0, "nothing else is");
        let unsealed =
            "SELECT count(*) FROM blob WHERE stored_at IS NULL OR NOT EXISTS (SELECT FROM asset WHERE blob = blob.id)";
        assert_eq!(self.number(unsealed).await, 0, "every row is of use");
        assert_eq!(self.number("SELECT count(*) FROM doomed_object").await, 0);
        let rows = self.client.query("SELECT key FROM blob ORDER BY key COLLATE \"C\"", &[]).await.unwrap();
        let rows: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        assert_eq!(self.objects().await, rows, "the store holds what has a row");
        assert_eq!(self.number("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").await, 0);
    }
}

impl Owner {
    fn deposit(self, bytes: &[u8]) -> ObjectUpload {
        let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        ObjectUpload {
            reference: Uuid::now_v7(),
            key: format!("solo/{}/{}/assets/{hex}", self.account, self.board),
            media_type: "image/png".into(),
            charge: Some((self.account, LedgerKind::Asset)),
            metadata: vec![],
        }
    }

    fn asset(self) -> NewAsset {
        NewAsset { board: self.board, name: "a".into(), pixels: None, pages: None, author: self.account }
    }
}

fn content(bytes: &[u8]) -> BlobContent {
    BlobContent::Bytes(Bytes::copy_from_slice(bytes))
}

async fn kept(house: &TestObjects, owner: Owner, bytes: &[u8]) -> UploadedObject {
    let deposited = house.vault.upload(owner.deposit(bytes), content(bytes)).await.unwrap();
    assert!(house.store.add_asset(&owner.asset(), &deposited).await.unwrap().is_some());
    deposited
}
