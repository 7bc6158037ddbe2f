//! The queue and what is cleaned: leases, keys, one transaction for a job's end, and what retention takes.

use std::{collections::BTreeSet, time::Duration};

use serde_json::json;

use super::*;
use crate::{
    Enqueued, ExpiringRows, IdempotencyKey, IdempotentRequest, JobStatus, NewJob, NewSnapshot, SaveSnapshotResult,
    SnapshotOrigin, TrimmedSnapshots, UploadedObject, testing::TestDatabase,
};
use m4sh_domain::ids::Rev;

const KINDS: &[(&str, Duration)] = &[("export", Duration::from_secs(60))];

fn new_job(account: Option<UserId>, node: Option<BoardId>, key: Option<&str>) -> NewJob {
    NewJob {
        id: Uuid::now_v7(),
        kind: "export",
        account,
        node,
        key: key.map(str::to_owned),
        fingerprint: Some([7; 32]),
        params: json!({"format": "png"}),
        expires_at: Some(at(90)),
    }
}

/// A stored object's row, as the vault leaves it before it is sealed.
async fn some_blob(database: &TestDatabase, owner: UserId, bytes: i64) -> UploadedObject {
    let (blob, reference) = (Uuid::now_v7(), Uuid::now_v7());
    let client = database.client().await;
    let sql = "INSERT INTO blob (id, key, sha256, size, media_type) VALUES ($1, $1::uuid::text, sha256(''), $2, 'x')";
    client.execute(sql, &[&blob, &bytes]).await.unwrap();
    let sql = "INSERT INTO ledger (ref, account, kind, bytes, reserved_until)
        VALUES ($1, $2, 'snapshot', $3, now() + interval '1 hour')";
    client.execute(sql, &[&reference, &owner.0, &bytes]).await.unwrap();
    UploadedObject { reference, blob, size: bytes.unsigned_abs(), sha256: [0; 32], version: None, charged: true }
}

async fn used(database: &TestDatabase, owner: UserId) -> (i64, i64) {
    let sql = "SELECT used, reserved FROM account_usage WHERE account = $1";
    let row = database.client().await.query_one(sql, &[&owner.0]).await.unwrap();
    (row.get(0), row.get(1))
}

#[tokio::test]
async fn t1_a_key_is_one_job_also_when_many_ask_at_once() {
    let database = TestDatabase::new().await;
    let store = database.store().await;
    let owner = somebody(&store).await;
    let board = store.create_board(new_board(owner)).await.unwrap().id;
    for (account, node) in [(Some(owner), Some(board)), (None, Some(board)), (None, None)] {
        let key = format!("{}{}", account.is_some(), node.is_some());
        let asks = (0..8).map(|_| {
            let (store, job) = (store.clone(), new_job(account, node, Some(&key)));
            tokio::spawn(async move { store.enqueue_job(&job).await.unwrap() })
        });
        let asked: Vec<_> = futures_util::future::join_all(asks).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(asked.iter().filter(|asked| matches!(asked, Enqueued::New(_))).count(), 1);
        let ids: BTreeSet<_> = asked.into_iter().map(|asked| asked.into_row().id).collect();
        assert_eq!(ids.len(), 1);
    }
    let fresh = store.enqueue_job(&new_job(Some(owner), Some(board), None)).await.unwrap();
    assert!(
        matches!(&fresh, Enqueued::New(row) if row.status == JobStatus::Pending && row.fingerprint == Some([7; 32]))
    );
    let row = fresh.into_row();
    assert_eq!((&row.params, row.expires_at), (&json!({"format": "png"}), Some(at(90))));
    assert_eq!(store.job(row.id).await.unwrap(), Some(row));
}

#[tokio::test]
async fn t2_of_many_workers_each_job_has_one_and_a_lease_that_ran_out_is_somebody_elses() {
    let database = TestDatabase::new().await;
    let store = database.store().await;
    for _ in 0..20 {
        store.enqueue_job(&new_job(None, None, None)).await.unwrap();
    }
    let claims = (0..30).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { store.claim_job(KINDS, Uuid::new_v4()).await.unwrap() })
    });
    let taken: Vec<_> =
        futures_util::future::join_all(claims).await.into_iter().filter_map(Result::unwrap).map(|row| row.id).collect();
    assert!(taken.len() <= 20);
    assert_eq!(taken.iter().collect::<BTreeSet<_>>().len(), taken.len(), "no job has two workers");
    while store.claim_job(KINDS, Uuid::new_v4()).await.unwrap().is_some() {}
    assert_eq!(store.jobs_waiting().await.unwrap(), []);

    // The worker died: its lease ends.
    let job = taken[0];
    database.client().await.execute("UPDATE job SET run_at = now() WHERE id = $1", &[&job]).await.unwrap();
    assert_eq!(store.jobs_waiting().await.unwrap(), [("export".to_owned(), 1)]);
    let heir = Uuid::new_v4();
    let row = store.claim_job(KINDS, heir).await.unwrap().unwrap();
    assert_eq!((row.id, row.attempts, row.status), (job, 2, JobStatus::Processing));
    assert!(store.claim_this_job(job, KINDS, Uuid::new_v4()).await.unwrap().is_none(), "somebody has it");
    assert!(store.renew_job(job, heir, Duration::from_secs(5), 40).await.unwrap());
    assert_eq!(store.job(job).await.unwrap().unwrap().progress, 40);
}

#[tokio::test]
async fn t3_whoever_lost_the_lease_changes_nothing() {
    let database = TestDatabase::new().await;
    let store = database.store().await;
    let owner = somebody(&store).await;
    let job = store.enqueue_job(&new_job(None, None, None)).await.unwrap().into_row().id;
    let (late, heir) = (Uuid::new_v4(), Uuid::new_v4());
    store.claim_job(KINDS, late).await.unwrap().unwrap();
    database.client().await.execute("UPDATE job SET run_at = now()", &[]).await.unwrap();
    store.claim_job(KINDS, heir).await.unwrap().unwrap();
    let before = store.job(job).await.unwrap();
    let stored = some_blob(&database, owner, 5).await;
    assert!(!store.renew_job(job, late, Duration::from_secs(5), 99).await.unwrap());
    assert!(!store.complete_job(job, late, Some(&stored), &json!({})).await.unwrap());
    assert!(!store.fail_job(job, late, "x").await.unwrap());
    assert!(!store.retry_job(job, late, "x", Duration::ZERO).await.unwrap());
    assert!(!store.release_job(job, late).await.unwrap());
    assert_eq!(store.job(job).await.unwrap(), before);
    assert_eq!(used(&database, owner).await, (0, 5), "what the late one stored is not sealed");

    assert!(store.complete_job(job, heir, Some(&stored), &json!({"n": 1})).await.unwrap());
    let row = store.job(job).await.unwrap().unwrap();
    assert_eq!((row.status, row.progress, row.result), (JobStatus::Completed, 100, Some(json!({"n": 1}))));
    assert_eq!(row.object.unwrap().blob, stored.blob);
    assert_eq!(used(&database, owner).await, (5, 0), "sealed with the job's end");
    assert!(!store.complete_job(job, heir, None, &json!({})).await.unwrap(), "it ends once");
}

#[tokio::test]
async fn t4_a_job_that_failed_keeps_the_reason_and_one_that_was_given_back_its_attempts() {
    let database = TestDatabase::new().await;
    let store = database.store().await;
    let job = store.enqueue_job(&new_job(None, None, None)).await.unwrap().into_row().id;
    let lease = Uuid::new_v4();
    store.claim_job(KINDS, lease).await.unwrap().unwrap();
    assert!(store.release_job(job, lease).await.unwrap());
    assert_eq!(store.claim_job(KINDS, lease).await.unwrap().unwrap().attempts, 1);
    assert!(store.retry_job(job, lease, "the store was away", Duration::from_secs(60)).await.unwrap());
    assert!(store.claim_job(KINDS, lease).await.unwrap().is_none(), "not before its time");
    database.client().await.execute("UPDATE job SET run_at = now()", &[]).await.unwrap();
    let again = store.claim_job(KINDS, lease).await.unwrap().unwrap();
    assert_eq!((again.attempts, again.error.as_deref()), (2, Some("the store was away")));
    let long = format!("{}\0", "я".repeat(5_000));
    assert!(store.fail_job(job, lease, &long).await.unwrap());
    let failed = store.job(job).await.unwrap().unwrap();
    assert_eq!((failed.status, failed.error.unwrap().chars().count()), (JobStatus::Failed, 1_000));
    assert!(failed.finished_at.is_some());
}

#[tokio::test]
async fn n7_the_newest_snapshots_of_each_board_stay_and_the_pinned_ones() {
    let database = TestDatabase::new().await;
    let store = database.store().await;
    let owner = somebody(&store).await;
    let (one, two) = (new_board(owner), new_board(owner));
    let (one, two) = (store.create_board(one).await.unwrap().id, store.create_board(two).await.unwrap().id);
    for (board, rev) in [(one, 1), (one, 2), (one, 3), (one, 4), (two, 9)] {
        let stored = some_blob(&database, owner, 10).await;
        let new = NewSnapshot {
            id: stored.reference,
            board,
            rev: Rev(rev),
            origin: SnapshotOrigin::Manual,
            author: Some(owner),
            note: "n".into(),
        };
        assert!(
            matches!(store.save_snapshot(&new, &stored).await.unwrap(), SaveSnapshotResult::New(row) if row.size == 10)
        );
        let again = NewSnapshot { id: Uuid::now_v7(), ..new };
        assert!(matches!(store.save_snapshot(&again, &stored).await.unwrap(), SaveSnapshotResult::Known(_)));
    }
    let nowhere = some_blob(&database, owner, 1).await;
    let new = NewSnapshot {
        id: nowhere.reference,
        board: BoardId(Uuid::now_v7()),
        rev: Rev(1),
        origin: SnapshotOrigin::Automatic,
        author: None,
        note: String::new(),
    };
    assert_eq!(store.save_snapshot(&new, &nowhere).await.unwrap(), SaveSnapshotResult::NoBoard);
    assert_eq!(used(&database, owner).await, (50, 1));
    store.edit_snapshot(one, Rev(1), Some(true), None).await.unwrap().unwrap();

    let crowded = store.boards_over_snapshot_limit(None, 2).await.unwrap();
    assert_eq!(crowded, [one]);
    assert_eq!(store.trim_snapshots(&crowded, 2).await.unwrap(), TrimmedSnapshots { files: 1, bytes: 10 });
    let left = store.snapshots(one, Default::default()).await.unwrap();
    assert_eq!(left.1.iter().map(|row| row.rev.0).collect::<Vec<_>>(), [4, 3, 1]);
    assert_eq!(used(&database, owner).await, (40, 1));
    let all = store.boards_over_snapshot_limit(None, 0).await.unwrap();
    assert_eq!(store.trim_snapshots(&all, 0).await.unwrap(), TrimmedSnapshots { files: 3, bytes: 30 });
    assert_eq!(store.snapshots(one, Default::default()).await.unwrap().0, 1, "the pinned one");
}

#[tokio::test]
async fn n3_of_many_requests_under_a_key_one_has_the_turn_and_the_others_get_its_answer() {
    let database = TestDatabase::new().await;
    let store = database.store().await;
    let account = somebody(&store).await;
    let asked = IdempotencyKey { account, scope: "snapshot", key: "k" };
    let within = Duration::from_secs(60);
    let begins = futures_util::future::join_all((0..8).map(|_| store.begin_idempotent(asked, &[1; 32], within))).await;
    let turns: Vec<_> = begins.into_iter().map(Result::unwrap).collect();
    let mine: Vec<_> =
        turns.iter().filter_map(|t| if let IdempotentRequest::Mine(at) = t { Some(*at) } else { None }).collect();
    assert_eq!((mine.len(), turns.iter().filter(|turn| **turn == IdempotentRequest::Waiting).count()), (1, 7));
    assert_eq!(store.begin_idempotent(asked, &[2; 32], within).await.unwrap(), IdempotentRequest::Reused);

    // Whoever had the turn died; somebody takes over, and the dead one's answer is not taken any more.
    let expire = "UPDATE idempotency SET expires_at = now() - interval '1 second'";
    database.client().await.execute(expire, &[]).await.unwrap();
    let IdempotentRequest::Mine(heir) = store.begin_idempotent(asked, &[1; 32], within).await.unwrap() else {
        panic!("no turn")
    };
    assert!(!store.store_response(asked, mine[0], 201, b"late", within).await.unwrap());
    store.forget_idempotency_key(asked, mine[0]).await.unwrap();
    assert!(store.store_response(asked, heir, 201, b"first", within).await.unwrap());
    let answered = IdempotentRequest::Answered { status: 201, body: b"first".to_vec() };
    assert_eq!(store.begin_idempotent(asked, &[1; 32], within).await.unwrap(), answered);

    let other = IdempotencyKey { key: "other", ..asked };
    let IdempotentRequest::Mine(turn) = store.begin_idempotent(other, &[1; 32], within).await.unwrap() else {
        panic!("no turn")
    };
    store.forget_idempotency_key(other, turn).await.unwrap();
    assert!(
        matches!(store.begin_idempotent(other, &[2; 32], within).await.unwrap(), IdempotentRequest::Mine(_)),
        "a refusal is forgotten"
    );
    database.client().await.execute(expire, &[]).await.unwrap();
    assert_eq!(store.delete_expired(ExpiringRows::Answers, Timestamp::now(), &[]).await.unwrap(), 2);
}

#[tokio::test]
async fn t8_what_is_too_old_leaves_and_nothing_else() {
    let database = TestDatabase::new().await;
    let store = database.store().await;
    let owner = somebody(&store).await;
    let client = database.client().await;
    let (old, young) = ("now() - interval '40 days'", "now() - interval '1 day'");
    for (n, age) in [(1, old), (2, young)] {
        let sql = format!(
            "INSERT INTO event (id, at, category, action) VALUES (gen_random_uuid(), {age}, 'board', 'x');
             INSERT INTO job (id, kind, account, status, finished_at)
                 VALUES (gen_random_uuid(), 'export', '{owner}', 'completed', {age});
             INSERT INTO job (id, kind, status, finished_at) VALUES
                 (gen_random_uuid(), 'sweep', 'completed', {age}), (gen_random_uuid(), 'sweep', 'failed', {age}),
                 (gen_random_uuid(), 'alone{n}', 'completed', {age});
             INSERT INTO auth_session (id, account, created_at, expires_at, ended_at)
                 VALUES (gen_random_uuid(), '{owner}', {old}, now() + interval '9 days', {age});
             WITH s AS (
                 INSERT INTO auth_session (id, account, created_at, expires_at)
                 VALUES (gen_random_uuid(), '{owner}', {old}, {age}) RETURNING id
             ) INSERT INTO refresh_token (hash, auth_session, expires_at) SELECT sha256('{n}'), id, {age} FROM s"
        );
        client.batch_execute(&sql).await.unwrap();
    }
    let before = Timestamp::now() - jiff::SignedDuration::from_hours(24 * 30);
    let own = ["sweep", "alone1", "alone2"];
    for (what, removed) in [
        (ExpiringRows::Events, 1),
        (ExpiringRows::Exports, 1),
        (ExpiringRows::Links, 0),
        // The account's own first login among them.
        (ExpiringRows::Tokens, 2),
        (ExpiringRows::Logins, 1),
        (ExpiringRows::FailedJobs, 1),
        // The newest of each kind stays: its row says that the work was done.
        (ExpiringRows::OwnJobs, 1),
    ] {
        assert_eq!(store.delete_expired(what, before, &own).await.unwrap(), removed, "{what:?}");
        assert_eq!(store.delete_expired(what, before, &own).await.unwrap(), 0, "{what:?}, again");
    }
    let count = async |table: &str| -> i64 {
        client.query_one(&format!("SELECT count(*) FROM {table}"), &[]).await.unwrap().get(0)
    };
    assert_eq!(count("job").await, 5);
    assert_eq!(count("auth_session").await, 2, "the young expired one and the young ended one");
}
