//! Presence that tells the truth: who is there, who only loads a page again, who rests, where they are and how they are
//! connected. The first of it, joining and leaving, is `joining`.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::harness::*;

/// Somebody's entry in a welcome's roster.
fn entry(seat: &Seat, who: &Account) -> Option<Value> {
    seat.welcome.list("roster").into_iter().find(|one| one["user"] == json!(who.id))
}

#[tokio::test]
async fn j11_a_page_that_is_loaded_again_is_no_leaving() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(2).await;
    let mut watcher = tutor.open(&lesson).await;
    let mut pupil = pupils[0].open(&lesson).await;
    watcher.expect("joined").await;
    pupil.send(&json!({"t": "view", "page": "p1", "x": 1, "y": 2, "zoom": 1})).await;
    watcher.expect("view").await;
    for _ in 0..3 {
        drop(pupil);
        pupil = pupils[0].open(&lesson).await;
    }
    pupil.draw(stroke("here")).await;
    watcher.until_rev(1).await;
    assert!(watcher.seen("left").is_empty() && watcher.seen("joined").is_empty(), "nobody noticed");
    assert_eq!(entry(&pupil, &pupils[0]).unwrap()["view"]["x"], 1.0, "and they are where they were");
    let gone = Instant::now();
    pupil.leave().await;
    let other = pupils[1].open(&lesson).await;
    assert!(entry(&other, &pupils[0]).is_some(), "for a moment they are waited for");
    watcher.expect_that("left", |left| left["user"] == json!(pupils[0].id)).await;
    assert!(gone.elapsed() >= Duration::from_secs(4), "after {:?}", gone.elapsed());
    let late = tutor.open(&lesson).await;
    assert!(entry(&late, &pupils[0]).is_none());
    pupils[0].open(&lesson).await;
    watcher.expect_that("joined", |joined| joined["user"] == json!(pupils[0].id)).await;
}

#[tokio::test]
async fn j11_a_word_of_goodbye_is_a_leaving_at_once() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut watcher = tutor.open(&lesson).await;
    let mut old = pupils[0].knock(&lesson).dialect(Dialect::Presence).connect().await;
    old.expect("presence.sync").await;
    watcher.expect("joined").await;
    let said = Instant::now();
    old.send(&json!({"type": "presence.leave"})).await;
    watcher.expect("left").await;
    assert!(said.elapsed() < Duration::from_secs(4), "after {:?}", said.elapsed());
}

#[tokio::test]
async fn j12_of_several_tabs_the_liveliest_is_the_person() {
    let app = Server::with(LOUD).await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut watcher = tutor.open(&lesson).await;
    let (mut one, mut two) = (pupils[0].open(&lesson).await, pupils[0].open(&lesson).await);
    one.send(&json!({"t": "status", "state": "away"})).await;
    one.catch_up().await;
    two.send(&json!({"t": "status", "state": "typing"})).await;
    assert_eq!(watcher.expect("status").await["state"], "typing", "one tab in the background is not being away");
    two.send(&json!({"t": "status", "state": "away"})).await;
    assert_eq!(watcher.expect("status").await["state"], "away");
    one.send(&json!({"t": "status", "state": "active"})).await;
    assert_eq!(watcher.expect("status").await["state"], "active");
    one.leave().await;
    assert_eq!(watcher.expect("status").await["state"], "away", "what is left of them");
}

#[tokio::test]
async fn j12_who_sends_nothing_but_pings_for_a_minute_is_idle_until_they_do_something() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut watcher = tutor.open(&lesson).await;
    let mut pupil = pupils[0].open(&lesson).await;
    let idle = async {
        loop {
            tokio::select! {
                frame = watcher.heard() => {
                    let frame = frame.expect("the watcher stays");
                    if frame["t"] == "status" && frame["user"] == json!(pupils[0].id) {
                        return frame;
                    }
                }
                () = tokio::time::sleep(Duration::from_secs(5)) => {
                    watcher.send(&json!({"t": "cursor", "x": 1, "y": 1})).await;
                    pupil.send(&json!({"t": "ping", "n": 1})).await;
                }
            }
        }
    };
    let idle = tokio::time::timeout(DEADLINE + Duration::from_secs(60), idle).await.expect("idle after a minute");
    assert_eq!(idle["state"], "idle", "{idle}");
    assert_eq!(entry(&tutor.open(&lesson).await, &pupils[0]).unwrap()["status"], "idle");
    pupil.move_cursor(3.0, 4.0).await;
    assert_eq!(watcher.expect("status").await["state"], "active");
}

#[tokio::test]
async fn j13_selections_pages_and_views_are_told_and_are_in_the_roster() {
    let app = Server::with(LOUD).await;
    let (tutor, pupils, lesson) = app.lesson(2).await;
    let mut watcher = tutor.open(&lesson).await;
    let mut packed = tutor.open_in(Dialect::MessagePack, &lesson).await;
    let mut pupil = pupils[0].open(&lesson).await;
    pupil.send(&json!({"t": "select", "ids": ["s1", "s2"], "page": "p2"})).await;
    for seat in [&mut watcher, &mut packed] {
        let told = seat.expect("selection").await;
        assert_eq!(
            (&told["user"], &told["ids"], &told["page"]),
            (&json!(pupils[0].id), &json!(["s1", "s2"]), &json!("p2"))
        );
    }
    pupil.send(&json!({"t": "view", "page": "p3", "x": 10, "y": 20, "zoom": 2})).await;
    watcher.expect("view").await;
    let late = pupils[1].open(&lesson).await;
    let card = entry(&late, &pupils[0]).unwrap();
    assert_eq!(card["selection"], json!({"ids": ["s1", "s2"], "page": "p2"}), "{card}");
    assert_eq!(
        (&card["view"]["page"], card["view"]["zoom"].as_f64(), &card["page"]),
        (&json!("p3"), Some(2.0), &json!("p3"))
    );
    for number in 0..200 {
        pupil.send(&json!({"t": "select", "ids": [format!("i{number}")]})).await;
    }
    watcher.expect_that("selection", |told| told["ids"] == json!(["i199"])).await;
    pupil.send(&json!({"t": "select", "ids": []})).await;
    watcher.expect_that("selection", |told| told["ids"] == json!([])).await;
    assert!(entry(&tutor.open(&lesson).await, &pupils[0]).unwrap().get("selection").is_none());
    let many: Vec<String> = (0..100).map(|_| uuid::Uuid::new_v4().to_string()).collect();
    pupil.send(&json!({"t": "select", "ids": many, "page": many[0]})).await;
    watcher.expect_that("selection", |told| told["ids"].as_array().is_some_and(|ids| ids.len() == 100)).await;
    let more = vec!["i"; 101];
    for wrong in [json!({"t": "select"}), json!({"t": "select", "ids": [7]}), json!({"t": "select", "ids": more})] {
        pupil.send(&wrong).await;
        assert_eq!(pupil.expect("refused").await["code"], "bad_frame", "{wrong}");
    }
    let long = format!(r#"{{"t":"select","ids":["a"],"pad":"{}"}}"#, "x".repeat(4096));
    pupil.send_raw(Message::text(long)).await.unwrap();
    assert_eq!(pupil.closed().await, 4400);
}

#[tokio::test]
async fn j13_where_work_is_hidden_so_are_the_places_of_those_who_do_it() {
    let app = Server::with(LOUD).await;
    let (tutor, pupils, lesson) = app.lesson(2).await;
    let isolate = format!("UPDATE class_session SET isolated = true, was_isolated = true WHERE id = '{}'", lesson.id);
    app.database.as_ref().unwrap().execute(&isolate).await;
    let mut watcher = tutor.open(&lesson).await;
    let (mut one, mut two) = (pupils[0].open(&lesson).await, pupils[1].open(&lesson).await);
    one.send(&json!({"t": "select", "ids": ["secret"], "page": "p1"})).await;
    one.send(&json!({"t": "view", "page": "p1", "x": 1, "y": 2, "zoom": 1})).await;
    one.move_cursor(3.0, 4.0).await;
    one.send(&json!({"t": "status", "state": "typing"})).await;
    for kind in ["selection", "view", "cursors"] {
        watcher.expect(kind).await;
    }
    two.expect("status").await;
    watcher.move_cursor(9.0, 9.0).await;
    two.expect_that("cursors", |told| told["c"][0][0] == json!(tutor.id)).await;
    two.catch_up().await;
    assert!(two.seen("selection").is_empty() && two.seen("view").is_empty(), "nothing of another pupil");
    let cursors = two.seen("cursors");
    assert!(!format!("{cursors:?}").contains(&pupils[0].id), "{cursors:?}");
    let again = pupils[1].open(&lesson).await;
    let card = entry(&again, &pupils[0]).unwrap();
    assert!(card.get("selection").is_none() && card.get("view").is_none() && card.get("page").is_none(), "{card}");
    assert_eq!(entry(&tutor.open(&lesson).await, &pupils[0]).unwrap()["selection"]["ids"], json!(["secret"]));
}

#[tokio::test]
async fn j14_the_quality_of_a_connection_is_measured_and_a_silent_one_is_called_poor() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut watcher = tutor.open(&lesson).await;
    let good = pupils[0].open(&lesson).await;
    let measured = eventually("a quality in the roster", || async {
        entry(&tutor.open(&lesson).await, &pupils[0]).and_then(|card| card["quality"].as_str().map(str::to_owned))
    });
    let quality = measured.await;
    assert!(["excellent", "good", "fair", "poor"].contains(&&*quality), "{quality}");
    drop(good);
    // Frames go on, and pings are not answered: this client does not read.
    let mut deaf = pupils[0].open(&lesson).await;
    deaf.stop_reading();
    let poor = async {
        loop {
            tokio::select! {
                frame = watcher.heard() => {
                    let frame = frame.expect("the watcher stays");
                    if frame["t"] == "status" && frame["quality"] == "poor" {
                        return frame;
                    }
                }
                () = tokio::time::sleep(Duration::from_secs(5)) => deaf.move_cursor(1.0, 1.0).await,
            }
        }
    };
    let poor = tokio::time::timeout(DEADLINE * 3, poor).await.expect("poor, once a ping was not answered");
    assert_eq!(poor["user"], json!(pupils[0].id));
}
