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
    /// The promised success.
    fn success(&self, document: &Value) -> (u16, Value) {
        let answers = self.told["responses"].as_object().unwrap();
        let (status, answer) = answers.iter().find(|(status, _)| status.starts_with('2')).expect("a success");
        (status.parse().unwrap(), resolved(answer, document))
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

fn resolved(part: &Value, document: &Value) -> Value {
    match part["$ref"].as_str() {
        Some(path) => document.pointer(path.trim_start_matches('#')).expect(path).clone(),
        None => part.clone(),
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
            ("{file}", "swagger-ui.css".to_owned()),
        ]);
        let thing =
            if operation.path.contains("/classrooms/{id}") { self.lesson.class.clone() } else { self.board().await };
        ids.insert("{id}", thing);
        if operation.path.contains("{token}") {
            let path = format!("/api/v1/solo/sessions/{}/share/", self.board().await);
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
            _ => {}
        }
        ids.iter().fold(operation.path.clone(), |path, (name, id)| path.replace(name, id))
    }

    async fn board(&self) -> String {
        self.tutor.create_board().await.0
    }

    /// The example, with secrets and codes that are good.
    async fn body(&self, app: &Server, operation: &Operation) -> Option<Value> {
        let mut body = operation.example()?;
        match &*operation.id {
            "refresh" | "logout" => body["refresh"] = app.pupil("Signed").await.refresh.into(),
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
        let path = self.path(app, operation).await;
        let mut call = who.call(operation.method.clone(), &path);
        if operation.has_parameter("If-Match") {
            call = call.header("If-Match", "W/\"rev:0\"");
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
        let (status, promised) = operation.success(&document);
        let answer = world.answer(&app, operation).await;
        assert_eq!(answer.status, status, "{}: {}", operation.id, answer.text());
        for (name, header) in promised["headers"].as_object().into_iter().flatten() {
            let must = name != "X-Request-ID" || resolved(header, &document)["required"] == true;
            assert!(!must || !answer.header(name).is_empty(), "{} without {name}", operation.id);
        }
        let Some(contents) = promised["content"].as_object() else {
            assert!(answer.body.is_empty(), "{}: {}", operation.id, answer.text());
            continue;
        };
        let kind = answer.header("Content-Type").split(';').next().unwrap().to_owned();
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
        let path = operation.path.replace("{id}", id).replace("{sid}", id).replace("{user}", id);
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
