//! The three sockets of the v0.24 room client (contract/boards.md 3.2): an ordinary seat in class and at its board, whose
//! frames are put into that client's words and back. Called by `pump`. Never knows a right or a state of its own.

mod board;
mod people;
mod signals;

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::actors::outbox::Outbox;
use crate::actors::rooms::Line;
use crate::ws::SocketContext;
use crate::ws::session::{JoinedSession, SessionEnd};
use m4sh_domain::ids::{BoardId, ClassroomId, ConnId, LessonId, UserId};
use m4sh_domain::json::{Bounds, Object, Value};
use m4sh_protocol::close::Close;
use m4sh_protocol::payload::Payload;
use m4sh_protocol::room::{Channel, object};
use m4sh_store::StoreError;

/// One such socket.
pub(super) struct Room {
    channel: Channel,
    session: LessonId,
    classroom: ClassroomId,
    board: BoardId,
    user: UserId,
    conn: ConnId,
    sockets: Arc<SocketContext>,
    /// The whole numbers that people go by, as far as they were asked for.
    numbers: HashMap<UserId, i64>,
    drawing: board::Drawing,
}

impl Room {
    /// The socket of somebody who asks for a channel of a lesson.
    ///
    /// # Errors
    /// With what it is closed.
    pub(super) async fn open(
        channel: Channel,
        session: LessonId,
        user: UserId,
        conn: ConnId,
        sockets: Arc<SocketContext>,
    ) -> Result<Self, Close> {
        let card = sockets.store.room_lesson(session).await.map_err(|error| {
            tracing::warn!(%error, "a lesson could not be read");
            Close::Moved
        })?;
        let card = card.ok_or(Close::NotFound)?;
        let (classroom, board) = (card.classroom, card.board);
        let (numbers, drawing) = (HashMap::new(), board::Drawing::default());
        Ok(Self { channel, session, classroom, board, user, conn, sockets, numbers, drawing })
    }

    /// The lesson's class and id: the door that the seat is taken through.
    pub(super) const fn lesson(&self) -> (ClassroomId, LessonId) {
        (self.classroom, self.session)
    }

    /// The seat is taken: others' sockets of the lesson know of this one from here on.
    pub(super) fn seated(&self, outbox: Outbox) {
        let line = Line { conn: self.conn, user: self.user, channel: self.channel, outbox };
        self.sockets.directory.rooms().add(self.session, line);
    }

    /// Takes one message of the client's; `Break` says how the conversation ends.
    pub(super) async fn hear(&mut self, bytes: &[u8], seated: &mut JoinedSession) -> ControlFlow<SessionEnd> {
        let frame = match Value::parse(bytes, Bounds::default()) {
            Ok(Value::Object(frame)) => frame,
            Ok(_) | Err(_) => return ControlFlow::Break(SessionEnd::Close(Close::BadRequest)),
        };
        let kind = frame.get("type").and_then(Value::as_str).unwrap_or_default();
        match (self.channel, kind) {
            (_, "ping") => say(seated, object([("type", "pong".into())])),
            (Channel::Board, "sync_request") => self.drawing.ask(),
            (Channel::Board, "board_event") => return Box::pin(self.draw(&frame, seated)).await,
            (Channel::Webrtc, "offer" | "answer" | "ice_candidate") => self.signal(frame, seated).await,
            _ => say(seated, error("unknown_type", "this is no message of this socket", None)),
        }
        ControlFlow::Continue(())
    }

    /// What a frame of the seat is in the client's words: nothing, as a rule.
    pub(super) async fn tell(&mut self, frame: Payload) -> Vec<Payload> {
        let text = match &frame {
            Payload::Text(text) => text,
            // A whole state: the welcome, which the client has from its `join`, or one instead of what was missed.
            Payload::Rope { .. } => {
                self.drawing.missed();
                return Vec::new();
            }
            Payload::Binary(_) => return Vec::new(),
        };
        let Ok(Value::Object(said)) = Value::parse(text.as_bytes(), Bounds::default()) else { return Vec::new() };
        let Some(kind) = said.get("t").and_then(Value::as_str) else {
            // Ours already, or another room socket's.
            return vec![frame];
        };
        match self.channel {
            Channel::Board => self.drawn(kind, &said).await,
            Channel::System => self.changed(kind, &said).await.into_iter().collect(),
            Channel::Webrtc => Vec::new(),
        }
    }

    /// The whole board, when it is due.
    pub(super) async fn due(&mut self) -> Option<Payload> {
        if self.drawing.is_due() { Box::pin(self.sync()).await } else { None }
    }

    /// The number that somebody goes by.
    async fn number(&mut self, user: UserId) -> Result<Value, StoreError> {
        if let Some(number) = self.numbers.get(&user) {
            return Ok((*number).into());
        }
        let found = self.sockets.store.account_numbers(&[user]).await?;
        let number = found.first().map(|(_, number)| *number);
        if let Some(number) = number {
            self.numbers.insert(user, number);
        }
        Ok(number.map_or(Value::Null, Value::from))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.sockets.directory.rooms().remove(self.session, self.conn);
    }
}

/// Answers on the socket itself.
fn say(seated: &JoinedSession, frame: Object) {
    // A full outbox has closed itself.
    let _ = seated.outbox.push(text(frame));
}

fn text(frame: Object) -> Payload {
    Payload::text(Value::from(frame).to_canonical())
}

/// What was not done, and why.
fn error(code: &str, message: &str, retry_after_ms: Option<u64>) -> Object {
    let wait = retry_after_ms.map(|wait| ("retry_after_ms", wait.into()));
    object([("type", "error".into()), ("code", code.into()), ("message", message.into())].into_iter().chain(wait))
}
