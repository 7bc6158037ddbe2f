//! What was said and done in a lesson beside its boards, for its timeline. Called by `http`.
//! Never reads what was taken out again, and never changes what a live class goes by: it only adds what REST clients say.

use jiff::Timestamp;

use crate::{
    PageRequest, Store, StoreError,
    query::{Paged, queries, row},
};
use m4sh_domain::ids::{LessonId, UserId};

row! {
    /// Something that happened in a lesson.
    #[derive(Clone, PartialEq, Eq, Debug)]
    pub struct LessonEvent {
        /// Its number in the lesson.
        pub seq: u64,
        pub at: Timestamp,
        pub kind: String,
        pub author: Option<UserId>,
        /// More about it: JSON.
        pub data: Vec<u8>,
    }
}

/// Which events of a lesson.
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

row! {
    /// How much one person did in a lesson beside its boards.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct LessonEventCounts {
        pub user: UserId,
        pub count: u64,
        /// The first time.
        pub first: Timestamp,
        /// The last time.
        pub last: Timestamp,
    }
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

queries! {
    /// How many events of a lesson there are that `reader` may know of, and one page of them in order.
    pub fn lesson_events(session: LessonId, reader: UserId, query: &LessonEventQuery, page: PageRequest) -> Paged<LessonEvent>
    = concat!(
        "WITH mine AS (SELECT e.seq, e.at, e.kind, e.author, e.data FROM class_event e WHERE ", audible!(), "
            AND ($3::uuid IS NULL OR e.author = $3)
            AND ($4::timestamptz IS NULL OR e.at >= $4) AND ($5::timestamptz IS NULL OR e.at <= $5)
            AND ($6::text[] IS NULL OR e.kind = ANY ($6))
        ), page AS (
            SELECT * FROM mine ORDER BY seq LIMIT $7 OFFSET $8
        )
        SELECT total, page.* FROM (SELECT count(*) AS total FROM mine) AS counted LEFT JOIN page ON true ORDER BY seq"
    ), [session, reader, query.author, query.from, query.to, query.kinds.as_deref(), page.limit(), page.offset()];

    /// Who did how much in a lesson beside its boards, as far as `reader` may know; with `only`, of that person.
    pub fn lesson_event_counts(session: LessonId, reader: UserId, only: Option<UserId>) -> Vec<LessonEventCounts> = concat!(
        "SELECT e.author AS \"user\", count(*) AS count, min(e.at) AS first, max(e.at) AS last FROM class_event e WHERE ",
        audible!(), " AND e.author IS NOT NULL AND ($3::uuid IS NULL OR e.author = $3)
        GROUP BY e.author
        ORDER BY min(e.at), e.author"
    );

    /// The next number of the lesson. Whoever takes it at the same moment is refused by the key, and takes another.
    fn append(session: LessonId, author: UserId, kind: &str, data: &[u8]) -> bool = "
        INSERT INTO class_event (session, seq, at, kind, author, data)
        SELECT $1, coalesce((SELECT seq FROM class_event WHERE session = $1 ORDER BY seq DESC LIMIT 1), 0) + 1, now(),
            $3, $2, $4
        ON CONFLICT ON CONSTRAINT class_event_pkey DO NOTHING";
}

impl Store {
    /// Adds an event at the lesson's end.
    ///
    /// # Errors
    /// `Conflict("class_event_pkey")` when others are faster again and again, or another [`StoreError`].
    pub async fn append_lesson_event(
        &self,
        session: LessonId,
        kind: &str,
        author: UserId,
        data: &[u8],
    ) -> Result<(), StoreError> {
        let conn = self.pool.get().await?;
        for _ in 0..20 {
            if append(&conn, session, author, kind, data).await? {
                return Ok(());
            }
        }
        Err(StoreError::Conflict("class_event_pkey"))
    }
}
