//! The dialects: MessagePack says what JSON says, and v0.31 presence clients share the room with both.
//! Tells old clients what they can rely on. Never draws in the presence dialect, which has no strokes.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::harness::*;

async fn present(account: &Account, lesson: &Lesson) -> (Seat, Value) {
    let mut seat = account.knock(lesson).dialect(Dialect::Presence).connect().await;
    let sync = within("the first frame", seat.heard()).await.expect("a frame");
    assert_eq!(sync["type"], "presence.sync", "always first: {sync}");
    (seat, sync)
}

/// A script of frames and the answers' kinds, the same in both full dialects.
#[tokio::test]
async fn w1_message_pack_and_json_say_the_same() {
    let app = Server::with(LOUD).await;
    let ann = app.pupil("Ann").await;
    let mut told = Vec::new();
    for dialect in [Dialect::Json, Dialect::MessagePack] {
        let board = ann.create_board().await;
        let mut seat = ann.open_in(dialect, &board).await;
        let mut answers = vec![without(&seat.welcome, &["you", "epoch", "roster"])];
        for frame in [
            json!({"t": "ping", "n": 5}),
            json!({"t": "ops", "id": "a", "ops": [add(json!({"id": "s", "f": 1.5, "i": -7, "n": null, "ї": "😀", "b": true}))]}),
            json!({"t": "ops", "id": "b", "ops": [erase("nobody")]}),
            json!({"t": "ops", "id": "c", "ops": [recolour("s", "#fff")]}),
            json!({"t": "nonsense"}),
            json!({"t": "status", "state": "asleep"}),
        ] {
            if frame["t"] == "ops" {
                seat.submit_as(&frame.text("id"), &frame.list("ops")).await;
            } else {
                seat.send(&frame).await;
            }
            let answer = loop {
                let heard = within("an answer", seat.heard()).await.expect("an answer");
                if ["pong", "accepted", "refused"].contains(&heard["t"].as_str().unwrap_or_default()) {
                    break heard;
                }
            };
            answers.push(answer);
        }
        seat.until_saved(2).await;
        answers.push(ann.read(&board).await["state"].clone());
        told.push(answers);
    }
    assert_eq!(told[0], told[1]);
}

fn without(frame: &Value, keys: &[&str]) -> Value {
    let mut frame = frame.clone();
    for key in keys {
        frame.as_object_mut().unwrap().remove(*key);
    }
    frame
}

#[tokio::test]
async fn w1_message_pack_keeps_floats_and_integers_apart() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let mut binary = ann.open_in(Dialect::MessagePack, &board).await;
    let mut text = ann.open(&board).await;
    let numbers =
        json!({"id": "s", "one": 1, "float": 1.0, "big": 18_446_744_073_709_551_615_u64, "neg": -5, "tiny": 1e-7});
    binary.draw(numbers.clone()).await;
    text.until_rev(1).await;
    assert_eq!(text.board().state["pages"][0]["strokes"][0], numbers);
    let late = ann.open_in(Dialect::MessagePack, &board).await;
    assert_eq!(late.board().state["pages"][0]["strokes"][0], numbers);
    assert!(ann.get(&board.rest("")).send().await.text().contains("\"float\":1.0"));
}

#[tokio::test]
async fn w1_json_and_message_pack_draw_in_one_room() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut text = tutor.open(&lesson).await;
    let mut binary = pupils[0].open_in(Dialect::MessagePack, &lesson).await;
    text.draw(stroke("from text")).await;
    binary.until_rev(1).await;
    binary.draw(stroke("from binary")).await;
    text.until_rev(2).await;
    assert_eq!(text.board().state, binary.board().state);
}

#[tokio::test]
async fn j9_a_presence_client_is_told_first_who_is_here_and_then_who_comes_and_goes() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(2).await;
    let full = tutor.open(&lesson).await;
    let (mut old, sync) = present(&pupils[0], &lesson).await;
    let card =
        sync.list("users").into_iter().find(|card| card["user_id"] == json!(tutor.id)).expect("the tutor is here");
    assert_eq!(card["display_name"], "Olena");
    assert!(card["role"].is_string() && card["color"].is_string(), "{card}");

    let (newer, sync) = present(&pupils[1], &lesson).await;
    let known: Vec<_> = sync.list("users").iter().map(|card| card.text("user_id")).collect();
    assert!(known.contains(&tutor.id) && known.contains(&pupils[0].id), "{known:?}");
    let joined = old.expect_that("presence.join", |frame| frame["user_id"] == json!(pupils[1].id)).await;
    assert_eq!(joined["display_name"], "Pupil 2");
    newer.leave().await;
    old.expect_that("presence.leave", |frame| frame["user_id"] == json!(pupils[1].id)).await;
    full.leave().await;
    old.expect_that("presence.leave", |frame| frame["user_id"] == json!(tutor.id)).await;
}

#[tokio::test]
async fn c9_presence_and_full_clients_see_each_other_s_people_and_cursors() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(2).await;
    let mut full = tutor.open(&lesson).await;
    let (mut old, _) = present(&pupils[0], &lesson).await;
    let joined = full.expect("joined").await;
    assert!(joined.to_string().contains(&pupils[0].id));
    let me = pupils[0].id.clone();
    old.send(&json!({"type": "cursor.update", "x": 10.5, "y": 20, "page_id": "p1", "tool": "pen"})).await;
    let seen = full.expect_that("cursors", |frame| frame.list("c").iter().any(|entry| entry[0] == json!(me))).await;
    let entry = seen.list("c").into_iter().find(|entry| entry[0] == json!(me)).unwrap();
    assert_eq!((entry[1].as_f64(), entry[2].as_f64(), &entry[3]), (Some(10.5), Some(20.0), &json!("p1")));
    // The same in the spelling of later clients, with another's id that must not be believed.
    old.send(&json!({"type": "cursor.update", "userId": tutor.id, "x": 11, "y": 21, "pageId": "p2"})).await;
    full.expect_that("cursors", |frame| {
        frame.list("c").iter().any(|entry| entry[0] == json!(me) && entry[1].as_f64() == Some(11.0) && entry[3] == "p2")
    })
    .await;

    full.send(&json!({"t": "cursor", "x": 1, "y": 2, "page": "p1", "tool": "eraser"})).await;
    let cursor = old.expect_that("cursor.update", |frame| frame["user_id"] == json!(tutor.id)).await;
    assert_eq!((cursor["x"].as_f64(), cursor["y"].as_f64(), &cursor["page_id"]), (Some(1.0), Some(2.0), &json!("p1")));
    assert_eq!((&cursor["display_name"], &cursor["tool"]), (&json!("Olena"), &json!("eraser")));
    assert!(cursor["color"].is_string());

    let (mut newer, _) = present(&pupils[1], &lesson).await;
    let view = json!({"type": "viewport.update", "scroll_x": 5, "scroll_y": 6.5, "zoom": 2, "page_id": "p1"});
    newer.send(&view).await;
    let seen = old.expect_that("viewport.update", |frame| frame["user_id"] == json!(pupils[1].id)).await;
    for key in ["scroll_x", "scroll_y", "zoom"] {
        assert_eq!(seen[key].as_f64(), view[key].as_f64(), "{key}");
    }
    full.expect("view").await;
    full.draw(stroke("strokes are not for this dialect")).await;
    old.ping().await;
    assert!(old.seen("ops").is_empty());
}

#[tokio::test]
async fn j9_leaving_by_frame_and_joining_by_frame_are_understood() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut full = tutor.open(&lesson).await;
    let (mut old, _) = present(&pupils[0], &lesson).await;
    full.expect("joined").await;
    old.send(&json!({"type": "presence.join", "display_name": "Fake", "color": "#123456"})).await;
    old.send(&json!({"type": "presence.leave"})).await;
    let left = full.expect("left").await;
    assert!(left.to_string().contains(&pupils[0].id));
}

#[tokio::test]
async fn w11_presence_frames_have_two_kibibytes_and_errors_their_own_form() {
    let app = Server::start().await;
    let (_, pupils, lesson) = app.lesson(1).await;
    let (mut old, _) = present(&pupils[0], &lesson).await;
    old.send(&json!({"type": "stroke.add", "stroke": {}})).await;
    let error = old.expect("error").await;
    assert!(error["code"].is_string() && error["message"].is_string(), "{error}");
    let frame = |bytes: usize| {
        let shell = json!({"type": "presence.join", "pad": ""}).to_string().len();
        json!({"type": "presence.join", "pad": "x".repeat(bytes - shell)}).to_string()
    };
    old.send_raw(Message::text(frame(2048))).await.unwrap();
    old.ping().await;
    old.send_raw(Message::text(frame(2049))).await.unwrap();
    assert_eq!(old.closed().await, 4400);
    for broken in [Message::text("{"), Message::text("7"), Message::binary(vec![1, 2, 3])] {
        let (mut old, _) = present(&pupils[0], &lesson).await;
        old.send_raw(broken.clone()).await.unwrap();
        assert_eq!(old.closed().await, 4400, "{broken:?}");
    }
}

#[tokio::test]
async fn c6_a_presence_client_over_its_budget_gets_one_error_and_a_flood_4429() {
    let app = Server::start().await;
    let (_, pupils, lesson) = app.lesson(1).await;
    let (mut old, _) = present(&pupils[0], &lesson).await;
    for x in 0..50 {
        old.send(&json!({"type": "cursor.update", "x": x, "y": 0})).await;
    }
    let error = old.expect("error").await;
    assert_eq!(error["code"], "rate_limited", "{error}");
    assert!(error["retry_after_seconds"].as_f64().is_some_and(|seconds| seconds > 0.0), "{error}");
    old.ping().await;
    assert!(old.seen("error").is_empty(), "told once");
    let mut pace = tokio::time::interval(std::time::Duration::from_millis(5));
    for x in 0..1000 {
        pace.tick().await;
        if old.try_send(&json!({"type": "cursor.update", "x": x, "y": 0})).await.is_err() {
            break;
        }
    }
    assert_eq!(old.closed().await, 4429);
}
