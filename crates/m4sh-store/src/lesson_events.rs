//! What was said and done in a lesson beside its boards, as its timeline tells it later. Called by `http`.
//! Never reads what was taken out again, and never changes what a live class goes by: it only adds what REST clients say.

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    PageRequest, Store, StoreError,
    pool::Params,
    rows::{self, get},
};
use m4sh_domain::ids::{LessonId, UserId};

/// Something that happened in a lesson.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LessonEvent {
    /// Its number in the lesson.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: String,
    /// Who did it.
    pub author: Option<UserId>,
    /// More about it: JSON.
    pub data: Vec<u8>,
}

/// Which of them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LessonEventQuery {
    /// Of this person only.
    pub author: Option<UserId>,
    /// From then on.
    pub from: Option<Timestamp>,
    /// Until then.
    pub to: Option<Timestamp>,
    /// Of these kinds only.
    pub kinds: Option<Vec<String>>,
}

/// How much one person did in a lesson beside its boards.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LessonEventCounts {
    /// Who.
    pub user: UserId,
    /// How often.
    pub count: u64,
    /// The first time.
    pub first: Timestamp,
    /// The last time.
    pub last: Timestamp,
}

/// Events of the lesson $1 that $2 may know of: a message between two others is not there, nor what was done to it.
macro_rules! audible {
    () => {
        "e.session = $1 AND e.removed_at IS NULL
            AND (e.kind <> 'chat' OR e.person IS NULL OR e.person = $2 OR e.author = $2)
            AND (e.kind NOT IN ('chat_edit', 'chat_delete') OR e.author = $2 OR EXISTS (
                SELECT FROM class_event c
                WHERE c.session = $1 AND c.seq = e.about AND (c.person IS NULL OR c.person = $2 OR c.author = $2)
            ))"
    };
}

const LIST: &str = concat!(
    "WITH mine AS (SELECT e.seq, e.at, e.kind, e.author, e.data FROM class_event e WHERE ",
    audible!(),
    " AND ($3::uuid IS NULL OR e.author = $3)
        AND ($4::timestamptz IS NULL OR e.at >= $4) AND ($5::timestamptz IS NULL OR e.at <= $5)
        AND ($6::text[] IS NULL OR e.kind = ANY ($6))
    ), page AS (
        SELECT * FROM mine ORDER BY seq LIMIT $7 OFFSET $8
    )
    SELECT total, page.* FROM (SELECT count(*) AS total FROM mine) AS counted LEFT JOIN page ON true ORDER BY seq"
);

const SAID: &str = concat!(
    "SELECT e.author, count(*) AS count, min(e.at) AS first, max(e.at) AS last FROM class_event e WHERE ",
    audible!(),
    " AND e.author IS NOT NULL AND ($3::uuid IS NULL OR e.author = $3)
    GROUP BY e.author
    ORDER BY min(e.at), e.author"
);

/// The next number of the lesson. Whoever takes it at the same moment is told so by the key, and takes another.
const APPEND: &str = "
    INSERT INTO class_event (session, seq, at, kind, author, data)
    SELECT $1, coalesce((SELECT seq FROM class_event WHERE session = $1 ORDER BY seq DESC LIMIT 1), 0) + 1, now(), $2, $3, $4
    ON CONFLICT ON CONSTRAINT class_event_pkey DO NOTHING";

impl LessonEvent {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            seq: rows::count(row, "seq")?,
            at: get(row, "at")?,
            kind: get(row, "kind")?,
            author: get::<Option<Uuid>>(row, "author")?.map(UserId),
            data: get(row, "data")?,
        })
    }
}

impl Store {
    /// How many events of a lesson there are that `reader` may know of, and one page of them in order.
    ///
    /// # Errors
    /// As every query.
    pub async fn lesson_events(
        &self,
        session: LessonId,
        reader: UserId,
        which: &LessonEventQuery,
        page: PageRequest,
    ) -> Result<(u64, Vec<LessonEvent>), StoreError> {
        let (limit, offset) = page.bounds();
        let author = which.author.map(|user| user.0);
        let with: Params = &[&session.0, &reader.0, &author, &which.from, &which.to, &which.kinds, &limit, &offset];
        let rows = self.pool.get().await?.query(LIST, with).await?;
        let total = rows.first().map_or(Ok(0), |row| rows::count(row, "total"))?;
        let found = rows.iter().filter(|row| get::<Option<i64>>(row, "seq").is_ok_and(|seq| seq.is_some()));
        Ok((total, found.map(LessonEvent::from_row).collect::<Result<_, _>>()?))
    }

    /// Who did how much in a lesson beside its boards, as far as `reader` may know; of one person only, when told so.
    ///
    /// # Errors
    /// As every query.
    pub async fn lesson_event_counts(
        &self,
        session: LessonId,
        reader: UserId,
        only: Option<UserId>,
    ) -> Result<Vec<LessonEventCounts>, StoreError> {
        let rows = self.pool.get().await?.query(SAID, &[&session.0, &reader.0, &only.map(|user| user.0)]).await?;
        let read = |row: &Row| {
            Ok(LessonEventCounts {
                user: UserId(get(row, "author")?),
                count: rows::count(row, "count")?,
                first: get(row, "first")?,
                last: get(row, "last")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Adds an event at the lesson's end.
    ///
    /// # Errors
    /// As every query; `Conflict("class_event_pkey")` when others are faster again and again.
    pub async fn append_lesson_event(
        &self,
        session: LessonId,
        kind: &str,
        author: UserId,
        data: &[u8],
    ) -> Result<(), StoreError> {
        let conn = self.pool.get().await?;
        for _ in 0..20 {
            if conn.execute(APPEND, &[&session.0, &kind, &author.0, &data]).await? == 1 {
                return Ok(());
            }
        }
        Err(StoreError::Conflict("class_event_pkey"))
    }
}

/// What this file asks, for the test that looks at the plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[LIST, SAID, APPEND];
