//! What was said and done in a lesson, in order. Written by the classroom actor alone, read by it and by `http`.
//! Never gives a number: two writers of one lesson cannot both have the next one, and the second hears `Conflict`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    Store, StoreError,
    pool::Params,
    rows::{self, get, signed},
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

/// New events, and the messages that they change, in one statement: both or neither.
const APPEND: &str = "
    WITH amended AS (
        UPDATE class_event e SET data = a.data, removed_at = a.removed_at, removed_by = a.removed_by
        FROM unnest($9::bigint[], $10::bytea[], $11::timestamptz[], $12::uuid[]) AS a (seq, data, removed_at, removed_by)
        WHERE e.session = $1 AND e.seq = a.seq AND e.removed_at IS NULL
    )
    INSERT INTO class_event (session, seq, at, kind, author, person, about, data)
    SELECT $1, n.seq, n.at, n.kind, n.author, n.person, n.about, n.data
    FROM unnest(
        $2::bigint[], $3::timestamptz[], $4::text[], $5::uuid[], $6::uuid[], $7::bigint[], $8::bytea[]
    ) AS n (seq, at, kind, author, person, about, data)";

/// The rows from which the state of a lesson follows, and the number of its last event, which may be none of them.
const STATE: &str = "
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
    ORDER BY e.seq";

const AFTER: &str = "
    SELECT seq, at, kind, author, person, about, data, removed_at
    FROM class_event
    WHERE session = $1 AND seq > $2
    ORDER BY seq
    LIMIT $3";

const MESSAGES: &str = "
    SELECT seq, at, kind, author, person, about, data, removed_at
    FROM class_event
    WHERE session = $1 AND kind = 'chat' AND seq = ANY ($2)";

const CHAT_BEFORE: &str = "
    SELECT seq, at, kind, author, person, about, data, removed_at
    FROM class_event
    WHERE session = $1 AND kind = 'chat' AND seq < $2 AND (person IS NULL OR person = $3 OR author = $3)
    ORDER BY seq DESC
    LIMIT $4";

const CHAT_AFTER: &str = "
    SELECT seq, at, kind, author, person, about, data, removed_at
    FROM class_event
    WHERE session = $1 AND kind = 'chat' AND seq > $2 AND (person IS NULL OR person = $3 OR author = $3)
    ORDER BY seq
    LIMIT $4";

impl Store {
    /// Appends events whose numbers follow the last one.
    ///
    /// # Errors
    /// `Conflict(CLASS_EVENT)` when somebody else has written one of these numbers; nothing was written then. `Unavailable`
    /// may have written all of them.
    pub async fn append_class_events(&self, session: LessonId, events: &[RecordedEvent]) -> Result<(), StoreError> {
        macro_rules! column {
            ($of:expr) => {
                events.iter().map($of).collect::<Vec<_>>()
            };
        }
        // One row is changed once: the last state of a message holds.
        let amended: BTreeMap<u64, (&ChatMessage, &RecordedEvent)> =
            events.iter().filter_map(|event| event.amended.as_ref().map(|chat| (chat.seq, (chat, event)))).collect();
        let amended: Vec<_> = amended.into_values().collect();
        let removal = |(chat, event): &(&ChatMessage, &RecordedEvent)| chat.removed.then_some((event.at, event.author));
        let columns: Params = &[
            &session.0,
            &column!(|event| signed(event.seq)),
            &column!(|event| event.at),
            &column!(|event| event.event.kind()),
            &column!(|event| event.author.map(|user| user.0)),
            &column!(|event| event.event.person()),
            &column!(|event| event.event.about().map(signed)),
            &column!(|event| Value::Object(event.event.data()).to_canonical()),
            &amended.iter().map(|(chat, _)| signed(chat.seq)).collect::<Vec<_>>(),
            &amended.iter().map(|(chat, _)| Value::Object(chat.data()).to_canonical()).collect::<Vec<_>>(),
            &amended.iter().map(|row| removal(row).map(|(at, _)| at)).collect::<Vec<Option<Timestamp>>>(),
            &amended
                .iter()
                .map(|row| removal(row).and_then(|(_, by)| by).map(|by| by.0))
                .collect::<Vec<Option<Uuid>>>(),
        ];
        self.pool.get().await?.execute(APPEND, columns).await.map(drop)
    }

    /// How a lesson stands.
    ///
    /// # Errors
    /// As every query.
    pub async fn class_state(&self, session: LessonId) -> Result<ClassState, StoreError> {
        let kept = i64::try_from(limits::CHAT_KEPT).unwrap_or(i64::MAX);
        let found = self.pool.get().await?.query(STATE, &[&session.0, &kept]).await?;
        let last = found.first().map_or(Ok(0), |row| rows::count(row, "last"))?;
        let there = found.iter().filter(|row| matches!(row.try_get::<_, Option<i64>>("seq"), Ok(Some(_))));
        let events = there.filter_map(|row| recorded(row).transpose()).collect::<Result<Vec<_>, _>>()?;
        Ok(ClassState::fold(&events, last))
    }

    /// Events after a number, each message that they change with what it is now, and the number up to which it was
    /// looked; at most [`limits::CLASS_FLUSH`].
    ///
    /// # Errors
    /// As every query.
    pub async fn class_events_after(
        &self,
        session: LessonId,
        seq: u64,
    ) -> Result<(Vec<RecordedEvent>, u64), StoreError> {
        let most = i64::try_from(limits::CLASS_FLUSH).unwrap_or(i64::MAX);
        let found = self.pool.get().await?.query(AFTER, &[&session.0, &signed(seq), &most]).await?;
        let last = found.last().map_or(Ok(seq), |row| rows::count(row, "seq"))?;
        let mut events = found.iter().filter_map(|row| recorded(row).transpose()).collect::<Result<Vec<_>, _>>()?;
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
    /// As every query.
    pub async fn class_messages(&self, session: LessonId, seqs: &[u64]) -> Result<Vec<ChatMessage>, StoreError> {
        let seqs: Vec<i64> = seqs.iter().map(|seq| signed(*seq)).collect();
        let found = self.pool.get().await?.query(MESSAGES, &[&session.0, &seqs]).await?;
        found.iter().filter_map(|row| message(row).transpose()).collect()
    }

    /// A page of the messages that somebody may read, in their order, and whether there are more that way.
    ///
    /// # Errors
    /// As every query.
    pub async fn class_chat(
        &self,
        session: LessonId,
        reader: UserId,
        page: ChatCursor,
        limit: u32,
    ) -> Result<(Vec<ChatMessage>, bool), StoreError> {
        let (sql, from) = match page {
            ChatCursor::Before(seq) => (CHAT_BEFORE, seq),
            ChatCursor::After(seq) => (CHAT_AFTER, seq),
        };
        let limit = limit.min(limits::PAGE_MAX);
        let row: Params = &[&session.0, &signed(from), &reader.0, &(i64::from(limit) + 1)];
        let found = self.pool.get().await?.query(sql, row).await?;
        let more = found.len() > limit as usize;
        let shown = found.iter().take(limit as usize);
        let mut chats = shown.filter_map(|row| message(row).transpose()).collect::<Result<Vec<_>, _>>()?;
        chats.sort_unstable_by_key(|chat| chat.seq);
        Ok((chats, more))
    }
}

/// The event of a row; `None` for a kind that another version of this program wrote.
fn recorded(row: &Row) -> Result<Option<RecordedEvent>, StoreError> {
    let bytes = get::<&[u8]>(row, "data")?;
    let data = Value::parse(bytes, Bounds::default()).map_err(|error| StoreError::query(error.to_string()))?;
    let Value::Object(data) = data else { return Err(StoreError::query("a class event's data is no object")) };
    let about = get::<Option<i64>>(row, "about")?.and_then(|seq| u64::try_from(seq).ok());
    let Some(event) = ClassEvent::read(get(row, "kind")?, get(row, "person")?, about, &data) else { return Ok(None) };
    let mut event = RecordedEvent {
        seq: rows::count(row, "seq")?,
        at: get(row, "at")?,
        author: get::<Option<Uuid>>(row, "author")?.map(UserId),
        event,
        amended: None,
    };
    event.amended = as_it_is(row, &event, &data)?;
    Ok(Some(event))
}

/// A message's row with what became of it.
fn as_it_is(row: &Row, event: &RecordedEvent, data: &Object) -> Result<Option<ChatMessage>, StoreError> {
    let (ClassEvent::ChatContent(content), Some(author)) = (&event.event, event.author) else { return Ok(None) };
    let removed = get::<Option<Timestamp>>(row, "removed_at")?.is_some();
    let edited = data.get("edited").and_then(Value::as_bool).unwrap_or_default();
    Ok(Some(ChatMessage { seq: event.seq, at: event.at, author, content: content.clone(), edited, removed }))
}

fn message(row: &Row) -> Result<Option<ChatMessage>, StoreError> {
    Ok(recorded(row)?.and_then(|event| event.amended))
}

/// What this file asks, for the test that looks at the plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[APPEND, STATE, AFTER, MESSAGES, CHAT_BEFORE, CHAT_AFTER];
