//! What every HTTP answer has, whatever it answers: request ids, CORS headers, one form of error.
//! Tells clients what they can rely on everywhere. Never saves more than it must.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::*;

fn diff_body() -> Value {
    json!({"rev": 0, "ops": [add_stroke("s")]})
}

#[tokio::test]
async fn h12_a_request_s_id_is_echoed_or_made_in_header_and_body() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    for path in [board.rest(""), "/api/v1/nowhere/".to_owned(), "/health/live".to_owned()] {
        let named = ann.get(&path).header("X-Request-ID", "my-own-id.7").send().await;
        assert_eq!(named.header("X-Request-ID"), "my-own-id.7", "{path}");
        let unnamed = ann.get(&path).send().await;
        assert!(unnamed.header("X-Request-ID").len() >= 8, "{path}");
    }
    let refused = ann.patch(&board.rest("diff/")).header("X-Request-ID", "abc").json(&diff_body()).send().await;
    assert_eq!(refused.header("X-Request-ID"), "abc");
    assert_eq!(refused.refused(412, "precondition_failed")["request_id"], "abc");
    let long = "i".repeat(5000);
    let answer = ann.get(&board.rest("")).header("X-Request-ID", &long).send().await;
    assert!(answer.header("X-Request-ID").len() < 300, "a stranger's id is not carried through everything");
    let unnamed = ann.patch(&board.rest("diff/")).json(&diff_body()).send().await;
    let header = unnamed.header("X-Request-ID");
    assert_eq!(unnamed.json()["request_id"], header);
}

#[tokio::test]
async fn h13_browsers_of_allowed_origins_may_send_and_read_what_clients_use() {
    let app = Server::with(&[("M4SH_CORS_ORIGINS", "https://app.school.test")]).await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let preflight = |origin: &str| {
        let call = app.stranger().call(Method::OPTIONS, &board.rest("diff/")).header("Origin", origin);
        let wanted = "authorization,content-type,content-encoding,if-match,x-rev,x-revision,idempotency-key,\
                      x-idempotency-key,x-request-id,x-csrf-token,x-protocol-version";
        call.header("Access-Control-Request-Method", "PATCH").header("Access-Control-Request-Headers", wanted).send()
    };
    let allowed = preflight("https://app.school.test").await;
    assert!(allowed.status < 300, "{}", allowed.status);
    assert_eq!(allowed.header("Access-Control-Allow-Origin"), "https://app.school.test");
    assert_eq!(allowed.header("Access-Control-Allow-Credentials"), "true");
    let foreign = preflight("https://evil.test").await;
    assert_ne!(foreign.header("Access-Control-Allow-Origin"), "https://evil.test");
    let refused =
        ann.patch(&board.rest("diff/")).header("Origin", "https://app.school.test").json(&diff_body()).send().await;
    assert_eq!(refused.status, 412);
    assert_eq!(refused.header("Access-Control-Allow-Origin"), "https://app.school.test", "errors are readable, too");
    let exposed = refused.header("Access-Control-Expose-Headers").to_lowercase();
    for name in ["etag", "retry-after", "x-backoff-ms", "x-ratelimit-limit", "x-ratelimit-remaining", "x-request-id"] {
        assert!(exposed.contains(name), "{name} in {exposed}");
    }
}

#[tokio::test]
async fn h14_unknown_routes_and_methods_answer_in_the_same_body() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    for (method, path, statuses) in [
        (Method::GET, "/".to_owned(), [404, 200]),
        (Method::GET, "/api/v1/nothing/".to_owned(), [404, 404]),
        (Method::GET, "/ws/nothing/".to_owned(), [404, 404]),
        (Method::PUT, board.rest("diff/"), [405, 404]),
        (Method::DELETE, board.rest("save-stream/"), [405, 404]),
    ] {
        let answer = ann.call(method.clone(), &path).send().await;
        assert!(statuses.contains(&answer.status), "{method} {path}: {}", answer.status);
        if answer.status >= 400 {
            let body = answer.json();
            assert!(
                body["error"].is_string() && body["detail"].is_string() && body["request_id"].is_string(),
                "{body}"
            );
        }
    }
}

#[tokio::test]
async fn h19_every_answer_says_how_it_may_be_used() {
    let app = Server::with(&[("M4SH_CORS_ORIGINS", "*")]).await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let api = ["/api/v1/solo/sessions/", "/api/v1/auth/me/", "/api/v1/nowhere/", &board.rest(""), &board.rest("diff/")];
    for path in api.into_iter().chain(["/health/live", "/", "/board.js", "/nowhere"]) {
        let answer = ann.get(path).send().await;
        let is_api = path.starts_with("/api/");
        assert_eq!(answer.header("X-Content-Type-Options"), "nosniff", "{path}");
        assert_eq!(answer.header("Referrer-Policy"), "no-referrer", "{path}");
        assert_eq!(answer.header("X-Frame-Options"), if is_api { "DENY" } else { "SAMEORIGIN" }, "{path}");
        if is_api {
            assert_eq!(answer.header("Cache-Control"), "private, no-store", "{path}");
            assert_eq!(
                answer.header("Content-Security-Policy"),
                "default-src 'none'; frame-ancestors 'none'",
                "{path}"
            );
        }
    }
    // Where every origin may call, none of them may bring a cookie.
    let open = ann.get(&board.rest("")).header("Origin", "https://anywhere.test").send().await;
    assert_eq!(open.header("Access-Control-Allow-Origin"), "https://anywhere.test");
    assert_eq!(open.header("Access-Control-Allow-Credentials"), "");
}
