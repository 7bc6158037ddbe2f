//! Classrooms and who is in them. Called by `http`, which checks rights first.
//! Never makes an invite code: a caller who meets a conflict tries another.

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::{
    PageRequest, Store, StoreError,
    pool::Conn,
    query::{One, Paged, queries, row},
    sql::{FromRow, column},
};
use m4sh_domain::{
    access::Role,
    ids::{BoardId, ClassroomId, LessonId, UserId},
};

/// A classroom to be made.
#[derive(Clone, Debug)]
pub struct NewClassroom {
    pub id: ClassroomId,
    /// The tutor who makes it.
    pub owner: UserId,
    /// At most `limits::NAME_CHARS`.
    pub name: String,
    /// Unique; `Conflict("group_invite_code")` when it is taken.
    pub invite_code: String,
}

row! {
    /// A classroom as it is shown.
    #[derive(Clone, PartialEq, Eq, Debug)]
    pub struct ClassroomRow {
        pub id: ClassroomId,
        /// The tutor who made it.
        pub owner: UserId,
        pub name: String,
        /// With it anybody may join; shown to tutors only.
        pub invite_code: String,
        /// Members, tutors among them.
        pub member_count: u64,
        pub created_at: Timestamp,
    }
}

impl FromRow for (ClassroomRow, Role) {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok((ClassroomRow::from_row(row)?, column(row, "role")?))
    }
}

row! {
    /// A member as a roster shows them.
    #[derive(Clone, PartialEq, Eq, Debug)]
    pub struct MemberRow {
        pub user: UserId,
        /// Shown to tutors only.
        pub email: String,
        /// May be empty.
        pub first_name: String,
        /// May be empty.
        pub last_name: String,
        /// What they are in this class.
        pub role: Role,
        pub joined_at: Timestamp,
    }
}

/// What joining came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JoinedClassroom {
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
    pub sessions: Vec<LessonId>,
    /// The lessons' boards.
    pub boards: Vec<BoardId>,
}

queries! {
    /// Makes a classroom with its folder, and its owner as the first tutor. `Conflict("group_invite_code")`: try another code.
    pub fn create_classroom(new: &NewClassroom) -> One<ClassroomRow> = r#"
        WITH folder AS (
            INSERT INTO node (id, kind, owner, name) VALUES ($1, 'folder', $3, $4)
        ), made AS (
            INSERT INTO "group" (id, kind, name, owner, invite_code, folder)
            VALUES ($2, 'classroom', $4, $3, $5, $1)
            RETURNING id, owner, name, invite_code, created_at
        ), tutor AS (
            INSERT INTO member ("group", account, role) VALUES ($2, $3, 'tutor')
        )
        SELECT made.*, 1::bigint AS member_count FROM made"#, [
        Uuid::now_v7(), new.id, new.owner, &new.name, &new.invite_code,
    ];

    /// How many classrooms a user is in, and one page of them with their role, newest first. Members are counted for the
    /// rows of the page only.
    pub fn list_classrooms(user: UserId, page: PageRequest) -> Paged<(ClassroomRow, Role)> = r#"
        WITH mine AS (
            SELECT g.id, g.owner, g.name, coalesce(g.invite_code, '') AS invite_code, g.created_at, m.role
            FROM member m
            JOIN "group" g ON g.id = m."group"
            WHERE m.account = $1 AND g.kind = 'classroom'
        ), page AS (
            SELECT * FROM mine ORDER BY created_at DESC, id DESC LIMIT $2 OFFSET $3
        )
        SELECT total, page.*, (SELECT count(*) FROM member x WHERE x."group" = page.id) AS member_count
        FROM (SELECT count(*) AS total FROM mine) AS counted LEFT JOIN page ON true
        ORDER BY created_at DESC, id DESC"#, [user, page.limit(), page.offset()];

    /// A classroom and the viewer's role in it; `None`: there is none, or the viewer is not in it.
    pub fn classroom(id: ClassroomId, viewer: UserId) -> Option<(ClassroomRow, Role)> = r#"
        SELECT g.id, g.owner, g.name, coalesce(g.invite_code, '') AS invite_code, g.created_at, m.role,
            (SELECT count(*) FROM member x WHERE x."group" = g.id) AS member_count
        FROM "group" g
        JOIN member m ON m."group" = g.id AND m.account = $2
        WHERE g.id = $1 AND g.kind = 'classroom'"#;

    /// Renames a classroom and its folder. `false`: no such classroom.
    pub fn rename_classroom(id: ClassroomId, name: &str) -> bool = r#"
        WITH renamed AS (
            UPDATE "group" SET name = $2 WHERE id = $1 AND kind = 'classroom' RETURNING folder
        )
        UPDATE node n SET name = $2, updated_at = now() FROM renamed WHERE n.id = renamed.folder"#;

    /// Keeps new lessons out: making one locks this row too.
    fn lock(id: ClassroomId) -> Option<Uuid> = r#"
        SELECT folder FROM "group" WHERE id = $1 AND kind = 'classroom' FOR UPDATE"#;

    /// Waits for the appends in flight. In the order of ids, as an append takes them, so that the two never wait for each
    /// other in a circle.
    fn lock_boards(id: ClassroomId, folder: Uuid) -> Vec<BoardId> = "
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

    fn lesson_ids(id: ClassroomId) -> Vec<LessonId> = "SELECT id FROM class_session WHERE classroom = $1";

    /// Takes members and lessons along.
    fn delete(id: ClassroomId) -> () = r#"DELETE FROM "group" WHERE id = $1"#;

    /// Takes boards and checkpoints along.
    fn delete_nodes(folder: Uuid, boards: &[BoardId]) -> () = "DELETE FROM node WHERE id = $1 OR id = ANY ($2)";

    /// Everybody who comes by code is a student: a code is known to the whole class, and leading it is the owner's to give.
    fn join(code: &str, user: UserId) -> bool = r#"
        INSERT INTO member ("group", account, role)
        SELECT id, $2, 'student' FROM "group" WHERE invite_code = $1 AND kind = 'classroom'
        ON CONFLICT ON CONSTRAINT member_pkey DO NOTHING"#;

    fn by_code(code: &str) -> Option<ClassroomId> = r#"
        SELECT id FROM "group" WHERE invite_code = $1 AND kind = 'classroom'"#;

    /// How many members a class has, and one page of them: tutors first, then by name.
    pub fn members(id: ClassroomId, page: PageRequest) -> Paged<MemberRow> = r#"
        WITH all_of_them AS (
            SELECT a.id AS "user", a.email, a.first_name, a.last_name, m.role, m.joined_at
            FROM member m
            JOIN account a ON a.id = m.account
            WHERE m."group" = $1
        ), page AS (
            SELECT * FROM all_of_them
            ORDER BY role <> 'tutor', lower(last_name), lower(first_name), "user"
            LIMIT $2 OFFSET $3
        )
        SELECT total, page.* FROM (SELECT count(*) AS total FROM all_of_them) AS counted LEFT JOIN page ON true
        ORDER BY role <> 'tutor', lower(last_name), lower(first_name), "user""#, [id, page.limit(), page.offset()];

    fn set_role(id: ClassroomId, user: UserId, role: Role) -> bool = r#"
        UPDATE member m SET role = $3
        FROM "group" g
        WHERE m."group" = $1 AND m.account = $2 AND g.id = m."group" AND g.owner <> m.account"#;

    fn remove(id: ClassroomId, user: UserId) -> bool = r#"
        DELETE FROM member m
        USING "group" g
        WHERE m."group" = $1 AND m.account = $2 AND g.id = m."group" AND g.owner <> m.account"#;

    fn owns(id: ClassroomId, user: UserId) -> bool = r#"SELECT FROM "group" WHERE id = $1 AND owner = $2"#;
}

impl Store {
    /// Deletes a classroom with its folder, lessons and boards, whose journals are removed later; `None`: no such classroom.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delete_classroom(&self, id: ClassroomId) -> Result<Option<DeletedClassroom>, StoreError> {
        let mut conn = self.pool.get().await?;
        let tx = conn.begin().await?;
        let Some(folder) = lock(&tx, id).await? else { return Ok(None) };
        let boards = lock_boards(&tx, id, folder).await?;
        let sessions = lesson_ids(&tx, id).await?;
        delete(&tx, id).await?;
        delete_nodes(&tx, folder, &boards).await?;
        tx.commit().await?;
        Ok(Some(DeletedClassroom { sessions, boards }))
    }

    /// Makes a user a student of the class with that code; who is in it already stays what they are. `None`: no class
    /// has that code.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn join_by_code(&self, code: &str, user: UserId) -> Result<Option<JoinedClassroom>, StoreError> {
        let conn = self.pool.get().await?;
        let fresh = join(&conn, code, user).await?;
        // Their own statements: a member who was made by somebody else at the same moment is seen only afterwards.
        let Some(id) = by_code(&conn, code).await? else { return Ok(None) };
        Ok(classroom(&conn, id, user).await?.map(|(classroom, role)| JoinedClassroom { classroom, role, fresh }))
    }

    /// Changes a member's role. `Role::Owner` is kept as `Role::Tutor`: a classroom has one owner, and it stays.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn set_member_role(&self, id: ClassroomId, user: UserId, role: Role) -> Result<MemberEdit, StoreError> {
        let role = if role == Role::Owner { Role::Tutor } else { role };
        let conn = self.pool.get().await?;
        let done = set_role(&conn, id, user, role).await?;
        edited(&conn, done, id, user).await
    }

    /// Removes a member.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn remove_member(&self, id: ClassroomId, user: UserId) -> Result<MemberEdit, StoreError> {
        let conn = self.pool.get().await?;
        let done = remove(&conn, id, user).await?;
        edited(&conn, done, id, user).await
    }
}

async fn edited(conn: &Conn<'_>, done: bool, id: ClassroomId, user: UserId) -> Result<MemberEdit, StoreError> {
    Ok(match done {
        true => MemberEdit::Done,
        false if owns(conn, id, user).await? => MemberEdit::IsOwner,
        false => MemberEdit::NotAMember,
    })
}
