//! How fast an append is. Not a gate: machines differ; `cargo test --release -- --ignored --nocapture measure` prints.

use std::time::Instant;

use super::*;
use crate::{JournalConnection, PageRequest, testing::TestDatabase};

/// One owner, 100,000 boards, epoch 1.
pub(super) const HUNDRED_THOUSAND_BOARDS: &str = "
    INSERT INTO account (id, email, password_hash, role, quota_bytes) VALUES (md5('o')::uuid, 'o', 'x', 'tutor', 0);
    INSERT INTO node (id, kind, owner, name)
        SELECT md5(i::text)::uuid, 'board', md5('o')::uuid, 'n' FROM generate_series(1, 100000) i;
    INSERT INTO board (id, epoch) SELECT md5(i::text)::uuid, 1 FROM generate_series(1, 100000) i;";

/// A thumbnail for every board.
const PICTURES: &str = "
    INSERT INTO blob (id, key, sha256, size, media_type, stored_at)
        SELECT id, 'solo/' || id, sha256(id::text::bytea), 9000, 'image/webp', now() FROM board;
    INSERT INTO rendition (id, node, kind, number, blob) SELECT id, id, 'thumbnail', 1, id FROM board;";

/// Processor time of a process on this machine, in seconds; 0 where there is no telling.
fn cpu(pid: &str) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = text.rsplit(") ").next().unwrap().split(' ');
    // utime and stime, in hundredths of a second.
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

#[tokio::test]
#[ignore = "a measurement"]
async fn measure_rows_a_second() {
    let database = TestDatabase::new().await;
    let store = database.store().await;
    let client = database.client().await;
    client.batch_execute(HUNDRED_THOUSAND_BOARDS).await.unwrap();
    client.batch_execute("VACUUM ANALYZE").await.unwrap();
    let ids = client.query("SELECT id FROM board LIMIT 200", &[]).await.unwrap();
    let boards: Vec<BoardId> = ids.iter().map(|row| BoardId(row.get(0))).collect();
    let journal = JournalConnection::open(&store).await.unwrap();
    let server = journal.server_process().await.to_string();
    let mut revs = vec![0; boards.len()];
    let mut next = 0;
    for (rows_each, appends) in [(1, 8_000), (9, 4_000), (64, 1_600), (256, 600)] {
        for round in 0..3 {
            let batches: Vec<Vec<JournalRow>> = (0..appends)
                .map(|_| {
                    (0..rows_each)
                        .map(|_| {
                            next = (next + 1) % boards.len();
                            revs[next] += 1;
                            let mut row = row(boards[next], Epoch(1), revs[next]);
                            Arc::get_mut(&mut row.entry).unwrap().ops = vec![b'x'; 200].into();
                            row
                        })
                        .collect()
                })
                .collect();
            let lsn = "SELECT pg_current_wal_lsn()::text";
            let (cpu_here, cpu_there) = (cpu("self"), cpu(&server));
            let before: String = client.query_one(lsn, &[]).await.unwrap().get(0);
            let begun = Instant::now();
            let mut worst = Vec::with_capacity(appends);
            for batch in &batches {
                let one = Instant::now();
                assert!(!journal.append(batch).await.unwrap().is_empty());
                worst.push(one.elapsed());
            }
            let took = begun.elapsed();
            let wal = "SELECT (pg_current_wal_lsn() - $1::text::pg_lsn)::int8";
            let wal: i64 = client.query_one(wal, &[&before]).await.unwrap().get(0);
            worst.sort();
            let rows = appends * rows_each;
            let (cpu_here, cpu_there) = (cpu("self") - cpu_here, cpu(&server) - cpu_there);
            println!(
                "{rows_each:4} rows/append, round {round}: {:8.0} rows/s, p50 {:?}, p99 {:?}, WAL {} B/row, \
                 CPU/row {:.1} us here, {:.1} us in the server",
                rows as f64 / took.as_secs_f64(),
                worst[appends / 2],
                worst[appends * 99 / 100],
                usize::try_from(wal).unwrap() / rows,
                cpu_here * 1e6 / rows as f64,
                cpu_there * 1e6 / rows as f64,
            );
        }
    }
}

#[tokio::test]
#[ignore = "a measurement"]
async fn measure_a_list_of_1000_boards_with_pictures_and_what_preparing_once_spares() {
    let database = TestDatabase::new().await;
    let store = database.store().await;
    let me = somebody(&store).await;
    let journal = JournalConnection::open(&store).await.unwrap();
    for _ in 0..1_000 {
        let board = store.create_board(new_board(me)).await.unwrap().id;
        let epoch = store.claim_board(board).await.unwrap().unwrap().epoch;
        journal.append(&[row(board, epoch, 1)]).await.unwrap();
    }
    let client = database.client().await;
    client.batch_execute(PICTURES).await.unwrap();
    client.batch_execute("ANALYZE").await.unwrap();
    let board = store.list_boards(me, PageRequest::default()).await.unwrap().1[0].id;
    let widest = PageRequest { limit: m4sh_domain::limits::PAGE_MAX, offset: 0 };
    for round in 0..3 {
        let begun = Instant::now();
        for _ in 0..100 {
            let (count, cards) = store.list_boards(me, widest).await.unwrap();
            assert!(count == 1_000 && cards.iter().all(|card| card.thumbnail.is_some()));
        }
        let list = begun.elapsed() / 100;
        let begun = Instant::now();
        for _ in 0..1_000 {
            store.board_access(board).await.unwrap();
        }
        let prepared = begun.elapsed() / 1_000;
        let begun = Instant::now();
        for _ in 0..1_000 {
            client.query(queries::sql("boards::board_access"), &[&board.0]).await.unwrap();
        }
        let each_time = begun.elapsed() / 1_000;
        println!("round {round}: list {list:?}; board_access {prepared:?}, prepared each time {each_time:?}");
    }
}
