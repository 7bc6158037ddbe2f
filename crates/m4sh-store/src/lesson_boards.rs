//! Boards of a lesson besides the shared one: a pupil's own, a group's. Called by `http` and the classroom actor, which
//! have checked who asks. Never makes a second board for the same pupil or group, however many ask at once.

use uuid::Uuid;

use crate::{
    Store, StoreError,
    query::{queries, row},
    sql::each,
};
use m4sh_domain::ids::{BoardId, ClassroomId, LessonId, UserId};

/// The first state of boards to be made.
#[derive(Clone, Debug)]
pub struct InitialState {
    pub page_count: u32,
    /// An encoded checkpoint of revision 0; all of them begin with it.
    pub checkpoint: Vec<u8>,
}

row! {
    /// A group of a lesson.
    #[derive(Clone, PartialEq, Eq, Debug)]
    pub struct LessonTeam {
        /// Its number in the lesson, from 1.
        pub team: i32,
        pub name: String,
        /// `None` while it is being made.
        pub board: Option<BoardId>,
        pub members: Vec<UserId>,
    }
}

queries! {
    /// Those of the wanted pupils who are pupils of the class and have no board in the lesson yet get one. The lock on the
    /// lesson keeps two callers apart; one that came later finds what the first has made by the constraint.
    fn make_for_pupils(
        classroom: ClassroomId, session: LessonId, pupils: &[(UserId, String)], boards: &[Uuid], initial: &InitialState,
    ) -> Vec<(BoardId, UserId)> = r#"
        WITH class AS MATERIALIZED (
            SELECT s.id AS session, s.name, g.id, g.owner, g.folder
            FROM class_session s
            JOIN "group" g ON g.id = s.classroom
            WHERE s.classroom = $1 AND s.id = $2 AND s.status = 'active'
            FOR UPDATE OF s
        ), wanted AS MATERIALIZED (
            SELECT w.pupil, w.board, left(w.name || ' – ' || c.name, 255) AS name
            FROM class c, unnest($3::uuid[], $4::uuid[], $5::text[]) AS w (pupil, board, name)
            WHERE EXISTS (SELECT FROM member m WHERE m."group" = c.id AND m.account = w.pupil AND m.role = 'student')
                AND NOT EXISTS (SELECT FROM session_board b WHERE b.session = c.session AND b.pupil = w.pupil)
        ), filed AS (
            INSERT INTO node (id, kind, owner, parent, name)
            SELECT w.board, 'board', c.owner, c.folder, w.name FROM wanted w, class c
        ), made AS (
            INSERT INTO board (id, page_count) SELECT board, $6 FROM wanted
        ), state AS (
            INSERT INTO checkpoint (board, epoch, rev, bytes) SELECT board, 0, 0, $7 FROM wanted
        )
        INSERT INTO session_board (board, session, classroom, pupil)
        SELECT w.board, c.session, $1, w.pupil FROM wanted w, class c
        RETURNING board, pupil"#, [
        classroom, session, each(pupils, |(pupil, _)| *pupil), boards, each(pupils, |(_, name)| name.as_str()),
        initial.page_count.max(1), &initial.checkpoint,
    ];

    fn make_for_teams(
        classroom: ClassroomId, session: LessonId, teams: &[i32], boards: &[Uuid], initial: &InitialState,
    ) -> () = r#"
        WITH class AS MATERIALIZED (
            SELECT s.id AS session, s.name, g.owner, g.folder
            FROM class_session s
            JOIN "group" g ON g.id = s.classroom
            WHERE s.classroom = $1 AND s.id = $2 AND s.status = 'active'
            FOR UPDATE OF s
        ), wanted AS MATERIALIZED (
            SELECT t.team, w.board, left(t.name || ' – ' || c.name, 255) AS name
            FROM class c
            JOIN class_team t ON t.session = c.session
            JOIN unnest($3::integer[], $4::uuid[]) AS w (team, board) ON w.team = t.team
            WHERE NOT EXISTS (SELECT FROM session_board b WHERE b.session = c.session AND b.team = t.team)
        ), filed AS (
            INSERT INTO node (id, kind, owner, parent, name)
            SELECT w.board, 'board', c.owner, c.folder, w.name FROM wanted w, class c
        ), made AS (
            INSERT INTO board (id, page_count) SELECT board, $5 FROM wanted
        ), state AS (
            INSERT INTO checkpoint (board, epoch, rev, bytes) SELECT board, 0, 0, $6 FROM wanted
        )
        INSERT INTO session_board (board, session, classroom, team)
        SELECT w.board, c.session, $1, w.team FROM wanted w, class c"#, [
        classroom, session, teams, boards, initial.page_count.max(1), &initial.checkpoint,
    ];

    fn set_making(classroom: ClassroomId, session: LessonId, on: bool, template: Option<BoardId>) -> bool = "
        UPDATE class_session SET pupil_boards = $3, pupil_template = $4 WHERE classroom = $1 AND id = $2";

    /// A pupil's own board in a lesson.
    pub fn pupil_board(session: LessonId, pupil: UserId) -> Option<BoardId> = "
        SELECT board FROM session_board WHERE session = $1 AND pupil = $2";

    /// Every pupil's own board in a lesson.
    pub fn pupil_boards(session: LessonId) -> Vec<(BoardId, UserId)> = "
        SELECT board, pupil FROM session_board WHERE session = $1 AND pupil IS NOT NULL ORDER BY pupil";

    /// Ends the division into groups; their boards stay for those who lead, so that no work is lost.
    pub fn clear_teams(session: LessonId) -> () = "DELETE FROM class_team_member WHERE session = $1";

    fn lock(classroom: ClassroomId, session: LessonId) -> bool = "
        SELECT id FROM class_session WHERE classroom = $1 AND id = $2 AND status = 'active' FOR UPDATE";

    /// A group that is named again is the same group with the same board; every other gets a number that none ever had.
    fn name_teams(session: LessonId, names: &[&str], same_by_name: bool) -> Vec<i32> = "
        WITH last AS (
            SELECT coalesce(max(team), 0) AS team FROM class_team WHERE session = $1
        ), named AS (
            SELECT w.place, w.name, (
                SELECT t.team FROM class_team t WHERE $3 AND t.session = $1 AND t.name = w.name ORDER BY t.team DESC LIMIT 1
            ) AS known
            FROM unnest($2::text[]) WITH ORDINALITY AS w (name, place)
        ), made AS (
            INSERT INTO class_team (session, team, name)
            SELECT $1, last.team + row_number() OVER (ORDER BY place), name FROM named, last WHERE known IS NULL
            RETURNING team, name
        )
        SELECT coalesce(named.known, made.team)
        FROM named LEFT JOIN made ON made.name = named.name AND named.known IS NULL
        ORDER BY place";

    fn fill_teams(session: LessonId, classroom: ClassroomId, seats: &[(UserId, i32)]) -> () = r#"
        INSERT INTO class_team_member (session, account, team)
        SELECT $1, w.account, w.team
        FROM unnest($3::uuid[], $4::integer[]) AS w (account, team)
        JOIN member m ON m."group" = $2 AND m.account = w.account"#, [
        session, classroom, each(seats, |(user, _)| *user), each(seats, |(_, team)| *team),
    ];

    /// The groups of a lesson that have somebody in them.
    pub fn teams(session: LessonId) -> Vec<LessonTeam> = "
        SELECT t.team, t.name, b.board, (
            SELECT array_agg(account ORDER BY account) FROM class_team_member m WHERE m.session = t.session AND m.team = t.team
        ) AS members
        FROM class_team t
        LEFT JOIN session_board b ON b.session = t.session AND b.team = t.team
        WHERE t.session = $1 AND EXISTS (SELECT FROM class_team_member m WHERE m.session = t.session AND m.team = t.team)
        ORDER BY t.team";
}

impl Store {
    /// Makes a board for each of these pupils (with the name that it begins with) who has none in the lesson yet; says
    /// which were made. Others of the list (no pupil of the class, or with a board already) are passed over, and so are all
    /// when the lesson has ended.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn make_pupil_boards(
        &self,
        (classroom, session): (ClassroomId, LessonId),
        pupils: &[(UserId, String)],
        initial: &InitialState,
    ) -> Result<Vec<(BoardId, UserId)>, StoreError> {
        let boards: Vec<Uuid> = pupils.iter().map(|_| Uuid::now_v7()).collect();
        let conn = self.pool.get().await?;
        match make_for_pupils(&conn, classroom, session, pupils, &boards, initial).await {
            // Somebody else made some of them after this statement's look and before its insert: now they are seen.
            Err(StoreError::Conflict(_)) => make_for_pupils(&conn, classroom, session, pupils, &boards, initial).await,
            made => made,
        }
    }

    /// Whether pupils who come later get a board, too, and from which board it is copied. `false`: no such lesson.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn keep_making_boards(
        &self,
        (classroom, session): (ClassroomId, LessonId),
        on: bool,
        template: Option<BoardId>,
    ) -> Result<bool, StoreError> {
        set_making(&self.pool.get().await?, classroom, session, on, template).await
    }

    /// Divides a lesson into groups, whatever it was divided into before, and gives each a board; with `same_by_name` a group
    /// that is named as one before is that group, with its board. Names are different from one another. Members who are not
    /// of the class are passed over. `false`: no such lesson, or it has ended.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn set_teams(
        &self,
        (classroom, session): (ClassroomId, LessonId),
        teams: &[(String, Vec<UserId>)],
        same_by_name: bool,
        initial: &InitialState,
    ) -> Result<bool, StoreError> {
        let names = each(teams, |(name, _)| name.as_str());
        let boards: Vec<Uuid> = teams.iter().map(|_| Uuid::now_v7()).collect();
        let mut conn = self.pool.get().await?;
        let tx = conn.begin().await?;
        if !lock(&tx, classroom, session).await? {
            return Ok(false);
        }
        clear_teams(&tx, session).await?;
        let numbers = name_teams(&tx, session, &names, same_by_name).await?;
        let with_team = |((_, members), team): (&(String, Vec<UserId>), &i32)| each(members, |user| (*user, *team));
        let seats: Vec<_> = teams.iter().zip(&numbers).flat_map(with_team).collect();
        fill_teams(&tx, session, classroom, &seats).await?;
        make_for_teams(&tx, classroom, session, &numbers, &boards, initial).await?;
        tx.commit().await?;
        Ok(true)
    }
}
