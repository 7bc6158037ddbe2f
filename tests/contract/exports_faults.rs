//! Exports when something goes wrong: hostile boards, a store that is away, a server that is killed.
//! In each case the server lives, the answer is clear and nothing is charged for nothing.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::harness::*;

fn wish(format: &str) -> Value {
    json!({ "format": format })
}

/// A board whose pages take a while to draw.
fn heavy(pages: usize, strokes: usize) -> Value {
    let stroke = |number: usize| {
        let at = |step: usize, by: usize| (number * by + step * 37) % 1000;
        let points: Vec<_> = (0..40).map(|step| json!({"x": at(step, 7), "y": at(step, 13)})).collect();
        json!({"id": format!("s{number}"), "tool": "pen", "color": "#123", "size": 3, "points": points})
    };
    let page = |number: usize| {
        let strokes: Vec<_> = (0..strokes).map(stroke).collect();
        json!({"id": format!("p{number}"), "width": 1000, "height": 1000, "strokes": strokes, "assets": []})
    };
    json!({"pages": (0..pages).map(page).collect::<Vec<_>>(), "activePageId": "p0"})
}

#[tokio::test]
async fn e39_a_hostile_board_fails_or_is_drawn_and_the_server_lives() {
    let mut app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let page = |page: Value| json!({"pages": [page]});
    let stroke = |stroke: Value| page(json!({"id": "p", "strokes": [stroke], "assets": []}));
    let points: Vec<_> = (0..1000).map(|step| json!({"x": step, "y": 1e300})).collect();
    let states = [
        page(json!({"id": "p", "width": 1e300, "height": -5, "strokes": [], "assets": []})),
        page(json!({"id": "p", "width": 1_000_000_000, "height": 1_000_000_000, "strokes": [], "assets": []})),
        stroke(json!({"id": "s", "tool": "pen", "size": 1e308, "color": "url(#x)", "points": points})),
        stroke(
            json!({"id": "s", "tool": "text", "text": "<script>&\u{202e}".repeat(2000), "points": [{"x": 0, "y": 0}]}),
        ),
        page(
            json!({"id": "p", "strokes": 7, "assets": [{"id": "a", "type": "image", "x": 0, "y": 0, "width": 9, "height": 9,
            "src": "file:///etc/passwd"}]}),
        ),
        page(
            json!({"id": "p", "strokes": [], "assets": [{"id": "a", "type": "svg", "x": 0, "y": 0, "width": 9, "height": 9,
            "src": "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'><image href='http://127.0.0.1:1/'/></svg>"}]}),
        ),
        json!({"pages": [7, null, {"strokes": [[]]}, []]}),
        json!({"pages": {}}),
        json!({}),
    ];
    for state in &states {
        let board = ann.create_board_with(state).await;
        for format in ["png", "svg", "pdf", "json"] {
            let asked = ann.post(&board.rest("export/")).json(&wish(format)).send().await.expect(201).json();
            let ended = ann.export_ended(&asked.text("id")).await;
            let fine = match ended["status"].as_str() {
                Some("completed") => ended["file_url"].is_string() && ended["error"].is_null(),
                _ => ended["file_url"].is_null() && ended["error"].as_str().is_some_and(|why| why.ends_with('.')),
            };
            assert!(fine, "{format} of {state}: {ended}");
            if format == "json" {
                assert_eq!(ended["status"], "completed");
            }
        }
    }
    assert!(app.is_running());
    let orphaned = "SELECT count(*) FROM blob WHERE stored_at IS NULL";
    assert_eq!(app.database.as_ref().unwrap().number(orphaned).await, 0);
}

/// Takes the object store's folder away and puts a file in its place, and the other way round.
fn break_store(data: &Path) {
    let store = data.join("blobs");
    fs::rename(&store, data.join("blobs.away")).expect("the store's folder");
    fs::write(&store, "no folder").unwrap();
}

fn mend_store(data: &Path) {
    fs::remove_file(data.join("blobs")).unwrap();
    fs::rename(data.join("blobs.away"), data.join("blobs")).unwrap();
}

#[tokio::test]
async fn e39_without_the_object_store_an_export_fails_with_a_reason_and_costs_nothing() {
    let app = Server::start().await;
    let database = app.database.clone().unwrap();
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let before = ann.exported(&board, &wish("json")).await.number("file_size");
    break_store(app.data.path());
    let asked = ann.post(&board.rest("export/")).json(&wish("json")).send().await.expect(201).json();
    // The first attempt has failed; the next ones wait for longer and longer, which this test does not.
    let path = format!("/api/v1/exports/{}/", asked.text("id"));
    let attempts = format!("SELECT attempts::bigint FROM job WHERE id = '{}'", asked.text("id"));
    eventually("an attempt has failed", || async {
        let seen = ann.get(&path).send().await.expect(200).json();
        assert!(seen["file_url"].is_null() && seen["status"] != "completed", "{seen}");
        (seen["status"] == "pending" && database.number(&attempts).await >= 1).then_some(())
    })
    .await;
    let sums = "SELECT used + 1000000 * reserved FROM account_usage";
    assert_eq!(database.number(sums).await, i64::try_from(before).unwrap(), "nothing is charged or held");
    database.execute("UPDATE job SET attempts = 4, run_at = now() WHERE status = 'pending'").await;
    let ended = ann.export_ended(&asked.text("id")).await;
    assert_eq!((&ended["status"], &ended["error"]), (&json!("failed"), &json!("The file store could not be written.")));
    assert_eq!(database.number(sums).await, i64::try_from(before).unwrap());
    // Nothing else depends on it: the board is read and saved.
    ann.save(&board, 0, json!([add_stroke("s")])).await;
    mend_store(app.data.path());
    ann.exported(&board, &wish("json")).await;
    assert_eq!(database.number("SELECT count(*) FROM blob WHERE stored_at IS NOT NULL").await, 2);
}

#[tokio::test]
async fn e39_an_export_that_waits_for_the_object_store_is_completed_when_it_is_back() {
    let app = Server::start().await;
    let database = app.database.clone().unwrap();
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    ann.exported(&board, &wish("json")).await;
    break_store(app.data.path());
    let asked = ann.post(&board.rest("export/")).json(&wish("json")).send().await.expect(201).json();
    let attempts = format!("SELECT attempts::bigint FROM job WHERE id = '{}'", asked.text("id"));
    eventually("an attempt has failed", || async { (database.number(&attempts).await >= 1).then_some(()) }).await;
    mend_store(app.data.path());
    database.execute("UPDATE job SET run_at = now() WHERE status = 'pending'").await;
    assert_eq!(ann.export_ended(&asked.text("id")).await["status"], "completed");
    let orphans = "SELECT count(*) FROM blob WHERE stored_at IS NULL";
    assert_eq!(database.number(orphans).await, 0);
}

#[tokio::test]
async fn e41_a_thumbnail_that_cannot_be_made_is_told_as_old_clients_know_it() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    ann.exported(&board, &wish("json")).await;
    break_store(app.data.path());
    let refused = ann.post(&board.rest("thumbnail/")).send().await.refused(500, "Failed to generate thumbnail");
    assert_eq!(refused["code"], "thumbnail_failed");
    mend_store(app.data.path());
    ann.post(&board.rest("thumbnail/")).send().await.expect(200);
}

#[tokio::test]
async fn e40_an_export_that_a_crash_interrupts_is_completed_after_the_restart() {
    let state = heavy(30, 250); // first: an idle connection would be closed while it is made
    let mut app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board_with(&state).await;
    let asked = ann.post(&board.rest("export/")).json(&wish("pdf")).send().await.expect(201).json();
    assert_ne!(asked["status"], "completed", "too quick to be interrupted: {asked}");
    app.kill_and_restart().await;
    let ended = ann.export_ended(&asked.text("id")).await;
    assert_eq!((&ended["status"], &ended["page_count"]), (&json!("completed"), &json!(30)), "{ended}");
    let file = fetch(&app, &ended.text("file_url")).await.expect(200);
    assert_eq!(pdf_pages(&file.body), 30);
    let database = app.database.clone().unwrap();
    assert_eq!(database.number("SELECT count(*) FROM blob").await, 1);
    let sums = "SELECT used + 1000000000 * reserved FROM account_usage";
    assert_eq!(database.number(sums).await, i64::try_from(ended.number("file_size")).unwrap());
}

#[tokio::test]
async fn e40_an_export_that_is_deleted_while_it_is_made_leaves_nothing() {
    let state = heavy(30, 250); // first: an idle connection would be closed while it is made
    let app = Server::start().await;
    let database = app.database.clone().unwrap();
    let ann = app.pupil("Ann").await;
    let board = ann.create_board_with(&state).await;
    let asked = ann.post(&board.rest("export/")).json(&wish("pdf")).send().await.expect(201).json();
    assert_ne!(asked["status"], "completed", "too quick to be interrupted: {asked}");
    ann.delete(&format!("/api/v1/exports/{}/", asked.text("id"))).send().await.expect(204);
    // The next one is made after it.
    ann.exported(&board, &wish("json")).await;
    eventually("nothing is held", || async {
        (database.number("SELECT sum(reserved)::bigint FROM account_usage").await == 0).then_some(())
    })
    .await;
    assert_eq!(database.number("SELECT count(*) FROM ledger").await, 1);
}
