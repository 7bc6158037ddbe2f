//! Class events: numbered once, changed together, and a lesson that stands as it was.

use super::*;
use crate::{CLASS_EVENT, ChatCursor, NewClassroom, NewLesson, StoreError, testing::TestDatabase};
use m4sh_domain::{
    classroom::{
        ChatContent, ChatDeleted, ChatEdited, ChatMessage, ChatMode, ClassEvent, ClassState, ClassTimer, ClearHands,
        EndPoll, Following, HandChanged, Question, React, RecordedEvent, SetPage, ViewLock, Vote,
    },
    ids::{ClassroomId, LessonId},
};

async fn lesson(store: &Store, tutor: UserId) -> LessonId {
    let class = ClassroomId(Uuid::now_v7());
    let new = NewClassroom { id: class, owner: tutor, name: "7-B".into(), invite_code: class.to_string() };
    store.create_classroom(&new).await.unwrap();
    let session = LessonId(Uuid::now_v7());
    let new = NewLesson {
        id: session,
        classroom: class,
        name: "Monday".into(),
        board: BoardId(Uuid::now_v7()),
        page_count: 1,
        checkpoint: b"zero".to_vec(),
    };
    store.create_lesson(&new).await.unwrap();
    session
}

fn event(seq: u64, author: UserId, event: impl Into<ClassEvent>) -> RecordedEvent {
    RecordedEvent { seq, at: at(i64::try_from(seq).unwrap()), author: Some(author), event: event.into(), amended: None }
}

fn said(id: &str, text: &str, to: Option<UserId>) -> ChatContent {
    ChatContent { id: id.into(), name: "Ann".into(), text: text.into(), to }
}

#[tokio::test]
async fn f10_the_rows_that_are_read_make_the_lesson_that_all_rows_make() {
    let database = TestDatabase::new().await;
    let store = database.store().await;
    let (tutor, ann, bob) = (somebody(&store).await, somebody(&store).await, somebody(&store).await);
    let session = lesson(&store, tutor).await;
    assert_eq!(store.class_state(session).await.unwrap(), ClassState::default());

    let hand = |user, up| HandChanged { user, name: "A".into(), up };
    let question = |id: &str| Question {
        id: Some(id.into()),
        question: "?".into(),
        options: vec!["a".into(), "b".into()],
        multiple: false,
        anonymous: false,
    };
    let vote = |poll, user: UserId, choice| Vote { poll, voter: user.0, choices: vec![choice] };
    let mut events = vec![
        event(1, ann, hand(ann, true)),
        event(2, bob, hand(bob, true)),
        event(3, tutor, ClearHands),
        event(4, bob, hand(bob, true)),
        event(5, ann, hand(ann, true)),
        event(6, ann, hand(ann, false)),
        event(7, tutor, question("p")),
        event(8, ann, vote(7, ann, 0)),
        event(9, ann, vote(7, ann, 1)),
        event(10, bob, vote(7, bob, 1)),
        event(11, tutor, EndPoll { poll: 7, reveal: false }),
        event(12, tutor, Following(Some(tutor))),
        event(13, tutor, Following(None)),
        event(14, tutor, ChatMode::Slow(7)),
        event(15, tutor, ClassTimer::Paused { seconds: 9, left_ms: 5 }),
        event(16, ann, said("1", "Привіт, \u{1f600}", None)),
        event(17, ann, said("2", "private", Some(tutor))),
        event(18, ann, said("3", "wrong", None)),
        event(19, tutor, SetPage("p2".into())),
    ];
    let chat = |seq: u64, text: &str, removed| ChatMessage {
        seq,
        at: at(i64::try_from(seq).unwrap()),
        author: ann,
        content: ChatContent {
            id: (seq - 15).to_string().into(),
            name: if removed { "" } else { "Ann" }.into(),
            text: text.into(),
            to: None,
        },
        edited: !removed,
        removed,
    };
    events.push(RecordedEvent { amended: Some(chat(18, "better", false)), ..event(20, ann, ChatEdited { chat: 18 }) });
    events.push(RecordedEvent { amended: Some(chat(16, "", true)), ..event(21, tutor, ChatDeleted { chat: 16 }) });
    // In two goes: what is changed lies before.
    store.append_class_events(session, &events[..19]).await.unwrap();
    store.append_class_events(session, &events[19..]).await.unwrap();
    store.append_class_events(session, &[event(22, bob, React("👍".into()))]).await.unwrap();
    let whole = ClassState::fold(&events, 22);
    let read = store.class_state(session).await.unwrap();
    let shown = |state: &ClassState, user| {
        let mut shown = m4sh_domain::json::Object::default();
        state.snapshot(&mut shown, session, user, user == tutor);
        shown
    };
    for user in [tutor, ann, bob] {
        assert_eq!(shown(&read, user), shown(&whole, user));
    }
    assert_eq!(read.seq(), 22);

    // Nothing of what was taken out is left, and what is private is on nobody else's page.
    let sql = "SELECT convert_from(data, 'UTF8'), removed_by FROM class_event WHERE seq = 16";
    let row = database.client().await.query_one(sql, &[]).await.unwrap();
    assert_eq!((row.get::<_, &str>(0), row.get::<_, Option<Uuid>>(1)), (r#"{"id":"1"}"#, Some(tutor.0)));
    let page = |user, page, limit| {
        let store = store.clone();
        async move {
            let (chats, more) = store.class_chat(session, user, page, limit).await.unwrap();
            (chats.iter().map(|chat| chat.seq).collect::<Vec<_>>(), more)
        }
    };
    assert_eq!(page(bob, ChatCursor::Before(u64::MAX), 10).await, (vec![16, 18], false));
    assert_eq!(page(ann, ChatCursor::Before(u64::MAX), 10).await, (vec![16, 17, 18], false));
    assert_eq!(page(tutor, ChatCursor::Before(18), 1).await, (vec![17], true));
    assert_eq!(page(tutor, ChatCursor::After(16), 1).await, (vec![17], true));
    let (after, last) = store.class_events_after(session, 19).await.unwrap();
    assert_eq!((after.len(), last), (3, 22));
    assert_eq!(after[0].amended.as_ref().map(|chat| &*chat.content.text), Some("better"));
    assert_eq!(store.class_messages(session, &[18]).await.unwrap(), [chat(18, "better", false)]);
}

#[tokio::test]
async fn f12_a_number_is_given_once_and_a_batch_is_written_whole_or_not_at_all() {
    let database = TestDatabase::new().await;
    let store = database.store().await;
    let tutor = somebody(&store).await;
    let session = lesson(&store, tutor).await;
    store.append_class_events(session, &[event(1, tutor, ViewLock(true))]).await.unwrap();
    let late = [event(2, tutor, ViewLock(false)), event(1, tutor, SetPage("x".into()))];
    let refused = store.append_class_events(session, &late).await;
    assert!(matches!(refused, Err(StoreError::Conflict(CLASS_EVENT))), "{refused:?}");
    assert_eq!(store.class_events_after(session, 0).await.unwrap().1, 1);
    let gone = store.append_class_events(LessonId(Uuid::now_v7()), &late[..1]).await;
    assert!(matches!(gone, Err(StoreError::Query(_))), "{gone:?}");
}
