//! Joining a room: hello and welcome, the roster, and what the room hears of comings, goings and states.
//! Tells what a class sees of its people. Coming back is `resuming`, rights are `permissions`.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::*;

fn roster_ids(welcome: &Value) -> Vec<String> {
    let mut ids: Vec<_> = welcome.list("roster").iter().map(|person| person.text("user")).collect();
    ids.sort();
    ids
}

fn user_of(frame: &Value) -> String {
    frame.text("user")
}

#[tokio::test]
async fn j1_the_welcome_says_who_i_am_where_the_board_stands_and_who_is_here() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(2).await;
    let seat = tutor.open(&lesson).await;
    let welcome = &seat.welcome;
    assert_eq!(welcome["you"]["user"], json!(tutor.id));
    assert!(["owner", "tutor"].contains(&&*welcome["you"].text("role")), "{welcome}");
    assert!(!welcome["you"]["conn"].is_null());
    assert_eq!(welcome["you"]["can"]["can_manage"], true);
    assert_eq!((welcome.number("rev"), welcome.number("saved")), (0, 0));
    assert!(welcome.number("epoch") >= 1);
    assert!(welcome["state"].is_object() && welcome["budgets"].is_object(), "{welcome}");
    assert_ne!(welcome["resumed"], json!(true));

    let pupil = pupils[0].open(&lesson).await;
    assert_eq!(pupil.welcome["you"]["role"], "student");
    assert_eq!(pupil.welcome["you"]["can"]["can_draw"], true);
    assert_eq!(pupil.welcome["you"]["can"]["can_manage"], false);
    let mut both = vec![tutor.id.clone(), pupils[0].id.clone()];
    both.sort();
    assert_eq!(roster_ids(&pupil.welcome), both, "everybody, the newcomer too");
    let card = pupil.welcome.list("roster").into_iter().find(|card| card["user"] == json!(tutor.id)).unwrap();
    assert_eq!(card["name"], "Olena");
    for key in ["role", "status", "color"] {
        assert!(card[key].is_string(), "{key} in {card}");
    }
}

#[tokio::test]
async fn j3_the_room_hears_once_of_each_who_comes_and_goes() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(2).await;
    let mut watcher = tutor.open(&lesson).await;
    let first = pupils[0].open(&lesson).await;
    let joined = watcher.expect("joined").await;
    assert_eq!(user_of(&joined), pupils[0].id);
    assert!(joined.to_string().contains("Pupil 1"), "with the name: {joined}");
    let second = pupils[1].open(&lesson).await;
    assert_eq!(user_of(&watcher.expect("joined").await), pupils[1].id);
    first.leave().await;
    assert_eq!(user_of(&watcher.expect("left").await), pupils[0].id);
    drop(second);
    assert_eq!(user_of(&watcher.expect("left").await), pupils[1].id, "a cut wire is a leaving, too");
    watcher.catch_up().await;
    assert!(watcher.seen("joined").is_empty() && watcher.seen("left").is_empty());
    let again = pupils[0].open(&lesson).await;
    let here = roster_ids(&again.welcome);
    assert!(!here.contains(&pupils[1].id), "who left is not on the roster: {here:?}");
}

#[tokio::test]
async fn j3_a_second_tab_is_a_second_connection_of_one_person() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut watcher = tutor.open(&lesson).await;
    let mut one = pupils[0].open(&lesson).await;
    let mut two = pupils[0].open(&lesson).await;
    assert_ne!(one.welcome["you"]["conn"], two.welcome["you"]["conn"]);
    let listed = roster_ids(&two.welcome);
    assert_eq!(listed.iter().filter(|id| **id == pupils[0].id).count(), 1, "one person, once: {listed:?}");
    one.draw(stroke("from-one")).await;
    assert_eq!(two.expect("ops").await["by"], json!(pupils[0].id), "the other tab sees it as anybody does");
    two.until_rev(1).await;
    one.leave().await;
    two.draw(stroke("from-two")).await;
    watcher.until_rev(2).await;
    assert!(watcher.seen("left").is_empty(), "the person is still here");
    two.leave().await;
    assert_eq!(user_of(&watcher.expect("left").await), pupils[0].id);
}

#[tokio::test]
async fn j6_states_and_views_are_told_to_the_others() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut watcher = tutor.open(&lesson).await;
    let mut pupil = pupils[0].open(&lesson).await;
    for state in ["typing", "idle", "away", "active"] {
        pupil.send(&json!({"t": "status", "state": state})).await;
        let heard = watcher.expect_that("status", |frame| frame["state"] == state).await;
        assert_eq!(user_of(&heard), pupils[0].id);
    }
    pupil.send(&json!({"t": "view", "page": "p1", "x": 10.5, "y": -4, "zoom": 1.25})).await;
    let view = watcher.expect("view").await;
    assert_eq!(user_of(&view), pupils[0].id);
    assert_eq!(
        (&view["page"], view["x"].as_f64(), view["y"].as_f64(), view["zoom"].as_f64()),
        (&json!("p1"), Some(10.5), Some(-4.0), Some(1.25))
    );
    pupil.send(&json!({"t": "status", "state": "typing"})).await;
    watcher.expect_that("status", |frame| frame["state"] == "typing").await;
    let late = tutor.open(&lesson).await;
    let card = late.welcome.list("roster").into_iter().find(|card| card["user"] == json!(pupils[0].id)).unwrap();
    assert_eq!(card["status"], "typing", "who comes late sees the state, too");
}

#[tokio::test]
async fn w5_states_and_views_that_are_none_are_refused_and_told_to_nobody() {
    let app = Server::with(LOUD).await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut watcher = tutor.open(&lesson).await;
    let mut pupil = pupils[0].open(&lesson).await;
    for frame in [
        json!({"t": "status", "state": "asleep"}),
        json!({"t": "status"}),
        json!({"t": "status", "state": 7}),
        json!({"t": "view"}),
        json!({"t": "view", "page": "p1", "x": "left", "y": 0, "zoom": 1}),
        json!({"t": "view", "page": "p1", "x": 1e300, "y": 0, "zoom": 1}),
        json!({"t": "cursor", "x": "left", "y": 0}),
    ] {
        pupil.send(&frame).await;
        let refused = pupil.expect("refused").await;
        assert_eq!(refused["code"], "bad_frame", "{frame}");
        assert!(!refused.text("detail").is_empty());
    }
    pupil.draw(stroke("still here")).await;
    watcher.until_rev(1).await;
    assert!(watcher.seen("status").is_empty() && watcher.seen("view").is_empty());
}

#[tokio::test]
async fn p2_a_board_of_one_s_own_has_its_socket_too() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let mut seat = ann.open(&board).await;
    assert_eq!(seat.welcome["state"], one_page());
    assert_eq!(seat.welcome["you"]["role"], "owner");
    let rev = seat.draw(stroke("s1")).await;
    seat.until_saved(rev).await;
    assert_eq!(stroke_ids(&ann.read(&board).await["state"]), ["s1"]);
    let bob = app.pupil("Bob").await;
    let refused = bob.knock(&board).turned_away().await;
    assert_eq!(refused, 4404, "to others it does not exist");
}

#[tokio::test]
async fn r8_a_lesson_s_board_is_reached_by_its_own_route_as_well() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut in_class = tutor.open(&lesson).await;
    let mut at_board = pupils[0].open(&Solo(lesson.board.clone())).await;
    at_board.draw(stroke("s1")).await;
    in_class.until_rev(1).await;
    in_class.draw(stroke("s2")).await;
    at_board.until_rev(2).await;
    assert_eq!(in_class.board().state, at_board.board().state);
}

#[tokio::test]
async fn j2_many_join_at_once_and_all_agree_on_who_is_here() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(12).await;
    let mut watcher = tutor.open(&lesson).await;
    let mut seats = futures_util::future::join_all(pupils.iter().map(|pupil| pupil.open(&lesson))).await;
    for _ in 0..pupils.len() {
        watcher.expect("joined").await;
    }
    let mut everybody: Vec<_> = pupils.iter().map(|pupil| pupil.id.clone()).chain([tutor.id.clone()]).collect();
    everybody.sort();
    for seat in &mut seats {
        seat.catch_up().await;
        let mut known = roster_ids(&seat.welcome);
        known.extend(seat.seen("joined").iter().map(user_of));
        known.push(seat.welcome["you"].text("user"));
        known.sort();
        known.dedup();
        assert_eq!(known, everybody, "roster and news together are the room");
    }
}

#[tokio::test]
async fn w14_a_ping_is_answered_with_its_number_and_so_are_websocket_pings() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let mut seat = ann.open(&board).await;
    for n in [json!(0), json!(7), json!(9_007_199_254_740_991_u64)] {
        seat.send(&json!({"t": "ping", "n": n})).await;
        assert_eq!(seat.expect("pong").await["n"], n);
    }
    seat.ping().await;
}

#[tokio::test]
async fn w5_an_unknown_frame_is_refused_and_the_socket_lives() {
    let app = Server::start().await;
    let (_, pupils, lesson) = app.lesson(1).await;
    for dialect in [Dialect::Json, Dialect::MessagePack] {
        let mut seat = pupils[0].open_in(dialect, &lesson).await;
        for kind in ["dance", "welcome", "", "OPS"] {
            seat.send(&json!({"t": kind, "more": [1, 2]})).await;
            let refused = seat.expect("refused").await;
            assert_eq!(refused["code"], "unknown_frame", "{kind:?}: {refused}");
        }
        seat.catch_up().await;
        seat.send(&json!({"t": "hello", "client": Uuid::new_v4()})).await;
        let second = seat.expect("refused").await;
        assert_eq!(second["code"], "bad_frame", "one hello is enough: {second}");
        seat.catch_up().await;
    }
}

#[tokio::test]
async fn j10_a_board_has_two_thousand_connections_and_the_next_is_told_to_come_later() {
    const SEATS: usize = 2000;
    if std::env::var_os("M4SH_TEST_MANY_FILES").is_none() {
        // Files this many are not everybody's default: the same test again, in a process that may open them.
        let name = "joining::j10_a_board_has_two_thousand_connections_and_the_next_is_told_to_come_later";
        let script = format!("ulimit -n 10000 && exec \"$0\" --exact {name} --nocapture");
        let itself = std::env::current_exe().unwrap();
        let mut again = std::process::Command::new("sh");
        let output = again.arg("-c").arg(script).arg(itself).env("M4SH_TEST_MANY_FILES", "1").output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    let app = Server::start().await;
    let (_, pupils, lesson) = app.lesson(1).await;
    let mut seats = Vec::new();
    while seats.len() < SEATS {
        let more = (0..50).map(|_| pupils[0].open(&lesson));
        seats.extend(futures_util::future::join_all(more).await);
    }
    let mut last = pupils[0].knock(&lesson).connect().await;
    last.send(&json!({"t": "hello", "client": last.client})).await;
    assert!(last.dismissed(4429).await.number("retry_after_ms") > 0);
    seats.pop().unwrap().leave().await;
    let knock = || async { pupils[0].knock(&lesson).try_sit().await.ok() };
    let mut late = eventually("the seat that was given back is given again", knock).await;
    late.draw(stroke("s")).await;
    for seat in &mut seats {
        seat.until_rev(1).await;
    }
}
