//! Drawing together over sockets: one order for all, refusals that change nothing, and what `saved` means.
//! Tells what a stroke can rely on. Repeats and comebacks are in `resuming`.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::*;

#[tokio::test]
async fn r8_a_stroke_reaches_the_others_and_its_author_learns_its_place() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut author = pupils[0].open(&lesson).await;
    let mut other = tutor.open(&lesson).await;
    let id = author.submit(&[add(stroke("s1"))]).await;
    assert_eq!(author.accepted(&id).await, 1);
    let ops = other.expect("ops").await;
    assert_eq!((&ops["rev"], &ops["by"], &ops["id"]), (&json!(1), &json!(pupils[0].id), &json!(id)));
    assert_eq!(ops["ops"][0]["value"], stroke("s1"), "{ops}");
    assert!(ops["ops"][0]["page_id"].is_string(), "the effective change names its page: {ops}");
    author.catch_up().await;
    assert!(author.seen("ops").is_empty(), "the author is answered, not told");
    other.until_saved(1).await;
    author.until_saved(1).await;
    let read = tutor.read(&lesson).await;
    assert_eq!((&read["state"], &read["rev"]), (&author.board().state, &json!(1)));
    assert_eq!(other.board().state, author.board().state, "also for a board that was empty before");
}

#[tokio::test]
async fn r1_everybody_sees_every_batch_in_one_dense_order() {
    let app = Server::with(LOUD).await;
    let (tutor, pupils, lesson) = app.lesson(4).await;
    let mut watcher = tutor.open(&lesson).await;
    let drawing = pupils.iter().enumerate().map(|(number, pupil)| {
        let lesson = lesson.clone();
        async move {
            let mut seat = pupil.open(&lesson).await;
            let mut ids = Vec::new();
            for batch in 0..50 {
                ids.push(seat.submit(&[add(stroke(&format!("p{number}-{batch}")))]).await);
            }
            let mut last = 0;
            for id in ids {
                // A gap or a repeat fails inside the seat's own copy of the board.
                let rev = seat.accepted(&id).await;
                assert!(rev > last, "my own batches keep my order");
                last = rev;
            }
            seat.until_rev(200).await;
            seat.until_saved(200).await;
            seat
        }
    });
    let seats = futures_util::future::join_all(drawing).await;
    watcher.until_rev(200).await;
    let read = tutor.read(&lesson).await;
    assert_eq!((&read["rev"], &read["state"]), (&json!(200), &watcher.board().state));
    for seat in &seats {
        assert_eq!(seat.board().state, watcher.board().state);
    }
    assert_eq!(stroke_ids(&read["state"]).len(), 200);
    let mine: Vec<_> = stroke_ids(&read["state"]).into_iter().filter(|id| id.starts_with("p0-")).collect();
    assert_eq!(mine, (0..50).map(|batch| format!("p0-{batch}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn d4_a_refused_batch_leaves_the_board_untouched_and_the_socket_alive() {
    let app = Server::with(LOUD).await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    for dialect in [Dialect::Json, Dialect::MessagePack] {
        let mut watcher = tutor.open(&lesson).await;
        let mut seat = pupils[0].open_in(dialect, &lesson).await;
        let before = seat.rev();
        let here = format!("here-{dialect:?}");
        let base = seat.draw(stroke(&here)).await;
        assert_eq!(base, before + 1);
        let page = seat.board().state["activePageId"].clone();
        let table = [
            ("invalid_ops", json!({"op": "remove", "kind": "stroke", "id": "nobody"})),
            ("invalid_ops", add(stroke(&here))),
            ("invalid_ops", json!({"op": "add", "kind": "stroke", "page_id": "no-page", "value": stroke("x")})),
            (
                "invalid_ops",
                json!({"op": "update", "kind": "stroke", "page_id": page, "id": "nobody", "patch": {"a": 1}}),
            ),
        ];
        for (number, (code, op)) in table.into_iter().enumerate() {
            let id = format!("bad-{number}");
            seat.submit_as(&id, &[add(stroke("leaves no trace")), op.clone()]).await;
            let refused = seat.refused(&id).await;
            assert_eq!((&refused["code"], &refused["index"]), (&json!(code), &json!(1)), "{op}");
            assert!(!refused.text("detail").is_empty());
        }
        let rev = seat.draw(stroke(&format!("after-{dialect:?}"))).await;
        assert_eq!(rev, base + 1, "refusals take no revision");
        watcher.until_rev(rev).await;
        assert_eq!(watcher.board().state, seat.board().state);
        assert_eq!(seat.board().count("leaves no trace"), 0);
    }
}

#[tokio::test]
async fn w15_batches_of_a_wrong_form_are_refused_with_their_id() {
    let app = Server::with(LOUD).await;
    let (_, pupils, lesson) = app.lesson(1).await;
    let mut seat = pupils[0].open(&lesson).await;
    let many: Vec<_> = (0..101).map(|n| add(stroke(&format!("m{n}")))).collect();
    let good = add(stroke("g"));
    let table = [
        (json!({"id": "f1", "ops": []}), "bad_frame", Value::Null),
        (json!({"id": "f2", "ops": many}), "too_large", Value::Null),
        (json!({"id": "f3", "ops": {}}), "bad_frame", Value::Null),
        (json!({"id": "f4"}), "bad_frame", Value::Null),
        (json!({"id": "f5", "ops": [good, {"op": "add", "kind": "stroke"}]}), "bad_frame", json!(1)),
        (json!({"id": "f6", "ops": [{"op": "add", "kind": "state", "value": {}}]}), "bad_frame", json!(0)),
    ];
    for (mut frame, code, index) in table {
        frame["t"] = json!("ops");
        seat.send(&frame).await;
        let refused = seat.refused(&frame.text("id")).await;
        assert_eq!((refused["code"].as_str(), &refused["index"]), (Some(code), &index), "{refused}");
    }
    for id in [json!(null), json!(7), json!(""), json!("i".repeat(65))] {
        seat.send(&json!({"t": "ops", "id": id, "ops": [add(stroke("x"))]})).await;
        assert_eq!(seat.expect("refused").await["code"], "bad_frame", "{id:.20}");
    }
    seat.submit_as(&"i".repeat(64), &[add(stroke("longest id"))]).await;
    assert_eq!(seat.accepted(&"i".repeat(64)).await, 1);
    seat.submit_as("hundred", &(0..100).map(|n| add(stroke(&format!("h{n}")))).collect::<Vec<_>>()).await;
    assert_eq!(seat.accepted("hundred").await, 2);
}

#[tokio::test]
async fn s2_saved_follows_accepted_and_what_it_names_survives_the_process_s_death() {
    let mut app = Server::with(LOUD).await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut seat = pupils[0].open(&lesson).await;
    for number in 0..30 {
        seat.submit(&[add(stroke(&format!("s{number}")))]).await;
    }
    let first = seat.expect("accepted").await;
    assert_eq!(first["rev"], 1);
    let mut last = 0;
    while last < 30 {
        let saved = seat.expect("saved").await.number("rev");
        assert!(saved > last, "the watermark only rises");
        last = saved;
    }
    app.kill_and_restart().await;
    let read = tutor.read(&lesson).await;
    assert_eq!((&read["rev"], &read["state"]), (&json!(30), &seat.board().state));
}

#[tokio::test]
async fn s3_the_saved_watermark_is_said_at_most_every_tenth_of_a_second() {
    let app = Server::with(LOUD).await;
    let (_, pupils, lesson) = app.lesson(1).await;
    let mut seat = pupils[0].open(&lesson).await;
    let started = std::time::Instant::now();
    for number in 0..60 {
        seat.draw(stroke(&format!("s{number}"))).await;
    }
    seat.catch_up().await;
    let (said, tenths) = (seat.seen("saved").len() as u128, started.elapsed().as_millis() / 100);
    assert!(said <= tenths + 1, "{said} times in {tenths} tenths of a second");
    seat.until_saved(60).await;
}

#[tokio::test]
async fn r8_saves_over_rest_and_strokes_on_sockets_share_one_line_of_revisions() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut seat = pupils[0].open(&lesson).await;
    seat.draw(stroke("socket-1")).await;
    let rest = tutor.save(&lesson, 1, json!([add(stroke("rest-1"))])).await;
    assert_eq!(rest["next_rev"], 2);
    let told = seat.expect("ops").await;
    assert_eq!((&told["rev"], &told["by"]), (&json!(2), &json!(tutor.id)));
    seat.until_saved(2).await;
    assert_eq!(seat.draw(stroke("socket-2")).await, 3);
    let stale = tutor.diff(&lesson, 2, &json!([add(stroke("late"))])).send().await.refused(412, "precondition_failed");
    assert_eq!(stale["server_rev"], 3);
    let read = tutor.read(&lesson).await;
    assert_eq!(stroke_ids(&read["state"]), ["socket-1", "rest-1", "socket-2"]);
    assert_eq!(&read["state"], &seat.board().state);
}

#[tokio::test]
async fn r13_a_whole_state_save_reaches_sockets_as_a_change_that_leads_to_it() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut seats = [pupils[0].open(&lesson).await, pupils[0].open_in(Dialect::MessagePack, &lesson).await];
    seats[0].draw(stroke("s1")).await;
    seats[1].until_rev(1).await;
    let mut rev = 1;
    let states = [
        json!({"pages": [{"id": "p1", "strokes": [stroke("a"), stroke("b")], "assets": []}], "activePageId": "p1"}),
        json!({"pages": [{"id": "p1", "strokes": [stroke("b")], "assets": []}], "activePageId": "p1"}),
        json!({"pages": [{"id": "p1", "strokes": [recoloured("b")], "assets": []}], "activePageId": "p1", "meta": {"x": 1}}),
        json!({"pages": [{"id": "p2"}, {"id": "p1", "strokes": [stroke("c"), stroke("b")]}], "unknown": {"k": [1.5]}}),
        json!({"currentPageIndex": 0, "pages": [{"id": "p1", "strokes": []}]}),
    ];
    for state in states {
        tutor.stream(&lesson, rev, &state).send().await.expect(200);
        rev += 1;
        for seat in &mut seats {
            seat.until_rev(rev).await;
            assert_eq!(seat.board().state, state, "at {rev}");
        }
    }
    assert_eq!(tutor.read(&lesson).await["state_digest"], plain_or_not(&seats[0].board().state));
}

fn recoloured(id: &str) -> Value {
    let mut stroke = stroke(id);
    stroke["color"] = json!("#0f0");
    stroke
}

fn plain_or_not(state: &Value) -> Value {
    json!(plain_digest(state))
}

#[tokio::test]
async fn b4_a_batch_over_the_rate_is_refused_with_the_time_to_wait_and_can_be_sent_again() {
    let app = Server::with(&[("M4SH_RATES_WS_OPS", "5/s")]).await;
    let (_, pupils, lesson) = app.lesson(1).await;
    let mut seat = pupils[0].open(&lesson).await;
    let mut ids = Vec::new();
    for number in 0..60 {
        ids.push(seat.submit(&[add(stroke(&format!("s{number}")))]).await);
    }
    let refused = seat.expect("refused").await;
    assert_eq!(refused["code"], "rate_limited", "{refused}");
    assert!((1..=60_000).contains(&refused.number("retry_after_ms")), "{refused}");
    let id = refused.text("id");
    let again = eventually_accepted(&mut seat, &id).await;
    assert!(again > 0);
}

/// Sends a batch again, after the time it was told to wait, until it is taken.
async fn eventually_accepted(seat: &mut Seat, id: &str) -> u64 {
    let ops = [add(stroke(&format!("again-{}", Uuid::new_v4())))];
    let deadline = std::time::Instant::now() + DEADLINE;
    while std::time::Instant::now() < deadline {
        seat.submit_as(id, &ops).await;
        let answer = loop {
            let frame = within("an answer", seat.heard()).await.expect("the socket lives");
            if frame["id"] == id && ["accepted", "refused"].contains(&frame["t"].as_str().unwrap_or_default()) {
                break frame;
            }
        };
        match answer["t"].as_str() {
            Some("accepted") => return answer.number("rev"),
            _ => tokio::time::sleep(std::time::Duration::from_millis(answer.number("retry_after_ms"))).await,
        }
    }
    panic!("never accepted");
}
