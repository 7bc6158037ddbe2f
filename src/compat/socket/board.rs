//! The room client's `board` socket (SPEC Q17): its events as batches, others' batches as its events, and the whole board
//! where it has no event for an operation. Called by `RoomTranslator`. Every event goes through the session, so rights are
//! those of the moment.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::{RoomTranslator, encode, error, object};
use crate::actors::messages::BoardView;
use crate::compat::frames::{event_to_frame, op_to_event};
use m4sh_domain::ids::UserId;
use m4sh_domain::json::{Object, Value};
use m4sh_domain::rate::Scope;
use m4sh_protocol::payload::Payload;

/// Events of one socket that may wait for their commit (SPEC Q17): the memory that a client can hold without being
/// acknowledged.
const PENDING_EVENTS: usize = 256;

/// Which part of the board's history the client has, and which of its events are not saved yet.
#[derive(Default)]
pub(super) struct ClientProgress {
    /// The client's events that are not known to be saved, in their order.
    pending: VecDeque<PendingEvent>,
    /// Events so far; names their batches.
    count: u64,
    /// The newest revision that was heard of.
    rev: u64,
    /// The revision of the last whole board that the client was given.
    synced: u64,
    /// Whether the client needs the whole board.
    is_stale: bool,
    /// When the board may be read again.
    not_before: Option<Instant>,
    is_welcomed: bool,
}

struct PendingEvent {
    id: String,
    /// The board's version as the client knew it.
    version: u64,
    /// The revision it was accepted as.
    rev: Option<u64>,
}

impl ClientProgress {
    /// The client wants the whole board.
    pub(super) fn request_state(&mut self) {
        self.is_stale = true;
    }

    /// The session was sent a whole state. The first one, the welcome's, the client has already.
    pub(super) fn state_passed(&mut self) {
        self.is_stale |= std::mem::replace(&mut self.is_welcomed, true);
    }

    /// Whether the whole board is to be sent now.
    pub(super) fn is_due(&self) -> bool {
        self.is_stale && self.not_before.is_none_or(|at| at <= Instant::now())
    }

    fn state_given(&mut self, view: &BoardView) {
        self.is_stale = false;
        self.synced = view.rev.0;
        self.rev = self.rev.max(view.rev.0);
    }
}

impl RoomTranslator {
    /// The batch that a `board_event` stands for.
    pub(super) fn board_event(&mut self, frame: &Object) -> Option<Vec<u8>> {
        let kind = frame.get("event_type").and_then(Value::as_str).unwrap_or_default();
        let data = frame.get("data").cloned().unwrap_or(Value::Null);
        if self.progress.pending.len() >= PENDING_EVENTS {
            self.send(error("rate_limited", "wait until what was sent is acknowledged", Some(1_000)));
            return None;
        }
        self.progress.count += 1;
        let id = format!("room-{}", self.progress.count);
        let Some(batch) = event_to_frame(kind, &data, &id) else {
            self.send(error("unsupported_event", "the board has no operation for this event", None));
            return None;
        };
        let version = frame.get("version").and_then(Value::as_u64).unwrap_or(self.progress.rev);
        self.progress.pending.push_back(PendingEvent { id, version, rev: None });
        Some(Value::from(batch).to_canonical())
    }

    /// A frame of the board as the client's messages.
    pub(super) async fn board_frame(&mut self, kind: &str, frame: &Object) -> Vec<Payload> {
        match kind {
            "welcome" | "snapshot" => self.progress.state_passed(),
            "ops" => return self.others_batch(frame).await,
            "tail" => {
                let mut messages = Vec::new();
                for missed in frame.get("ops").and_then(Value::as_array).unwrap_or_default() {
                    if let Some(missed) = missed.as_object() {
                        messages.extend(self.others_batch(missed).await);
                    }
                }
                return messages;
            }
            "accepted" => {
                let (id, rev) = (frame.get("id").and_then(Value::as_str), rev_of(frame));
                self.progress.rev = self.progress.rev.max(rev);
                if let Some(own) = self.progress.pending.iter_mut().find(|own| Some(&*own.id) == id) {
                    own.rev = Some(rev);
                }
            }
            "saved" => return self.saved(rev_of(frame)),
            "refused" => return self.refused(frame).await.into_iter().collect(),
            _ => {}
        }
        Vec::new()
    }

    /// Another's batch: an event for each operation, or the whole board later, where there is none for one of them.
    async fn others_batch(&mut self, frame: &Object) -> Vec<Payload> {
        let (rev, ops) = (rev_of(frame), frame.get("ops").and_then(Value::as_array).unwrap_or_default());
        self.progress.rev = self.progress.rev.max(rev);
        if rev <= self.progress.synced || ops.is_empty() {
            return Vec::new();
        }
        let author: Option<UserId> = frame.get("by").and_then(Value::as_str).and_then(|by| by.parse().ok());
        let number = match author {
            Some(author) => self.number(author).await.unwrap_or(Value::Null),
            None => Value::Null,
        };
        let mut messages = Vec::with_capacity(ops.len());
        for op in ops {
            let Some((kind, data)) = op_to_event(op) else {
                self.progress.is_stale = true;
                return Vec::new();
            };
            messages.push(encode(object([
                ("type", "board_update".into()),
                ("event_type", kind.into()),
                ("data", data),
                ("version", rev.into()),
                ("user_id", number.clone()),
            ])));
        }
        messages
    }

    /// Everything up to a revision is committed.
    fn saved(&mut self, rev: u64) -> Vec<Payload> {
        let pending = &mut self.progress.pending;
        let mut messages = Vec::new();
        while let Some(at) = pending.front().and_then(|own| own.rev).filter(|at| *at <= rev) {
            pending.pop_front();
            messages.push(encode(object([("type", "ack".into()), ("version", at.into())])));
        }
        messages
    }

    /// An event that was refused: a `conflict` when it does not fit and the client's board was older, else an error.
    async fn refused(&mut self, frame: &Object) -> Option<Payload> {
        let id = frame.get("id").and_then(Value::as_str)?;
        let at = self.progress.pending.iter().position(|own| own.id == id)?;
        let own = self.progress.pending.remove(at)?;
        let code = frame.get("code").and_then(Value::as_str).unwrap_or_default();
        if code == "invalid_ops"
            && own.version < self.progress.rev
            && let Some(view) = self.read_board().await
        {
            self.progress.state_given(&view);
            let head = object([
                ("type", "conflict".into()),
                ("local_version", own.version.into()),
                ("server_version", view.rev.0.into()),
            ]);
            return Some(with_state(head, "server_state", &view));
        }
        let detail = frame.get("detail").and_then(Value::as_str).unwrap_or_default();
        Some(encode(error(code, detail, frame.get("retry_after_ms").and_then(Value::as_u64))))
    }

    /// The whole board, as its reader may see it.
    pub(super) async fn sync_response(&mut self) -> Option<Payload> {
        let view = self.read_board().await?;
        self.progress.state_given(&view);
        let head = object([("type", "sync_response".into()), ("version", view.rev.0.into())]);
        Some(with_state(head, "state", &view))
    }

    /// Reads the board at the rate of REST reads; `None` puts it off.
    async fn read_board(&mut self) -> Option<BoardView> {
        let user = self.socket.user;
        let wait = match self.context.limiter.check(Scope::SoloUser, user) {
            Ok(()) => match self.context.directory.boards().read(self.board, user).await {
                Ok(view) => return Some(view),
                Err(error) => {
                    tracing::debug!(board = %self.board, %error, "board could not be read for a room client");
                    Duration::from_secs(1)
                }
            },
            Err(limited) => limited.wait,
        };
        self.progress.not_before = Instant::now().checked_add(wait);
        None
    }
}

fn rev_of(frame: &Object) -> u64 {
    frame.get("rev").and_then(Value::as_u64).unwrap_or(0)
}

/// A frame with the board's state, whose bytes are not parsed again.
fn with_state(head: Object, key: &str, view: &BoardView) -> Payload {
    let mut frame = Value::from(head).to_canonical();
    // The closing brace.
    frame.pop();
    frame.extend_from_slice(format!(",\"{key}\":").as_bytes());
    frame.extend_from_slice(&view.state);
    frame.push(b'}');
    Payload::text(frame)
}
