//! Rights that are changed while a lesson is on: pens, flags, roles, sending out, by frames and over REST.
//! Tells that a change is felt at once everywhere, and for ever. What a role brings by itself has `permissions`.

use serde_json::{Value, json};

use crate::harness::*;

fn lesson_path(lesson: &Lesson, tail: &str) -> String {
    format!("/api/v1/classrooms/{}/sessions/{}/{tail}", lesson.class, lesson.id)
}

/// Asks for a change under an id, and waits until it is kept.
async fn ask(seat: &mut Seat, id: &str, mut frame: Value) {
    frame["id"] = json!(id);
    seat.send(&frame).await;
    seat.expect_that("kept", |kept| kept["id"] == id).await;
}

/// Asks for a change that is refused with this code.
async fn is_refused(seat: &mut Seat, mut frame: Value, code: &str) {
    frame["id"] = json!("no");
    seat.send(&frame).await;
    let refused = seat.expect_that("refused", |refused| refused["id"] == "no").await;
    assert_eq!(refused["code"], code, "{frame}: {refused}");
}

async fn cannot_draw(seat: &mut Seat) {
    let id = seat.submit(&[add(stroke("x"))]).await;
    assert_eq!(seat.refused(&id).await["code"], "forbidden");
}

/// The next `can` for this reason.
async fn told(seat: &mut Seat, why: &str) -> Value {
    seat.expect_that("can", |can| can["why"] == why).await
}

#[tokio::test]
async fn p12_pens_are_taken_from_all_and_given_for_a_while() {
    let mut app = Server::with(LOUD).await;
    let (tutor, pupils, lesson) = app.lesson(2).await;
    let mut lead = tutor.open(&lesson).await;
    assert_eq!(lead.welcome["class"]["locks"], json!({"all": false, "users": {}}));
    let (mut one, mut two) = (pupils[0].open(&lesson).await, pupils[1].open(&lesson).await);
    let mut second_tab = pupils[0].open_in(Dialect::MessagePack, &lesson).await;
    ask(&mut lead, "l1", json!({"t": "lock", "user": "all", "locked": true})).await;
    for seat in [&mut one, &mut two, &mut second_tab] {
        assert_eq!(seat.expect("locks").await["all"], true);
        let can = told(seat, "lock").await;
        assert_eq!((&can["can"]["can_draw"], &can["can"]["can_export"]), (&json!(false), &json!(true)), "{can}");
        assert_eq!(can["locked"], true);
        cannot_draw(seat).await;
    }
    pupils[0].diff(&lesson, 0, &json!([add(stroke("x"))])).send().await.refused(403, "forbidden");
    let upload = pupils[0].post(&format!("/api/v1/boards/{}/assets/?name=x.png", lesson.board));
    upload.header("Content-Type", "image/png").body("x").send().await.refused(403, "forbidden");
    one.move_cursor(3.0, 4.0).await;
    two.expect("cursors").await;
    assert_eq!(lead.draw(stroke("by the tutor")).await, 1);

    let pen = json!({"t": "lock", "user": pupils[0].id, "locked": false, "seconds": 3});
    ask(&mut lead, "l2", pen).await;
    let can = told(&mut one, "lock").await;
    assert_eq!(can["can"]["can_draw"], true, "{can}");
    assert!(can["until"].is_string(), "and until when: {can}");
    let locks = two.expect_that("locks", |locks| locks["users"] != json!({})).await;
    let mine = &locks["users"][&pupils[0].id];
    assert_eq!((&mine["locked"], mine["until"].is_string()), (&json!(false), true), "{locks}");
    let id = one.submit(&[add(stroke("a pupil's"))]).await;
    one.accepted(&id).await;
    cannot_draw(&mut two).await;
    assert_eq!(told(&mut one, "time_over").await["can"]["can_draw"], false, "its end is felt without a word");
    assert_eq!(two.expect_that("locks", |locks| locks["users"] == json!({})).await["all"], true);
    cannot_draw(&mut one).await;

    app.kill_and_restart().await;
    let mut lead = tutor.open(&lesson).await;
    let mut late = app.pupil("Late").await;
    late = late.at(&app);
    let class = tutor.get(&format!("/api/v1/classrooms/{}/", lesson.class)).send().await.json();
    late.join(&Class { id: lesson.class.clone(), code: class.text("invite_code") }).await;
    let mut late = late.open(&lesson).await;
    assert_eq!(late.welcome["class"]["locks"]["all"], true, "who comes later is locked, too");
    assert_eq!(late.welcome["you"]["locked"], true);
    cannot_draw(&mut late).await;
    let mut one = pupils[0].open(&lesson).await;
    cannot_draw(&mut one).await;
    ask(&mut lead, "l3", json!({"t": "lock", "user": "all", "locked": false})).await;
    assert_eq!(told(&mut one, "lock").await["can"]["can_draw"], true);
    one.draw(stroke("free")).await;
}

#[tokio::test]
async fn p12_flags_are_given_taken_and_left_to_the_role_again() {
    let app = Server::with(LOUD).await;
    let (tutor, pupils, lesson) = app.lesson(2).await;
    let mut lead = tutor.open(&lesson).await;
    let mut pupil = pupils[0].open(&lesson).await;
    let page = json!([{"op": "add", "kind": "page", "value": {"id": "p2"}}]);
    let flags = |flags: Value| json!({"t": "can", "user": pupils[0].id, "flags": flags});
    ask(&mut lead, "c1", flags(json!({"can_add_page": true, "can_export": false}))).await;
    let can = told(&mut pupil, "rights").await["can"].clone();
    assert_eq!((&can["can_add_page"], &can["can_export"]), (&json!(true), &json!(false)));
    let id = pupil.submit(page.as_array().unwrap()).await;
    pupil.accepted(&id).await;
    let export = pupils[0].post(&lesson.rest("export/")).json(&json!({"format": "json"}));
    export.send().await.refused(403, "forbidden");
    ask(&mut lead, "c2", flags(json!({"can_add_page": null, "can_export": null}))).await;
    let can = told(&mut pupil, "rights").await["can"].clone();
    assert_eq!((&can["can_add_page"], &can["can_export"]), (&json!(false), &json!(true)));
    let rules = tutor.get(&lesson_path(&lesson, "rules/")).send().await.expect(200).json();
    assert_eq!(rules["count"], 0);

    let everywhere = json!({"t": "can", "user": "all", "flags": {"can_draw": false}, "scope": "class"});
    ask(&mut lead, "c3", everywhere).await;
    assert_eq!(told(&mut pupil, "rights").await["can"]["can_draw"], false);
    let path = format!("/api/v1/classrooms/{}/sessions/", lesson.class);
    let next = tutor.post(&path).json(&json!({})).send().await.expect(201).json();
    let next = Lesson { class: lesson.class.clone(), id: next.text("id"), board: next.text("board_id") };
    let mut there = pupils[1].open(&next).await;
    assert_eq!(there.welcome["you"]["can"]["can_draw"], false, "in a lesson that was opened later, too");
    cannot_draw(&mut there).await;
    tutor.delete(&format!("/api/v1/classrooms/{}/rules/all/can_draw/", lesson.class)).send().await.expect(204);
    told(&mut there, "rights").await;
    there.draw(stroke("again")).await;
}

#[tokio::test]
async fn p12_nobody_changes_more_than_is_theirs_to_change() {
    let app = Server::with(LOUD).await;
    let (tutor, pupils, lesson) = app.lesson(3).await;
    let mut lead = tutor.open(&lesson).await;
    let [helper, pupil, other] = &pupils[..] else { unreachable!() };
    let mut helping = helper.open(&lesson).await;
    ask(&mut lead, "r1", json!({"t": "role", "user": helper.id, "role": "assistant"})).await;
    assert_eq!(told(&mut helping, "role").await["can"]["can_lock"], true);
    // Who sees more than before comes back for it.
    assert_eq!(helping.closed().await, 4503);
    let mut helping = helper.open(&lesson).await;
    assert_eq!(helping.welcome["you"]["role"], "assistant");
    lead.expect_that("joined", |who| who["user"] == json!(helper.id) && who["role"] == "assistant").await;
    let lock = |user: &str| json!({"t": "lock", "user": user, "locked": true});
    ask(&mut helping, "h1", lock(&other.id)).await;
    is_refused(&mut helping, lock(&tutor.id), "forbidden").await;
    is_refused(&mut helping, lock(&helper.id), "forbidden").await;
    is_refused(&mut helping, json!({"t": "kick", "user": other.id}), "forbidden").await;
    is_refused(&mut helping, json!({"t": "role", "user": other.id, "role": "viewer"}), "forbidden").await;
    let give = |flag: &str| json!({"t": "can", "user": pupil.id, "flags": {flag: true}});
    is_refused(&mut helping, give("can_clear"), "forbidden").await;
    for flag in ["can_manage", "can_share", "can_lock", "can_kick", "can_end"] {
        is_refused(&mut lead, give(flag), "not_grantable").await;
    }
    is_refused(&mut lead, json!({"t": "role", "user": tutor.id, "role": "viewer"}), "forbidden").await;
    is_refused(&mut lead, lock("018f3e2a-7b1c-7000-8000-000000000001"), "unknown_user").await;
    is_refused(&mut lead, json!({"t": "lock", "user": "all"}), "bad_frame").await;
    let mut drawing = pupil.open(&lesson).await;
    for frame in [lock(&other.id), lock("all"), give("can_draw"), json!({"t": "unkick", "user": other.id})] {
        is_refused(&mut drawing, frame, "forbidden").await;
    }
    let at_board = &mut pupil.knock_at(&format!("/ws/board/{}/", lesson.board)).sit().await;
    is_refused(at_board, lock("all"), "not_in_class").await;
    drawing.draw(stroke("still mine")).await;
    // A second tutor may be made something else, the one who made the class may not.
    ask(&mut lead, "r2", json!({"t": "role", "user": helper.id, "role": "tutor"})).await;
    told(&mut helping, "role").await;
    is_refused(&mut helping, json!({"t": "role", "user": tutor.id, "role": "viewer"}), "forbidden").await;
}

#[tokio::test]
async fn p12_what_one_tutor_asks_for_happens_in_that_order() {
    let app = Server::with(LOUD).await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut lead = tutor.open(&lesson).await;
    let mut pupil = pupils[0].open(&lesson).await;
    for number in 0..21 {
        let locked = number % 2 == 0;
        lead.send(&json!({"t": "lock", "id": format!("l{number}"), "user": "all", "locked": locked})).await;
    }
    // What comes behind them is not held up by them.
    let rev = lead.draw(stroke("meanwhile")).await;
    pupil.until_rev(rev).await;
    for number in 0..21 {
        assert_eq!(lead.expect("kept").await["id"], format!("l{number}"));
    }
    cannot_draw(&mut pupil).await;
    assert_eq!(pupils[0].open(&lesson).await.welcome["class"]["locks"]["all"], true);
}

#[tokio::test]
async fn p11_whoever_is_sent_out_goes_at_once_and_comes_back_when_let_in() {
    let mut app = Server::with(LOUD).await;
    let (tutor, pupils, lesson) = app.lesson(2).await;
    let mut lead = tutor.open(&lesson).await;
    let board = format!("/ws/board/{}/", lesson.board);
    let mut out = [
        pupils[0].open(&lesson).await,
        pupils[0].open_in(Dialect::MessagePack, &lesson).await,
        pupils[0].knock_at(&board).sit().await,
    ];
    let mut stays = pupils[1].open(&lesson).await;
    ask(&mut lead, "k1", json!({"t": "kick", "user": pupils[0].id})).await;
    for seat in &mut out {
        assert_eq!(seat.closed().await, 4403);
    }
    lead.expect_that("left", |left| left["user"] == json!(pupils[0].id)).await;
    assert_eq!(pupils[0].knock(&lesson).turned_away().await, 4403);
    assert_eq!(pupils[0].knock_at(&board).turned_away().await, 4403);
    for path in ["", "thumbnail/", "exports/", "snapshots/"] {
        pupils[0].get(&lesson.rest(path)).send().await.expect(404);
    }
    pupils[0].diff(&lesson, 0, &json!([add(stroke("x"))])).send().await.expect(404);
    let mine = pupils[0].get("/api/v1/solo/sessions/").send().await.expect(200).json();
    assert!(!mine.to_string().contains(&lesson.board), "{mine}");
    let class = tutor.get(&format!("/api/v1/classrooms/{}/", lesson.class)).send().await.json();
    pupils[0].join(&Class { id: lesson.class.clone(), code: class.text("invite_code") }).await;
    assert_eq!(pupils[0].knock(&lesson).turned_away().await, 4403, "the code opens nothing again");
    stays.draw(stroke("goes on")).await;
    let rights = tutor.get(&lesson_path(&lesson, &format!("members/{}/rights/", pupils[0].id)));
    assert_eq!(rights.send().await.expect(200).json()["sent_out"], true);

    lead.until_saved(1).await;
    app.kill_and_restart().await;
    assert_eq!(pupils[0].knock(&lesson).turned_away().await, 4403);
    let kick = json!({"user": pupils[0].id, "on": false});
    tutor.post(&lesson_path(&lesson, "kick/")).json(&kick).send().await.expect(200);
    pupils[0].open(&lesson).await.draw(stroke("back")).await;
}

#[tokio::test]
async fn p15_rest_does_what_the_frames_do_and_it_is_felt_at_once() {
    let app = Server::with(LOUD).await;
    let (tutor, pupils, lesson) = app.lesson(2).await;
    let mut pupil = pupils[0].open(&lesson).await;
    let rights = lesson_path(&lesson, &format!("members/{}/rights/", pupils[0].id));
    let set = json!({"can_clear": true, "can_erase": false, "locked": false, "seconds": 600});
    let answer = tutor.put(&rights).json(&set).send().await.expect(200).json();
    assert_eq!((&answer["can"]["can_clear"], &answer["can"]["can_erase"]), (&json!(true), &json!(false)), "{answer}");
    assert_eq!((answer["until"].is_string(), answer.list("rules").len()), (true, 3), "{answer}");
    assert_eq!(told(&mut pupil, "rights").await["can"]["can_clear"], true);
    pupils[0].stream(&lesson, 0, &one_page()).send().await.expect(200);
    assert_eq!(pupils[0].get(&rights).send().await.expect(200).json()["role"], "student", "one's own are shown");
    pupils[1].get(&rights).send().await.refused(403, "forbidden");
    pupils[0].put(&rights).json(&set).send().await.refused(403, "forbidden");
    // All of it or nothing: the flag would be theirs to give, the other is nobody's.
    let both = json!({"can_draw": false, "can_manage": true});
    tutor.put(&rights).json(&both).send().await.refused(403, "forbidden");
    assert_eq!(tutor.get(&rights).send().await.json()["can"]["can_draw"], true);
    for wrong in [json!({}), json!({"can_draw": "yes"}), json!({"locked": true, "seconds": 0})] {
        tutor.put(&rights).json(&wrong).send().await.expect(400);
    }

    let lock = tutor.post(&lesson_path(&lesson, "lock/")).json(&json!({"user": "all", "locked": true}));
    assert_eq!(lock.send().await.expect(200).json(), json!({"all": true, "until": null, "users": []}));
    assert_eq!(told(&mut pupil, "lock").await["locked"], true);
    assert_eq!(pupil.expect_that("locks", |locks| locks["all"] == true).await["users"], json!({}));
    assert_eq!(pupils[1].get(&lesson_path(&lesson, "lock/")).send().await.expect(200).json()["all"], true);

    let rules = lesson_path(&lesson, "rules/");
    let rule = json!({"user": pupils[0].id, "what": "pen", "allowed": true});
    let made = tutor.post(&rules).json(&rule).send().await.expect(201).json();
    assert_eq!(
        (&made["scope"], &made["user_id"], &made["what"]),
        (&json!("session"), &json!(pupils[0].id), &json!("pen"))
    );
    assert_eq!(told(&mut pupil, "lock").await["can"]["can_draw"], true);
    let listed = tutor.get(&rules).send().await.expect(200).json();
    assert_eq!(listed["count"], 4, "{listed}");
    assert!(listed.list("results").iter().all(|rule| rule["made_by"] == json!(tutor.id)), "{listed}");
    pupils[0].get(&rules).send().await.refused(403, "forbidden");
    app.pupil("Stranger").await.get(&rules).send().await.expect(404);
    let one = format!("{rules}{}/pen/", pupils[0].id);
    pupils[0].delete(&one).send().await.refused(403, "forbidden");
    tutor.delete(&one).send().await.expect(204);
    tutor.delete(&one).send().await.expect(404);
    assert_eq!(told(&mut pupil, "rights").await["can"]["can_draw"], false, "locked with all the others again");
    for wrong in [
        json!({"user": "all", "what": "enter", "allowed": false}),
        json!({"user": "all", "what": "can_fly", "allowed": false}),
        json!({"user": "nobody", "what": "pen", "allowed": false}),
        json!({"user": tutor.id.replace('-', "0"), "what": "pen", "allowed": false}),
    ] {
        tutor.post(&rules).json(&wrong).send().await.expect(400);
    }
    let role = json!({"user": pupils[0].id, "role": "viewer"});
    tutor.post(&lesson_path(&lesson, "role/")).json(&role).send().await.expect(200);
    told(&mut pupil, "role").await;
}

#[tokio::test]
async fn p7_a_lock_outlives_new_pages_a_restored_state_and_a_reconnect() {
    let app = Server::with(LOUD).await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut lead = tutor.open(&lesson).await;
    let mut pupil = pupils[0].open(&lesson).await;
    lead.draw(stroke("first")).await;
    lead.until_saved(1).await;
    tutor.post(&lesson.rest("snapshot/")).send().await.expect(201);
    ask(&mut lead, "l", json!({"t": "lock", "user": pupils[0].id, "locked": true})).await;
    told(&mut pupil, "lock").await;
    let page = lead.submit(&[json!({"op": "add", "kind": "page", "value": {"id": "p2"}})]).await;
    lead.accepted(&page).await;
    let id = pupil.submit(&[json!({"op": "add", "kind": "stroke", "page_id": "p2", "value": stroke("x")})]).await;
    assert_eq!(pupil.refused(&id).await["code"], "forbidden");
    tutor.post(&lesson.rest("snapshots/1/restore/")).send().await.expect(200);
    lead.until_rev(3).await;
    cannot_draw(&mut pupil).await;
    let mut back = pupils[0].knock(&lesson).resuming(&pupil).sit().await;
    assert_eq!(back.welcome["you"]["locked"], true);
    cannot_draw(&mut back).await;
}

#[tokio::test]
async fn p16_a_lesson_that_ends_closes_its_class_and_its_board_and_no_rule_opens_it_again() {
    let app = Server::with(LOUD).await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let end = lesson_path(&lesson, "end/");
    pupils[0].post(&end).send().await.refused(403, "forbidden");
    let helper = json!({"user": pupils[0].id, "role": "assistant"});
    tutor.post(&lesson_path(&lesson, "role/")).json(&helper).send().await.expect(200);
    pupils[0].post(&end).send().await.refused(403, "forbidden");
    let rule = json!({"user": pupils[0].id, "what": "can_end", "allowed": true});
    tutor.post(&lesson_path(&lesson, "rules/")).json(&rule).send().await.expect(201);
    let mut class = pupils[0].open(&lesson).await;
    let mut board = pupils[0].knock_at(&format!("/ws/board/{}/", lesson.board)).sit().await;
    pupils[0].post(&end).send().await.expect(200);
    for seat in [&mut class, &mut board] {
        assert_eq!(seat.closed().await, 4410);
    }
    assert_eq!(pupils[0].knock(&lesson).turned_away().await, 4410);
    let give = json!({"can_draw": true});
    let rights = lesson_path(&lesson, &format!("members/{}/rights/", pupils[0].id));
    let answer = tutor.put(&rights).json(&give).send().await.expect(200).json();
    assert_eq!(answer["can"]["can_draw"], false, "a lesson that is over gives nothing");
}

#[tokio::test]
async fn p12_a_kick_in_the_middle_of_which_the_server_dies_happened_whole_or_not_at_all() {
    let mut app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let (pupil, below) = (&pupils[0], format!("/api/v1/classrooms/{}/sessions/{}/", lesson.class, lesson.id));
    let mut is_out = false;
    // Killed at once, then later and later within the flight of the commit.
    for pause in 0..8_u64 {
        if !is_out {
            let mut seat = tutor.open(&lesson).await;
            seat.send(&json!({"t": "kick", "user": pupil.id})).await;
            let until = std::time::Instant::now() + std::time::Duration::from_micros(400 * pause * pause);
            let _ = tokio::time::timeout_at(until.into(), seat.heard()).await;
        }
        app.kill_and_restart().await;
        let rules = tutor.get(&format!("{below}rules/")).send().await.expect(200).json();
        let rule = rules.list("results").iter().any(|rule| rule["what"] == "enter" && rule["allowed"] == false);
        assert!(rule || !is_out, "what was committed stays");
        is_out = rule;
        let read = pupil.get(&lesson.rest("")).send().await.status;
        let code = match pupil.knock(&lesson).try_sit().await {
            Ok(_) => 101,
            Err(_) => pupil.knock(&lesson).turned_away().await,
        };
        let expected = if is_out { (4403, true) } else { (101, false) };
        assert_eq!((code, [403, 404].contains(&read)), expected, "{read}: every door says the same");
    }
    if !is_out {
        tutor.post(&format!("{below}kick/")).json(&json!({"user": pupil.id})).send().await.expect(200);
        assert_eq!(pupil.knock(&lesson).turned_away().await, 4403);
    }
}
