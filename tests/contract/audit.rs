//! What stays of every change: one event, with who, what, when, from where and under which request id.
//! Tells it for each route, for refusals, for clients that hang up, and for a database that is away.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::*;

/// An event as the log has it.
#[derive(Debug)]
struct Event {
    category: String,
    action: String,
    actor: Option<uuid::Uuid>,
    node: Option<uuid::Uuid>,
    address: Option<String>,
    agent: Option<String>,
    data: Value,
}

/// The events under a request id.
async fn events(app: &Server, request_id: &str) -> Vec<Event> {
    let sql = "SELECT category, action, actor, node, host(ip), agent, data::text FROM event WHERE request_id = $1";
    let client = app.database.as_ref().unwrap().client().await;
    let rows = client.query(sql, &[&request_id]).await.unwrap();
    rows.iter()
        .map(|row| Event {
            category: row.get(0),
            action: row.get(1),
            actor: row.get(2),
            node: row.get(3),
            address: row.get(4),
            agent: row.get(5),
            data: serde_json::from_str(row.get(6)).unwrap(),
        })
        .collect()
}

/// The one event of a save, which follows its answer.
async fn later(app: &Server, request_id: &str) -> Event {
    let first = eventually("the event is written", || async {
        let found = events(app, request_id).await;
        assert!(found.len() < 2, "{found:?}");
        found.into_iter().next()
    });
    first.await
}

/// Where, by whom and as what something is done.
struct Deed<'a> {
    who: &'a Account,
    method: Method,
    path: String,
    body: Value,
    expected: (&'a str, &'a str),
}

#[tokio::test]
async fn u1_every_change_leaves_exactly_one_event_with_its_request_id() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let board = tutor.create_board().await;
    let class = format!("/api/v1/classrooms/{}/", lesson.class);
    let member = format!("{class}members/{}/", pupils[0].id);
    let session = format!("{class}sessions/{}/", lesson.id);
    let code = json!({"invite_code": tutor.get(&class).send().await.expect(200).json()["invite_code"]});
    let op = |id: &str| json!({"rev": 0, "ops": [add_stroke(id)]});
    let deed = |who, method, path: &str, body, expected| Deed { who, method, path: path.to_owned(), body, expected };
    let pupil = &pupils[0];
    let deeds = [
        deed(&tutor, Method::PATCH, &board.rest("diff/"), op("a"), ("board", "board_saved")),
        deed(&tutor, Method::POST, &board.rest("save-stream/"), json!({"state": one_page()}), ("board", "board_saved")),
        deed(&tutor, Method::PATCH, &board.rest(""), json!({"state": {"pages": []}}), ("board", "board_saved")),
        deed(&tutor, Method::PATCH, &board.rest(""), json!({"name": "Other"}), ("board", "board_changed")),
        deed(&tutor, Method::POST, &board.rest("duplicate/"), Value::Null, ("board", "board_duplicated")),
        deed(&tutor, Method::POST, "/api/v1/solo/sessions/", json!({}), ("board", "board_created")),
        deed(&tutor, Method::DELETE, &board.rest(""), Value::Null, ("board", "board_deleted")),
        deed(&tutor, Method::POST, "/api/v1/classrooms/", json!({"name": "6-A"}), ("classroom", "classroom_created")),
        deed(pupil, Method::POST, "/api/v1/classrooms/join/", code, ("classroom", "classroom_joined")),
        deed(&tutor, Method::PATCH, &class, json!({"name": "5-C"}), ("classroom", "classroom_renamed")),
        deed(&tutor, Method::POST, &format!("{class}sessions/"), json!({}), ("classroom", "session_opened")),
        deed(&tutor, Method::PATCH, &session, json!({"name": "Sums"}), ("classroom", "session_renamed")),
        deed(&tutor, Method::POST, &format!("{session}end/"), Value::Null, ("classroom", "session_ended")),
        deed(&tutor, Method::PATCH, &member, json!({"role": "viewer"}), ("classroom", "member_role_set")),
        deed(pupil, Method::DELETE, &member, Value::Null, ("classroom", "classroom_left")),
        deed(&tutor, Method::DELETE, &class, Value::Null, ("classroom", "classroom_deleted")),
        deed(pupil, Method::POST, "/api/v1/auth/logout/", Value::Null, ("account", "logged_out")),
    ];
    for (number, deed) in deeds.iter().enumerate() {
        let id = format!("deed-{number}");
        let call = deed.who.call(deed.method.clone(), &deed.path).header("X-Request-ID", &id);
        let rev = if deed.path.ends_with("save-stream/") { "rev:1" } else { "rev:0" };
        let call = if deed.path.contains("save") || deed.path.ends_with("diff/") {
            call.header("If-Match", rev)
        } else {
            call
        };
        let call = call.header("User-Agent", "a browser");
        let call = if deed.body.is_null() { call } else { call.json(&deed.body) };
        let answer = call.send().await;
        assert!(answer.status < 300, "{} {}: {}", deed.method, deed.path, answer.text());
        let event = later(&app, &id).await;
        assert_eq!((&*event.category, &*event.action), deed.expected, "{} {}", deed.method, deed.path);
        assert_eq!(event.actor.map(|actor| actor.to_string()).as_ref(), Some(&deed.who.id), "{}", event.action);
        assert_eq!((event.address.as_deref(), event.agent.as_deref()), (Some("127.0.0.1"), Some("a browser")));
        let is_about_a_board = event.category == "board" || event.action.starts_with("session_");
        assert_eq!(event.node.is_some(), is_about_a_board, "{}", event.action);
    }
    // Events are written in order: a second one of any deed would be here by now.
    let doubled = "SELECT count(*) FROM event WHERE request_id LIKE 'deed-%'";
    let count = app.database.as_ref().unwrap().number(doubled).await;
    assert_eq!(count, i64::try_from(deeds.len()).unwrap());
}

#[tokio::test]
async fn u1_what_is_refused_and_what_only_reads_leaves_no_event() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let named = |call: Call| call.header("X-Request-ID", "quiet");
    named(ann.get(&board.rest(""))).send().await.expect(200);
    named(ann.patch(&board.rest("diff/"))).json(&json!({"rev": 0, "ops": [add_stroke("s")]})).send().await.expect(412);
    named(ann.post("/api/v1/classrooms/")).json(&json!({"name": "Mine"})).send().await.expect(403);
    named(app.stranger().post("/api/v1/solo/sessions/")).json(&json!({})).send().await.expect(401);
    named(ann.post(&board.rest("beacon/"))).send().await.expect(204);
    named(ann.post("/api/v1/logs/telemetry/")).json(&json!({"event": "e"})).send().await.expect(204);
    // What came later and is written proves that nothing before it was.
    ann.post("/api/v1/solo/sessions/").header("X-Request-ID", "loud").json(&json!({})).send().await.expect(201);
    assert_eq!(events(&app, "loud").await.len(), 1);
    let quiet = events(&app, "quiet").await;
    assert!(quiet.is_empty(), "{quiet:?}");
}

#[tokio::test]
async fn u2_an_event_is_committed_when_its_request_is_answered() {
    let app = Server::start().await;
    let body = json!({"email": "ann@school.test", "password": "correct horse 7", "role": "student"});
    let register = app.stranger().post("/api/v1/auth/register/").header("X-Request-ID", "in");
    let made = Account::of_login(&register.json(&body).send().await.expect(201).json(), &app);
    let registered = &events(&app, "in").await[0];
    assert_eq!((&*registered.action, registered.actor.map(|id| id.to_string())), ("registered", Some(made.id.clone())));
    assert!(registered.data["login"].is_string());
    for number in 0..20 {
        let id = format!("made-{number}");
        let call = made.post("/api/v1/solo/sessions/").header("X-Request-ID", &id).json(&json!({}));
        let board = call.send().await.expect(201).json();
        let found = events(&app, &id).await;
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].node.map(|node| node.to_string()).as_deref(), board["id"].as_str());
    }
}

#[tokio::test]
async fn u2_a_client_that_hangs_up_leaves_its_event_all_the_same() {
    use tokio::io::AsyncWriteExt as _;
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    for number in 0..10 {
        let mut stream = tokio::net::TcpStream::connect(app.address()).await.unwrap();
        let request = format!(
            "POST /api/v1/solo/sessions/ HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nX-Request-ID: gone-{number}\r\n\
             Content-Length: 2\r\n\r\n{{}}",
            ann.token
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        drop(stream);
    }
    let count = "SELECT count(*) FROM event WHERE request_id LIKE 'gone-%'";
    let boards = "SELECT count(*) FROM node WHERE kind = 'board'";
    let database = app.database.as_ref().unwrap();
    eventually("every board that was made has its event", || async {
        let (events, boards) = (database.number(count).await, database.number(boards).await);
        (events == boards && boards == 10).then_some(())
    })
    .await;
}

#[tokio::test]
async fn u3_refused_logins_and_replayed_refresh_tokens_are_kept_without_what_was_typed() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let login = |id: &str, email: &str| {
        let body = json!({"email": email, "password": "my secret"});
        app.stranger().post("/api/v1/auth/login/").header("X-Request-ID", id).json(&body).send()
    };
    login("known", &ann.email).await.expect(401);
    login("unknown", "typed-password@nowhere.test").await.expect(401);
    let known = later(&app, "known").await;
    assert_eq!((&*known.category, &*known.action, known.actor), ("account", "login_refused", None));
    assert_eq!(known.data, json!({"account": ann.id}));
    let unknown = later(&app, "unknown").await;
    assert_eq!((&*unknown.action, &unknown.data), ("login_refused", &json!({})));
    let refresh = |id: &str| {
        let call = app.stranger().post("/api/v1/auth/refresh/").header("X-Request-ID", id);
        call.json(&json!({"refresh": ann.refresh})).send()
    };
    refresh("first").await.expect(200);
    assert_eq!(later(&app, "first").await.action, "login_refreshed");
    refresh("again").await.expect(401);
    assert_eq!(later(&app, "again").await.action, "refresh_replayed");
    let log = app.log().text();
    assert!(!log.contains("my secret") && !log.contains("typed-password"));
}

#[tokio::test]
async fn u4_a_hostile_agent_is_cut_and_kept() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let agent = "x".repeat(4_000);
    let call = ann.post("/api/v1/solo/sessions/").header("X-Request-ID", "long").header("User-Agent", &agent);
    call.json(&json!({})).send().await.expect(201);
    assert_eq!(events(&app, "long").await[0].agent.as_deref().map(str::len), Some(512));
}

#[tokio::test]
async fn u5_an_event_log_that_cannot_be_written_refuses_no_request_and_loses_nothing_that_fits() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let database = app.database.as_ref().unwrap();
    // Only the log: whoever writes there waits for this lock.
    let client = database.client().await;
    client.batch_execute("BEGIN; LOCK TABLE event IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let began = std::time::Instant::now();
    ann.save(&board, 0, json!([add_stroke("s1")])).await;
    let made = ann.post("/api/v1/solo/sessions/").header("X-Request-ID", "held").json(&json!({})).send().await;
    made.expect(201);
    assert!(began.elapsed() < std::time::Duration::from_secs(8), "{:?}", began.elapsed());
    client.batch_execute("COMMIT").await.unwrap();
    assert_eq!(later(&app, "held").await.action, "board_created");
}

#[tokio::test]
async fn u5_what_waits_is_written_when_the_server_stops() {
    let mut app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    for rev in 0..30 {
        ann.save(&board, rev, json!([add_stroke(&format!("s{rev}"))])).await;
    }
    ann.post("/api/v1/logs/telemetry/").json(&json!({"event": "last words"})).send().await.expect(204);
    assert!(app.sigterm().await.success());
    let database = app.database.as_ref().unwrap();
    assert_eq!(database.number("SELECT count(*) FROM event WHERE action = 'board_saved'").await, 30);
    assert_eq!(database.number("SELECT count(*) FROM client_event WHERE name = 'last words'").await, 1);
}
