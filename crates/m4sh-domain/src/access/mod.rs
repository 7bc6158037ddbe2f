//! Who may do what, as one table: a role gives flags, rules of the class and the session change them, a lock takes the
//! pen. Called by the board and classroom actors and by `http`. Never looks anything up and never reads a clock: rows and
//! the time go in, a [`EffectiveRights`] comes out.

mod permissions;
mod change;
mod visibility;
mod pen_locks;
mod rights;
mod role;

pub use permissions::{Permissions, Permission};
pub use change::{RightsChange, ChangeDenied, RuleEdit, ChangeTarget};
pub use visibility::{Authorship, Visibility, Layer};
pub use pen_locks::PenLocks;
pub use rights::{BoardAssignment, StoredRule, Rights, Rule, EffectiveRights, RuleSubject};
pub use role::Role;
