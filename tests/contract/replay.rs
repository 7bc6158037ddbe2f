//! Replay: what was done on a board and in a lesson, operation by operation, and what a lesson came to (SPEC Q7, Q8).
//! Tells who builds a player that playing what comes back leads to the board that is there.

use serde_json::{Value, json};

use crate::harness::{account::Fields, *};

fn timed(id: &str) -> Value {
    json!({"id": id, "tool": "pen", "points": [{"x": 0, "y": 0, "t": 0}, {"x": 3, "y": 4, "t": 137}]})
}

/// All operations from a path on, page by page.
async fn played(who: &Account, path: String) -> Vec<Value> {
    let (mut all, mut next) = (Vec::new(), Some(path));
    while let Some(path) = next {
        let page = who.get(&path).send().await.expect(200).json();
        all.extend(page.list("operations"));
        next = page["next"].as_str().map(str::to_owned);
    }
    all
}

fn ids(operations: &[Value]) -> Vec<String> {
    let id = |op: &Value| op["payload"]["id"].as_str().unwrap_or_default().to_owned();
    operations.iter().map(id).collect()
}

#[tokio::test]
async fn q7_a_replay_has_every_operation_in_order_with_its_times_by_person_page_and_time() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    tutor.save(&lesson, 0, json!([{"op": "add", "kind": "page", "value": {"id": "p2"}}])).await;
    pupils[0].save(&lesson, 1, json!([add(timed("a")), add(timed("b"))])).await;
    tutor
        .save(&lesson, 2, json!([erase("a"), {"op": "add", "kind": "stroke", "page_id": "p2", "value": timed("c")}]))
        .await;
    let path = format!("/api/v1/boards/{}/replay/", lesson.board);
    let first = tutor.get(&format!("{path}?limit=2")).send().await.expect(200).json();
    assert_eq!(stroke_ids(&first["start_state"]), [""; 0]);
    assert_eq!(first["operations"][0]["op_type"], "page_add");
    let all = played(&tutor, format!("{path}?limit=2")).await;
    assert_eq!(ids(&all), ["p2", "a", "b", "a", "c"]);
    let kinds: Vec<_> = all.iter().map(|op| op.text("op_type")).collect();
    assert_eq!(kinds, ["page_add", "stroke_add", "stroke_add", "stroke_delete", "stroke_add"]);
    assert_eq!(all[1]["payload"]["points"][1]["t"], 137);
    assert_eq!(all[1]["user"], json!({"id": pupils[0].id, "name": pupils[0].name}));
    assert!(all.windows(2).all(|two| two[0].text("created_at") <= two[1].text("created_at")));
    assert_eq!(ids(&played(&tutor, format!("{path}?user={}", pupils[0].id)).await), ["a", "b"]);
    assert_eq!(ids(&played(&tutor, format!("{path}?page=p2")).await), ["p2", "c"]);
    assert_eq!(ids(&played(&tutor, format!("{path}?from_rev=2")).await), ["a", "c"]);
    let later = tutor.get(&format!("{path}?from_rev=2")).send().await.expect(200).json();
    assert_eq!(stroke_ids(&later["start_state"]), ["a", "b"]);
    let at = all[1].text("created_at");
    assert_eq!(ids(&played(&tutor, format!("{path}?to={at}")).await), ["p2", "a", "b"]);
    for wrong in ["?from=soon", "?limit=0", "?cursor=x"] {
        tutor.get(&format!("{path}{wrong}")).send().await.refused(400, "validation_error");
    }
    app.pupil("Stranger").await.get(&path).send().await.expect(404);
}

#[tokio::test]
async fn q8_a_lesson_is_replayed_over_all_boards_that_its_reader_may_see_in_the_order_of_time() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(2).await;
    // A board of a pupil's own in this lesson.
    let own = tutor.create_board().await;
    let sql = "INSERT INTO session_board (board, session, classroom, pupil) VALUES";
    let database = app.database.clone().unwrap();
    database.execute(&format!("{sql} ('{}', '{}', '{}', '{}')", own.0, lesson.id, lesson.class, pupils[0].id)).await;
    tutor.save(&lesson, 0, json!([add(timed("one"))])).await;
    pupils[0].save(&own, 0, json!([add(timed("two"))])).await;
    pupils[1].save(&lesson, 1, json!([add(timed("three"))])).await;
    tutor.save(&own, 1, json!([add(timed("four"))])).await;
    let path = format!("/api/v1/classrooms/{}/sessions/{}/replay/", lesson.class, lesson.id);
    assert_eq!(ids(&played(&tutor, format!("{path}?limit=1")).await), ["one", "two", "three", "four"]);
    assert_eq!(ids(&played(&pupils[0], path.clone()).await), ["one", "two", "three", "four"]);
    assert_eq!(ids(&played(&pupils[1], path.clone()).await), ["one", "three"], "another pupil's board is not told");
    assert_eq!(ids(&played(&tutor, format!("{path}?user={}", tutor.id)).await), ["one", "four"]);
    let all = played(&tutor, format!("{path}?board={}", own.0)).await;
    assert_eq!(ids(&all), ["two", "four"]);
    assert_eq!(all[0]["board_id"], own.0);
    let at = all[0].text("created_at");
    assert_eq!(ids(&played(&tutor, format!("{path}?from={at}")).await), ["two", "three", "four"]);
    pupils[1].get(&format!("{path}?board={}", own.0)).send().await.expect(404);
    tutor.get(&format!("{path}?from=3")).send().await.refused(400, "validation_error");
    app.pupil("Stranger").await.get(&path).send().await.expect(404);
}

#[tokio::test]
async fn q8_a_summary_counts_what_was_done_and_tells_a_pupil_only_of_themselves() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(2).await;
    tutor.save(&lesson, 0, json!([add_stroke("a")])).await;
    pupils[0].save(&lesson, 1, json!([add_stroke("b")])).await;
    tutor.post(&lesson.rest("snapshot/")).send().await.expect(201);
    let sql = "INSERT INTO class_event (session, seq, at, kind, author, data) VALUES";
    let of =
        |seq: u8, who: &Account, data: &str| format!("('{}', {seq}, now(), 'chat', '{}', '{data}')", lesson.id, who.id);
    let rows = [of(1, &tutor, r#"{"text":"hello"}"#), of(2, &pupils[1], r#"{"text":"secret"}"#)].join(",");
    app.database.clone().unwrap().execute(&format!("{sql} {rows}")).await;
    let path = |tail: &str| format!("/api/v1/classrooms/{}/sessions/{}/{tail}/", lesson.class, lesson.id);
    let told = tutor.get(&path("summary")).send().await.expect(200).json();
    assert_eq!(
        told["stats"],
        json!({"total_events": 4, "board_events": 2, "participant_count": 3, "snapshot_count": 1})
    );
    assert_eq!(told.list("snapshots")[0]["version"], 2);
    assert_eq!(told.list("snapshots")[0]["created_by"]["name"], *tutor.name);
    let told = pupils[0].get(&path("summary")).send().await.expect(200).json();
    assert_eq!((told["stats"].number("total_events"), told.list("participants").len()), (1, 1));
    let line = tutor.get(&format!("{}?limit=1", path("timeline"))).send().await.expect(200).json();
    assert_eq!((line.number("total"), line["has_more"].as_bool()), (2, Some(true)));
    assert_eq!(line.list("events")[0]["data"]["text"], "hello");
    let line = pupils[0].get(&path("timeline")).send().await.expect(200).json();
    assert!(line.list("events").is_empty() && !line.to_string().contains("secret"), "{line}");
    let kept = tutor.get(&format!("{}?type=automatic", path("snapshots"))).send().await.expect(200).json();
    assert!(kept.list("snapshots").is_empty());
    tutor.get(&format!("{}?type=odd", path("snapshots"))).send().await.refused(400, "validation_error");
    app.pupil("Stranger").await.get(&path("summary")).send().await.expect(404);
}

#[tokio::test]
async fn f16_what_is_changed_about_a_class_is_among_its_events_in_order() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut seat = tutor.open(&lesson).await;
    let below = format!("/api/v1/classrooms/{}/sessions/{}/", lesson.class, lesson.id);
    for (tail, body) in [
        ("isolate/", json!({"on": true})),
        ("reveal/", json!({"users": [pupils[0].id]})),
        ("lock/", json!({"user": pupils[0].id, "locked": true})),
    ] {
        tutor.post(&format!("{below}{tail}")).json(&body).send().await.expect(200);
    }
    seat.catch_up().await;
    let told = eventually("all of it is kept", || async {
        let told = tutor.get(&format!("{below}timeline/")).send().await.expect(200).json().list("events");
        told.iter().any(|event| event["event_type"] == "lock").then_some(told)
    })
    .await;
    let kinds: Vec<_> = told.iter().map(|event| event.text("event_type")).collect();
    assert_eq!(kinds, ["isolate", "reveal", "lock"]);
    assert_eq!((&told[1]["user"]["id"], &told[1]["data"]["users"]), (&json!(tutor.id), &json!([pupils[0].id])));
}
