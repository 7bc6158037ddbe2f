//! The three sockets of the room client (SPEC Q15): each is an ordinary session in class whose frames are translated.
//! Mounted by `compat`. Never decides a right and holds no state of a board.

mod board;
mod participants;
mod signals;

use std::collections::HashMap;
use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;

use super::frames::{Channel, encode, error, object};
use crate::actors::outbox::Outbox;
use crate::actors::socket_registry::{RegisteredSocket, Registration, SocketScope};
use crate::ws::SocketContext;
use crate::ws::translator::{OpenTranslator, Translated, Translator};
use m4sh_domain::ids::{BoardId, ConnId, LessonId, UserId};
use m4sh_domain::json::{Bounds, Object, Value};
use m4sh_protocol::close::Close;
use m4sh_protocol::dialect::Dialect;
use m4sh_protocol::payload::Payload;
use m4sh_store::StoreError;

/// `GET /ws/classroom/{session}/{channel}`. The client can show its token in the URL only (ADR 0028).
pub async fn upgrade(
    request: HttpRequest,
    body: web::Payload,
    path: web::Path<(String, String)>,
    context: web::Data<SocketContext>,
) -> actix_web::Result<HttpResponse> {
    let (lesson, channel) = path.into_inner();
    let ids = lesson.parse::<LessonId>().ok().zip(Channel::from_name(&channel));
    let own = context.clone().into_inner();
    let open = ids.map(|(lesson, channel)| -> OpenTranslator {
        Box::new(move |conn, user, outbox| {
            let socket = RoomSocket { conn, user, channel, outbox, registration: None };
            RoomTranslator::open(lesson, socket, own).boxed_local()
        })
    });
    let mut query = url::form_urlencoded::parse(request.query_string().as_bytes());
    let token = query.find(|(name, _)| name == "token").map(|(_, token)| token.into_owned());
    crate::ws::upgrade_translated(&request, body, open, token, context)
}

/// One socket of the client.
struct RoomSocket {
    conn: ConnId,
    user: UserId,
    channel: Channel,
    outbox: Outbox,
    /// Its place among the sockets of its channel, once the session has joined.
    registration: Option<Registration>,
}

/// The translator of one socket.
struct RoomTranslator {
    lesson: LessonId,
    board: BoardId,
    socket: RoomSocket,
    context: Arc<SocketContext>,
    /// The numbers of the people who were named so far.
    numbers: HashMap<UserId, i64>,
    progress: board::ClientProgress,
}

impl RoomTranslator {
    async fn open(lesson: LessonId, socket: RoomSocket, context: Arc<SocketContext>) -> Result<Translated, Close> {
        let row = context.store.room_lesson(lesson).await.map_err(|error| {
            tracing::warn!(%error, "lesson could not be read");
            Close::Moved
        })?;
        let row = row.ok_or(Close::NotFound)?;
        let (numbers, progress) = (HashMap::new(), board::ClientProgress::default());
        let translator = Self { lesson, board: row.board, socket, context, numbers, progress };
        Ok((row.classroom, lesson, Box::new(translator)))
    }

    /// Sends a frame of the translator's own.
    fn send(&self, frame: Object) {
        // A full outbox has closed itself.
        let _ = self.socket.outbox.push(encode(frame));
    }

    async fn translate_incoming(&mut self, message: &[u8]) -> Result<Option<Vec<u8>>, Close> {
        let Ok(Value::Object(frame)) = Value::parse(message, Bounds::default()) else { return Err(Close::BadRequest) };
        let kind = frame.get("type").and_then(Value::as_str).unwrap_or_default();
        match (self.socket.channel, kind) {
            (_, "ping") => self.send(object([("type", "pong".into())])),
            (Channel::Board, "sync_request") => self.progress.request_state(),
            (Channel::Board, "board_event") => return Ok(self.board_event(&frame)),
            (Channel::Webrtc, "offer" | "answer" | "ice_candidate") => self.signal(frame).await,
            _ => self.send(error("unknown_type", "this is no message of this socket", None)),
        }
        Ok(None)
    }

    async fn translate_outgoing(&mut self, frame: Payload) -> Vec<Payload> {
        let text = match &frame {
            Payload::Text(text) => text,
            // A whole state: the welcome, whose state the client has from `join/`, or one in place of missed batches.
            Payload::Rope { .. } => {
                self.progress.state_passed();
                return Vec::new();
            }
            Payload::Binary(_) => return Vec::new(),
        };
        let Ok(Value::Object(members)) = Value::parse(text.as_bytes(), Bounds::default()) else { return Vec::new() };
        // Only frames of the full protocol have a `t`: without one it is a message of this client already.
        let Some(kind) = members.get("t").and_then(Value::as_str) else { return vec![frame] };
        match self.socket.channel {
            Channel::Board => self.board_frame(kind, &members).await,
            Channel::System => self.class_frame(kind, &members).await.into_iter().collect(),
            Channel::Webrtc => Vec::new(),
        }
    }

    /// The number that the client knows somebody by; `null` for who has none.
    async fn number(&mut self, user: UserId) -> Result<Value, StoreError> {
        if let Some(number) = self.numbers.get(&user) {
            return Ok((*number).into());
        }
        let found = self.context.store.account_numbers(&[user]).await?;
        let number = found.first().map(|(_, number)| *number);
        if let Some(number) = number {
            self.numbers.insert(user, number);
        }
        Ok(number.map_or(Value::Null, Value::from))
    }
}

impl Translator for RoomTranslator {
    fn joined(&mut self) {
        let RoomSocket { conn, user, channel, ref outbox, .. } = self.socket;
        let socket = RegisteredSocket { conn, user: Some(user), dialect: Dialect::Json, outbox: outbox.clone() };
        let scope = SocketScope::LessonChannel(self.lesson, channel.name());
        self.socket.registration = self.context.directory.sockets().register(scope, socket, usize::MAX);
    }

    fn incoming<'a>(&'a mut self, message: &'a [u8]) -> LocalBoxFuture<'a, Result<Option<Vec<u8>>, Close>> {
        self.translate_incoming(message).boxed_local()
    }

    fn outgoing(&mut self, frame: Payload) -> LocalBoxFuture<'_, Vec<Payload>> {
        self.translate_outgoing(frame).boxed_local()
    }

    fn due(&mut self) -> LocalBoxFuture<'_, Option<Payload>> {
        async { if self.progress.is_due() { self.sync_response().await } else { None } }.boxed_local()
    }
}
