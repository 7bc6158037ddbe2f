//! A pupil's socket: handshake, hello, the frames in their order, and a copy of the board kept from them.
//! Used by every test that speaks over WebSocket. Never answers for the server: an unexpected end fails the test.

use std::{
    collections::{HashMap, VecDeque},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use futures_util::{SinkExt, StreamExt, stream::SplitSink};
use serde_json::{Value, json};
use tokio::{
    net::{TcpSocket, TcpStream},
    sync::{mpsc, watch},
    task::JoinHandle,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{self, Message, client::IntoClientRequest, http::HeaderValue},
};
use uuid::Uuid;

use super::{DEADLINE, Fields, replica::Replica, server::Place, within};

/// The next number that nobody used yet in this process.
static FRESH: AtomicU64 = AtomicU64::new(1);

/// What is spoken on a socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dialect {
    Json,
    MessagePack,
    Presence,
}

impl Dialect {
    fn protocol(self) -> &'static str {
        match self {
            Self::Json => "m4sh.json",
            Self::MessagePack => "m4sh.msgpack",
            Self::Presence => "m4sh.presence",
        }
    }

    /// The key that names a frame.
    fn key(self) -> &'static str {
        if self == Self::Presence { "type" } else { "t" }
    }

    pub fn encode(self, frame: &Value) -> Message {
        match self {
            Self::MessagePack => Message::binary(rmp_serde::to_vec(frame).unwrap()),
            _ => Message::text(frame.to_string()),
        }
    }

    #[track_caller]
    fn decode(self, message: &Message) -> Value {
        match (self, message) {
            (Self::MessagePack, Message::Binary(bytes)) => rmp_serde::from_slice(bytes).expect("a MessagePack frame"),
            (Self::Json | Self::Presence, Message::Text(text)) => serde_json::from_str(text).expect("a JSON frame"),
            _ => panic!("the server sent {message:?} in {self:?}"),
        }
    }
}

/// How a socket ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// The close code; none when the connection broke without one.
    pub code: Option<u16>,
    pub reason: String,
}

/// A handshake being prepared.
pub struct Knock {
    place: Place,
    path: String,
    dialect: Dialect,
    protocols: Vec<String>,
    authorization: Option<String>,
    forwarded: Option<String>,
    client: Uuid,
    resume: Option<(u64, u64)>,
    replica: Option<Replica>,
    receive_buffer: Option<u32>,
    watch: bool,
}

impl Knock {
    pub fn new(place: Place, path: &str, dialect: Dialect) -> Self {
        let protocols = vec![dialect.protocol().to_owned()];
        let path = path.to_owned();
        Self {
            place,
            path,
            dialect,
            protocols,
            authorization: None,
            forwarded: None,
            client: Uuid::new_v4(),
            resume: None,
            replica: None,
            receive_buffer: None,
            watch: false,
        }
    }

    /// Carries the token in the `Authorization` header.
    pub fn bearer(self, token: &str) -> Self {
        self.authorization(&format!("Bearer {token}"))
    }

    /// Carries this `Authorization` header.
    pub fn authorization(mut self, value: &str) -> Self {
        self.authorization = Some(value.to_owned());
        self
    }

    /// Comes through a proxy that saw this address.
    pub fn forwarded_for(mut self, address: &str) -> Self {
        self.forwarded = Some(address.to_owned());
        self
    }

    pub fn dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = dialect;
        self.protocols = vec![dialect.protocol().to_owned()];
        self
    }

    /// Goes to another path with the same credentials.
    pub fn at_path(mut self, path: &str) -> Self {
        self.path = path.to_owned();
        self
    }

    /// Offers exactly these sub-protocols and no header, as a browser must.
    pub fn offering(mut self, dialect: Dialect, protocols: &[&str]) -> Self {
        self.dialect = dialect;
        self.protocols = protocols.iter().map(|&name| name.to_owned()).collect();
        self.authorization = None;
        self
    }

    /// Says hello as this tab.
    pub fn client(mut self, client: Uuid) -> Self {
        self.client = client;
        self
    }

    /// Asks for the tail after a revision.
    pub fn resume(mut self, epoch: u64, rev: u64) -> Self {
        self.resume = Some((epoch, rev));
        self
    }

    /// Comes back as the same tab, from where that seat was.
    pub fn resuming(self, seat: &Seat) -> Self {
        self.resuming_as(seat.client, seat.board().clone())
    }

    /// Comes back as that tab with that copy of the board.
    pub fn resuming_as(self, client: Uuid, replica: Replica) -> Self {
        let mut knock = self.client(client).resume(replica.epoch, replica.rev);
        knock.replica = Some(replica);
        knock
    }

    /// Asks to see the whole class.
    pub fn watching(mut self) -> Self {
        self.watch = true;
        self
    }

    /// Gives the kernel little room for what this reader has not read yet.
    pub fn narrow(mut self) -> Self {
        self.receive_buffer = Some(4096);
        self
    }

    /// The handshake alone.
    pub async fn connect(self) -> Seat {
        within("a handshake is done", self.try_connect()).await.expect("a handshake is done")
    }

    pub async fn try_connect(self) -> Result<Seat, tungstenite::Error> {
        let address = self.place.read().unwrap().clone();
        let mut request = format!("ws://{address}{}", self.path).into_client_request()?;
        if let Some(value) = &self.authorization {
            request.headers_mut().insert("Authorization", HeaderValue::try_from(value)?);
        }
        if let Some(address) = &self.forwarded {
            request.headers_mut().insert("X-Forwarded-For", HeaderValue::try_from(address)?);
        }
        if !self.protocols.is_empty() {
            let offered = HeaderValue::try_from(self.protocols.join(", "))?;
            request.headers_mut().insert("Sec-WebSocket-Protocol", offered);
        }
        let tcp = TcpSocket::new_v4()?;
        if let Some(bytes) = self.receive_buffer {
            tcp.set_recv_buffer_size(bytes)?;
        }
        let tcp = tcp.connect(address.parse().expect("HOST:PORT")).await?;
        tcp.set_nodelay(true)?;
        let (stream, response) = client_async(request, tcp).await?;
        let echoed = response.headers().get("Sec-WebSocket-Protocol");
        let echoed = echoed.map(|value| value.to_str().expect("a protocol's name").to_owned());
        Ok(Seat::new(stream, self, echoed))
    }

    /// Handshake, hello, welcome.
    pub async fn sit(self) -> Seat {
        self.try_sit().await.expect("a seat is given")
    }

    /// Handshake and hello, and the code with which the socket is closed instead of welcomed.
    pub async fn turned_away(self) -> u16 {
        let seat = self.refused_at_the_door().await;
        seat.closed.clone().and_then(|closed| closed.code).unwrap_or(0)
    }

    /// The same, with all that was said meanwhile.
    pub async fn refused_at_the_door(self) -> Seat {
        let path = self.path.clone();
        let mut seat = self.connect().await;
        // The refusal may come before or after the hello.
        let _ = seat.try_send(&json!({"t": "hello", "client": seat.client})).await;
        seat.end().await;
        assert!(seat.backlog.iter().all(|frame| frame["t"] != "welcome"), "{path}: welcomed");
        seat
    }

    /// The same with a copy of the board that the tail continues.
    pub async fn sit_with(mut self, replica: Replica) -> Seat {
        self.replica = Some(replica);
        self.sit().await
    }

    /// The same, for times when the server may be away.
    pub async fn try_sit(self) -> Result<Seat, String> {
        let (resume, watch) = (self.resume, self.watch);
        let mut seat = self.try_connect().await.map_err(|error| error.to_string())?;
        let mut hello = json!({"t": "hello", "client": seat.client});
        if let Some((epoch, rev)) = resume {
            hello["resume"] = json!({"epoch": epoch, "rev": rev});
        }
        if watch {
            hello["watch"] = json!("class");
        }
        seat.try_send(&hello).await.map_err(|error| error.to_string())?;
        loop {
            match seat.heard().await {
                Some(frame) if frame["t"] == "welcome" => return Ok(seat),
                Some(_) => {}
                None => return Err(format!("closed instead of welcomed: {:?}", seat.closed)),
            }
        }
    }
}

enum Heard {
    Frame(Value),
    Pong,
    End(Closed),
}

/// One socket, and what was learnt on it.
pub struct Seat {
    /// This tab.
    pub client: Uuid,
    /// The sub-protocol that the server chose.
    pub protocol: Option<String>,
    /// The welcome, once it came.
    pub welcome: Value,
    /// The board as told on this socket; none before the welcome and in the presence dialect.
    pub replica: Option<Replica>,
    /// The highest `saved` heard.
    pub saved: u64,
    /// Keeps no copy of the board: for those who send what they do not know.
    pub careless: bool,
    dialect: Dialect,
    sent: HashMap<String, Vec<Value>>,
    out: SplitSink<WebSocketStream<TcpStream>, Message>,
    inbox: mpsc::UnboundedReceiver<Heard>,
    backlog: VecDeque<Value>,
    pongs: usize,
    closed: Option<Closed>,
    reading: watch::Sender<bool>,
    reader: JoinHandle<()>,
}

impl Seat {
    fn new(stream: WebSocketStream<TcpStream>, knock: Knock, protocol: Option<String>) -> Self {
        let (out, mut incoming) = stream.split();
        let (heard, inbox) = mpsc::unbounded_channel();
        let (reading, mut may_read) = watch::channel(true);
        let dialect = knock.dialect;
        let reader = tokio::spawn(async move {
            loop {
                if may_read.wait_for(|&reads| reads).await.is_err() {
                    return;
                }
                let message = tokio::select! {
                    _ = may_read.changed() => continue,
                    message = incoming.next() => message,
                };
                let said = match message {
                    Some(Ok(Message::Close(frame))) => Heard::End(Closed {
                        code: frame.as_ref().map(|frame| frame.code.into()),
                        reason: frame.map(|frame| frame.reason.to_string()).unwrap_or_default(),
                    }),
                    Some(Ok(Message::Pong(_))) => Heard::Pong,
                    Some(Ok(Message::Ping(_) | Message::Frame(_))) => continue,
                    Some(Ok(message)) => Heard::Frame(dialect.decode(&message)),
                    Some(Err(error)) => Heard::End(Closed { code: None, reason: error.to_string() }),
                    None => Heard::End(Closed { code: None, reason: String::new() }),
                };
                let last = matches!(said, Heard::End(_));
                if heard.send(said).is_err() || last {
                    return;
                }
            }
        });
        Self {
            client: knock.client,
            protocol,
            welcome: Value::Null,
            replica: knock.replica,
            saved: 0,
            careless: false,
            dialect,
            sent: HashMap::new(),
            out,
            inbox,
            backlog: VecDeque::new(),
            pongs: 0,
            closed: None,
            reading,
            reader,
        }
    }

    // --- saying -----------------------------------------------------------------------------------

    pub async fn send(&mut self, frame: &Value) {
        self.try_send(frame).await.expect("a frame is sent");
    }

    pub async fn try_send(&mut self, frame: &Value) -> Result<(), tungstenite::Error> {
        self.out.send(self.dialect.encode(frame)).await
    }

    /// Any WebSocket message, well-formed or not.
    pub async fn send_raw(&mut self, message: Message) -> Result<(), tungstenite::Error> {
        self.out.send(message).await
    }

    /// Sends one batch under a fresh id and answers that id.
    pub async fn submit(&mut self, ops: &[Value]) -> String {
        // One tab may come back in another seat, and must not use an id twice.
        let id = format!("b{}", FRESH.fetch_add(1, Relaxed));
        self.submit_as(&id, ops).await;
        id
    }

    /// Sends one batch under an id of the test's choice.
    pub async fn submit_as(&mut self, id: &str, ops: &[Value]) {
        self.try_submit_as(id, ops).await.expect("a batch is sent");
    }

    pub async fn try_submit_as(&mut self, id: &str, ops: &[Value]) -> Result<(), tungstenite::Error> {
        self.sent.insert(id.to_owned(), ops.to_vec());
        self.try_send(&json!({"t": "ops", "id": id, "ops": ops})).await
    }

    /// Draws a stroke on the active page, waits until it is ordered, and answers its revision.
    pub async fn draw(&mut self, stroke: Value) -> u64 {
        let id = self.submit(&[super::add(stroke)]).await;
        self.accepted(&id).await
    }

    pub async fn move_cursor(&mut self, x: f64, y: f64) {
        self.send(&json!({"t": "cursor", "x": x, "y": y})).await;
    }

    // --- hearing ----------------------------------------------------------------------------------

    /// The next frame, in the order of arrival, however long it takes; none when the socket has ended.
    pub async fn heard(&mut self) -> Option<Value> {
        if self.closed.is_some() {
            return None;
        }
        loop {
            match self.inbox.recv().await {
                Some(Heard::Frame(frame)) => {
                    self.note(&frame);
                    return Some(frame);
                }
                Some(Heard::Pong) => self.pongs += 1,
                Some(Heard::End(closed)) => {
                    self.closed = Some(closed);
                    return None;
                }
                None => {
                    self.closed = Some(Closed { code: None, reason: "the reader ended".to_owned() });
                    return None;
                }
            }
        }
    }

    fn note(&mut self, frame: &Value) {
        if self.dialect == Dialect::Presence || self.careless {
            return;
        }
        match frame["t"].as_str() {
            Some("welcome") => self.note_welcome(frame),
            Some("ops") => {
                let replica = self.replica.as_mut().expect("ops come after the welcome");
                replica.apply(frame.number("rev"), &frame.list("ops"));
            }
            Some("tail") => {
                let replica = self.replica.as_mut().expect("a tail comes after the welcome");
                for entry in frame.list("ops") {
                    replica.apply(entry.number("rev"), &entry.list("ops"));
                }
                assert_eq!((replica.epoch, replica.rev), (frame.number("epoch"), frame.number("rev")), "all of it");
                self.note_saved(frame);
            }
            Some("snapshot") => {
                let (epoch, rev, state) = (frame.number("epoch"), frame.number("rev"), frame["state"].clone());
                assert!(state.is_object() && rev > self.rev(), "it replaces what was missed: {frame}");
                self.replica = Some(Replica { epoch, rev, state });
                self.note_saved(frame);
            }
            Some("accepted") => {
                let replica = self.replica.as_mut().expect("answers come after the welcome");
                let rev = frame.number("rev");
                if rev > replica.rev {
                    // What its author did not write out is told with its answer.
                    let told = frame.get("ops").map(|_| frame.list("ops"));
                    let ops = told.or_else(|| self.sent.get(&frame.text("id")).cloned());
                    replica.apply(rev, &ops.expect("an answer to what was sent"));
                }
            }
            Some("saved") => {
                let rev = frame.number("rev");
                let known = self.replica.as_ref().map_or(0, |replica| replica.rev);
                assert!(rev >= self.saved && rev <= known, "saved {rev} after {} at rev {known}", self.saved);
                self.saved = rev;
            }
            _ => {}
        }
    }

    /// The watermark of a frame that brings a reader back: between the last one and its own revision.
    fn note_saved(&mut self, frame: &Value) {
        let (saved, rev) = (frame.number("saved"), frame.number("rev"));
        assert!(saved >= self.saved && saved <= rev, "saved {saved} after {}: {rev}", self.saved);
        self.saved = saved;
    }

    fn note_welcome(&mut self, frame: &Value) {
        let (epoch, rev) = (frame.number("epoch"), frame.number("rev"));
        if frame["resumed"] == true {
            let replica = self.replica.as_mut().expect("only a tab that was here resumes");
            for entry in frame.list("ops") {
                replica.apply(entry.number("rev"), &entry.list("ops"));
            }
            assert_eq!((replica.epoch, replica.rev), (epoch, rev), "the tail ends at the welcome's revision");
        } else {
            assert!(frame["state"].is_object(), "a snapshot: {frame}");
            self.replica = Some(Replica { epoch, rev, state: frame["state"].clone() });
        }
        self.saved = frame.number("saved");
        assert!(self.saved <= rev, "{frame}");
        self.welcome = frame.clone();
    }

    /// The next frame of this kind; others are kept for later questions.
    pub async fn expect(&mut self, kind: &str) -> Value {
        self.expect_that(kind, |_| true).await
    }

    /// The next frame of this kind for which `fits` holds.
    pub async fn expect_that(&mut self, kind: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let key = self.dialect.key();
        if let Some(at) = self.backlog.iter().position(|frame| frame[key] == kind && fits(frame)) {
            return self.backlog.remove(at).unwrap();
        }
        let search = async {
            loop {
                match self.heard().await {
                    Some(frame) if frame[key] == kind && fits(&frame) => return frame,
                    Some(frame) => self.backlog.push_back(frame),
                    None => panic!("the socket ended ({:?}) before `{kind}`; heard {:?}", self.closed, self.backlog),
                }
            }
        };
        match tokio::time::timeout(DEADLINE, search).await {
            Ok(frame) => frame,
            Err(_) => panic!("no `{kind}` in {DEADLINE:?}; heard {:?}", self.backlog),
        }
    }

    /// The revision given to a batch.
    pub async fn accepted(&mut self, id: &str) -> u64 {
        self.expect_that("accepted", |frame| frame["id"] == id).await.number("rev")
    }

    /// The refusal of a batch.
    pub async fn refused(&mut self, id: &str) -> Value {
        self.expect_that("refused", |frame| frame["id"] == id).await
    }

    /// Waits until everything up to `rev` is committed.
    pub async fn until_saved(&mut self, rev: u64) {
        while self.saved < rev {
            self.expect("saved").await;
        }
    }

    /// Waits until this copy of the board has reached `rev`.
    pub async fn until_rev(&mut self, rev: u64) {
        let what = format!("revision {rev} arrives");
        within(&what, async {
            while self.board().rev < rev {
                let frame = self.heard().await.expect("the socket lives");
                self.backlog.push_back(frame);
            }
        })
        .await;
    }

    /// Returns when everything that was said to this socket before now has been heard. What the server has not yet
    /// come to say (an answer to a cursor, say) may still follow: `draw` waits for that, too.
    pub async fn catch_up(&mut self) {
        let number = FRESH.fetch_add(1, Relaxed);
        self.send(&json!({"t": "ping", "n": number})).await;
        self.expect_that("pong", |frame| frame["n"] == number).await;
    }

    /// A WebSocket ping, answered.
    pub async fn ping(&mut self) {
        let before = self.pongs;
        self.send_raw(Message::Ping("are you there".into())).await.expect("a ping is sent");
        within("a WebSocket pong", async {
            while self.pongs == before {
                match self.inbox.recv().await {
                    Some(Heard::Pong) => self.pongs += 1,
                    Some(Heard::Frame(frame)) => {
                        self.note(&frame);
                        self.backlog.push_back(frame);
                    }
                    Some(Heard::End(closed)) => panic!("closed instead of a pong: {closed:?}"),
                    None => panic!("the reader ended"),
                }
            }
        })
        .await;
    }

    /// Takes the frames of this kind that were heard and not yet asked for.
    pub fn seen(&mut self, kind: &str) -> Vec<Value> {
        let key = self.dialect.key();
        let (hits, rest) = self.backlog.drain(..).partition(|frame| frame[key] == kind);
        self.backlog = rest;
        Vec::from_iter::<VecDeque<Value>>(hits)
    }

    /// Waits for the end and answers its close code (0 when there was none).
    pub async fn closed(&mut self) -> u16 {
        self.end().await.code.unwrap_or(0)
    }

    /// Whether it is known to have ended with this code.
    pub fn ended_with(&self, code: u16) -> bool {
        self.closed.as_ref().is_some_and(|closed| closed.code == Some(code))
    }

    pub async fn end(&mut self) -> Closed {
        within("the socket is closed", async {
            while let Some(frame) = self.heard().await {
                self.backlog.push_back(frame);
            }
        })
        .await;
        self.closed.clone().unwrap()
    }

    /// Waits for the goodbye and the close; both must carry this code.
    pub async fn dismissed(&mut self, code: u16) -> Value {
        let closed = self.end().await;
        assert_eq!(closed.code, Some(code), "{closed:?}; heard {:?}", self.backlog);
        let bye = self.seen("bye").pop().unwrap_or_else(|| panic!("a bye before the close; heard {:?}", self.backlog));
        assert_eq!(bye["code"], code, "{bye}");
        bye
    }

    // --- behaving ---------------------------------------------------------------------------------

    /// Reads nothing more: the kernel's buffers fill, then the server's.
    pub fn stop_reading(&mut self) {
        self.reading.send_replace(false);
    }

    pub fn read_on(&mut self) {
        self.reading.send_replace(true);
    }

    /// Closes politely.
    pub async fn leave(mut self) {
        let _ = self.out.send(Message::Close(None)).await;
        let _ = tokio::time::timeout(DEADLINE, async { while self.heard().await.is_some() {} }).await;
    }

    /// The board as this socket was told.
    #[track_caller]
    pub fn board(&self) -> &Replica {
        self.replica.as_ref().expect("the seat was taken")
    }

    pub fn epoch(&self) -> u64 {
        self.board().epoch
    }

    pub fn rev(&self) -> u64 {
        self.board().rev
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // The wire is cut: no close frame, as when a laptop's lid falls.
        self.reader.abort();
    }
}
