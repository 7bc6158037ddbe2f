//! Readers that fall behind and take what they can: they are brought back in one frame, with no revision missing.
//! Tells it for tail and state, for both full dialects, and for those who draw meanwhile. Those who take nothing at all
//! are in `slow_readers`.

use serde_json::json;

use crate::harness::*;

/// Strokes of 60 kB that make any reader fall behind and are less than it may miss.
const STROKES: usize = 14;

/// Draws strokes that are too much for a reader that does not read; with `erased`, little of them stays.
async fn overwhelm(author: &mut Seat, name: &str, erased: bool) {
    for number in 0..STROKES {
        let id = format!("{name}-{number}");
        author.draw(heavy_stroke(&id, 60_000)).await;
        if erased {
            let id = author.submit(&[erase(&id)]).await;
            author.accepted(&id).await;
        }
    }
}

/// A server with every budget out of the way, whose metrics can be read.
async fn loud() -> Server {
    let settings: Vec<_> = LOUD.iter().copied().chain([("M4SH_ADMIN_BIND", "127.0.0.1:0")]).collect();
    Server::with(&settings).await
}

async fn rung(app: &Server, rung: &str) -> u64 {
    let metrics = fetch(app, &format!("http://{}/metrics", app.admin_address().await)).await.expect(200).text();
    let name = format!("m4sh_slow_reader_total{{rung=\"{rung}\"}} ");
    metrics.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok()).unwrap_or(0)
}

#[tokio::test]
async fn w16_a_reader_that_fell_behind_gets_the_tail_in_one_frame_and_goes_on() {
    let app = loud().await;
    let (tutor, pupils, lesson) = app.lesson(2).await;
    for dialect in [Dialect::Json, Dialect::MessagePack] {
        let mut author = tutor.open(&lesson).await;
        let mut slow = pupils[0].knock(&lesson).dialect(dialect).narrow().sit().await;
        let before = rung(&app, "behind").await;
        slow.stop_reading();
        overwhelm(&mut author, &format!("{dialect:?}"), false).await;
        assert!(rung(&app, "behind").await > before, "it is behind");
        let newcomer = pupils[1].open(&lesson).await;
        slow.read_on();
        slow.until_rev(author.rev()).await;
        let tails = slow.seen("tail");
        assert_eq!(tails.len(), 1, "{}", tails.len());
        assert!(tails[0].list("ops").len() > 3, "all that was left out is in it");
        let roster = tails[0].list("roster");
        assert!(roster.iter().any(|one| one["user"] == pupils[1].id), "and who came meanwhile: {roster:?}");
        assert_eq!(slow.board().state, author.board().state);
        let rev = author.draw(stroke(&format!("after {dialect:?}"))).await;
        slow.expect_that("ops", |frame| frame["rev"] == rev).await;
        slow.until_saved(rev).await;
        newcomer.leave().await;
    }
    assert_eq!((rung(&app, "tail").await, rung(&app, "closed").await), (2, 0));
}

#[tokio::test]
async fn w16_a_reader_that_fell_behind_gets_the_state_where_that_is_smaller() {
    let app = loud().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    for dialect in [Dialect::Json, Dialect::MessagePack] {
        let mut author = tutor.open(&lesson).await;
        let mut slow = pupils[0].knock(&lesson).dialect(dialect).narrow().sit().await;
        slow.stop_reading();
        overwhelm(&mut author, "s", true).await;
        slow.read_on();
        slow.until_rev(author.rev()).await;
        let snapshots = slow.seen("snapshot");
        assert_eq!(snapshots.len(), 1);
        assert!(snapshots[0]["state"].is_object() && snapshots[0]["epoch"] == author.epoch(), "{dialect:?}");
        assert_eq!(slow.board().state, author.board().state);
        let rev = author.draw(stroke(&format!("after {dialect:?}"))).await;
        slow.expect_that("ops", |frame| frame["rev"] == rev).await;
        assert_eq!(slow.board().state, author.board().state);
    }
}

#[tokio::test]
async fn w16_one_that_draws_while_it_is_behind_hears_its_answers_in_order_and_loses_nothing() {
    let app = loud().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut author = tutor.open(&lesson).await;
    let mut slow = pupils[0].knock(&lesson).narrow().sit().await;
    slow.stop_reading();
    overwhelm(&mut author, "s", true).await;
    let mut ids = Vec::new();
    for number in 0..30 {
        ids.push(slow.submit(&[add(stroke(&format!("mine-{number}")))]).await);
    }
    let nonsense = slow.submit(&[erase("nobody's")]).await;
    slow.read_on();
    let mut revs = Vec::new();
    for id in &ids {
        revs.push(slow.accepted(id).await);
    }
    assert!(revs.is_sorted(), "{revs:?}");
    assert_eq!(slow.refused(&nonsense).await["code"], "invalid_ops");
    author.until_rev(*revs.last().unwrap()).await;
    slow.until_rev(author.rev()).await;
    assert_eq!(slow.board().state, author.board().state);
    for number in 0..30 {
        assert_eq!(author.board().count(&format!("mine-{number}")), 1);
    }
    assert!(!slow.ended_with(4508));
}

#[tokio::test]
async fn w17_a_reader_that_takes_what_it_can_is_never_closed_however_much_goes_by() {
    let app = loud().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut author = tutor.open(&lesson).await;
    let mut slow = pupils[0].knock(&lesson).narrow().sit().await;
    let mut brought_back = 0;
    for round in 0..6 {
        slow.stop_reading();
        overwhelm(&mut author, &format!("r{round}"), true).await;
        slow.read_on();
        slow.until_rev(author.rev()).await;
        brought_back += slow.seen("snapshot").len() + slow.seen("tail").len();
        assert_eq!(slow.board().state, author.board().state, "round {round}");
    }
    assert!(brought_back >= 6, "{brought_back} times");
    assert!(author.seen("left").is_empty(), "it never left");
    assert_eq!(rung(&app, "closed").await, 0);
}

#[tokio::test]
async fn w18_a_reader_with_much_before_it_gets_cursors_again_when_it_has_taken_that() {
    let app = loud().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut author = tutor.open(&lesson).await;
    let mut slow = pupils[0].knock(&lesson).narrow().sit().await;
    slow.stop_reading();
    overwhelm(&mut author, "s", true).await;
    author.move_cursor(1.0, 1.0).await;
    author.draw(stroke("later")).await;
    assert!(rung(&app, "presence").await >= 1, "its cursors are left out");
    slow.read_on();
    slow.until_rev(author.rev()).await;
    author.move_cursor(2.0, 2.0).await;
    slow.expect_that("cursors", |frame| frame["c"][0][1].as_f64() == Some(2.0)).await;
    assert_eq!(json!(slow.board().state), json!(author.board().state));
}
