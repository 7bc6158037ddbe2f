//! Who may do what: a role has permissions, rules of the class and the lesson change them, a lock removes the
//! pen. Called by the board and classroom actors and by `http`. Never does a lookup or reads a clock: rows and
//! the time go in, [`EffectiveRights`] come out.

mod change;
mod pen_locks;
mod permissions;
mod rights;
mod role;
mod visibility;

pub use change::{AccessCause, ChangeDenied, ChangeTarget, RightsChange, RuleEdit};
pub use pen_locks::PenLocks;
pub use permissions::{Permission, Permissions};
pub use rights::{BoardAssignment, EffectiveRights, Rights, Rule, RuleSubject, StoredRule};
pub use role::Role;
pub use visibility::{Authorship, Layer, Visibility};
