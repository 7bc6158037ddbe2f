//! The rights in force on one board of a class, as a value: members, rules, and whose board it is. Kept by the board
//! actor; its classroom pushes changes. Reads no clock: [`EffectiveRights`] state until when they hold.

use std::{collections::HashMap, sync::Arc};

use jiff::Timestamp;

use super::{Permission, Permissions, Role, Visibility};
use crate::ids::UserId;

/// What a rule is about.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RuleSubject {
    /// One permission.
    Permission(Permission),
    /// The pen: every permission that [`Permission::is_pen`]. `allowed: false` locks it; `allowed: true` only undoes
    /// a lock, and
    /// grants nothing beyond the role and other rules.
    Pen,
    /// Access at all. `allowed: false` is a pupil who was removed.
    Enter,
}

impl RuleSubject {
    /// The name on the wire and in the database: a permission's, `pen` or `enter`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Permission(flag) => flag.name(),
            Self::Pen => "pen",
            Self::Enter => "enter",
        }
    }

    /// The subject with that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "pen" => Some(Self::Pen),
            "enter" => Some(Self::Enter),
            other => Permission::from_name(other).map(Self::Permission),
        }
    }
}

/// One exception from a role's permissions. Of several about one person and subject the most specific applies:
/// a lesson's before its class's, a person's before everybody's, one with an end before one without.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rule {
    /// Whether it is the lesson's own, or its class's for every lesson.
    pub session: bool,
    /// Whom it is about; `None` is everybody who neither leads nor assists.
    pub who: Option<UserId>,
    /// What it is about.
    pub subject: RuleSubject,
    /// Granted or denied.
    pub allowed: bool,
    /// When it ends by itself.
    pub until: Option<Timestamp>,
}

/// Who works on a board of a class.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum BoardAssignment {
    /// The lesson's shared board.
    #[default]
    Everybody,
    /// One pupil's own board: tutors see it, other pupils do not.
    Pupil(UserId),
    /// A break-out group's board.
    Group(Vec<UserId>),
}

impl BoardAssignment {
    fn admits(&self, user: UserId) -> bool {
        match self {
            Self::Everybody => true,
            Self::Pupil(pupil) => *pupil == user,
            Self::Group(members) => members.contains(&user),
        }
    }
}

/// What the rights on one board of a class are computed from.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rights {
    /// Whether the lesson has not ended.
    pub live: bool,
    /// The classroom's members, its owner (`Role::Tutor`) among them.
    pub members: Arc<HashMap<UserId, Role>>,
    /// The rules, in no order.
    pub rules: Arc<Vec<Rule>>,
    /// Who works on it.
    pub board: BoardAssignment,
}

/// One person's role and permissions on a board, until something changes or `until` is reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EffectiveRights {
    /// Their role.
    pub role: Role,
    /// Their permissions.
    pub can: Permissions,
    /// Whether their pen is locked.
    pub locked: bool,
    /// When a rule that applies here ends.
    pub until: Option<Timestamp>,
}

impl EffectiveRights {
    /// The owner, on a board of their own.
    pub const OWNER: Self = Self { role: Role::Owner, can: Permissions::ALL, locked: false, until: None };
    /// A guest with a share link.
    pub const GUEST: Self = Self { role: Role::Guest, can: Permissions::NONE, locked: false, until: None };
}

impl EffectiveRights {
    /// What `user`, who has these rights, sees.
    #[must_use]
    pub const fn visibility(self, user: UserId) -> Visibility {
        Visibility::of(self.role, user)
    }
}

impl Rights {
    /// A user's rights here; `None` for a stranger, for somebody who was removed, and for a pupil on
    /// another pupil's board.
    #[must_use]
    pub fn effective(&self, user: UserId, now: Timestamp) -> Option<EffectiveRights> {
        let role = *self.members.get(&user)?;
        let mut until = None;
        let mut rule = |what| {
            let found = self.rule(role, user, what, now);
            if let Some(end) = found.and_then(|rule| rule.until) {
                until = Some(until.map_or(end, |sooner: Timestamp| sooner.min(end)));
            }
            found.map(|rule| rule.allowed)
        };
        if rule(RuleSubject::Enter) == Some(false) {
            return None;
        }
        if !role.sees_all() && !self.board.admits(user) {
            return None;
        }
        let mut can = self.base(role, user);
        for flag in Permission::ALL {
            // An ended lesson is read-only, whatever was granted while it was on.
            if let Some(allowed) = rule(RuleSubject::Permission(flag)).filter(|allowed| self.live || !allowed) {
                can = can.with(flag, allowed && (can.has(flag) || Permissions::grantable(role).has(flag)));
            }
        }
        let locked = !role.leads() && rule(RuleSubject::Pen) == Some(false);
        if locked {
            can = can.without_pen();
        }
        Some(EffectiveRights { role, can, locked, until })
    }

    /// What a role has here: on a board of their own a pupil also adds, removes and clears pages.
    fn base(&self, role: Role, user: UserId) -> Permissions {
        let can = Permissions::of(role, self.live);
        match (&self.board, role) {
            (BoardAssignment::Pupil(pupil), Role::Student) if self.live && *pupil == user => {
                Permission::ALL.into_iter().filter(|permission| can.has(*permission) || permission.is_pen()).collect()
            }
            _ => can,
        }
    }

    /// The rule that applies to a user and subject. No rule applies to those who lead.
    pub(super) fn rule(&self, role: Role, user: UserId, what: RuleSubject, now: Timestamp) -> Option<&Rule> {
        if role.leads() {
            return None;
        }
        let holds = |rule: &&Rule| {
            rule.subject == what
                && rule.until.is_none_or(|until| until > now)
                && rule.who.map_or(!role.sees_all(), |who| who == user)
        };
        self.rules.iter().filter(holds).max_by_key(|rule| (rule.session, rule.who.is_some(), rule.until.is_some()))
    }
}

/// A stored rule with its author.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredRule {
    /// The rule.
    pub rule: Rule,
    /// Who made it.
    pub by: UserId,
    /// When.
    pub at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    const TUTOR: UserId = UserId(uuid::Uuid::from_u128(1));
    const PUPIL: UserId = UserId(uuid::Uuid::from_u128(2));
    const OTHER: UserId = UserId(uuid::Uuid::from_u128(3));

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn rights(rules: Vec<Rule>) -> Rights {
        let members = Arc::new([(TUTOR, Role::Tutor), (PUPIL, Role::Student), (OTHER, Role::Student)].into());
        Rights { live: true, members, rules: Arc::new(rules), board: BoardAssignment::Everybody }
    }

    fn rule(who: Option<UserId>, what: RuleSubject, allowed: bool) -> Rule {
        Rule { session: true, who, subject: what, allowed, until: None }
    }

    #[test]
    fn p9_the_more_particular_rule_holds() {
        let all = rule(None, RuleSubject::Pen, false);
        let one = rule(Some(PUPIL), RuleSubject::Pen, true);
        let rights = rights(vec![all, one, Rule { session: false, ..rule(Some(OTHER), RuleSubject::Pen, true) }]);
        let can = |user| rights.effective(user, at(0)).unwrap();
        assert!(can(PUPIL).can.has(Permission::Draw) && !can(PUPIL).locked);
        assert!(
            !can(OTHER).can.has(Permission::Draw) && can(OTHER).locked,
            "the session's rule for all goes before the class's for one"
        );
        assert!(can(TUTOR).can.has(Permission::Draw), "a tutor is not locked");
    }

    #[test]
    fn p10_a_rule_with_an_end_holds_until_then_and_says_so() {
        let timed = Rule { until: Some(at(120)), ..rule(Some(PUPIL), RuleSubject::Pen, true) };
        let rights = rights(vec![rule(None, RuleSubject::Pen, false), timed]);
        let before = rights.effective(PUPIL, at(119)).unwrap();
        assert_eq!((before.can.has(Permission::Draw), before.until), (true, Some(at(120))));
        let after = rights.effective(PUPIL, at(120)).unwrap();
        assert_eq!((after.can.has(Permission::Draw), after.until), (false, None));
    }

    #[test]
    fn p9_a_lock_takes_the_pen_and_its_end_gives_no_more_than_there_was() {
        let rights = rights(vec![rule(Some(PUPIL), RuleSubject::Pen, true)]);
        assert_eq!(rights.effective(PUPIL, at(0)).unwrap().can, Permissions::of(Role::Student, true));
    }

    #[test]
    fn p9_a_flag_is_given_or_taken_and_an_ended_lesson_gives_nothing() {
        let mut rights = rights(vec![
            rule(Some(PUPIL), RuleSubject::Permission(Permission::Clear), true),
            rule(None, RuleSubject::Permission(Permission::Export), false),
        ]);
        let can = rights.effective(PUPIL, at(0)).unwrap().can;
        assert!(can.has(Permission::Clear) && !can.has(Permission::Export));
        rights.live = false;
        assert!(!rights.effective(PUPIL, at(0)).unwrap().can.has(Permission::Clear));
    }

    #[test]
    fn p11_whoever_was_sent_out_has_no_standing_and_nobody_has_one_on_anothers_board() {
        let mut rights = rights(vec![rule(Some(PUPIL), RuleSubject::Enter, false)]);
        assert_eq!(rights.effective(PUPIL, at(0)), None);
        rights.board = BoardAssignment::Pupil(OTHER);
        assert!(rights.effective(OTHER, at(0)).unwrap().can.has(Permission::Clear));
        rights.rules = Arc::default();
        assert_eq!(rights.effective(PUPIL, at(0)), None);
        assert!(rights.effective(TUTOR, at(0)).is_some());
    }

    #[test]
    fn what_has_one_name() {
        for what in
            Permission::ALL.map(RuleSubject::Permission).into_iter().chain([RuleSubject::Pen, RuleSubject::Enter])
        {
            assert_eq!(RuleSubject::from_name(what.name()), Some(what));
        }
        assert_eq!(RuleSubject::from_name("can_fly"), None);
    }
}
