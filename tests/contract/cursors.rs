//! Cursors: cheap, lossy, and never in a stroke's way.
//! Tells what a pointer may do and when it is too much. Other budgets are in `closing`.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::*;

/// The entries of a `cursors` frame that belong to a user.
fn of_user(frame: &Value, user: &str) -> Vec<Value> {
    frame.list("c").into_iter().filter(|entry| entry[0] == user).collect()
}

#[tokio::test]
async fn c2_a_cursor_reaches_the_others_with_its_page_and_tool() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    for dialect in [Dialect::Json, Dialect::MessagePack] {
        let mut watcher = tutor.open_in(dialect, &lesson).await;
        let mut pupil = pupils[0].open_in(dialect, &lesson).await;
        pupil.send(&json!({"t": "cursor", "x": 10.5, "y": -3, "page": "p1", "tool": "pen"})).await;
        let me = pupils[0].id.clone();
        let frame = watcher.expect_that("cursors", |frame| !of_user(frame, &me).is_empty()).await;
        let entry = of_user(&frame, &me).remove(0);
        assert_eq!((entry[1].as_f64(), entry[2].as_f64()), (Some(10.5), Some(-3.0)), "{entry}");
        assert_eq!((&entry[3], &entry[4]), (&json!("p1"), &json!("pen")));
    }
}

#[tokio::test]
async fn c2_the_latest_position_always_arrives_however_many_were_dropped() {
    let app = Server::with(&[("M4SH_RATES_WS_CURSOR_FLOOD", "100000/s"), ("M4SH_RATES_WS_CURSOR", "100000/s")]).await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut watcher = tutor.open(&lesson).await;
    let mut pupil = pupils[0].open(&lesson).await;
    let me = pupils[0].id.clone();
    for x in 1..200 {
        pupil.move_cursor(f64::from(x), 0.0).await;
    }
    // A board in a press of messages may lose cursors; this one comes when it has time.
    pupil.draw(stroke("s")).await;
    pupil.move_cursor(200.0, 0.0).await;
    let last = watcher
        .expect_that("cursors", |frame| of_user(frame, &me).iter().any(|entry| entry[1].as_f64() == Some(200.0)));
    last.await;
    let frames = watcher.seen("cursors");
    let xs: Vec<_> =
        frames.iter().flat_map(|frame| of_user(frame, &me)).map(|entry| entry[1].as_f64().unwrap()).collect();
    assert!(xs.is_sorted(), "never back in time: {xs:?}");
    assert!(frames.iter().all(|frame| of_user(frame, &me).len() == 1), "one place for each user in a frame");
}

#[tokio::test]
async fn c2_all_that_moved_in_a_tick_travel_in_one_frame() {
    let app = Server::with(&[("M4SH_TICK_MS", "250")]).await;
    let (tutor, pupils, lesson) = app.lesson(6).await;
    let mut watcher = tutor.open(&lesson).await;
    let mut seats = Vec::new();
    for pupil in &pupils {
        seats.push(pupil.open(&lesson).await);
    }
    // The first of a quiet room may go out at once; the others gather.
    for x in 1..=3 {
        for seat in &mut seats {
            seat.move_cursor(f64::from(x), 1.0).await;
        }
    }
    let gathered = watcher.expect_that("cursors", |frame| frame.list("c").len() >= 5).await;
    let mut users: Vec<_> = gathered.list("c").iter().map(|entry| entry[0].as_str().unwrap().to_owned()).collect();
    users.sort();
    users.dedup();
    assert_eq!(users.len(), gathered.list("c").len(), "each once");
}

#[tokio::test]
async fn c5_twenty_five_a_second_are_thinned_and_told_but_never_closed() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut watcher = tutor.open(&lesson).await;
    let mut pupil = pupils[0].open(&lesson).await;
    let mut pace = tokio::time::interval(Duration::from_millis(40));
    for x in 0..200 {
        pace.tick().await;
        pupil.move_cursor(f64::from(x), 0.0).await;
    }
    assert_eq!(pupil.draw(stroke("still drawing")).await, 1);
    let told: Vec<_> = pupil.seen("budget").into_iter().filter(|frame| frame["class"].text_is("cursor")).collect();
    assert_eq!(told.len(), 1, "told, not nagged: {told:?}");
    watcher.until_rev(1).await;
}

trait TextIs {
    fn text_is(&self, part: &str) -> bool;
}

impl TextIs for Value {
    fn text_is(&self, part: &str) -> bool {
        self.as_str().is_some_and(|text| text.contains(part))
    }
}

#[tokio::test]
async fn c5_a_burst_over_the_budget_is_told_once() {
    let app = Server::start().await;
    let (_, pupils, lesson) = app.lesson(1).await;
    let mut pupil = pupils[0].open(&lesson).await;
    for x in 0..50 {
        pupil.move_cursor(f64::from(x), 0.0).await;
    }
    pupil.draw(stroke("after them all")).await;
    let told = pupil.seen("budget");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0]["class"].text_is("cursor"), "{told:?}");
    assert!(told[0].number("retry_after_ms") >= 1);
}

#[tokio::test]
async fn c6_a_flood_of_two_hundred_a_second_is_closed_within_two_seconds_and_nobody_else_feels_it() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(2).await;
    let mut watcher = tutor.open(&lesson).await;
    let mut calm = pupils[1].open(&lesson).await;
    let mut flooder = pupils[0].open(&lesson).await;
    let started = Instant::now();
    let mut pace = tokio::time::interval(Duration::from_millis(5));
    let mut sent = 0;
    let code = loop {
        pace.tick().await;
        sent += 1;
        if flooder.try_send(&json!({"t": "cursor", "x": sent, "y": 0})).await.is_err() {
            break flooder.closed().await;
        }
        if let Ok(None) = tokio::time::timeout(Duration::ZERO, flooder.heard()).await {
            break flooder.closed().await;
        }
        assert!(started.elapsed() < Duration::from_secs(10), "never closed");
    };
    let took = started.elapsed();
    assert_eq!(code, 4429);
    // The contract's two seconds, and half of one for a busy machine.
    assert!(took < Duration::from_millis(2500), "closed after {took:?} and {sent} cursors");
    assert!(sent > 25, "not at the first drop");
    calm.draw(stroke("calm")).await;
    watcher.until_rev(1).await;
    pupils[0].open(&lesson).await.catch_up().await;
}

#[tokio::test]
async fn c1_a_cursor_never_waits_for_or_delays_a_stroke() {
    let app =
        Server::with(&[("M4SH_RATES_WS_CURSOR_FLOOD", "100000/s"), ("M4SH_TICK_MS", "50"), LOUD[0], LOUD[1], LOUD[3]])
            .await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut watcher = tutor.open(&lesson).await;
    let mut pupil = pupils[0].open(&lesson).await;
    for number in 0..50 {
        for x in 0..5 {
            pupil.move_cursor(f64::from(x), 0.0).await;
        }
        pupil.submit(&[add(stroke(&format!("s{number}")))]).await;
    }
    watcher.until_rev(50).await;
    assert_eq!(stroke_ids(&watcher.board().state).len(), 50);
}

#[tokio::test]
async fn c8_positions_that_are_none_are_refused_in_every_dialect() {
    let app = Server::with(LOUD).await;
    let (_, pupils, lesson) = app.lesson(1).await;
    for dialect in [Dialect::Json, Dialect::MessagePack] {
        let mut pupil = pupils[0].open_in(dialect, &lesson).await;
        for frame in
            [json!({"x": 1}), json!({"x": null, "y": 1}), json!({"x": "1", "y": 1}), json!({"x": 1e10, "y": 1})]
        {
            let mut frame = frame;
            frame["t"] = json!("cursor");
            pupil.send(&frame).await;
            assert_eq!(pupil.expect("refused").await["code"], "bad_frame", "{frame}");
        }
        pupil.send(&json!({"t": "cursor", "x": 1, "y": 1, "page": "p".repeat(2100)})).await;
        assert_eq!(pupil.closed().await, 4400, "longer than a cursor's frame may be");
    }
    let mut pupil = pupils[0].open_in(Dialect::MessagePack, &lesson).await;
    // {"t":"cursor","x":NaN,"y":0} in MessagePack
    let mut bytes = vec![0x83, 0xa1, b't', 0xa6];
    bytes.extend_from_slice(b"cursor");
    bytes.extend_from_slice(&[0xa1, b'x', 0xcb]);
    bytes.extend_from_slice(&f64::NAN.to_be_bytes());
    bytes.extend_from_slice(&[0xa1, b'y', 0x00]);
    pupil.send_raw(tokio_tungstenite::tungstenite::Message::binary(bytes)).await.unwrap();
    match within("an answer", pupil.heard()).await {
        Some(frame) => assert!(["refused", "bye"].contains(&&*frame.text("t")), "{frame}"),
        None => assert_eq!(pupil.closed().await, 4400),
    }
}

#[tokio::test]
async fn c3_the_first_cursor_of_a_quiet_board_goes_out_at_once() {
    let app = Server::with(&[("M4SH_TICK_MS", "1000")]).await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut watcher = tutor.open(&lesson).await;
    let mut pupil = pupils[0].open(&lesson).await;
    let asked = Instant::now();
    pupil.move_cursor(1.0, 1.0).await;
    watcher.expect("cursors").await;
    assert!(asked.elapsed() < Duration::from_millis(700), "{:?}", asked.elapsed());
    let asked = Instant::now();
    pupil.move_cursor(2.0, 1.0).await;
    watcher.expect("cursors").await;
    assert!(asked.elapsed() > Duration::from_millis(250), "the second waits for the tick: {:?}", asked.elapsed());
}

#[tokio::test]
async fn c7_a_cursor_changes_no_revision_and_is_not_stored() {
    let mut app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut watcher = tutor.open(&lesson).await;
    let mut pupil = pupils[0].open(&lesson).await;
    pupil.move_cursor(1.0, 1.0).await;
    watcher.expect("cursors").await;
    assert_eq!(pupil.draw(stroke("s")).await, 1);
    assert!(pupil.seen("accepted").is_empty() && pupil.seen("refused").is_empty(), "never answered");
    pupil.until_saved(1).await;
    app.kill_and_restart().await;
    let mut back = tutor.open(&lesson).await;
    back.catch_up().await;
    assert!(back.seen("cursors").is_empty());
}
