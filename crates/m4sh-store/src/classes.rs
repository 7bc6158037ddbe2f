//! Classrooms and who is in them. Called by `http`, which checks rights first.
//! Never makes an invite code: a caller who meets a conflict tries another.

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    PageRequest, Store, StoreError,
    pool::{Conn, Params},
    rows::{self, get, word},
};
use m4sh_domain::{
    access::Role,
    ids::{BoardId, ClassroomId, LessonId, UserId},
};

/// A classroom to be made.
#[derive(Clone, Debug)]
pub struct NewClassroom {
    /// A fresh id.
    pub id: ClassroomId,
    /// The tutor who makes it.
    pub owner: UserId,
    /// At most `limits::NAME_CHARS`.
    pub name: String,
    /// Unique; `Conflict("group_invite_code")` when it is taken.
    pub invite_code: String,
}

/// A classroom as it is shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClassroomRow {
    /// Its id.
    pub id: ClassroomId,
    /// The tutor who made it.
    pub owner: UserId,
    /// Its name.
    pub name: String,
    /// With it anybody may join; for tutors' eyes.
    pub invite_code: String,
    /// Members, tutors among them.
    pub member_count: u64,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A member as a roster shows them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MemberRow {
    /// Who.
    pub user: UserId,
    /// Their address; for tutors' eyes.
    pub email: String,
    /// May be empty.
    pub first_name: String,
    /// May be empty.
    pub last_name: String,
    /// What they are in this class.
    pub role: Role,
    /// Since when.
    pub joined_at: Timestamp,
}

/// What joining came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JoinedClassroom {
    /// The class.
    pub classroom: ClassroomRow,
    /// The member's role in it.
    pub role: Role,
    /// Whether they were not a member before.
    pub fresh: bool,
}

/// What a change of a membership came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MemberEdit {
    /// It is so now.
    Done,
    /// Nobody of that id is in this class.
    NotAMember,
    /// The classroom's owner stays its tutor.
    IsOwner,
}

/// What went with a classroom.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct DeletedClassroom {
    /// Its sessions.
    pub sessions: Vec<LessonId>,
    /// Their boards.
    pub boards: Vec<BoardId>,
}

const CREATE: &str = "
    WITH folder AS (
        INSERT INTO node (id, kind, owner, name) VALUES ($1, 'folder', $3, $4)
    ), made AS (
        INSERT INTO \"group\" (id, kind, name, owner, invite_code, folder)
        VALUES ($2, 'classroom', $4, $3, $5, $1)
        RETURNING id, owner, name, invite_code, created_at
    ), tutor AS (
        INSERT INTO member (\"group\", account, role) VALUES ($2, $3, 'tutor')
    )
    SELECT made.*, 1::bigint AS member_count FROM made";

/// Members are counted for the rows of the page only.
const LIST: &str = "
    WITH mine AS (
        SELECT g.id, g.owner, g.name, g.invite_code, g.created_at, m.role
        FROM member m
        JOIN \"group\" g ON g.id = m.\"group\"
        WHERE m.account = $1 AND g.kind = 'classroom'
    ), page AS (
        SELECT * FROM mine ORDER BY created_at DESC, id DESC LIMIT $2 OFFSET $3
    )
    SELECT total, page.*, (SELECT count(*) FROM member x WHERE x.\"group\" = page.id) AS member_count
    FROM (SELECT count(*) AS total FROM mine) AS counted LEFT JOIN page ON true
    ORDER BY created_at DESC, id DESC";

const ONE: &str = "
    SELECT g.id, g.owner, g.name, g.invite_code, g.created_at, m.role,
        (SELECT count(*) FROM member x WHERE x.\"group\" = g.id) AS member_count
    FROM \"group\" g
    JOIN member m ON m.\"group\" = g.id AND m.account = $2
    WHERE g.id = $1 AND g.kind = 'classroom'";

const RENAME: &str = "
    WITH renamed AS (
        UPDATE \"group\" SET name = $2 WHERE id = $1 AND kind = 'classroom' RETURNING folder
    )
    UPDATE node n SET name = $2, updated_at = now() FROM renamed WHERE n.id = renamed.folder";

/// Keeps new sessions out: making one locks this row too.
const LOCK: &str = "SELECT folder FROM \"group\" WHERE id = $1 AND kind = 'classroom' FOR UPDATE";

/// Waits for the appends in flight. In the order of ids, as an append takes them, so that the two never wait for each
/// other in a circle.
const LOCK_BOARDS: &str = "
    WITH RECURSIVE tree AS (
        SELECT id FROM node WHERE id = $2
        UNION
        SELECT n.id FROM node n JOIN tree ON n.parent = tree.id
    )
    SELECT b.id
    FROM board b
    WHERE b.id IN (SELECT id FROM tree UNION SELECT board FROM class_board WHERE classroom = $1)
    ORDER BY b.id
    FOR UPDATE OF b";

const SESSIONS: &str = "SELECT id FROM class_session WHERE classroom = $1";

/// Takes members and sessions along.
const DELETE: &str = "DELETE FROM \"group\" WHERE id = $1";

/// Take boards and checkpoints along.
const DELETE_NODES: &str = "DELETE FROM node WHERE id = $1 OR id = ANY ($2)";

/// Everybody who comes by code is a student: a code is known to the whole class, and leading it is the owner's to give.
const JOIN: &str = "
    INSERT INTO member (\"group\", account, role)
    SELECT id, $2, 'student' FROM \"group\" WHERE invite_code = $1 AND kind = 'classroom'
    ON CONFLICT ON CONSTRAINT member_pkey DO NOTHING";

const BY_CODE: &str = "SELECT id FROM \"group\" WHERE invite_code = $1 AND kind = 'classroom'";

const MEMBERS: &str = "
    WITH all_of_them AS (
        SELECT a.id, a.email, a.first_name, a.last_name, m.role, m.joined_at
        FROM member m
        JOIN account a ON a.id = m.account
        WHERE m.\"group\" = $1
    ), page AS (
        SELECT * FROM all_of_them
        ORDER BY role <> 'tutor', lower(last_name), lower(first_name), id
        LIMIT $2 OFFSET $3
    )
    SELECT total, page.* FROM (SELECT count(*) AS total FROM all_of_them) AS counted LEFT JOIN page ON true
    ORDER BY role <> 'tutor', lower(last_name), lower(first_name), id";

const SET_ROLE: &str = "
    UPDATE member m SET role = $3
    FROM \"group\" g
    WHERE m.\"group\" = $1 AND m.account = $2 AND g.id = m.\"group\" AND g.owner <> m.account";

const REMOVE: &str = "
    DELETE FROM member m
    USING \"group\" g
    WHERE m.\"group\" = $1 AND m.account = $2 AND g.id = m.\"group\" AND g.owner <> m.account";

const OWNS: &str = "SELECT FROM \"group\" WHERE id = $1 AND owner = $2";

impl ClassroomRow {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: ClassroomId(get(row, "id")?),
            owner: UserId(get(row, "owner")?),
            name: get(row, "name")?,
            // Only a team has none, and no query here finds teams.
            invite_code: get::<Option<String>>(row, "invite_code")?.unwrap_or_default(),
            member_count: rows::count(row, "member_count")?,
            created_at: get(row, "created_at")?,
        })
    }

    fn with_role(row: &Row) -> Result<(Self, Role), StoreError> {
        Ok((Self::from_row(row)?, word(row, "role", Role::from_name)?))
    }
}

impl MemberRow {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            user: UserId(get(row, "id")?),
            email: get(row, "email")?,
            first_name: get(row, "first_name")?,
            last_name: get(row, "last_name")?,
            role: word(row, "role", Role::from_name)?,
            joined_at: get(row, "joined_at")?,
        })
    }
}

impl Store {
    /// Makes a classroom with its folder, and its owner as the first tutor.
    ///
    /// # Errors
    /// `Conflict("group_invite_code")`: try another code; or as every query.
    pub async fn create_classroom(&self, new: &NewClassroom) -> Result<ClassroomRow, StoreError> {
        let conn = self.pool.get().await?;
        let row: Params = &[&Uuid::now_v7(), &new.id.0, &new.owner.0, &new.name, &new.invite_code];
        ClassroomRow::from_row(&conn.query_one(CREATE, row).await?)
    }

    /// How many classrooms a user is in, and one page of them with their role, newest first.
    ///
    /// # Errors
    /// As every query.
    pub async fn list_classrooms(
        &self,
        user: UserId,
        page: PageRequest,
    ) -> Result<(u64, Vec<(ClassroomRow, Role)>), StoreError> {
        let (limit, offset) = page.bounds();
        let rows = self.pool.get().await?.query(LIST, &[&user.0, &limit, &offset]).await?;
        rows::paged(&rows, ClassroomRow::with_role)
    }

    /// A classroom and the viewer's role in it; `None`: there is none, or the viewer is not in it.
    ///
    /// # Errors
    /// As every query.
    pub async fn classroom(&self, id: ClassroomId, viewer: UserId) -> Result<Option<(ClassroomRow, Role)>, StoreError> {
        let row = self.pool.get().await?.query_opt(ONE, &[&id.0, &viewer.0]).await?;
        row.as_ref().map(ClassroomRow::with_role).transpose()
    }

    /// Renames a classroom and its folder. `false`: no such classroom.
    ///
    /// # Errors
    /// As every query.
    pub async fn rename_classroom(&self, id: ClassroomId, name: &str) -> Result<bool, StoreError> {
        Ok(self.pool.get().await?.execute(RENAME, &[&id.0, &name]).await? == 1)
    }

    /// Deletes a classroom with its folder, sessions and boards, whose journals are removed later; `None`: no such classroom.
    ///
    /// # Errors
    /// As every query.
    pub async fn delete_classroom(&self, id: ClassroomId) -> Result<Option<DeletedClassroom>, StoreError> {
        let mut conn = self.pool.get().await?;
        let tx = conn.begin().await?;
        let Some(class) = tx.query_opt(LOCK, &[&id.0]).await? else { return Ok(None) };
        let folder: Uuid = get(&class, "folder")?;
        let boards = ids(&tx.query(LOCK_BOARDS, &[&id.0, &folder]).await?)?;
        let sessions = ids(&tx.query(SESSIONS, &[&id.0]).await?)?;
        tx.execute(DELETE, &[&id.0]).await?;
        tx.execute(DELETE_NODES, &[&folder, &boards]).await?;
        tx.commit().await?;
        Ok(Some(DeletedClassroom {
            sessions: sessions.into_iter().map(LessonId).collect(),
            boards: boards.into_iter().map(BoardId).collect(),
        }))
    }

    /// Makes a user a student of the class with that code; who is in it already stays what they are. `None`: no class
    /// has that code.
    ///
    /// # Errors
    /// As every query.
    pub async fn join_by_code(&self, code: &str, user: UserId) -> Result<Option<JoinedClassroom>, StoreError> {
        let conn = self.pool.get().await?;
        let fresh = conn.execute(JOIN, &[&code, &user.0]).await? == 1;
        // Their own statements: a member who was made by somebody else at the same moment is seen only afterwards.
        let Some(class) = conn.query_opt(BY_CODE, &[&code]).await? else { return Ok(None) };
        let Some(row) = conn.query_opt(ONE, &[&get::<Uuid>(&class, "id")?, &user.0]).await? else { return Ok(None) };
        let (classroom, role) = ClassroomRow::with_role(&row)?;
        Ok(Some(JoinedClassroom { classroom, role, fresh }))
    }

    /// How many members a class has, and one page of them: tutors first, then by name.
    ///
    /// # Errors
    /// As every query.
    pub async fn members(&self, id: ClassroomId, page: PageRequest) -> Result<(u64, Vec<MemberRow>), StoreError> {
        let (limit, offset) = page.bounds();
        let rows = self.pool.get().await?.query(MEMBERS, &[&id.0, &limit, &offset]).await?;
        rows::paged(&rows, MemberRow::from_row)
    }

    /// Changes a member's role. `Role::Owner` is kept as `Role::Tutor`: a classroom has one owner, and it stays.
    ///
    /// # Errors
    /// As every query.
    pub async fn set_member_role(&self, id: ClassroomId, user: UserId, role: Role) -> Result<MemberEdit, StoreError> {
        let role = if role == Role::Owner { Role::Tutor } else { role };
        let conn = self.pool.get().await?;
        let touched = conn.execute(SET_ROLE, &[&id.0, &user.0, &role.name()]).await?;
        edited(&conn, touched, id, user).await
    }

    /// Removes a member.
    ///
    /// # Errors
    /// As every query.
    pub async fn remove_member(&self, id: ClassroomId, user: UserId) -> Result<MemberEdit, StoreError> {
        let conn = self.pool.get().await?;
        let touched = conn.execute(REMOVE, &[&id.0, &user.0]).await?;
        edited(&conn, touched, id, user).await
    }
}

async fn edited(conn: &Conn<'_>, touched: u64, id: ClassroomId, user: UserId) -> Result<MemberEdit, StoreError> {
    if touched == 1 {
        return Ok(MemberEdit::Done);
    }
    let owns = conn.query_opt(OWNS, &[&id.0, &user.0]).await?.is_some();
    Ok(if owns { MemberEdit::IsOwner } else { MemberEdit::NotAMember })
}

fn ids(rows: &[Row]) -> Result<Vec<Uuid>, StoreError> {
    rows.iter().map(|row| get(row, "id")).collect()
}

/// What this file asks, for the test that looks at the plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[
    CREATE,
    LIST,
    ONE,
    RENAME,
    LOCK,
    LOCK_BOARDS,
    SESSIONS,
    DELETE,
    DELETE_NODES,
    JOIN,
    BY_CODE,
    MEMBERS,
    SET_ROLE,
    REMOVE,
    OWNS,
];
