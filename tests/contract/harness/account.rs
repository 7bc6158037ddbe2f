//! A person with an account: the REST verbs of a pupil and a tutor, and the answers they get.
//! Used by every test. Never hides a status: each verb says which one it expects.

use flate2::{Compression, write::GzEncoder};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use std::io::Write;

use super::{
    Dialect, Knock, Seat,
    server::{Place, Server},
    within,
};

/// One person, logged in (or a stranger, with an empty token).
#[derive(Clone)]
pub struct Account {
    pub id: String,
    pub email: String,
    pub name: String,
    pub token: String,
    pub refresh: String,
    place: Place,
    http: reqwest::Client,
}

/// A classroom, as its tutor got it.
#[derive(Clone, Debug)]
pub struct Class {
    pub id: String,
    pub code: String,
}

/// A live session of a class, with its board.
#[derive(Clone, Debug)]
pub struct Lesson {
    pub class: String,
    pub id: String,
    pub board: String,
}

/// A board of one person.
#[derive(Clone, Debug)]
pub struct Solo(pub String);

/// Somewhere a socket can be opened and a board be read and saved.
pub trait Room {
    /// The socket's path.
    fn path(&self) -> String;
    /// The board's id.
    fn board(&self) -> &str;
    /// A REST path of the board, such as `diff/`.
    fn rest(&self, tail: &str) -> String {
        format!("/api/v1/solo/sessions/{}/{tail}", self.board())
    }
}

impl Room for Lesson {
    fn path(&self) -> String {
        format!("/ws/classroom/{}/session/{}/", self.class, self.id)
    }
    fn board(&self) -> &str {
        &self.board
    }
}

impl Room for Solo {
    fn path(&self) -> String {
        format!("/ws/board/{}/", self.0)
    }
    fn board(&self) -> &str {
        &self.0
    }
}

impl Account {
    pub(super) fn stranger(server: &Server) -> Self {
        let empty = String::new;
        let (place, http) = (server.place(), server.http().clone());
        Self { id: empty(), email: empty(), name: empty(), token: empty(), refresh: empty(), place, http }
    }

    /// The person of a login or register answer.
    pub fn of_login(answer: &Value, server: &Server) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("a string in {answer}")).to_owned();
        let user = &answer["user"];
        Self {
            id: text(&user["id"]),
            email: text(&user["email"]),
            name: text(&user["first_name"]),
            token: text(&answer["access"]),
            refresh: text(&answer["refresh"]),
            ..Self::stranger(server)
        }
    }

    /// The same person with another token.
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }

    /// The same person as a client of another server on the same data.
    pub fn at(&self, server: &Server) -> Self {
        Self { place: server.place(), http: server.http().clone(), ..self.clone() }
    }

    pub fn call(&self, method: Method, path: &str) -> Call {
        let request = self.http.request(method, format!("http://{}{path}", self.place.read().unwrap()));
        Call(if self.token.is_empty() { request } else { request.bearer_auth(&self.token) })
    }

    pub fn get(&self, path: &str) -> Call {
        self.call(Method::GET, path)
    }

    pub fn post(&self, path: &str) -> Call {
        self.call(Method::POST, path)
    }

    pub fn patch(&self, path: &str) -> Call {
        self.call(Method::PATCH, path)
    }

    pub fn put(&self, path: &str) -> Call {
        self.call(Method::PUT, path)
    }

    pub fn delete(&self, path: &str) -> Call {
        self.call(Method::DELETE, path)
    }

    // --- classes ----------------------------------------------------------------------------------

    pub async fn create_class(&self) -> Class {
        let class = self.post("/api/v1/classrooms/").json(&json!({"name": "5-B"})).send().await.expect(201).json();
        Class { id: class.text("id"), code: class.text("invite_code") }
    }

    pub async fn join(&self, class: &Class) {
        let body = json!({"invite_code": class.code});
        self.post("/api/v1/classrooms/join/").json(&body).send().await.expect(200);
    }

    pub async fn start_lesson(&self, class: &Class) -> Lesson {
        let path = format!("/api/v1/classrooms/{}/sessions/", class.id);
        let made = self.post(&path).json(&json!({"name": "Fractions"})).send().await.expect(201).json();
        Lesson { class: class.id.clone(), id: made.text("id"), board: made.text("board_id") }
    }

    pub async fn end(&self, lesson: &Lesson) {
        let path = format!("/api/v1/classrooms/{}/sessions/{}/end/", lesson.class, lesson.id);
        self.post(&path).send().await.expect(200);
    }

    // --- boards -----------------------------------------------------------------------------------

    /// A board of my own, with one page `p1`.
    pub async fn create_board(&self) -> Solo {
        self.create_board_with(&super::one_page()).await
    }

    pub async fn create_board_with(&self, state: &Value) -> Solo {
        let body = json!({"name": "Mine", "state": state});
        Solo(self.post("/api/v1/solo/sessions/").json(&body).send().await.expect(201).json().text("id"))
    }

    /// The board's detail body.
    pub async fn read(&self, room: &impl Room) -> Value {
        self.get(&room.rest("")).send().await.expect(200).json()
    }

    /// A diff on `rev` that must succeed; answers the body.
    pub async fn save(&self, room: &impl Room, rev: u64, ops: Value) -> Value {
        self.diff(room, rev, &ops).send().await.expect(200).json()
    }

    /// A diff on `rev`, ready to send.
    pub fn diff(&self, room: &impl Room, rev: u64, ops: &Value) -> Call {
        let body = json!({"rev": rev, "ops": ops});
        self.patch(&room.rest("diff/")).header("If-Match", &format!("W/\"rev:{rev}\"")).json(&body)
    }

    /// A whole-state save on `rev`, ready to send.
    pub fn stream(&self, room: &impl Room, rev: u64, state: &Value) -> Call {
        let body = json!({"state": state});
        self.post(&room.rest("save-stream/")).header("If-Match", &format!("W/\"rev:{rev}\"")).json(&body)
    }

    // --- sockets ----------------------------------------------------------------------------------

    /// A handshake with my token in the header, ready to be changed.
    pub fn knock(&self, room: &impl Room) -> Knock {
        self.knock_at(&room.path())
    }

    pub fn knock_at(&self, path: &str) -> Knock {
        Knock::new(self.place.clone(), path, Dialect::Json).bearer(&self.token)
    }

    /// Takes a seat: handshake, hello, welcome.
    pub async fn open(&self, room: &impl Room) -> Seat {
        within("a seat is taken", self.knock(room).sit()).await
    }

    /// The same in another dialect.
    pub async fn open_in(&self, dialect: Dialect, room: &impl Room) -> Seat {
        within("a seat is taken", self.knock(room).dialect(dialect).sit()).await
    }
}

/// A request being made.
pub struct Call(RequestBuilder);

impl Call {
    pub fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, value))
    }

    pub fn json(self, body: &Value) -> Self {
        Self(self.0.header("Content-Type", "application/json").body(body.to_string()))
    }

    pub fn body(self, body: impl Into<reqwest::Body>) -> Self {
        Self(self.0.body(body))
    }

    /// A JSON body given as bytes, well-formed or not.
    pub fn raw_json(self, body: impl Into<reqwest::Body>) -> Self {
        Self(self.0.header("Content-Type", "application/json").body(body))
    }

    pub fn gzip(self, body: &[u8]) -> Self {
        Self(self.0.header("Content-Type", "application/json").header("Content-Encoding", "gzip").body(gzip(body)))
    }

    /// The answer, or the reason why there is none (a server that died).
    pub async fn try_send(self) -> Result<Answer, reqwest::Error> {
        let response = self.0.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Answer { status, headers, body: response.bytes().await?.to_vec() })
    }

    pub async fn send(self) -> Answer {
        within("a request is answered", self.try_send()).await.expect("a request is answered")
    }
}

/// `bytes`, compressed.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// What the server answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    /// Fails unless the status is this one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "body: {}", self.text());
        self
    }

    /// Fails unless the status and the body's `error` code are these.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Value {
        let body = self.expect(status).json();
        assert_eq!(body["error"], code, "{body}");
        body
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{} with no JSON: {}", self.status, self.text()))
    }

    /// A header's text; empty when it is absent.
    pub fn header(&self, name: &str) -> String {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    }

    /// The revision in the `ETag`.
    #[track_caller]
    pub fn etag_rev(&self) -> u64 {
        let tag = self.header("ETag");
        let rev = tag.strip_prefix("W/\"rev:").and_then(|rest| rest.strip_suffix('"'));
        rev.and_then(|rev| rev.parse().ok()).unwrap_or_else(|| panic!("an ETag with a revision, not {tag:?}"))
    }
}

/// Fields of answers and frames, for tests that need them as plain values.
pub trait Fields {
    fn text(&self, key: &str) -> String;
    fn number(&self, key: &str) -> u64;
    fn list(&self, key: &str) -> Vec<Value>;
}

impl Fields for Value {
    #[track_caller]
    fn text(&self, key: &str) -> String {
        self[key].as_str().unwrap_or_else(|| panic!("a string `{key}` in {self}")).to_owned()
    }

    #[track_caller]
    fn number(&self, key: &str) -> u64 {
        self[key].as_u64().unwrap_or_else(|| panic!("a number `{key}` in {self}"))
    }

    #[track_caller]
    fn list(&self, key: &str) -> Vec<Value> {
        self[key].as_array().unwrap_or_else(|| panic!("a list `{key}` in {self}")).clone()
    }
}

/// Checks a 429 with all that the contract promises of it.
#[track_caller]
pub fn is_rate_limited(answer: &Answer) {
    assert_eq!(answer.status, 429, "{}", answer.text());
    let body = answer.json();
    assert_eq!(body["error"], "rate_limited", "{body}");
    assert!(body["request_id"].is_string(), "{body}");
    let number = |name: &str| {
        let text = answer.header(name);
        text.parse::<u64>().unwrap_or_else(|_| panic!("{name} is a number, not {text:?}"))
    };
    assert!((1..=120).contains(&number("Retry-After")));
    let backoff = number("X-Backoff-Ms");
    assert!(backoff >= 1 && backoff <= number("Retry-After") * 1000, "{backoff} ms");
    assert!(number("X-RateLimit-Limit") >= 1);
    assert_eq!(number("X-RateLimit-Remaining"), 0);
}
