//! What was said and done in a lesson, in order. Written by the classroom actor alone, read by it and by `http`.
//! Never gives a number: two writers of one lesson cannot both have the next one, and the second hears `Conflict`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tokio_postgres::Row;

use crate::{
    Store, StoreError,
    query::{is_past_the_end, queries},
    sql::{FromRow, column, each},
};
use m4sh_domain::limits;
use m4sh_domain::{
    classroom::{ChatMessage, ClassEvent, ClassState, RecordedEvent},
    ids::{LessonId, UserId},
    json::{Bounds, Object, Value},
};

/// The name of the constraint that decides whose event is next.
pub const CLASS_EVENT: &str = "class_event_pkey";

/// Which messages of a lesson.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChatCursor {
    /// The last ones before a number.
    Before(u64),
    /// The first ones after a number.
    After(u64),
}

/// A message that new events change, with the event that changed it last.
type Amendment<'a> = (&'a ChatMessage, &'a RecordedEvent);

/// An event; `None` for a kind that another version of this program wrote.
struct EventOrUnknown(Option<RecordedEvent>);

/// The number of a lesson's last event, and an event, unless there is none.
struct StateRow {
    last: u64,
    event: Option<RecordedEvent>,
}

queries! {
    /// New events, and the messages that they change, in one statement: both or neither.
    fn append(session: LessonId, events: &[RecordedEvent], amended: &[Amendment<'_>]) -> () = "
        WITH amended AS (
            UPDATE class_event e SET data = a.data, removed_at = a.removed_at, removed_by = a.removed_by
            FROM unnest($9::bigint[], $10::bytea[], $11::timestamptz[], $12::uuid[]) AS a (seq, data, removed_at, removed_by)
            WHERE e.session = $1 AND e.seq = a.seq AND e.removed_at IS NULL
        )
        INSERT INTO class_event (session, seq, at, kind, author, person, about, data)
        SELECT $1, n.seq, n.at, n.kind, n.author, n.person, n.about, n.data
        FROM unnest(
            $2::bigint[], $3::timestamptz[], $4::text[], $5::uuid[], $6::uuid[], $7::bigint[], $8::bytea[]
        ) AS n (seq, at, kind, author, person, about, data)", [
        session, each(events, |event| event.seq), each(events, |event| event.at), each(events, |event| event.event.kind()),
        each(events, |event| event.author), each(events, |event| event.event.person()),
        each(events, |event| event.event.about()), each(events, |event| Value::Object(event.event.data()).to_canonical()),
        each(amended, |(chat, _)| chat.seq), each(amended, |(chat, _)| Value::Object(chat.data()).to_canonical()),
        each(amended, |(chat, event)| chat.removed.then_some(event.at)),
        each(amended, |(chat, event)| event.author.filter(|_| chat.removed)),
    ];

    /// The rows from which the state of a lesson follows, and the number of its last event, which may be none of them.
    fn state(session: LessonId) -> Vec<StateRow> = "
        SELECT l.last, e.*
        FROM (SELECT coalesce(max(seq), 0) AS last FROM class_event WHERE session = $1) l
        LEFT JOIN (
            (
                SELECT DISTINCT ON (kind) seq, at, kind, author, person, about, data, removed_at
                FROM class_event
                WHERE session = $1
                    AND kind IN ('follow', 'bring', 'view_lock', 'page', 'present', 'chat_mode', 'timer')
                ORDER BY kind, seq DESC
            ) UNION ALL (
                SELECT DISTINCT ON (person) seq, at, kind, author, person, about, data, removed_at
                FROM class_event
                WHERE session = $1 AND kind = 'hand'
                ORDER BY person, seq DESC
            ) UNION ALL (
                SELECT seq, at, kind, author, person, about, data, removed_at
                FROM class_event
                WHERE session = $1 AND kind IN ('poll', 'poll_end')
            ) UNION ALL (
                SELECT DISTINCT ON (about, person) seq, at, kind, author, person, about, data, removed_at
                FROM class_event
                WHERE session = $1 AND kind = 'vote'
                ORDER BY about, person, seq DESC
            ) UNION ALL (
                SELECT seq, at, kind, author, person, about, data, removed_at
                FROM class_event
                WHERE session = $1 AND kind = 'chat'
                ORDER BY seq DESC
                LIMIT $2
            )
        ) e ON true
        ORDER BY e.seq", [session, limits::CHAT_KEPT];

    fn after(session: LessonId, seq: u64) -> Vec<(u64, EventOrUnknown)> = "
        SELECT seq, at, kind, author, person, about, data, removed_at
        FROM class_event
        WHERE session = $1 AND seq > $2
        ORDER BY seq
        LIMIT $3", [session, seq, limits::CLASS_FLUSH];

    fn messages(session: LessonId, seqs: &[u64]) -> Vec<EventOrUnknown> = "
        SELECT seq, at, kind, author, person, about, data, removed_at
        FROM class_event
        WHERE session = $1 AND kind = 'chat' AND seq = ANY ($2)";

    fn chat_before(session: LessonId, seq: u64, reader: UserId, limit: usize) -> Vec<EventOrUnknown> = "
        SELECT seq, at, kind, author, person, about, data, removed_at
        FROM class_event
        WHERE session = $1 AND kind = 'chat' AND seq < $2 AND (person IS NULL OR person = $3 OR author = $3)
        ORDER BY seq DESC
        LIMIT $4";

    fn chat_after(session: LessonId, seq: u64, reader: UserId, limit: usize) -> Vec<EventOrUnknown> = "
        SELECT seq, at, kind, author, person, about, data, removed_at
        FROM class_event
        WHERE session = $1 AND kind = 'chat' AND seq > $2 AND (person IS NULL OR person = $3 OR author = $3)
        ORDER BY seq
        LIMIT $4";
}

impl FromRow for EventOrUnknown {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let bytes: Vec<u8> = column(row, "data")?;
        let data = Value::parse(&bytes, Bounds::default()).map_err(|error| StoreError::query(error.to_string()))?;
        let Value::Object(data) = data else { return Err(StoreError::query("a class event's data is no object")) };
        let (kind, person, about): (String, _, Option<u64>) =
            (column(row, "kind")?, column(row, "person")?, column(row, "about")?);
        let Some(event) = ClassEvent::read(&kind, person, about, &data) else { return Ok(Self(None)) };
        let (seq, at, author) = (column(row, "seq")?, column(row, "at")?, column(row, "author")?);
        let mut event = RecordedEvent { seq, at, author, event, amended: None };
        event.amended = current_message(row, &event, &data)?;
        Ok(Self(Some(event)))
    }
}

/// A message's row with what became of it.
fn current_message(row: &Row, event: &RecordedEvent, data: &Object) -> Result<Option<ChatMessage>, StoreError> {
    let (ClassEvent::ChatContent(content), Some(author)) = (&event.event, event.author) else { return Ok(None) };
    let removed = column::<Option<Timestamp>>(row, "removed_at")?.is_some();
    let edited = data.get("edited").and_then(Value::as_bool).unwrap_or_default();
    Ok(Some(ChatMessage { seq: event.seq, at: event.at, author, content: content.clone(), edited, removed }))
}

impl FromRow for (u64, EventOrUnknown) {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok((column(row, "seq")?, EventOrUnknown::from_row(row)?))
    }
}

impl FromRow for StateRow {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let event = if is_past_the_end(row)? { None } else { EventOrUnknown::from_row(row)?.0 };
        Ok(Self { last: column(row, "last")?, event })
    }
}

fn chats(found: Vec<EventOrUnknown>) -> impl Iterator<Item = ChatMessage> {
    found.into_iter().filter_map(|event| event.0?.amended)
}

impl Store {
    /// Appends events whose numbers follow the last one.
    ///
    /// # Errors
    /// `Conflict(CLASS_EVENT)` when somebody else has written one of these numbers; nothing was written then. `Unavailable`
    /// may have written all of them.
    pub async fn append_class_events(&self, session: LessonId, events: &[RecordedEvent]) -> Result<(), StoreError> {
        // One row is changed once: the last state of a message holds.
        let amended: BTreeMap<u64, Amendment<'_>> =
            events.iter().filter_map(|event| event.amended.as_ref().map(|chat| (chat.seq, (chat, event)))).collect();
        let amended: Vec<_> = amended.into_values().collect();
        append(&self.pool.get().await?, session, events, &amended).await
    }

    /// The state of a lesson.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn class_state(&self, session: LessonId) -> Result<ClassState, StoreError> {
        let found = state(&self.pool.get().await?, session).await?;
        let last = found.first().map_or(0, |row| row.last);
        let events: Vec<_> = found.into_iter().filter_map(|row| row.event).collect();
        Ok(ClassState::fold(&events, last))
    }

    /// Events after a number, each message that they change with what it is now, and the number up to which it was
    /// looked; at most [`limits::CLASS_FLUSH`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn class_events_after(
        &self,
        session: LessonId,
        seq: u64,
    ) -> Result<(Vec<RecordedEvent>, u64), StoreError> {
        let found = after(&self.pool.get().await?, session, seq).await?;
        let last = found.last().map_or(seq, |(seq, _)| *seq);
        let mut events: Vec<_> = found.into_iter().filter_map(|(_, event)| event.0).collect();
        let changed: Vec<u64> = events.iter().filter_map(|event| event.event.amends()).collect();
        if !changed.is_empty() {
            let chats = self.class_messages(session, &changed).await?;
            for event in &mut events {
                let about = event.event.amends();
                event.amended =
                    event.amended.take().or_else(|| chats.iter().find(|chat| Some(chat.seq) == about).cloned());
            }
        }
        Ok((events, last))
    }

    /// Messages by their numbers, whoever may read them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn class_messages(&self, session: LessonId, seqs: &[u64]) -> Result<Vec<ChatMessage>, StoreError> {
        Ok(chats(messages(&self.pool.get().await?, session, seqs).await?).collect())
    }

    /// A page of the messages that somebody may read, in their order, and whether there are more that way.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn class_chat(
        &self,
        session: LessonId,
        reader: UserId,
        page: ChatCursor,
        limit: u32,
    ) -> Result<(Vec<ChatMessage>, bool), StoreError> {
        let conn = self.pool.get().await?;
        let limit = limit.min(limits::PAGE_MAX) as usize;
        let mut found = match page {
            ChatCursor::Before(seq) => chat_before(&conn, session, seq, reader, limit + 1).await?,
            ChatCursor::After(seq) => chat_after(&conn, session, seq, reader, limit + 1).await?,
        };
        let more = found.len() > limit;
        found.truncate(limit);
        let mut chats: Vec<_> = chats(found).collect();
        chats.sort_unstable_by_key(|chat| chat.seq);
        Ok((chats, more))
    }
}
