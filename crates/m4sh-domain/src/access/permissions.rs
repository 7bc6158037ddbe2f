//! The permissions on a board, declared once: name, which roles have them, and what rules may grant (SPEC P1, P6, P13).
//! Called by `rights`, `http` and the board actor. Never knows a person.

use serde::{Serialize, Serializer, ser::SerializeStruct as _};

use super::Role;

/// A row of the table of permissions.
struct Spec {
    /// On the wire and in the database.
    name: &'static str,
    /// The lowest role that has it while the lesson is on.
    held_from: Role,
    /// The lowest role to which a rule may grant it. What shares a board or changes others' rights follows from the role
    /// alone: a rule that granted it could be turned against its author.
    grantable_from: Role,
    /// Whether it changes the board: a locked pupil has none of these.
    is_pen: bool,
}

const fn pen(name: &'static str, held_from: Role) -> Spec {
    Spec { name, held_from, grantable_from: Role::Student, is_pen: true }
}

const fn lead(name: &'static str, held_from: Role, grantable_from: Role) -> Spec {
    Spec { name, held_from, grantable_from, is_pen: false }
}

macro_rules! permissions {
    ($($(#[$doc:meta])* $permission:ident = $spec:expr;)+) => {
        /// One permission. Its number is its bit in [`Permissions`].
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Permission { $($(#[$doc])* $permission),+ }

        impl Permission {
            /// Every permission, in the order of the table.
            pub const ALL: [Self; [$(Self::$permission),+].len()] = [$(Self::$permission),+];

            const fn spec(self) -> Spec {
                match self { $(Self::$permission => $spec),+ }
            }
        }
    };
}

permissions! {
    /// Add and update items.
    Draw = pen("can_draw", Role::Student);
    /// Remove items.
    Erase = pen("can_erase", Role::Student);
    /// Add pages.
    AddPage = pen("can_add_page", Role::Assistant);
    /// Remove pages.
    DeletePage = pen("can_delete_page", Role::Assistant);
    /// Replace the whole state, or clear a page.
    Clear = pen("can_clear", Role::Assistant);
    /// Export.
    Export = lead("can_export", Role::Student, Role::Viewer);
    /// Make share links.
    Share = lead("can_share", Role::Tutor, Role::Tutor);
    /// Lock pupils' pens.
    Lock = lead("can_lock", Role::Assistant, Role::Assistant);
    /// Remove somebody from the class.
    Kick = lead("can_kick", Role::Tutor, Role::Assistant);
    /// End the lesson.
    End = lead("can_end", Role::Tutor, Role::Assistant);
    /// Upload assets.
    Upload = pen("can_upload", Role::Student);
    /// Change roles and settings.
    Manage = lead("can_manage", Role::Tutor, Role::Tutor);
}

impl Permission {
    /// The name on the wire and in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.spec().name
    }

    /// The permission with that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|permission| permission.name() == name)
    }

    /// Whether it changes the board, so that a lock takes it.
    #[must_use]
    pub const fn is_pen(self) -> bool {
        self.spec().is_pen
    }

    const fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// What one person may do on one board: a set of permissions, sent to clients under `can`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Permissions(u16);

impl Permissions {
    /// Nothing but watching.
    pub const NONE: Self = Self(0);

    /// Everything.
    pub const ALL: Self = Self((1 << Permission::ALL.len()) - 1);

    /// Whether it has a permission.
    #[must_use]
    pub const fn has(self, permission: Permission) -> bool {
        self.0 & permission.bit() != 0
    }

    /// The same with one permission added or removed.
    #[must_use]
    pub const fn with(self, permission: Permission, allowed: bool) -> Self {
        Self(if allowed { self.0 | permission.bit() } else { self.0 & !permission.bit() })
    }

    /// The same without what changes the board.
    #[must_use]
    pub fn without_pen(self) -> Self {
        Permission::ALL.into_iter().filter(|permission| self.has(*permission) && !permission.is_pen()).collect()
    }

    /// Each permission's name on the wire, and whether it is in the set.
    pub fn named(self) -> impl Iterator<Item = (&'static str, bool)> {
        Permission::ALL.into_iter().map(move |permission| (permission.name(), self.has(permission)))
    }

    /// What a role has while the lesson is on (`live`) or over: those who do not lead may export an ended lesson, not
    /// change it.
    #[must_use]
    pub fn of(role: Role, live: bool) -> Self {
        let has = |permission: &Permission| {
            role.is_at_least(permission.spec().held_from) && (live || role.leads() || *permission == Permission::Export)
        };
        Permission::ALL.into_iter().filter(has).collect()
    }

    /// The most that rules may grant to somebody of a role.
    #[must_use]
    pub fn grantable(role: Role) -> Self {
        Permission::ALL.into_iter().filter(|permission| role.is_at_least(permission.spec().grantable_from)).collect()
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        permissions.into_iter().fold(Self::NONE, |set, permission| set.with(permission, true))
    }
}

impl Serialize for Permissions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Permissions", Permission::ALL.len())?;
        for (name, has) in self.named() {
            fields.serialize_field(name, &has)?;
        }
        fields.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p1_a_pupil_draws_while_the_session_is_on_and_only_watches_afterwards() {
        use Permission::{Clear, Draw, End, Export, Lock};
        let pupil = Permissions::of(Role::Student, true);
        assert!(pupil.has(Draw) && !pupil.has(Clear));
        assert_eq!(Permissions::of(Role::Student, false), Permissions::from_iter([Export]));
        assert_eq!(Permissions::of(Role::Assistant, false), Permissions::from_iter([Export]));
        assert_eq!(Permissions::of(Role::Tutor, false), Permissions::ALL);
        assert_eq!(Permissions::of(Role::Viewer, true), Permissions::NONE);
        let assistant = Permissions::of(Role::Assistant, true);
        assert!(assistant.has(Lock) && !assistant.has(End));
    }

    /// The matrix as it stood before it was a table.
    #[test]
    fn p1_p13_each_role_has_and_may_be_granted_what_the_matrix_says() {
        let names =
            |set: Permissions| set.named().filter(|(_, has)| *has).map(|(name, _)| &name[4..]).collect::<Vec<_>>();
        let held = |role| names(Permissions::of(role, true)).join(" ");
        let grantable = |role| names(Permissions::grantable(role)).join(" ");
        assert_eq!(held(Role::Student), "draw erase export upload");
        assert_eq!(held(Role::Assistant), "draw erase add_page delete_page clear export lock upload");
        assert_eq!(grantable(Role::Guest), "");
        assert_eq!(grantable(Role::Viewer), "export");
        assert_eq!(grantable(Role::Student), "draw erase add_page delete_page clear export upload");
        assert_eq!(grantable(Role::Assistant), "draw erase add_page delete_page clear export lock kick end upload");
        for role in [Role::Owner, Role::Tutor] {
            assert_eq!(
                (Permissions::of(role, true), Permissions::grantable(role)),
                (Permissions::ALL, Permissions::ALL)
            );
        }
        for role in [Role::Viewer, Role::Guest] {
            assert_eq!(Permissions::of(role, true), Permissions::NONE);
            assert_eq!(Permissions::of(role, false), Permissions::NONE);
        }
    }

    #[test]
    fn a_permission_has_one_name_and_one_bit() {
        for permission in Permission::ALL {
            assert_eq!(Permission::from_name(permission.name()), Some(permission));
            let only = Permissions::NONE.with(permission, true);
            assert_eq!(
                only.named().filter(|(_, has)| *has).map(|(name, _)| name).collect::<Vec<_>>(),
                [permission.name()]
            );
            assert_eq!(only.with(permission, false), Permissions::NONE);
        }
    }
}
