//! Readers that stop reading: they are closed with 4508, may resume, and nobody else waits for them.
//! Tells that memory and delay stay bounded. Never asserts on the size of kernel buffers.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::*;

#[tokio::test]
async fn w7_a_reader_who_stops_reading_is_closed_with_4508_and_resumes_where_it_was() {
    let app = Server::with(LOUD).await;
    let (tutor, pupils, lesson) = app.lesson(2).await;
    let mut author = tutor.open(&lesson).await;
    let mut brisk = pupils[1].open(&lesson).await;
    let mut slow = pupils[0].knock(&lesson).narrow().sit().await;
    author.draw(stroke("first")).await;
    slow.until_rev(1).await;
    slow.stop_reading();
    let mut longest = Duration::ZERO;
    let mut sent = 0;
    // 25 MB at most; others hear that it left some seconds later, lest it be back at once.
    while sent < 400 && author.seen("left").is_empty() {
        sent += 1;
        let asked = Instant::now();
        let rev = author.draw(heavy_stroke(&format!("h{sent}"), 60_000)).await;
        brisk.until_rev(rev).await;
        longest = longest.max(asked.elapsed());
        // Keeps the board small while the frames go on.
        let id = author.submit(&[json!({"op": "remove", "kind": "stroke", "id": format!("h{sent}")})]).await;
        author.accepted(&id).await;
    }
    let left = author.expect("left").await;
    assert!(left.to_string().contains(&pupils[0].id));
    assert!(longest < Duration::from_secs(2), "another's stroke took {longest:?}");
    slow.read_on();
    let closed = slow.end().await;
    assert!(closed.code == Some(4508) || closed.code.is_none(), "{closed:?}");
    let known = slow.rev();
    assert!(known < author.rev(), "it did miss something");
    let mut back = pupils[0].knock(&lesson).resuming(&slow).sit().await;
    back.until_rev(author.rev()).await;
    assert_eq!(back.board().state, author.board().state);
    back.draw(stroke("back again")).await;
    author.until_rev(back.rev()).await;
}

#[tokio::test]
async fn w8_the_close_code_of_a_slow_reader_reaches_it_when_it_reads_on() {
    let app = Server::with(LOUD).await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut author = tutor.open(&lesson).await;
    let mut slow = pupils[0].knock(&lesson).narrow().sit().await;
    slow.stop_reading();
    for number in 0..400 {
        author.draw(heavy_stroke(&format!("h{number}"), 60_000)).await;
        let id = author.submit(&[json!({"op": "remove", "kind": "stroke", "id": format!("h{number}")})]).await;
        author.accepted(&id).await;
        if !author.seen("left").is_empty() {
            break;
        }
    }
    slow.read_on();
    let bye = slow.dismissed(4508).await;
    assert!(!bye.text("reason").is_empty());
}

#[tokio::test]
async fn c4_cursors_alone_never_make_a_reader_slow() {
    let rates = [("M4SH_RATES_WS_CURSOR", "100000/s"), ("M4SH_RATES_WS_CURSOR_FLOOD", "100000/s"), LOUD[3]];
    let app = Server::with(&rates).await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut mover = tutor.open(&lesson).await;
    let mut slow = pupils[0].knock(&lesson).narrow().sit().await;
    slow.stop_reading();
    // Far more than the outbox and the kernel would hold, if each were kept.
    for x in 0..20_000 {
        let page = "page-".repeat(40);
        mover.send(&json!({"t": "cursor", "x": x, "y": 1, "page": page})).await;
        if x % 500 == 0 {
            mover.catch_up().await;
        }
    }
    // A cursor may be lost in the press; one that comes when the board has time again is not.
    mover.draw(stroke("a stroke")).await;
    assert!(mover.seen("left").is_empty());
    mover.move_cursor(-1.0, 0.0).await;
    slow.read_on();
    slow.expect_that("cursors", |frame| frame["c"][0][1].as_f64() == Some(-1.0)).await;
    slow.until_rev(1).await;
}

/// The server's resident memory, in bytes.
fn resident(app: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", app.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[tokio::test]
async fn w12_readers_that_stopped_delay_nobody_and_hold_no_memory() {
    let app = Server::with(LOUD).await;
    let (tutor, pupils, lesson) = app.lesson(2).await;
    let mut author = tutor.open(&lesson).await;
    let mut brisk = pupils[1].open(&lesson).await;
    let mut stalled = Vec::new();
    for _ in 0..20 {
        let mut seat = pupils[0].knock(&lesson).narrow().sit().await;
        seat.stop_reading();
        stalled.push(seat);
    }
    let before = resident(&app);
    let mut longest = Duration::ZERO;
    for number in 0..150 {
        let asked = Instant::now();
        let rev = author.draw(heavy_stroke(&format!("h{number}"), 60_000)).await;
        brisk.until_rev(rev).await;
        longest = longest.max(asked.elapsed());
        let id = author.submit(&[erase(&format!("h{number}"))]).await;
        author.accepted(&id).await;
    }
    assert!(longest < Duration::from_secs(2), "a stroke took {longest:?}");
    let grown = resident(&app).saturating_sub(before);
    // Kept for each, the 9 MB that went by would be 180 MB.
    assert!(grown < 90_000_000, "grew by {grown} bytes");
    for seat in &mut stalled {
        seat.read_on();
        let closed = seat.end().await;
        assert!(closed.code == Some(4508) || closed.code.is_none(), "{closed:?}");
    }
}
