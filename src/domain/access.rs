//! Who may do what, as one table. Called by the board and classroom actors and by `http`.
//! Never looks anything up: a role goes in, flags come out (contract/boards.md 9, twelve flags).

use serde::{Deserialize, Serialize};

/// What somebody is to one board or classroom.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Owns the board; the tutor who made a classroom owns its boards.
    Owner,
    /// Teaches the class.
    Tutor,
    /// A pupil of the class.
    Student,
    /// Watches.
    Viewer,
    /// Watches through a share link, without an account; never a member.
    Guest,
}

impl Role {
    /// The role's name on the wire and in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Tutor => "tutor",
            Self::Student => "student",
            Self::Viewer => "viewer",
            Self::Guest => "guest",
        }
    }

    /// The role of a member or an owner with that name; nobody is made a guest by name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Owner, Self::Tutor, Self::Student, Self::Viewer].into_iter().find(|role| role.name() == name)
    }

    /// Whether this role leads: it may change others' rights and end a session.
    #[must_use]
    pub const fn leads(self) -> bool {
        matches!(self, Self::Owner | Self::Tutor)
    }
}

/// What one person may do on one board, as told to clients under `can`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[allow(clippy::struct_excessive_bools, reason = "the contract's flags, one by one")]
pub struct Can {
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

impl Can {
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
    pub const fn flags(self) -> [(&'static str, bool); 12] {
        [
            ("can_draw", self.can_draw),
            ("can_erase", self.can_erase),
            ("can_add_page", self.can_add_page),
            ("can_delete_page", self.can_delete_page),
            ("can_clear", self.can_clear),
            ("can_export", self.can_export),
            ("can_share", self.can_share),
            ("can_lock", self.can_lock),
            ("can_kick", self.can_kick),
            ("can_end", self.can_end),
            ("can_upload", self.can_upload),
            ("can_manage", self.can_manage),
        ]
    }

    /// The flags of a role while the session is on (`live`) or over: an ended session is read by its pupils, not written.
    #[must_use]
    pub const fn of(role: Role, live: bool) -> Self {
        match role {
            Role::Owner | Role::Tutor => Self::ALL,
            Role::Student if live => {
                Self { can_draw: true, can_erase: true, can_export: true, can_upload: true, ..Self::WATCH }
            }
            Role::Student => Self { can_export: true, ..Self::WATCH },
            Role::Viewer | Role::Guest => Self::WATCH,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_roles_are_one_to_one() {
        for role in [Role::Owner, Role::Tutor, Role::Student, Role::Viewer] {
            assert_eq!(Role::from_name(role.name()), Some(role));
        }
        assert_eq!(Role::from_name("admin"), None);
        assert_eq!(Role::from_name(Role::Guest.name()), None);
    }

    #[test]
    fn p1_a_pupil_draws_while_the_session_is_on_and_only_watches_afterwards() {
        assert!(Can::of(Role::Student, true).can_draw && !Can::of(Role::Student, true).can_clear);
        assert!(!Can::of(Role::Student, false).can_draw);
        assert!(Can::of(Role::Tutor, false).can_draw);
        assert_eq!(Can::of(Role::Viewer, true), Can::WATCH);
    }
}
