//! The API's description against a server: every operation is tried with the example that the description gives, and
//! what comes back is what it promises. Never tries what the description does not have.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{schema::faults, *};

/// One operation of the document.
struct Operation {
    id: String,
    path: String,
    method: Method,
    told: Value,
}

impl Operation {
    /// What is promised for a success with this status.
    fn success(&self, status: u16) -> &Value {
        assert!((200..400).contains(&status), "{} answered {status}", self.id);
        let promised = &self.told["responses"][status.to_string()];
        assert!(promised.is_object(), "{} does not promise {status}", self.id);
        promised
    }

    fn is_signed(&self) -> bool {
        self.told.get("security").is_none()
    }

    fn example(&self) -> Option<Value> {
        self.told.pointer("/requestBody/content/application~1json/example").cloned()
    }

    fn has_parameter(&self, name: &str) -> bool {
        self.told["parameters"].as_array().is_some_and(|all| all.iter().any(|one| one["name"] == name))
    }
}

async fn document(app: &Server) -> Value {
    app.stranger().get("/api/v1/openapi.json").send().await.expect(200).json()
}

fn operations(document: &Value) -> Vec<Operation> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, told) in item.as_object().unwrap() {
            let (id, method) = (told.text("operationId"), method.to_uppercase().parse().unwrap());
            found.push(Operation { id, path: path.clone(), method, told: told.clone() });
        }
    }
    // Who signs in must have an account: the example's.
    found.sort_by_key(|operation| operation.id != "register");
    found
}

/// The smallest PNG: one pixel.
const DOT: &[u8] =
    b"\x89PNG\x0d\x0a\x1a\x0a\x00\x00\x00\x0dIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\
      \x15\xc4\x89\x00\x00\x00\x0dIDATx\x9cc\x10\x14\x14\xfc\x0f\x00\x01\x9d\x013\x95\xa4\x8d\x1a\x00\x00\
      \x00\x00IEND\xaeB`\x82";

/// What is tried on a board on which something was done before.
const TAKEN_BACK: [&str; 5] = ["undo", "redo", "clear_board", "list_clears", "restore_clear"];

/// People and things to try operations on.
struct World {
    tutor: Account,
    pupil: Account,
    class: Class,
    lesson: Lesson,
}

impl World {
    async fn new(app: &Server) -> Self {
        let (tutor, mut pupils, lesson) = app.lesson(1).await;
        let class = tutor.create_class().await;
        Self { tutor, pupil: pupils.remove(0), class, lesson }
    }

    /// The path with ids of things that are there, made for this one try where it takes them away.
    async fn path(&self, app: &Server, operation: &Operation) -> String {
        let mut ids = BTreeMap::from([
            ("{sid}", self.lesson.id.clone()),
            ("{user}", self.pupil.id.clone()),
            ("{what}", "can_export".to_owned()),
            ("{file}", "swagger-ui.css".to_owned()),
        ]);
        let thing = match &operation.path {
            path if path.contains("/classrooms/{id}") => self.lesson.class.clone(),
            path if path.contains("/exports/{id}") => {
                let path = format!("/api/v1/solo/sessions/{}/export/", self.board().await);
                let asked = self.tutor.post(&path).json(&json!({"format": "json"})).send().await.expect(201);
                asked.json().text("id")
            }
            _ => self.board().await,
        };
        if operation.path.contains("{u}") {
            // One of its own: some of these end it.
            let class = Class { id: self.lesson.class.clone(), code: String::new() };
            ids.extend([("{u}", self.tutor.start_lesson(&class).await.id), ("{version}", "0".to_owned())]);
        }
        if operation.path.contains("{job}") {
            let path = format!("/api/v1/classrooms/{thing}/members/{}/erase/", self.pupil.id);
            ids.insert("{job}", self.tutor.post(&path).send().await.expect(202).json().text("id"));
        }
        // What was done, to be taken back.
        if TAKEN_BACK.contains(&&*operation.id) {
            ids.insert("{rev}", self.cleared(&thing, &operation.id).await.to_string());
        } else if operation.path.contains("{rev}") || operation.path.ends_with("/latest/") {
            let path = format!("/api/v1/solo/sessions/{thing}/snapshot/");
            self.tutor.post(&path).send().await.expect(201);
            ids.insert("{rev}", "0".to_owned());
        }
        if operation.path.ends_with("/thumbnail/") {
            let path = format!("/api/v1/solo/sessions/{thing}/thumbnail/");
            self.tutor.post(&path).send().await.expect(200);
        }
        if operation.path.contains("{sha256}") {
            ids.insert("{sha256}", self.upload(&thing).await.text("id"));
        }
        if operation.path.contains("{seq}") {
            let path = format!("/api/v1/classrooms/{thing}/sessions/{}/chat/", self.lesson.id);
            let said = self.tutor.post(&path).json(&json!({"text": "Off with it"})).send().await.expect(201).json();
            ids.insert("{seq}", said["seq"].to_string());
        }
        if operation.path.contains("{hook}") {
            let body = json!({"url": "https://school.example/hook", "events": ["session.ended"]});
            let made =
                self.tutor.post(&format!("/api/v1/classrooms/{thing}/hooks/")).json(&body).send().await.expect(201);
            ids.insert("{hook}", made.json().text("id"));
        }
        ids.insert("{id}", thing.clone());
        if operation.path.contains("{token}") {
            let path = format!("/api/v1/solo/sessions/{thing}/share/");
            let link = self.tutor.post(&path).json(&json!({"allow_download": true})).send().await.expect(201).json();
            ids.insert("{token}", link.text("token"));
        }
        match &*operation.id {
            "delete_classroom" => drop(ids.insert("{id}", self.tutor.create_class().await.id)),
            "remove_member" => {
                let leaver = app.pupil("Leaver").await;
                leaver.join(&self.class).await;
                ids.extend([("{id}", self.class.id.clone()), ("{user}", leaver.id)]);
            }
            "push_page" | "collect_pages" | "end_lesson" => drop(ids.insert("{sid}", self.given(&thing).await)),
            "read_push" | "undo_push" => {
                let sid = self.given(&thing).await;
                let below = format!("/api/v1/classrooms/{thing}/sessions/{sid}/");
                ids.insert("{sid}", sid);
                let asked =
                    self.tutor.post(&format!("{below}push/")).json(&json!({"to": "all"})).send().await.expect(202);
                let push = asked.json().text("push");
                eventually("a push is done", || async {
                    let path = format!("{below}pushes/{push}/");
                    (self.tutor.get(&path).send().await.expect(200).json()["status"] == "completed").then_some(())
                })
                .await;
                ids.insert("{push}", push);
            }
            "undo_collect" => {
                let sid = self.given(&thing).await;
                let below = format!("/api/v1/classrooms/{thing}/sessions/{sid}/");
                ids.insert("{sid}", sid);
                let asked =
                    self.tutor.post(&format!("{below}collect/")).json(&json!({"from": "all"})).send().await.expect(201);
                ids.insert("{collect}", asked.json().text("collect"));
            }
            "set_rights" => self.make_pupil(&thing).await,
            "remove_class_rule" | "remove_lesson_rule" => {
                let scope = operation.path.split("/rules/").next().unwrap();
                let path = format!("{}/rules/", scope.replace("{id}", &thing).replace("{sid}", &self.lesson.id));
                let rule = json!({"user": self.pupil.id, "what": "can_export", "allowed": false});
                self.tutor.post(&path).json(&rule).send().await.expect(201);
            }
            _ => {}
        }
        let query = match &*operation.id {
            "read_moment" => "?time=2036-01-31T12:00:00Z",
            "compare_revisions" => "?from=0",
            _ => "",
        };
        let path = ids.iter().fold(operation.path.clone(), |path, (name, id)| path.replace(name, id));
        path + query
    }

    /// A pupil again, whatever the example of a role made of them.
    async fn make_pupil(&self, class: &str) {
        let path = format!("/api/v1/classrooms/{class}/members/{}/", self.pupil.id);
        self.tutor.patch(&path).json(&json!({"role": "student"})).send().await.expect(200);
    }

    /// A lesson of its own, whose shared board has a page, and so has each pupil's own.
    async fn given(&self, class: &str) -> String {
        self.make_pupil(class).await;
        let lesson = self.tutor.start_lesson(&Class { id: class.to_owned(), code: String::new() }).await;
        let page = json!({"activePageId": "page-1", "pages": [{"id": "page-1", "strokes": [], "assets": []}]});
        let shared = format!("/api/v1/solo/sessions/{}/", lesson.board);
        self.tutor.patch(&shared).json(&json!({"state": page})).send().await.expect(200);
        let body = json!({"for": "everybody", "template_board_id": lesson.board});
        let path = format!("/api/v1/classrooms/{class}/sessions/{}/boards/", lesson.id);
        self.tutor.post(&path).json(&body).send().await.expect(201);
        lesson.id
    }

    /// A board with something to undo, to redo, to clear or to bring back; the clear's revision.
    async fn cleared(&self, board: &str, operation: &str) -> u64 {
        let board = Solo(board.to_owned());
        self.tutor.save(&board, 0, json!([add_stroke("s1")])).await;
        let done = match operation {
            "redo" => "undo/",
            "list_clears" | "restore_clear" => "clear/",
            _ => return 0,
        };
        let path = format!("/api/v1/boards/{}/{done}", board.0);
        self.tutor.post(&path).send().await.expect(200).json().number("next_rev")
    }

    /// A picture on a board.
    async fn upload(&self, board: &str) -> Value {
        let path = format!("/api/v1/boards/{board}/assets/?name=dot.png");
        self.tutor.post(&path).header("Content-Type", "image/png").body(DOT).send().await.expect(201).json()
    }

    /// A board with the page that the examples name.
    async fn board(&self) -> String {
        let state = json!({"pages": [{"id": "page-1", "strokes": [], "assets": []}], "activePageId": "page-1"});
        self.tutor.create_board_with(&state).await.0
    }

    /// The example, with secrets and codes that are good.
    async fn body(&self, app: &Server, operation: &Operation) -> Option<Value> {
        let mut body = operation.example()?;
        match &*operation.id {
            "refresh" | "logout" => body["refresh"] = app.pupil("Signed").await.refresh.into(),
            "clear_board" => body["page"] = "page-1".into(),
            "lock_pens" | "send_out" | "change_role" => body["user"] = self.pupil.id.clone().into(),
            "room_kick" | "room_role" => body["user_id"] = self.pupil.id.clone().into(),
            "join_classroom" => body["invite_code"] = self.class.code.clone().into(),
            _ => {}
        }
        Some(body)
    }

    async fn answer(&self, app: &Server, operation: &Operation) -> Answer {
        let who = match &*operation.id {
            "join_classroom" => self.pupil.clone(),
            "logout" => app.stranger(),
            _ => self.tutor.clone(),
        };
        if operation.id == "read_blob" {
            let url = self.upload(&self.board().await).await.text("url");
            let path = url.splitn(4, '/').nth(3).expect("a path").to_owned();
            return app.stranger().get(&format!("/{path}")).send().await;
        }
        let path = self.path(app, operation).await;
        let mut call = who.call(operation.method.clone(), &path);
        if operation.has_parameter("If-Match") && !TAKEN_BACK.contains(&&*operation.id) {
            call = call.header("If-Match", "W/\"rev:0\"");
        }
        if operation.told.pointer("/requestBody/content/image~1png").is_some() {
            return call.header("Content-Type", "image/png").body(DOT).send().await;
        }
        match self.body(app, operation).await {
            Some(body) => call.json(&body).send().await,
            None => call.send().await,
        }
    }
}

#[tokio::test]
async fn x3_every_example_of_a_request_gets_the_success_that_is_promised() {
    let app = Server::start().await;
    let document = document(&app).await;
    let world = World::new(&app).await;
    let all = operations(&document);
    assert!(all.len() > 25);
    for operation in &all {
        let answer = world.answer(&app, operation).await;
        assert!(answer.status < 400, "{}: {} {}", operation.id, answer.status, answer.text());
        // The client follows: what it got is the picture behind the address.
        if answer.status == 200 && operation.told["responses"].get("200").is_none() {
            operation.success(302);
            assert!(answer.header("Content-Type").starts_with("image/"), "{}", operation.id);
            continue;
        }
        let promised = operation.success(answer.status);
        for name in promised["headers"].as_object().into_iter().flatten().map(|(name, _)| name) {
            assert!(!answer.header(name).is_empty(), "{} without {name}", operation.id);
        }
        let Some(contents) = promised["content"].as_object() else {
            assert!(answer.body.is_empty(), "{}: {}", operation.id, answer.text());
            continue;
        };
        let kind = answer.header("Content-Type").split(';').next().unwrap().to_owned();
        if contents.contains_key("application/octet-stream") {
            assert!(!answer.body.is_empty(), "{}", operation.id);
            continue;
        }
        let content = contents.get(&kind).unwrap_or_else(|| panic!("{} answers {kind}", operation.id));
        if kind == "application/json" {
            let wrong = faults(&content["schema"], &answer.json(), &document);
            assert!(wrong.is_empty(), "{}: {wrong:#?}", operation.id);
            let wrong = faults(&content["schema"], &content["example"], &document);
            assert!(wrong.is_empty(), "the example of {}: {wrong:#?}", operation.id);
        }
    }
}

#[tokio::test]
async fn x2_errors_have_the_bodies_and_headers_that_are_described() {
    let app = Server::with(&[("M4SH_RATES_API_USER", "1/min")]).await;
    let document = document(&app).await;
    let holds = |code: &str, answer: &Answer| {
        let told = &document["components"]["responses"][code];
        let wrong = faults(&told["content"]["application/json"]["schema"], &answer.json(), &document);
        assert!(wrong.is_empty(), "{code}: {wrong:#?}");
        for name in told["headers"].as_object().unwrap().keys() {
            assert!(!answer.header(name).is_empty(), "{code} without {name}");
        }
    };
    let id = "0190b2c4-7d1e-7f6a-9b3c-2f5d8e7a1c40";
    for operation in operations(&document).iter().filter(|operation| operation.is_signed()) {
        let path = operation.path.replace("{id}", id).replace("{sid}", id).replace("{user}", id).replace("{rev}", "0");
        let path = path.replace("{u}", id).replace("{job}", id).replace("{version}", "0");
        let path = path.replace("{seq}", "1");
        let path = path.replace("{hook}", id).replace("{push}", id).replace("{collect}", id);
        let answer = app.stranger().call(operation.method.clone(), &path).send().await.expect(401);
        holds("unauthorized", &answer);
    }
    let ann = app.tutor().await;
    let board = ann.create_board().await;
    holds("not_found", &ann.get(&format!("/api/v1/boards/{id}/")).send().await.expect(404));
    holds("rate_limited", &{
        ann.get("/api/v1/auth/me/").send().await.expect(200);
        ann.get("/api/v1/auth/me/").send().await.expect(429)
    });
    let ops = json!([add_stroke("s1")]);
    holds("precondition_failed", &ann.diff(&board, 7, &ops).send().await.expect(412));
    let stale = ann.patch(&board.rest("diff/")).header("X-Rev", "7").json(&json!({"rev": 7, "ops": ops}));
    holds("rev_mismatch", &stale.send().await.expect(409));
    let gone = json!([{"op": "remove", "kind": "stroke", "id": "nothing"}]);
    holds("invalid_ops", &ann.diff(&board, 0, &gone).send().await.expect(422));
    let many = Value::from(vec![ops[0].clone(); 101]);
    holds("ops_quota_exceeded", &ann.diff(&board, 0, &many).send().await.expect(422));
    let large = ann.patch(&board.rest("diff/")).raw_json(vec![b' '; 512 * 1024 + 1]).send().await.expect(413);
    holds("payload_too_large", &large);
    let odd = ann.patch(&board.rest("diff/")).header("Content-Encoding", "br").body("x").send().await.expect(415);
    holds("unsupported_media_type", &odd);
    let broken = ann.patch(&board.rest("diff/")).header("Content-Encoding", "gzip").body("x").send().await.expect(400);
    holds("invalid_gzip", &broken);
    holds("method_not_allowed", &ann.delete("/api/v1/auth/me/").send().await.expect(405));
}

#[tokio::test]
async fn x1_the_description_can_be_kept_by_caches_and_read_by_other_origins() {
    let app = Server::start().await;
    let anybody = app.stranger();
    let first = anybody.get("/api/v1/openapi.json").header("Origin", "https://tools.test").send().await.expect(200);
    assert_eq!(first.json()["openapi"], "3.1.0");
    assert_eq!(first.header("Access-Control-Allow-Origin"), "*");
    assert!(first.header("Cache-Control").starts_with("public, max-age="));
    let etag = first.header("ETag");
    assert!(etag.len() > 10 && etag.starts_with('"'));
    for known in [etag.clone(), format!("W/{etag}"), format!("\"other\", {etag}")] {
        let again = anybody.get("/api/openapi.json").header("If-None-Match", &known).send().await.expect(304);
        assert!(again.body.is_empty());
        assert_eq!(again.header("ETag"), etag);
    }
    anybody.get("/api/v1/openapi.json").header("If-None-Match", "\"other\"").send().await.expect(200);
}

#[tokio::test]
async fn x5_the_page_asks_nobody_else_and_says_so() {
    let app = Server::start().await;
    let anybody = app.stranger();
    for base in ["/api/v1/docs/", "/api/docs/"] {
        let page = anybody.get(base).send().await.expect(200);
        let policy = page.header("Content-Security-Policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self'"), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
        let text = String::from_utf8(inflated(&page)).unwrap();
        for part in text.split(['"', '\'']).filter(|part| part.ends_with(".js") || part.ends_with(".css")) {
            assert!(!part.contains("//"), "{part} is elsewhere");
            let file = anybody.get(&format!("{base}{}", part.trim_start_matches("./"))).send().await.expect(200);
            assert!(file.body.len() > 50 && !file.header("Cache-Control").contains("no-store"), "{part}");
        }
        let start = anybody.get(&format!("{base}swagger-initializer.js")).send().await.expect(200);
        assert!(String::from_utf8(inflated(&start)).unwrap().contains("../openapi.json"));
        anybody.get(&format!("{base}nothing.js")).send().await.expect(404);
    }
}

fn inflated(answer: &Answer) -> Vec<u8> {
    if answer.header("Content-Encoding") != "gzip" {
        return answer.body.clone();
    }
    let mut text = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&answer.body[..]), &mut text).unwrap();
    text
}
