//! What a class needs of its node: its rows, its boards, and changes that concern more than itself. Implemented by the
//! directory, and by simulations in memory. Never calls back into the class.

use futures_util::future::BoxFuture;

use crate::actors::boards::Boards;
use crate::actors::messages::BoardError;
use crate::actors::rights::{RightsError, RightsScope};
use crate::board_history::BoardAtRevision;
use m4sh_domain::access::RightsChange;
use m4sh_domain::classroom::{ChatMessage, ClassState, RecordedEvent};
use m4sh_domain::ids::{BoardId, ClassroomId, LessonId, UserId};
use m4sh_store::{LessonAccess, StoreError};

/// The node of a class.
pub trait ClassHost: Send + Sync + 'static {
    /// The boards of the node.
    fn boards(&self) -> &Boards;

    /// Members, rules and boards of a lesson. `None`: no such lesson.
    fn access(&self, lesson: (ClassroomId, LessonId)) -> BoxFuture<'_, Result<Option<LessonAccess>, StoreError>>;

    /// How a lesson stands, as its events made it.
    fn state(&self, lesson: LessonId) -> BoxFuture<'_, Result<ClassState, StoreError>>;

    /// Commits events, all or none. `Conflict`: somebody else has written one with such a number.
    fn append<'a>(&'a self, lesson: LessonId, events: &'a [RecordedEvent]) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Events after a number, and the number of the last one that was looked at.
    fn events_after(&self, lesson: LessonId, seq: u64) -> BoxFuture<'_, Result<(Vec<RecordedEvent>, u64), StoreError>>;

    /// One chat message.
    fn message(&self, lesson: LessonId, seq: u64) -> BoxFuture<'_, Result<Option<ChatMessage>, StoreError>>;

    /// Hides pupils' work on the shared board from one another, or stops doing so.
    fn set_isolated(&self, lesson: (ClassroomId, LessonId), on: bool) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// Makes a change that was judged, and tells every lesson that it concerns.
    fn change_rights<'a>(
        &'a self,
        at: RightsScope,
        by: UserId,
        change: &'a RightsChange,
    ) -> BoxFuture<'a, Result<(), RightsError>>;

    /// Gives every pupil of a lesson a board from now on, copied from a template that `by` may read, or stops doing so.
    fn provide_all(
        &self,
        lesson: (ClassroomId, LessonId),
        by: UserId,
        on: bool,
        template: Option<BoardId>,
    ) -> BoxFuture<'_, Result<(), BoardError>>;

    /// Gives boards to these pupils, where they have none.
    fn provide<'a>(
        &'a self,
        lesson: (ClassroomId, LessonId),
        template: Option<BoardId>,
        pupils: &'a [UserId],
    ) -> BoxFuture<'a, Result<(), BoardError>>;

    /// The newest committed document of a board, read without waking it.
    fn document(&self, board: BoardId) -> BoxFuture<'_, Option<BoardAtRevision>>;
}
