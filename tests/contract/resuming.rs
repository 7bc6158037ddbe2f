//! Coming back: the tail after what I know, or, told so plainly, a snapshot; and resends that have no second effect.
//! Tells what a client may do after any interruption. Interruptions by the dozen are in `faults`.

use serde_json::json;
use uuid::Uuid;

use crate::harness::*;

#[tokio::test]
async fn r9_who_comes_back_gets_exactly_the_tail_and_what_follows_it() {
    let app = Server::with(LOUD).await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    for dialect in [Dialect::Json, Dialect::MessagePack] {
        let mut author = tutor.open(&lesson).await;
        let mut seat = pupils[0].open_in(dialect, &lesson).await;
        let base = seat.rev();
        author.draw(stroke(&format!("before-{dialect:?}"))).await;
        seat.until_rev(base + 1).await;
        let (client, known) = (seat.client, seat.board().clone());
        drop(seat);
        for number in 0..5 {
            author.draw(stroke(&format!("missed-{number}-{dialect:?}"))).await;
        }
        let knock = pupils[0].knock(&lesson).dialect(dialect).resuming_as(client, known);
        let mut back = knock.sit().await;
        assert_eq!((&back.welcome["resumed"], back.welcome.list("ops").len()), (&json!(true), 5));
        assert!(back.welcome.get("state").is_none_or(serde_json::Value::is_null), "a tail, not a snapshot");
        let entry = &back.welcome["ops"][0];
        assert_eq!((&entry["rev"], &entry["by"]), (&json!(base + 2), &json!(tutor.id)), "{entry}");
        assert!(entry["id"].is_string());
        author.draw(stroke(&format!("after-{dialect:?}"))).await;
        back.until_rev(base + 7).await;
        assert_eq!(back.board().state, author.board().state);
    }
}

#[tokio::test]
async fn r9_who_missed_nothing_gets_an_empty_tail() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let mut seat = ann.open(&board).await;
    seat.draw(stroke("s1")).await;
    let back = ann.knock(&board).resuming(&seat).sit().await;
    assert_eq!((&back.welcome["resumed"], &back.welcome["ops"]), (&json!(true), &json!([])));
    assert_eq!(back.rev(), 1);
}

#[tokio::test]
async fn r10_who_was_away_too_long_is_given_a_snapshot() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let seat = ann.open(&board).await;
    // More than the server keeps at hand for those who come back.
    for rev in 0..4 {
        ann.save(&board, rev, json!([add(heavy_stroke(&format!("big-{rev}"), 400_000))])).await;
    }
    let back = ann.knock(&board).client(seat.client).resume(seat.epoch(), 0).sit().await;
    assert_ne!(back.welcome["resumed"], json!(true));
    assert_eq!((back.rev(), stroke_ids(&back.board().state).len()), (4, 4));
    let near = ann.knock(&board).client(Uuid::new_v4()).resume(seat.epoch(), 4).sit_with(back.board().clone()).await;
    assert_eq!(near.welcome["resumed"], json!(true), "who is near still gets the tail");
}

#[tokio::test]
async fn r10_an_impossible_position_is_answered_with_a_snapshot() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    ann.save(&board, 0, json!([add_stroke("s")])).await;
    let seat = ann.open(&board).await;
    let epoch = seat.epoch();
    for (epoch, rev) in [(epoch, 2), (epoch, 1 << 60), (epoch + 1, 1), (0, 0), (epoch.wrapping_sub(1), 1), (1 << 60, 1)]
    {
        let back = ann.knock(&board).resume(epoch, rev).sit().await;
        assert_ne!(back.welcome["resumed"], json!(true), "({epoch}, {rev})");
        assert_eq!((back.rev(), stroke_ids(&back.board().state).len()), (1, 1));
    }
}

#[tokio::test]
async fn r2_a_new_owner_has_a_new_epoch_and_gives_everybody_a_snapshot() {
    let mut app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut seat = pupils[0].open(&lesson).await;
    let rev = seat.draw(stroke("kept")).await;
    seat.until_saved(rev).await;
    app.kill_and_restart().await;
    let back = pupils[0].knock(&lesson).resuming(&seat).sit().await;
    assert!(back.epoch() > seat.epoch(), "{} after {}", back.epoch(), seat.epoch());
    assert_ne!(back.welcome["resumed"], json!(true));
    assert_eq!((back.rev(), &back.board().state), (1, &seat.board().state));
    assert_eq!(back.welcome["saved"], 1);
    let other = tutor.open(&lesson).await;
    assert_eq!(other.epoch(), back.epoch(), "one owner for all");
}

#[tokio::test]
async fn r3_a_batch_sent_again_has_no_second_effect_and_the_same_answer() {
    let mut app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut watcher = tutor.open(&lesson).await;
    let mut seat = pupils[0].open(&lesson).await;
    let batch = [add(stroke("once"))];
    seat.submit_as("b-1", &batch).await;
    assert_eq!(seat.accepted("b-1").await, 1);
    seat.draw(stroke("another")).await;
    for _ in 0..3 {
        seat.submit_as("b-1", &batch).await;
        assert_eq!(seat.accepted("b-1").await, 1, "on the same socket");
    }
    seat.until_saved(2).await;
    let mut back = pupils[0].knock(&lesson).resuming(&seat).sit().await;
    back.submit_as("b-1", &batch).await;
    assert_eq!(back.accepted("b-1").await, 1, "after a reconnect");
    watcher.until_rev(2).await;
    watcher.catch_up().await;
    assert_eq!(watcher.rev(), 2, "the others hear it once");

    app.kill_and_restart().await;
    let mut back = pupils[0].knock(&lesson).resuming(&back).sit().await;
    back.submit_as("b-1", &batch).await;
    assert_eq!(back.accepted("b-1").await, 1, "after a crash");
    let read = tutor.read(&lesson).await;
    assert_eq!((&read["rev"], stroke_ids(&read["state"]).len()), (&json!(2), 2));
}

#[tokio::test]
async fn r5_an_id_belongs_to_its_author_and_tab_and_to_one_content() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut one = pupils[0].open(&lesson).await;
    let mut two = pupils[0].open(&lesson).await;
    let mut other = tutor.knock(&lesson).client(one.client).sit().await;
    one.submit_as("same", &[add(stroke("tab one"))]).await;
    assert_eq!(one.accepted("same").await, 1);
    two.submit_as("same", &[add(stroke("tab two"))]).await;
    assert_eq!(two.accepted("same").await, 2);
    other.submit_as("same", &[add(stroke("another person"))]).await;
    assert_eq!(other.accepted("same").await, 3);
    one.until_rev(3).await;
    one.send(&json!({"t": "ops", "id": "same", "ops": [add(stroke("something else"))]})).await;
    assert_eq!(one.refused("same").await["code"], "key_reused");
    assert_eq!(one.draw(stroke("alive")).await, 4);
}

#[tokio::test]
async fn r5_a_refused_id_may_be_used_again() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let mut seat = ann.open(&board).await;
    seat.submit_as("b", &[erase("nobody")]).await;
    seat.refused("b").await;
    seat.submit_as("b", &[add_stroke("now it fits")]).await;
    assert_eq!(seat.accepted("b").await, 1);
}

#[tokio::test]
async fn r10_work_that_was_accepted_but_never_saved_is_noticed_and_resent_by_its_author() {
    let cluster = std::sync::Arc::new(Cluster::start());
    let database = std::sync::Arc::new(Database::on(&cluster).await);
    let mut app = Server::on(database, LOUD).await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut watcher = tutor.open(&lesson).await;
    let mut seat = pupils[0].open(&lesson).await;
    let rev = seat.draw(stroke("saved")).await;
    seat.until_saved(rev).await;
    watcher.until_rev(rev).await;
    cluster.stop();
    let lost = [add(stroke("accepted only"))];
    seat.submit_as("lost", &lost).await;
    assert_eq!(seat.accepted("lost").await, 2, "drawing goes on without Postgres");
    watcher.until_rev(2).await;
    app.kill_9();
    cluster.start_again();
    app.launch().await;

    let mut other = tutor.knock(&lesson).resuming(&watcher).sit().await;
    assert_ne!(other.welcome["resumed"], json!(true), "what was never saved is rolled back");
    assert_eq!((other.rev(), other.board().count("accepted only")), (1, 0));
    let mut back = pupils[0].knock(&lesson).resuming(&seat).sit().await;
    assert_eq!(back.rev(), 1);
    back.submit_as("lost", &lost).await;
    assert_eq!(back.accepted("lost").await, 2);
    back.until_saved(2).await;
    other.until_rev(2).await;
    assert_eq!(other.board().count("accepted only"), 1);
}

#[tokio::test]
async fn r12_a_thousand_batches_later_a_resend_is_still_known_after_a_crash() {
    let mut app = Server::with(LOUD).await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let mut seat = ann.open(&board).await;
    let first = [add_stroke("first")];
    seat.submit_as("first", &first).await;
    for number in 0..1100 {
        let op = json!({"op": "add", "kind": "meta", "value": {"n": number}});
        seat.submit_as(&format!("m{number}"), &[op]).await;
    }
    assert_eq!(seat.accepted("m1099").await, 1101);
    seat.until_saved(1101).await;
    app.kill_and_restart().await;
    let mut back = ann.knock(&board).resuming(&seat).sit().await;
    assert_eq!(back.rev(), 1101);
    back.submit_as("first", &first).await;
    assert_eq!(back.accepted("first").await, 1);
    assert_eq!(ann.read(&board).await["state"], seat.board().state);
}

#[tokio::test]
async fn r11_nothing_falls_between_a_welcome_and_what_follows_it() {
    let app = Server::with(LOUD).await;
    let (tutor, pupils, lesson) = app.lesson(2).await;
    let drawing = async {
        let mut author = tutor.open(&lesson).await;
        for number in 0..300 {
            author.draw(stroke(&format!("s{number}"))).await;
        }
        author
    };
    let coming_and_going = |pupil: Account| {
        let lesson = lesson.clone();
        async move {
            let mut seat = pupil.open(&lesson).await;
            let mut resumed = 0;
            // A gap or a repeat between a welcome and the next frame fails inside the seat's copy of the board.
            while seat.rev() < 290 {
                seat.until_rev(seat.rev() + 2).await;
                seat = pupil.knock(&lesson).resuming(&seat).sit().await;
                resumed += u32::from(seat.welcome["resumed"] == true);
            }
            assert!(resumed > 2, "it came back {resumed} times");
            seat.until_rev(300).await;
            seat
        }
    };
    let both = (coming_and_going(pupils[0].clone()), coming_and_going(pupils[1].clone()));
    let (author, one, two) = tokio::join!(drawing, both.0, both.1);
    assert_eq!(one.board().state, author.board().state);
    assert_eq!(two.board().state, author.board().state);
}
