//! All that the server may say, encoded once for each dialect that listens.
//! Called by the board and classroom actors and by `ws`. Never sends anything.

use std::cell::OnceCell;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;

use crate::CatchUp;
use crate::board_command::AcceptedCommand;
use crate::client::{ActivityStatus, View};
use crate::close::{Close, ReconnectAdvice};
use crate::dialect::Dialect;
use crate::payload::Payload;
use crate::roster::{Quality, RosterEntry, Selection, entry_fields, put_standing, user_fields};
use crate::{msgpack, presence};
use m4sh_domain::access::{EffectiveRights, Role};
use m4sh_domain::board::JournalEntry;
use m4sh_domain::ids::{ConnId, Epoch, LessonId, Rev, UserId};
use m4sh_domain::json::{Bounds, Object, Value};
use m4sh_domain::refusal::Refusal;

/// Somebody at a board, as others see them.
#[derive(Clone, Debug)]
pub struct ConnectedUser {
    /// The account.
    pub user: UserId,
    /// The name that others see.
    pub name: Arc<str>,
    /// What they are to this board.
    pub role: Role,
    /// `#rrggbb`.
    pub color: Arc<str>,
    /// What they are doing.
    pub status: ActivityStatus,
    /// How well they are connected, once it is known.
    pub quality: Option<Quality>,
}

/// The answer to a hello.
pub struct Welcome<'a> {
    /// The one who is welcomed.
    pub me: &'a ConnectedUser,
    /// Their socket.
    pub conn: ConnId,
    /// What they are and may do here.
    pub standing: EffectiveRights,
    /// The board's ownership.
    pub epoch: Epoch,
    /// The board's revision.
    pub rev: Rev,
    /// Everything up to here is committed.
    pub saved: Rev,
    /// Everybody who is here, the welcomed one included.
    pub roster: Vec<RosterEntry<'a>>,
    /// The budgets, by name.
    pub budgets: &'a Object,
    /// The class that this board belongs to, and how it stands for those who came in by its door.
    pub class: Option<Arc<Object>>,
    /// Strokes under way, as a tick tells them.
    pub drawing: Vec<Value>,
    /// The document, or what was missed.
    pub content: SyncContent,
}

/// What a welcome brings.
pub enum SyncContent {
    /// The whole document.
    State(Arc<SharedState>),
    /// The tail after the client's position.
    Tail(Vec<Arc<JournalEntry>>),
}

/// A document as joiners get it: encoded once for all who come at the same revision.
pub struct SharedState {
    json: Bytes,
    msgpack: OnceLock<Bytes>,
}

impl SharedState {
    /// From canonical JSON.
    #[must_use]
    pub fn new(json: Bytes) -> Self {
        Self { json, msgpack: OnceLock::new() }
    }

    /// Canonical JSON.
    #[must_use]
    pub fn json(&self) -> &Bytes {
        &self.json
    }

    fn msgpack(&self) -> &Bytes {
        self.msgpack.get_or_init(|| msgpack::encode(&trusted(&self.json)).into())
    }
}

/// Our own canonical bytes as a value; their bounds were applied when they came in.
fn trusted(json: &[u8]) -> Value {
    Value::parse(json, Bounds { depth: usize::MAX, nodes: usize::MAX }).unwrap_or(Value::Null)
}

/// One frame to say.
pub enum ServerFrame<'a> {
    /// The answer to a hello.
    Welcome(Box<Welcome<'a>>),
    /// What I missed while I read too slowly.
    CatchUp(Box<CatchUp<'a>>),
    /// Another's batch.
    Ops(&'a JournalEntry),
    /// My batch is ordered.
    Accepted { id: &'a str, rev: Rev },
    /// The same of a batch that I did not write out: what it did.
    AcceptedCommand(AcceptedCommand<'a>),
    /// Everything up to `rev` is committed.
    Saved(Rev),
    /// Nothing changed; the socket lives.
    Refused { id: Option<&'a str>, refusal: &'a Refusal },
    /// Somebody came.
    Joined(&'a ConnectedUser),
    /// Somebody left.
    Left(&'a ConnectedUser),
    /// Somebody's status changed.
    Status(&'a ConnectedUser),
    /// Somebody looks elsewhere.
    View(&'a ConnectedUser, &'a View),
    /// Somebody has selected something else.
    Selection(&'a ConnectedUser, &'a Selection),
    /// My rights changed, or until when they hold.
    Can { standing: EffectiveRights, why: &'a str },
    /// I am near or over a budget.
    Budget { class: &'a str, left: u32, retry_after_ms: u64, used: f64 },
    /// Whether commits flow to Postgres.
    Journal { flowing: bool },
    /// The session has ended.
    Ended(LessonId),
    /// A frame that was put together elsewhere: its `t` and whatever it carries.
    Prepared(&'a Object),
    /// The answer to a ping.
    Pong(&'a Value),
    /// The last frame before a close.
    Bye(Close),
    /// The same, with a time to wait that is not the code's usual one.
    ByeRetryAfter(Close, Duration),
}

impl ServerFrame<'_> {
    /// The frame's bytes in a dialect; `None` when the dialect has no word for it.
    #[must_use]
    pub fn encode(&self, dialect: Dialect) -> Option<Payload> {
        let content = match self {
            Self::Welcome(welcome) => Some(&welcome.content),
            Self::CatchUp(missed) => Some(&missed.content),
            _ => None,
        };
        if let Some(SyncContent::State(state)) = content
            && dialect.is_full()
        {
            return Some(self.with_state(state, dialect));
        }
        match dialect {
            Dialect::Presence => self.presence().map(|fields| Payload::text(Value::Object(fields).to_canonical())),
            Dialect::Json => {
                let (fields, raw) = self.parts();
                Some(Payload::text(splice(fields, &raw)))
            }
            Dialect::MsgPack => {
                let (mut fields, raw) = self.parts();
                for (key, json) in raw {
                    fields.insert(key.to_owned(), trusted(&json));
                }
                Some(Payload::Binary(msgpack::encode(&Value::Object(fields)).into()))
            }
        }
    }

    /// A frame around the shared state, which is not copied.
    fn with_state(&self, state: &SharedState, dialect: Dialect) -> Payload {
        let (fields, _) = self.parts();
        let fields = Value::Object(fields);
        if dialect == Dialect::MsgPack
            && let Some(open) = msgpack::open_map(&fields, "state")
        {
            return Payload::Rope { text: false, parts: Arc::new([open.into(), state.msgpack().clone()]) };
        }
        let mut open = fields.to_canonical();
        open.pop();
        open.extend_from_slice(b",\"state\":");
        Payload::Rope { text: true, parts: Arc::new([open.into(), state.json.clone(), Bytes::from_static(b"}")]) }
    }

    /// The small fields, and the large ones that are canonical JSON already.
    fn parts(&self) -> (Object, Vec<(&'static str, Bytes)>) {
        let mut raw = Vec::new();
        let fields = match self {
            Self::Welcome(welcome) => welcome.parts(&mut raw),
            Self::CatchUp(missed) => missed.parts(&mut raw),
            Self::Ops(entry) => {
                raw.push(("ops", entry.ops.clone()));
                frame("ops", [("rev", rev(entry.rev)), ("by", id(entry.key.author)), ("id", (&*entry.key.id).into())])
            }
            Self::Accepted { id, rev: at } => frame("accepted", [("id", (*id).into()), ("rev", rev(*at))]),
            Self::AcceptedCommand(done) => {
                raw.extend(done.ops.iter().map(|ops| ("ops", ops.clone())));
                let mut fields = frame("accepted", [("id", done.id.into()), ("rev", rev(done.rev))]);
                if let Some((key, about)) = done.about() {
                    put(&mut fields, key, Some(about.into()));
                }
                fields
            }
            Self::Saved(at) => frame("saved", [("rev", rev(*at))]),
            Self::Refused { id, refusal } => {
                let (code, detail) = (refusal.code.name(), &*refusal.detail);
                let mut fields = frame("refused", [("code", code.into()), ("detail", detail.into())]);
                put(&mut fields, "id", id.map(Value::from));
                put(&mut fields, "index", refusal.index.map(|index| Value::from(index as u64)));
                put(&mut fields, "retry_after_ms", refusal.retry_after_ms().map(Value::from));
                fields
            }
            Self::Joined(person) => {
                let mut fields = user_fields(person);
                put(&mut fields, "t", Some("joined".into()));
                fields
            }
            Self::Left(person) => frame("left", [("user", id(person.user))]),
            Self::Status(person) => {
                let mut fields = frame("status", [("user", id(person.user)), ("state", person.status.name().into())]);
                put(&mut fields, "quality", person.quality.map(|quality| quality.name().into()));
                fields
            }
            Self::View(person, view) => {
                let mut fields = frame(
                    "view",
                    [("user", id(person.user)), ("x", view.x.into()), ("y", view.y.into()), ("zoom", view.zoom.into())],
                );
                put(&mut fields, "page", view.page.as_deref().map(Value::from));
                fields
            }
            Self::Selection(person, selection) => {
                let mut fields = selection.fields();
                put(&mut fields, "t", Some("selection".into()));
                put(&mut fields, "user", Some(id(person.user)));
                fields
            }
            Self::Can { standing, why } => {
                let mut fields = frame("can", [("why", (*why).into())]);
                put_standing(&mut fields, *standing);
                fields
            }
            Self::Budget { class, left, retry_after_ms, used } => frame(
                "budget",
                [
                    ("class", (*class).into()),
                    ("left", u64::from(*left).into()),
                    ("retry_after_ms", (*retry_after_ms).into()),
                    ("used", ((used * 100.0).round() / 100.0).into()),
                ],
            ),
            Self::Journal { flowing } => {
                frame("journal", [("state", if *flowing { "flowing" } else { "waiting" }.into())])
            }
            Self::Ended(session) => frame("ended", [("session", session.to_string().into())]),
            Self::Prepared(fields) => (*fields).clone(),
            Self::Pong(n) => frame("pong", [("n", (*n).clone())]),
            Self::Bye(close) => match close.advice() {
                ReconnectAdvice::RetryAfter(after) => bye(*close, Some(after)),
                ReconnectAdvice::RefreshToken | ReconnectAdvice::DoNotReconnect => bye(*close, None),
            },
            Self::ByeRetryAfter(close, after) => bye(*close, Some(*after)),
        };
        (fields, raw)
    }

    fn presence(&self) -> Option<Object> {
        Some(match self {
            Self::Welcome(welcome) => presence::sync(welcome.roster.iter().map(|present| present.person)),
            Self::Joined(person) => presence::join(person),
            Self::Left(person) => presence::leave(person),
            Self::View(person, view) => presence::view(person, view),
            Self::Refused { refusal, .. } => {
                presence::error(refusal.code.name(), &refusal.detail, refusal.retry_after_ms())
            }
            Self::Budget { class, retry_after_ms, .. } => presence::error("rate_limited", class, Some(*retry_after_ms)),
            Self::ByeRetryAfter(close, after) => {
                presence::error(close.reason(), "the connection is closing", Some(millis(*after)))
            }
            Self::Bye(close) => presence::error(close.reason(), "the connection is closing", None),
            Self::CatchUp(_)
            | Self::Ops(_)
            | Self::Accepted { .. }
            | Self::AcceptedCommand(_)
            | Self::Saved(_)
            | Self::Status(_)
            | Self::Selection(..)
            | Self::Can { .. }
            | Self::Journal { .. }
            | Self::Ended(_)
            | Self::Prepared(_)
            | Self::Pong(_) => return None,
        })
    }
}

impl Welcome<'_> {
    fn parts(&self, raw: &mut Vec<(&'static str, Bytes)>) -> Object {
        let mut me = frame("", [("user", id(self.me.user)), ("conn", self.conn.to_string().into())]);
        me.remove("t");
        put(&mut me, "role", Some(self.me.role.name().into()));
        put(&mut me, "name", Some((&*self.me.name).into()));
        put(&mut me, "color", Some((&*self.me.color).into()));
        put_standing(&mut me, self.standing);
        let mut fields = frame(
            "welcome",
            [
                ("you", Value::Object(me)),
                ("epoch", Value::from(self.epoch.0)),
                ("rev", rev(self.rev)),
                ("saved", rev(self.saved)),
                ("roster", Value::Array(self.roster.iter().map(|one| Value::Object(entry_fields(one))).collect())),
                ("budgets", Value::Object(self.budgets.clone())),
            ],
        );
        put(&mut fields, "class", self.class.as_deref().map(|class| Value::Object(class.clone())));
        put(&mut fields, "drawing", (!self.drawing.is_empty()).then(|| Value::Array(self.drawing.clone())));
        match &self.content {
            SyncContent::State(_) => {}
            SyncContent::Tail(entries) => {
                fields.insert("resumed".to_owned(), Value::from(true));
                raw.push(("ops", tail(entries)));
            }
        }
        fields
    }
}

/// The missed batches as one JSON list.
pub(super) fn tail(entries: &[Arc<JournalEntry>]) -> Bytes {
    let mut json = vec![b'['];
    for (place, entry) in entries.iter().enumerate() {
        if place > 0 {
            json.push(b',');
        }
        let mut fields = Object::default();
        put(&mut fields, "rev", Some(rev(entry.rev)));
        put(&mut fields, "by", Some(id(entry.key.author)));
        put(&mut fields, "id", Some((&*entry.key.id).into()));
        json.extend_from_slice(&splice(fields, &[("ops", entry.ops.clone())]));
    }
    json.push(b']');
    json.into()
}

/// One JSON object of small fields and ready bytes.
fn splice(fields: Object, raw: &[(&'static str, Bytes)]) -> Vec<u8> {
    let mut json = Vec::with_capacity(96 + raw.iter().map(|(key, bytes)| key.len() + bytes.len() + 4).sum::<usize>());
    Value::Object(fields).write_canonical(&mut json);
    for (key, bytes) in raw {
        json.pop();
        if json.len() > 1 {
            json.push(b',');
        }
        json.push(b'"');
        json.extend_from_slice(key.as_bytes());
        json.extend_from_slice(b"\":");
        json.extend_from_slice(bytes);
        json.push(b'}');
    }
    json
}

pub(super) fn frame<const N: usize>(kind: &str, fields: [(&str, Value); N]) -> Object {
    std::iter::once(("t", Value::from(kind))).chain(fields).map(|(key, value)| (key.to_owned(), value)).collect()
}

pub(super) fn put(fields: &mut Object, key: &str, value: Option<Value>) {
    if let Some(value) = value {
        fields.insert(key.to_owned(), value);
    }
}

pub(super) fn id(user: UserId) -> Value {
    user.to_string().into()
}

pub(super) fn rev(rev: Rev) -> Value {
    rev.0.into()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn bye(close: Close, after: Option<Duration>) -> Object {
    let mut fields = frame("bye", [("code", u64::from(close.code()).into()), ("reason", close.reason().into())]);
    put(&mut fields, "retry_after_ms", after.map(|after| millis(after).into()));
    fields
}

/// A frame and its encodings, each made when the first reader of its dialect asks.
pub struct EncodedFrame<'a, 'f> {
    frame: &'a ServerFrame<'f>,
    encoded: [OnceCell<Option<Payload>>; 3],
}

impl<'a, 'f> EncodedFrame<'a, 'f> {
    /// Nothing is encoded yet.
    #[must_use]
    pub fn new(frame: &'a ServerFrame<'f>) -> Self {
        Self { frame, encoded: [const { OnceCell::new() }; 3] }
    }

    /// What is said.
    #[must_use]
    pub fn frame(&self) -> &'a ServerFrame<'f> {
        self.frame
    }

    /// The shared bytes for a dialect.
    pub fn get(&self, dialect: Dialect) -> Option<&Payload> {
        self.encoded[dialect as usize].get_or_init(|| self.frame.encode(dialect)).as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{person, text};

    #[test]
    fn w1_every_frame_says_the_same_in_both_full_dialects() {
        let me = person();
        let frames = [
            ServerFrame::Accepted { id: "a", rev: Rev(3) },
            ServerFrame::Saved(Rev(9)),
            ServerFrame::Refused { id: None, refusal: &Refusal::forbidden("no").at(Some(2)) },
            ServerFrame::Joined(&me),
            ServerFrame::Bye(Close::Moved),
            ServerFrame::Can { standing: EffectiveRights::OWNER, why: "role" },
        ];
        for frame in frames {
            let json = frame.encode(Dialect::Json).map(text).unwrap();
            let Some(Payload::Binary(packed)) = frame.encode(Dialect::MsgPack) else { panic!("no bytes") };
            let unpacked = msgpack::decode(&packed).unwrap();
            assert_eq!(Value::parse(json.as_bytes(), Bounds::default()).unwrap(), unpacked);
        }
    }

    #[test]
    fn w1_a_welcome_shares_its_state_and_says_the_same_in_both_full_dialects() {
        let me = person();
        let state = Arc::new(SharedState::new(Bytes::from_static(br#"{"pages":[{"id":"p","n":1.0}]}"#)));
        let budgets = Object::default();
        let welcome = ServerFrame::Welcome(Box::new(Welcome {
            me: &me,
            conn: ConnId(1),
            standing: EffectiveRights::OWNER,
            epoch: Epoch(1),
            rev: Rev(2),
            saved: Rev(2),
            roster: vec![RosterEntry { person: &me, view: None, selection: None, page: None }],
            budgets: &budgets,
            class: None,
            drawing: Vec::new(),
            content: SyncContent::State(state.clone()),
        }));
        let bytes = |dialect| match welcome.encode(dialect) {
            Some(Payload::Rope { parts, .. }) => parts,
            _ => panic!("no rope"),
        };
        let (json, packed) = (bytes(Dialect::Json), bytes(Dialect::MsgPack));
        assert_eq!(json[1].as_ptr(), state.json.as_ptr(), "shared, not copied");
        let value = Value::parse(&json.concat(), Bounds::default()).unwrap();
        assert_eq!(Some(&value), msgpack::decode(&packed.concat()).as_ref());
        assert!(value.get("state").is_some_and(|state| state.get("pages").is_some()));
    }

    #[test]
    fn raw_bytes_are_spliced_into_the_frame_as_they_are() {
        let fields = frame("x", []);
        assert_eq!(splice(fields, &[("ops", Bytes::from_static(b"[1.0]"))]), br#"{"t":"x","ops":[1.0]}"#);
        assert_eq!(splice(Object::default(), &[("a", Bytes::from_static(b"1"))]), br#"{"a":1}"#);
    }
}
