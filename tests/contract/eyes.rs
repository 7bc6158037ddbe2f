//! A tutor's eyes: live thumbnails of a lesson's boards, who works and who is stuck, and the same over REST.
//! Never looks at pixels: a thumbnail is points on a grid.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::*;

/// What a watcher keeps of one board: marks by key.
#[derive(Default)]
struct Picture {
    rev: u64,
    page: String,
    marks: BTreeMap<u64, Value>,
}

/// Applies the rows of a `thumbs` frame that are about this board.
fn follow(picture: &mut Picture, frame: &Value, board: &str) {
    for row in frame.list("b").iter().filter(|row| row[0] == board) {
        let row = row.as_array().unwrap();
        (picture.rev, picture.page) = (row[1].as_u64().unwrap(), row[2].as_str().unwrap().to_owned());
        if row[3] == true {
            picture.marks.clear();
        }
        for key in row[5].as_array().unwrap() {
            picture.marks.remove(&key.as_u64().unwrap());
        }
        for mark in row[4].as_array().unwrap() {
            picture.marks.insert(mark[0].as_u64().unwrap(), mark.clone());
        }
    }
}

async fn until(seat: &mut Seat, picture: &mut Picture, board: &str, marks: usize) {
    while picture.marks.len() != marks {
        let frame = seat.expect("thumbs").await;
        follow(picture, &frame, board);
    }
}

fn line(id: &str, x: u64) -> Value {
    json!({"id": id, "tool": "pen", "color": "#123456", "size": 12, "points": [{"x": x, "y": 0}, {"x": x, "y": 120}]})
}

#[tokio::test]
async fn y22_a_tutor_who_watches_sees_strokes_come_change_and_go_as_marks() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut pupil = pupils[0].open(&lesson).await;
    pupil.draw(line("before", 0)).await;
    let mut eyes = tutor.knock(&lesson).watching().sit().await;
    let boards = eyes.expect("boards").await.list("boards");
    assert_eq!((boards.len(), &boards[0]["board"], &boards[0]["kind"]), (1, &json!(lesson.board), &json!("shared")));

    let mut picture = Picture::default();
    until(&mut eyes, &mut picture, &lesson.board, 1).await;
    let mark = picture.marks.values().next().unwrap();
    assert_eq!(
        (&mark[1], &mark[2], &mark[3], &mark[4]),
        (&json!("line"), &json!("#123456"), &json!(1), &json!([0, 0, 0, 10]))
    );

    pupil.draw(line("after", 120)).await;
    until(&mut eyes, &mut picture, &lesson.board, 2).await;
    let changed = pupil.submit(&[recolour("after", "#ff0000")]).await;
    pupil.accepted(&changed).await;
    while !picture.marks.values().any(|mark| mark[2] == "#ff0000") {
        let frame = eyes.expect("thumbs").await;
        follow(&mut picture, &frame, &lesson.board);
    }
    let gone = pupil.submit(&[erase("before")]).await;
    pupil.accepted(&gone).await;
    until(&mut eyes, &mut picture, &lesson.board, 1).await;
}

#[tokio::test]
async fn y22_only_those_who_lead_or_assist_see_the_whole_class() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(2).await;
    let mut pupil = pupils[0].knock(&lesson).watching().sit().await;
    assert_eq!(pupil.expect("refused").await["code"], "forbidden");
    pupil.draw(stroke("the socket lives")).await;
    pupil.catch_up().await;
    assert_eq!(pupil.seen("boards").len() + pupil.seen("thumbs").len() + pupil.seen("attention").len(), 0);

    let path = format!("/api/v1/classrooms/{}/members/{}/", lesson.class, pupils[1].id);
    tutor.patch(&path).json(&json!({"role": "assistant"})).send().await.expect(200);
    let mut assistant = pupils[1].knock(&lesson).watching().sit().await;
    assistant.expect("boards").await;
    assistant.expect("thumbs").await;
}

#[tokio::test]
async fn y23_a_watcher_gets_no_more_than_the_budget_and_the_newest_in_the_end() {
    let app = Server::with(&[LOUD, &[("M4SH_RATES_WS_FEED", "2000/s")]].concat()).await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut pupil = pupils[0].open(&lesson).await;
    let strokes: Vec<_> = (0..90).map(|number| add(line(&format!("s{number}"), number * 12))).collect();
    let batch = pupil.submit(&strokes).await;
    pupil.accepted(&batch).await;
    let began = std::time::Instant::now();
    let mut eyes = tutor.knock(&lesson).watching().sit().await;
    let (mut picture, mut bytes) = (Picture::default(), 0);
    while picture.marks.len() < 90 {
        let frame = eyes.expect("thumbs").await;
        bytes += frame["b"].to_string().len();
        follow(&mut picture, &frame, &lesson.board);
    }
    // The first second's worth may come at once.
    let most = 2000.0 * (began.elapsed().as_secs_f64() + 1.0) + 200.0;
    assert!(bytes > 2000 && (bytes as f64) <= most, "{bytes} bytes, at most {most}");
    assert_eq!(picture.rev, pupil.rev());
}

/// The row of a pupil in the newest `attention` frame that has one for which `fits` holds.
async fn attention(seat: &mut Seat, pupil: &Account, fits: impl Fn(&Value) -> bool) -> Value {
    let row = |frame: &Value| frame.list("u").into_iter().find(|row| row[0] == *pupil.id && fits(row));
    let frame = seat.expect_that("attention", |frame| row(frame).is_some()).await;
    row(&frame).unwrap()
}

#[tokio::test]
async fn y24_attention_tells_who_works_who_is_stuck_done_away_and_gone() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut eyes = tutor.knock(&lesson).watching().sit().await;
    let gone = attention(&mut eyes, &pupils[0], |row| row[1] == "gone").await;
    assert_eq!((&gone[2], &gone[5]), (&Value::Null, &json!(0)));

    let mut pupil = pupils[0].open(&lesson).await;
    attention(&mut eyes, &pupils[0], |row| row[1] == "active").await;
    pupil.draw(line("s", 1)).await;
    let worked = attention(&mut eyes, &pupils[0], |row| row[5] == 1).await;
    assert_eq!((&worked[2], &worked[6]), (&json!(lesson.board), &json!(1)));
    assert!(worked[4].as_u64().is_some_and(|at| at.abs_diff(now() * 1000) < 60_000), "{worked}");

    eyes.send(&json!({"t": "attention", "stuck_after": 1})).await;
    attention(&mut eyes, &pupils[0], |row| row[1] == "stuck").await;
    pupil.send(&json!({"t": "status", "state": "away"})).await;
    attention(&mut eyes, &pupils[0], |row| row[1] == "away").await;
    pupil.send(&json!({"t": "done", "on": true})).await;
    assert_eq!(eyes.expect("done").await["user"], pupils[0].id);
    attention(&mut eyes, &pupils[0], |row| row[8] == true).await;
    pupil.send(&json!({"t": "attention", "stuck_after": 5})).await;
    assert_eq!(pupil.expect("refused").await["code"], "forbidden");
    pupil.leave().await;
    attention(&mut eyes, &pupils[0], |row| row[1] == "gone").await;
}

#[tokio::test]
async fn y25_a_dashboard_reads_the_same_over_rest_and_pupils_do_not() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(2).await;
    let path = format!("/api/v1/classrooms/{}/sessions/{}/overview/", lesson.class, lesson.id);
    let empty = tutor.get(&path).send().await.expect(200).json();
    assert_eq!((empty["counts"]["gone"].as_u64(), empty["boards"][0]["online"].as_u64()), (Some(2), Some(0)));

    let mut pupil = pupils[0].open(&lesson).await;
    let rev = pupil.draw(line("s", 1)).await;
    let told = tutor.get(&path).send().await.expect(200).json();
    let me = told.list("people").into_iter().find(|person| person["user"] == pupils[0].id).unwrap();
    assert_eq!(
        (&me["state"], &me["ops"], &me["strokes"], &me["board"]),
        (&json!("active"), &json!(1), &json!(1), &json!(lesson.board))
    );
    assert_eq!((told["boards"][0]["rev"].as_u64(), told["boards"][0]["online"].as_u64()), (Some(rev), Some(1)));
    assert!(!told.to_string().contains('@'), "no addresses: {told}");
    pupils[0].get(&path).send().await.refused(403, "forbidden");
    app.tutor().await.get(&path).send().await.refused(404, "not_found");
}

#[tokio::test]
async fn y20_a_sleeping_board_is_drawn_without_being_woken() {
    let mut app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut pupil = pupils[0].open(&lesson).await;
    let rev = pupil.draw(line("s", 24)).await;
    pupil.until_saved(rev).await;
    pupil.leave().await;
    app.kill_and_restart().await;
    let (tutor, path) =
        (tutor.at(&app), format!("/api/v1/classrooms/{}/sessions/{}/overview/", lesson.class, lesson.id));
    let told = tutor.get(&path).send().await.expect(200).json();
    assert_eq!((told["boards"][0]["rev"].as_u64(), told["boards"][0]["online"].as_u64()), (Some(rev), Some(0)));
    let mut eyes = tutor.knock(&lesson).watching().sit().await;
    let mut picture = Picture::default();
    until(&mut eyes, &mut picture, &lesson.board, 1).await;
}
