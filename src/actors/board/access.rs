//! Who may do what on this board, as pushed down by its classroom or read when it woke.
//! Asked on every frame and every save; never asks anybody else.

use std::collections::HashMap;

use crate::actors::clock;
use m4sh_domain::access::{Authorship, BoardAssignment, EffectiveRights, Layer, Permissions, Visibility};
use m4sh_domain::board::Op;
use m4sh_domain::ids::{ClassroomId, LessonId, UserId};
use m4sh_store::{BoardAccess, BoardLesson};

/// The rights in force.
pub(super) struct Access {
    owner: UserId,
    class: Option<BoardLesson>,
    /// What was found of those who asked, for as long as it holds.
    known: HashMap<UserId, EffectiveRights>,
}

impl Access {
    pub(super) fn new(access: BoardAccess) -> Self {
        Self { owner: access.owner, class: access.session, known: HashMap::new() }
    }

    /// Takes over what the classroom says.
    pub(super) fn set_class(&mut self, class: BoardLesson) {
        self.class = Some(class);
        self.known.clear();
    }

    /// What somebody is and may do at this moment; `None` for a stranger.
    pub(super) fn standing(&mut self, user: UserId) -> Option<EffectiveRights> {
        let now = clock::timestamp();
        if let Some(known) = self.known.get(&user).filter(|known| known.until.is_none_or(|until| until > now)) {
            return Some(*known);
        }
        let found = match &self.class {
            Some(class) => class.rights.effective(user, now),
            None => (user == self.owner).then_some(EffectiveRights::OWNER),
        };
        match found {
            Some(standing) => self.known.insert(user, standing),
            None => self.known.remove(&user),
        };
        found
    }

    /// What somebody may do; `None` for a stranger.
    pub(super) fn can(&mut self, user: UserId) -> Option<Permissions> {
        self.standing(user).map(|standing| standing.can)
    }

    /// What somebody sees; a stranger sees what everybody does.
    pub(super) fn eyes(&mut self, user: UserId) -> Visibility {
        self.standing(user).map_or(Visibility::Public, |standing| standing.visibility(user))
    }

    /// As whom somebody writes at this moment: on a layer of their own while work is hidden, and what those from whom
    /// nothing is hidden put where pupils work is not for pupils to change.
    pub(super) fn authorship(&mut self, user: UserId) -> Authorship {
        let eyes = self.eyes(user);
        let sees_all = eyes == Visibility::All;
        let layer = self.class.as_ref().and_then(|class| match (&class.rights.board, class.isolated) {
            (_, true) if sees_all => Some(Layer::Tutor),
            (_, true) => Some(Layer::Private(user)),
            (BoardAssignment::Pupil(_), false) if sees_all => Some(Layer::Tutor),
            _ => None,
        });
        let leads = self.standing(user).is_some_and(|standing| standing.role.leads());
        let bound = (self.class.is_some() && !leads).then_some(user);
        Authorship { layer, visibility: eyes, bound_by_locks: bound }
    }

    /// Whether pupils' work on this board is hidden from one another.
    pub(super) fn is_isolated(&self) -> bool {
        self.class.as_ref().is_some_and(|class| class.isolated)
    }

    /// Whether the lesson goes on; a board of one's own is always live.
    pub(super) fn is_live(&self) -> bool {
        self.class.as_ref().is_none_or(|class| class.rights.live)
    }

    /// The class session that this board belongs to.
    pub(super) fn class(&self) -> Option<(ClassroomId, LessonId)> {
        self.class.as_ref().map(|class| (class.classroom, class.session))
    }
}

/// The first operation that these rights do not cover.
pub(super) fn first_forbidden(can: Permissions, ops: &[Op]) -> Option<usize> {
    ops.iter().position(|op| !can.has(op.kind.permission(op.action)))
}
