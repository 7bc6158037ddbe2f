//! Boards: checkpoints, rights, cards, deletion.

use std::time::Duration;

use super::*;
use crate::{BoardPatch, JournalConnection, NewClassroom, NewLesson, PageRequest, StoreError, testing::TestDatabase};
use m4sh_domain::access::Role;
use m4sh_domain::ids::{ClassroomId, LessonId};
use m4sh_domain::limits;

async fn some_class_board(store: &Store, tutor: UserId) -> (ClassroomId, LessonId, BoardId) {
    let (class, session, board) = (ClassroomId(Uuid::now_v7()), LessonId(Uuid::now_v7()), BoardId(Uuid::now_v7()));
    let code = class.0.simple().to_string();
    let new = NewClassroom { id: class, owner: tutor, name: "7b".into(), invite_code: code };
    store.create_classroom(&new).await.unwrap();
    let new = NewLesson {
        id: session,
        classroom: class,
        name: "Monday".into(),
        board,
        page_count: 1,
        checkpoint: b"zero".to_vec(),
    };
    store.create_lesson(&new).await.unwrap().unwrap();
    (class, session, board)
}

#[tokio::test]
async fn s5_the_last_checkpoints_and_the_first_are_kept_and_read_newest_first() {
    let database = TestDatabase::new().await;
    let store = database.store().await;
    let board = some_board(&store).await;
    let epoch = store.claim_board(board).await.unwrap().unwrap().epoch;
    for rev in [5, 9, 14, 20] {
        assert!(store.save_checkpoint(board, epoch, Rev(rev), vec![1; 3]).await.unwrap());
    }
    let kept = store.checkpoints(board).await.unwrap();
    assert_eq!(kept.iter().map(|row| row.rev.0).collect::<Vec<_>>(), [20, 14, 0]);
    assert_eq!(kept.len(), usize::try_from(limits::CHECKPOINTS_KEPT).unwrap() + 1);
    assert_eq!((kept[0].epoch, kept[2].epoch), (epoch, Epoch(0)));
    assert_eq!(kept[2].bytes, b"revision 0");

    assert_eq!(store.checkpoint_below(board, None).await.unwrap(), Some(kept[0].clone()));
    assert_eq!(store.checkpoint_below(board, Some(Rev(20))).await.unwrap(), Some(kept[1].clone()));
    assert_eq!(store.checkpoint_below(board, Some(Rev(0))).await.unwrap(), None);

    // A good one may take the place of a bad one of the same revision.
    assert!(store.save_checkpoint(board, epoch, Rev(20), vec![2; 3]).await.unwrap());
    assert_eq!(store.checkpoints(board).await.unwrap()[0].bytes, [2; 3]);
}

#[tokio::test]
async fn s6_a_checkpoint_of_a_former_owner_is_not_saved_and_drops_nothing() {
    let database = TestDatabase::new().await;
    let store = database.store().await;
    let board = some_board(&store).await;
    let old = store.claim_board(board).await.unwrap().unwrap().epoch;
    for rev in [5, 9] {
        assert!(store.save_checkpoint(board, old, Rev(rev), vec![1]).await.unwrap());
    }
    store.claim_board(board).await.unwrap();
    assert!(!store.save_checkpoint(board, old, Rev(12), vec![1]).await.unwrap());
    let kept = store.checkpoints(board).await.unwrap();
    assert_eq!(kept.iter().map(|row| row.rev.0).collect::<Vec<_>>(), [9, 5, 0]);
    assert!(!store.save_checkpoint(BoardId(Uuid::now_v7()), Epoch(1), Rev(1), vec![1]).await.unwrap());
}

#[tokio::test]
async fn p7_a_claim_tells_who_may_do_what_and_a_board_in_the_trash_cannot_be_claimed() {
    let database = TestDatabase::new().await;
    let store = database.store().await;
    let (tutor, pupil) = (somebody(&store).await, somebody(&store).await);
    let (class, session, board) = some_class_board(&store, tutor).await;
    store.join_by_code(&class.0.simple().to_string(), pupil).await.unwrap().unwrap();

    let claim = store.claim_board(board).await.unwrap().unwrap();
    assert_eq!((claim.epoch, claim.access.owner), (Epoch(1), tutor));
    let found = claim.access.session.clone().unwrap();
    assert_eq!((found.classroom, found.session, found.rights.live), (class, session, true));
    assert_eq!(*found.rights.members, [(tutor, Role::Tutor), (pupil, Role::Student)].into());
    assert_eq!(store.board_access(board).await.unwrap(), Some(claim.access));

    let solo = store.create_board(new_board(pupil)).await.unwrap().id;
    let access = store.board_access(solo).await.unwrap().unwrap();
    assert_eq!((access.owner, access.session), (pupil, None));
    database.client().await.execute("UPDATE node SET trashed_at = now() WHERE id = $1", &[&solo.0]).await.unwrap();
    assert_eq!(store.claim_board(solo).await.unwrap(), None);
    assert_eq!(store.board_access(solo).await.unwrap(), None);
    assert_eq!(store.board_summary(solo, pupil).await.unwrap(), None);
    assert_eq!(store.claim_board(BoardId(Uuid::now_v7())).await.unwrap(), None);
}

#[tokio::test]
async fn h1_a_list_shows_own_solo_boards_by_their_last_change_with_the_journals_revision() {
    let database = TestDatabase::new().await;
    let store = database.store().await;
    let (me, other) = (somebody(&store).await, somebody(&store).await);
    let mut boards = Vec::new();
    for _ in 0..3 {
        boards.push(store.create_board(new_board(me)).await.unwrap().id);
    }
    store.create_board(new_board(other)).await.unwrap();
    some_class_board(&store, me).await;

    // The oldest is drawn on last.
    let epoch = store.claim_board(boards[0]).await.unwrap().unwrap().epoch;
    let session = JournalConnection::open(&store).await.unwrap();
    let mut drawn = row(boards[0], epoch, 2);
    Arc::get_mut(&mut drawn.entry).unwrap().at = "2999-01-01T00:00:00Z".parse().unwrap();
    session.append(&[row(boards[0], epoch, 1), drawn]).await.unwrap();

    let (total, cards) = store.list_boards(me, PageRequest::default()).await.unwrap();
    assert_eq!(total, 3);
    assert_eq!(cards.iter().map(|card| card.id).collect::<Vec<_>>(), [boards[0], boards[2], boards[1]]);
    let head = &cards[0];
    assert_eq!((head.rev, head.page_count, head.digest), (Rev(2), 3, Some(Digest([7; 32]))));
    assert_eq!(head.updated_at, "2999-01-01T00:00:00Z".parse().unwrap());
    assert!(head.created_at < head.updated_at);
    assert_eq!((cards[1].rev, cards[1].page_count, cards[1].digest), (Rev(0), 1, None));
    assert_eq!(store.board_summary(boards[0], me).await.unwrap().as_ref(), Some(head));
    assert_eq!(store.board_summary(boards[0], other).await.unwrap(), None);

    let page = |limit, offset| PageRequest { limit, offset };
    let (total, cards) = store.list_boards(me, page(1, 1)).await.unwrap();
    assert_eq!((total, cards[0].id, cards.len()), (3, boards[2], 1));
    assert_eq!(store.list_boards(me, page(10, 3)).await.unwrap(), (3, vec![]));
    assert_eq!(store.list_boards(UserId(Uuid::now_v7()), page(10, 0)).await.unwrap(), (0, vec![]));
}

#[tokio::test]
async fn a_list_reads_neither_checkpoints_nor_operations() {
    let database = TestDatabase::new().await;
    let store = database.store().await;
    let me = somebody(&store).await;
    let client = database.client().await;
    // Twenty boards whose last batch alone has 1 MB that does not compress.
    for _ in 0..20 {
        let id = store.create_board(new_board(me)).await.unwrap().id;
        let sql = "INSERT INTO journal SELECT 1, 1, now(), 0, 1, 1, $1, $1, $1, 'b', NULL,
            (SELECT string_agg(sha256(i::text::bytea), '') FROM generate_series(1, 32768) i)";
        client.execute(sql, &[&id.0]).await.unwrap();
    }
    client.batch_execute("VACUUM ANALYZE").await.unwrap();

    // The list comes although nobody may as much as look at a checkpoint.
    let mut other = database.client().await;
    let locked = other.transaction().await.unwrap();
    locked.batch_execute("LOCK TABLE checkpoint IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let list = store.list_boards(me, PageRequest::default());
    let (total, _) = tokio::time::timeout(Duration::from_secs(5), list).await.expect("waited").unwrap();
    assert_eq!(total, 20);
    drop(locked);

    // 20 MB of operations are 2,600 blocks; the cards need a few for each board.
    let list = queries::sql("board_queries::list_boards");
    let explain = format!("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {list}");
    let plan = client.query_one(&explain, &[&me.0, &50_i64, &0_i64]).await.unwrap();
    let plan: PlainJson = plan.get(0);
    let blocks = plan.0.split("\"Shared Hit Blocks\": ").nth(1).unwrap().split(',').next().unwrap();
    assert!(blocks.parse::<u32>().unwrap() < 400, "{}", plan.0);
}

/// A `json` column's text.
struct PlainJson(String);

impl<'a> tokio_postgres::types::FromSql<'a> for PlainJson {
    fn from_sql(
        _: &tokio_postgres::types::Type,
        raw: &'a [u8],
    ) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(String::from_utf8(raw.to_vec())?))
    }

    fn accepts(ty: &tokio_postgres::types::Type) -> bool {
        *ty == tokio_postgres::types::Type::JSON
    }
}

#[tokio::test]
async fn h2_a_card_is_changed_by_its_owner_only_and_only_where_the_patch_says_so() {
    let database = TestDatabase::new().await;
    let store = database.store().await;
    let (me, other) = (somebody(&store).await, somebody(&store).await);
    let made = store.create_board(new_board(me)).await.unwrap();

    let patch = BoardPatch { thumbnail_url: Some(Some("/t.png".into())), page_count: Some(4), ..BoardPatch::default() };
    assert!(store.update_board(made.id, me, patch.clone()).await.unwrap());
    let card = store.board_summary(made.id, me).await.unwrap().unwrap();
    assert_eq!((card.name.as_str(), card.thumbnail_url.as_deref(), card.page_count), ("Fractions", Some("/t.png"), 4));
    assert!(card.updated_at > made.updated_at);

    let patch = BoardPatch { name: Some("Decimals".into()), thumbnail_url: Some(None), page_count: None };
    assert!(store.update_board(made.id, me, patch.clone()).await.unwrap());
    let card = store.board_summary(made.id, me).await.unwrap().unwrap();
    assert_eq!((card.name.as_str(), card.thumbnail_url, card.page_count), ("Decimals", None, 4));

    assert!(store.update_board(made.id, me, BoardPatch::default()).await.unwrap());
    assert_eq!(store.board_summary(made.id, me).await.unwrap().unwrap().updated_at, card.updated_at);
    assert!(!store.update_board(made.id, other, patch.clone()).await.unwrap());
    assert!(!store.update_board(BoardId(Uuid::now_v7()), me, patch).await.unwrap());
}

#[tokio::test]
async fn a_new_board_lies_in_its_owners_boards_folder_and_an_id_is_used_once() {
    let database = TestDatabase::new().await;
    let store = database.store().await;
    let me = somebody(&store).await;
    let new = new_board(me);
    store.create_board(new.clone()).await.unwrap();
    let sql = "SELECT f.name, f.purpose FROM node n JOIN node f ON f.id = n.parent WHERE n.id = $1";
    let folder = database.client().await.query_one(sql, &[&new.id.0]).await.unwrap();
    assert_eq!((folder.get::<_, &str>(0), folder.get::<_, &str>(1)), ("Boards", "boards"));

    let again = store.create_board(new).await;
    assert!(matches!(again, Err(StoreError::Conflict("node_pkey"))), "{again:?}");
    let nobodys = store.create_board(new_board(UserId(Uuid::now_v7()))).await;
    assert!(matches!(nobodys, Err(StoreError::Query(_))), "{nobodys:?}");
}

#[tokio::test]
async fn deleting_a_board_takes_everything_of_it_even_what_an_append_in_flight_still_writes() {
    let database = TestDatabase::new().await;
    let store = database.store().await;
    let (me, other) = (somebody(&store).await, somebody(&store).await);
    let board = store.create_board(new_board(me)).await.unwrap().id;
    let epoch = store.claim_board(board).await.unwrap().unwrap().epoch;
    assert!(!store.delete_board(board, other).await.unwrap());

    let (writer, watcher) = (database.client().await, database.client().await);
    writer.batch_execute("BEGIN").await.unwrap();
    let append = JournalConnection::on(&writer).await.unwrap();
    JournalConnection::append_on(&writer, &append, &[row(board, epoch, 1)]).await.unwrap();
    let deleter = store.clone();
    let deletion = tokio::spawn(async move { deleter.delete_board(board, me).await.unwrap() });
    until_somebody_waits(&watcher).await;
    writer.batch_execute("COMMIT").await.unwrap();

    assert!(deletion.await.unwrap());
    assert_eq!(purge_journals(&store).await, 1);
    for table in ["node WHERE kind = 'board'", "board", "checkpoint", "journal", "doomed_journal"] {
        let left: i64 = watcher.query_one(&format!("SELECT count(*) FROM {table}"), &[]).await.unwrap().get(0);
        assert_eq!(left, 0, "{table}");
    }
    let late = JournalConnection::open(&store).await.unwrap().append(&[row(board, epoch, 2)]).await.unwrap();
    assert!(late.is_empty());
    assert!(!store.delete_board(board, me).await.unwrap());
}

#[tokio::test]
async fn k6_a_class_sessions_board_is_seen_by_its_members_and_not_deleted_as_a_solo_board() {
    let database = TestDatabase::new().await;
    let store = database.store().await;
    let (tutor, pupil) = (somebody(&store).await, somebody(&store).await);
    let (class, _, board) = some_class_board(&store, tutor).await;
    assert_eq!(store.board_summary(board, pupil).await.unwrap(), None);
    store.join_by_code(&class.0.simple().to_string(), pupil).await.unwrap().unwrap();
    assert_eq!(store.board_summary(board, pupil).await.unwrap().unwrap().owner, tutor);
    assert!(!store.delete_board(board, tutor).await.unwrap());
    assert!(store.board_summary(board, tutor).await.unwrap().is_some());
}
