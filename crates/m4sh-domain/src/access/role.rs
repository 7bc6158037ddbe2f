//! Roles on a board or in a classroom. Called wherever rights are checked.
//! Never says what a role may do: see `permissions`.

use serde::{Deserialize, Serialize};

/// A role on one board or in one classroom.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Owns the board; the tutor who created a classroom owns its boards.
    Owner,
    /// Teaches the class.
    Tutor,
    /// Helps the tutor: sees everything and keeps order, but neither ends lessons nor changes roles.
    Assistant,
    /// A pupil of the class; `pupil` is accepted for the same.
    Student,
    /// Watches.
    Viewer,
    /// Watches through a share link, without an account; never a member.
    Guest,
}

impl Role {
    const MEMBERS: [Self; 5] = [Self::Owner, Self::Tutor, Self::Assistant, Self::Student, Self::Viewer];

    /// The role's name on the wire and in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Tutor => "tutor",
            Self::Assistant => "assistant",
            Self::Student => "student",
            Self::Viewer => "viewer",
            Self::Guest => "guest",
        }
    }

    /// The role of a member or an owner with that name; `guest` is none.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let name = if name == "pupil" { "student" } else { name };
        Self::MEMBERS.into_iter().find(|role| role.name() == name)
    }

    /// Whether this role is `other` or above it: owners and tutors, then assistants, students, viewers, guests.
    #[must_use]
    pub const fn is_at_least(self, other: Self) -> bool {
        self.rank() >= other.rank()
    }

    const fn rank(self) -> u8 {
        match self {
            Self::Owner | Self::Tutor => 4,
            Self::Assistant => 3,
            Self::Student => 2,
            Self::Viewer => 1,
            Self::Guest => 0,
        }
    }

    /// Whether this role leads: it may change others' rights and end a lesson.
    #[must_use]
    pub const fn leads(self) -> bool {
        matches!(self, Self::Owner | Self::Tutor)
    }

    /// Whether nothing of a lesson is hidden from this role: isolated work, every pupil's board, the tutor's view.
    #[must_use]
    pub const fn sees_all(self) -> bool {
        matches!(self, Self::Owner | Self::Tutor | Self::Assistant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_roles_are_one_to_one() {
        for role in Role::MEMBERS {
            assert_eq!(Role::from_name(role.name()), Some(role));
        }
        assert_eq!(Role::from_name("pupil"), Some(Role::Student));
        assert_eq!(Role::from_name("admin"), None);
        assert_eq!(Role::from_name(Role::Guest.name()), None);
    }
}
