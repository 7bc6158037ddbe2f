//! The room client's `board` socket: its events as batches, others' batches as its events, and the whole board where it has
//! no word for one. Called by `Room`. Every event goes through the board's own mailbox, under the rights of the moment.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::time::Instant;

use super::{Room, error, say, text};
use crate::actors::messages::BoardView;
use crate::ws::session::{JoinedSession, SessionEnd};
use m4sh_domain::ids::UserId;
use m4sh_domain::json::{Object, Value};
use m4sh_domain::limits::ROOM_EVENTS;
use m4sh_domain::rate::Scope;
use m4sh_protocol::payload::Payload;
use m4sh_protocol::room::{event, object, work};

/// What a board socket stands at.
#[derive(Default)]
pub(super) struct Drawing {
    /// The client's events that are not known to be saved, in their order.
    pending: VecDeque<Pending>,
    /// Events so far: the names of batches.
    count: u64,
    /// The newest revision that was heard of.
    rev: u64,
    /// Up to which revision the client was given the whole board.
    synced: u64,
    /// Whether the client must be given the whole board; not before then, when it was asked for too often.
    stale: bool,
    not_before: Option<Instant>,
    welcomed: bool,
}

struct Pending {
    id: String,
    /// What the client believed to be the board's version.
    version: u64,
    rev: Option<u64>,
}

impl Drawing {
    /// The client wants the whole board.
    pub(super) fn ask(&mut self) {
        self.stale = true;
    }

    /// A whole state came by; the first is the welcome's.
    pub(super) fn missed(&mut self) {
        self.stale |= std::mem::replace(&mut self.welcomed, true);
    }

    /// Whether the whole board is to be told now.
    pub(super) fn is_due(&self) -> bool {
        self.stale && self.not_before.is_none_or(|at| at <= Instant::now())
    }
}

impl Room {
    /// Carries out a `board_event`.
    pub(super) async fn draw(&mut self, frame: &Object, seated: &mut JoinedSession) -> ControlFlow<SessionEnd> {
        let kind = frame.get("event_type").and_then(Value::as_str).unwrap_or_default();
        let data = frame.get("data").cloned().unwrap_or(Value::Null);
        if self.drawing.pending.len() >= ROOM_EVENTS {
            say(seated, error("rate_limited", "wait until what was sent is acknowledged", Some(1_000)));
            return ControlFlow::Continue(());
        }
        self.drawing.count += 1;
        let id = format!("room-{}", self.drawing.count);
        let Some(work) = work(kind, &data, &id) else {
            say(seated, error("unsupported_event", "the board has no operation for this event", None));
            return ControlFlow::Continue(());
        };
        let version = frame.get("version").and_then(Value::as_u64).unwrap_or(self.drawing.rev);
        self.drawing.pending.push_back(Pending { id, version, rev: None });
        seated.handle_frame(&Value::from(work).to_canonical()).await
    }

    /// What a frame of the board's is to the client.
    pub(super) async fn drawn(&mut self, kind: &str, said: &Object) -> Vec<Payload> {
        match kind {
            "welcome" => self.drawing.missed(),
            "ops" => return self.batch(said).await,
            "tail" => {
                let mut told = Vec::new();
                for missed in said.get("ops").and_then(Value::as_array).unwrap_or_default() {
                    if let Some(missed) = missed.as_object() {
                        told.extend(self.batch(missed).await);
                    }
                }
                return told;
            }
            "snapshot" => self.drawing.missed(),
            "accepted" => {
                let (id, rev) = (said.get("id").and_then(Value::as_str), rev_of(said));
                self.drawing.rev = self.drawing.rev.max(rev);
                if let Some(ours) = self.drawing.pending.iter_mut().find(|ours| Some(&*ours.id) == id) {
                    ours.rev = Some(rev);
                }
            }
            "saved" => return self.saved(rev_of(said)),
            "refused" => return self.refused(said).await.into_iter().collect(),
            _ => {}
        }
        Vec::new()
    }

    /// Another's batch: an event for each operation, or the whole board where one is none.
    async fn batch(&mut self, said: &Object) -> Vec<Payload> {
        let (rev, ops) = (rev_of(said), said.get("ops").and_then(Value::as_array).unwrap_or_default());
        self.drawing.rev = self.drawing.rev.max(rev);
        if rev <= self.drawing.synced || ops.is_empty() {
            return Vec::new();
        }
        let by: Option<UserId> = said.get("by").and_then(Value::as_str).and_then(|by| by.parse().ok());
        let number = match by {
            Some(by) => self.number(by).await.unwrap_or(Value::Null),
            None => Value::Null,
        };
        let mut told = Vec::with_capacity(ops.len());
        for op in ops {
            let Some((kind, data)) = event(op) else {
                self.drawing.stale = true;
                return Vec::new();
            };
            told.push(text(object([
                ("type", "board_update".into()),
                ("event_type", kind.into()),
                ("data", data),
                ("version", rev.into()),
                ("user_id", number.clone()),
            ])));
        }
        told
    }

    /// Everything up to a revision is committed.
    fn saved(&mut self, rev: u64) -> Vec<Payload> {
        let mut told = Vec::new();
        while let Some(at) = self.drawing.pending.front().and_then(|ours| ours.rev).filter(|at| *at <= rev) {
            self.drawing.pending.pop_front();
            told.push(text(object([("type", "ack".into()), ("version", at.into())])));
        }
        told
    }

    /// An event that was not done: the board is another than the client believed, or something else is in the way.
    async fn refused(&mut self, said: &Object) -> Option<Payload> {
        let id = said.get("id").and_then(Value::as_str)?;
        let at = self.drawing.pending.iter().position(|ours| ours.id == id)?;
        let ours = self.drawing.pending.remove(at)?;
        let code = said.get("code").and_then(Value::as_str).unwrap_or_default();
        if code == "invalid_ops"
            && ours.version < self.drawing.rev
            && let Some(view) = self.view().await
        {
            self.given(&view);
            let head = object([
                ("type", "conflict".into()),
                ("local_version", ours.version.into()),
                ("server_version", view.rev.0.into()),
            ]);
            return Some(spliced(head, "server_state", &view));
        }
        let detail = said.get("detail").and_then(Value::as_str).unwrap_or_default();
        Some(text(error(code, detail, said.get("retry_after_ms").and_then(Value::as_u64))))
    }

    /// The whole board, as its reader sees it.
    pub(super) async fn sync(&mut self) -> Option<Payload> {
        let view = self.view().await?;
        self.given(&view);
        let head = object([("type", "sync_response".into()), ("version", view.rev.0.into())]);
        Some(spliced(head, "state", &view))
    }

    fn given(&mut self, view: &BoardView) {
        self.drawing.stale = false;
        self.drawing.synced = view.rev.0;
        self.drawing.rev = self.drawing.rev.max(view.rev.0);
    }

    /// Reads the board, not more often than over REST; `None` puts it off.
    async fn view(&mut self) -> Option<BoardView> {
        let wait = match self.sockets.limiter.check(Scope::SoloUser, self.user) {
            Ok(()) => match self.sockets.directory.read(self.board, self.user).await {
                Ok(view) => return Some(view),
                Err(error) => {
                    tracing::debug!(board = %self.board, %error, "a board could not be read for a room");
                    std::time::Duration::from_secs(1)
                }
            },
            Err(limited) => limited.wait,
        };
        self.drawing.not_before = Instant::now().checked_add(wait);
        None
    }
}

fn rev_of(said: &Object) -> u64 {
    said.get("rev").and_then(Value::as_u64).unwrap_or(0)
}

/// A frame with a state, whose bytes are not read again.
fn spliced(head: Object, key: &str, view: &BoardView) -> Payload {
    let mut frame = Value::from(head).to_canonical();
    // The closing brace.
    frame.pop();
    frame.extend_from_slice(format!(",\"{key}\":").as_bytes());
    frame.extend_from_slice(&view.state);
    frame.push(b'}');
    Payload::text(frame)
}
