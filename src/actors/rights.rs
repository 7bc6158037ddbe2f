//! Where rights are changed, and why a change is not made. Used by classes, the directory and `http`.

use m4sh_domain::access::ChangeDenied;
use m4sh_domain::ids::{ClassroomId, LessonId};
use m4sh_store::StoreError;

/// Where rights are changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RightsScope {
    /// The class.
    pub classroom: ClassroomId,
    /// The lesson; `None`: in the class as a whole.
    pub session: Option<LessonId>,
}

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum RightsError {
    /// It may not be.
    #[error("{}", .0.detail())]
    Denied(ChangeDenied),
    /// There is no such class or lesson any more.
    #[error("no such lesson")]
    NotFound,
    /// The database could not.
    #[error(transparent)]
    Store(#[from] StoreError),
}
