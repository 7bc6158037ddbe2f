//! The matrix: every frame that exists, from everybody, in every state of a lesson, has one answer, and this table says
//! which. The rows of class frames follow from their declarations, which the table of SPEC.md states a second time.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use m4sh_domain::access::Permission;
use m4sh_domain::classroom::{AllowedSenders, ClassFrame, FRAMES, FrameSpec};
use m4sh_protocol::client::ClientFrame;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::*;
use crate::sharing::share;

/// Those who may be in class, in the order of the table's columns.
const ROLES: [&str; 5] = ["owner", "assistant", "pupil", "locked", "viewer"];

/// Taken without a refusal.
const P: &str = "";
const F: &str = "forbidden";
const ALL: [&str; 5] = [P; 5];
/// Done, or refused under its id with one of [`NOT_DONE`]: which of them depends on what was drawn and cleared before.
const WORK: &str = "done or not";
const NOT_DONE: [&str; 6] =
    ["forbidden", "nothing_to_undo", "undo_conflict", "nothing_to_clear", "unknown_clear", "nothing_to_restore"];

/// The answers in class, role by role.
static TABLE: LazyLock<Vec<(&str, [&str; 5])>> =
    LazyLock::new(|| BOARD_TABLE.iter().copied().chain(FRAMES.iter().map(class_row)).collect());

/// The row of a class frame. Some examples name a message or a poll that is not there.
fn class_row(spec: &'static FrameSpec) -> (&'static str, [&'static str; 5]) {
    let answer = match spec.name {
        "chat_edit" | "chat_delete" => "unknown_message",
        "vote" | "poll_end" => "unknown_poll",
        _ => P,
    };
    let may = match spec.senders {
        AllowedSenders::Everybody => [true; 5],
        AllowedSenders::Participants => [true, true, true, true, false],
        AllowedSenders::Leaders | AllowedSenders::Supervisors | AllowedSenders::With(Permission::Lock) => {
            [true, true, false, false, false]
        }
        AllowedSenders::Tutors | AllowedSenders::With(_) => [true, false, false, false, false],
    };
    (spec.name, may.map(|may| if may { answer } else { F }))
}

const BOARD_TABLE: &[(&str, [&str; 5])] = &[
    ("hello", ["bad_frame"; 5]),
    ("ops", [P, P, P, F, F]),
    ("undo", [WORK; 5]),
    ("redo", [WORK; 5]),
    ("clear", [WORK, WORK, F, F, F]),
    ("unclear", ["unknown_clear", "unknown_clear", F, F, F]),
    ("draw", [WORK, WORK, WORK, F, F]),
    ("cursor", ALL),
    ("view", ALL),
    ("status", ALL),
    ("select", ALL),
    ("ping", ALL),
    ("dance", ["unknown_frame"; 5]),
];

/// What frames are about.
struct About {
    target: String,
    board: String,
    /// Whether isolation stays on.
    isolated: bool,
}

/// A well-formed frame of that name.
fn frame(name: &str, about: &About) -> Value {
    let About { target, board, isolated } = about;
    let id = Uuid::new_v4().to_string();
    let mut frame = match name {
        "hello" => json!({"client": id}),
        "ops" => json!({"id": id, "ops": [add(stroke(&id))]}),
        "undo" | "redo" | "clear" => json!({"id": id}),
        "unclear" => json!({"id": id, "rev": 999_999}),
        "draw" => json!({"id": id, "head": {"tool": "pen"}, "points": [[1, 2]], "done": true}),
        "cursor" => json!({"x": 1, "y": 2}),
        "view" => json!({"page": "p1", "x": 1, "y": 2, "zoom": 1}),
        "status" => json!({"state": "active"}),
        "select" => json!({"ids": ["a"], "page": "p1"}),
        "ping" => json!({"n": "matrix"}),
        "isolate" => json!({"on": isolated}),
        "dance" => json!({}),
        other => {
            let spec = ClassFrame::spec(other).expect("a frame of the board needs an example here");
            let example = spec.example.replace("USER", target).replace("BOARD", board).replace("ID", &id);
            serde_json::from_str(&example).unwrap()
        }
    };
    frame["t"] = json!(name);
    frame
}

fn is_class_frame(name: &str) -> bool {
    ClassFrame::spec(name).is_some()
}

/// Says each frame on a socket and holds the answer against what is expected of it.
async fn hold(who: &str, seat: &mut Seat, about: &About, expected: impl Fn(usize, &str) -> &'static str) {
    seat.careless = true;
    for (row, (name, _)) in TABLE.iter().enumerate() {
        let code = expected(row, name);
        seat.send(&frame(name, about)).await;
        if code == WORK {
            let answer = within(name, async {
                loop {
                    let frame = seat.heard().await.expect("the socket lives");
                    if frame["t"] == "accepted" || frame["t"] == "refused" {
                        return frame;
                    }
                }
            })
            .await;
            let code = answer["code"].as_str();
            assert!(code.is_none_or(|code| NOT_DONE.contains(&code)), "{who} says `{name}`: {answer}");
        } else if code == P {
            seat.catch_up().await;
            let refused = seat.seen("refused");
            assert!(refused.is_empty(), "{who} says `{name}`: {refused:?}");
        } else {
            let refused = seat.expect("refused").await;
            assert_eq!(refused["code"], code, "{who} says `{name}`: {refused}");
            assert!(!refused.text("detail").is_empty(), "{refused}");
        }
    }
    seat.catch_up().await;
    assert!(seat.seen("refused").is_empty(), "{who}: nothing is refused afterwards");
}

/// A lesson with somebody of each role, somebody who was sent out, and somebody about whom frames can be.
struct Stage {
    app: Server,
    lesson: Lesson,
    /// In the order of [`ROLES`].
    people: Vec<Account>,
    kicked: Account,
    about: About,
}

impl Stage {
    async fn new() -> Self {
        let app = Server::with(LOUD).await;
        let (tutor, mut pupils, lesson) = app.lesson(6).await;
        let (target, kicked) = (pupils.pop().unwrap(), pupils.pop().unwrap());
        let at = format!("/api/v1/classrooms/{}/sessions/{}/", lesson.class, lesson.id);
        for (user, role) in [(&pupils[0], "assistant"), (&pupils[3], "viewer")] {
            let body = json!({"user": user.id, "role": role});
            tutor.post(&format!("{at}role/")).json(&body).send().await.expect(200);
        }
        let lock = json!({"user": pupils[2].id, "locked": true});
        tutor.post(&format!("{at}lock/")).json(&lock).send().await.expect(200);
        tutor.post(&format!("{at}kick/")).json(&json!({"user": kicked.id})).send().await.expect(200);
        let people = std::iter::once(tutor).chain(pupils).collect();
        let about = About { target: target.id, board: lesson.board.clone(), isolated: false };
        Self { app, lesson, people, kicked, about }
    }

    fn board(&self) -> Solo {
        Solo(self.lesson.board.clone())
    }

    async fn in_class(&self) {
        for (column, person) in self.people.iter().enumerate() {
            let mut seat = person.open(&self.lesson).await;
            let who = format!("the {} in class", ROLES[column]);
            hold(&who, &mut seat, &self.about, |row, _| TABLE[row].1[column]).await;
        }
        assert_eq!(self.kicked.knock(&self.lesson).turned_away().await, 4403);
    }

    /// At the board's own door no word for the class is taken; `ops` says who draws.
    async fn at_board(&self, ops: [&'static str; 5]) {
        for (column, person) in self.people.iter().enumerate() {
            let mut seat = person.open(&self.board()).await;
            let who = format!("the {} at the board", ROLES[column]);
            let expected = |row: usize, name: &str| match name {
                "ops" => ops[column],
                // Where nobody may draw, a growing stroke is refused; what else is not done is said in its own words.
                "draw" if ops[column] == F => F,
                "clear" | "unclear" if ops[column] == F => F,
                name if is_class_frame(name) => "not_in_class",
                _ => TABLE[row].1[column],
            };
            hold(&who, &mut seat, &self.about, expected).await;
        }
        assert_eq!(self.kicked.knock(&self.board()).turned_away().await, 4403);
    }
}

#[tokio::test]
async fn p17_the_table_has_a_row_for_each_frame_that_exists() {
    let rows: BTreeSet<&str> = TABLE.iter().map(|(name, _)| *name).collect();
    assert_eq!(rows.len(), TABLE.len(), "no name stands twice");
    let class = FRAMES.iter().map(|spec| spec.name);
    let known: BTreeSet<&str> = ClientFrame::BOARD_NAMES.into_iter().chain(class).chain(["dance"]).collect();
    assert_eq!(rows, known);
}

#[tokio::test]
async fn p17_in_class_each_frame_of_each_role_has_its_answer() {
    Stage::new().await.in_class().await;
}

#[tokio::test]
async fn p17_isolation_gives_no_frame_another_answer() {
    let mut stage = Stage::new().await;
    stage.about.isolated = true;
    let isolate =
        format!("UPDATE class_session SET isolated = true, was_isolated = true WHERE id = '{}'", stage.lesson.id);
    stage.app.database.as_ref().unwrap().execute(&isolate).await;
    stage.in_class().await;
}

#[tokio::test]
async fn p17_at_the_boards_own_door_each_frame_has_its_answer_also_when_the_lesson_is_over() {
    let stage = Stage::new().await;
    stage.at_board([P, P, P, F, F]).await;
    stage.people[0].end(&stage.lesson).await;
    stage.at_board([P, F, F, F, F]).await;
    for person in &stage.people {
        assert_eq!(person.knock(&stage.lesson).turned_away().await, 4410);
    }
    assert_eq!(stage.kicked.knock(&stage.lesson).turned_away().await, 4403);
}

#[tokio::test]
async fn p17_a_guest_by_link_says_nothing_that_is_heard() {
    let stage = Stage::new().await;
    let link = share(&stage.people[0], &stage.lesson, json!({})).await;
    let share = format!("Share {}", link.text("token"));
    let knock = |path: String| stage.app.knock(&path).authorization(&share);
    assert_eq!(knock(stage.lesson.path()).turned_away().await, 4401);
    let mut seat = knock(stage.board().path()).sit().await;
    let expected = |row: usize, name: &str| match name {
        "ops" => F,
        name if is_class_frame(name) => "not_in_class",
        _ => TABLE[row].1[4],
    };
    hold("a guest", &mut seat, &stage.about, expected).await;
}

#[tokio::test]
async fn p17_before_hello_every_frame_closes_the_socket() {
    let stage = Stage::new().await;
    let link = share(&stage.people[0], &stage.lesson, json!({})).await;
    let guest = format!("Share {}", link.text("token"));
    for (name, _) in TABLE.iter().filter(|(name, _)| *name != "hello") {
        let mut knocks: Vec<Knock> = stage.people.iter().map(|person| person.knock(&stage.lesson)).collect();
        knocks.push(stage.kicked.knock(&stage.lesson));
        knocks.push(stage.app.knock(&stage.board().path()).authorization(&guest));
        for knock in knocks {
            let mut seat = knock.connect().await;
            let _ = seat.try_send(&frame(name, &stage.about)).await;
            assert_eq!(seat.closed().await, 4400, "`{name}` before hello");
        }
    }
}
