//! What a page says as it leaves: heard from whoever may see the board, kept as telemetry, changing nothing.
//! Tells how it may be signed, in which order it is refused, and what is kept of it.

use serde_json::json;

use crate::harness::*;

const KEPT: &str = "SELECT count(*) FROM client_event WHERE kind = 'telemetry' AND name = 'beacon'";

#[tokio::test]
async fn m1_a_beacon_is_kept_and_reorders_nothing() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let (first, second) = (ann.create_board().await, ann.create_board().await);
    ann.save(&first, 0, json!([add_stroke("s1")])).await;
    ann.save(&second, 0, json!([add_stroke("s1")])).await;
    let list = || async { ann.get("/api/v1/solo/sessions/").send().await.expect(200).json()["results"].clone() };
    let (listed, shown) = (list().await, ann.read(&first).await);
    let said =
        json!({"heartbeat": true, "client_ts": 17, "version": "v30", "state": {"pages": []}, "token": ann.token});
    ann.post(&first.rest("beacon/")).json(&said).send().await.expect(204);
    assert_eq!(list().await, listed);
    assert_eq!(ann.read(&first).await, shown);
    let database = app.database.as_ref().unwrap();
    eventually("the beacon is kept", || async { (database.number(KEPT).await == 1).then_some(()) }).await;
    let sql = "SELECT account::text, session, version, data::text FROM client_event WHERE name = 'beacon'";
    let row = database.client().await.query_one(sql, &[]).await.unwrap();
    assert_eq!((row.get::<_, &str>(0), row.get::<_, &str>(1)), (&*ann.id, &*first.0));
    assert_eq!(row.get::<_, &str>(2), "v30");
    let data: serde_json::Value = serde_json::from_str(row.get(3)).unwrap();
    assert_eq!(data, json!({"bytes": said.to_string().len(), "client_ts": 17, "heartbeat": true}));
}

#[tokio::test]
async fn m1_renaming_a_board_is_no_write() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    assert!(ann.read(&board).await["last_write_at"].is_null());
    ann.patch(&board.rest("")).json(&json!({"name": "Before"})).send().await.expect(200);
    assert!(ann.read(&board).await["last_write_at"].is_null());
    ann.save(&board, 0, json!([add_stroke("s1")])).await;
    let saved = ann.read(&board).await;
    assert!(saved["last_write_at"].is_string());
    let renamed = ann.patch(&board.rest("")).json(&json!({"name": "After"})).send().await.expect(200).json();
    assert_eq!(renamed["last_write_at"], saved["last_write_at"]);
    assert!(renamed.text("updated_at") > saved.text("updated_at"));
    ann.save(&board, 1, json!([add_stroke("s2")])).await;
    assert!(ann.read(&board).await.text("last_write_at") > saved.text("last_write_at"));
}

#[tokio::test]
async fn h7_a_beacon_is_signed_by_header_body_or_cookie_and_never_by_the_address() {
    let app = Server::start().await;
    let (ann, bob) = (app.pupil("Ann").await, app.pupil("Bob").await);
    let board = ann.create_board().await;
    let path = board.rest("beacon/");
    let stranger = app.stranger();
    let text = |call: Call| call.header("Content-Type", "text/plain;charset=UTF-8");
    text(stranger.post(&path)).body(json!({"token": ann.token}).to_string()).send().await.expect(204);
    let cookie = |account: &Account| format!("theme=dark; m4sh_refresh={}", account.refresh);
    text(stranger.post(&path)).header("Cookie", &cookie(&ann)).send().await.expect(204);
    // The cookie is not used up: it still buys the next token.
    stranger.post(&path).header("Cookie", &cookie(&ann)).json(&json!({"heartbeat": true})).send().await.expect(204);
    let refreshed = stranger.post("/api/v1/auth/refresh/").header("Cookie", &cookie(&ann)).send().await.expect(200);
    stranger.post(&path).header("Cookie", &cookie(&ann)).send().await.expect(401);
    let next = format!("m4sh_refresh={}", refreshed.json().text("refresh"));
    stranger.post(&path).header("Cookie", &next).send().await.expect(204);
    for wrong in [json!({"token": "x"}), json!({"token": 7}), json!({"token": ""}), json!({}), json!([])] {
        stranger.post(&path).json(&wrong).send().await.expect(401);
    }
    stranger.post(&format!("{path}?token={}", ann.token)).send().await.expect(401);
    // A header that is there is what counts.
    ann.with_token("nonsense").post(&path).json(&json!({"token": ann.token})).send().await.expect(401);
    bob.post(&path).send().await.expect(404);
    stranger.post(&path).header("Cookie", &cookie(&bob)).send().await.expect(404);
    ann.post("/api/v1/auth/logout/").send().await.expect(204);
    stranger.post(&path).header("Cookie", &next).send().await.expect(401);
}

#[tokio::test]
async fn h8_a_beacon_is_refused_in_the_contracts_order() {
    let app = Server::with(&[("M4SH_RATES_SOLO_BEACON", "2/min")]).await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let (path, nowhere) = (board.rest("beacon/"), Solo(ann.id.clone()).rest("beacon/"));
    let huge = || " ".repeat(64 * 1024 + 1);
    app.stranger().post(&nowhere).raw_json(huge()).send().await.refused(413, "payload_too_large");
    app.stranger().post(&nowhere).raw_json("{").send().await.expect(401);
    ann.post(&nowhere).raw_json("{").send().await.refused(404, "not_found");
    ann.post(&path).raw_json("{").send().await.refused(400, "invalid_payload");
    is_rate_limited(&ann.post(&nowhere).raw_json("{").send().await);
    ann.post(&nowhere).raw_json(huge()).send().await.refused(413, "payload_too_large");
}

#[tokio::test]
async fn m1_a_deleted_board_hears_no_more_beacons() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    ann.post(&board.rest("beacon/")).send().await.expect(204);
    ann.delete(&board.rest("")).send().await.expect(204);
    ann.post(&board.rest("beacon/")).send().await.expect(404);
}
