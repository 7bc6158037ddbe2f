//! Strokes while the pen is down: they grow on others' screens, are kept once, and outlive the pen that drew them.
//! Tells a front-end developer how a preview is drawn and when it goes.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::*;

/// Previews as a client keeps them: by user and stroke, the points so far.
#[derive(Default)]
struct Previews(BTreeMap<(String, String), Vec<Value>>);

impl Previews {
    fn take(&mut self, strokes: &Value) {
        for told in strokes.as_array().unwrap() {
            let key = (told[0].as_str().unwrap().to_owned(), told[1].as_str().unwrap().to_owned());
            let from = usize::try_from(told[4].as_u64().unwrap()).unwrap();
            assert_eq!(from == 0, told[3].is_object(), "it begins with its head: {told}");
            let points = self.0.entry(key).or_default();
            assert!(from <= points.len(), "no gap: {told} after {}", points.len());
            points.truncate(from);
            points.extend(told[5].as_array().unwrap().iter().cloned());
        }
    }

    fn of(&self, stroke: &str) -> usize {
        self.0.iter().find(|((_, id), _)| id == stroke).map_or(0, |(_, points)| points.len())
    }

    async fn until(&mut self, seat: &mut Seat, stroke: &str, points: usize) {
        while self.of(stroke) < points {
            let frame = seat.expect("drawing").await;
            self.take(&frame["d"]);
        }
    }
}

fn begin(id: &str) -> Value {
    json!({"t": "draw", "id": id, "kind": "stroke", "head": {"tool": "pen", "color": "#111111", "size": 3}, "points": [[0, 0]]})
}

fn more(id: &str, points: &[[f64; 2]]) -> Value {
    json!({"t": "draw", "id": id, "points": points})
}

#[tokio::test]
async fn z7_a_stroke_grows_for_others_and_is_kept_once_when_the_pen_is_lifted() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(2).await;
    let mut ann = pupils[0].open(&lesson).await;
    let mut ben = pupils[1].open_in(Dialect::MessagePack, &lesson).await;
    let mut lead = tutor.open(&lesson).await;
    let mut previews = [Previews::default(), Previews::default()];
    ann.send(&begin("s")).await;
    previews[0].until(&mut ben, "s", 1).await;
    for step in 1..=10 {
        ann.send(&json!({"t": "draw", "id": "s", "points": [[step, 0.5, 0.25, step * 16]]})).await;
    }
    previews[0].until(&mut ben, "s", 11).await;
    previews[1].until(&mut lead, "s", 11).await;
    assert_eq!(tutor.read(&lesson).await.number("rev"), 0, "no point is kept by itself");
    // Who comes now sees it whole.
    let late = tutor.open(&lesson).await;
    let mut joined = Previews::default();
    joined.take(&late.welcome["drawing"]);
    assert_eq!(joined.of("s"), 11);

    ann.send(&json!({"t": "draw", "id": "s", "points": [[11, 1]], "done": true})).await;
    let done = ann.expect_that("accepted", |frame| frame["id"] == "draw:s").await;
    assert_eq!(done.number("rev"), 1);
    let heard = ben.expect_that("ops", |frame| frame["id"] == "draw:s").await;
    assert_eq!(heard["ops"], done["ops"]);
    let kept = &done["ops"][0]["value"];
    assert_eq!((kept["id"].clone(), kept["color"].clone()), (json!("s"), json!("#111111")));
    let points = kept["points"].as_array().unwrap();
    assert_eq!((points.len(), &points[0]), (12, &json!({"x": 0, "y": 0})));
    assert_eq!(points[10], json!({"x": 10, "y": 0.5, "pressure": 0.25, "t": 160}));
    ann.send(&json!({"t": "draw", "id": "s", "done": true})).await;
    assert_eq!(
        ann.expect_that("accepted", |frame| frame["id"] == "draw:s").await,
        done,
        "a repeat has the same answer"
    );
    let read = tutor.read(&lesson).await;
    assert_eq!((read.number("rev"), stroke_ids(&read["state"])), (1, vec!["s".to_owned()]));
    // It is one's own batch like any other.
    ann.send(&json!({"t": "undo", "id": "u"})).await;
    assert_eq!(ann.expect_that("accepted", |frame| frame["id"] == "u").await.number("undoes"), 1);
    assert_eq!(ann.board().count("s"), 0);
}

#[tokio::test]
async fn z7_what_is_given_up_is_told_and_leaves_nothing() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let (mut ann, mut lead) = (pupils[0].open(&lesson).await, tutor.open(&lesson).await);
    ann.send(&begin("s")).await;
    lead.expect("drawing").await;
    ann.send(&json!({"t": "draw", "id": "s", "cancel": true})).await;
    assert_eq!(lead.expect("undrawn").await["id"], "s");
    ann.send(&more("s", &[[1.0, 1.0]])).await;
    assert_eq!(ann.refused("draw:s").await["code"], "unknown_stroke");
    let read = tutor.read(&lesson).await;
    assert_eq!(read.number("rev"), 0);
    assert!(tutor.open(&lesson).await.welcome.get("drawing").is_none());
}

#[tokio::test]
async fn z8_a_dead_pens_stroke_is_sealed_and_its_client_finds_out() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let (mut ann, mut lead) = (pupils[0].open(&lesson).await, tutor.open(&lesson).await);
    ann.send(&begin("s")).await;
    ann.send(&more("s", &[[1.0, 1.0], [2.0, 2.0]])).await;
    Previews::default().until(&mut lead, "s", 3).await;
    let client = ann.client;
    drop(ann);
    let heard = lead.expect_that("ops", |frame| frame["id"] == "draw:s").await;
    assert_eq!(heard["ops"][0]["value"]["points"].as_array().map(Vec::len), Some(3), "what there was");
    let mut again = pupils[0].knock(&lesson).client(client).sit().await;
    again.send(&json!({"t": "draw", "id": "s", "points": [[3, 3]], "done": true})).await;
    assert_eq!(again.expect_that("accepted", |frame| frame["id"] == "draw:s").await["rev"], heard["rev"]);
    assert_eq!(tutor.read(&lesson).await["rev"], heard["rev"]);
}

#[tokio::test]
async fn z8_a_reconnect_goes_on_with_its_stroke_and_a_kill_leaves_no_half_of_it() {
    let mut app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let (mut ann, mut lead) = (pupils[0].open(&lesson).await, tutor.open(&lesson).await);
    ann.send(&begin("s")).await;
    Previews::default().until(&mut lead, "s", 1).await;
    let client = ann.client;
    drop(ann);
    // Nobody knows how much arrived: it begins anew, and others see it whole.
    let mut ann = pupils[0].knock(&lesson).client(client).sit().await;
    let mut whole = begin("s");
    whole["points"] = json!([[0, 0], [1, 1], [2, 2]]);
    ann.send(&whole).await;
    let mut previews = Previews::default();
    previews.until(&mut lead, "s", 3).await;
    ann.send(&json!({"t": "draw", "id": "s", "done": true})).await;
    let rev = ann.accepted("draw:s").await;
    ann.until_saved(rev).await;
    ann.send(&begin("t")).await;
    previews.until(&mut lead, "t", 1).await;
    app.kill_and_restart().await;
    let mut ann = pupils[0].knock(&lesson).client(client).sit().await;
    assert!(ann.welcome.get("drawing").is_none());
    assert_eq!(stroke_ids(&ann.board().state), ["s"]);
    ann.send(&json!({"t": "draw", "id": "s", "done": true})).await;
    assert_eq!(ann.accepted("draw:s").await, rev, "sealed once, before and after");
    ann.send(&more("t", &[[1.0, 1.0]])).await;
    assert_eq!(ann.refused("draw:t").await["code"], "unknown_stroke");
    let mut all = begin("t");
    all["done"] = json!(true);
    ann.send(&all).await;
    assert_eq!(ann.accepted("draw:t").await, rev + 1);
}

#[tokio::test]
async fn z7_while_work_is_hidden_so_are_strokes_under_way() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(2).await;
    let mut seats = [tutor.open(&lesson).await, pupils[0].open(&lesson).await, pupils[1].open(&lesson).await];
    seats[0].send(&json!({"t": "isolate", "on": true})).await;
    for seat in &mut seats {
        seat.expect("isolated").await;
    }
    seats[1].send(&begin("hidden")).await;
    Previews::default().until(&mut seats[0], "hidden", 1).await;
    let late = pupils[1].open(&lesson).await;
    assert!(late.welcome.get("drawing").is_none());
    // The tutor's own pen is for all, and it comes after what was kept from Ben.
    seats[0].send(&begin("task")).await;
    let heard = seats[2].expect("drawing").await.to_string();
    assert!(heard.contains("task") && !heard.contains("hidden"), "{heard}");
    seats[1].send(&json!({"t": "draw", "id": "hidden", "done": true})).await;
    let rev = seats[1].accepted("draw:hidden").await;
    seats[2].until_rev(rev).await;
    assert_eq!((seats[2].board().count("hidden"), seats[1].board().count("hidden")), (0, 1));
    seats[1].send(&begin("more")).await;
    seats[1].send(&json!({"t": "draw", "id": "more", "cancel": true})).await;
    seats[0].expect("undrawn").await;
    seats[2].catch_up().await;
    assert!(
        seats[2].seen("undrawn").is_empty()
            && seats[2].seen("drawing").iter().all(|frame| !frame.to_string().contains("hidden"))
    );
}

#[tokio::test]
async fn z8_a_lost_right_a_full_hand_and_a_used_up_budget_seal_what_was_drawn() {
    let app = Server::with(&[("M4SH_RATES_WS_DRAW", "2/min")]).await;
    let (tutor, pupils, lesson) = app.lesson(2).await;
    let mut lead = tutor.open(&lesson).await;
    let mut ann = pupils[0].open(&lesson).await;
    let mut ben = pupils[1].open(&lesson).await;
    ann.send(&begin("s")).await;
    lead.expect("drawing").await;
    let member = format!("/api/v1/classrooms/{}/members/{}/", lesson.class, pupils[0].id);
    tutor.patch(&member).json(&json!({"role": "viewer"})).send().await.expect(200);
    let rev = ann.accepted("draw:s").await;
    lead.until_rev(rev).await;
    assert_eq!(lead.board().count("s"), 1, "what was drawn while it was allowed stays");
    ann.send(&begin("t")).await;
    assert_eq!(ann.refused("draw:t").await["code"], "forbidden");

    for number in 0..4 {
        ben.send(&begin(&format!("b{number}"))).await;
    }
    ben.send(&begin("b4")).await;
    let refused = ben.refused("draw:b4").await;
    assert_eq!(refused["code"], "too_many_strokes", "{refused}");
    let mut more_of = more("b0", &[[1.0, 1.0]]);
    let mut frames = 0;
    let refused = loop {
        ben.send(&more_of).await;
        frames += 1;
        more_of = more("b0", &[[f64::from(frames), 1.0]]);
        ben.catch_up().await;
        if let Some(refused) = ben.seen("refused").pop() {
            break refused;
        }
        assert!(frames < 10, "a budget of eight frames");
    };
    assert!(refused["code"] == "rate_limited" && refused.number("retry_after_ms") > 0, "{refused}");
    lead.until_rev(ben.accepted("draw:b0").await).await;
    assert_eq!(lead.board().count("b0"), 1, "sealed as it was");
}

#[tokio::test]
async fn z7_a_switch_of_isolation_neither_reveals_a_stroke_under_way_nor_takes_one_back() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(2).await;
    let mut seats = [tutor.open(&lesson).await, pupils[0].open(&lesson).await, pupils[1].open(&lesson).await];
    // Begun for all: it stays what everybody saw.
    seats[1].send(&begin("shown")).await;
    Previews::default().until(&mut seats[2], "shown", 1).await;
    seats[0].send(&json!({"t": "isolate", "on": true})).await;
    let rev = seats[1].accepted("draw:shown").await;
    seats[2].until_rev(rev).await;
    assert_eq!(seats[2].board().count("shown"), 1);
    for seat in &mut seats {
        seat.expect("isolated").await;
    }
    // Begun apart: it stays its author's.
    seats[1].send(&begin("hidden")).await;
    Previews::default().until(&mut seats[0], "hidden", 1).await;
    seats[0].send(&json!({"t": "isolate", "on": false})).await;
    let rev = seats[1].accepted("draw:hidden").await;
    seats[2].until_rev(rev).await;
    // What the pen still says of it changes nothing, and its client is told so.
    seats[1].send(&more("hidden", &[[1.0, 1.0]])).await;
    assert_eq!(seats[1].accepted("draw:hidden").await, rev);
    seats[2].catch_up().await;
    seats[0].until_rev(rev).await;
    assert_eq!([0, 1, 2].map(|seat| seats[seat].board().count("hidden")), [1, 1, 0]);
    assert!(seats[2].seen("drawing").iter().all(|frame| !frame.to_string().contains("hidden")));
}
