//! Locked pens of a whole class. Called by the classroom actor and by `http`.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Rights, Role, RuleSubject};
use crate::ids::UserId;

/// The locked pens of a lesson.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PenLocks {
    /// Whether the pens of all who are not in `users` are locked …
    pub all: bool,
    /// … and when that ends by itself.
    pub until: Option<Timestamp>,
    /// Users with a rule of their own: whether their pen is locked, and when that rule ends.
    pub users: BTreeMap<UserId, (bool, Option<Timestamp>)>,
}

impl PenLocks {
    /// When the next of these rules ends.
    #[must_use]
    pub fn next_end(&self) -> Option<Timestamp> {
        self.users.values().filter_map(|(_, until)| *until).chain(self.until).min()
    }
}

impl Rights {
    /// Whose pens are locked at `now`.
    #[must_use]
    pub fn locks(&self, now: Timestamp) -> PenLocks {
        // Nobody has this id, so only rules for everybody match.
        let all = self.rule(Role::Student, UserId(uuid::Uuid::nil()), RuleSubject::Pen, now);
        let named = self.rules.iter().filter(|rule| rule.subject == RuleSubject::Pen).filter_map(|rule| rule.who);
        let one = |user| {
            let role = *self.members.get(&user)?;
            let rule = self.rule(role, user, RuleSubject::Pen, now)?;
            // Another rule may win: the lesson's rule for all goes before the class's for one.
            rule.who.map(|_| (user, (!rule.allowed, rule.until)))
        };
        PenLocks {
            all: all.is_some_and(|rule| !rule.allowed),
            until: all.and_then(|rule| rule.until),
            users: named.filter_map(one).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::access::{BoardAssignment, Rule};

    #[test]
    fn p14_locks_name_those_about_whom_something_else_is_said() {
        let [tutor, pupil, other] = [1, 2, 3].map(|id| UserId(uuid::Uuid::from_u128(id)));
        let at = |second| Timestamp::from_second(second).unwrap();
        let rule = |who, allowed, until| Rule { session: true, who, subject: RuleSubject::Pen, allowed, until };
        let rights = Rights {
            live: true,
            members: Arc::new([(tutor, Role::Tutor), (pupil, Role::Student), (other, Role::Student)].into()),
            rules: Arc::new(vec![
                rule(None, false, None),
                rule(Some(pupil), true, Some(at(60))),
                rule(Some(tutor), false, None),
                Rule { session: false, ..rule(Some(other), true, None) },
            ]),
            board: BoardAssignment::Everybody,
        };
        let locks = rights.locks(at(0));
        assert_eq!((locks.all, locks.until, locks.next_end()), (true, None, Some(at(60))));
        assert_eq!(locks.users, [(pupil, (false, Some(at(60))))].into());
        assert!(rights.locks(at(60)).users.is_empty());
    }
}
