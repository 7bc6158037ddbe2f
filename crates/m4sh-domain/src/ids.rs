//! The identifiers of the product, each its own type so that none is confused with another.
//! Used by every layer. Never generates a number or reads a clock: new ids are made at the edges (`app`, `http`, `ws`).

use std::fmt;

use uuid::Uuid;

macro_rules! uuid_id {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )+};
}

uuid_id! {
    /// An account.
    UserId,
    /// A board, which is a node of the drive's tree; a solo session's id is its board's id.
    BoardId,
    /// A classroom, which is a group of members.
    ClassroomId,
    /// One live (or ended) lesson of a classroom.
    LessonId,
    /// One login: the family of its refresh tokens and the `sid` of its access tokens.
    LoginId,
    /// A share link.
    LinkId,
    /// A webhook of a classroom.
    HookId,
    /// One tab or device of a client, chosen by the client and kept across its reconnects.
    ClientId,
}

/// One live socket, numbered by the process that accepted it; never reused while the process lives.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ConnId(pub u64);

impl fmt::Display for ConnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{}", self.0)
    }
}

/// A board's revision: 0 for a new board, +1 for each accepted batch, without gaps (SPEC R1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct Rev(pub u64);

impl Rev {
    /// The revision that the next accepted batch will have.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Rev {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A period of ownership of a board: increased by every actor that takes the board over (SPEC R2).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct Epoch(pub u64);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
