//! Boards of a lesson besides the shared one: a pupil's own, a group's. Called by `http` and the classroom actor, which
//! have checked who asks. Never makes a second board for the same pupil or group, however many ask at once.

use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    Store, StoreError,
    pool::Params,
    rows::{get, signed_pages},
};
use m4sh_domain::ids::{BoardId, ClassroomId, LessonId, UserId};

/// The first state of boards to be made.
#[derive(Clone, Debug)]
pub struct InitialState {
    /// Pages in it.
    pub page_count: u32,
    /// An encoded checkpoint of revision 0; all of them begin with it.
    pub checkpoint: Vec<u8>,
}

/// A group of a lesson.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LessonTeam {
    /// Its number in the lesson, from 1.
    pub team: i32,
    /// Its name.
    pub name: String,
    /// Its board; `None` while it is being made.
    pub board: Option<BoardId>,
    /// Who is in it.
    pub members: Vec<UserId>,
}

/// Those of the wanted pupils who are pupils of the class and have no board in the lesson yet get one. The lock on the
/// lesson keeps two callers apart; one that came later finds what the first has made by the constraint.
const MAKE: &str = "
    WITH class AS MATERIALIZED (
        SELECT s.id AS session, s.name, g.id, g.owner, g.folder
        FROM class_session s
        JOIN \"group\" g ON g.id = s.classroom
        WHERE s.classroom = $1 AND s.id = $2 AND s.status = 'active'
        FOR UPDATE OF s
    ), wanted AS MATERIALIZED (
        SELECT w.pupil, w.board, left(w.name || ' – ' || c.name, 255) AS name
        FROM class c, unnest($3::uuid[], $4::uuid[], $5::text[]) AS w (pupil, board, name)
        WHERE EXISTS (SELECT FROM member m WHERE m.\"group\" = c.id AND m.account = w.pupil AND m.role = 'student')
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
    RETURNING board, pupil";

const MAKE_FOR_TEAMS: &str = "
    WITH class AS MATERIALIZED (
        SELECT s.id AS session, s.name, g.owner, g.folder
        FROM class_session s
        JOIN \"group\" g ON g.id = s.classroom
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
    SELECT w.board, c.session, $1, w.team FROM wanted w, class c";

const KEEP_MAKING: &str = "
    UPDATE class_session SET pupil_boards = $3, pupil_template = $4 WHERE classroom = $1 AND id = $2 RETURNING id";

const MINE: &str = "SELECT board FROM session_board WHERE session = $1 AND pupil = $2";

const OF_PUPILS: &str =
    "SELECT board, pupil FROM session_board WHERE session = $1 AND pupil IS NOT NULL ORDER BY pupil";

/// Groups that are no longer named keep their boards, so that no work is lost: only who is in them goes.
const CLEAR_TEAMS: &str = "DELETE FROM class_team_member WHERE session = $1";

const LOCK: &str = "SELECT id FROM class_session WHERE classroom = $1 AND id = $2 AND status = 'active' FOR UPDATE";

/// A group that is named again is the same group with the same board; every other gets a number that none ever had.
const NAME_TEAMS: &str = "
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
    SELECT coalesce(named.known, made.team) AS team
    FROM named LEFT JOIN made ON made.name = named.name AND named.known IS NULL
    ORDER BY place";

const FILL_TEAMS: &str = "
    INSERT INTO class_team_member (session, account, team)
    SELECT $1, w.account, w.team
    FROM unnest($3::uuid[], $4::integer[]) AS w (account, team)
    JOIN member m ON m.\"group\" = $2 AND m.account = w.account";

const TEAMS: &str = "
    SELECT t.team, t.name, b.board,
        (SELECT array_agg(account ORDER BY account) FROM class_team_member m WHERE m.session = t.session AND m.team = t.team) AS mates
    FROM class_team t
    LEFT JOIN session_board b ON b.session = t.session AND b.team = t.team
    WHERE t.session = $1 AND EXISTS (SELECT FROM class_team_member m WHERE m.session = t.session AND m.team = t.team)
    ORDER BY t.team";

impl Store {
    /// Makes a board for each of these pupils (with the name that it begins with) who has none in the lesson yet; says
    /// which were made. Others of the list (no pupil of the class, or with a board already) are passed over, and so are all
    /// when the lesson has ended.
    ///
    /// # Errors
    /// As every query.
    pub async fn make_pupil_boards(
        &self,
        (classroom, session): (ClassroomId, LessonId),
        pupils: &[(UserId, String)],
        blank: &InitialState,
    ) -> Result<Vec<(BoardId, UserId)>, StoreError> {
        let ids: Vec<Uuid> = pupils.iter().map(|(pupil, _)| pupil.0).collect();
        let names: Vec<&str> = pupils.iter().map(|(_, name)| name.as_str()).collect();
        let boards: Vec<Uuid> = pupils.iter().map(|_| Uuid::now_v7()).collect();
        let pages = signed_pages(blank.page_count);
        let row: Params = &[&classroom.0, &session.0, &ids, &boards, &names, &pages, &blank.checkpoint];
        let conn = self.pool.get().await?;
        let made = match conn.query(MAKE, row).await {
            // Somebody else made some of them after this statement's look and before its insert: now they are seen.
            Err(StoreError::Conflict(_)) => conn.query(MAKE, row).await?,
            made => made?,
        };
        made.iter().map(|row| Ok((BoardId(get(row, "board")?), UserId(get(row, "pupil")?)))).collect()
    }

    /// Whether pupils who come later get a board, too, and from which board it is copied. `false`: no such lesson.
    ///
    /// # Errors
    /// As every query.
    pub async fn keep_making_boards(
        &self,
        (classroom, session): (ClassroomId, LessonId),
        on: bool,
        template: Option<BoardId>,
    ) -> Result<bool, StoreError> {
        let template = template.map(|board| board.0);
        let row: Params = &[&classroom.0, &session.0, &on, &template];
        Ok(self.pool.get().await?.query_opt(KEEP_MAKING, row).await?.is_some())
    }

    /// A pupil's own board in a lesson.
    ///
    /// # Errors
    /// As every query.
    pub async fn pupil_board(&self, session: LessonId, pupil: UserId) -> Result<Option<BoardId>, StoreError> {
        let row = self.pool.get().await?.query_opt(MINE, &[&session.0, &pupil.0]).await?;
        row.as_ref().map(|row| Ok(BoardId(get(row, "board")?))).transpose()
    }

    /// Every pupil's own board in a lesson.
    ///
    /// # Errors
    /// As every query.
    pub async fn pupil_boards(&self, session: LessonId) -> Result<Vec<(BoardId, UserId)>, StoreError> {
        let rows = self.pool.get().await?.query(OF_PUPILS, &[&session.0]).await?;
        rows.iter().map(|row| Ok((BoardId(get(row, "board")?), UserId(get(row, "pupil")?)))).collect()
    }

    /// Divides a lesson into groups, whatever it was divided into before, and gives each a board; with `same_by_name` a group
    /// that is named as one before is that group, with its board. Names are different from one another. Members who are not of the
    /// class are passed over. `false`: no such lesson, or it has ended.
    ///
    /// # Errors
    /// As every query.
    pub async fn set_teams(
        &self,
        (classroom, session): (ClassroomId, LessonId),
        teams: &[(String, Vec<UserId>)],
        same_by_name: bool,
        blank: &InitialState,
    ) -> Result<bool, StoreError> {
        let names: Vec<&str> = teams.iter().map(|(name, _)| name.as_str()).collect();
        let boards: Vec<Uuid> = teams.iter().map(|_| Uuid::now_v7()).collect();
        let pages = signed_pages(blank.page_count);
        let mut conn = self.pool.get().await?;
        let tx = conn.begin().await?;
        if tx.query_opt(LOCK, &[&classroom.0, &session.0]).await?.is_none() {
            return Ok(false);
        }
        tx.execute(CLEAR_TEAMS, &[&session.0]).await?;
        let numbers = tx.query(NAME_TEAMS, &[&session.0, &names, &same_by_name]).await?;
        let numbers = numbers.iter().map(|row| get(row, "team")).collect::<Result<Vec<i32>, _>>()?;
        let seats =
            teams.iter().zip(&numbers).flat_map(|((_, members), team)| members.iter().map(|user| (user.0, *team)));
        let (accounts, places): (Vec<Uuid>, Vec<i32>) = seats.unzip();
        tx.execute(FILL_TEAMS, &[&session.0, &classroom.0, &accounts, &places]).await?;
        let row: Params = &[&classroom.0, &session.0, &numbers, &boards, &pages, &blank.checkpoint];
        tx.execute(MAKE_FOR_TEAMS, row).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Ends the division into groups; their boards stay for those who lead.
    ///
    /// # Errors
    /// As every query.
    pub async fn clear_teams(&self, session: LessonId) -> Result<(), StoreError> {
        self.pool.get().await?.execute(CLEAR_TEAMS, &[&session.0]).await.map(drop)
    }

    /// The groups of a lesson that have somebody in them.
    ///
    /// # Errors
    /// As every query.
    pub async fn teams(&self, session: LessonId) -> Result<Vec<LessonTeam>, StoreError> {
        let rows = self.pool.get().await?.query(TEAMS, &[&session.0]).await?;
        let read = |row: &Row| {
            Ok(LessonTeam {
                team: get(row, "team")?,
                name: get(row, "name")?,
                board: get::<Option<Uuid>>(row, "board")?.map(BoardId),
                members: get::<Option<Vec<Uuid>>>(row, "mates")?.unwrap_or_default().into_iter().map(UserId).collect(),
            })
        };
        rows.iter().map(read).collect()
    }
}

/// What this file asks, for the test that looks at the plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] =
    &[MAKE, MAKE_FOR_TEAMS, KEEP_MAKING, MINE, OF_PUPILS, CLEAR_TEAMS, LOCK, NAME_TEAMS, FILL_TEAMS, TEAMS];
