//! The directory as the node of its classes. Called by classroom actors. Never waits for one.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::{Directory, RETRY};
use crate::actors::boards::Boards;
use crate::actors::classroom::ClassHost;
use crate::actors::clock;
use crate::actors::messages::BoardError;
use crate::actors::rights::{RightsError, RightsScope};
use crate::board_history::{self, BoardAtRevision};
use m4sh_domain::access::RightsChange;
use m4sh_domain::classroom::{ChatMessage, ClassState, RecordedEvent};
use m4sh_domain::ids::{BoardId, ClassroomId, LessonId, UserId};
use m4sh_store::{LessonAccess, StoreError};

impl ClassHost for Directory {
    fn boards(&self) -> &Boards {
        self.boards()
    }

    fn access(&self, lesson: (ClassroomId, LessonId)) -> BoxFuture<'_, Result<Option<LessonAccess>, StoreError>> {
        self.store().lesson_access(lesson.0, lesson.1).boxed()
    }

    fn state(&self, lesson: LessonId) -> BoxFuture<'_, Result<ClassState, StoreError>> {
        self.store().class_state(lesson).boxed()
    }

    fn append<'a>(&'a self, lesson: LessonId, events: &'a [RecordedEvent]) -> BoxFuture<'a, Result<(), StoreError>> {
        self.store().append_class_events(lesson, events).boxed()
    }

    fn events_after(&self, lesson: LessonId, seq: u64) -> BoxFuture<'_, Result<(Vec<RecordedEvent>, u64), StoreError>> {
        self.store().class_events_after(lesson, seq).boxed()
    }

    fn message(&self, lesson: LessonId, seq: u64) -> BoxFuture<'_, Result<Option<ChatMessage>, StoreError>> {
        async move { Ok(self.store().class_messages(lesson, &[seq]).await?.into_iter().next()) }.boxed()
    }

    fn set_isolated(&self, lesson: (ClassroomId, LessonId), on: bool) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.store().set_isolated(lesson.0, lesson.1, on).boxed()
    }

    fn change_rights<'a>(
        &'a self,
        at: RightsScope,
        by: UserId,
        change: &'a RightsChange,
    ) -> BoxFuture<'a, Result<(), RightsError>> {
        self.change_rights(at, by, std::slice::from_ref(change), clock::timestamp()).boxed()
    }

    fn provide_all(
        &self,
        lesson: (ClassroomId, LessonId),
        by: UserId,
        on: bool,
        template: Option<BoardId>,
    ) -> BoxFuture<'_, Result<(), BoardError>> {
        async move {
            if let Some(board) = template {
                let access = self.store().board_access(board).await.ok().flatten();
                let standing = access.and_then(|access| access.effective(by, clock::timestamp()));
                standing.ok_or(BoardError::NotFound)?;
            }
            let blank = self.blank(template, None).await?;
            let kept = self.store().keep_making_boards(lesson, on, template).await;
            let made = match (kept, on) {
                (Ok(_), true) => self.provide_boards(lesson, None, blank).await.map(drop),
                (kept, _) => kept.map(drop),
            };
            made.map_err(|_| BoardError::Unavailable { retry_after: RETRY })
        }
        .boxed()
    }

    fn provide<'a>(
        &'a self,
        lesson: (ClassroomId, LessonId),
        template: Option<BoardId>,
        pupils: &'a [UserId],
    ) -> BoxFuture<'a, Result<(), BoardError>> {
        async move {
            let blank = self.blank(template, None).await?;
            let provided = self.provide_boards(lesson, Some(pupils), blank).await;
            provided.map(drop).map_err(|_| BoardError::Unavailable { retry_after: RETRY })
        }
        .boxed()
    }

    fn document(&self, board: BoardId) -> BoxFuture<'_, Option<BoardAtRevision>> {
        async move { board_history::document_at(self.store(), board, None).await.ok().flatten() }.boxed()
    }
}
