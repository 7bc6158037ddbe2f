//! What clients tell of themselves, and what tutors may read of it.
//! Tells every form that is taken, what is refused and why, and that nobody is asked to sign in.

use serde_json::{Value, json};

use crate::harness::*;

const METRICS: &str = "/api/v1/logs/board-metrics/";
const TELEMETRY: &str = "/api/v1/logs/telemetry/";

async fn kept(app: &Server, what: &str, count: i64) {
    let database = app.database.as_ref().unwrap();
    let sql = format!("SELECT count(*) FROM client_event WHERE {what}");
    eventually(&format!("{count} kept where {what}"), || async {
        let found = database.number(&sql).await;
        assert!(found <= count, "{found} where {what}");
        (found == count).then_some(())
    })
    .await;
}

#[tokio::test]
async fn m2_board_metrics_are_taken_alone_in_a_list_wrapped_and_zipped() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let metric = |version: &str| {
        json!({
            "session_id": "s-1", "version": version, "extra_draws_during_save": 2, "main_thread_block_ms": 11.5,
            "input_latency_ms": 8, "save_rtt_ms": 120, "overlay_copy_ms": 0.25, "extra": {"gpu": "x"},
        })
    };
    for (body, count) in [
        (metric("one"), 1),
        (json!([metric("list"), metric("list")]), 2),
        (json!({"metrics": [metric("wrapped"), 7, metric("wrapped")]}), 2),
        (json!([]), 0),
    ] {
        let answer = ann.post(METRICS).json(&body).send().await.expect(201);
        assert_eq!(answer.json()["accepted"], count, "{body}");
    }
    let zipped = ann.post(METRICS).gzip(metric("zipped").to_string().as_bytes()).send().await.expect(201);
    assert_eq!(zipped.json(), json!({"accepted": 1}));
    let told = app.stranger().post("/api/logs/board-metrics").json(&metric("stranger")).send().await.expect(201);
    assert_eq!(told.json(), json!({"accepted": 1}));
    for (version, count) in [("one", 1), ("list", 2), ("wrapped", 2), ("zipped", 1), ("stranger", 1)] {
        kept(&app, &format!("version = '{version}' AND kind = 'board_metric'"), count).await;
    }
    let figures = "version = 'one' AND session = 's-1' AND extra_draws_during_save = 2 AND main_thread_block_ms = 11.5 \
                   AND input_latency_ms = 8 AND save_rtt_ms = 120 AND overlay_copy_ms = 0.25 \
                   AND data -> 'extra' ->> 'gpu' = 'x'";
    kept(&app, &format!("{figures} AND account = '{}'", ann.id), 1).await;
    kept(&app, "version = 'stranger' AND account IS NULL", 1).await;
}

#[tokio::test]
async fn m3_telemetry_is_taken_in_every_form_that_clients_send() {
    let app = Server::start().await;
    for body in [
        json!({"event": "solo_save", "payload": {"status": 200}, "session_id": "s-1", "timestamp": 17}),
        json!({"event_type": "solo_save", "payload": {"status": 200}, "session_id": "s-1", "timestamp": "2026-01-31"}),
        json!([{"name": "solo_save", "data": {"status": 200}, "session_id": "s-1"}]),
        json!({"events": [{"event_type": "solo_save", "payload": {"status": 200}, "session_id": "s-1"}]}),
    ] {
        let answer = app.stranger().post(TELEMETRY).json(&body).send().await.expect(204);
        assert!(answer.body.is_empty());
    }
    let bare = json!({"events": [{"event_type": "bare", "session_id": null, "payload": {}}]});
    app.stranger().post(TELEMETRY).gzip(bare.to_string().as_bytes()).send().await.expect(204);
    let plain = app.stranger().post(TELEMETRY).header("Content-Type", "text/plain").body("{\"event\":\"plain\"}");
    plain.send().await.expect(204);
    kept(&app, "name = 'solo_save' AND session = 's-1' AND kind = 'telemetry'", 4).await;
    kept(&app, "name = 'solo_save' AND coalesce(data -> 'payload', data -> 'data') ->> 'status' = '200'", 4).await;
    kept(&app, "name = 'bare' AND session IS NULL", 1).await;
    kept(&app, "name = 'plain' AND data IS NULL", 1).await;
}

#[tokio::test]
async fn m4_what_cannot_be_kept_is_refused_with_a_reason_and_the_rest_is_kept() {
    let app = Server::start().await;
    let stranger = app.stranger();
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let many = format!("[{}]", vec!["{}"; 501].join(","));
    for path in [METRICS, TELEMETRY] {
        for wrong in [
            "",
            "nope",
            "7",
            "null",
            "{\"a\":NaN}",
            "{\"a\":1e999}",
            "{\"a\":\"\\ud800\"}",
            "{\"a\":\"\\u0000\"}",
            &deep,
            &many,
        ] {
            let answer = stranger.post(path).raw_json(wrong.to_owned()).send().await.expect(400).json();
            let told = answer["detail"].as_str().is_some_and(|detail| detail.len() > 10);
            assert!(told && answer["error"].is_string(), "{wrong:.20}: {answer}");
        }
        stranger.post(path).raw_json(vec![b'"', 0xff, b'"']).send().await.expect(400);
    }
    let odd =
        json!({"version": "odd", "save_rtt_ms": "fast", "input_latency_ms": -3, "session_id": {"deep": [1, [2]]}});
    stranger.post(METRICS).json(&odd).send().await.expect(201);
    kept(&app, "version = 'odd' AND save_rtt_ms IS NULL AND data ->> 'save_rtt_ms' = 'fast' AND session IS NULL", 1)
        .await;
    let long = json!({"event": "я".repeat(300)});
    stranger.post(TELEMETRY).json(&long).send().await.expect(204);
    kept(&app, "char_length(name) = 128", 1).await;
}

#[tokio::test]
async fn m5_a_token_that_is_no_good_costs_nobody_their_telemetry() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    for token in ["nonsense", ""] {
        ann.with_token(token).post(TELEMETRY).json(&json!({"event": "anonymous"})).send().await.expect(204);
    }
    ann.post(TELEMETRY).json(&json!({"event": "signed"})).send().await.expect(204);
    kept(&app, "name = 'anonymous' AND account IS NULL", 2).await;
    kept(&app, &format!("name = 'signed' AND account = '{}'", ann.id), 1).await;
}

#[tokio::test]
async fn h10_every_gated_body_passes_at_its_limit_and_says_413_one_byte_above_before_asking_who() {
    let app = Server::start().await;
    let stranger = app.stranger();
    let session = "/api/v1/solo/sessions/0198a000-0000-7000-8000-000000000000/";
    for (method, path, limit) in [
        ("PATCH", format!("{session}diff/"), 512 * 1024),
        ("POST", format!("{session}save-stream/"), 2 * 1024 * 1024),
        ("POST", format!("{session}beacon/"), 64 * 1024),
        ("POST", METRICS.to_owned(), 64 * 1024),
        ("POST", TELEMETRY.to_owned(), 32 * 1024),
        ("POST", "/api/v1/auth/login/".to_owned(), 16 * 1024),
        ("POST", "/api/v1/classrooms/".to_owned(), 16 * 1024),
    ] {
        let call = || stranger.call(method.parse().unwrap(), &path);
        let padded = |bytes: usize| format!("{{}}{}", " ".repeat(bytes - 2));
        let is_six = |answer: Answer, encoding: &str| {
            let body = answer.refused(413, "payload_too_large");
            let mut keys: Vec<_> = body.as_object().unwrap().keys().cloned().collect();
            keys.sort_unstable();
            assert_eq!(keys, ["detail", "encoding", "endpoint", "error", "limit", "request_id"], "{path}");
            assert_eq!(
                (&body["limit"], &body["encoding"], &body["endpoint"], &body["detail"]),
                (&json!(limit), &json!(encoding), &json!(path), &json!("payload_too_large"))
            );
        };
        let fits = call().raw_json(padded(limit)).send().await;
        assert!(![413, 415].contains(&fits.status), "{path}: {}", fits.status);
        assert_ne!(call().gzip(padded(limit).as_bytes()).send().await.status, 413, "{path}");
        is_six(call().raw_json(padded(limit + 1)).send().await, "raw");
        is_six(call().gzip(padded(limit + 1).as_bytes()).send().await, "gzip");
        let bomb = gzip(&vec![b' '; 32 * 1024 * 1024]);
        is_six(call().header("Content-Encoding", "gzip").body(bomb).send().await, "gzip");
        // Compressed bytes alone over the limit, which are no gzip either: the size is told.
        is_six(call().header("Content-Encoding", "GZip").body(vec![7; limit + 1]).send().await, "gzip");
        is_six(call().header("Content-Encoding", "zstd").body(vec![7; limit + 1]).send().await, "raw");
        for (encoding, body) in [("br", limit + 1), ("br", 2), ("zstd", 2), ("deflate", 2), ("gzip, gzip", 2)] {
            let answer = call().header("Content-Encoding", encoding).body(vec![7; body]).send().await;
            answer.refused(415, "unsupported_media_type");
        }
        for broken in [b"no gzip".to_vec(), gzip(b"{}")[..12].to_vec()] {
            let answer = call().header("Content-Encoding", "gzip").body(broken).send().await.expect(400);
            assert_eq!(answer.json()["detail"], "invalid_gzip", "{path}");
        }
        let plain = call().header("Content-Encoding", "identity").raw_json("{}").send().await;
        assert!(![413, 415].contains(&plain.status), "{path}");
    }
}

#[tokio::test]
async fn m6_a_database_that_takes_no_telemetry_delays_neither_the_teller_nor_a_save() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let client = app.database.as_ref().unwrap().client().await;
    client.batch_execute("BEGIN; LOCK TABLE client_event IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let began = std::time::Instant::now();
    for rev in 0..20 {
        app.stranger()
            .post(TELEMETRY)
            .json(&json!({"events": [{"event": "held"}, {"event": "held"}]}))
            .send()
            .await
            .expect(204);
        ann.post(&board.rest("beacon/")).send().await.expect(204);
        ann.save(&board, rev, json!([add_stroke(&format!("s{rev}"))])).await;
    }
    assert!(began.elapsed() < std::time::Duration::from_secs(8), "{:?}", began.elapsed());
    client.batch_execute("COMMIT").await.unwrap();
    kept(&app, "name = 'held'", 40).await;
    kept(&app, "name = 'beacon'", 20).await;
}

#[tokio::test]
async fn m7_tutors_read_percentiles_by_version_and_hour() {
    // What is this old would be removed by the schedule.
    let app = Server::with(&[("M4SH_JOBS", "false")]).await;
    let (tutor, pupil) = (app.tutor().await, app.pupil("Ann").await);
    let database = app.database.as_ref().unwrap();
    let row = |at: &str, version: &str, rtt: u32| format!("('{at}', 'board_metric', '{version}', {rtt}, {})", rtt / 10);
    let mut rows: Vec<_> = (1..=101).map(|n| row("2026-01-31 10:15:00Z", "v1", n * 10)).collect();
    rows.push(row("2026-01-31 11:00:00Z", "v1", 7));
    rows.push(row("2026-01-31 10:59:59Z", "v2", 9));
    rows.push(row("2026-02-01 00:00:00Z", "v1", 1));
    let insert = "INSERT INTO client_event (at, kind, version, save_rtt_ms, input_latency_ms) VALUES ";
    database.execute(&format!("{insert}{}", rows.join(","))).await;
    database
        .execute("INSERT INTO client_event (at, kind, version) VALUES ('2026-01-31 10:00:00Z', 'telemetry', 'v1')")
        .await;
    let path = format!("{METRICS}aggregate/");
    let ask = |query: &str| tutor.get(&format!("{path}?{query}"));
    let day = "from=2026-01-31T00:00:00Z&to=2026-02-01T00:00:00Z";
    let found = ask(day).send().await.expect(200).json();
    let rows: Vec<(&str, &str, u64)> = found["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["hour"].as_str().unwrap(), row["version"].as_str().unwrap(), row["count"].as_u64().unwrap()))
        .collect();
    assert_eq!(
        rows,
        [
            ("2026-01-31T11:00:00.000000Z", "v1", 1),
            ("2026-01-31T10:00:00.000000Z", "v1", 101),
            ("2026-01-31T10:00:00.000000Z", "v2", 1)
        ]
    );
    assert_eq!(found["results"][1]["save_rtt_ms"], json!({"p50": 510.0, "p95": 960.0}));
    assert_eq!(found["results"][1]["input_latency_ms"], json!({"p50": 51.0, "p95": 96.0}));
    assert_eq!((&found["count"], &found["truncated"]), (&json!(3), &json!(false)));
    let one = ask(&format!("{day}&version=v2")).send().await.expect(200).json();
    assert_eq!(one["results"].as_array().map(Vec::len), Some(1));
    pupil.get(&path).send().await.refused(403, "forbidden");
    app.stranger().get(&path).send().await.expect(401);
    let empty: Value = tutor.get(&path).send().await.expect(200).json();
    assert_eq!(empty["results"], json!([]));
    for wrong in [
        "from=x",
        "from=2026-01-01T00:00:00Z&to=2026-03-01T00:00:00Z",
        "from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z",
    ] {
        ask(wrong).send().await.refused(400, "validation_error");
    }
}
