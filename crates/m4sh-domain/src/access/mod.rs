//! Who may do what, as one table: a role gives flags, rules of the class and the session change them, a lock takes the
//! pen. Called by the board and classroom actors and by `http`. Never looks anything up and never reads a clock: rows and
//! the time go in, a [`EffectiveRights`] comes out.

mod change;
mod pen_locks;
mod permissions;
mod rights;
mod role;
mod visibility;

pub use change::{ChangeDenied, ChangeTarget, RightsChange, RuleEdit};
pub use pen_locks::PenLocks;
pub use permissions::{Permission, Permissions};
pub use rights::{BoardAssignment, EffectiveRights, Rights, Rule, RuleSubject, StoredRule};
pub use role::Role;
pub use visibility::{Authorship, Layer, Visibility};
