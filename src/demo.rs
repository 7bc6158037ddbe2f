//! The demo school: a tutor, three pupils, a class with a running lesson, and boards with content.
//! Called by `app` at start with `M4SH_DEMO`. Never changes a database that has other accounts: its
//! password is public.

mod figures;

use jiff::Timestamp;
use uuid::Uuid;

use crate::identity::{PasswordError, Passwords, RefreshToken};
use m4sh_domain::{
    board::{Board, BoardRefusal, Document},
    ids::{BoardId, ClassroomId, LessonId, LoginId, Rev, UserId},
    json::{Bounds, JsonError, Value},
};
use m4sh_store::{
    AccountRole, ClassroomRow, CreateAccountError, LessonRow, NewAccount, NewBoard, NewClassroom, NewLesson, NewLogin,
    PageRequest, RequestOrigin, Store, StoreError,
};

/// The password of everybody in the demo school.
pub const PASSWORD: &str = "demo-class";

const TUTOR: DemoAccount =
    DemoAccount { email: "anna@demo.m4sh", first: "Anna", last: "Kovalenko", role: AccountRole::Tutor };
const PUPILS: [DemoAccount; 3] = [
    DemoAccount { email: "bohdan@demo.m4sh", first: "Bohdan", last: "Shevchuk", role: AccountRole::Student },
    DemoAccount { email: "clara@demo.m4sh", first: "Clara", last: "Novak", role: AccountRole::Student },
    DemoAccount { email: "danylo@demo.m4sh", first: "Данило", last: "Бондар", role: AccountRole::Student },
];
const CLASSROOM: &str = "7-B Geometry";
const LESSON: &str = "Right triangles and circles";
const SOLO_BOARD: &str = "План уроку: параболи";

/// The demo school, for printing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Demo {
    /// The tutor's address; the password is [`PASSWORD`].
    pub tutor: &'static str,
    /// The pupils' addresses; the same password.
    pub pupils: Vec<&'static str>,
    /// The class.
    pub classroom: ClassroomId,
    /// The invite code of the class.
    pub invite_code: String,
    /// The running lesson.
    pub session: LessonId,
    /// Its board.
    pub class_board: BoardId,
    /// The tutor's own board.
    pub solo_board: BoardId,
}

/// Why there is no demo school.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// Postgres.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The hasher.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The operating system has no randomness.
    #[error("no randomness: {0}")]
    Randomness(#[from] getrandom::Error),
    /// A demo board is not a valid board.
    #[error("the demo boards are broken: {0}")]
    Board(#[from] BoardRefusal),
    /// A demo board is not valid JSON.
    #[error("the demo boards are broken: {0}")]
    Json(#[from] JsonError),
    /// An account, class or lesson vanished while the school was created.
    #[error("{0} vanished while the demo school was being made")]
    Vanished(&'static str),
}

/// Creates the demo school, or what is missing of it: an interrupted start is completed by the
/// next. `None` when the database has other accounts and no demo tutor.
///
/// # Errors
/// [`DemoError`].
pub async fn fill(store: &Store, passwords: &Passwords) -> Result<Option<Demo>, DemoError> {
    let known = store.account_by_email(TUTOR.email).await?.map(|(account, _)| account.id);
    let tutor = match known {
        Some(tutor) => tutor,
        None if store.has_accounts().await? => return Ok(None),
        None => TUTOR.enrol(store, passwords).await?,
    };
    let classroom = classroom(store, tutor).await?;
    let mut moved_in = Vec::with_capacity(PUPILS.len());
    for pupil in &PUPILS {
        let user = pupil.enrol(store, passwords).await?;
        store.join_by_code(&classroom.invite_code, user).await?.ok_or(DemoError::Vanished("the classroom"))?;
        moved_in.push(pupil.email);
    }
    let session = lesson(store, classroom.id).await?;
    let solo_board = solo_board(store, tutor).await?;
    Ok(Some(Demo {
        tutor: TUTOR.email,
        pupils: moved_in,
        classroom: classroom.id,
        invite_code: classroom.invite_code,
        session: session.id,
        class_board: session.board,
        solo_board,
    }))
}

struct DemoAccount {
    email: &'static str,
    first: &'static str,
    last: &'static str,
    role: AccountRole,
}

impl DemoAccount {
    /// The account's id; creates the account when there is none.
    async fn enrol(&self, store: &Store, passwords: &Passwords) -> Result<UserId, DemoError> {
        if let Some((account, _)) = store.account_by_email(self.email).await? {
            return Ok(account.id);
        }
        let login = NewLogin {
            id: LoginId(Uuid::now_v7()),
            refresh: RefreshToken::generate()?.hash,
            at: Timestamp::now(),
            origin: RequestOrigin::default(),
        };
        let new = NewAccount {
            id: UserId(Uuid::now_v7()),
            email: self.email.to_owned(),
            password_hash: passwords.hash(PASSWORD.to_owned()).await?,
            first_name: self.first.to_owned(),
            last_name: self.last.to_owned(),
            role: self.role,
            login,
        };
        match store.create_account(&new).await {
            Ok(account) => {
                // The login that came with the account is not used.
                store.end_login(new.login.id, Timestamp::now()).await?;
                Ok(account.id)
            }
            // Another node created it.
            Err(CreateAccountError::EmailTaken) => {
                let (account, _) =
                    store.account_by_email(self.email).await?.ok_or(DemoError::Vanished("a demo account"))?;
                Ok(account.id)
            }
            Err(CreateAccountError::Store(error)) => Err(error.into()),
        }
    }
}

/// The tutor's oldest classroom on the first page, or a new one.
async fn classroom(store: &Store, tutor: UserId) -> Result<ClassroomRow, DemoError> {
    let (_, rows) = store.list_classrooms(tutor, PageRequest::default()).await?;
    if let Some((row, _)) = rows.into_iter().rev().find(|(row, _)| row.owner == tutor) {
        return Ok(row);
    }
    let new = NewClassroom {
        id: ClassroomId(Uuid::now_v7()),
        owner: tutor,
        name: CLASSROOM.to_owned(),
        invite_code: crate::http::invite_code()?,
    };
    Ok(store.create_classroom(&new).await?)
}

/// A running lesson, or a new one.
async fn lesson(store: &Store, classroom: ClassroomId) -> Result<LessonRow, DemoError> {
    if let Some(live) = store.live_lessons(classroom).await?.last() {
        return store.lesson(classroom, live.session).await?.ok_or(DemoError::Vanished("the lesson"));
    }
    let (page_count, checkpoint) = first_state(&figures::lesson())?;
    let new = NewLesson {
        id: LessonId(Uuid::now_v7()),
        classroom,
        name: LESSON.to_owned(),
        board: BoardId(Uuid::now_v7()),
        page_count,
        checkpoint,
    };
    store.create_lesson(&new).await?.ok_or(DemoError::Vanished("the classroom"))
}

/// The tutor's oldest board on the first page, or a new one.
async fn solo_board(store: &Store, tutor: UserId) -> Result<BoardId, DemoError> {
    let (_, cards) = store.list_boards(tutor, PageRequest::default()).await?;
    if let Some(oldest) = cards.iter().min_by_key(|card| card.created_at) {
        return Ok(oldest.id);
    }
    let (page_count, checkpoint) = first_state(&figures::plan())?;
    let id = BoardId(Uuid::now_v7());
    let new = NewBoard { id, owner: tutor, name: SOLO_BOARD.to_owned(), thumbnail_url: None, page_count, checkpoint };
    store.create_board(new).await?;
    Ok(id)
}

fn first_state(state: &serde_json::Value) -> Result<(u32, Vec<u8>), DemoError> {
    let document = Document::from_value(Value::parse(state.to_string().as_bytes(), Bounds::default())?)?;
    Ok((document.page_count(), Board::new(document, Rev(0)).checkpoint().encode()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use m4sh_domain::board::Checkpoint;
    use m4sh_store::testing::TestDatabase;

    #[tokio::test]
    async fn o9_the_demo_school_is_made_once_and_found_again() {
        let database = TestDatabase::new().await;
        let store = database.store().await;
        let passwords = Passwords::new().unwrap();
        let demo = fill(&store, &passwords).await.unwrap().unwrap();
        assert_eq!(fill(&store, &passwords).await.unwrap().as_ref(), Some(&demo));

        let (count, members) = store.members(demo.classroom, PageRequest::default()).await.unwrap();
        assert_eq!((count, members.len()), (4, 4));
        assert_eq!(store.live_lessons(demo.classroom).await.unwrap().len(), 1);
        for email in demo.pupils.iter().chain([&demo.tutor]) {
            let (_, hash) = store.account_by_email(email).await.unwrap().unwrap();
            assert!(passwords.matches(PASSWORD.to_owned(), Some(&hash)).await.unwrap(), "{email}");
        }
        for (board, pages) in [(demo.class_board, 3), (demo.solo_board, 2)] {
            let rows = store.checkpoints(board).await.unwrap();
            let (document, rev) = Checkpoint::decode(&rows[0].bytes).unwrap();
            assert_eq!((document.page_count(), rev), (pages, Rev(0)));
        }
    }

    #[tokio::test]
    async fn o9_the_demo_school_keeps_out_of_other_peoples_databases() {
        let database = TestDatabase::new().await;
        let store = database.store().await;
        let passwords = Passwords::new().unwrap();
        let stranger = DemoAccount { email: "eve@school.example", first: "Eve", last: "", role: AccountRole::Tutor };
        stranger.enrol(&store, &passwords).await.unwrap();
        assert_eq!(fill(&store, &passwords).await.unwrap(), None);
        assert!(store.account_by_email(TUTOR.email).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn o9_a_start_that_was_cut_short_is_mended_by_the_next() {
        let database = TestDatabase::new().await;
        let store = database.store().await;
        let passwords = Passwords::new().unwrap();
        TUTOR.enrol(&store, &passwords).await.unwrap();
        PUPILS[1].enrol(&store, &passwords).await.unwrap();
        let demo = fill(&store, &passwords).await.unwrap().unwrap();
        assert_eq!(store.members(demo.classroom, PageRequest::default()).await.unwrap().0, 4);
    }
}
