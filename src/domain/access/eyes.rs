//! Whose work is hidden from whom on one board. Asked by everything that shows a board: frames, reads, exports, history.
//! Never looks at a document: a layer goes in, whether it is seen comes out.

use super::Role;
use crate::domain::ids::UserId;

/// On whose behalf an item lies apart from the others.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Layer {
    /// A pupil's isolated work: theirs and the tutor's to see, until it is revealed.
    Private(UserId),
    /// A tutor's marks that pupils see and cannot change.
    Tutor,
}

/// Through whose eyes a board is seen.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Eyes {
    /// Those from whom nothing is hidden.
    All,
    /// A pupil's: their own work and what is not hidden.
    Own(UserId),
    /// A stranger's with a link: only what is not hidden.
    Public,
}

impl Eyes {
    /// The eyes of somebody with a role.
    #[must_use]
    pub const fn of(role: Role, user: UserId) -> Self {
        match role {
            Role::Owner | Role::Tutor | Role::Assistant => Self::All,
            Role::Student | Role::Viewer => Self::Own(user),
            Role::Guest => Self::Public,
        }
    }

    /// Whether what lies on a layer (`None`: on none) is seen.
    #[must_use]
    pub fn see(self, layer: Option<Layer>) -> bool {
        match (self, layer) {
            (Self::All, _) | (_, None | Some(Layer::Tutor)) => true,
            (Self::Own(user), Some(Layer::Private(owner))) => user == owner,
            (Self::Public, Some(Layer::Private(_))) => false,
        }
    }
}
