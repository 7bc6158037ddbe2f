//! Guarded clear: a page is cleared in one revision and is one click away for 30 days, whoever restarts meanwhile.
//! Tells what a tutor may take away, and that nothing is lost by it.

use serde_json::{Value, json};

use crate::harness::*;

fn board(lesson: &Lesson, end: &str) -> String {
    format!("/api/v1/boards/{}/{end}", lesson.board)
}

#[tokio::test]
async fn z6_a_page_is_cleared_in_one_revision_and_comes_back_after_a_kill() {
    let mut app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut lead = tutor.open(&lesson).await;
    let mut ann = pupils[0].open(&lesson).await;
    for number in 0..20 {
        ann.draw(heavy_stroke(&format!("s{number}"), 2_000)).await;
    }
    lead.until_rev(20).await;
    let before = lead.board().state.clone();
    for (frame, code) in
        [(json!({"t": "clear", "id": "p"}), "forbidden"), (json!({"t": "unclear", "id": "p", "rev": 1}), "forbidden")]
    {
        ann.send(&frame).await;
        assert_eq!(ann.refused("p").await["code"], code, "{frame}");
    }
    for (frame, code) in [
        (json!({"t": "clear", "id": "q", "page": "nowhere"}), "invalid_ops"),
        (json!({"t": "unclear", "id": "q", "rev": 3}), "unknown_clear"),
        (json!({"t": "clear", "id": "q", "page": []}), "bad_frame"),
    ] {
        lead.send(&frame).await;
        assert_eq!(lead.refused("q").await["code"], code, "{frame}");
    }
    let clear = json!({"t": "clear", "id": "c1", "page": "page-1"});
    lead.send(&clear).await;
    let accepted = lead.expect_that("accepted", |frame| frame["id"] == "c1").await;
    let cleared = lead.expect("cleared").await;
    assert_eq!((accepted.number("rev"), accepted.number("cleared")), (21, 20));
    assert_eq!((cleared.number("rev"), cleared.number("items"), cleared.text("page")), (21, 20, "page-1".to_owned()));
    let told = ann.expect_that("ops", |frame| frame["id"] == "c1").await;
    assert!(told.to_string().len() < 400, "its cost is not that of what it took: {told}");
    assert!(stroke_ids(&ann.board().state).is_empty());
    lead.send(&clear).await;
    assert_eq!(lead.expect("cleared").await, cleared, "a repeat has the same answer");
    lead.send(&json!({"t": "clear", "id": "c2"})).await;
    assert_eq!(lead.refused("c2").await["code"], "nothing_to_clear");
    lead.send(&json!({"t": "undo", "id": "c3"})).await;
    assert_eq!(lead.refused("c3").await["code"], "undo_too_large", "it has a way back of its own");
    lead.until_saved(21).await;

    app.kill_and_restart().await;
    let list = tutor.get(&board(&lesson, "clears/")).send().await.expect(200).json();
    let row = &list["results"][0];
    assert_eq!((list.number("count"), row.number("rev"), row.number("items")), (1, 21, 20));
    assert_eq!(
        (row.text("page"), row.text("by"), &row["restored_rev"]),
        ("page-1".to_owned(), tutor.id.clone(), &Value::Null)
    );
    assert_eq!(row["until"], cleared["until"]);
    pupils[0].get(&board(&lesson, "clears/")).send().await.refused(403, "forbidden");
    pupils[0].post(&board(&lesson, "clears/21/restore/")).send().await.refused(403, "forbidden");
    tutor.post(&board(&lesson, "clears/20/restore/")).send().await.refused(404, "unknown_clear");
    let once = || tutor.post(&board(&lesson, "clears/21/restore/")).header("Idempotency-Key", "back");
    let back = once().send().await.expect(200);
    assert_eq!((back.json().number("restores"), back.etag_rev()), (21, 22));
    assert_eq!(once().send().await.expect(200).json(), back.json());
    assert_eq!(tutor.read(&lesson).await["state"], before);
    tutor.post(&board(&lesson, "clears/21/restore/")).send().await.refused(409, "nothing_to_restore");
    let list = tutor.get(&board(&lesson, "clears/")).send().await.expect(200).json();
    assert_eq!(list["results"][0]["restored_rev"], 22);
}

#[tokio::test]
async fn z6_what_was_cleared_comes_back_at_once_on_top_of_what_is_new() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut lead = tutor.open(&lesson).await;
    let mut ann = pupils[0].open(&lesson).await;
    ann.draw(stroke("a")).await;
    let rev = ann.draw(stroke("b")).await;
    lead.until_rev(rev).await;
    let cleared = tutor.post(&board(&lesson, "clear/")).send().await.expect(200).json();
    assert_eq!((cleared.number("rev"), cleared.number("items"), cleared.get("page")), (3, 2, None));
    ann.until_rev(3).await;
    ann.draw(json!({"id": "a", "tool": "pen", "color": "#fff", "points": []})).await;
    lead.until_rev(4).await;
    lead.send(&json!({"t": "clear", "id": "c"})).await;
    lead.expect("cleared").await;
    // At once: whether it is saved by now is the server's matter.
    lead.send(&json!({"t": "unclear", "id": "u1", "rev": 5})).await;
    let done = lead.expect_that("accepted", |frame| frame["id"] == "u1").await;
    assert_eq!((done.number("restores"), done.number("rev")), (5, 6));
    lead.send(&json!({"t": "unclear", "id": "u2", "rev": 3})).await;
    lead.expect_that("accepted", |frame| frame["id"] == "u2").await;
    lead.send(&json!({"t": "unclear", "id": "u3", "rev": 3})).await;
    assert_eq!(lead.refused("u3").await["code"], "nothing_to_restore");
    let read = tutor.read(&lesson).await;
    for seat in [&mut lead, &mut ann] {
        seat.until_rev(7).await;
        assert_eq!(seat.board().state, read["state"]);
    }
    assert_eq!(stroke_ids(&read["state"]), ["a", "b"]);
    assert_eq!(read["state"]["pages"][0]["strokes"][0]["color"], "#fff", "what is on the board stays as it is");
}
