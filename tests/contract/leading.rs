//! Leading: the view that everybody follows, bringing them here, the lock, pages, the laser. Tells who may and who lands
//! where, late joiners too. What is said is `talking`.

use serde_json::{Value, json};

use crate::harness::*;

async fn refused(seat: &mut Seat, frame: Value, code: &str) {
    seat.send(&frame).await;
    let answer = seat.expect("refused").await;
    assert_eq!(answer["code"], code, "{frame}: {answer}");
}

fn view(x: f64) -> Value {
    json!({"t": "view", "page": "p1", "x": x, "y": 2.5, "zoom": 1.5})
}

#[tokio::test]
async fn f9_everybody_follows_the_leaders_view_and_a_late_joiner_lands_right() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(3).await;
    let (mut olena, mut ann) = (tutor.open(&lesson).await, pupils[0].open(&lesson).await);
    refused(&mut ann, json!({"t": "follow", "on": true}), "forbidden").await;
    olena.send(&view(1.0)).await;
    olena.send(&json!({"t": "follow", "on": true})).await;
    let told = ann.expect("follow").await;
    assert_eq!((&told["on"], &told["leader"]), (&json!(true), &json!(tutor.id)));
    olena.expect("follow").await;
    for step in 0..40 {
        olena.send(&view(f64::from(step))).await;
    }
    let last = ann.expect_that("lead_view", |frame| frame["x"] == 39.0).await;
    let seen = ann.seen("lead_view").len();
    assert!(seen < 39, "what comes too fast is told as its last state: {seen}");
    assert_eq!((&last["user"], &last["page"], &last["zoom"]), (&json!(tutor.id), &json!("p1"), &json!(1.5)));
    let mut late = pupils[1].open(&lesson).await;
    let class = &late.welcome["class"];
    assert_eq!(class["follow"]["leader"], json!(tutor.id));
    assert_eq!(
        (&class["view"]["x"], &class["view"]["y"], &class["view"]["user"]),
        (&json!(39.0), &json!(2.5), &json!(tutor.id))
    );
    // A pupil's own view leads nobody.
    ann.send(&view(-5.0)).await;
    late.expect_that("view", |frame| frame["user"] == json!(pupils[0].id)).await;
    assert!(late.seen("lead_view").iter().all(|frame| frame["x"] == 39.0));
    // Another is followed, then nobody.
    olena.send(&json!({"t": "follow", "on": true, "user": pupils[0].id})).await;
    ann.expect_that("follow", |frame| frame["leader"] == json!(pupils[0].id)).await;
    ann.send(&view(7.0)).await;
    late.expect_that("lead_view", |frame| frame["x"] == 7.0).await;
    olena.send(&json!({"t": "follow", "on": false})).await;
    late.expect_that("follow", |frame| frame["on"] == false).await;
    let newest = pupils[2].open(&lesson).await;
    let class = &newest.welcome["class"];
    assert!(class.get("follow").is_none() && class.get("view").is_none(), "{class}");
}

#[tokio::test]
async fn f9_bringing_locking_turning_and_presenting_reach_all_and_the_late() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(2).await;
    let (mut olena, mut ann) = (tutor.open(&lesson).await, pupils[0].open(&lesson).await);
    let mut bob = pupils[1].open(&lesson).await;
    let bring = json!({"t": "bring", "page": "p1", "x": 1, "y": 2, "zoom": 3});
    let frames = [
        bring.clone(),
        json!({"t": "view_lock", "on": true}),
        json!({"t": "page", "page": "p2"}),
        json!({"t": "present", "board": lesson.board}),
    ];
    for frame in &frames {
        refused(&mut ann, frame.clone(), "forbidden").await;
        olena.send(frame).await;
        let told = ann.expect(&frame.text("t")).await;
        for (key, value) in frame.as_object().unwrap() {
            let same = value.as_f64().map_or(&told[key] == value, |number| told[key].as_f64() == Some(number));
            assert!(same, "{key} of {told}");
        }
    }
    let elsewhere = tutor.create_board().await;
    refused(&mut olena, json!({"t": "present", "board": elsewhere.0}), "unknown_board").await;
    refused(&mut olena, json!({"t": "bring", "x": 1, "y": 2}), "bad_frame").await;
    let class = pupils[1].open(&lesson).await.welcome["class"].clone();
    assert_eq!((&class["view_lock"], &class["page"]), (&json!(true), &json!("p2")));
    assert_eq!((&class["present"], &class["bring"]["zoom"]), (&json!(lesson.board), &json!(3.0)));
    // Some are brought, and the others hear nothing of it.
    bob.expect("present").await;
    bob.seen("bring");
    let mut one = bring.clone();
    one["users"] = json!([pupils[0].id]);
    olena.send(&one).await;
    ann.expect_that("bring", |frame| frame.get("users").is_some()).await;
    olena.send(&json!({"t": "view_lock", "on": false})).await;
    bob.expect_that("view_lock", |frame| frame["on"] == false).await;
    assert!(bob.seen("bring").is_empty());
    refused(
        &mut olena,
        {
            let mut nobody = bring;
            nobody["users"] = json!([uuid::Uuid::new_v4().to_string()]);
            nobody
        },
        "unknown_user",
    )
    .await;
}

#[tokio::test]
async fn f15_a_laser_is_seen_at_once_goes_out_with_its_owner_and_is_shown_to_the_late() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(2).await;
    let (mut olena, mut ann) = (tutor.open(&lesson).await, pupils[0].open(&lesson).await);
    refused(&mut ann, json!({"t": "laser", "x": 1, "y": 1}), "forbidden").await;
    olena.send(&json!({"t": "laser", "x": 1, "y": 2, "page": "p1", "on": true})).await;
    let seen = ann.expect("laser").await;
    assert_eq!((&seen["user"], &seen["on"], &seen["page"]), (&json!(tutor.id), &json!(true), &json!("p1")));
    for step in 0..10 {
        olena.send(&json!({"t": "laser", "x": step, "y": 2, "on": true})).await;
    }
    ann.expect_that("laser", |frame| frame["x"] == 9.0).await;
    let late = pupils[1].open(&lesson).await;
    assert_eq!(late.welcome["class"]["lasers"][0]["x"], 9.0);
    olena.send(&json!({"t": "laser", "on": false})).await;
    ann.expect_that("laser", |frame| frame["on"] == false).await;
    olena.send(&json!({"t": "laser", "x": 3, "y": 3})).await;
    ann.expect_that("laser", |frame| frame["x"] == 3.0).await;
    drop(olena);
    ann.expect_that("laser", |frame| frame["on"] == false).await;
    assert!(pupils[1].open(&lesson).await.welcome["class"].list("lasers").is_empty());
    assert_eq!(app.database.as_ref().unwrap().number("SELECT count(*) FROM class_event").await, 0, "nothing is kept");
}

#[tokio::test]
async fn f9_an_assistant_leads_and_one_who_was_sent_out_says_nothing_more() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(2).await;
    let path = format!("/api/v1/classrooms/{}/members/{}/", lesson.class, pupils[0].id);
    tutor.patch(&path).json(&json!({"role": "assistant"})).send().await.expect(200);
    let (mut ann, mut bob) = (pupils[0].open(&lesson).await, pupils[1].open(&lesson).await);
    ann.send(&json!({"t": "page", "page": "p2"})).await;
    assert_eq!(bob.expect("page").await["user"], json!(pupils[0].id));
    tutor.patch(&path).json(&json!({"role": "student"})).send().await.expect(200);
    // Whose eyes change comes back and sees what they may see now.
    assert_eq!(ann.closed().await, 4503);
    let mut ann = pupils[0].open(&lesson).await;
    refused(&mut ann, json!({"t": "page", "page": "p3"}), "forbidden").await;
    tutor.delete(&path).send().await.expect(204);
    assert_eq!(ann.closed().await, 4403);
    let chat = format!("/api/v1/classrooms/{}/sessions/{}/chat/", lesson.class, lesson.id);
    pupils[0].post(&chat).json(&json!({"text": "still here"})).send().await.expect(404);
    let database = app.database.clone().unwrap();
    let kept = |sql: &'static str| {
        let database = database.clone();
        async move { eventually("it is kept", || async { (database.number(sql).await > 0).then_some(()) }).await }
    };
    kept("SELECT count(*) FROM class_event WHERE kind = 'role' AND convert_from(data, 'UTF8') LIKE '%student%'").await;
    kept("SELECT count(*) FROM class_event WHERE kind = 'role' AND convert_from(data, 'UTF8') LIKE '%null%'").await;
    tutor.end(&lesson).await;
    tutor.post(&chat).json(&json!({"text": "over"})).send().await.expect(403);
}
