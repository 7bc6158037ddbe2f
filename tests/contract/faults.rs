//! What goes wrong around a server: it is killed, paused, told to stop; Postgres goes away; a checkpoint rots; clients
//! talk nonsense. After each, what was called saved is there exactly once, on one line of revisions.
//! Tells the promises of durability. Never looks at tables but to break or to count them.

use std::{
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

use serde_json::{Value, json};

use crate::harness::{
    artist::{Artist, Crowd},
    *,
};

/// `m4sh verify` on the server's data finds nothing wrong.
fn verifies(app: &Server) {
    let output = app.command(&["verify"]).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "verify: {} {said}", output.status);
}

/// Revisions of a board's journal: their number, the lowest and the highest.
async fn journal(app: &Server, board: &str) -> (i64, i64, i64) {
    let sql = "SELECT count(*), coalesce(min(rev), 0), coalesce(max(rev), 0) FROM journal WHERE board::text = $1";
    let row = app.database.as_ref().unwrap().client().await.query_one(sql, &[&board]).await.unwrap();
    (row.get(0), row.get(1), row.get(2))
}

#[tokio::test]
async fn s1_killed_ten_times_in_the_middle_of_a_load_nothing_saved_is_lost_or_doubled() {
    let mut app = Server::with(LOUD).await;
    let (tutor, mut people, lesson) = app.lesson(2).await;
    people.push(tutor.clone());
    let start = tutor.read(&lesson).await["state"].clone();
    let crowd = Crowd::with(&people, 4, 2, &lesson, 1);
    for round in 0..10 {
        // At another moment of the work each time.
        crowd.work(15 + 7 * (round % 4)).await;
        app.kill_9();
        app.launch().await;
    }
    crowd.work(30).await;
    let comebacks = crowd.tally.comebacks.load(SeqCst);
    let rev = crowd.settle_and_check(&start, &tutor, &lesson).await;
    assert!(comebacks >= 40, "everybody lost the connection each time, {comebacks} came back");
    assert!(rev >= 250, "{rev} revisions");
    assert_eq!(journal(&app, &lesson.board).await, (rev as i64, 1, rev as i64));
    // And once more from the journal alone.
    let before = tutor.read(&lesson).await["state"].clone();
    app.kill_and_restart().await;
    assert_eq!(tutor.read(&lesson).await["state"], before);
    assert!(!app.log().text().contains("panicked"));
    app.sigterm().await;
    verifies(&app);
}

#[tokio::test]
async fn s7_postgres_stopped_under_load_halts_saving_and_loses_nothing() {
    let cluster = Arc::new(Cluster::start());
    let database = Arc::new(Database::on(&cluster).await);
    let app = Server::on(database, LOUD).await;
    let (tutor, mut people, lesson) = app.lesson(2).await;
    people.push(tutor.clone());
    let start = tutor.read(&lesson).await["state"].clone();
    let mut watcher = people[0].open(&lesson).await;
    let mut hand = tutor.open(&lesson).await;
    let crowd = Crowd::with(&people, 3, 1, &lesson, 7);
    crowd.work(60).await;
    let mut history = Vec::new();
    for round in 0..2 {
        cluster.stop();
        watcher.expect_that("journal", |frame| frame["state"] == "waiting").await;
        // Drawing goes on; nothing is called saved.
        let told = hand.draw(stroke(&format!("meanwhile-{round}"))).await;
        history.push((told, vec![add(stroke(&format!("meanwhile-{round}")))]));
        watcher.until_rev(told).await;
        let stands = watcher.saved;
        assert!(stands < told);
        let mut newcomer = people[1].open(&lesson).await;
        assert!(newcomer.saved < newcomer.rev());
        newcomer.expect_that("journal", |frame| frame["state"] == "waiting").await;
        eventually("a save over REST is told to wait", || async {
            (crowd.tally.unavailable.load(SeqCst) > 0).then_some(())
        })
        .await;
        watcher.catch_up().await;
        assert_eq!(watcher.saved, stands, "the watermark stands still");
        crowd.tally.unavailable.store(0, SeqCst);
        cluster.start_again();
        watcher.expect_that("journal", |frame| frame["state"] == "flowing").await;
        watcher.until_saved(told).await;
        crowd.work(60).await;
    }
    let rev = crowd.also_wrote(history).settle_and_check(&start, &tutor, &lesson).await;
    assert_eq!(journal(&app, &lesson.board).await, (rev as i64, 1, rev as i64));
}

#[tokio::test]
async fn s8_those_at_a_board_are_told_when_saving_stops_and_when_it_goes_on() {
    let cluster = Arc::new(Cluster::start());
    let database = Arc::new(Database::on(&cluster).await);
    let app = Server::on(database, &[]).await;
    let (tutor, people, lesson) = app.lesson(2).await;
    let mut hand = tutor.open(&lesson).await;
    let mut watcher = people[0].open(&lesson).await;
    // Somebody whose name the server knows by now: it cannot look anybody up while the database is away.
    let _known = people[1].open(&lesson).await;
    cluster.stop();
    let told = hand.draw(stroke("meanwhile")).await;
    watcher.expect_that("journal", |frame| frame["state"] == "waiting").await;
    let mut newcomer = people[1].open(&lesson).await;
    newcomer.expect_that("journal", |frame| frame["state"] == "waiting").await;
    cluster.start_again();
    watcher.expect_that("journal", |frame| frame["state"] == "flowing").await;
    newcomer.expect_that("journal", |frame| frame["state"] == "flowing").await;
    watcher.until_saved(told).await;
}

#[tokio::test]
async fn s9_a_rest_save_that_cannot_be_committed_says_so_and_the_same_key_finds_out() {
    let cluster = Arc::new(Cluster::start());
    let database = Arc::new(Database::on(&cluster).await);
    let app = Server::on(database, &[]).await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    ann.save(&board, 0, json!([add_stroke("before")])).await;
    cluster.stop();
    let asked = std::time::Instant::now();
    let send = || ann.diff(&board, 1, &json!([add_stroke("meanwhile")])).header("Idempotency-Key", "k").send();
    let answer = send().await;
    assert!(answer.header("Retry-After").parse::<u64>().is_ok_and(|seconds| seconds > 0));
    answer.refused(503, "unavailable");
    assert!(asked.elapsed() < Duration::from_secs(8), "{:?}", asked.elapsed());
    app.stranger().get("/health/live").send().await.expect(200);
    let ready = eventually("the server is not ready", || async {
        let answer = app.stranger().get("/health/ready").send().await;
        (answer.status != 200).then_some(answer.status)
    })
    .await;
    assert_eq!(ready, 503);
    cluster.start_again();
    let answer = eventually("the save gets through", || async {
        let answer = send().await;
        (answer.status != 503).then_some(answer)
    })
    .await;
    assert_eq!(answer.expect(200).etag_rev(), 2, "once, whichever of the requests did it");
    assert_eq!(stroke_ids(&ann.read(&board).await["state"]), ["before", "meanwhile"]);
    app.is_healthy().await;
}

#[tokio::test]
async fn s5_a_rotten_checkpoint_is_passed_over_and_the_board_comes_back_whole() {
    let mut app = Server::with(LOUD).await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let mut seat = ann.open(&board).await;
    let mut drawn = 0;
    // A drain writes a checkpoint of every board that is awake: after two rounds there are two.
    for _ in 0..3 {
        for _ in 0..40 {
            drawn += 1;
            seat.submit(&[add_stroke(&format!("s{drawn}"))]).await;
        }
        seat.until_rev(drawn).await;
        seat.until_saved(drawn).await;
        assert!(app.sigterm().await.success());
        app.launch().await;
        seat = ann.knock(&board).resuming(&seat).sit().await;
    }
    let whole = seat.board().state.clone();
    let database = app.database.clone().unwrap();
    let newest = "WHERE rev = (SELECT max(rev) FROM checkpoint)";
    assert!(database.number("SELECT count(*) FROM checkpoint").await >= 2);
    assert_eq!(database.number("SELECT max(rev) FROM checkpoint").await, 120);
    let rot = [
        // One bit; the second half; nothing at all; bytes of another kind.
        "set_byte(bytes, octet_length(bytes) / 2, get_byte(bytes, octet_length(bytes) / 2) # 1)",
        "substring(bytes for octet_length(bytes) / 2)",
        "''::bytea",
        "decode(repeat('deadbeef', 100), 'hex')",
    ];
    for bytes in rot {
        app.kill_9();
        database.execute(&format!("UPDATE checkpoint SET bytes = {bytes} {newest}")).await;
        app.launch().await;
        let read = ann.read(&board).await;
        assert_eq!((&read["rev"], &read["state"]), (&json!(drawn), &whole), "{bytes}");
        assert_eq!(read["state_digest"], plain_digest(&whole));
    }
    // Every checkpoint but that of revision 0, which the journal starts from.
    app.kill_9();
    database.execute("UPDATE checkpoint SET bytes = 'x' WHERE rev > 0").await;
    app.launch().await;
    assert_eq!(ann.read(&board).await["state"], whole);
    let mut seat = ann.knock(&board).resuming(&seat).sit().await;
    assert_eq!(seat.draw(stroke("and on")).await, drawn + 1);
    seat.until_saved(drawn + 1).await;
}

#[tokio::test]
async fn o10_verify_finds_a_journal_that_does_not_lead_to_its_checkpoint() {
    let mut app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    for rev in 0..4 {
        ann.save(&board, rev, json!([add_stroke(&format!("s{rev}"))])).await;
    }
    app.sigterm().await;
    verifies(&app);
    app.database.as_ref().unwrap().execute("DELETE FROM journal WHERE rev = 2").await;
    let output = app.command(&["verify"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(said.contains(&board.0), "it names the board: {said}");
}

#[tokio::test]
async fn s6_a_paused_owner_that_wakes_up_writes_nothing_and_its_clients_move_over() {
    let first = Server::with(LOUD).await;
    let database = first.database.clone().unwrap();
    let second = Server::on(database, LOUD).await;
    let (tutor, pupils, lesson) = first.lesson(1).await;
    let mut stale = pupils[0].open(&lesson).await;
    let rev = stale.draw(stroke("before the pause")).await;
    stale.until_saved(rev).await;
    let mut bystander = tutor.open(&lesson).await;
    first.pause();
    // Sent to a process that stands still; it will read it when another owns the board.
    stale.submit_as("late", &[add(stroke("too late"))]).await;

    let (there_tutor, there_pupil) = (tutor.at(&second), pupils[0].at(&second));
    let mut new = there_tutor.open(&lesson).await;
    assert!(new.epoch() > stale.epoch());
    let taken = new.draw(stroke("of the new owner")).await;
    assert_eq!(taken, 2);
    new.until_saved(taken).await;

    first.resume();
    stale.dismissed(4503).await;
    assert!(stale.saved <= 1, "nothing of the old owner is called saved");
    assert_eq!(bystander.closed().await, 4503);
    let mut back = there_pupil.knock(&lesson).resuming(&stale).sit().await;
    assert_ne!(back.welcome["resumed"], json!(true), "another epoch");
    back.submit_as("late", &[add(stroke("too late"))]).await;
    assert_eq!(back.accepted("late").await, 3);
    back.until_saved(3).await;
    new.until_rev(3).await;
    let read = there_tutor.read(&lesson).await;
    assert_eq!(stroke_ids(&read["state"]), ["before the pause", "of the new owner", "too late"]);
    assert_eq!(journal(&second, &lesson.board).await, (3, 1, 3));
}

#[tokio::test]
async fn s6_a_paused_owner_refuses_rest_saves_that_another_owner_has_overtaken() {
    let first = Server::start().await;
    let second = Server::on(first.database.clone().unwrap(), &[]).await;
    let ann = first.pupil("Ann").await;
    let board = ann.create_board().await;
    ann.save(&board, 0, json!([add_stroke("one")])).await;
    let there = ann.at(&second);
    there.save(&board, 1, json!([add_stroke("two")])).await;
    // The first process still holds the board at revision 1 and does not know better until it tries to write.
    let late = ann.diff(&board, 1, &json!([add_stroke("late")])).header("Idempotency-Key", "late").send().await;
    assert!([412, 503].contains(&late.status), "{} {}", late.status, late.text());
    let answer = eventually("the first process takes the board over", || async {
        let answer = ann.diff(&board, 2, &json!([add_stroke("three")])).header("Idempotency-Key", "3").send().await;
        (answer.status == 200).then_some(answer)
    })
    .await;
    assert_eq!(answer.etag_rev(), 3);
    assert_eq!(stroke_ids(&ann.read(&board).await["state"]), ["one", "two", "three"]);
    assert_eq!(journal(&first, &board.0).await, (3, 1, 3));
}

#[tokio::test]
async fn o8_sigterm_under_load_says_goodbye_saves_everything_and_exits_with_0() {
    let mut app = Server::with(LOUD).await;
    let (tutor, mut people, lesson) = app.lesson(2).await;
    people.push(tutor.clone());
    let start = tutor.read(&lesson).await["state"].clone();
    let mut watcher = people[0].open(&lesson).await;
    let mut old = people[1].knock(&lesson).dialect(Dialect::Presence).connect().await;
    let crowd = Crowd::with(&people, 4, 1, &lesson, 3);
    for _ in 0..2 {
        crowd.work(60).await;
        let status = app.sigterm().await;
        assert_eq!(status.code(), Some(0), "{status}");
        app.launch().await;
    }
    watcher.dismissed(4503).await;
    assert_eq!(old.closed().await, 4503);
    let rev = crowd.settle_and_check(&start, &tutor, &lesson).await;
    assert_eq!(journal(&app, &lesson.board).await, (rev as i64, 1, rev as i64));
}

#[tokio::test]
async fn o8_what_was_accepted_before_a_sigterm_is_saved_by_it() {
    let mut app = Server::with(LOUD).await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let mut seat = ann.open(&board).await;
    let mut last = String::new();
    for number in 0..200 {
        last = seat.submit(&[add_stroke(&format!("s{number}"))]).await;
    }
    seat.accepted(&last).await;
    let status = app.sigterm().await;
    assert_eq!(status.code(), Some(0), "{status}");
    seat.dismissed(4503).await;
    app.launch().await;
    let read = ann.read(&board).await;
    assert_eq!((&read["rev"], &read["state"]), (&json!(200), &seat.board().state));
}

// --- nonsense ----------------------------------------------------------------------------------------------------

/// A frame that is wrong in one of many ways, as bytes of a dialect.
fn nonsense(dice: &mut Dice, dialect: Dialect) -> Vec<u8> {
    let encode = |value: &Value| match dialect {
        Dialect::MessagePack => rmp_serde::to_vec(value).unwrap(),
        _ => value.to_string().into_bytes(),
    };
    let good = json!({"t": "ops", "id": format!("n{}", dice.below(50)), "ops": [add(stroke("n")), erase("n")]});
    match dice.below(8) {
        0 => {
            let count = 1 + usize::try_from(dice.below(40)).unwrap();
            dice.bytes(count)
        }
        1 => {
            let mut bytes = encode(&good);
            for _ in 0..=dice.below(3) {
                let at = usize::try_from(dice.below(bytes.len() as u64)).unwrap();
                bytes[at] = dice.roll().to_le_bytes()[0];
            }
            bytes
        }
        2 => {
            let mut bytes = encode(&good);
            bytes.truncate(usize::try_from(dice.below(bytes.len() as u64)).unwrap());
            bytes
        }
        _ => encode(&wrong_frame(dice)),
    }
}

/// A frame that decodes and makes no sense.
fn wrong_frame(dice: &mut Dice) -> Value {
    let mut frame = match dice.below(5) {
        0 => json!({"t": "ops", "id": "w", "ops": wrong_ops(dice)}),
        1 => json!({"t": "cursor", "x": wrong_value(dice), "y": wrong_value(dice)}),
        2 => json!({"t": "status", "state": wrong_value(dice)}),
        3 => json!({"t": "view", "page": wrong_value(dice), "x": wrong_value(dice), "y": 0, "zoom": wrong_value(dice)}),
        _ => json!({"t": wrong_value(dice), "id": wrong_value(dice), "client": wrong_value(dice)}),
    };
    if dice.once_in(4) {
        let key = *dice.pick(&["t", "id", "ops", "x", "n", "state"]);
        frame[key] = wrong_value(dice);
    }
    frame
}

fn wrong_ops(dice: &mut Dice) -> Value {
    let count = dice.below(4);
    let action = |dice: &mut Dice| json!(*dice.pick(&["add", "update", "remove", "move", ""]));
    let kind = |dice: &mut Dice| json!(*dice.pick(&["stroke", "asset", "shape", "text", "page", "meta", "state", "x"]));
    (0..count)
        .map(|_| {
            let mut op = json!({"op": action(dice), "kind": kind(dice)});
            for key in ["id", "page_id", "value", "patch"] {
                if dice.once_in(2) {
                    op[key] = wrong_value(dice);
                }
            }
            op
        })
        .collect()
}

fn wrong_value(dice: &mut Dice) -> Value {
    let values = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1.5e300),
        json!(u64::MAX),
        json!(""),
        json!("p1"),
        json!("no such thing"),
        json!("x".repeat(300)),
        json!("\u{202e}\u{0}ї😀"),
        json!([]),
        json!([[[[[[1]]]]]]),
        json!({}),
        json!({"id": null}),
        json!({"id": {"id": 1}, "strokes": 7}),
    ];
    dice.pick(&values).clone()
}

/// Says so many wrong things on sockets of one dialect; each must be answered by a frame or by the end of the socket.
async fn babble(account: Account, lesson: Lesson, dialect: Dialect, count: usize, seed: u64) {
    let mut dice = Dice::new(seed);
    let mut seat = account.open_in(dialect, &lesson).await;
    for number in 0..count {
        seat.careless = true;
        let bytes = nonsense(&mut dice, dialect);
        let message = match dialect {
            Dialect::MessagePack => tokio_tungstenite::tungstenite::Message::binary(bytes),
            _ => tokio_tungstenite::tungstenite::Message::text(String::from_utf8_lossy(&bytes).into_owned()),
        };
        let shown = format!("{dialect:?} {number}: {message:.200?}");
        let _ = seat.send_raw(message).await;
        let _ = seat.try_send(&json!({"t": "ping", "n": format!("after-{number}")})).await;
        let answer = tokio::time::timeout(DEADLINE, async {
            loop {
                match seat.heard().await {
                    Some(frame) if frame["t"] == "pong" && frame["n"] == format!("after-{number}") => return true,
                    Some(_) => {}
                    None => return false,
                }
            }
        });
        let lives = answer.await.unwrap_or_else(|_| panic!("no answer to {shown}"));
        if !lives {
            assert_eq!(seat.closed().await, 4400, "{shown}");
            seat = account.open_in(dialect, &lesson).await;
        }
    }
}

/// The same over REST: each body gets a 4xx (or, by luck, a 200).
async fn scribble(account: Account, lesson: Lesson, count: usize, seed: u64) {
    let mut dice = Dice::new(seed);
    for number in 0..count {
        let mut body = match dice.below(4) {
            0 => dice.bytes(64),
            1 => json!({"rev": wrong_value(&mut dice), "ops": wrong_ops(&mut dice)}).to_string().into_bytes(),
            2 => json!({"state": wrong_value(&mut dice), "rev": 0}).to_string().into_bytes(),
            _ => json!({"rev": 0, "ops": [add(stroke("n"))]}).to_string().into_bytes(),
        };
        if dice.once_in(3) {
            let at = usize::try_from(dice.below(body.len() as u64)).unwrap();
            body[at] = dice.roll().to_le_bytes()[0];
        }
        let call = match dice.below(3) {
            0 => account.post(&lesson.rest("save-stream/")),
            _ => account.patch(&lesson.rest("diff/")),
        };
        let header = *dice.pick(&["If-Match", "X-Rev", "Idempotency-Key"]);
        let call = call.header(header, dice.pick::<&str>(&["\"0\"", "rev:1", "*", "-1", "x"]));
        let call = if dice.once_in(5) { call.header("Content-Encoding", "gzip") } else { call };
        let shown = String::from_utf8_lossy(&body).into_owned();
        let answer = call.raw_json(body).send().await;
        assert!((200..500).contains(&answer.status), "{number}: {} to {shown}: {}", answer.status, answer.text());
        assert!(answer.status == 200 || answer.json()["request_id"].is_string(), "{}", answer.text());
    }
}

#[tokio::test]
async fn b1_ten_thousand_pieces_of_nonsense_get_ten_thousand_answers_and_the_room_lives() {
    let mut settings = LOUD.to_vec();
    settings.push(("M4SH_RATES_WS_CURSOR", "1000000/s"));
    settings.push(("M4SH_RATES_WS_CURSOR_FLOOD", "1000000/s"));
    let mut app = Server::with(&settings).await;
    let (tutor, pupils, lesson) = app.lesson(3).await;
    let mut watcher = tutor.open(&lesson).await;
    tokio::join!(
        babble(pupils[0].clone(), lesson.clone(), Dialect::Json, 3500, 11),
        babble(pupils[1].clone(), lesson.clone(), Dialect::MessagePack, 3500, 12),
        scribble(pupils[2].clone(), lesson.clone(), 3000, 13),
    );
    assert!(app.is_running());
    assert!(!app.log().text().contains("panicked"), "a panic in the log");
    let mut author = pupils[0].open(&lesson).await;
    let rev = author.draw(stroke("and all is well")).await;
    watcher.until_rev(rev).await;
    author.until_saved(rev).await;
    assert_eq!(watcher.board().state, tutor.read(&lesson).await["state"]);
}

#[tokio::test]
async fn s4_after_thousands_of_batches_checkpoint_and_journal_make_what_a_full_replay_makes() {
    let mut app = Server::with(LOUD).await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let start = one_page();
    let crowd = {
        let mut crowd = Crowd::new();
        for number in 0..3 {
            let artist = Artist::new(&format!("a{number}"), &ann, &board, 40 + number, &crowd.tally);
            crowd.add(artist);
        }
        crowd
    };
    // Enough for a checkpoint by count.
    crowd.work(1200).await;
    let database = app.database.clone().unwrap();
    eventually("a checkpoint is written by count", || async {
        (database.number("SELECT max(rev) FROM checkpoint").await > 0).then_some(())
    })
    .await;
    app.kill_9();
    app.launch().await;
    crowd.work(20).await;
    crowd.settle_and_check(&start, &ann, &board).await;
    app.sigterm().await;
    verifies(&app);
}
