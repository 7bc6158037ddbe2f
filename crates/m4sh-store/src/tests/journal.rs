//! The journal: fence, retries, order, plan.

use std::collections::HashSet;

use super::*;
use crate::{
    JournalConnection,
    journal::{APPEND, SETTINGS},
    testing::TestDatabase,
};

#[tokio::test]
async fn s1_an_appended_entry_is_read_back_as_it_was() {
    let database = TestDatabase::new().await;
    let store = database.store().await;
    let board = some_board(&store).await;
    let epoch = store.claim_board(board).await.unwrap().unwrap().epoch;
    let session = JournalConnection::open(&store).await.unwrap();
    let rows: Vec<_> = (1..=4).map(|rev| row(board, epoch, rev)).collect();

    assert_eq!(session.append(&rows).await.unwrap(), HashSet::from([(board, epoch)]));

    let read = store.journal_after(board, Rev(0)).await.unwrap();
    assert_eq!(read, rows.iter().map(|row| (*row.entry).clone()).collect::<Vec<_>>());
    assert_eq!(revs(&store.journal_after(board, Rev(2)).await.unwrap()), [3, 4]);
    assert_eq!(revs(&store.journal_page(board, Rev(1), 2, usize::MAX).await.unwrap()), [2, 3]);
    let two = read[0].ops.len() + read[1].ops.len();
    for (bytes, revs_read) in
        [(0, vec![]), (1, vec![1]), (two - 1, vec![1, 2]), (two, vec![1, 2]), (two + 1, vec![1, 2, 3])]
    {
        assert_eq!(revs(&store.journal_page(board, Rev(0), 9, bytes).await.unwrap()), revs_read, "{bytes}");
    }
    let receipts = store.receipts(board, Rev(3), 2).await.unwrap();
    assert_eq!(receipts.iter().map(|(_, receipt)| receipt.rev.0).collect::<Vec<_>>(), [2, 3]);
    assert_eq!((&receipts[0].0, receipts[0].1.fingerprint), (&rows[1].entry.key, u64::MAX - 2));
    assert_eq!((receipts[0].1.at, receipts[0].1.digest), (at(2), Some(Digest([7; 32]))));
}

#[tokio::test]
async fn an_append_that_is_repeated_after_a_lost_answer_changes_nothing() {
    let database = TestDatabase::new().await;
    let store = database.store().await;
    let board = some_board(&store).await;
    let epoch = store.claim_board(board).await.unwrap().unwrap().epoch;
    let session = JournalConnection::open(&store).await.unwrap();
    let first: Vec<_> = (1..=2).map(|rev| row(board, epoch, rev)).collect();
    session.append(&first).await.unwrap();

    // The writer, who heard nothing, sends them again, with what has gathered since.
    let again: Vec<_> = (1..=3).map(|rev| row(board, epoch, rev)).collect();
    let session = JournalConnection::open(&store).await.unwrap();
    assert_eq!(session.append(&again).await.unwrap(), HashSet::from([(board, epoch)]));

    assert_eq!(revs(&store.journal_after(board, Rev(0)).await.unwrap()), [1, 2, 3]);
}

#[tokio::test]
async fn s6_an_append_of_a_former_owner_writes_nothing_while_other_boards_are_saved() {
    let database = TestDatabase::new().await;
    let store = database.store().await;
    let (lost, kept, gone) = (some_board(&store).await, some_board(&store).await, BoardId(Uuid::now_v7()));
    let old = store.claim_board(lost).await.unwrap().unwrap().epoch;
    let other = store.claim_board(kept).await.unwrap().unwrap().epoch;
    let new = store.claim_board(lost).await.unwrap().unwrap().epoch;
    assert_eq!(new, Epoch(old.0 + 1));

    let session = JournalConnection::open(&store).await.unwrap();
    let rows = [row(lost, old, 1), row(kept, other, 1), row(gone, Epoch(1), 1)];
    assert_eq!(session.append(&rows).await.unwrap(), HashSet::from([(kept, other)]));

    assert_eq!(store.journal_after(lost, Rev(0)).await.unwrap(), []);
    assert_eq!(store.journal_after(gone, Rev(0)).await.unwrap(), []);
    assert_eq!(revs(&store.journal_after(kept, Rev(0)).await.unwrap()), [1]);
}

#[tokio::test]
async fn s6_rows_of_an_old_and_a_new_owner_in_one_append_are_told_apart() {
    let database = TestDatabase::new().await;
    let store = database.store().await;
    let board = some_board(&store).await;
    let old = store.claim_board(board).await.unwrap().unwrap().epoch;
    let new = store.claim_board(board).await.unwrap().unwrap().epoch;

    let session = JournalConnection::open(&store).await.unwrap();
    let answer = session.append(&[row(board, old, 2), row(board, new, 1)]).await.unwrap();

    assert_eq!(answer, HashSet::from([(board, new)]));
    assert_eq!(revs(&store.journal_after(board, Rev(0)).await.unwrap()), [1]);
}

/// An append held open between its statement and its commit, which is what a slow flush looks like to others.
async fn append_in_flight(client: &tokio_postgres::Client, rows: &[JournalRow]) -> usize {
    client.batch_execute("BEGIN").await.unwrap();
    client.batch_execute(SETTINGS).await.unwrap();
    let session = JournalConnection::on(client).await.unwrap();
    JournalConnection::append_on(client, &session, rows).await.unwrap().len()
}

#[tokio::test]
async fn r2_a_takeover_waits_for_an_append_in_flight_and_sees_its_rows() {
    let database = TestDatabase::new().await;
    let store = database.store().await;
    let board = some_board(&store).await;
    let old = store.claim_board(board).await.unwrap().unwrap().epoch;
    let (writer, watcher) = (database.client().await, database.client().await);
    assert_eq!(append_in_flight(&writer, &[row(board, old, 1), row(board, old, 2)]).await, 1);

    let heir = store.clone();
    let takeover = tokio::spawn(async move {
        let claim = heir.claim_board(board).await.unwrap().unwrap();
        (claim.epoch, heir.journal_after(board, Rev(0)).await.unwrap())
    });
    until_somebody_waits(&watcher).await;
    assert!(!takeover.is_finished());
    writer.batch_execute("COMMIT").await.unwrap();

    let (epoch, tail) = takeover.await.unwrap();
    assert_eq!((epoch, revs(&tail)), (Epoch(old.0 + 1), vec![1, 2]));
}

#[tokio::test]
async fn s6_an_append_that_meets_a_takeover_in_flight_waits_and_writes_nothing() {
    let database = TestDatabase::new().await;
    let store = database.store().await;
    let board = some_board(&store).await;
    let old = store.claim_board(board).await.unwrap().unwrap().epoch;
    let (heir, watcher) = (database.client().await, database.client().await);
    heir.batch_execute("BEGIN").await.unwrap();
    heir.execute("UPDATE board SET epoch = epoch + 1 WHERE id = $1", &[&board.0]).await.unwrap();

    let session = JournalConnection::open(&store).await.unwrap();
    let stale = tokio::spawn(async move { session.append(&[row(board, old, 1)]).await.unwrap() });
    until_somebody_waits(&watcher).await;
    heir.batch_execute("COMMIT").await.unwrap();

    assert_eq!(stale.await.unwrap(), HashSet::new());
    assert_eq!(store.journal_after(board, Rev(0)).await.unwrap(), []);
}

#[tokio::test]
async fn s1_a_journal_session_commits_to_disk_even_where_the_database_says_otherwise() {
    let database = TestDatabase::new().await;
    let admin = database.client().await;
    let sql =
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$";
    admin.batch_execute(sql).await.unwrap();
    let store = database.store().await;
    let session = JournalConnection::open(&store).await.unwrap();
    assert_eq!(session.setting("synchronous_commit").await, "on");
    let plain = database.client().await;
    let shown: String = plain.query_one("SHOW synchronous_commit", &[]).await.unwrap().get(0);
    assert_eq!(shown, "off");
}

async fn plan(client: &tokio_postgres::Client) -> String {
    let arrays = ["'{}'"; 16].join(", ");
    let rows = client.simple_query(&format!("EXPLAIN (FORMAT JSON) EXECUTE append ({arrays}, 1)")).await.unwrap();
    let text = rows.iter().find_map(|message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    text.unwrap().to_owned()
}

#[tokio::test]
async fn an_append_finds_its_boards_by_index_among_a_hundred_thousand() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    client.batch_execute(SETTINGS).await.unwrap();
    // Planned while the table is known to be tiny, when reading all of it looks best, and used when it is not: as by
    // a process that starts before the school has many boards.
    let store = database.store().await;
    some_board(&store).await;
    client.batch_execute("ANALYZE").await.unwrap();
    client.batch_execute(&format!("PREPARE append AS {APPEND}")).await.unwrap();
    let by_index = |plan: &str| {
        assert!(plan.contains(r#""Index Name": "board_pkey""#), "{plan}");
        assert!(plan.contains(r#""Node Type": "Nested Loop""#), "{plan}");
        assert!(!plan.contains("Seq Scan"), "{plan}");
    };
    by_index(&plan(&client).await);

    client.batch_execute(measure::HUNDRED_THOUSAND_BOARDS).await.unwrap();
    by_index(&plan(&client).await);
    client.batch_execute("ANALYZE").await.unwrap();
    by_index(&plan(&client).await);
}
