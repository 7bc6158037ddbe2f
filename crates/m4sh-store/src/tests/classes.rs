//! Classrooms, members and class sessions.

use super::*;
use crate::{
    JournalConnection, LessonStatus, LiveLesson, MemberEdit, NewClassroom, NewLesson, PageRequest, StoreError,
    testing::TestDatabase,
};
use m4sh_domain::{
    access::Role,
    ids::{ClassroomId, LessonId},
};

fn new_class(owner: UserId, code: &str) -> NewClassroom {
    NewClassroom { id: ClassroomId(Uuid::now_v7()), owner, name: "7b".into(), invite_code: code.into() }
}

fn new_session(classroom: ClassroomId) -> NewLesson {
    NewLesson {
        id: LessonId(Uuid::now_v7()),
        classroom,
        name: "Monday".into(),
        board: BoardId(Uuid::now_v7()),
        page_count: 2,
        checkpoint: b"zero".to_vec(),
    }
}

#[tokio::test]
async fn k3_a_classroom_has_its_tutor_and_is_seen_by_its_members_only() {
    let database = TestDatabase::new().await;
    let store = database.store().await;
    let (tutor, pupil) = (somebody(&store).await, somebody(&store).await);
    let class = store.create_classroom(&new_class(tutor, "ABC")).await.unwrap();
    assert_eq!((class.owner, class.member_count, class.invite_code.as_str()), (tutor, 1, "ABC"));
    assert_eq!(store.classroom(class.id, tutor).await.unwrap(), Some((class.clone(), Role::Tutor)));
    assert_eq!(store.classroom(class.id, pupil).await.unwrap(), None);

    let taken = store.create_classroom(&new_class(tutor, "ABC")).await;
    assert!(matches!(taken, Err(StoreError::Conflict("group_invite_code"))), "{taken:?}");
    let second = store.create_classroom(&new_class(tutor, "DEF")).await.unwrap();
    let (total, mine) = store.list_classrooms(tutor, PageRequest::default()).await.unwrap();
    assert_eq!((total, mine), (2, vec![(second, Role::Tutor), (class.clone(), Role::Tutor)]));
    assert_eq!(store.list_classrooms(tutor, PageRequest { limit: 5, offset: 9 }).await.unwrap(), (2, vec![]));
    assert_eq!(store.list_classrooms(pupil, PageRequest::default()).await.unwrap(), (0, vec![]));

    assert!(store.rename_classroom(class.id, "8b").await.unwrap());
    assert_eq!(store.classroom(class.id, tutor).await.unwrap().unwrap().0.name, "8b");
    assert!(!store.rename_classroom(ClassroomId(Uuid::now_v7()), "8b").await.unwrap());
}

#[tokio::test]
async fn k1_joining_by_code_at_once_and_again_makes_one_membership() {
    let database = TestDatabase::new().await;
    let store = database.store().await;
    let (tutor, pupil) = (somebody(&store).await, somebody(&store).await);
    let class = store.create_classroom(&new_class(tutor, "ABC")).await.unwrap().id;

    let joins: Vec<_> = (0..6)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.join_by_code("ABC", pupil).await.unwrap().unwrap() })
        })
        .collect();
    let mut fresh = 0;
    for join in joins {
        let joined = join.await.unwrap();
        assert_eq!((joined.classroom.id, joined.classroom.member_count, joined.role), (class, 2, Role::Student));
        fresh += u32::from(joined.fresh);
    }
    assert_eq!(fresh, 1);

    let tutors = store.join_by_code("ABC", tutor).await.unwrap().unwrap();
    assert_eq!((tutors.role, tutors.fresh), (Role::Tutor, false));
    assert_eq!(store.join_by_code("XYZ", pupil).await.unwrap(), None);
}

#[tokio::test]
async fn k4_members_change_roles_and_leave_but_the_owner_stays() {
    let database = TestDatabase::new().await;
    let store = database.store().await;
    let (tutor, pupil, stranger) = (somebody(&store).await, somebody(&store).await, somebody(&store).await);
    let class = store.create_classroom(&new_class(tutor, "ABC")).await.unwrap().id;
    store.join_by_code("ABC", pupil).await.unwrap();

    let (total, members) = store.members(class, PageRequest::default()).await.unwrap();
    let roles: Vec<_> = members.iter().map(|member| (member.user, member.role)).collect();
    assert_eq!((total, roles), (2, vec![(tutor, Role::Tutor), (pupil, Role::Student)]));

    assert_eq!(store.set_member_role(class, pupil, Role::Viewer).await.unwrap(), MemberEdit::Done);
    assert_eq!(store.classroom(class, pupil).await.unwrap().unwrap().1, Role::Viewer);
    assert_eq!(store.set_member_role(class, pupil, Role::Owner).await.unwrap(), MemberEdit::Done);
    assert_eq!(store.classroom(class, pupil).await.unwrap().unwrap().1, Role::Tutor);
    assert_eq!(store.set_member_role(class, tutor, Role::Student).await.unwrap(), MemberEdit::IsOwner);
    assert_eq!(store.set_member_role(class, stranger, Role::Student).await.unwrap(), MemberEdit::NotAMember);

    assert_eq!(store.remove_member(class, tutor).await.unwrap(), MemberEdit::IsOwner);
    assert_eq!(store.remove_member(class, pupil).await.unwrap(), MemberEdit::Done);
    assert_eq!(store.remove_member(class, pupil).await.unwrap(), MemberEdit::NotAMember);
    assert_eq!(store.members(class, PageRequest::default()).await.unwrap().0, 1);
}

#[tokio::test]
async fn k5_a_session_has_its_board_in_the_classrooms_folder_and_ends_once() {
    let database = TestDatabase::new().await;
    let store = database.store().await;
    let tutor = somebody(&store).await;
    let class = store.create_classroom(&new_class(tutor, "ABC")).await.unwrap().id;
    let (new, later) = (new_session(class), new_session(class));
    let made = store.create_lesson(&new).await.unwrap().unwrap();
    assert_eq!((made.status, made.board, made.ended_at), (LessonStatus::Active, new.board, None));
    store.create_lesson(&later).await.unwrap().unwrap();
    assert_eq!(store.create_lesson(&new_session(ClassroomId(Uuid::now_v7()))).await.unwrap(), None);

    let sql =
        "SELECT count(*) FROM node n JOIN \"group\" g ON g.folder = n.parent WHERE g.id = $1 AND n.owner = g.owner";
    let filed: i64 = database.client().await.query_one(sql, &[&class.0]).await.unwrap().get(0);
    assert_eq!(filed, 2);
    let card = store.board_summary(new.board, tutor).await.unwrap().unwrap();
    assert_eq!((card.page_count, card.rev), (2, Rev(0)));
    assert_eq!(store.checkpoints(new.board).await.unwrap()[0].bytes, b"zero");

    let live = |new: &NewLesson| LiveLesson { session: new.id, board: new.board };
    assert_eq!(store.live_lessons(class).await.unwrap(), [live(&later), live(&new)]);
    let renamed = store.rename_lesson(class, new.id, "Tuesday").await.unwrap().unwrap();
    assert_eq!(renamed.name, "Tuesday");
    assert_eq!(store.board_summary(new.board, tutor).await.unwrap().unwrap().name, "Tuesday");

    let (one, two) = tokio::join!(store.end_lesson(class, new.id), store.end_lesson(class, new.id));
    let (one, two) = (one.unwrap().unwrap(), two.unwrap().unwrap());
    assert!(one.fresh != two.fresh);
    assert_eq!((one.session.status, &one.session), (LessonStatus::Ended, &two.session));
    assert!(one.session.ended_at.is_some());

    assert_eq!(store.live_lessons(class).await.unwrap(), [live(&later)]);
    let (total, sessions) = store.lessons(class, PageRequest::default()).await.unwrap();
    assert_eq!((total, sessions[0].id, &sessions[1]), (2, later.id, &one.session));
    assert_eq!(store.lesson(class, new.id).await.unwrap(), Some(one.session));
    let access = store.lesson_access(class, new.id).await.unwrap().unwrap();
    assert_eq!(
        (access.board, access.rights.live, (*access.rights.members).clone()),
        (new.board, false, [(tutor, Role::Tutor)].into())
    );
    assert!(!store.board_access(new.board).await.unwrap().unwrap().session.unwrap().rights.live);

    let elsewhere = ClassroomId(Uuid::now_v7());
    assert_eq!(store.lesson(elsewhere, new.id).await.unwrap(), None);
    assert_eq!(store.end_lesson(elsewhere, new.id).await.unwrap(), None);
    assert_eq!(store.rename_lesson(elsewhere, new.id, "x").await.unwrap(), None);
    assert_eq!(store.lesson_access(elsewhere, new.id).await.unwrap(), None);
}

#[tokio::test]
async fn deleting_a_classroom_takes_its_sessions_boards_and_journals_and_nothing_else() {
    let database = TestDatabase::new().await;
    let store = database.store().await;
    let tutor = somebody(&store).await;
    let solo = store.create_board(new_board(tutor)).await.unwrap().id;
    let class = store.create_classroom(&new_class(tutor, "ABC")).await.unwrap().id;
    let session = new_session(class);
    store.create_lesson(&session).await.unwrap();
    let journal = JournalConnection::open(&store).await.unwrap();
    for board in [solo, session.board] {
        let epoch = store.claim_board(board).await.unwrap().unwrap().epoch;
        assert_eq!(journal.append(&[row(board, epoch, 1)]).await.unwrap().len(), 1);
    }

    let deleted = store.delete_classroom(class).await.unwrap().unwrap();
    assert_eq!((deleted.sessions, deleted.boards), (vec![session.id], vec![session.board]));
    assert_eq!(store.delete_classroom(class).await.unwrap(), None);
    assert_eq!(store.classroom(class, tutor).await.unwrap(), None);
    assert_eq!(store.board_access(session.board).await.unwrap(), None);
    assert_eq!(purge_journals(&store).await, 1);
    assert_eq!(store.journal_after(session.board, Rev(0)).await.unwrap(), []);
    assert_eq!(revs(&store.journal_after(solo, Rev(0)).await.unwrap()), [1]);
    let sql = "SELECT count(*) FROM node WHERE purpose IS NULL AND kind = 'folder'";
    assert_eq!(database.client().await.query_one(sql, &[]).await.unwrap().get::<_, i64>(0), 0);
}
