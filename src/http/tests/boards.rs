//! Boards over REST: shown, changed and saved on a known revision, by those with the right.

use std::io::Write;

use super::*;

/// The digest of [`plain`] (SPEC D1).
const PLAIN_DIGEST: &str = "6de6df6a45d46a84d9e3627811c469c3dec6520859fb5b3e3641f09398bea689";
/// The same with [`stroke`] in its page.
const STROKE_DIGEST: &str = "14c93124111a390c3394be2d40d29b4a8541b23eb526d6847c778889394babd5";

fn plain() -> Value {
    json!({"pages": [{"id": "p1", "strokes": [], "assets": []}], "activePageId": "p1"})
}

fn stroke(id: &str) -> Value {
    json!({"id": id, "points": [{"x": 0, "y": 0}], "color": "#111"})
}

fn add(id: &str) -> Value {
    json!({"rev": 0, "ops": [{"op": "add", "kind": "stroke", "page_id": "p1", "value": stroke(id)}]})
}

macro_rules! sign_up {
    ($app:expr, $email:expr, $role:expr) => {{
        let made = send!($app, post("/api/v1/auth/register/", "", person($email, $role))).await.expect(201);
        made.body["access"].as_str().unwrap().to_owned()
    }};
}

/// Makes a board with the plain state; its path.
macro_rules! board {
    ($app:expr, $token:expr) => {{
        let body = json!({"name": "Дошка", "state": plain()});
        let made = send!($app, post("/api/v1/solo/sessions/", $token, body)).await.expect(201);
        format!("/api/v1/solo/sessions/{}/", made.body["id"].as_str().unwrap())
    }};
}

fn save(path: &str, token: &str, body: Value, header: (&'static str, &'static str)) -> TestRequest {
    let (method, path) = (Method::PATCH, format!("{path}diff/"));
    request(method, &path, token, Some(body)).insert_header(header)
}

#[actix_web::test]
async fn h1_a_board_is_made_listed_shown_copied_and_deleted() {
    let database = TestDatabase::new().await;
    let services = services(&database, generous()).await;
    let app = app!(services);
    let anna = sign_up!(&app, "anna@demo.m4sh", "tutor");
    let eve = sign_up!(&app, "eve@demo.m4sh", "tutor");

    let empty = send!(&app, request(Method::POST, "/api/v1/solo/sessions/", &anna, None)).await.expect(201);
    assert_eq!(
        (&empty.body["name"], &empty.body["state"], &empty.body["rev"]),
        (&json!("Untitled"), &json!({}), &json!(0))
    );
    assert_eq!((empty.header("etag"), &empty.body["state_digest"]), ("W/\"rev:0\"", &json!("")));

    let path = board!(&app, &anna);
    let shown = send!(&app, get(&path, &anna)).await.expect(200);
    assert_eq!((&shown.body["state"], &shown.body["page_count"]), (&plain(), &json!(1)));
    assert_eq!((shown.header("etag"), &shown.body["state_digest"]), ("W/\"rev:0\"", &json!("")));
    let alias = path.replace("/solo/sessions/", "/boards/");
    assert_eq!(send!(&app, get(&alias, &anna)).await.expect(200).body, shown.body);

    let copy = send!(&app, request(Method::POST, &format!("{path}duplicate/"), &anna, None)).await.expect(201);
    assert_eq!((&copy.body["name"], &copy.body["state"]), (&json!("Дошка (Copy)"), &plain()));
    let list = send!(&app, get("/api/v1/solo/sessions/", &anna)).await.expect(200);
    assert_eq!((&list.body["count"], list.body["results"].as_array().unwrap().len()), (&json!(3), 3));
    assert!(list.body["results"][0].get("state").is_none());

    for (method, path) in
        [(Method::GET, path.clone()), (Method::DELETE, path.clone()), (Method::POST, format!("{path}duplicate/"))]
    {
        send!(&app, request(method, &path, &eve, None)).await.expect(404);
    }
    send!(&app, request(Method::PATCH, &path, &eve, Some(json!({"name": "Mine"})))).await.expect(404);
    send!(&app, request(Method::DELETE, &path, &anna, None)).await.expect(204);
    send!(&app, get(&path, &anna)).await.expect(404);
    send!(&app, save(&path, &anna, add("s"), ("x-rev", "0"))).await.expect(404);
}

#[actix_web::test]
async fn h15_a_diff_builds_on_a_known_revision() {
    let database = TestDatabase::new().await;
    let services = services(&database, generous()).await;
    let app = app!(services);
    let anna = sign_up!(&app, "anna@demo.m4sh", "tutor");
    let path = board!(&app, &anna);

    let saved = send!(&app, save(&path, &anna, add("stroke-1"), ("if-match", "W/\"rev:0\""))).await.expect(200);
    assert_eq!((&saved.body["next_rev"], saved.header("etag")), (&json!(1), "W/\"rev:1\""));
    assert_eq!(saved.body["digest"], STROKE_DIGEST);
    assert!(saved.body["server_ts"].as_str().unwrap().ends_with("+00:00"));

    let stale = send!(&app, save(&path, &anna, add("s2"), ("if-match", "\"rev:0\""))).await.expect(412);
    assert_eq!((&stale.body["error"], &stale.body["server_rev"]), (&json!("precondition_failed"), &json!(1)));
    let stale = send!(&app, save(&path, &anna, add("s2"), ("x-rev", "0"))).await.expect(409);
    assert_eq!((&stale.body["error"], &stale.body["server_rev"]), (&json!("rev_mismatch"), &json!(1)));
    send!(&app, save(&path, &anna, add("s2"), ("x-rev", "one"))).await.expect(409);
    send!(&app, save(&path, &anna, add("s2"), ("if-match", "*"))).await.expect(412);
    send!(&app, save(&path, &anna, add("s2"), ("x-nothing", "0"))).await.expect(412);
    send!(&app, save(&path, &anna, add("s2"), ("x-revision", "1"))).await.expect(200);

    let twice = send!(&app, save(&path, &anna, add("s2"), ("x-rev", "2"))).await.expect(422);
    assert_eq!((&twice.body["detail"], &twice.body["index"]), (&json!("invalid_ops"), &json!(0)));
    assert!(twice.body["message"].is_string());
    let shown = send!(&app, get(&path, &anna)).await.expect(200);
    assert_eq!((&shown.body["rev"], shown.header("etag")), (&json!(2), "W/\"rev:2\""));
    assert_eq!(shown.body["state"]["pages"][0]["strokes"].as_array().unwrap().len(), 2);
}

#[actix_web::test]
async fn r3_a_diff_that_is_sent_again_gets_the_same_answer_and_has_no_second_effect() {
    let database = TestDatabase::new().await;
    let services = services(&database, generous()).await;
    let app = app!(services);
    let anna = sign_up!(&app, "anna@demo.m4sh", "tutor");
    let path = board!(&app, &anna);
    let keyed = || save(&path, &anna, add("s1"), ("if-match", "rev:0")).insert_header(("idempotency-key", "k-1"));
    let first = send!(&app, keyed()).await.expect(200);
    let again = send!(&app, keyed()).await.expect(200);
    assert_eq!(first.body, again.body);
    let other = save(&path, &anna, add("s9"), ("if-match", "rev:1")).insert_header(("idempotency-key", "k-1"));
    assert_eq!(send!(&app, other).await.expect(422).body["error"], "key_reused");

    let mut named = add("s2");
    named["ops"][0]["op_id"] = json!("op-1");
    let first = send!(&app, save(&path, &anna, named.clone(), ("x-rev", "1"))).await.expect(200);
    let again = send!(&app, save(&path, &anna, named, ("x-rev", "1"))).await.expect(200);
    assert_eq!(first.body, again.body);
    assert_eq!(send!(&app, get(&path, &anna)).await.expect(200).body["rev"], 2);
}

#[actix_web::test]
async fn h16_a_whole_state_is_saved_in_json_raw_and_gzip() {
    let database = TestDatabase::new().await;
    let services = services(&database, generous()).await;
    let app = app!(services);
    let anna = sign_up!(&app, "anna@demo.m4sh", "tutor");
    let path = board!(&app, &anna);
    let stream = format!("{path}save-stream/");
    let save = |body: Value, rev: &'static str| post(&stream, &anna, body).insert_header(("if-match", rev));

    // The first save of the state that is there counts: the old server had no digest to compare with.
    let body = json!({"state": plain(), "idempotency_key": "first"});
    let saved = send!(&app, save(body.clone(), "rev:0")).await.expect(200);
    assert_eq!(
        (&saved.body["detail"], &saved.body["rev"], &saved.body["next_rev"]),
        (&json!("accepted"), &json!(1), &json!(1))
    );
    assert_eq!((&saved.body["digest"], saved.header("etag")), (&json!(PLAIN_DIGEST), "W/\"rev:1\""));
    assert_eq!(send!(&app, save(body, "rev:0")).await.expect(200).body, saved.body, "a repeat");

    let same = send!(&app, save(json!({"state": plain()}), "rev:1")).await.expect(200);
    assert_eq!(
        (&same.body["detail"], &same.body["rev"], same.header("etag")),
        (&json!("unchanged"), &json!(1), "W/\"rev:1\"")
    );
    assert_eq!(send!(&app, save(json!({"state": {"a": 1}}), "rev:0")).await.expect(412).body["server_rev"], 1);
    assert_eq!(send!(&app, save(json!({"state": {}}), "rev:1")).await.expect(400).body["detail"], "state_required");
    send!(&app, save(json!({"state": [1]}), "rev:1")).await.expect(400);

    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(br#"{"pages":[{"id":"p1"},{"id":"p2"}]}"#).unwrap();
    let raw = request(Method::POST, &stream, &anna, None)
        .insert_header(("content-type", "text/plain"))
        .insert_header(("content-encoding", "gzip"))
        .insert_header(("x-rev", "1"))
        .set_payload(encoder.finish().unwrap());
    assert_eq!(send!(&app, raw).await.expect(200).body["rev"], 2);
    let shown = send!(&app, get(&path, &anna)).await.expect(200);
    assert_eq!((&shown.body["page_count"], &shown.body["state"]["pages"][1]["id"]), (&json!(2), &json!("p2")));
    assert!(shown.body["last_write_at"].is_string());
}

#[actix_web::test]
async fn h4_a_patch_with_a_state_is_a_full_write() {
    let database = TestDatabase::new().await;
    let services = services(&database, generous()).await;
    let app = app!(services);
    let anna = sign_up!(&app, "anna@demo.m4sh", "tutor");
    let path = board!(&app, &anna);
    let patch = |body: Value| request(Method::PATCH, &path, &anna, Some(body));

    let renamed = send!(&app, patch(json!({"name": "Нова назва"}))).await.expect(200);
    assert_eq!((&renamed.body["name"], &renamed.body["rev"]), (&json!("Нова назва"), &json!(0)));
    let state = json!({"pages": [{"id": "p1"}, {"id": "p2"}], "zoom": 1.5});
    let saved = send!(&app, patch(json!({"state": state, "name": "Z", "page_count": 9}))).await.expect(200);
    assert_eq!(
        (&saved.body["rev"], &saved.body["page_count"], &saved.body["name"]),
        (&json!(1), &json!(2), &json!("Z"))
    );
    assert_eq!((saved.header("etag"), saved.body["state_digest"].as_str().unwrap().len()), ("W/\"rev:1\"", 64));
    send!(&app, patch(json!({"state": {}})).insert_header(("if-match", "rev:0"))).await.expect(412);
    send!(&app, patch(json!({"name": "Y"})).insert_header(("x-rev", "0"))).await.expect(409);
    send!(&app, patch(json!({"state": {}})).insert_header(("if-match", "rev:1"))).await.expect(200);
}

#[actix_web::test]
async fn p8_a_class_board_is_read_and_drawn_on_by_members_and_managed_by_the_tutor() {
    let database = TestDatabase::new().await;
    let services = services(&database, generous()).await;
    let app = app!(services);
    let tutor = sign_up!(&app, "anna@demo.m4sh", "tutor");
    let pupil = sign_up!(&app, "bohdan@demo.m4sh", "student");
    let eve = sign_up!(&app, "eve@demo.m4sh", "tutor");
    let class = send!(&app, post("/api/v1/classrooms/", &tutor, json!({"name": "7-B"}))).await.expect(201);
    let join = json!({"invite_code": class.body["invite_code"]});
    send!(&app, post("/api/v1/classrooms/join/", &pupil, join)).await.expect(200);

    let own = board!(&app, &eve);
    let foreign = own.trim_end_matches('/').rsplit('/').next().unwrap();
    let sessions = format!("/api/v1/classrooms/{}/sessions/", class.body["id"].as_str().unwrap());
    let refused = send!(&app, post(&sessions, &tutor, json!({"template_board_id": foreign}))).await.expect(400);
    assert!(refused.body["template_board_id"].is_array(), "{}", refused.body);
    let template = board!(&app, &tutor);
    let template = template.trim_end_matches('/').rsplit('/').next().unwrap();
    let lesson = send!(&app, post(&sessions, &tutor, json!({"template_board_id": template}))).await.expect(201);
    let path = format!("/api/v1/solo/sessions/{}/", lesson.body["board_id"].as_str().unwrap());

    assert_eq!(send!(&app, get(&path, &pupil)).await.expect(200).body["state"], plain());
    send!(&app, get(&path, &eve)).await.expect(404);
    send!(&app, save(&path, &pupil, add("s1"), ("x-rev", "0"))).await.expect(200);
    send!(&app, save(&path, &eve, add("s2"), ("x-rev", "1"))).await.expect(404);
    let patch = |token: &str, body: Value| request(Method::PATCH, &path, token, Some(body));
    send!(&app, patch(&pupil, json!({"name": "Ours"}))).await.expect(403);
    send!(&app, patch(&pupil, json!({"state": {}}))).await.expect(403);
    send!(&app, patch(&tutor, json!({"state": plain()}))).await.expect(200);
    send!(&app, request(Method::DELETE, &path, &tutor, None)).await.expect(403);
    assert_eq!(
        send!(&app, get("/api/v1/solo/sessions/", &tutor)).await.body["count"],
        1,
        "only solo boards are listed"
    );

    let end = format!("{sessions}{}/end/", lesson.body["id"].as_str().unwrap());
    send!(&app, request(Method::POST, &end, &tutor, None)).await.expect(200);
}

#[actix_web::test]
async fn h7_a_beacon_is_heard_from_its_owner_and_changes_nothing() {
    let database = TestDatabase::new().await;
    let services = services(&database, generous()).await;
    let app = app!(services);
    let anna = sign_up!(&app, "anna@demo.m4sh", "tutor");
    let eve = sign_up!(&app, "eve@demo.m4sh", "tutor");
    let path = board!(&app, &anna);
    let beacon = |token: &str| request(Method::POST, &format!("{path}beacon/"), token, None);
    send!(&app, beacon(&anna).set_json(json!({"heartbeat": true, "state": {}}))).await.expect(204);
    send!(&app, beacon(&anna)).await.expect(204);
    send!(&app, beacon("").set_payload(json!({"token": anna}).to_string())).await.expect(204);
    send!(&app, beacon("").set_payload("{")).await.expect(401);
    send!(&app, beacon("").set_payload(json!({"token": "x"}).to_string())).await.expect(401);
    send!(&app, beacon(&eve).set_payload("{")).await.expect(404);
    assert_eq!(send!(&app, beacon(&anna).set_payload("{")).await.expect(400).body["detail"], "invalid_payload");
    send!(&app, beacon("").set_payload(vec![b' '; 65_537])).await.expect(413);
    assert_eq!(send!(&app, get(&path, &anna)).await.expect(200).body["rev"], 0);
}
