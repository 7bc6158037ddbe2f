//! Whose work is hidden from whom on one board. Called by everything that sends a board: frames, reads, exports, history.
//! Never looks at a document: only at layers.

use std::borrow::Cow;

use super::Role;
use crate::ids::UserId;

/// Where an item lies apart from the others.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Layer {
    /// A pupil's isolated work: visible to them and to those who see all, until it is revealed.
    Private(UserId),
    /// A tutor's marks, which pupils see and cannot change.
    Tutor,
}

impl Layer {
    /// The layer's name in journals and checkpoints: `tutor`, or `u:` and the account.
    #[must_use]
    pub fn name(self) -> Cow<'static, str> {
        match self {
            Self::Private(owner) => Cow::Owned(format!("u:{owner}")),
            Self::Tutor => Cow::Borrowed("tutor"),
        }
    }

    /// The layer with that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name.strip_prefix("u:") {
            Some(owner) => owner.parse().ok().map(Self::Private),
            None => (name == "tutor").then_some(Self::Tutor),
        }
    }
}

/// Which layers of a board a user sees.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Visibility {
    /// Everything.
    All,
    /// A pupil: their own work and what is not hidden.
    Own(UserId),
    /// A guest with a link: only what is not hidden.
    Public,
}

impl Visibility {
    /// The visibility of a user with a role.
    #[must_use]
    pub const fn of(role: Role, user: UserId) -> Self {
        match role {
            Role::Owner | Role::Tutor | Role::Assistant => Self::All,
            Role::Student | Role::Viewer => Self::Own(user),
            Role::Guest => Self::Public,
        }
    }

    /// Whether items on a layer (`None`: on none) are visible.
    #[must_use]
    pub fn can_see(self, layer: Option<Layer>) -> bool {
        match (self, layer) {
            (Self::All, _) | (_, None | Some(Layer::Tutor)) => true,
            (Self::Own(user), Some(Layer::Private(owner))) => user == owner,
            (Self::Public, Some(Layer::Private(_))) => false,
        }
    }

    /// Whether items on a layer may be changed, as far as the layer decides.
    #[must_use]
    pub fn may_change(self, layer: Option<Layer>) -> bool {
        self == Self::All || (layer != Some(Layer::Tutor) && self.can_see(layer))
    }
}

/// On whose behalf a batch is written: the layer of its new items, and what it may touch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Authorship {
    /// The layer of what is added.
    pub layer: Option<Layer>,
    /// Items that its author does not see do not exist for the batch.
    pub visibility: Visibility,
    /// The user whom others' locks on items bind; `None` for those who lead, and on boards without a class.
    pub bound_by_locks: Option<UserId>,
}

impl Authorship {
    /// An author who sees all, on a board where nothing is set apart.
    pub const FULL: Self = Self { layer: None, visibility: Visibility::All, bound_by_locks: None };

    /// Whether only the author's own items may be touched: other changes would be visible to those from whom this
    /// work is hidden.
    #[must_use]
    pub const fn is_isolated(self) -> bool {
        matches!(self.layer, Some(Layer::Private(_)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANNA: UserId = UserId(uuid::Uuid::from_u128(1));
    const BEN: UserId = UserId(uuid::Uuid::from_u128(2));

    #[test]
    fn i1_a_pupils_hidden_work_is_theirs_and_the_tutors_to_see() {
        let hidden = Some(Layer::Private(ANNA));
        assert!(Visibility::All.can_see(hidden) && Visibility::Own(ANNA).can_see(hidden));
        assert!(!Visibility::Own(BEN).can_see(hidden) && !Visibility::Public.can_see(hidden));
        for visibility in [Visibility::All, Visibility::Own(BEN), Visibility::Public] {
            assert!(visibility.can_see(None) && visibility.can_see(Some(Layer::Tutor)));
        }
    }

    #[test]
    fn i2_what_the_tutor_marks_is_seen_by_pupils_and_not_changed_by_them() {
        assert!(
            Visibility::All.may_change(Some(Layer::Tutor)) && !Visibility::Own(ANNA).may_change(Some(Layer::Tutor))
        );
        assert!(Visibility::Own(ANNA).may_change(Some(Layer::Private(ANNA))) && Visibility::Own(ANNA).may_change(None));
        assert!(!Visibility::Own(BEN).may_change(Some(Layer::Private(ANNA))));
    }

    #[test]
    fn a_layer_has_one_name() {
        for layer in [Layer::Tutor, Layer::Private(ANNA)] {
            assert_eq!(Layer::from_name(&layer.name()), Some(layer));
        }
        for wrong in ["", "u:", "u:me", "Tutor", "tutor "] {
            assert_eq!(Layer::from_name(wrong), None);
        }
    }
}
