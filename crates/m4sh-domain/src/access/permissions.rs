//! The twelve flags (SPEC P4), and what a role brings before any rule. Called by `rights` and by `http`.
//! Never knows a person.

use serde::Serialize;

use super::Role;

/// One of the twelve flags.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs, reason = "the flags are explained at `Can`")]
pub enum Permission {
    Draw,
    Erase,
    AddPage,
    DeletePage,
    Clear,
    Export,
    Share,
    Lock,
    Kick,
    End,
    Upload,
    Manage,
}

impl Permission {
    /// Every flag, in the order of [`Permissions::flags`].
    pub const ALL: [Self; 12] = [
        Self::Draw,
        Self::Erase,
        Self::AddPage,
        Self::DeletePage,
        Self::Clear,
        Self::Export,
        Self::Share,
        Self::Lock,
        Self::Kick,
        Self::End,
        Self::Upload,
        Self::Manage,
    ];

    /// What a locked pupil cannot do: everything that changes a board.
    pub const PEN: [Self; 6] = [Self::Draw, Self::Erase, Self::AddPage, Self::DeletePage, Self::Clear, Self::Upload];

    /// The flag's name on the wire and in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Draw => "can_draw",
            Self::Erase => "can_erase",
            Self::AddPage => "can_add_page",
            Self::DeletePage => "can_delete_page",
            Self::Clear => "can_clear",
            Self::Export => "can_export",
            Self::Share => "can_share",
            Self::Lock => "can_lock",
            Self::Kick => "can_kick",
            Self::End => "can_end",
            Self::Upload => "can_upload",
            Self::Manage => "can_manage",
        }
    }

    /// The flag with that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|flag| flag.name() == name)
    }
}

/// What one person may do on one board, as told to clients under `permissions`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[allow(clippy::struct_excessive_bools, reason = "the contract's flags, one by one")]
pub struct Permissions {
    /// Add and update items.
    pub can_draw: bool,
    /// Remove items.
    pub can_erase: bool,
    /// Add pages.
    pub can_add_page: bool,
    /// Remove pages.
    pub can_delete_page: bool,
    /// Replace the whole state, or clear a page.
    pub can_clear: bool,
    /// Export.
    pub can_export: bool,
    /// Make share links.
    pub can_share: bool,
    /// Lock pupils' pens.
    pub can_lock: bool,
    /// Remove somebody from the class.
    pub can_kick: bool,
    /// End the session.
    pub can_end: bool,
    /// Upload assets.
    pub can_upload: bool,
    /// Change roles and settings.
    pub can_manage: bool,
}

impl Permissions {
    /// Nothing but watching.
    pub const WATCH: Self = Self {
        can_draw: false,
        can_erase: false,
        can_add_page: false,
        can_delete_page: false,
        can_clear: false,
        can_export: false,
        can_share: false,
        can_lock: false,
        can_kick: false,
        can_end: false,
        can_upload: false,
        can_manage: false,
    };

    /// Everything.
    pub const ALL: Self = Self {
        can_draw: true,
        can_erase: true,
        can_add_page: true,
        can_delete_page: true,
        can_clear: true,
        can_export: true,
        can_share: true,
        can_lock: true,
        can_kick: true,
        can_end: true,
        can_upload: true,
        can_manage: true,
    };

    /// Every flag by its name on the wire.
    #[must_use]
    pub fn flags(self) -> [(&'static str, bool); 12] {
        Permission::ALL.map(|flag| (flag.name(), self.has(flag)))
    }

    /// Whether a flag is set.
    #[must_use]
    pub fn has(mut self, flag: Permission) -> bool {
        *self.flag(flag)
    }

    /// The same with one flag set or taken.
    #[must_use]
    pub fn with(mut self, flag: Permission, allowed: bool) -> Self {
        *self.flag(flag) = allowed;
        self
    }

    fn flag(&mut self, flag: Permission) -> &mut bool {
        match flag {
            Permission::Draw => &mut self.can_draw,
            Permission::Erase => &mut self.can_erase,
            Permission::AddPage => &mut self.can_add_page,
            Permission::DeletePage => &mut self.can_delete_page,
            Permission::Clear => &mut self.can_clear,
            Permission::Export => &mut self.can_export,
            Permission::Share => &mut self.can_share,
            Permission::Lock => &mut self.can_lock,
            Permission::Kick => &mut self.can_kick,
            Permission::End => &mut self.can_end,
            Permission::Upload => &mut self.can_upload,
            Permission::Manage => &mut self.can_manage,
        }
    }

    /// The flags of a role while the session is on (`live`) or over: an ended session is read by its pupils, not written.
    #[must_use]
    pub const fn of(role: Role, live: bool) -> Self {
        match role {
            Role::Owner | Role::Tutor => Self::ALL,
            Role::Assistant => Self {
                can_share: false,
                can_kick: false,
                can_end: false,
                can_manage: false,
                ..if live { Self::ALL } else { Self { can_export: true, ..Self::WATCH } }
            },
            Role::Student if live => {
                Self { can_draw: true, can_erase: true, can_export: true, can_upload: true, ..Self::WATCH }
            }
            Role::Student => Self { can_export: true, ..Self::WATCH },
            Role::Viewer | Role::Guest => Self::WATCH,
        }
    }

    /// The most that rules may give to somebody of a role. What shares a board and what changes others' rights follow
    /// from a role alone: a rule that gave them could be turned against its maker. Viewers are made pupils instead.
    #[must_use]
    pub const fn ceiling(role: Role) -> Self {
        match role {
            Role::Owner | Role::Tutor => Self::ALL,
            Role::Assistant => Self { can_share: false, can_manage: false, ..Self::ALL },
            Role::Student => Self {
                can_share: false,
                can_lock: false,
                can_kick: false,
                can_end: false,
                can_manage: false,
                ..Self::ALL
            },
            Role::Viewer => Self { can_export: true, ..Self::WATCH },
            Role::Guest => Self::WATCH,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p1_a_pupil_draws_while_the_session_is_on_and_only_watches_afterwards() {
        assert!(Permissions::of(Role::Student, true).can_draw && !Permissions::of(Role::Student, true).can_clear);
        assert!(!Permissions::of(Role::Student, false).can_draw);
        assert!(Permissions::of(Role::Tutor, false).can_draw);
        assert_eq!(Permissions::of(Role::Viewer, true), Permissions::WATCH);
        assert!(Permissions::of(Role::Assistant, true).can_lock && !Permissions::of(Role::Assistant, true).can_end);
    }

    #[test]
    fn a_flag_has_one_name_and_one_place() {
        for flag in Permission::ALL {
            assert_eq!(Permission::from_name(flag.name()), Some(flag));
            let only = Permissions::WATCH.with(flag, true);
            assert_eq!(
                only.flags().into_iter().filter(|(_, set)| *set).map(|(name, _)| name).collect::<Vec<_>>(),
                [flag.name()]
            );
        }
    }
}
