//! Decisions and the fold, without an actor and without a clock.

mod frames;

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::*;
use crate::access::{EffectiveRights, Permissions, Role};
use crate::ids::{BoardId, LessonId, UserId};
use crate::limits;

const TUTOR: UserId = UserId(Uuid::from_u128(1));
const ANN: UserId = UserId(Uuid::from_u128(2));
const BOB: UserId = UserId(Uuid::from_u128(3));
const VERA: UserId = UserId(Uuid::from_u128(4));
const LESSON: LessonId = LessonId(Uuid::from_u128(5));
const BOARD: BoardId = BoardId(Uuid::from_u128(6));

/// A lesson that is asked things, one after the other.
struct Lesson {
    state: ClassState,
    events: Vec<RecordedEvent>,
    members: HashMap<UserId, Role>,
    now: Timestamp,
    live: bool,
}

impl Lesson {
    fn new() -> Self {
        let members = [(TUTOR, Role::Tutor), (ANN, Role::Student), (BOB, Role::Student), (VERA, Role::Viewer)]
            .into_iter()
            .collect();
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        Self { state: ClassState::default(), events: Vec::new(), members, now, live: true }
    }

    fn pass(&mut self, seconds: i64) {
        self.now = self.now.checked_add(SignedDuration::from_secs(seconds)).unwrap();
    }

    /// Asks; what happens is applied as the actor does it.
    fn ask(&mut self, user: UserId, command: impl Into<ClassCommand>) -> Result<ClassDecision, Refusal> {
        let rights = EffectiveRights { role: self.members[&user], can: Permissions::NONE, locked: false, until: None };
        let who = Requester { user, name: format!("{user:.4}").into(), rights };
        let context = DecisionContext {
            now: self.now,
            live: self.live,
            lesson: LESSON,
            members: &self.members,
            boards: &[BOARD],
            older: None,
        };
        let decision = self.state.decide(&command.into(), &who, &context)?;
        if let ClassDecision::Happens(event, amended) = &decision {
            let hidden = matches!(event, ClassEvent::Vote(vote) if vote.voter != user.0);
            self.record((!hidden).then_some(user), event.clone(), amended.clone());
        }
        Ok(decision)
    }

    fn record(&mut self, author: Option<UserId>, event: ClassEvent, amended: Option<ChatMessage>) {
        let (seq, at) = (self.state.seq() + 1, self.state.next_timestamp(self.now));
        let event = RecordedEvent { seq, at, author, event, amended };
        self.state.apply(&event);
        self.events.push(event);
    }

    fn happens(&mut self, user: UserId, command: impl Into<ClassCommand>) -> u64 {
        let decision = self.ask(user, command).unwrap();
        assert!(matches!(decision, ClassDecision::Happens(..)), "{decision:?}");
        self.state.seq()
    }

    fn refused(&mut self, user: UserId, command: impl Into<ClassCommand>) -> &'static str {
        let command = command.into();
        self.ask(user, command.clone()).expect_err(&format!("{command:?}")).code.name()
    }

    fn chat(&mut self, user: UserId, id: &str, text: &str) -> Result<ClassDecision, Refusal> {
        self.ask(user, SendChat { id: id.into(), text: text.into(), to: None })
    }

    fn shown_to(&self, user: UserId) -> String {
        shown(&self.state, user, self.members[&user].leads())
    }
}

fn shown(state: &ClassState, user: UserId, leads: bool) -> String {
    let mut shown = Object::default();
    state.snapshot(&mut shown, LESSON, user, leads);
    String::from_utf8(Value::Object(shown).to_canonical()).unwrap()
}

fn up() -> SetHand {
    SetHand { user: None, up: true }
}

fn question(anonymous: bool) -> Question {
    let options = vec!["yes".into(), "no".into(), "perhaps".into()];
    Question { id: None, question: "Ready?".into(), options, multiple: false, anonymous }
}

#[test]
fn f2_hands_are_a_queue_in_the_order_in_which_they_went_up() {
    let mut lesson = Lesson::new();
    lesson.happens(BOB, up());
    lesson.happens(VERA, up());
    lesson.happens(ANN, up());
    assert!(matches!(lesson.ask(BOB, up()), Ok(ClassDecision::Already(_))), "a hand is raised once");
    let queue = |lesson: &Lesson| lesson.state.hands.iter().map(|raised| raised.user).collect::<Vec<_>>();
    assert_eq!(queue(&lesson), [BOB, VERA, ANN]);
    assert_eq!(lesson.refused(ANN, SetHand { user: Some(BOB), up: false }), "forbidden");
    assert_eq!(lesson.refused(TUTOR, SetHand { user: Some(BOB), up: true }), "forbidden");
    lesson.happens(TUTOR, SetHand { user: Some(BOB), up: false });
    lesson.happens(BOB, up());
    assert_eq!(queue(&lesson), [VERA, ANN, BOB]);
    assert_eq!(lesson.refused(BOB, ClearHands), "forbidden");
    lesson.happens(TUTOR, ClearHands);
    assert!(queue(&lesson).is_empty());
}

#[test]
fn f3_a_message_is_kept_once_by_its_id_and_changed_only_by_its_author_and_in_time() {
    let mut lesson = Lesson::new();
    assert!(matches!(lesson.chat(ANN, "1", "hello"), Ok(ClassDecision::Happens(..))));
    assert!(matches!(lesson.chat(ANN, "1", "hello"), Ok(ClassDecision::Already(_))));
    assert_eq!(lesson.chat(ANN, "1", "other").unwrap_err().code.name(), "key_reused");
    assert!(matches!(lesson.chat(BOB, "1", "mine"), Ok(ClassDecision::Happens(..))), "ids are their author's");
    assert_eq!(lesson.chat(VERA, "1", "x").unwrap_err().code.name(), "forbidden");
    let edit = |chat, text: &str| EditChat { chat, text: text.into() };
    assert_eq!(lesson.refused(BOB, edit(1, "x")), "forbidden");
    assert_eq!(lesson.refused(TUTOR, edit(1, "x")), "forbidden");
    lesson.happens(ANN, edit(1, "hello all"));
    assert!(lesson.shown_to(BOB).contains("hello all"));
    assert_eq!(lesson.refused(BOB, DeleteChat { chat: 1 }), "forbidden");
    assert_eq!(lesson.refused(BOB, DeleteChat { chat: 99 }), "unknown_message");
    lesson.pass(601);
    assert_eq!(lesson.refused(ANN, edit(1, "late")), "too_late");
    assert_eq!(lesson.refused(ANN, DeleteChat { chat: 1 }), "too_late");
    lesson.happens(TUTOR, DeleteChat { chat: 1 });
    assert!(!lesson.shown_to(BOB).contains("hello"));
    assert!(matches!(lesson.ask(TUTOR, DeleteChat { chat: 1 }), Ok(ClassDecision::Already(_))));
    assert!(matches!(lesson.chat(ANN, "1", "hello"), Ok(ClassDecision::Already(_))), "a repeat does not bring it back");
}

#[test]
fn f4_a_private_message_is_between_a_pupil_and_a_tutor_and_nobody_else_knows_of_it() {
    let mut lesson = Lesson::new();
    let to = |to| SendChat { id: format!("{to}").into(), text: "secret".into(), to: Some(to) };
    assert_eq!(lesson.refused(ANN, to(BOB)), "forbidden");
    assert_eq!(lesson.refused(ANN, to(UserId(Uuid::from_u128(77)))), "unknown_user");
    lesson.happens(ANN, to(TUTOR));
    lesson.happens(TUTOR, to(ANN));
    assert!(lesson.shown_to(ANN).contains("secret") && lesson.shown_to(TUTOR).contains("secret"));
    assert!(!lesson.shown_to(BOB).contains("secret"));
    for seq in [1, 2] {
        assert_eq!(lesson.refused(BOB, DeleteChat { chat: seq }), "unknown_message");
        let event = &lesson.events[usize::try_from(seq).unwrap() - 1];
        let [(Recipients::Only(hear), _)] = &lesson.state.frames(event, None)[..] else { panic!("for all") };
        assert!(hear.contains(&ANN) && hear.contains(&TUTOR) && hear.len() == 2);
    }
}

#[test]
fn f5_the_mode_of_the_chat_holds_for_pupils_and_not_for_those_who_teach() {
    let mut lesson = Lesson::new();
    assert_eq!(lesson.refused(ANN, ChatMode::Off), "forbidden");
    lesson.happens(TUTOR, ChatMode::Off);
    assert_eq!(lesson.chat(ANN, "1", "x").unwrap_err().code.name(), "chat_off");
    assert!(lesson.chat(TUTOR, "1", "quiet please").is_ok());
    lesson.happens(TUTOR, ChatMode::TutorOnly);
    assert_eq!(lesson.chat(ANN, "2", "x").unwrap_err().code.name(), "chat_off");
    lesson.happens(ANN, SendChat { id: "3".into(), text: "please".into(), to: Some(TUTOR) });
    lesson.happens(TUTOR, ChatMode::Slow(30));
    lesson.pass(10);
    let wait = lesson.chat(ANN, "4", "x").unwrap_err();
    assert_eq!((wait.code.name(), wait.retry_after.unwrap().as_secs()), ("slow_mode", 20));
    assert!(lesson.chat(BOB, "1", "first").is_ok());
    lesson.pass(20);
    assert!(lesson.chat(ANN, "4", "x").is_ok());
}

#[test]
fn f6_the_timer_is_the_servers_and_stands_still_when_it_is_told_to() {
    let mut lesson = Lesson::new();
    assert_eq!(lesson.refused(ANN, TimerCommand::Start(60)), "forbidden");
    assert_eq!(lesson.refused(TUTOR, TimerCommand::Pause), "no_timer");
    lesson.happens(TUTOR, TimerCommand::Start(60));
    lesson.pass(20);
    lesson.happens(TUTOR, TimerCommand::Pause);
    assert_eq!(lesson.state.timer, ClassTimer::Paused { seconds: 60, left_ms: 40_000 });
    lesson.pass(500);
    lesson.happens(TUTOR, TimerCommand::Resume);
    let ends_at = lesson.now.checked_add(SignedDuration::from_secs(40)).unwrap();
    assert_eq!(lesson.state.timer, ClassTimer::Running { seconds: 60, ends_at });
    lesson.pass(41);
    assert_eq!(lesson.refused(TUTOR, TimerCommand::Pause), "no_timer");
    lesson.happens(TUTOR, TimerCommand::Stop);
    assert_eq!(lesson.state.timer, ClassTimer::Stopped);
}

#[test]
fn f7_a_vote_counts_once_is_changed_by_a_new_one_and_is_shown_to_pupils_when_revealed() {
    let mut lesson = Lesson::new();
    let poll = lesson.happens(TUTOR, question(false));
    let vote = |choices: &[u8]| CastVote { poll, choices: choices.to_vec() };
    assert_eq!(lesson.refused(ANN, vote(&[3])), "bad_choice");
    assert_eq!(lesson.refused(ANN, vote(&[0, 1])), "bad_choice");
    assert_eq!(lesson.refused(VERA, vote(&[0])), "forbidden");
    lesson.happens(ANN, vote(&[0]));
    lesson.happens(BOB, vote(&[1]));
    lesson.happens(ANN, vote(&[1]));
    assert!(matches!(lesson.ask(ANN, vote(&[1])), Ok(ClassDecision::Already(_))));
    assert_eq!(lesson.state.poll(poll).unwrap().counts(), [0, 2, 0]);
    assert!(lesson.shown_to(TUTOR).contains(r#""counts":[0,2,0]"#));
    assert!(!lesson.shown_to(ANN).contains("counts") && lesson.shown_to(ANN).contains(r#""mine":[1]"#));
    assert_eq!(lesson.refused(ANN, EndPoll { poll, reveal: true }), "forbidden");
    lesson.happens(TUTOR, EndPoll { poll, reveal: false });
    assert_eq!(lesson.refused(BOB, vote(&[0])), "poll_over");
    assert!(!lesson.shown_to(ANN).contains("counts"));
    lesson.happens(TUTOR, EndPoll { poll, reveal: true });
    assert!(lesson.shown_to(ANN).contains(r#""counts":[0,2,0]"#));
    assert!(!lesson.shown_to(ANN).contains("votes"), "who chose what is the tutor's to see");
}

#[test]
fn f7_nobody_learns_who_chose_what_in_an_anonymous_poll() {
    let mut lesson = Lesson::new();
    let poll = lesson.happens(TUTOR, question(true));
    lesson.happens(ANN, CastVote { poll, choices: vec![2] });
    lesson.happens(BOB, CastVote { poll, choices: vec![0] });
    lesson.happens(ANN, CastVote { poll, choices: vec![0] });
    assert_eq!(lesson.state.poll(poll).unwrap().counts(), [2, 0, 0]);
    let event = lesson.events.last().unwrap();
    assert_eq!(event.author, None);
    assert_ne!(event.event.person(), Some(ANN.0));
    let told = lesson.state.frames(event, Some(ANN));
    for (audience, frame) in told {
        let text = String::from_utf8(Value::Object(frame).to_canonical()).unwrap();
        if audience != Recipients::Only(vec![ANN]) {
            assert!(!text.contains(&ANN.to_string()) && !text.contains("choices"), "{text}");
        }
    }
    assert!(!lesson.shown_to(TUTOR).contains(&format!("\"{ANN}\":[")));
}

#[test]
fn f9_only_those_who_lead_lead() {
    let mut lesson = Lesson::new();
    let place = Viewport { page: Some("p".into()), x: 1.0, y: 2.0, zoom: 1.5 };
    let commands: [ClassCommand; 8] = [
        Follow { on: true, user: None }.into(),
        Bring { viewport: place.clone(), users: vec![] }.into(),
        ViewLock(true).into(),
        SetPage("p".into()).into(),
        PresentBoard(BOARD).into(),
        question(false).into(),
        TimerCommand::Start(1).into(),
        ClearHands.into(),
    ];
    for command in commands {
        for user in [ANN, VERA] {
            assert_eq!(lesson.refused(user, command.clone()), "forbidden", "{command:?}");
        }
        lesson.happens(TUTOR, command);
    }
    assert_eq!(lesson.refused(TUTOR, PresentBoard(BoardId(Uuid::nil()))), "unknown_board");
    assert_eq!(lesson.refused(TUTOR, Follow { on: true, user: Some(UserId(Uuid::nil())) }), "unknown_user");
    lesson.happens(TUTOR, Bring { viewport: place, users: vec![ANN] });
    assert!(lesson.shown_to(ANN).contains("bring") && !lesson.shown_to(BOB).contains("bring"));
    lesson.live = false;
    assert_eq!(lesson.refused(TUTOR, ViewLock(false)), "session_ended");
}

#[test]
fn f10_every_event_reads_back_from_its_row_and_their_fold_is_the_lesson() {
    let mut lesson = Lesson::new();
    let place = Viewport { page: None, x: -1.5, y: 2.0, zoom: 0.25 };
    lesson.happens(ANN, up());
    lesson.happens(BOB, React("👍".into()));
    lesson.chat(ANN, "1", "Привіт 😀\n\"").unwrap();
    lesson.chat(BOB, "1", "x").unwrap();
    let chat = lesson.state.seq();
    lesson.happens(BOB, EditChat { chat, text: "y".into() });
    lesson.happens(TUTOR, ChatMode::Slow(5));
    lesson.happens(TUTOR, TimerCommand::Start(90));
    let poll = lesson.happens(TUTOR, question(true));
    lesson.happens(ANN, CastVote { poll, choices: vec![1] });
    lesson.happens(TUTOR, EndPoll { poll, reveal: true });
    lesson.happens(TUTOR, Follow { on: true, user: Some(ANN) });
    lesson.happens(TUTOR, Bring { viewport: place, users: vec![ANN, BOB] });
    lesson.happens(TUTOR, ViewLock(true));
    lesson.happens(TUTOR, SetPage("p2".into()));
    lesson.happens(TUTOR, PresentBoard(BOARD));
    lesson.record(
        None,
        RecordedChange { change: ClassChange::Kick, data: Object::from([("user", "x".into())]) }.into(),
        None,
    );
    let read = |recorded: &RecordedEvent| {
        let event = &recorded.event;
        let bytes = Value::Object(event.data()).to_canonical();
        let Value::Object(data) = Value::parse(&bytes, crate::json::Bounds::default()).unwrap() else { panic!() };
        let read = ClassEvent::read(event.kind(), event.person(), event.about(), &data).expect("a known kind");
        assert_eq!(read, *event);
        RecordedEvent { event: read, ..recorded.clone() }
    };
    let rows: Vec<RecordedEvent> = lesson.events.iter().map(read).collect();
    assert_eq!(ClassState::fold(&rows, 0), lesson.state);
    assert_eq!(ClassEvent::read("dance", None, None, &Object::default()), None);
}

#[test]
fn f11_a_lesson_remembers_the_last_messages_and_a_newcomer_gets_a_bounded_part_of_them() {
    let mut lesson = Lesson::new();
    for number in 0..limits::CHAT_KEPT + 20 {
        lesson.chat(TUTOR, &number.to_string(), "x").unwrap();
    }
    assert_eq!(lesson.state.chat.len(), limits::CHAT_KEPT);
    assert!(lesson.state.may_predate_window(20) && !lesson.state.may_predate_window(21));
    assert_eq!(lesson.state.recent_chat(ANN).len(), limits::CHAT_SHOWN);
    for number in 0..40 {
        lesson.chat(TUTOR, &format!("long{number}"), &"😀".repeat(1000)).unwrap();
    }
    assert!(lesson.state.recent_chat(ANN).len() <= limits::CHAT_SHOWN_BYTES / 4000);
}
