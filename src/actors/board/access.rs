//! Who may do what on this board, as pushed down by its classroom or read when it woke.
//! Asked on every frame and every save; never asks anybody else.

use std::collections::HashMap;

use crate::domain::access::{Can, Role};
use crate::domain::board::{Action, Kind, Op};
use crate::domain::ids::{ClassroomId, SessionId, UserId};
use crate::store::{BoardAccess, BoardSession};

/// The rights in force.
pub(super) struct Access {
    owner: UserId,
    class: Option<Class>,
}

struct Class {
    classroom: ClassroomId,
    session: SessionId,
    live: bool,
    members: HashMap<UserId, Role>,
}

impl From<BoardSession> for Class {
    fn from(class: BoardSession) -> Self {
        Self {
            classroom: class.classroom,
            session: class.session,
            live: class.live,
            members: class.members.into_iter().collect(),
        }
    }
}

impl Access {
    pub(super) fn new(access: BoardAccess) -> Self {
        Self { owner: access.owner, class: access.session.map(Class::from) }
    }

    /// Takes over what the classroom says.
    pub(super) fn set_class(&mut self, class: BoardSession) {
        self.class = Some(class.into());
    }

    /// What somebody is to this board; `None` for a stranger.
    pub(super) fn role(&self, user: UserId) -> Option<Role> {
        match &self.class {
            Some(class) => class.members.get(&user).copied(),
            None => (user == self.owner).then_some(Role::Owner),
        }
    }

    /// What somebody may do; `None` for a stranger.
    pub(super) fn can(&self, user: UserId) -> Option<Can> {
        self.role(user).map(|role| Can::of(role, self.is_live()))
    }

    /// Whether the lesson goes on; a board of one's own is always live.
    pub(super) fn is_live(&self) -> bool {
        self.class.as_ref().is_none_or(|class| class.live)
    }

    /// The class session that this board belongs to.
    pub(super) fn class(&self) -> Option<(ClassroomId, SessionId)> {
        self.class.as_ref().map(|class| (class.classroom, class.session))
    }
}

/// The first operation that these rights do not cover.
pub(super) fn first_forbidden(can: Can, ops: &[Op]) -> Option<usize> {
    ops.iter().position(|op| !covers(can, op))
}

fn covers(can: Can, op: &Op) -> bool {
    match (op.kind, op.action) {
        (Kind::Page, Action::Add) => can.can_add_page,
        (Kind::Page, Action::Remove) => can.can_delete_page,
        (Kind::State, _) => can.can_clear,
        (Kind::Stroke | Kind::Asset | Kind::Shape | Kind::Text, Action::Remove) => can.can_erase,
        (Kind::Stroke | Kind::Asset | Kind::Shape | Kind::Text | Kind::Page | Kind::Meta, _) => can.can_draw,
    }
}
