//! The budget ladder as a client climbs it: told, its presence dropped, refused, closed, turned away for a while; and that
//! nobody else is slowed. Rates here are by the hour, so that nothing refills while a test runs.

use serde_json::{Value, json};

use crate::harness::*;

#[tokio::test]
async fn b8_the_welcome_tells_every_budget_with_holder_and_unit() {
    let app = Server::with(&[("M4SH_RATES_WS_OPS", "7/s")]).await;
    let (tutor, _, lesson) = app.lesson(0).await;
    let welcome = tutor.open(&lesson).await.welcome.clone();
    let told = |name: &str| welcome["budgets"][name].clone();
    let ops = json!({"count": 7, "period_ms": 1000, "burst": 28, "holder": "user", "unit": "ops", "over": "refuse"});
    assert_eq!(told("ws_ops"), ops);
    for (name, holder, unit, over) in [
        ("ws_cursor", "user", "presence", "drop"),
        ("ws_bytes", "user", "bytes", "refuse"),
        ("ws_talk", "user", "talk", "drop"),
        ("ws_flood", "connection", "frames", "close"),
        ("ws_refused", "user", "refusals", "close"),
        ("ws_board_deliveries", "board", "deliveries", "refuse"),
        ("ws_class_bytes", "class", "bytes", "refuse"),
        ("ws_address_bytes", "address", "bytes", "refuse"),
        ("ws_open_address", "address", "opens", "close"),
    ] {
        let budget = told(name);
        assert_eq!((&budget["holder"], &budget["unit"], &budget["over"]), (&json!(holder), &json!(unit), &json!(over)));
        assert!(budget.number("burst") >= budget.number("count"), "{budget}");
    }
}

async fn draw_some(seat: &mut Seat, name: &str, count: usize) {
    for number in 0..count {
        seat.draw(stroke(&format!("{name}-{number}"))).await;
    }
}

fn moved(frames: &[Value], user: &str) -> bool {
    frames.iter().flat_map(|frame| frame.list("c")).any(|entry| entry[0] == user)
}

#[tokio::test]
async fn b8_a_budget_is_told_at_eighty_percent_then_drops_presence_then_refuses() {
    let app = Server::with(&[("M4SH_RATES_WS_OPS", "16/h"), ("M4SH_ADMIN_BIND", "127.0.0.1:0")]).await;
    let (tutor, pupils, lesson) = app.lesson(2).await;
    let mut watcher = tutor.open(&lesson).await;
    let mut pupil = pupils[0].open(&lesson).await;
    let mut other = pupils[1].open(&lesson).await;
    // Of 64 at once.
    draw_some(&mut pupil, "a", 51).await;
    pupil.move_cursor(1.0, 1.0).await;
    watcher.expect_that("cursors", |frame| moved(std::slice::from_ref(frame), &pupils[0].id)).await;
    assert!(pupil.seen("budget").is_empty(), "not yet");
    draw_some(&mut pupil, "b", 7).await;
    pupil.catch_up().await;
    let told = pupil.seen("budget");
    assert_eq!(told.len(), 1, "once: {told:?}");
    assert_eq!((&told[0]["class"], &told[0]["retry_after_ms"]), (&json!("ws_ops"), &json!(0)));
    assert!(told[0]["used"].as_f64().is_some_and(|used| (0.8..0.83).contains(&used)), "{told:?}");
    assert!((11..=13).contains(&told[0].number("left")), "{told:?}");
    // Above nine tenths: presence goes first, and operations still pass.
    pupil.move_cursor(2.0, 2.0).await;
    pupil.send(&json!({"t": "status", "state": "away"})).await;
    draw_some(&mut pupil, "c", 6).await;
    let dropped = pupil.seen("budget");
    assert_eq!(dropped.len(), 1, "{dropped:?}");
    assert!(dropped[0]["class"] == "ws_ops" && dropped[0].number("retry_after_ms") > 0, "{dropped:?}");
    let refused = {
        let id = pupil.submit(&[add(stroke("too many"))]).await;
        pupil.refused(&id).await
    };
    assert_eq!(refused["code"], "rate_limited");
    assert!((1..=225_000).contains(&refused.number("retry_after_ms")), "{refused}");
    watcher.until_rev(64).await;
    other.move_cursor(3.0, 3.0).await;
    watcher.expect_that("cursors", |frame| moved(std::slice::from_ref(frame), &pupils[1].id)).await;
    assert!(!moved(&watcher.seen("cursors"), &pupils[0].id), "dropped");
    assert!(watcher.seen("status").is_empty(), "dropped");
    let metrics = fetch(&app, &format!("http://{}/metrics", app.admin_address().await)).await.expect(200).text();
    for (rung, count) in [("warned", 1), ("presence", 2), ("refused", 1)] {
        let labels = |line: &str| line.contains("scope=\"ws_ops\"") && line.contains(&format!("rung=\"{rung}\""));
        let line = metrics.lines().find(|line| line.starts_with("m4sh_budget_total{") && labels(line));
        assert!(line.is_some_and(|line| line.ends_with(&format!(" {count}"))), "{rung}: {line:?}");
    }
}

#[tokio::test]
async fn b9_coming_back_refills_no_budget() {
    let app = Server::with(&[("M4SH_RATES_WS_OPS", "1/h")]).await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let _watcher = tutor.open(&lesson).await;
    let mut pupil = pupils[0].open(&lesson).await;
    draw_some(&mut pupil, "a", 4).await;
    for _ in 0..3 {
        pupil.leave().await;
        pupil = pupils[0].open(&lesson).await;
        let id = pupil.submit(&[add(stroke("more"))]).await;
        assert_eq!(pupil.refused(&id).await["code"], "rate_limited");
    }
    pupil.leave().await;
    drop(_watcher);
    let mut alone = pupils[0].open(&lesson).await;
    let id = alone.submit(&[add(stroke("more"))]).await;
    assert_eq!(alone.refused(&id).await["code"], "rate_limited", "nor when nobody was there");
}

#[tokio::test]
async fn b10_who_does_not_heed_refusals_is_closed_with_4429_and_turned_away_for_a_while() {
    let app = Server::with(&[("M4SH_RATES_WS_OPS", "1/h"), ("M4SH_RATES_WS_REFUSED", "3/h")]).await;
    let (tutor, pupils, lesson) = app.lesson(2).await;
    let mut watcher = tutor.open(&lesson).await;
    let mut hammer = pupils[0].open(&lesson).await;
    draw_some(&mut hammer, "a", 4).await;
    for number in 0..7 {
        hammer.submit_as(&format!("again-{number}"), &[add(stroke("more"))]).await;
    }
    let bye = hammer.dismissed(4429).await;
    assert!((4_000..=5_000).contains(&bye.number("retry_after_ms")), "{bye}");
    assert_eq!(hammer.seen("refused").len(), 7, "each was answered");
    let started = std::time::Instant::now();
    for _ in 0..3 {
        let bye = pupils[0].knock(&lesson).refused_at_the_door().await.dismissed(4429).await;
        assert!((1..=5_000).contains(&bye.number("retry_after_ms")), "{bye}");
    }
    let mut calm = pupils[1].open(&lesson).await;
    calm.draw(stroke("calm")).await;
    watcher.until_rev(5).await;
    let mut back =
        eventually("the cool-down is over", || async { pupils[0].knock(&lesson).try_sit().await.ok() }).await;
    assert!(started.elapsed() > std::time::Duration::from_secs(3), "it was one");
    back.catch_up().await;
    // What it spent is still spent; the next cool-down is longer.
    for number in 0..7 {
        let _ = back.try_submit_as(&format!("still-{number}"), &[add(stroke("more"))]).await;
    }
    let bye = back.dismissed(4429).await;
    assert!((9_000..=10_000).contains(&bye.number("retry_after_ms")), "{bye}");
}

#[tokio::test]
async fn b12_a_flood_of_frames_turns_its_user_away_too() {
    let app = Server::with(&[("M4SH_RATES_WS_FLOOD", "5/h")]).await;
    let (_, pupils, lesson) = app.lesson(2).await;
    let mut flooder = pupils[0].open(&lesson).await;
    for number in 0..12 {
        let _ = flooder.try_send(&json!({"t": "ping", "n": number})).await;
    }
    assert!(flooder.dismissed(4429).await.number("retry_after_ms") >= 4_000);
    let bye = pupils[0].knock(&lesson).refused_at_the_door().await.dismissed(4429).await;
    assert!((1..=5_000).contains(&bye.number("retry_after_ms")), "{bye}");
    pupils[1].open(&lesson).await.catch_up().await;
}

#[tokio::test]
async fn b11_when_a_class_has_used_up_its_budget_only_the_largest_spender_is_slowed() {
    for (scope, rate) in [("M4SH_RATES_WS_CLASS_DELIVERIES", "4/h"), ("M4SH_RATES_WS_BOARD_DELIVERIES", "4/h")] {
        let app = Server::with(&[(scope, rate)]).await;
        let (tutor, pupils, lesson) = app.lesson(2).await;
        let mut watcher = tutor.open(&lesson).await;
        let mut hog = pupils[0].open(&lesson).await;
        let mut light = pupils[1].open(&lesson).await;
        // 16 deliveries at once, two for each batch.
        draw_some(&mut hog, "hog", 8).await;
        let id = hog.submit(&[add(stroke("too much"))]).await;
        assert_eq!(hog.refused(&id).await["code"], "rate_limited", "{scope}");
        draw_some(&mut light, "light", 3).await;
        let id = hog.submit(&[add(stroke("too much"))]).await;
        assert_eq!(hog.refused(&id).await["code"], "rate_limited", "{scope}");
        watcher.until_rev(11).await;
        let warned = hog.seen("budget");
        assert!(warned[0].text("class").ends_with("_deliveries"), "{warned:?}");
    }
}

#[tokio::test]
async fn b13_an_address_has_budgets_that_a_school_fits_in_and_each_address_its_own() {
    let settings = [("M4SH_TRUSTED_PROXIES", "127.0.0.1"), ("M4SH_RATES_WS_OPEN_ADDRESS", "3/h")];
    let app = Server::with(&settings).await;
    let (tutor, pupils, lesson) = app.lesson(3).await;
    let mut seats = Vec::new();
    for pupil in &pupils {
        seats.push(pupil.knock(&lesson).forwarded_for("198.51.100.1").sit().await);
    }
    let turned = tutor.knock(&lesson).forwarded_for("198.51.100.1").refused_at_the_door();
    let bye = turned.await.dismissed(4429).await;
    assert!((1..=1_200_000).contains(&bye.number("retry_after_ms")), "{bye}");
    let mut elsewhere = tutor.knock(&lesson).forwarded_for("198.51.100.2").sit().await;
    elsewhere.draw(stroke("from elsewhere")).await;
    seats[0].until_rev(1).await;
}

#[tokio::test]
async fn b13_bytes_of_an_address_are_bounded_and_its_modest_users_are_not_slowed() {
    let app = Server::with(&[("M4SH_RATES_WS_ADDRESS_BYTES", "5000/h")]).await;
    let (_, pupils, lesson) = app.lesson(2).await;
    let mut hog = pupils[0].open(&lesson).await;
    let mut light = pupils[1].open(&lesson).await;
    for number in 0..2 {
        hog.draw(heavy_stroke(&format!("h{number}"), 9_000)).await;
    }
    let id = hog.submit(&[add(heavy_stroke("h3", 9_000))]).await;
    assert_eq!(hog.refused(&id).await["code"], "rate_limited");
    light.draw(heavy_stroke("mine", 5_000)).await;
    hog.until_rev(3).await;
}

#[tokio::test]
async fn b14_the_client_s_table_is_what_the_program_prints_and_what_the_page_gets() {
    let app = Server::start().await;
    let printed = app.command(&["budgets", "--js"]).env_clear().output().unwrap();
    assert!(printed.status.success(), "{printed:?}");
    let printed = String::from_utf8(printed.stdout).unwrap();
    let file = include_str!("../../examples/budgets.js");
    assert!(printed == file, "write it again: m4sh budgets --js > examples/budgets.js");
    let served = app.stranger().get("/budgets.js").send().await.expect(200);
    assert!(served.header("Content-Type").contains("javascript"));
    assert_eq!(served.text(), file);
    let told = app.command(&["budgets", "--rate", "ws_ops=9/s"]).output().unwrap();
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!(told["ws_ops"]["burst"], 36, "with the rates in force");
}
