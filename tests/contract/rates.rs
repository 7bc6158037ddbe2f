//! Every REST scope in force, one form of 429, and whose address counts behind a proxy.
//! Tells it for each route and scope. Never waits for a budget to refill.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::*;

/// A route, what is sent to it, and whether a stranger may send it.
struct Route {
    scope: &'static str,
    method: Method,
    path: String,
    body: Value,
    is_public: bool,
}

fn routes(board: &Solo) -> Vec<Route> {
    let signed =
        |scope, method, path: &str, body| Route { scope, method, path: path.to_owned(), body, is_public: false };
    let public = |scope, path: &str, body| Route { is_public: true, ..signed(scope, Method::POST, path, body) };
    vec![
        signed("SOLO_DIFF", Method::PATCH, &board.rest("diff/"), json!({})),
        signed("SOLO_STREAM", Method::POST, &board.rest("save-stream/"), json!({})),
        signed("SOLO_BEACON", Method::POST, &board.rest("beacon/"), json!({})),
        signed("SOLO_USER", Method::GET, "/api/v1/solo/sessions/", Value::Null),
        signed("SOLO_USER", Method::GET, &board.rest(""), Value::Null),
        signed("SOLO_USER", Method::PATCH, &board.rest(""), json!({})),
        signed("SOLO_USER", Method::GET, &format!("/api/v1/boards/{}/", board.0), Value::Null),
        signed("BOARD_METRICS", Method::POST, "/api/v1/logs/board-metrics/", json!({})),
        signed("TELEMETRY", Method::POST, "/api/v1/logs/telemetry/", json!({})),
        signed("API_USER", Method::GET, "/api/v1/auth/me/", Value::Null),
        signed("API_USER", Method::GET, "/api/v1/classrooms/", Value::Null),
        signed("API_USER", Method::POST, "/api/v1/classrooms/", json!({})),
        signed("JOIN_CLASS", Method::POST, "/api/v1/classrooms/join/", json!({"invite_code": "x"})),
        public("BOARD_METRICS", "/api/v1/logs/board-metrics/", json!({})),
        public("TELEMETRY", "/api/v1/logs/telemetry/", json!({})),
        public("REGISTER", "/api/v1/auth/register/", json!({})),
        public("LOGIN_ADDRESS", "/api/v1/auth/login/", json!({})),
        public("REFRESH", "/api/v1/auth/refresh/", json!({})),
    ]
}

#[tokio::test]
async fn b2_every_scope_gives_its_count_and_then_one_and_the_same_429() {
    let (normal, tight) = (Server::start().await, "3/min");
    let database = normal.database.clone().unwrap();
    let ann = normal.tutor().await;
    let board = ann.create_board().await;
    for route in routes(&board) {
        let scope = format!("M4SH_RATES_{}", route.scope);
        let app = Server::on(database.clone(), &[(&scope, tight)]).await;
        let caller = if route.is_public { app.stranger() } else { ann.at(&app) };
        let call = || {
            let call = caller.call(route.method.clone(), &route.path);
            if route.body.is_null() { call } else { call.json(&route.body) }
        };
        for number in 0..3 {
            let answer = call().send().await;
            assert_ne!(answer.status, 429, "{} {} {number}", route.method, route.path);
        }
        let answer = call().send().await;
        assert_eq!(answer.status, 429, "{} {}: {}", route.method, route.path, answer.text());
        is_rate_limited(&answer);
        assert_eq!(answer.header("X-RateLimit-Limit"), "3");
        assert_eq!(answer.header("Retry-After"), "20");
        let wait: u64 = answer.header("X-Backoff-Ms").parse().unwrap();
        assert!((15_000..=20_000).contains(&wait), "{wait}");
        let mut keys: Vec<_> = answer.json().as_object().unwrap().keys().cloned().collect();
        keys.sort_unstable();
        assert_eq!(keys, ["detail", "error", "request_id", "retry_after_ms"], "{}", route.path);
    }
}

#[tokio::test]
async fn b2_scopes_and_people_do_not_spend_each_others_budgets() {
    let app = Server::with(&[("M4SH_RATES_SOLO_BEACON", "1/min"), ("M4SH_RATES_SOLO_USER", "4/min")]).await;
    let (ann, bob) = (app.pupil("Ann").await, app.pupil("Bob").await);
    let (hers, his) = (ann.create_board().await, bob.create_board().await);
    ann.post(&hers.rest("beacon/")).send().await.expect(204);
    is_rate_limited(&ann.post(&hers.rest("beacon/")).send().await);
    bob.post(&his.rest("beacon/")).send().await.expect(204);
    for _ in 0..3 {
        ann.read(&hers).await;
    }
    is_rate_limited(&ann.get(&hers.rest("")).send().await);
    ann.save(&hers, 0, json!([add_stroke("s1")])).await;
}

#[tokio::test]
async fn u7_behind_a_trusted_proxy_each_client_has_a_budget_and_a_name_of_its_own() {
    let app =
        Server::with(&[("M4SH_TRUSTED_PROXIES", "127.0.0.1,10.0.0.0/8"), ("M4SH_RATES_TELEMETRY", "1/min")]).await;
    let tell = |forwarded: &str| {
        let call = app.stranger().post("/api/v1/logs/telemetry/").header("X-Forwarded-For", forwarded);
        call.json(&json!({"event": "e"})).send()
    };
    tell("198.51.100.1").await.expect(204);
    is_rate_limited(&tell("198.51.100.1").await);
    tell("198.51.100.2").await.expect(204);
    // Whatever the client itself wrote further left does not buy a new budget.
    is_rate_limited(&tell("203.0.113.77, 198.51.100.2").await);
    is_rate_limited(&tell("203.0.113.78, 198.51.100.2, 10.1.1.1").await);
    tell("2001:db8:1::7").await.expect(204);
    is_rate_limited(&tell("[2001:db8:1::8]:4000").await);
    let body = json!({"email": "ann@school.test", "password": "correct horse 7", "role": "student"});
    let register = app.stranger().post("/api/v1/auth/register/").header("X-Forwarded-For", "198.51.100.9");
    register.json(&body).send().await.expect(201);
    let found = "SELECT count(*) FROM event WHERE action = 'registered' AND host(ip) = '198.51.100.9'";
    assert_eq!(app.database.as_ref().unwrap().number(found).await, 1);
}

#[tokio::test]
async fn u8_without_a_trusted_proxy_no_header_changes_who_somebody_is() {
    let app = Server::with(&[("M4SH_RATES_TELEMETRY", "1/min")]).await;
    let tell = |forwarded: String| {
        let call = app.stranger().post("/api/v1/logs/telemetry/").header("X-Forwarded-For", &forwarded);
        call.header("Forwarded", "for=198.51.100.4").header("X-Real-IP", "198.51.100.5").json(&json!({})).send()
    };
    tell("198.51.100.1".to_owned()).await.expect(204);
    is_rate_limited(&tell("198.51.100.2".to_owned()).await);
    is_rate_limited(&tell("a".repeat(3_000)).await);
    is_rate_limited(&tell(vec!["1.1.1.1"; 300].join(",")).await);
}
