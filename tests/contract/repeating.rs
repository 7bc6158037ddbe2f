//! Exactly once and one order over REST: repeats, races, and what happens between two writers.
//! Tells what a client may resend blindly. The same promises on sockets are in `resuming`.

use std::collections::HashSet;

use futures_util::future::join_all;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::*;

fn answer_of(answer: Answer) -> Value {
    let mut body = answer.expect(200).json();
    body.as_object_mut().unwrap().remove("request_id");
    body
}

#[tokio::test]
async fn r3_a_repeated_key_answers_what_the_first_one_answered_before_any_revision_is_looked_at() {
    let mut app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let key = Uuid::new_v4().to_string();
    let ops = json!([add_stroke("once")]);
    let send = |rev: u64, header: &'static str| {
        let (ann, board, ops, key) = (ann.clone(), board.clone(), ops.clone(), key.clone());
        async move { ann.diff(&board, rev, &ops).header(header, &key).send().await }
    };
    let first = answer_of(send(0, "Idempotency-Key").await);
    ann.save(&board, 1, json!([add_stroke("somebody else")])).await;
    for (rev, header) in [(0, "Idempotency-Key"), (7, "Idempotency-Key"), (0, "X-Idempotency-Key")] {
        let again = send(rev, header).await;
        assert_eq!(again.etag_rev(), 1);
        assert_eq!(answer_of(again), first, "{header} at {rev}");
    }
    app.kill_and_restart().await;
    assert_eq!(answer_of(send(0, "Idempotency-Key").await), first, "after a crash, too");
    let read = ann.read(&board).await;
    assert_eq!((&read["rev"], stroke_ids(&read["state"]).len()), (&json!(2), 2));
}

#[tokio::test]
async fn r3_a_stream_s_key_travels_in_the_body_or_the_header() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let state = json!({"pages": [], "v": 1});
    let by_body = |rev: u64| {
        let call = ann.post(&board.rest("save-stream/")).header("If-Match", &format!("\"{rev}\""));
        call.json(&json!({"state": state, "idempotency_key": "autosave-1"})).send()
    };
    let first = answer_of(by_body(0).await);
    assert_eq!((&first["detail"], &first["rev"]), (&json!("accepted"), &json!(1)));
    assert_eq!(answer_of(by_body(0).await), first);
    let by_header = |rev: u64| ann.stream(&board, rev, &one_page()).header("Idempotency-Key", "autosave-2").send();
    let second = answer_of(by_header(1).await);
    assert_eq!(answer_of(by_header(0).await), second);
    assert_eq!(ann.read(&board).await["rev"], 2);
}

#[tokio::test]
async fn r4_operations_that_carry_ids_are_a_key_of_their_own() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let mut ops = json!([add_stroke("a"), add_stroke("b")]);
    for op in ops.as_array_mut().unwrap() {
        op["op_id"] = json!(Uuid::new_v4());
    }
    let first = answer_of(ann.diff(&board, 0, &ops).send().await);
    assert_eq!(answer_of(ann.diff(&board, 0, &ops).send().await), first);
    let read = ann.read(&board).await;
    assert_eq!((&read["rev"], stroke_ids(&read["state"]).len()), (&json!(1), 2));
    assert!(!read["state"].to_string().contains("op_id"), "the id is the client's, not the board's");
}

#[tokio::test]
async fn r5_a_key_used_for_another_body_is_refused_and_keys_belong_to_their_board_and_author() {
    let app = Server::start().await;
    let (ann, bob) = (app.pupil("Ann").await, app.pupil("Bob").await);
    let (board, second, other) = (ann.create_board().await, ann.create_board().await, bob.create_board().await);
    let send = |who: &Account, board: &Solo, rev: u64, id: &str| {
        who.diff(board, rev, &json!([add_stroke(id)])).header("Idempotency-Key", "k").send()
    };
    send(&ann, &board, 0, "x").await.expect(200);
    let reused = send(&ann, &board, 1, "y").await;
    assert_eq!(reused.refused(422, "key_reused")["error"], "key_reused");
    send(&ann, &second, 0, "y").await.expect(200);
    send(&bob, &other, 0, "z").await.expect(200);
    assert_eq!(ann.read(&board).await["rev"], 1);
    let long = ann.diff(&board, 1, &json!([add_stroke("l")])).header("Idempotency-Key", &"k".repeat(201)).send().await;
    assert_eq!(long.status, 400, "{}", long.text());
}

#[tokio::test]
async fn r5_a_refusal_is_not_remembered_so_the_key_can_be_used_again() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let send = |rev: u64, ops: Value| ann.diff(&board, rev, &ops).header("Idempotency-Key", "k").send();
    send(3, json!([add_stroke("x")])).await.expect(412);
    send(0, json!([erase("nobody")])).await.expect(422);
    assert_eq!(send(0, json!([add_stroke("x")])).await.expect(200).etag_rev(), 1);
}

#[tokio::test]
async fn r6_identical_requests_in_parallel_have_one_effect_and_one_answer() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    for rev in 0..4_u64 {
        let ops = json!([add_stroke(&format!("s{rev}"))]);
        let key = format!("key-{rev}");
        let calls = (0..24).map(|_| ann.diff(&board, rev, &ops).header("Idempotency-Key", &key).send());
        let bodies: Vec<_> = join_all(calls).await.into_iter().map(answer_of).collect();
        assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");
        assert_eq!(bodies[0]["next_rev"], rev + 1);
    }
    assert_eq!(stroke_ids(&ann.read(&board).await["state"]).len(), 4);
}

#[tokio::test]
async fn r7_of_many_writers_with_one_revision_exactly_one_wins_each_round() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    for round in 0..5_u64 {
        let calls = (0..64).map(|writer| {
            let (ann, board) = (ann.clone(), board.clone());
            async move {
                // Both ways of saving race for the same revision.
                if writer % 4 == 3 {
                    let state = json!({"pages": [{"id": "p1"}], "activePageId": "p1", "winner": [round, writer]});
                    ann.stream(&board, round, &state).send().await
                } else {
                    let ops = json!([{"op": "add", "kind": "meta", "value": {"winner": [round, writer]}}]);
                    ann.diff(&board, round, &ops).send().await
                }
            }
        });
        let answers = join_all(calls).await;
        let won: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
        assert_eq!(won.len(), 1, "round {round}");
        assert_eq!(won[0].etag_rev(), round + 1);
        for lost in answers.iter().filter(|answer| answer.status != 200) {
            assert_eq!((lost.status, &lost.json()["server_rev"]), (412, &json!(round + 1)));
        }
    }
    assert_eq!(ann.read(&board).await["rev"], 5);
}

#[tokio::test]
async fn r7_writers_that_reread_and_retry_all_get_through_on_one_dense_line() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let writers = (0..16).map(|writer| {
        let (ann, board) = (ann.clone(), board.clone());
        async move {
            let mut rev = 0;
            loop {
                let ops = json!([add_stroke(&format!("w{writer}"))]);
                let answer = ann.diff(&board, rev, &ops).send().await;
                match answer.status {
                    200 => return answer.etag_rev(),
                    412 => rev = answer.json().number("server_rev"),
                    other => panic!("{other}: {}", answer.text()),
                }
            }
        }
    });
    let revs: HashSet<u64> = join_all(writers).await.into_iter().collect();
    assert_eq!(revs, (1..=16).collect());
    let read = ann.read(&board).await;
    assert_eq!((&read["rev"], stroke_ids(&read["state"]).len()), (&json!(16), 16));
}

#[tokio::test]
async fn s1_a_save_that_was_answered_survives_the_process_s_death() {
    let mut app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    for rev in 0..3 {
        ann.save(&board, rev, json!([add_stroke(&format!("s{rev}"))])).await;
        app.kill_and_restart().await;
        let read = ann.read(&board).await;
        assert_eq!(read["rev"], rev + 1);
        assert_eq!(read["state_digest"], plain_digest(&read["state"]));
    }
    let state = json!({"pages": [{"id": "p1", "strokes": [], "assets": []}], "activePageId": "p1", "float": 1.5});
    ann.stream(&board, 3, &state).send().await.expect(200);
    app.kill_and_restart().await;
    let read = ann.read(&board).await;
    assert_eq!((&read["state"], &read["rev"]), (&state, &json!(4)));
}
