//! A board for each pupil: made in one call, found by its pupil, unknown to the others; pushed to, collected from; groups.
//! Tries each door that leads to another pupil's board.

use serde_json::{Value, json};

use crate::harness::*;

fn below(lesson: &Lesson, tail: &str) -> String {
    format!("/api/v1/classrooms/{}/sessions/{}/{tail}", lesson.class, lesson.id)
}

async fn give_to_all(tutor: &Account, lesson: &Lesson) -> Value {
    tutor.post(&below(lesson, "boards/")).json(&json!({"for": "everybody"})).send().await.expect(201).json()
}

async fn mine(pupil: &Account, lesson: &Lesson) -> Solo {
    let told = pupil.get(&below(lesson, "boards/mine/")).send().await.expect(200).json();
    Solo(told["mine"]["board"].as_str().unwrap_or_else(|| panic!("no board: {told}")).to_owned())
}

fn ink(id: &str) -> Value {
    json!({"id": id, "tool": "pen", "points": [[1, 2], [3, 4]]})
}

/// Waits until a push, or its taking back, is done; its result.
async fn pushed(tutor: &Account, lesson: &Lesson, push: &str) -> Value {
    let path = below(lesson, &format!("pushes/{push}/"));
    eventually("the push is done", || async {
        let told = tutor.get(&path).send().await.expect(200).json();
        assert_ne!(told["status"], "failed", "{told}");
        (told["status"] == "completed").then_some(told)
    })
    .await
}

fn pages(state: &Value) -> Vec<String> {
    state["pages"].as_array().into_iter().flatten().map(|page| page.text("id")).collect()
}

#[tokio::test]
async fn y1_one_call_gives_each_pupil_a_board_from_a_template_also_those_who_come_later_and_nobody_two() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(3).await;
    let state = json!({"activePageId": "w", "pages": [{"id": "w", "strokes": [ink("task")], "assets": []}]});
    let template = tutor.create_board_with(&state).await;
    let body = json!({"for": "everybody", "template_board_id": template.0});
    let made = tutor.post(&below(&lesson, "boards/")).json(&body).send().await.expect(201).json();
    assert_eq!((made["made"].as_u64(), made.list("boards").len()), (Some(3), 3));
    let again = tutor.post(&below(&lesson, "boards/")).json(&body).send().await.expect(201).json();
    assert_eq!(again["made"], 0, "whoever has one gets no second");
    for pupil in &pupils {
        let board = mine(pupil, &lesson).await;
        assert_eq!(stroke_ids(&pupil.read(&board).await["state"]), ["task"]);
    }

    let late = app.pupil("Late").await;
    let class = Class {
        id: lesson.class.clone(),
        code: tutor
            .get(&format!("/api/v1/classrooms/{}/", lesson.class))
            .send()
            .await
            .expect(200)
            .json()
            .text("invite_code"),
    };
    late.join(&class).await;
    let mut seat = late.open(&lesson).await;
    let told = seat.expect("board").await;
    assert_eq!((&told["kind"], &told["users"]), (&json!("pupil"), &json!([late.id])));
    let board = mine(&late, &lesson).await;
    assert_eq!(told["board"], board.0);
    assert_eq!(late.open(&lesson).await.welcome["class"]["boards"]["mine"], board.0);

    let listed = tutor.get(&below(&lesson, "boards/")).send().await.expect(200).json();
    assert_eq!((listed["count"].as_u64(), &listed["results"][0]["kind"]), (Some(5), &json!("shared")));
    let name = listed.list("results").into_iter().find(|row| row["user"] == late.id).unwrap();
    assert!(name.text("name").starts_with("Late"), "{name}");
}

#[tokio::test]
async fn y2_another_pupils_board_does_not_exist_whatever_door_is_tried() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(2).await;
    give_to_all(&tutor, &lesson).await;
    let (own, other) = (mine(&pupils[0], &lesson).await, mine(&pupils[1], &lesson).await);
    let mut seat = pupils[0].open(&own).await;
    let rev = seat.draw(ink("secret")).await;
    seat.until_saved(rev).await;
    assert!(seat.welcome["you"]["can"]["can_add_page"] == true, "one's own board is one's own");

    let thief = &pupils[1];
    assert_ne!(own.0, other.0);
    assert_eq!(thief.knock(&own).turned_away().await, 4403);
    for path in ["", "snapshots/", "snapshot/latest/", "exports/", "share/", "thumbnail/", "share/access-log/"] {
        let answer = thief.get(&format!("/api/v1/solo/sessions/{}/{path}", own.0)).send().await;
        assert!(!answer.text().contains("secret"), "{path}");
        answer.refused(404, "not_found");
    }
    thief.diff(&own, 1, &json!([add_stroke("x")])).send().await.refused(404, "not_found");
    for path in ["export/", "snapshot/", "duplicate/", "share/"] {
        let answer = thief.post(&format!("/api/v1/solo/sessions/{}/{path}", own.0)).json(&json!({})).send().await;
        answer.refused(404, "not_found");
    }
    for path in ["assets/", "events/", ""] {
        thief.get(&format!("/api/v1/boards/{}/{path}", own.0)).send().await.refused(404, "not_found");
    }
    thief.get(&below(&lesson, "boards/")).send().await.refused(403, "forbidden");
    let body = json!({"for": "everybody"});
    thief.post(&below(&lesson, "boards/")).json(&body).send().await.refused(403, "forbidden");
    let template = json!({"for": [thief.id], "template_board_id": own.0});
    thief.post(&below(&lesson, "boards/")).json(&template).send().await.refused(403, "forbidden");

    let mut watching = tutor.open(&own).await;
    assert_eq!(stroke_ids(&watching.board().state), ["secret"]);
    watching.draw(ink("a word from the tutor")).await;
    tutor.end(&lesson).await;
    assert_eq!(seat.closed().await, 4410);
    assert_eq!(stroke_ids(&pupils[0].read(&own).await["state"]).len(), 2, "it stays to be looked at");
}

#[tokio::test]
async fn y5_a_page_is_pushed_to_every_board_once_and_y7_taken_back_but_for_pupils_own_work() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(3).await;
    give_to_all(&tutor, &lesson).await;
    let mut desk = tutor.open(&lesson).await;
    let page = json!({"id": "task", "strokes": [ink("line"), ink("circle")], "assets": []});
    let batch = desk.submit(&[json!({"op": "add", "kind": "page", "value": page})]).await;
    desk.accepted(&batch).await;
    let ask = json!({"page": "task", "to": "all"});
    let push = tutor.post(&below(&lesson, "push/")).json(&ask).send().await.expect(202).json();
    assert_eq!(desk.expect("pushed").await["push"], push["push"]);
    let done = pushed(&tutor, &lesson, &push.text("push")).await;
    assert_eq!((done["progress"].as_u64(), done["result"]["boards"].as_array().map(Vec::len)), (Some(100), Some(3)));

    let mut boards = Vec::new();
    for pupil in &pupils {
        let board = mine(pupil, &lesson).await;
        let read = pupil.read(&board).await;
        assert_eq!((stroke_ids(&read["state"]).len(), read["rev"].as_u64()), (2, Some(1)), "one revision");
        boards.push(board);
    }
    let mut seat = pupils[0].open(&boards[0]).await;
    let given = pages(&seat.board().state).into_iter().find(|page| page.starts_with("push-")).unwrap();
    let mut answer = add(ink("answer"));
    answer["page_id"] = json!(given);
    let answered = seat.submit(&[answer]).await;
    seat.accepted(&answered).await;

    let undo =
        tutor.post(&below(&lesson, &format!("pushes/{}/undo/", push.text("push")))).json(&json!({})).send().await;
    let undo = undo.expect(202).json();
    pushed(&tutor, &lesson, &undo.text("push")).await;
    assert_eq!(stroke_ids(&pupils[0].read(&boards[0]).await["state"]), ["answer"], "a pupil's work stays");
    assert!(!pages(&pupils[1].read(&boards[1]).await["state"]).contains(&given));
    let twice =
        tutor.post(&below(&lesson, &format!("pushes/{}/undo/", push.text("push")))).json(&json!({})).send().await;
    assert_eq!(twice.expect(202).json()["push"], undo["push"], "taking back twice is taking back once");
    pupils[0].post(&below(&lesson, "push/")).json(&ask).send().await.refused(403, "forbidden");
}

#[tokio::test]
async fn y6_a_push_whose_server_is_killed_is_finished_after_the_restart_and_nothing_is_there_twice() {
    let mut app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(12).await;
    give_to_all(&tutor, &lesson).await;
    let mut desk = tutor.open(&lesson).await;
    let rev = desk.draw(ink("task")).await;
    desk.until_saved(rev).await;
    let push = tutor.post(&below(&lesson, "push/")).json(&json!({"to": "all"})).send().await.expect(202).json();
    app.kill_and_restart().await;
    let tutor = tutor.at(&app);
    pushed(&tutor, &lesson, &push.text("push")).await;
    for pupil in &pupils {
        let pupil = pupil.at(&app);
        let board = mine(&pupil, &lesson).await;
        assert_eq!(stroke_ids(&pupil.read(&board).await["state"]), ["task"]);
    }
}

#[tokio::test]
async fn y8_pupils_pages_are_collected_in_one_revision_under_their_names_and_go_in_one() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(3).await;
    give_to_all(&tutor, &lesson).await;
    for (number, pupil) in pupils.iter().enumerate() {
        let board = mine(pupil, &lesson).await;
        let mut seat = pupil.open(&board).await;
        let rev = seat.draw(ink(&format!("of {number}"))).await;
        seat.until_saved(rev).await;
    }
    let mut desk = tutor.open(&lesson).await;
    let before = desk.rev();
    let ask = tutor.post(&below(&lesson, "collect/")).header("Idempotency-Key", "once").json(&json!({"from": "all"}));
    let collected = ask.send().await.expect(201).json();
    desk.until_rev(before + 1).await;
    assert_eq!((collected["rev"].as_u64(), collected.list("pages").len()), (Some(before + 1), 3));
    let again = tutor.post(&below(&lesson, "collect/")).header("Idempotency-Key", "once").json(&json!({"from": "all"}));
    assert_eq!(again.send().await.expect(201).json()["rev"], collected["rev"], "a repeat is the same collection");
    let names: Vec<_> =
        desk.board().state.list("pages").iter().filter_map(|page| page["name"].as_str().map(str::to_owned)).collect();
    assert_eq!(names.iter().filter(|name| name.starts_with("Pupil")).count(), 3, "{names:?}");
    assert_eq!(stroke_ids(&desk.board().state).len(), 3);

    let path = below(&lesson, &format!("collects/{}/undo/", collected.text("collect")));
    let undone = tutor.post(&path).json(&json!({})).send().await.expect(200).json();
    desk.until_rev(before + 2).await;
    assert_eq!((undone["pages"].as_u64(), stroke_ids(&desk.board().state).len()), (Some(3), 0));
    tutor.post(&path).json(&json!({})).send().await.refused(404, "not_found");
}

#[tokio::test]
async fn y10_groups_have_boards_that_nobody_else_sees_and_a_new_division_shows_nobody_the_old_ones_work() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(4).await;
    let path = below(&lesson, "groups/");
    let ids = |range: std::ops::Range<usize>| pupils[range].iter().map(|pupil| pupil.id.clone()).collect::<Vec<_>>();
    let body = json!({"groups": [{"name": "Red", "users": ids(0..2)}, {"name": "Blue", "users": ids(2..4)}]});
    let mut seat = pupils[0].open(&lesson).await;
    let divided = tutor.call(reqwest::Method::PUT, &path).json(&body).send().await.expect(200).json();
    let group = seat.expect_that("group", |frame| frame["name"] == "Red").await;
    let red = Solo(divided["groups"][0].text("board"));
    assert_eq!(group["board"], red.0);
    let mut red_seat = pupils[0].open(&red).await;
    red_seat.draw(ink("red secret")).await;
    assert_eq!(pupils[3].knock(&red).turned_away().await, 4403);
    pupils[3].get(&format!("/api/v1/boards/{}/", red.0)).send().await.refused(404, "not_found");

    // Moved while it runs: the seat at the old group's board goes, the named group keeps its board.
    let moved = json!({"groups": [{"name": "Red", "users": [pupils[1].id]}, {"name": "Blue", "users": [pupils[0].id, pupils[2].id, pupils[3].id]}]});
    let again = tutor.call(reqwest::Method::PUT, &path).json(&moved).send().await.expect(200).json();
    assert_eq!(again["groups"][0]["board"], red.0);
    assert_eq!(red_seat.closed().await, 4403);

    // Dealt out anew: no board of before is anybody's.
    let dealt = tutor.call(reqwest::Method::PUT, &path).json(&json!({"count": 2})).send().await.expect(200).json();
    assert!(dealt.list("groups").iter().all(|group| group["board"] != red.0), "{dealt}");
    for pupil in &pupils {
        pupil.get(&format!("/api/v1/boards/{}/", red.0)).send().await.refused(404, "not_found");
    }
    assert_eq!(stroke_ids(&tutor.read(&red).await["state"]), ["red secret"], "the tutor still has it");
    let fresh = Solo(dealt["groups"][0].text("board"));
    let first = pupils.iter().find(|pupil| dealt["groups"][0]["users"].to_string().contains(&*pupil.id)).unwrap();
    let mut group_seat = first.open(&fresh).await;
    let rev = group_seat.draw(ink("new work")).await;
    group_seat.until_saved(rev).await;
    let collected = tutor.post(&below(&lesson, "collect/")).json(&json!({"from": "groups"})).send().await;
    assert_eq!(collected.expect(201).json().list("pages").len(), 1, "a page of each group that has one");
    tutor.delete(&path).send().await.expect(204);
    assert_eq!(tutor.get(&path).send().await.expect(200).json()["groups"], json!([]));
}
