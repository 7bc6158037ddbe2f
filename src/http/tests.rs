//! The routes with a real database and real boards: the envelope, the order of checks, accounts, classrooms, saves.
//! Called in process; the contract over the wire is tested from outside, against a running server.

use std::sync::Arc;

use actix_web::{
    App, Error,
    body::{MessageBody, to_bytes},
    dev::{Service, ServiceResponse},
    http::{Method, StatusCode, header::HeaderMap},
    test::{TestRequest, init_service},
};
use serde_json::{Value, json};

use super::*;
use crate::{
    actors::{boards::Boards, directory::Directory, journal::PostgresJournal, node::NodeContext, shard::Shard},
    blobs::Blobs,
    cluster::InProcessLeases,
    identity::{Authenticator, LinkSigner, Passwords, TrustedProxies, UserProfiles},
    jobs::{Jobs, snapshots::SnapshotService},
    objects::ObjectService,
};
use m4sh_domain::rate::{Rate, Rates, Scope};
use m4sh_store::testing::TestDatabase;

/// An answer, read whole.
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap()
    }

    fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }
}

async fn services(database: &TestDatabase, rates: Rates) -> web::Data<Services> {
    let store = database.store().await;
    let boards = Boards::new(Arc::new(NodeContext::new(Arc::new(InProcessLeases::default()), &rates, None)));
    boards.add_shard(Shard::start(Arc::new(PostgresJournal::new(store.clone()))));
    let directory = Directory::new(store.clone(), boards);
    let objects = Blobs::in_memory();
    web::Data::new(Services {
        directory,
        authenticator: Arc::new(Authenticator::new(b"a secret of at least thirty-two bytes", [])),
        people: UserProfiles::new(store.clone()),
        links: Arc::new(LinkSigner::new(b"a secret of at least thirty-two bytes", "http://localhost:5173")),
        passwords: Passwords::new().unwrap(),
        limiter: RestRates::new(rates),
        events: EventLog::start(store.clone()),
        ingest: Ingest::start(store.clone()),
        visits: Visits::default(),
        proxies: TrustedProxies::default(),
        readiness: Readiness::default(),
        snapshots: SnapshotService::new(store.clone(), ObjectService::new(store.clone(), objects.clone())),
        objects: ObjectService::new(store.clone(), objects),
        jobs: Jobs::new(store.clone()),
        webhooks: Arc::new(crate::jobs::hooks::WebhookClient::new(false).unwrap()),
        public_url: None,
        policy: Policy { registration: RegistrationPolicy::Open, cookies: Cookies::Plain },
        store,
    })
}

fn generous() -> Rates {
    let mut rates = Rates::default();
    Scope::ALL.iter().for_each(|scope| rates.set(*scope, Rate::per_minute(100_000)));
    rates
}

macro_rules! app {
    ($services:expr) => {
        init_service(
            App::new()
                .wrap(cors::cors(&["https://board.example".to_owned()]))
                .wrap(Envelope)
                .app_data($services.clone())
                .configure(|routes| configure(routes, MoreAreas(Vec::new))),
        )
        .await
    };
}

macro_rules! send {
    ($app:expr, $request:expr) => {
        read($app.call($request.to_request()))
    };
}

async fn read<B: MessageBody>(answer: impl Future<Output = Result<ServiceResponse<B>, Error>>) -> Answer {
    let answer = answer.await.unwrap_or_else(|error| panic!("not answered: {error}"));
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let bytes = to_bytes(answer.into_body()).await.unwrap_or_else(|_| panic!("no body"));
    let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() };
    Answer { status, headers, body }
}

fn request(method: Method, path: &str, token: &str, body: Option<Value>) -> TestRequest {
    let mut request = TestRequest::default().method(method).uri(path);
    if !token.is_empty() {
        request = request.insert_header(("authorization", format!("Bearer {token}")));
    }
    match body {
        Some(body) => request.set_json(body),
        None => request,
    }
}

fn get(path: &str, token: &str) -> TestRequest {
    request(Method::GET, path, token, None)
}

fn post(path: &str, token: &str, body: Value) -> TestRequest {
    request(Method::POST, path, token, Some(body))
}

fn person(email: &str, role: &str) -> Value {
    json!({"email": email, "password": "correct horse", "first_name": "Anna", "role": role})
}

mod boards;
pub mod traces;

const ANY_ID: &str = "0198a000-0000-7000-8000-000000000000";

#[actix_web::test]
async fn h14_whatever_is_not_there_is_json_with_a_request_id() {
    let database = TestDatabase::new().await;
    let services = services(&database, generous()).await;
    let app = app!(services);
    for path in ["/nope", "/api/nope/", "/api/v1/nope", "/api/v1/solo/sessions/not-a-uuid/", "/health/nope"] {
        let answer = send!(app, get(path, "")).await.expect(404);
        assert_eq!(answer.body["error"], "not_found", "{path}");
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.body["request_id"], answer.header("x-request-id"));
    }
    let answer = send!(app, request(Method::PUT, "/api/v1/auth/me/", "", None)).await.expect(405);
    assert_eq!((answer.header("allow"), &answer.body["error"]), ("GET, HEAD", &json!("method_not_allowed")));
    let named = get("/nope", "").insert_header(("x-request-id", "abc.1"));
    let answer = send!(app, named).await;
    assert_eq!((answer.header("x-request-id"), &answer.body["request_id"]), ("abc.1", &json!("abc.1")));
}

#[actix_web::test]
async fn h13_answers_are_not_cached_and_not_sniffed_and_readable_for_the_front_end_only() {
    let database = TestDatabase::new().await;
    let services = services(&database, generous()).await;
    let app = app!(services);
    let from = |origin: &'static str| get("/api/v1/auth/me/", "").insert_header(("origin", origin));
    let answer = send!(app, from("https://board.example")).await.expect(401);
    assert_eq!(answer.header("cache-control"), "private, no-store");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.header("referrer-policy"), "no-referrer");
    assert_eq!(answer.header("access-control-allow-origin"), "https://board.example");
    assert_eq!(answer.header("access-control-allow-credentials"), "true");
    assert!(answer.header("access-control-expose-headers").to_lowercase().contains("etag"));
    assert!(!send!(app, from("https://evil.example")).await.headers.contains_key("access-control-allow-origin"));
    let preflight = request(Method::OPTIONS, "/api/v1/solo/sessions/", "", None)
        .insert_header(("origin", "https://board.example"))
        .insert_header(("access-control-request-method", "PATCH"))
        .insert_header(("access-control-request-headers", "if-match,x-rev,content-encoding,x-request-id"));
    let answer = send!(app, preflight).await.expect(200);
    assert!(answer.header("access-control-allow-headers").to_lowercase().contains("if-match"));
}

#[actix_web::test]
async fn h8_size_and_encoding_come_before_credentials_and_credentials_before_everything_else() {
    let database = TestDatabase::new().await;
    let services = services(&database, generous()).await;
    let app = app!(services);
    for base in ["/api/v1", "/api"] {
        for slash in ["", "/"] {
            let diff = format!("{base}/solo/sessions/{ANY_ID}/diff{slash}");
            let diff = || TestRequest::patch().uri(&diff);
            let big = || vec![b' '; m4sh_domain::limits::DIFF_BODY + 1];
            let answer = send!(app, diff().set_payload(big())).await.expect(413);
            assert_eq!((&answer.body["limit"], &answer.body["encoding"]), (&json!(524_288), &json!("raw")));
            assert!(answer.body["endpoint"].as_str().unwrap().ends_with(&format!("diff{slash}")));
            let brotli = ("content-encoding", "br");
            send!(app, diff().insert_header(brotli).set_payload(big())).await.expect(415);
            // At the limit it is the missing token that is told, and not that the body is no JSON.
            let fits = vec![b' '; m4sh_domain::limits::DIFF_BODY];
            let answer = send!(app, diff().set_payload(fits)).await.expect(401);
            assert!(answer.body["detail"].is_string());
            send!(app, diff().insert_header(("idempotency-key", "a b")).set_payload("{")).await.expect(401);
        }
    }
    let stream = format!("/api/v1/solo/sessions/{ANY_ID}/save-stream/");
    let big = vec![b' '; m4sh_domain::limits::STREAM_BODY + 1];
    send!(app, TestRequest::post().uri(&stream).set_payload(big)).await.expect(413);
}

#[actix_web::test]
async fn h10_an_upload_that_is_refused_still_hears_its_413_over_a_real_connection() {
    let database = TestDatabase::new().await;
    let services = services(&database, generous()).await;
    let server = actix_web::HttpServer::new(move || {
        App::new().wrap(Envelope).app_data(services.clone()).configure(|routes| configure(routes, MoreAreas(Vec::new)))
    })
    .workers(1)
    .disable_signals()
    .bind("127.0.0.1:0")
    .unwrap();
    let address = server.addrs()[0];
    let server = server.run();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    let url = format!("http://{address}/api/v1/solo/sessions/{ANY_ID}/diff/");
    crate::tls::install_provider();
    let client = reqwest::Client::new();
    for bytes in [m4sh_domain::limits::DIFF_BODY + 1, 8 * 1024 * 1024] {
        for _ in 0..3 {
            let answer = client.patch(&url).body(vec![b'x'; bytes]).send().await.unwrap();
            assert_eq!(answer.status(), 413);
            let body: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
            assert_eq!(body["limit"], 524_288);
        }
    }
    handle.stop(false).await;
}

#[actix_web::test]
async fn a1_a_person_registers_logs_in_and_is_told_who_they_are() {
    let database = TestDatabase::new().await;
    let services = services(&database, generous()).await;
    let app = app!(services);
    let made = send!(app, post("/api/v1/auth/register/", "", person("Anna@Demo.m4sh", "tutor"))).await.expect(201);
    assert_eq!(made.body["expires_in"], 900);
    assert_eq!((&made.body["user"]["role"], &made.body["user"]["last_name"]), (&json!("tutor"), &json!("")));
    assert!(made.header("set-cookie").starts_with("m4sh_refresh="));

    let again = send!(app, post("/api/v1/auth/register/", "", person("anna@demo.m4sh", "student"))).await.expect(400);
    assert!(again.body["email"].is_array());

    let login = json!({"email": "ANNA@demo.m4sh", "password": "correct horse"});
    let login = send!(app, post("/api/auth/login", "", login)).await.expect(200);
    let access = login.body["access"].as_str().unwrap();
    let me = send!(app, get("/api/v1/auth/me/", access)).await.expect(200);
    assert_eq!(me.body, made.body["user"]);
    send!(app, get("/api/v1/auth/me/", &format!("{access}x"))).await.expect(401);
}

#[actix_web::test]
async fn a2_unknown_address_and_wrong_password_get_the_same_answer() {
    let database = TestDatabase::new().await;
    let services = services(&database, generous()).await;
    let app = app!(services);
    send!(app, post("/api/v1/auth/register/", "", person("anna@demo.m4sh", "tutor"))).await.expect(201);
    let mut answers = Vec::new();
    for email in ["anna@demo.m4sh", "nobody@demo.m4sh"] {
        let body = json!({"email": email, "password": "wrong horse"});
        let named = post("/api/v1/auth/login/", "", body).insert_header(("x-request-id", "same"));
        answers.push(send!(app, named).await.expect(401).body);
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0]["error"], "invalid_credentials");
}

#[actix_web::test]
async fn a3_a_refresh_token_works_once_and_a_replay_ends_the_login() {
    let database = TestDatabase::new().await;
    let services = services(&database, generous()).await;
    let app = app!(services);
    let made = send!(app, post("/api/v1/auth/register/", "", person("anna@demo.m4sh", "tutor"))).await.expect(201);
    let first = made.body["refresh"].clone();
    let next = send!(app, post("/api/v1/auth/refresh/", "", json!({"refresh": first}))).await.expect(200);
    assert_ne!(next.body["refresh"], first);
    let access = next.body["access"].as_str().unwrap();
    send!(app, get("/api/v1/auth/me/", access)).await.expect(200);

    let cookie = format!("m4sh_refresh={}", next.body["refresh"].as_str().unwrap());
    let by_cookie = TestRequest::post().uri("/api/v1/auth/refresh/").insert_header(("cookie", cookie));
    let third = send!(app, by_cookie).await.expect(200);

    let replay = send!(app, post("/api/v1/auth/refresh/", "", json!({"refresh": first}))).await.expect(401);
    assert_eq!(replay.body["error"], "invalid_refresh");
    send!(app, get("/api/v1/auth/me/", access)).await.expect(401);
    send!(app, post("/api/v1/auth/refresh/", "", json!({"refresh": third.body["refresh"]}))).await.expect(401);
    send!(app, TestRequest::post().uri("/api/v1/auth/refresh/")).await.expect(401);
}

#[actix_web::test]
async fn a4_logout_ends_the_login_with_either_token() {
    let database = TestDatabase::new().await;
    let services = services(&database, generous()).await;
    let app = app!(services);
    let made = send!(app, post("/api/v1/auth/register/", "", person("anna@demo.m4sh", "tutor"))).await.expect(201);
    let access = made.body["access"].as_str().unwrap();
    let out = send!(app, request(Method::POST, "/api/v1/auth/logout/", access, None)).await.expect(204);
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    send!(app, get("/api/v1/auth/me/", access)).await.expect(401);
    send!(app, post("/api/v1/auth/refresh/", "", json!({"refresh": made.body["refresh"]}))).await.expect(401);
    send!(app, request(Method::POST, "/api/v1/auth/logout/", "", None)).await.expect(401);

    let login = json!({"email": "anna@demo.m4sh", "password": "correct horse"});
    let login = send!(app, post("/api/v1/auth/login/", "", login)).await.expect(200);
    send!(app, post("/api/v1/auth/logout/", "", json!({"refresh": login.body["refresh"]}))).await.expect(204);
    send!(app, get("/api/v1/auth/me/", login.body["access"].as_str().unwrap())).await.expect(401);
}

#[actix_web::test]
async fn b6_logins_are_rationed_by_account_and_by_address() {
    let database = TestDatabase::new().await;
    let mut rates = generous();
    rates.set(Scope::LoginAccount, Rate::per_minute(2));
    rates.set(Scope::LoginAddress, Rate::per_minute(4));
    let services = services(&database, rates).await;
    let app = app!(services);
    let attempt = |email: &str| post("/api/v1/auth/login/", "", json!({"email": email, "password": "wrong horse"}));
    for _ in 0..2 {
        send!(app, attempt("anna@demo.m4sh")).await.expect(401);
    }
    let over = send!(app, attempt("ANNA@demo.m4sh")).await.expect(429);
    assert_eq!(over.body["error"], "rate_limited");
    assert_eq!((over.header("x-ratelimit-limit"), over.header("x-ratelimit-remaining")), ("2", "0"));
    assert!(over.header("retry-after").parse::<u64>().unwrap() >= 1);
    assert!(over.header("x-backoff-ms").parse::<u64>().unwrap() >= 1);
    send!(app, attempt("clara@demo.m4sh")).await.expect(401);
    assert_eq!(send!(app, attempt("danylo@demo.m4sh")).await.expect(429).header("x-ratelimit-limit"), "4");
}

#[actix_web::test]
async fn a7_a_closed_server_takes_no_registrations() {
    let database = TestDatabase::new().await;
    let mut services = Arc::into_inner(services(&database, generous()).await.into_inner()).unwrap();
    services.policy.registration = RegistrationPolicy::Closed;
    let services = web::Data::new(services);
    let app = app!(services);
    let refused = send!(app, post("/api/v1/auth/register/", "", person("anna@demo.m4sh", "tutor"))).await.expect(403);
    assert_eq!(refused.body["error"], "registration_closed");
}

#[actix_web::test]
async fn o7_a_draining_process_lives_and_is_not_ready() {
    let database = TestDatabase::new().await;
    let services = services(&database, generous()).await;
    let app = app!(services);
    send!(app, get("/health/ready", "")).await.expect(200);
    services.readiness.drain();
    assert_eq!(send!(app, get("/health/ready", "")).await.expect(503).header("retry-after"), "2");
    send!(app, get("/health/live", "")).await.expect(200);
}

#[actix_web::test]
async fn k3_tutors_manage_a_classroom_pupils_read_it_and_strangers_do_not_know_it() {
    let database = TestDatabase::new().await;
    let services = services(&database, generous()).await;
    let app = app!(services);
    let mut tokens = Vec::new();
    for (email, role) in [("anna@demo.m4sh", "tutor"), ("bohdan@demo.m4sh", "student"), ("eve@demo.m4sh", "tutor")] {
        let made = send!(app, post("/api/v1/auth/register/", "", person(email, role))).await.expect(201);
        tokens.push(made.body["access"].as_str().unwrap().to_owned());
    }
    let [tutor, pupil, stranger] = &tokens[..] else { unreachable!() };

    send!(app, post("/api/v1/classrooms/", pupil, json!({"name": "Mine"}))).await.expect(403);
    let made = send!(app, post("/api/v1/classrooms/", tutor, json!({"name": "7-B Geometry"}))).await.expect(201);
    assert_eq!((&made.body["member_count"], &made.body["role"]), (&json!(1), &json!("tutor")));
    let class = format!("/api/v1/classrooms/{}/", made.body["id"].as_str().unwrap());

    send!(app, post("/api/v1/classrooms/join/", pupil, json!({"invite_code": "22222222"}))).await.expect(400);
    let code = made.body["invite_code"].as_str().unwrap().to_lowercase();
    let joined = send!(app, post("/api/v1/classrooms/join/", pupil, json!({"invite_code": code}))).await.expect(200);
    assert_eq!((&joined.body["role"], &joined.body["invite_code"]), (&json!("student"), &Value::Null));
    assert_eq!(joined.body["member_count"], 2);

    let list = send!(app, get("/api/v1/classrooms/", pupil)).await.expect(200);
    assert_eq!((&list.body["count"], &list.body["results"][0]["id"]), (&json!(1), &made.body["id"]));
    assert_eq!(send!(app, get("/api/v1/classrooms/", stranger)).await.body["count"], 0);
    for (method, path) in
        [(Method::GET, ""), (Method::DELETE, ""), (Method::GET, "members/"), (Method::GET, "sessions/")]
    {
        send!(app, request(method, &format!("{class}{path}"), stranger, None)).await.expect(404);
    }
    send!(app, request(Method::PATCH, &class, pupil, Some(json!({"name": "Ours"})))).await.expect(403);
    let renamed = send!(app, request(Method::PATCH, &class, tutor, Some(json!({"name": "8-B"})))).await.expect(200);
    assert_eq!(renamed.body["name"], "8-B");

    let members = send!(app, get(&format!("{class}members/"), tutor)).await.expect(200);
    let pupil_id = members.body["results"][1]["user_id"].as_str().unwrap().to_owned();
    assert_eq!(members.body["results"][1]["email"], "bohdan@demo.m4sh");
    let seat = format!("{class}members/{pupil_id}/");
    send!(app, request(Method::PATCH, &seat, pupil, Some(json!({"role": "tutor"})))).await.expect(403);
    send!(app, request(Method::PATCH, &seat, tutor, Some(json!({"role": "viewer"})))).await.expect(200);
    let me = members.body["results"][0]["user_id"].as_str().unwrap();
    send!(app, request(Method::DELETE, &format!("{class}members/{me}/"), tutor, None)).await.expect(403);

    send!(app, post(&format!("{class}sessions/"), pupil, json!({}))).await.expect(403);
    let lesson = send!(app, post(&format!("{class}sessions/"), tutor, json!({"name": "Circles"}))).await.expect(201);
    assert_eq!((&lesson.body["status"], &lesson.body["classroom_id"]), (&json!("active"), &made.body["id"]));
    let path = format!("{class}sessions/{}/", lesson.body["id"].as_str().unwrap());
    assert_eq!(send!(app, get(&path, pupil)).await.expect(200).body["board_id"], lesson.body["board_id"]);
    send!(app, get(&path, stranger)).await.expect(404);
    send!(app, request(Method::POST, &format!("{path}end/"), pupil, None)).await.expect(403);
    for _ in 0..2 {
        let ended = send!(app, request(Method::POST, &format!("{path}end/"), tutor, None)).await.expect(200);
        assert_eq!(ended.body["status"], "ended");
    }

    send!(app, request(Method::DELETE, &seat, pupil, None)).await.expect(204);
    send!(app, get(&class, pupil)).await.expect(404);
    send!(app, request(Method::DELETE, &class, tutor, None)).await.expect(204);
    send!(app, get(&class, tutor)).await.expect(404);
}

#[actix_web::test]
async fn every_change_leaves_an_event_with_its_request_id() {
    let database = TestDatabase::new().await;
    let services = services(&database, generous()).await;
    let app = app!(services);
    let named = |request: TestRequest, id: &'static str| request.insert_header(("x-request-id", id));
    let register = post("/api/v1/auth/register/", "", person("anna@demo.m4sh", "tutor"));
    let made = send!(app, named(register, "r-1")).await.expect(201);
    let access = made.body["access"].as_str().unwrap();
    send!(app, named(post("/api/v1/classrooms/", access, json!({"name": "7-B"})), "r-2")).await.expect(201);
    let client = database.client().await;
    let rows = client.query("SELECT action, request_id FROM event ORDER BY id", &[]).await.unwrap();
    let rows: Vec<(String, Option<String>)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert_eq!(rows[0].1.as_deref(), Some("r-1"));
    assert_eq!((&*rows[1].0, rows[1].1.as_deref()), ("classroom_created", Some("r-2")));
}

#[test]
fn h14_every_status_of_the_framework_has_a_problem() {
    for status in [400_u16, 401, 403, 404, 405, 408, 413, 414, 500, 503] {
        let status = StatusCode::from_u16(status).unwrap();
        let problem = Problem::of_status(status, "words".to_owned());
        assert_eq!(problem.status().is_client_error(), status.is_client_error());
    }
}
