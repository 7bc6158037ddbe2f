//! Saving over REST: diff and save-stream with every status, header and body that clients branch on, and the order
//! in which faults are told. Exactly-once and races are in `repeating`. Never opens a socket.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::*;

const DIFF_LIMIT: usize = 524_288;
const STREAM_LIMIT: usize = 2_097_152;

/// A JSON body padded with blanks to exactly so many bytes.
fn padded(body: &Value, bytes: usize) -> String {
    let text = body.to_string();
    format!("{text}{}", " ".repeat(bytes - text.len()))
}

fn diff_body() -> Value {
    json!({"rev": 0, "ops": [add_stroke("s")]})
}

fn stream_body() -> Value {
    json!({"state": {"pages": [{"id": "p1", "strokes": [], "assets": []}], "note": "new"}})
}

/// The two saving routes with a good body and their limit.
fn routes(board: &Solo) -> [(Method, String, Value, usize); 2] {
    [
        (Method::PATCH, board.rest("diff/"), diff_body(), DIFF_LIMIT),
        (Method::POST, board.rest("save-stream/"), stream_body(), STREAM_LIMIT),
    ]
}

#[tokio::test]
async fn h16_a_diff_answers_the_next_revision_its_tag_and_the_digest_of_the_state() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    for rev in 0..3 {
        let answer = ann.diff(&board, rev, &json!([add_stroke(&format!("s{rev}"))])).send().await.expect(200);
        assert_eq!(answer.etag_rev(), rev + 1);
        let body = answer.json();
        assert_eq!(body["next_rev"], rev + 1);
        let read = ann.get(&board.rest("")).send().await.expect(200);
        assert_eq!(read.etag_rev(), rev + 1);
        let read = read.json();
        assert_eq!(body["digest"], plain_digest(&read["state"]));
        assert_eq!((&read["rev"], &read["state_digest"]), (&body["next_rev"], &body["digest"]));
        assert!(body.text("server_ts").starts_with("20"), "{body}");
    }
    assert_eq!(stroke_ids(&ann.read(&board).await["state"]), ["s0", "s1", "s2"]);
}

#[tokio::test]
async fn h16_a_stream_answers_one_body_for_changed_and_unchanged_states() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let same = ann.stream(&board, 0, &one_page()).send().await.expect(200);
    assert_eq!((same.etag_rev(), &same.json()["detail"]), (1, &json!("accepted")), "the first save counts always");
    let state = json!({"pages": [{"id": "a"}, {"id": "b"}, {"id": "c"}], "activePageId": "a", "zoom": 2});
    let changed = ann.stream(&board, 1, &state).send().await.expect(200);
    let unchanged = ann.stream(&board, 2, &state).send().await.expect(200);
    for (answer, detail) in [(changed, "accepted"), (unchanged, "unchanged")] {
        assert_eq!(answer.etag_rev(), 2);
        let body = answer.json();
        assert_eq!(
            (&body["detail"], &body["rev"], &body["next_rev"], &body["digest"]),
            (&json!(detail), &json!(2), &json!(2), &json!(plain_digest(&state)))
        );
        assert!(body["server_ts"].is_string());
    }
    let read = ann.read(&board).await;
    assert_eq!((&read["state"], &read["rev"], &read["page_count"]), (&state, &json!(2), &json!(3)));
    // Another content type carries the bare state.
    let bare = ann.post(&board.rest("save-stream/")).header("If-Match", "\"2\"").header("Content-Type", "text/plain");
    assert_eq!(bare.body(one_page().to_string()).send().await.expect(200).etag_rev(), 3);
    assert_eq!(ann.read(&board).await["state"], one_page());
}

#[tokio::test]
async fn h15_the_revision_headers_are_read_as_the_contract_says() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    // The board stands at 5. What is sent, and what comes back for a diff.
    type Case<'a> = (&'a [(&'a str, &'a str)], u16, &'a str);
    let table: [Case; 27] = [
        (&[("If-Match", "W/\"rev:5\"")], 200, ""),
        (&[("If-Match", "\"rev:5\"")], 200, ""),
        (&[("If-Match", "rev:5")], 200, ""),
        (&[("If-Match", "W/\"REV:5\"")], 200, ""),
        (&[("If-Match", "\"5\"")], 200, ""),
        (&[("If-Match", "W/\"5\"")], 200, ""),
        (&[("If-Match", "5")], 200, ""),
        (&[("If-Match", "W/\"rev:5\", W/\"rev:4\"")], 200, ""),
        (&[("If-Match", "W/\"rev:4\", W/\"rev:5\"")], 412, "precondition_failed"),
        (&[("If-Match", "W/\"rev:4\"")], 412, "precondition_failed"),
        (&[("If-Match", "W/\"rev:6\"")], 412, "precondition_failed"),
        (&[("If-Match", "*")], 412, "precondition_failed"),
        (&[("If-Match", "\"abc\"")], 412, "precondition_failed"),
        (&[("If-Match", "-5")], 412, "precondition_failed"),
        (&[("If-Match", "rev:99999999999999999999999999")], 412, "precondition_failed"),
        (&[("If-Match", "")], 412, "precondition_failed"),
        (&[], 412, "precondition_failed"),
        (&[("X-Rev", "5")], 200, ""),
        (&[("X-Revision", "5")], 200, ""),
        (&[("X-Rev", "4")], 409, "rev_mismatch"),
        (&[("X-Revision", "6")], 409, "rev_mismatch"),
        (&[("X-Rev", "five")], 409, "rev_mismatch"),
        (&[("X-Rev", "99999999999999999999999999")], 409, "rev_mismatch"),
        (&[("If-Match", "\"5\""), ("X-Rev", "4")], 200, ""),
        (&[("If-Match", "\"4\""), ("X-Rev", "5")], 412, "precondition_failed"),
        (&[("If-Match", ""), ("X-Rev", "5")], 200, ""),
        (&[("If-Match", ""), ("X-Rev", "4")], 409, "rev_mismatch"),
    ];
    let mut board = at_five(&ann).await;
    for (headers, status, code) in table {
        for (method, path, body, _) in routes(&board.clone()) {
            let call =
                headers.iter().fold(ann.call(method.clone(), &path), |call, (name, text)| call.header(name, text));
            let answer = call.json(&body).send().await;
            assert_eq!(answer.status, status, "{method} {headers:?}: {}", answer.text());
            if status == 200 {
                assert_eq!(answer.etag_rev(), 6, "{method} {headers:?}");
                board = at_five(&ann).await;
                break;
            }
            let body = answer.refused(status, code);
            assert_eq!(body["server_rev"], 5, "{headers:?}");
            assert!(body["request_id"].is_string());
        }
    }
    assert_eq!(ann.read(&board).await["rev"], 5, "a refusal changed nothing");
}

/// A board whose revision is 5.
async fn at_five(ann: &Account) -> Solo {
    let board = ann.create_board().await;
    for rev in 0..5 {
        ann.save(&board, rev, json!([{"op": "add", "kind": "meta", "value": {"n": rev}}])).await;
    }
    board
}

#[tokio::test]
async fn h8_the_first_fault_in_the_contract_s_order_is_the_one_told_for_a_diff() {
    let app = Server::with(&[("M4SH_RATES_SOLO_DIFF", "200/min")]).await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let nowhere = Solo(Uuid::new_v4().to_string());
    let bad_op = json!({"op": "add", "kind": "stroke"});
    let many: Vec<_> = (0..101).map(|n| add_stroke(&format!("s{n}"))).collect();
    let unfit = json!({"rev": 0, "ops": [erase("nobody")]});
    let huge = padded(&json!({"rev": 0, "ops": []}), DIFF_LIMIT + 1);
    let stranger = app.stranger();
    let diff = |who: &Account, board: &Solo| who.patch(&board.rest("diff/"));
    // Each request has the fault of its row and at least one of those below it.
    let answer = diff(&stranger, &nowhere).header("Content-Encoding", "br").raw_json(huge.clone()).send().await;
    answer.refused(415, "unsupported_media_type");
    diff(&stranger, &nowhere).raw_json(huge).send().await.refused(413, "payload_too_large");
    diff(&stranger, &nowhere).raw_json("{").send().await.expect(401);
    let answer = diff(&ann, &nowhere).raw_json("{").send().await.expect(400);
    assert!(answer.json().text("detail").starts_with("JSON parse error"), "{}", answer.text());
    diff(&ann, &nowhere).json(&json!({"rev": 0, "ops": [bad_op]})).send().await.expect(400);
    diff(&ann, &nowhere).json(&json!({"rev": 0, "ops": []})).send().await.expect(400);
    let quota = diff(&ann, &nowhere).json(&json!({"rev": 0, "ops": many})).send().await.expect(422);
    assert_eq!(quota.json()["detail"], "ops_quota_exceeded");
    diff(&ann, &nowhere).json(&unfit).send().await.expect(404);
    diff(&ann, &board).json(&unfit).send().await.refused(412, "precondition_failed");
    diff(&ann, &board).header("X-Rev", "3").json(&unfit).send().await.refused(409, "rev_mismatch");
    let unfit = diff(&ann, &board).header("X-Rev", "0").json(&unfit).send().await.expect(422);
    assert_eq!(unfit.json()["detail"], "invalid_ops");
    ann.save(&board, 0, json!([add_stroke("s")])).await;
}

#[tokio::test]
async fn h8_the_first_fault_in_the_contract_s_order_is_the_one_told_for_a_stream() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let nowhere = Solo(Uuid::new_v4().to_string());
    let huge = padded(&json!({}), STREAM_LIMIT + 1);
    let stranger = app.stranger();
    let stream = |who: &Account, board: &Solo| who.post(&board.rest("save-stream/"));
    let answer = stream(&stranger, &nowhere).header("Content-Encoding", "br").raw_json(huge.clone()).send().await;
    answer.refused(415, "unsupported_media_type");
    stream(&stranger, &nowhere).raw_json(huge).send().await.refused(413, "payload_too_large");
    stream(&stranger, &nowhere).json(&json!({})).send().await.expect(401);
    assert_eq!(stream(&ann, &nowhere).json(&json!({})).send().await.expect(400).json()["detail"], "state_required");
    stream(&ann, &nowhere).json(&stream_body()).send().await.expect(404);
    stream(&ann, &board).json(&stream_body()).send().await.refused(412, "precondition_failed");
    stream(&ann, &board).header("X-Rev", "3").json(&stream_body()).send().await.refused(409, "rev_mismatch");
    stream(&ann, &board).header("X-Rev", "0").json(&stream_body()).send().await.expect(200);
}

#[tokio::test]
async fn h9_bodies_of_a_diff_that_are_none_are_told_why() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let send = |body: String| ann.patch(&board.rest("diff/")).header("If-Match", "\"0\"").raw_json(body).send();
    let missing = send("{}".to_owned()).await.expect(400).json();
    for field in ["rev", "ops"] {
        assert_eq!(missing[field], json!(["This field is required."]), "{missing}");
    }
    let empty = send(json!({"rev": 0, "ops": []}).to_string()).await.expect(400).json();
    assert_eq!(empty["ops"], "At least one operation is required");
    for body in ["", "{", "nonsense", "\u{feff}{}", "{\"rev\":0,\"ops\":[NaN]}", "{\"rev\":0,\"ops\":[\"\\ud800\"]}"] {
        let detail = send(body.to_owned()).await.expect(400).json();
        assert!(detail["detail"].as_str().is_some_and(|text| text.starts_with("JSON parse error")), "{body}: {detail}");
    }
    for body in [
        json!([]),
        json!(7),
        json!(null),
        json!({"rev": 0, "ops": {}}),
        json!({"rev": 0, "ops": "x"}),
        json!({"rev": -1, "ops": [add_stroke("s")]}),
        json!({"rev": "x", "ops": [add_stroke("s")]}),
        json!({"rev": 0, "ops": null}),
    ] {
        let answer = send(body.to_string()).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.text());
        assert!(answer.json()["request_id"].is_string());
    }
    let deep = format!("{{\"rev\":0,\"ops\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
    send(deep).await.expect(400);
    assert_eq!(ann.read(&board).await["rev"], 0);
}

#[tokio::test]
async fn h9_bodies_of_a_stream_that_are_none_are_told_why() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let call = || ann.post(&board.rest("save-stream/")).header("If-Match", "\"0\"");
    for state in [json!({}), json!([]), json!(null), json!(0), json!(""), json!(false)] {
        let answer = call().json(&json!({"state": state})).send().await.expect(400);
        assert_eq!(answer.json()["detail"], "state_required", "{state}");
    }
    assert_eq!(call().json(&json!({"rev": 0})).send().await.expect(400).json()["detail"], "state_required");
    for state in [json!("text"), json!([1]), json!(7), json!(true)] {
        call().json(&json!({"state": state})).send().await.expect(400);
    }
    let raw = call().header("Content-Type", "application/octet-stream").body("{\"pages\": [").send().await;
    assert_eq!(raw.expect(400).json()["detail"], "invalid_json");
    call().raw_json("{").send().await.expect(400);
    assert_eq!(ann.read(&board).await["rev"], 0);
}

#[tokio::test]
async fn h10_bodies_pass_at_the_limit_and_are_refused_one_byte_above_raw_and_gzipped() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    for round in 0..2 {
        let board = ann.create_board().await;
        for (number, (method, path, mut body, limit)) in routes(&board).into_iter().enumerate() {
            if method == Method::PATCH {
                body = json!({"rev": 0, "ops": [add(heavy_stroke("s", 1000))]});
            }
            let zipped = round == 1;
            let call = |bytes: usize| {
                let call = ann.call(method.clone(), &path).header("If-Match", &format!("\"{number}\""));
                let text = padded(&body, bytes);
                if zipped { call.gzip(text.as_bytes()) } else { call.raw_json(text) }
            };
            let refused = call(limit + 1).send().await.refused(413, "payload_too_large");
            let encoding = if zipped { "gzip" } else { "raw" };
            assert_eq!(
                (&refused["limit"], &refused["encoding"], &refused["endpoint"], &refused["detail"]),
                (&json!(limit), &json!(encoding), &json!(path), &json!("payload_too_large"))
            );
            assert!(refused["request_id"].is_string());
            call(limit).send().await.expect(200);
        }
    }
}

#[tokio::test]
async fn h10_a_body_without_a_length_is_measured_while_it_comes() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let request = |bytes: usize| {
        let body = padded(&diff_body(), bytes);
        let half = body.len() / 2;
        let chunks =
            format!("{:x}\r\n{}\r\n{:x}\r\n{}\r\n0\r\n\r\n", half, &body[..half], body.len() - half, &body[half..]);
        format!(
            "PATCH {} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nIf-Match: \"0\"\r\nConnection: close\r\n\
             Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}",
            board.rest("diff/"),
            ann.token
        )
    };
    assert!(raw_http(&app, &request(DIFF_LIMIT + 1)).await.starts_with("HTTP/1.1 413"));
    assert!(raw_http(&app, &request(DIFF_LIMIT)).await.starts_with("HTTP/1.1 200"));
}

/// Sends bytes to the public port and reads what comes back until the connection ends or breaks.
async fn raw_http(app: &Server, request: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(app.address()).await.unwrap();
    // The server may answer and close before it has read everything.
    let _ = stream.write_all(request.as_bytes()).await;
    let (mut answer, mut part) = (Vec::new(), [0; 4096]);
    let reading = async {
        while let Ok(count @ 1..) = stream.read(&mut part).await {
            answer.extend_from_slice(&part[..count]);
        }
    };
    let _ = tokio::time::timeout(DEADLINE, reading).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn h11_compressed_bodies_are_bounded_while_they_inflate_and_broken_ones_are_a_bad_request() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let bomb = gzip(&vec![b' '; 64 * 1024 * 1024]);
    assert!(bomb.len() < 100_000);
    for (method, path, body, limit) in routes(&board) {
        let call = || {
            let call = ann.call(method.clone(), &path).header("If-Match", "\"0\"");
            call.header("Content-Type", "application/json").header("Content-Encoding", "gzip")
        };
        let refused = call().body(bomb.clone()).send().await.refused(413, "payload_too_large");
        assert_eq!((&refused["encoding"], &refused["limit"]), (&json!("gzip"), &json!(limit)));
        let good = gzip(body.to_string().as_bytes());
        let mut corrupt = good.clone();
        let middle = corrupt.len() / 2;
        corrupt[middle] ^= 0xff;
        for broken in [good[..good.len() - 5].to_vec(), corrupt, good[..3].to_vec(), b"no gzip at all".to_vec()] {
            let answer = call().body(broken).send().await.expect(400);
            assert_eq!(answer.json()["detail"], "invalid_gzip", "{}", answer.text());
        }
        for encoding in ["br", "deflate", "zstd", "gzip, br", "compress"] {
            let call = ann.call(method.clone(), &path).header("If-Match", "\"0\"");
            let answer = call.header("Content-Encoding", encoding).json(&body).send().await;
            answer.refused(415, "unsupported_media_type");
        }
    }
    let (rev_0, rev_1) = (diff_body(), stream_body());
    ann.patch(&board.rest("diff/"))
        .header("If-Match", "\"0\"")
        .gzip(rev_0.to_string().as_bytes())
        .send()
        .await
        .expect(200);
    let stream = ann.post(&board.rest("save-stream/")).header("If-Match", "\"1\"");
    stream.gzip(rev_1.to_string().as_bytes()).send().await.expect(200);
    let bare = ann.post(&board.rest("save-stream/")).header("If-Match", "\"2\"");
    let bare = bare.header("Content-Type", "text/plain").header("Content-Encoding", "GZIP");
    bare.body(gzip(one_page().to_string().as_bytes())).send().await.expect(200);
    for encoding in ["identity", "IDENTITY"] {
        let call = ann.patch(&board.rest("diff/")).header("If-Match", "\"3\"").header("Content-Encoding", encoding);
        let ops = json!({"rev": 3, "ops": [{"op": "update", "kind": "meta", "id": "m", "value": {"m": 1}}]});
        let status = call.json(&ops).send().await.status;
        assert_eq!(status, if encoding == "identity" { 200 } else { 412 }, "known, then at another revision");
    }
}

#[tokio::test]
async fn d2_a_hundred_operations_pass_and_a_hundred_and_one_are_too_many() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let ops = |count: usize| Value::from_iter((0..count).map(|n| add_stroke(&format!("s{n}"))));
    let refused = ann.diff(&board, 0, &ops(101)).send().await.expect(422).json();
    assert_eq!(
        (&refused["detail"], &refused["max_ops"], &refused["your_ops"]),
        (&json!("ops_quota_exceeded"), &json!(100), &json!(101))
    );
    ann.save(&board, 0, ops(100)).await;
    let read = ann.read(&board).await;
    assert_eq!((stroke_ids(&read["state"]).len(), &read["rev"]), (100, &json!(1)), "one batch, one revision");
}

#[tokio::test]
async fn d3_faults_of_form_are_400_and_faults_of_sense_are_422_each_naming_its_operation() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    ann.save(&board, 0, json!([add_stroke("here")])).await;
    let before = ann.read(&board).await;
    let stroke_op = |action: &str, rest: Value| {
        let mut op = json!({"op": action, "kind": "stroke", "page_id": "p1"});
        op.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        op
    };
    let table = [
        (400, json!({"op": "move", "kind": "stroke", "id": "here"})),
        (400, json!({"op": "add", "kind": "laser", "value": {"id": "x"}})),
        (400, json!({"kind": "stroke", "value": {"id": "x"}})),
        (400, json!({"op": "add", "value": {"id": "x"}})),
        (400, json!({"op": 7, "kind": "stroke"})),
        (400, json!("add")),
        (400, json!(null)),
        (400, stroke_op("add", json!({}))),
        (400, stroke_op("add", json!({"value": null}))),
        (400, stroke_op("update", json!({"patch": {"a": 1}}))),
        (400, stroke_op("update", json!({"id": "  ", "patch": {"a": 1}}))),
        (400, stroke_op("update", json!({"id": "here"}))),
        (400, stroke_op("remove", json!({}))),
        (400, stroke_op("remove", json!({"id": ["here"]}))),
        (400, json!({"op": "add", "kind": "meta", "value": 7})),
        (400, json!({"op": "add", "kind": "meta", "value": {}})),
        (400, json!({"op": "remove", "kind": "meta"})),
        (400, json!({"op": "add", "kind": "state", "value": {}})),
        (422, stroke_op("add", json!({"value": 7}))),
        (422, stroke_op("add", json!({"value": {"color": "red"}}))),
        (422, stroke_op("add", json!({"value": {"id": ""}}))),
        (422, stroke_op("add", json!({"value": {"id": "here"}}))),
        (422, stroke_op("update", json!({"id": "nobody", "patch": {"a": 1}}))),
        (422, stroke_op("update", json!({"id": "here", "patch": {}}))),
        (422, stroke_op("remove", json!({"id": "nobody"}))),
        (422, json!({"op": "add", "kind": "stroke", "page_id": "no-such-page", "value": {"id": "x"}})),
        (422, json!({"op": "add", "kind": "asset", "page_id": "p1", "value": []})),
    ];
    for (status, op) in table {
        // Two good operations come first: they must leave no trace.
        let ops = json!([add_stroke("first"), recolour("here", "#f00"), op]);
        let answer = ann.diff(&board, 1, &ops).send().await;
        assert_eq!(answer.status, status, "{op}: {}", answer.text());
        let body = answer.json();
        assert_eq!(body["index"], 2, "{op}: {body}");
        assert!(body["request_id"].is_string());
        if status == 422 {
            assert_eq!(body["detail"], "invalid_ops", "{op}");
            assert!(!body.text("message").is_empty(), "{op}");
        }
    }
    let after = ann.read(&board).await;
    assert_eq!((&after["state"], &after["rev"]), (&before["state"], &before["rev"]), "whole or not at all");
    assert_eq!(after["state_digest"], before["state_digest"]);
}

#[tokio::test]
async fn d5_a_board_that_would_grow_past_its_bound_is_refused_and_goes_on() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let big = json!({"pages": [{"id": "p1", "strokes": [], "assets": []}], "activePageId": "p1", "x": "x".repeat(10_000_000)});
    let board = ann.create_board_with(&big).await;
    let (mut rev, mut refused) = (0, None);
    for number in 0..16 {
        let answer = ann.diff(&board, rev, &json!([add(heavy_stroke(&format!("s{number}"), 520_000))])).send().await;
        if answer.status == 200 {
            rev += 1;
        } else {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("there is a bound").expect(422).json();
    assert_eq!(refused["error"], "board_too_large", "{refused}");
    ann.save(&board, rev, json!([erase("s0")])).await;
    ann.save(&board, rev + 1, json!([add_stroke("small")])).await;
}

#[tokio::test]
async fn b2_each_rate_answers_429_with_all_its_headers_and_before_the_body_is_judged() {
    let rates =
        [("M4SH_RATES_SOLO_DIFF", "4/min"), ("M4SH_RATES_SOLO_STREAM", "3/min"), ("M4SH_RATES_SOLO_USER", "9/min")];
    let app = Server::with(&rates).await;
    let (ann, bob) = (app.pupil("Ann").await, app.pupil("Bob").await);
    let (board, other) = (ann.create_board().await, bob.create_board().await);
    for (method, path, body, limit) in routes(&board) {
        let mut last = 200;
        for _ in 0..6 {
            let answer = ann.call(method.clone(), &path).header("If-Match", "\"77\"").json(&body).send().await;
            last = answer.status;
            if last == 429 {
                is_rate_limited(&answer);
                break;
            }
            assert_eq!(last, 412);
        }
        assert_eq!(last, 429, "{path}");
        is_rate_limited(&ann.call(method.clone(), &path).raw_json("{").send().await);
        app.stranger().call(method.clone(), &path).json(&body).send().await.expect(401);
        ann.call(method.clone(), &path).raw_json(padded(&body, limit + 1)).send().await.expect(413);
    }
    assert_eq!(ann.read(&board).await["rev"], 0);
    bob.save(&other, 0, json!([add_stroke("my own budget")])).await;
    let mut last = 200;
    for _ in 0..12 {
        let answer = ann.get(&board.rest("")).send().await;
        last = answer.status;
        if last == 429 {
            is_rate_limited(&answer);
        }
    }
    assert_eq!(last, 429);
    bob.read(&other).await;
}

#[tokio::test]
async fn s10_the_same_state_again_is_unchanged_and_leaves_no_row_in_the_journal() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let rows = "SELECT count(*) FROM journal";
    let database = app.database.as_ref().unwrap();
    assert_eq!(ann.stream(&board, 0, &one_page()).send().await.expect(200).json()["detail"], "accepted");
    for _ in 0..3 {
        // The same state in another order of keys and other spelling of characters.
        let text = r#"{"state":{"activePageId":"\u0070\u0031","pages":[{"strokes":[],"id":"p1","assets":[]}]}}"#;
        let call = ann.post(&board.rest("save-stream/")).header("If-Match", "\"1\"").raw_json(text);
        assert_eq!(call.send().await.expect(200).json()["detail"], "unchanged");
    }
    assert_eq!((database.number(rows).await, &ann.read(&board).await["rev"]), (1, &json!(1)));
    // Unchanged or not, the revision that was meant must be the one that is.
    ann.stream(&board, 0, &one_page()).send().await.refused(412, "precondition_failed");
}

#[tokio::test]
async fn b7_every_rate_of_the_example_settings_can_be_set_by_the_environment() {
    let example = include_str!("../../config/example.toml");
    let table = example.split("[rates]").nth(1).expect("a table of rates");
    let names: Vec<String> = table
        .lines()
        .filter_map(|line| line.trim_start_matches(['#', ' ']).split_once(" = \"").map(|(name, _)| name.trim()))
        .filter(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
        .map(|name| format!("M4SH_RATES_{}", name.to_uppercase()))
        .collect();
    assert!(names.len() >= 10, "{names:?}");
    let settings: Vec<_> = names.iter().map(|name| (name.as_str(), "3/h")).collect();
    let app = Server::with(&settings).await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    for rev in 0..3 {
        ann.save(&board, rev, json!([add_stroke(&format!("s{rev}"))])).await;
    }
    is_limited_for_long(&ann.diff(&board, 3, &json!([add_stroke("s4")])).send().await);
}

fn is_limited_for_long(answer: &Answer) {
    assert_eq!(answer.status, 429);
    assert!(answer.header("Retry-After").parse::<u64>().is_ok_and(|seconds| (600..=1200).contains(&seconds)));
}
