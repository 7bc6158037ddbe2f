//! Undo and redo, known to the server: whose they are, what they leave alone, and that they outlive sockets and servers.
//! Tells a front-end developer that a client needs no undo stack of its own.

use serde_json::{Value, json};

use crate::harness::*;

/// Says it, and the answer.
async fn turn(seat: &mut Seat, way: &str, id: &str) -> Value {
    seat.send(&json!({"t": way, "id": id})).await;
    seat.expect_that("accepted", |frame| frame["id"] == id).await
}

async fn refused(seat: &mut Seat, way: &str, id: &str) -> String {
    seat.send(&json!({"t": way, "id": id})).await;
    seat.refused(id).await.text("code")
}

async fn agree(who: &Account, room: &impl Room, seats: &mut [&mut Seat]) -> Value {
    let read = who.read(room).await;
    for seat in seats {
        seat.until_rev(read.number("rev")).await;
        assert_eq!((seat.board().rev, &seat.board().state), (read.number("rev"), &read["state"]));
    }
    read["state"].clone()
}

#[tokio::test]
async fn z1_an_undo_is_a_batch_for_all_and_its_author_is_told_what_it_did() {
    let app = Server::start().await;
    let (_tutor, pupils, lesson) = app.lesson(2).await;
    let mut ann = pupils[0].open(&lesson).await;
    let mut ben = pupils[1].open_in(Dialect::MessagePack, &lesson).await;
    let first = ann.draw(stroke("a")).await;
    let id = ann
        .submit(&[recolour("a", "#ff0000"), json!({"op": "update", "kind": "stroke", "id": "a", "patch": {"tilt": 7}})])
        .await;
    let second = ann.accepted(&id).await;
    ben.draw(stroke("b")).await;
    ann.until_rev(second + 1).await;

    let done = turn(&mut ann, "undo", "u1").await;
    assert_eq!((done.number("undoes"), done.number("rev")), (second, second + 2));
    let heard = ben.expect_that("ops", |frame| frame["id"] == "u1").await;
    assert_eq!(heard["ops"], done["ops"], "plain operations for everybody else");
    let state = agree(&pupils[0], &lesson, &mut [&mut ann, &mut ben]).await;
    assert_eq!(state["pages"][0]["strokes"][0], stroke("a"), "what was not there before is gone again");
    assert_eq!(turn(&mut ann, "undo", "u2").await.number("undoes"), first);
    assert_eq!(refused(&mut ann, "undo", "u3").await, "nothing_to_undo");
    let state = agree(&pupils[0], &lesson, &mut [&mut ann, &mut ben]).await;
    assert_eq!(stroke_ids(&state), ["b"], "Ben's is not Ann's to take back");
    assert_eq!(turn(&mut ann, "redo", "r1").await.number("redoes"), second + 3);
    turn(&mut ann, "redo", "r2").await;
    assert_eq!(refused(&mut ann, "redo", "r3").await, "nothing_to_undo");
    let state = agree(&pupils[1], &lesson, &mut [&mut ann, &mut ben]).await;
    assert_eq!(
        (&state["pages"][0]["strokes"][1]["tilt"], stroke_ids(&state)),
        (&json!(7), vec!["b".to_owned(), "a".to_owned()])
    );
    turn(&mut ann, "undo", "u4").await;
    ann.draw(stroke("c")).await;
    assert_eq!(refused(&mut ann, "redo", "r4").await, "nothing_to_undo", "a new edit leaves nothing to do again");
}

#[tokio::test]
async fn z2_what_somebody_else_changed_since_is_left_alone() {
    let app = Server::start().await;
    let (_tutor, pupils, lesson) = app.lesson(2).await;
    let mut ann = pupils[0].open(&lesson).await;
    let mut ben = pupils[1].open(&lesson).await;
    ann.draw(stroke("a")).await;
    let rev = ann.draw(stroke("b")).await;
    ben.until_rev(rev).await;
    let id = ben.submit(&[recolour("b", "#00ff00")]).await;
    ann.until_rev(ben.accepted(&id).await).await;
    assert_eq!(refused(&mut ann, "undo", "u1").await, "undo_conflict");
    turn(&mut ann, "undo", "u2").await;
    let state = agree(&pupils[0], &lesson, &mut [&mut ann, &mut ben]).await;
    assert_eq!(
        (stroke_ids(&state), &state["pages"][0]["strokes"][0]["color"]),
        (vec!["b".to_owned()], &json!("#00ff00"))
    );
}

#[tokio::test]
async fn z4_undo_outlives_the_socket_the_device_and_the_server() {
    let mut app = Server::start().await;
    let ann = app.tutor().await;
    let board = ann.create_board().await;
    let mut seat = ann.open(&board).await;
    for id in ["a", "b", "c", "d"] {
        seat.draw(stroke(id)).await;
    }
    let first = turn(&mut seat, "undo", "u1").await;
    assert_eq!(turn(&mut seat, "undo", "u1").await, first, "a repeat has the same answer");
    assert_eq!(seat.board().rev, 5);
    seat.until_saved(5).await;
    let client = seat.client;
    app.kill_and_restart().await;
    // The same tab asks again, and another device goes on.
    let mut again = ann.knock(&board).client(client).sit().await;
    assert_eq!(turn(&mut again, "undo", "u1").await, first);
    let mut other = ann.open(&board).await;
    assert_eq!(turn(&mut other, "undo", "u1").await.number("undoes"), 3, "another device's id is its own");
    assert_eq!(turn(&mut other, "redo", "r1").await.number("redoes"), 6);
    assert_eq!(turn(&mut other, "redo", "r2").await.number("redoes"), 5);
    let state = agree(&ann, &board, &mut [&mut again, &mut other]).await;
    assert_eq!(stroke_ids(&state), ["a", "b", "c", "d"]);
    // A graceful end leaves a checkpoint and no tail to replay.
    app.sigterm().await;
    app.launch().await;
    let mut late = ann.open(&board).await;
    for (number, expected) in [(1, 8), (2, 7), (3, 2), (4, 1)] {
        assert_eq!(turn(&mut late, "undo", &format!("l{number}")).await.number("undoes"), expected);
    }
    assert_eq!(refused(&mut late, "undo", "l5").await, "nothing_to_undo");
    assert!(stroke_ids(&ann.read(&board).await["state"]).is_empty());
}

#[tokio::test]
async fn z4_undo_respects_the_rights_of_its_moment_and_waits_for_better_ones() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut ann = pupils[0].open(&lesson).await;
    ann.draw(stroke("a")).await;
    let member = format!("/api/v1/classrooms/{}/members/{}/", lesson.class, pupils[0].id);
    tutor.patch(&member).json(&json!({"role": "viewer"})).send().await.expect(200);
    assert_eq!(refused(&mut ann, "undo", "u1").await, "forbidden");
    pupils[0].post(&format!("/api/v1/boards/{}/undo/", lesson.board)).send().await.refused(403, "forbidden");
    tutor.patch(&member).json(&json!({"role": "student"})).send().await.expect(200);
    turn(&mut ann, "undo", "u1").await;
    assert_eq!(ann.board().count("a"), 0);
    ann.submit_as("x", &[add_stroke("x")]).await;
    ann.accepted("x").await;
    assert_eq!(refused(&mut ann, "undo", "x").await, "key_reused");
}

#[tokio::test]
async fn z4_rest_takes_back_the_same_batches_once_for_each_key() {
    let app = Server::start().await;
    let (ann, stranger) = (app.tutor().await, app.pupil("Stranger").await);
    let board = ann.create_board().await;
    let path = |way: &str| format!("/api/v1/boards/{}/{way}/", board.0);
    ann.post(&path("undo")).send().await.refused(409, "nothing_to_undo");
    stranger.post(&path("undo")).send().await.expect(404);
    ann.save(&board, 0, json!([add_stroke("a")])).await;
    let mut seat = ann.open(&board).await;
    seat.draw(stroke("b")).await;
    let once = || ann.post(&path("undo")).header("Idempotency-Key", "k1");
    let done = once().send().await.expect(200);
    assert_eq!((done.json().number("undoes"), done.etag_rev()), (2, 3));
    assert_eq!(once().send().await.expect(200).json(), done.json());
    ann.post(&path("redo")).header("Idempotency-Key", "k1").send().await.refused(422, "key_reused");
    ann.post(&path("undo")).header("If-Match", "W/\"rev:1\"").send().await.refused(412, "precondition_failed");
    assert_eq!(
        ann.post(&path("undo")).send().await.expect(200).json().number("undoes"),
        1,
        "what a REST save did, too"
    );
    seat.until_rev(4).await;
    assert!(stroke_ids(&seat.board().state).is_empty());
    let again = ann.post(&path("redo")).send().await.expect(200).json();
    assert_eq!((again.number("redoes"), again.number("next_rev")), (4, 5));
    assert_eq!(turn(&mut seat, "redo", "r").await.number("redoes"), 3);
    let read = ann.read(&board).await;
    assert_eq!(stroke_ids(&read["state"]), ["a", "b"]);
    assert_eq!(ann.post(&path("undo")).send().await.expect(200).json().text("digest").len(), 64);
}

#[tokio::test]
async fn z9_a_locked_item_is_not_for_pupils_on_any_way() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut lead = tutor.open(&lesson).await;
    let mut ann = pupils[0].open(&lesson).await;
    let rev = ann.draw(stroke("a")).await;
    lead.until_rev(rev).await;
    let lock = |on: bool| json!({"op": "update", "kind": "stroke", "id": "a", "patch": {"locked": on}});
    let id = lead.submit(&[lock(true)]).await;
    let rev = lead.accepted(&id).await;
    ann.until_rev(rev).await;
    for op in [recolour("a", "#fff"), erase("a"), lock(false)] {
        let id = ann.submit(&[add_stroke("new"), op.clone()]).await;
        let answer = ann.refused(&id).await;
        assert_eq!((&answer["code"], &answer["index"]), (&json!("locked"), &json!(1)), "{op}");
        let answer = pupils[0].diff(&lesson, rev, &json!([op])).send().await.refused(403, "locked");
        assert_eq!(answer["index"], 0);
    }
    assert_eq!(refused(&mut ann, "undo", "u1").await, "undo_conflict", "it is not as she left it");
    let own = json!({"op": "add", "kind": "stroke", "value": {"id": "mine", "locked": true, "lockedBy": pupils[0].id}});
    let id = ann.submit(&[own]).await;
    ann.accepted(&id).await;
    let id = ann.submit(&[recolour("mine", "#fff")]).await;
    let rev = ann.accepted(&id).await;
    lead.until_rev(rev).await;
    let id = lead.submit(&[lock(false), erase("mine")]).await;
    ann.until_rev(lead.accepted(&id).await).await;
    let id = ann.submit(&[erase("a")]).await;
    ann.accepted(&id).await;
    // On a board of one's own a lock is the client's own matter.
    let board = tutor.create_board().await;
    tutor.save(&board, 0, json!([{"op": "add", "kind": "shape", "value": {"id": "s", "locked": true}}])).await;
    tutor.save(&board, 1, json!([{"op": "remove", "kind": "shape", "id": "s"}])).await;
}

#[tokio::test]
async fn z4_an_undo_that_finds_nothing_costs_as_much_as_one_that_does() {
    let app = Server::with(&[("M4SH_RATES_WS_OPS", "1/h")]).await;
    let (_, pupils, lesson) = app.lesson(1).await;
    let mut ann = pupils[0].open(&lesson).await;
    let mut codes = Vec::new();
    for number in 0..8 {
        codes.push(refused(&mut ann, "undo", &format!("u{number}")).await);
    }
    assert_eq!((&*codes[0], &*codes[7]), ("nothing_to_undo", "rate_limited"), "{codes:?}");
}
