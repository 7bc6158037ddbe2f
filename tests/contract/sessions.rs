//! Solo sessions over REST: listing, making, reading, changing, deleting and copying boards of one's own.
//! Tells what survives a round trip. Diff and save-stream are `saving`.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::*;

const SESSIONS: &str = "/api/v1/solo/sessions/";

#[tokio::test]
async fn h1_a_session_is_made_with_defaults_read_listed_changed_and_deleted() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let made = ann.post(SESSIONS).json(&json!({})).send().await.expect(201);
    assert_eq!(made.etag_rev(), 0);
    let made = made.json();
    assert_eq!(
        (&made["name"], &made["state"], &made["page_count"], &made["thumbnail_url"], &made["rev"]),
        (&json!("Untitled"), &json!({}), &json!(1), &Value::Null, &json!(0))
    );
    for key in ["id", "created_at", "updated_at", "state_digest"] {
        assert!(made.get(key).is_some(), "{key} in {made}");
    }
    let solo = Solo(made.text("id"));
    let read = ann.get(&solo.rest("")).send().await.expect(200);
    assert_eq!(read.etag_rev(), 0);
    assert_eq!(read.json(), made, "what was answered is what is read");

    let list = ann.get(SESSIONS).send().await.expect(200).json();
    assert_eq!(list["count"], 1);
    let row = &list["results"][0];
    assert_eq!(row["id"], made["id"]);
    for key in ["name", "page_count", "thumbnail_url", "updated_at"] {
        assert!(row.get(key).is_some(), "{key} in {row}");
    }
    let renamed = ann.patch(&solo.rest("")).json(&json!({"name": "Дроби"})).send().await.expect(200);
    assert_eq!(renamed.etag_rev(), 0, "a new name is no new state");
    assert_eq!(renamed.json()["name"], "Дроби");
    ann.delete(&solo.rest("")).send().await.expect(204);
    ann.get(&solo.rest("")).send().await.expect(404);
    assert_eq!(ann.get(SESSIONS).send().await.expect(200).json()["count"], 0);
}

#[tokio::test]
async fn h1_the_list_is_newest_first_whole_and_mine() {
    let app = Server::start().await;
    let (ann, bob) = (app.pupil("Ann").await, app.pupil("Bob").await);
    let mut boards = Vec::new();
    for _ in 0..4 {
        boards.push(ann.create_board().await);
    }
    bob.create_board().await;
    ann.save(&boards[1], 0, json!([add_stroke("s")])).await;
    let list = ann.get(SESSIONS).send().await.expect(200).json();
    let ids: Vec<_> = list.list("results").iter().map(|row| row.text("id")).collect();
    let expected: Vec<_> = [1, 3, 2, 0].map(|number: usize| boards[number].0.clone()).into();
    assert_eq!((list["count"].as_u64(), ids), (Some(4), expected));
}

#[tokio::test]
async fn h2_somebody_else_s_session_an_unknown_one_and_no_uuid_are_all_not_found() {
    let app = Server::start().await;
    let (ann, bob) = (app.pupil("Ann").await, app.pupil("Bob").await);
    let board = ann.create_board().await;
    for id in [board.0.clone(), Uuid::new_v4().to_string(), "7".to_owned(), "not-a-uuid".to_owned()] {
        let path = format!("{SESSIONS}{id}/");
        let ops = json!({"rev": 0, "ops": [add_stroke("s")]});
        let answers = [
            bob.get(&path).send().await,
            bob.patch(&path).json(&json!({"name": "Mine now"})).send().await,
            bob.delete(&path).send().await,
            bob.post(&format!("{path}duplicate/")).send().await,
            bob.patch(&format!("{path}diff/")).header("If-Match", "\"0\"").json(&ops).send().await,
            bob.post(&format!("{path}save-stream/"))
                .header("If-Match", "\"0\"")
                .json(&json!({"state": one_page()}))
                .send()
                .await,
        ];
        for answer in answers {
            let body = answer.expect(404).json();
            assert!(body["error"].is_string() && body["detail"].is_string() && body["request_id"].is_string());
        }
    }
    assert_eq!(ann.read(&board).await["name"], "Mine");
}

#[tokio::test]
async fn d6_a_state_is_opaque_and_comes_back_as_it_was_sent() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    // Written and compared as text, keys in their order: 1.0 is not 1, big integers keep their digits, and keys that
    // the server does not know stay at every level.
    let states = [
        r#"{"pages":[{"strokes":[]}]}"#,
        r#"{"pages":[]}"#,
        r#"{}"#,
        r#"{"strokes":[{"points":[1.0,1,-0.0,0.1]}],"zoom":1.0}"#,
        r#"{"huge":123456789012345678901234567890,"neg":-9223372036854775809,"u64":18446744073709551615}"#,
        r#"{"deep":{"a":[{"b":[{"c":null}]}],"e":"😀"},"name":"Дошка ґ","quote":"\"\\/"}"#,
        r#"{"currentPageIndex":0,"pages":[{"background":{"type":"grid"},"grid":true,"id":"page-1","testObjects":[1]}]}"#,
    ];
    for state in states {
        let body = format!(r#"{{"name":"S","state":{state}}}"#);
        let made = ann.post(SESSIONS).raw_json(body).send().await.expect(201);
        let id = made.json().text("id");
        let read = ann.get(&format!("{SESSIONS}{id}/")).send().await.expect(200);
        for text in [made.text(), read.text()] {
            assert!(same_text(&text, state), "{state} came back as {text}");
        }
    }
}

/// Whether the answer's `state` is this text, but for the spelling of characters.
fn same_text(answer: &str, state: &str) -> bool {
    let start = answer.find(r#""state":"#).expect("a state") + 8;
    let found = unescaped(&answer[start..]);
    found.starts_with(&unescaped(state))
}

/// JSON text with `\uXXXX` (of this file's strings) written out.
fn unescaped(text: &str) -> String {
    let (mut units, mut out, mut rest) = (Vec::new(), String::new(), text);
    while let Some(at) = rest.find("\\u") {
        if at > 0 && !units.is_empty() {
            out.push_str(&String::from_utf16(&std::mem::take(&mut units)).unwrap());
        }
        out.push_str(&rest[..at]);
        units.push(u16::from_str_radix(&rest[at + 2..at + 6], 16).unwrap());
        rest = &rest[at + 6..];
    }
    out.push_str(&String::from_utf16(&units).unwrap());
    out + rest
}

#[tokio::test]
async fn d1_digests_are_those_of_the_contract() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let vectors = [
        (
            r#"{"pages":[{"id":"p1","strokes":[],"assets":[]}],"activePageId":"p1"}"#,
            "6de6df6a45d46a84d9e3627811c469c3dec6520859fb5b3e3641f09398bea689",
        ),
        (
            r##"{"pages":[{"id":"p1","strokes":[{"id":"stroke-1","points":[{"x":0,"y":0}],"color":"#111"}],"assets":[]}],"activePageId":"p1"}"##,
            "14c93124111a390c3394be2d40d29b4a8541b23eb526d6847c778889394babd5",
        ),
        (
            r#"{"x":1.0,"y":1,"z":-0,"w":-0.0,"v":1e3,"u":1E-7,"t":0.00001,"s":1e16,"r":123456789012345678901234567890}"#,
            "b02058a8e212fab5f8de2a68e32ea90cfa3165ee48a83bfa24649df78bec97db",
        ),
        (
            r#"{"name":"Дошка","e":"😀","c":"\u0007\u007f/\"\\"}"#,
            "d39162b460b750ba241c503be897051db21df769b16593374e4d0932d3ac5109",
        ),
        (
            r#"{"\ud83d\ude00":1,"\uffff":2,"a":3,"B":4}"#,
            "087f262f282873768f16cbee2aba2b1f189456267443022bf55d5cd322932997",
        ),
    ];
    for (state, digest) in vectors {
        let board = ann.create_board().await;
        let stream = ann.post(&board.rest("save-stream/")).header("If-Match", "\"0\"");
        let saved = stream.raw_json(format!(r#"{{"state":{state}}}"#)).send().await.expect(200).json();
        assert_eq!(saved["digest"], digest, "{state}");
        assert_eq!(ann.read(&board).await["state_digest"], digest, "{state}");
    }
    // The same state reached by a diff has the same digest.
    let board = ann.create_board().await;
    let op = json!({"op": "add", "kind": "stroke",
        "value": {"id": "stroke-1", "points": [{"x": 0, "y": 0}], "color": "#111"}});
    assert_eq!(ann.save(&board, 0, json!([op])).await["digest"], vectors[1].1);
}

#[tokio::test]
async fn h4_a_patch_with_a_state_is_a_write_like_any_other() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let state =
        json!({"pages": [{"id": "a", "strokes": [stroke("s")], "assets": []}, {"id": "b"}], "activePageId": "a"});
    let answer = ann.patch(&board.rest("")).json(&json!({"name": "N", "state": state})).send().await.expect(200);
    assert_eq!(answer.etag_rev(), 1);
    let body = answer.json();
    assert_eq!(
        (&body["rev"], &body["name"], &body["page_count"], &body["state"], &body["state_digest"]),
        (&json!(1), &json!("N"), &json!(2), &state, &json!(plain_digest(&state)))
    );
    let patch =
        |tag: &str| ann.patch(&board.rest("")).header("If-Match", tag).json(&json!({"state": one_page()})).send();
    let refused = patch("W/\"rev:0\"").await.refused(412, "precondition_failed");
    assert_eq!(refused["server_rev"], 1);
    assert_eq!(ann.read(&board).await["state"], state);
    assert_eq!(patch("W/\"rev:1\"").await.expect(200).etag_rev(), 2);
    // A name that travels with a refused state does not change either.
    let both = json!({"name": "Other", "state": {"pages": []}});
    ann.patch(&board.rest("")).header("If-Match", "\"1\"").json(&both).send().await.expect(412);
    assert_eq!(ann.read(&board).await["name"], "N");
}

#[tokio::test]
async fn h5_bodies_of_sessions_are_checked_field_by_field() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    ann.post(SESSIONS).json(&json!({"name": "ї".repeat(255)})).send().await.expect(201);
    for (field, value) in [
        ("name", json!("x".repeat(256))),
        ("name", json!(7)),
        ("page_count", json!(-1)),
        ("page_count", json!("two")),
        ("thumbnail_url", json!(5)),
        ("state", json!("text")),
        ("state", json!([1])),
    ] {
        for call in [ann.post(SESSIONS), ann.patch(&board.rest(""))] {
            let answer = call.json(&json!({field: value})).send().await;
            assert_eq!(answer.status, 400, "{field} = {value:.40}: {}", answer.text());
        }
    }
    for body in ["", "{", "[]", "{\"state\": {\"a\": NaN}}", "{\"state\": {\"a\": \"\\u0000\"}}", "{\"a\": 1e999}"] {
        for call in [ann.post(SESSIONS), ann.patch(&board.rest(""))] {
            let answer = call.raw_json(body).send().await;
            let empty = body.is_empty() && answer.status < 300;
            assert!(answer.status == 400 || empty, "{body}: {} {}", answer.status, answer.text());
        }
    }
    let deep = format!("{{\"state\": {{\"a\": {}1{}}}}}", "[".repeat(100_000), "]".repeat(100_000));
    ann.post(SESSIONS).raw_json(deep).send().await.expect(400);
    assert_eq!(ann.read(&board).await["rev"], 0);
}

#[tokio::test]
async fn h5_a_session_of_ten_mebibytes_is_taken_and_one_byte_more_is_not() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let body = |bytes: usize| {
        let frame = r#"{"state":{"big":""}}"#.len();
        format!(r#"{{"state":{{"big":"{}"}}}}"#, "x".repeat(bytes - frame))
    };
    let limit = 10 * 1024 * 1024;
    let board = Solo(ann.post(SESSIONS).raw_json(body(limit)).send().await.expect(201).json().text("id"));
    assert_eq!(ann.read(&board).await["state"]["big"].as_str().unwrap().len(), limit - 20);
    let refused = ann.post(SESSIONS).raw_json(body(limit + 1)).send().await.refused(413, "payload_too_large");
    assert_eq!(refused["limit"], limit);
}

#[tokio::test]
async fn h6_a_duplicate_is_a_fresh_board_with_the_same_state() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    ann.save(&board, 0, json!([add_stroke("s1")])).await;
    let copy = ann.post(&board.rest("duplicate/")).send().await.expect(201);
    assert_eq!(copy.etag_rev(), 0);
    let copy = copy.json();
    let original = ann.read(&board).await;
    assert_eq!((&copy["name"], &copy["state"], &copy["rev"]), (&json!("Mine (Copy)"), &original["state"], &json!(0)));
    assert_eq!((&copy["state_digest"], &copy["thumbnail_url"]), (&json!(""), &Value::Null));
    let copy = Solo(copy.text("id"));
    ann.save(&copy, 0, json!([add_stroke("s2")])).await;
    assert_eq!(stroke_ids(&ann.read(&board).await["state"]), ["s1"]);
    assert_eq!(stroke_ids(&ann.read(&copy).await["state"]), ["s1", "s2"]);
    // The longest name still has room for what the copy's name adds.
    let long = ann.post(SESSIONS).json(&json!({"name": "x".repeat(255)})).send().await.expect(201).json();
    let copy = ann.post(&Solo(long.text("id")).rest("duplicate/")).send().await.expect(201).json();
    assert!(copy.text("name").chars().count() <= 255);
}

#[tokio::test]
async fn h7_a_beacon_changes_no_state_and_takes_what_browsers_can_send() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let path = board.rest("beacon/");
    ann.post(&path).json(&json!({"heartbeat": true, "client_ts": 17, "state": {"pages": []}})).send().await.expect(204);
    ann.post(&path).header("Content-Type", "text/plain").body("{\"client_ts\": \"x\"}").send().await.expect(204);
    ann.post(&path).send().await.expect(204);
    let inside = json!({"token": ann.token, "heartbeat": true}).to_string();
    app.stranger().post(&path).header("Content-Type", "text/plain").body(inside).send().await.expect(204);
    app.stranger().post(&path).json(&json!({"heartbeat": true})).send().await.expect(401);
    assert_eq!(ann.post(&path).raw_json("{").send().await.expect(400).json()["detail"], "invalid_payload");
    let padded = |bytes: usize| format!("{{}}{}", " ".repeat(bytes - 2));
    ann.post(&path).raw_json(padded(65_536)).send().await.expect(204);
    ann.post(&path).raw_json(padded(65_537)).send().await.refused(413, "payload_too_large");
    let read = ann.read(&board).await;
    assert_eq!((&read["rev"], &read["state"]), (&json!(0), &one_page()));
}
