//! A lesson at a glance: its boards with their heads, and its people with their names. Called by `http`, which has checked
//! that whoever asks leads or assists. Never reads a document.

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    Store, StoreError,
    rows::{self, get, word},
};
use m4sh_domain::{
    access::{BoardAssignment, Role},
    ids::{BoardId, ClassroomId, LessonId, Rev, UserId},
};

/// A board of a lesson.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LessonBoard {
    /// Which.
    pub board: BoardId,
    /// For whom.
    pub whose: BoardAssignment,
    /// Its name.
    pub name: String,
    /// Its last committed revision.
    pub rev: Rev,
    /// Its pages, at least 1.
    pub page_count: u32,
    /// When that revision was made; `None` before the first.
    pub written_at: Option<Timestamp>,
}

/// Somebody of the class.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LessonPerson {
    /// Who.
    pub user: UserId,
    /// May be empty.
    pub first_name: String,
    /// May be empty.
    pub last_name: String,
    /// For the name of somebody who has none.
    pub email: String,
    /// What they are in this class.
    pub role: Role,
}

const BOARDS: &str = "
    SELECT s.board, s.pupil, s.team, n.name, coalesce(j.rev, 0) AS rev, coalesce(j.page_count, b.page_count) AS page_count,
        j.at, (SELECT array_agg(account) FROM class_team_member t WHERE t.session = s.session AND t.team = s.team) AS mates
    FROM class_board s
    JOIN board b ON b.id = s.board
    JOIN node n ON n.id = s.board
    LEFT JOIN LATERAL (SELECT rev, page_count, at FROM journal WHERE board = s.board ORDER BY rev DESC LIMIT 1) j ON true
    WHERE s.session = $1
    ORDER BY s.pupil IS NOT NULL, s.team, n.name, s.board
    LIMIT $2";

const PEOPLE: &str = "
    SELECT a.id, a.first_name, a.last_name, a.email, m.role
    FROM member m
    JOIN account a ON a.id = m.account
    WHERE m.\"group\" = $1
    ORDER BY lower(a.last_name), lower(a.first_name), a.id";

impl Store {
    /// The boards of a lesson, the shared one first, at most `most`.
    ///
    /// # Errors
    /// As every query.
    pub async fn lesson_boards(&self, session: LessonId, most: usize) -> Result<Vec<LessonBoard>, StoreError> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let rows = self.pool.get().await?.query(BOARDS, &[&session.0, &most]).await?;
        let read = |row: &Row| {
            Ok(LessonBoard {
                board: BoardId(get(row, "board")?),
                whose: rows::board_for(row)?,
                name: get(row, "name")?,
                rev: rows::rev(row)?,
                page_count: rows::pages(row)?,
                written_at: get(row, "at")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Everybody of a class, by name.
    ///
    /// # Errors
    /// As every query.
    pub async fn lesson_people(&self, classroom: ClassroomId) -> Result<Vec<LessonPerson>, StoreError> {
        let rows = self.pool.get().await?.query(PEOPLE, &[&classroom.0]).await?;
        let read = |row: &Row| {
            Ok(LessonPerson {
                user: UserId(get::<Uuid>(row, "id")?),
                first_name: get(row, "first_name")?,
                last_name: get(row, "last_name")?,
                email: get(row, "email")?,
                role: word(row, "role", Role::from_name)?,
            })
        };
        rows.iter().map(read).collect()
    }
}

/// What this file asks, for the test that looks at the plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[BOARDS, PEOPLE];
