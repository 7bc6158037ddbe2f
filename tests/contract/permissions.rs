//! Rights on a socket: what each role may do, and that a change of rights is felt at once and kept afterwards.
//! Tells what the server enforces whatever a client believes. The REST side is in `classrooms`.

use serde_json::{Value, json};

use crate::harness::*;

async fn set_role(tutor: &Account, lesson: &Lesson, pupil: &Account, role: &str) {
    let path = format!("/api/v1/classrooms/{}/members/{}/", lesson.class, pupil.id);
    tutor.patch(&path).json(&json!({"role": role})).send().await.expect(200);
}

async fn is_forbidden(seat: &mut Seat, ops: Value) {
    let id = seat.submit(ops.as_array().unwrap()).await;
    let refused = seat.refused(&id).await;
    assert_eq!(refused["code"], "forbidden", "{ops}: {refused}");
}

#[tokio::test]
async fn p6_each_role_may_do_what_its_flags_say_and_nothing_else() {
    let app = Server::with(LOUD).await;
    let (tutor, pupils, lesson) = app.lesson(2).await;
    set_role(&tutor, &lesson, &pupils[1], "viewer").await;
    let mut tutor_seat = tutor.open(&lesson).await;
    let mut pupil = pupils[0].open(&lesson).await;
    let mut viewer = pupils[1].open(&lesson).await;
    assert_eq!(viewer.welcome["you"]["role"], "viewer");
    let can = |seat: &Seat, flag: &str| seat.welcome["you"]["can"][flag].as_bool().unwrap_or_else(|| panic!("{flag}"));
    for flag in ["can_draw", "can_erase", "can_add_page", "can_delete_page", "can_clear", "can_manage"] {
        assert!(can(&tutor_seat, flag), "{flag}");
        assert!(!can(&viewer, flag), "{flag}");
    }
    assert!(can(&pupil, "can_draw") && can(&pupil, "can_erase"));
    assert!(!can(&pupil, "can_add_page") && !can(&pupil, "can_delete_page") && !can(&pupil, "can_clear"));

    let rev = tutor_seat.draw(stroke("t")).await;
    for seat in [&mut pupil, &mut viewer] {
        seat.until_rev(rev).await;
    }
    for ops in [
        json!([add(stroke("v"))]),
        json!([{"op": "remove", "kind": "stroke", "id": "t"}]),
        json!([{"op": "update", "kind": "stroke", "id": "t", "patch": {"color": "red"}}]),
        json!([{"op": "add", "kind": "page", "value": {"id": "x"}}]),
    ] {
        is_forbidden(&mut viewer, ops).await;
    }
    is_forbidden(&mut pupil, json!([{"op": "add", "kind": "page", "value": {"id": "x"}}])).await;
    is_forbidden(&mut pupil, json!([add(stroke("first")), {"op": "remove", "kind": "page", "id": "p1"}])).await;
    assert_eq!(pupil.board().count("first"), 0);
    pupil.draw(stroke("p")).await;
    let id = pupil.submit(&[json!({"op": "remove", "kind": "stroke", "id": "p"})]).await;
    pupil.accepted(&id).await;
    let id = tutor_seat.submit(&[json!({"op": "add", "kind": "page", "value": {"id": "x"}})]).await;
    assert_eq!(tutor_seat.accepted(&id).await, rev + 3, "refusals took no revision");
    viewer.send(&json!({"t": "cursor", "x": 1, "y": 1})).await;
    viewer.catch_up().await;
}

#[tokio::test]
async fn p4_a_changed_role_is_told_and_felt_at_once_and_kept_after_a_reconnect_and_a_restart() {
    let mut app = Server::with(LOUD).await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut pupil = pupils[0].open(&lesson).await;
    pupil.draw(stroke("before")).await;
    set_role(&tutor, &lesson, &pupils[0], "viewer").await;
    let told = pupil.expect("can").await;
    assert_eq!(told["can"]["can_draw"], false, "{told}");
    is_forbidden(&mut pupil, json!([add(stroke("x"))])).await;
    let mut back = pupils[0].knock(&lesson).resuming(&pupil).sit().await;
    assert_eq!(back.welcome["you"]["can"]["can_draw"], false);
    back.until_saved(1).await;
    app.kill_and_restart().await;
    let mut back = pupils[0].knock(&lesson).resuming(&back).sit().await;
    is_forbidden(&mut back, json!([add(stroke("x"))])).await;
    set_role(&tutor, &lesson, &pupils[0], "student").await;
    assert_eq!(back.expect("can").await["can"]["can_draw"], true);
    assert_eq!(back.draw(stroke("again")).await, 2);
}

#[tokio::test]
async fn p5_a_removed_member_is_closed_with_4403_and_does_not_get_back_in() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(2).await;
    let mut watcher = tutor.open(&lesson).await;
    let mut removed = pupils[0].open(&lesson).await;
    let mut second = pupils[0].open_in(Dialect::MessagePack, &lesson).await;
    let mut stays = pupils[1].open(&lesson).await;
    let path = format!("/api/v1/classrooms/{}/members/{}/", lesson.class, pupils[0].id);
    tutor.delete(&path).send().await.expect(204);
    assert_eq!(removed.closed().await, 4403);
    assert_eq!(second.closed().await, 4403);
    watcher.expect("left").await;
    assert_eq!(pupils[0].knock(&lesson).turned_away().await, 4403);
    stays.draw(stroke("still here")).await;
    watcher.until_rev(1).await;
}

#[tokio::test]
async fn p3_tutor_frames_of_a_pupil_are_refused_and_change_nothing() {
    let app = Server::with(LOUD).await;
    let (tutor, pupils, lesson) = app.lesson(2).await;
    let mut watcher = tutor.open(&lesson).await;
    let mut victim = pupils[1].open(&lesson).await;
    let mut pupil = pupils[0].open(&lesson).await;
    for frame in [
        json!({"t": "lock", "user": "all", "locked": true}),
        json!({"t": "kick", "user": pupils[1].id}),
        json!({"t": "role", "user": pupils[0].id, "role": "tutor"}),
        json!({"t": "clear", "id": "c"}),
        json!({"t": "isolate", "on": true}),
    ] {
        pupil.send(&frame).await;
        let refused = pupil.expect("refused").await;
        assert!(["forbidden", "unknown_frame"].contains(&&*refused.text("code")), "{frame}: {refused}");
    }
    assert_eq!(victim.draw(stroke("unlocked")).await, 1);
    watcher.until_rev(1).await;
}

#[tokio::test]
async fn p7_who_joins_the_class_later_may_enter_the_lesson_that_is_on() {
    let app = Server::start().await;
    let tutor = app.tutor().await;
    let class = tutor.create_class().await;
    let lesson = tutor.start_lesson(&class).await;
    let mut watcher = tutor.open(&lesson).await;
    let late = app.pupil("Late").await;
    assert_eq!(late.knock(&lesson).turned_away().await, 4403);
    late.join(&class).await;
    let mut seat = late.open(&lesson).await;
    seat.draw(stroke("late")).await;
    watcher.until_rev(1).await;
}

#[tokio::test]
async fn p3_a_batch_s_author_is_the_token_s_whatever_the_frame_says() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut watcher = tutor.open(&lesson).await;
    let mut pupil = pupils[0].open(&lesson).await;
    let frame = json!({"t": "ops", "id": "b1", "by": tutor.id, "user": tutor.id, "rev": 77, "ops": [add(stroke("s"))]});
    pupil.send(&frame).await;
    let told = watcher.expect("ops").await;
    assert_eq!((&told["by"], &told["rev"]), (&json!(pupils[0].id), &json!(1)));
}

#[tokio::test]
async fn p1_a_pupil_only_reads_once_the_lesson_is_over_and_the_tutor_still_writes() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    pupils[0].save(&lesson, 0, json!([add(stroke("during"))])).await;
    tutor.end(&lesson).await;
    assert_eq!(stroke_ids(&pupils[0].read(&lesson).await["state"]), ["during"]);
    pupils[0].diff(&lesson, 1, &json!([add(stroke("after"))])).send().await.refused(403, "forbidden");
    tutor.save(&lesson, 1, json!([add(stroke("a remark"))])).await;
}

#[tokio::test]
async fn p8_over_rest_a_lesson_s_board_asks_for_the_same_rights_as_its_socket() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let page = json!([{"op": "add", "kind": "page", "value": {"id": "p2"}}]);
    pupils[0].diff(&lesson, 0, &page).send().await.refused(403, "forbidden");
    pupils[0].stream(&lesson, 0, &one_page()).send().await.refused(403, "forbidden");
    pupils[0].save(&lesson, 0, json!([add(stroke("s"))])).await;
    tutor.save(&lesson, 1, page).await;
    tutor.stream(&lesson, 2, &one_page()).send().await.expect(200);
    for change in [pupils[0].delete(&lesson.rest("")), app.pupil("Stranger").await.delete(&lesson.rest(""))] {
        let status = change.send().await.status;
        assert!([403, 404].contains(&status), "{status}");
    }
}

#[tokio::test]
async fn j7_nobody_learns_another_person_s_e_mail_address() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(2).await;
    let nameless = json!({"email": "shy@school.test", "password": "correct horse 7", "role": "student"});
    let shy = app.stranger().post("/api/v1/auth/register/").json(&nameless).send().await.expect(201).json();
    let shy = Account::of_login(&shy, &app);
    let class = tutor.get(&format!("/api/v1/classrooms/{}/", lesson.class)).send().await.json();
    shy.join(&Class { id: lesson.class.clone(), code: class.text("invite_code") }).await;
    let mut watcher = pupils[0].open(&lesson).await;
    let mut old = pupils[1].knock(&lesson).dialect(Dialect::Presence).connect().await;
    let sync = old.expect("presence.sync").await;
    let mut seat = shy.open(&lesson).await;
    seat.move_cursor(1.0, 1.0).await;
    seat.draw(stroke("s")).await;
    let frames = [
        watcher.expect_that("joined", |frame| frame["user"] == json!(shy.id)).await,
        watcher.expect("ops").await,
        old.expect_that("presence.join", |frame| frame["user_id"] == json!(shy.id)).await,
        old.expect("cursor.update").await,
        pupils[0].open(&lesson).await.welcome.clone(),
        sync,
        pupils[0].get(&format!("/api/v1/classrooms/{}/members/", lesson.class)).send().await.expect(200).json(),
    ];
    for frame in frames {
        assert!(!frame.to_string().contains("school.test"), "{frame}");
    }
}

#[tokio::test]
async fn j5_a_person_has_one_colour_for_everybody_and_on_every_connection() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut watcher = tutor.open(&lesson).await;
    let seat = pupils[0].open(&lesson).await;
    let joined = watcher.expect("joined").await;
    let again = pupils[0].open(&lesson).await;
    let color = |seat: &Seat| {
        let card = seat.welcome.list("roster").into_iter().find(|card| card["user"] == json!(pupils[0].id));
        card.expect("the newcomer too").text("color")
    };
    assert_eq!(color(&seat), joined.text("color"));
    assert_eq!(color(&again), joined.text("color"));
}
