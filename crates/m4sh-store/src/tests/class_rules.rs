//! Rules about rights.

use super::*;
use crate::{ExpiringRows, NewClassroom, NewLesson, PageRequest, testing::TestDatabase};
use m4sh_domain::{
    access::{ChangeTarget, Permission, RightsChange, Role, Rule, RuleEdit, RuleSubject},
    ids::{ClassroomId, LessonId},
};

async fn lesson(store: &Store) -> (UserId, UserId, ClassroomId, LessonId) {
    let (tutor, pupil) = (somebody(store).await, somebody(store).await);
    let (classroom, session) = (ClassroomId(Uuid::now_v7()), LessonId(Uuid::now_v7()));
    let code = classroom.to_string();
    let new = NewClassroom { id: classroom, owner: tutor, name: "7b".into(), invite_code: code.clone() };
    store.create_classroom(&new).await.unwrap();
    store.join_by_code(&code, pupil).await.unwrap().unwrap();
    let new = NewLesson {
        id: session,
        classroom,
        name: "Monday".into(),
        board: BoardId(Uuid::now_v7()),
        page_count: 1,
        checkpoint: b"zero".to_vec(),
    };
    store.create_lesson(&new).await.unwrap().unwrap();
    (tutor, pupil, classroom, session)
}

fn lock(whom: ChangeTarget, locked: bool, seconds: Option<u32>) -> Vec<RuleEdit> {
    RightsChange::Lock { whom, locked, session: true, seconds }.rule_edits(Timestamp::now())
}

#[tokio::test]
async fn p12_rules_are_kept_replaced_and_cleared_and_one_with_an_end_stands_beside_one_without() {
    let database = TestDatabase::new().await;
    let store = database.store().await;
    let (tutor, pupil, classroom, session) = lesson(&store).await;
    let at = (classroom, Some(session));
    let locked = async || {
        let access = store.lesson_access(classroom, session).await.unwrap().unwrap();
        access.rights.effective(pupil, Timestamp::now()).unwrap().locked
    };
    assert!(!locked().await);
    store.edit_rules(at, tutor, &lock(ChangeTarget::Everybody, true, None)).await.unwrap().unwrap();
    store.edit_rules(at, tutor, &lock(ChangeTarget::Everybody, true, None)).await.unwrap().unwrap();
    assert!(locked().await);
    store.edit_rules(at, tutor, &lock(ChangeTarget::One(pupil), false, Some(120))).await.unwrap().unwrap();
    assert!(!locked().await);
    let (count, rules) = store.rules(classroom, Some(session), PageRequest::default()).await.unwrap();
    assert_eq!((count, rules.len()), (2, 2), "{rules:?}");
    assert_eq!((rules[0].rule.who, rules[1].rule.who, rules[1].by), (None, Some(pupil), tutor));
    assert_eq!(
        store.rules(classroom, None, PageRequest::default()).await.unwrap().0,
        0,
        "the class has none of its own"
    );
    store.edit_rules(at, tutor, &lock(ChangeTarget::Everybody, true, None)).await.unwrap().unwrap();
    assert!(locked().await, "the last word about every pen");
    assert_eq!(store.rules(classroom, Some(session), PageRequest::default()).await.unwrap().0, 1);
    let clear = [RuleEdit::Clear { session: true, who: None, what: RuleSubject::Pen }];
    assert_eq!(store.edit_rules(at, tutor, &clear).await.unwrap(), Some(1));
    assert_eq!(store.edit_rules(at, tutor, &clear).await.unwrap(), Some(0));
}

#[tokio::test]
async fn p12_rules_of_a_lesson_need_that_lesson_in_that_class() {
    let database = TestDatabase::new().await;
    let store = database.store().await;
    let (tutor, pupil, classroom, _) = lesson(&store).await;
    let (_, _, _, elsewhere) = lesson(&store).await;
    let edits = lock(ChangeTarget::One(pupil), true, None);
    assert_eq!(store.edit_rules((classroom, Some(elsewhere)), tutor, &edits).await.unwrap(), None);
    assert_eq!(store.edit_rules((classroom, None), tutor, &edits).await.unwrap(), None);
    assert_eq!(store.edit_rules((ClassroomId(Uuid::now_v7()), None), tutor, &[]).await.unwrap(), None);
    let everywhere = Rule {
        session: false,
        who: None,
        subject: RuleSubject::Permission(Permission::Export),
        allowed: false,
        until: None,
    };
    assert_eq!(store.edit_rules((classroom, None), tutor, &[RuleEdit::Set(everywhere)]).await.unwrap(), Some(1));
    assert_eq!(
        store.rules(classroom, Some(elsewhere), PageRequest::default()).await.unwrap().0,
        1,
        "a class's holds in all"
    );
    store.set_member_role(classroom, pupil, Role::Viewer).await.unwrap();
    assert_eq!(store.rules(classroom, None, PageRequest::default()).await.unwrap().0, 1);
}

#[tokio::test]
async fn p10_rules_that_have_ended_are_shown_to_nobody_and_removed() {
    let database = TestDatabase::new().await;
    let store = database.store().await;
    let (tutor, pupil, classroom, session) = lesson(&store).await;
    let over = Timestamp::now() - jiff::SignedDuration::from_secs(60);
    let rule = Rule { session: true, who: Some(pupil), subject: RuleSubject::Pen, allowed: false, until: Some(over) };
    store.edit_rules((classroom, Some(session)), tutor, &[RuleEdit::Set(rule)]).await.unwrap().unwrap();
    assert_eq!(store.rules(classroom, Some(session), PageRequest::default()).await.unwrap(), (0, vec![]));
    let access = store.lesson_access(classroom, session).await.unwrap().unwrap();
    assert!(access.rights.rules.is_empty());
    assert_eq!(store.delete_expired(ExpiringRows::Rules, Timestamp::now(), &[]).await.unwrap(), 1);
    assert_eq!(store.delete_expired(ExpiringRows::Rules, Timestamp::now(), &[]).await.unwrap(), 0);
}
