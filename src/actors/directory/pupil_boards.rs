//! Boards for pupils: made from a template, for those who are here and those who come later, in one way. Called by `http` and
//! by the classroom actor when somebody comes in without one. Never makes a second one: the store's constraint decides.

use std::time::Duration;

use tokio::task::spawn_blocking;

use super::Directory;
use crate::actors::messages::BoardError;
use crate::board_history;
use crate::identity::display_name;
use m4sh_domain::access::{Role, Visibility};
use m4sh_domain::board::{Board, Document};
use m4sh_domain::ids::{BoardId, ClassroomId, LessonId, Rev, UserId};
use m4sh_store::{InitialState, LessonPerson, StoreError};

/// How long to wait before another try.
const RETRY: Duration = Duration::from_secs(1);

impl Directory {
    /// The first state of boards that begin as a copy of `template` (at a committed revision, else the newest one), or empty.
    /// What was hidden there stays there. Whoever asks has checked the right to read it.
    ///
    /// # Errors
    /// `NotFound` when there is no such board or revision; `Unavailable`.
    pub async fn blank(&self, template: Option<BoardId>, rev: Option<Rev>) -> Result<InitialState, BoardError> {
        let document = match template {
            None => Document::default(),
            Some(board) => {
                let past = board_history::document_at(self.store(), board, rev).await.map_err(|error| {
                    tracing::warn!(%board, %error, "template could not be read");
                    BoardError::Unavailable { retry_after: RETRY }
                })?;
                past.ok_or(BoardError::NotFound)?.document
            }
        };
        let encoding = spawn_blocking(move || {
            // Nothing of a pupil's hidden work is in what every pupil gets.
            let document = document.visible_to(Visibility::Public).into_owned();
            let page_count = document.page_count();
            InitialState { page_count, checkpoint: Board::new(document, Rev(0)).checkpoint().encode() }
        });
        encoding.await.map_err(|_| BoardError::Unavailable { retry_after: RETRY })
    }

    /// Makes a board for each of `pupils` (all pupils of the class when `None`) who has none in the lesson yet.
    ///
    /// # Errors
    /// As every query.
    pub async fn provide_boards(
        &self,
        lesson: (ClassroomId, LessonId),
        pupils: Option<&[UserId]>,
        blank: InitialState,
    ) -> Result<Vec<(BoardId, UserId)>, StoreError> {
        let people = self.store().lesson_people(lesson.0).await?;
        let wanted = people.iter().filter(|person| person.role == Role::Student);
        let wanted = wanted.filter(|person| pupils.is_none_or(|pupils| pupils.contains(&person.user)));
        let wanted: Vec<(UserId, String)> = wanted.map(|person| (person.user, name(person))).collect();
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        self.store().make_pupil_boards(lesson, &wanted, &blank).await
    }
}

fn name(person: &LessonPerson) -> String {
    display_name(&person.first_name, &person.last_name, &person.email)
}
