//! A lesson at a glance: its boards with their newest revisions, and its people with their names. Called by `http`, which
//! has checked that whoever asks leads or assists. Never reads a document.

use jiff::Timestamp;

use crate::query::{queries, row};
use m4sh_domain::{
    access::{BoardAssignment, Role},
    ids::{BoardId, ClassroomId, LessonId, Rev, UserId},
};

row! {
    /// A board of a lesson.
    #[derive(Clone, PartialEq, Eq, Debug)]
    pub struct LessonBoard {
        pub board: BoardId,
        /// For whom.
        pub whose: BoardAssignment,
        pub name: String,
        /// Its last committed revision.
        pub rev: Rev,
        /// At least 1.
        pub page_count: u32,
        /// When that revision was made; `None` before the first.
        pub written_at: Option<Timestamp>,
    }
}

row! {
    /// Somebody of the class.
    #[derive(Clone, PartialEq, Eq, Debug)]
    pub struct LessonPerson {
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
}

queries! {
    /// The boards of a lesson, the shared one first, at most `limit`.
    pub fn lesson_boards(session: LessonId, limit: usize) -> Vec<LessonBoard> = "
        SELECT s.board, s.pupil, s.team, n.name, coalesce(j.rev, 0) AS rev,
            coalesce(j.page_count, b.page_count) AS page_count, j.at AS written_at,
            (SELECT array_agg(account) FROM class_team_member t WHERE t.session = s.session AND t.team = s.team) AS mates
        FROM class_board s
        JOIN board b ON b.id = s.board
        JOIN node n ON n.id = s.board
        LEFT JOIN LATERAL (SELECT rev, page_count, at FROM journal WHERE board = s.board ORDER BY rev DESC LIMIT 1) j ON true
        WHERE s.session = $1
        ORDER BY s.pupil IS NOT NULL, s.team, n.name, s.board
        LIMIT $2";

    /// Everybody of a class, by name.
    pub fn lesson_people(classroom: ClassroomId) -> Vec<LessonPerson> = r#"
        SELECT a.id AS "user", a.first_name, a.last_name, a.email, m.role
        FROM member m
        JOIN account a ON a.id = m.account
        WHERE m."group" = $1
        ORDER BY lower(a.last_name), lower(a.first_name), a.id"#;
}
