//! A board's past, asked of a real Postgres: any revision, bad checkpoints, long histories in pages.

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::*;
use m4sh_domain::{
    access::Authorship,
    board::{BatchOutcome, Op},
    ids::{ClientId, UserId},
    json::{Bounds, Value},
};
use m4sh_store::{AccountRole, JournalConnection, JournalRow, NewAccount, NewBoard, NewLogin, testing::TestDatabase};

fn json(text: &str) -> Value {
    Value::parse(text.as_bytes(), Bounds::default()).unwrap()
}

fn text(document: &Document) -> String {
    let mut text = Vec::new();
    document.write_state(&mut text);
    String::from_utf8(text).unwrap()
}

/// A board with `revs` strokes after its first state, and its text at each revision.
async fn drawn(store: &Store, revs: u64) -> (BoardId, Vec<String>, Board) {
    let owner = UserId(Uuid::now_v7());
    let login = NewLogin {
        id: m4sh_domain::ids::LoginId(Uuid::now_v7()),
        refresh: [0; 32],
        at: Timestamp::now(),
        origin: m4sh_store::RequestOrigin::default(),
    };
    let account = NewAccount {
        id: owner,
        email: format!("{owner}@example.org"),
        password_hash: "x".into(),
        first_name: "Ada".into(),
        last_name: String::new(),
        role: AccountRole::Tutor,
        login,
    };
    store.create_account(&account).await.unwrap();
    let first = Document::from_value(json(r#"{"pages":[{"id":"p1","strokes":[],"assets":[]}],"activePageId":"p1"}"#));
    let mut board = Board::new(first.unwrap(), Rev(0));
    let id = BoardId(Uuid::now_v7());
    let new = NewBoard {
        id,
        owner,
        name: "b".into(),
        thumbnail_url: None,
        page_count: 1,
        checkpoint: board.checkpoint().encode(),
    };
    store.create_board(new).await.unwrap();
    let epoch = store.claim_board(id).await.unwrap().unwrap().epoch;
    let mut texts = vec![text(board.document())];
    let mut rows = Vec::new();
    for rev in 1..=revs {
        let ops = json(&format!(r#"[{{"op":"add","kind":"stroke","value":{{"id":"s{rev}","color":"я"}}}}]"#));
        let key = BatchKey { author: owner, client: ClientId(owner.0), id: format!("{rev}").into() };
        let ops = Op::parse_list(ops).unwrap();
        let BatchOutcome::Accepted(entry) =
            board.submit(key, ops, Authorship::FULL, Timestamp::from_second(1_700_000_000).unwrap(), false).unwrap()
        else {
            panic!()
        };
        texts.push(text(board.document()));
        rows.push(JournalRow { board: id, epoch, entry: Arc::clone(&entry) });
        if rev == revs / 2 {
            let bytes = board.checkpoint().encode();
            assert!(store.save_checkpoint(id, epoch, Rev(rev), bytes).await.unwrap());
        }
    }
    let session = JournalConnection::open(store).await.unwrap();
    for part in rows.chunks(512) {
        session.append(part).await.unwrap();
    }
    (id, texts, board)
}

#[tokio::test]
async fn n5_every_committed_revision_of_a_board_can_be_read_and_no_other() {
    let database = TestDatabase::new().await;
    let store = database.store().await;
    let (id, texts, _) = drawn(&store, 9).await;
    for (rev, expected) in texts.iter().enumerate() {
        let past = document_at(&store, id, Some(Rev(rev as u64))).await.unwrap().unwrap();
        assert_eq!((past.rev, past.page_count, &text(&past.document)), (Rev(rev as u64), 1, expected));
    }
    let newest = document_at(&store, id, None).await.unwrap().unwrap();
    assert_eq!((newest.rev, &text(&newest.document)), (Rev(9), &texts[9]));
    assert!(document_at(&store, id, Some(Rev(10))).await.unwrap().is_none());
    assert!(document_at(&store, id, Some(Rev(u64::MAX))).await.unwrap().is_none());
    assert!(document_at(&store, BoardId(Uuid::now_v7()), None).await.unwrap().is_none());
}

#[tokio::test]
async fn s5_a_bad_checkpoint_is_passed_over_for_the_one_before_it_and_without_a_good_one_nothing_is_guessed() {
    let database = TestDatabase::new().await;
    let store = database.store().await;
    let (id, texts, _) = drawn(&store, 8).await;
    let client = database.client().await;
    client.execute("UPDATE checkpoint SET bytes = '\\x00' WHERE rev > 0", &[]).await.unwrap();
    let rebuilt = rebuild(&store, id, None, 100).await.unwrap().unwrap();
    assert_eq!((rebuilt.checkpoint, text(rebuilt.board.document())), (Rev(0), texts[8].clone()));
    let sixth = document_at(&store, id, Some(Rev(6))).await.unwrap().unwrap();
    assert_eq!(text(&sixth.document), texts[6]);
    client.execute("UPDATE checkpoint SET bytes = '\\x00'", &[]).await.unwrap();
    assert!(matches!(document_at(&store, id, None).await, Err(BoardHistoryError::NoGoodCheckpoint)));
}

#[tokio::test]
async fn s4_a_history_of_several_pages_is_replayed_whole_with_its_receipts() {
    let database = TestDatabase::new().await;
    let store = database.store().await;
    let revs = u64::from(limits::REPLAY_ROWS) + 5;
    let (id, texts, board) = drawn(&store, revs).await;
    database.client().await.execute("DELETE FROM checkpoint WHERE rev > 0", &[]).await.unwrap();
    let mut rebuilt = rebuild(&store, id, None, limits::RECEIPTS).await.unwrap().unwrap().board;
    assert_eq!((rebuilt.rev(), text(rebuilt.document())), (Rev(revs), texts.last().unwrap().clone()));
    for rev in [1, revs / 2, revs] {
        let author = board_author(&store, id).await;
        let key = BatchKey { author, client: ClientId(author.0), id: format!("{rev}").into() };
        assert_eq!(rebuilt.receipt(&key), board.receipt(&key));
        assert!(rebuilt.receipt(&key).is_some());
    }
    assert_eq!(rebuilt.digest(), Board::new(board.document().clone(), board.rev()).digest());
}

async fn board_author(store: &Store, id: BoardId) -> UserId {
    store.board_access(id).await.unwrap().unwrap().owner
}
