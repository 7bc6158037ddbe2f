//! Thumbnails: asked for, shown in lists, replaced, and free of charge.
//! Every address is fetched without a token and the picture looked into.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::*;

/// A board of 400 × 300 with one thick stroke in the left upper or right lower corner.
fn drawn(corner: (u32, u32)) -> Value {
    let points: Vec<_> = (0..8).map(|step| json!({"x": corner.0 + step * 10, "y": corner.1 + step * 8})).collect();
    json!({
        "pages": [{
            "id": "p1", "width": 400, "height": 300, "assets": [],
            "strokes": [{"id": "s", "tool": "pen", "color": "#000000", "size": 30, "points": points}],
        }],
        "activePageId": "p1",
    })
}

async fn refreshed(who: &Account, room: &impl Room) -> String {
    let answer = who.post(&room.rest("thumbnail/")).send().await.expect(200).json();
    assert_eq!(answer["status"], "success");
    answer.text("thumbnail_url")
}

/// An address without its proof, which changes with the hour.
fn place(url: &str) -> &str {
    url.split('?').next().unwrap()
}

async fn listed(who: &Account) -> Value {
    let list = who.get("/api/v1/solo/sessions/").send().await.expect(200).json();
    list["results"][0]["thumbnail_url"].clone()
}

#[tokio::test]
async fn e41_a_thumbnail_is_made_when_asked_for_and_shown_everywhere() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board_with(&drawn((40, 30))).await;
    let given = json!({"thumbnail_url": "https://elsewhere.test/old.png"});
    ann.patch(&board.rest("")).json(&given).send().await.expect(200);
    assert_eq!(listed(&ann).await, given["thumbnail_url"], "until there is a picture, what the client said");
    ann.get(&board.rest("thumbnail/")).send().await.refused(404, "not_found");

    let url = refreshed(&ann, &board).await;
    for shown in [listed(&ann).await, ann.read(&board).await["thumbnail_url"].clone()] {
        assert_eq!(place(shown.as_str().unwrap()), place(&url));
    }
    let picture = fetch(&app, &url).await.expect(200);
    assert!(picture.header("content-type").starts_with("image/"));
    let picture = pixels(&picture.body);
    assert!(has_ink(&picture, 0.2, 0.2) && !has_ink(&picture, 0.8, 0.8));
    let http = http_client().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let path = app.url(&board.rest("thumbnail/"));
    let found = http.get(path).bearer_auth(&ann.token).send().await.unwrap();
    assert_eq!(found.status(), 302);
    assert_eq!(place(found.headers()["location"].to_str().unwrap()), place(&url));
}

#[tokio::test]
async fn e41_thumbnails_are_for_those_who_see_the_board() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let stranger = app.tutor().await;
    stranger.post(&lesson.rest("thumbnail/")).send().await.refused(404, "not_found");
    refreshed(&pupils[0], &lesson).await;
    assert!(tutor.read(&lesson).await["thumbnail_url"].is_string());
    stranger.get(&lesson.rest("thumbnail/")).send().await.refused(404, "not_found");
    app.stranger().post(&lesson.rest("thumbnail/")).send().await.refused(401, "unauthorized");
    let nobody = Solo(Uuid::now_v7().to_string());
    tutor.post(&nobody.rest("thumbnail/")).send().await.refused(404, "not_found");
}

#[tokio::test]
async fn e42_a_thumbnail_is_small_and_free_and_follows_the_board() {
    let app = Server::start().await;
    let database = app.database.clone().unwrap();
    let ann = app.pupil("Ann").await;
    let board = ann.create_board_with(&drawn((40, 30))).await;
    let first = refreshed(&ann, &board).await;
    assert_eq!(place(&refreshed(&ann, &board).await), place(&first), "nothing changed: the same address");
    assert_eq!(database.number("SELECT count(*) FROM job WHERE kind = 'thumbnail'").await, 1);
    ann.stream(&board, 0, &drawn((280, 210))).send().await.expect(200);
    let second = refreshed(&ann, &board).await;
    assert_ne!(place(&first), place(&second));
    let file = fetch(&app, &second).await.expect(200).body;
    assert!(file.len() <= 20 * 1024, "{} bytes", file.len());
    let picture = pixels(&file);
    assert!(picture.width().max(picture.height()) == 320, "{} × {}", picture.width(), picture.height());
    assert!(has_ink(&picture, 0.8, 0.8) && !has_ink(&picture, 0.2, 0.2));
    assert_eq!(database.number("SELECT used + reserved FROM account_usage").await, 0);
    assert_eq!(database.number("SELECT count(*) FROM rendition").await, 1);
    assert_eq!(database.number("SELECT count(*) FROM loose_blob").await, 1, "the older picture is left to the sweep");
}

#[tokio::test]
async fn e42_a_copy_of_a_board_has_no_picture_yet() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board_with(&drawn((40, 30))).await;
    refreshed(&ann, &board).await;
    let copy = ann.post(&board.rest("duplicate/")).send().await.expect(201).json();
    assert!(copy["thumbnail_url"].is_null());
    let copy = Solo(copy.text("id"));
    ann.get(&copy.rest("thumbnail/")).send().await.refused(404, "not_found");
    refreshed(&ann, &copy).await;
}

#[tokio::test]
async fn e42_many_who_ask_at_once_leave_one_picture() {
    let app = Server::start().await;
    let database = app.database.clone().unwrap();
    let ann = app.pupil("Ann").await;
    let board = ann.create_board_with(&drawn((40, 30))).await;
    let asked = (0..4).map(|_| refreshed(&ann, &board));
    for url in futures_util::future::join_all(asked).await {
        // Each address worked when it was answered; the last one goes on working.
        assert!(url.contains("/thumbnails/"), "{url}");
    }
    let Value::String(url) = listed(&ann).await else { panic!("a picture") };
    fetch(&app, &url).await.expect(200);
    assert_eq!(database.number("SELECT count(*) FROM rendition").await, 1);
}
