//! Changes of others' rights: who may make them, and which rules they become. Called by the classroom actor and by
//! `http`. Never writes anything: it returns edits, and the caller stores them.

use jiff::{SignedDuration, Timestamp};

use super::{Permission, Permissions, Rights, Role, Rule, RuleSubject};
use crate::ids::UserId;
use crate::refusal::{Refusal, RefusalCode};

/// Whom a change is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChangeTarget {
    /// Everybody who neither leads nor assists, including those who join later.
    Everybody,
    /// One member.
    One(UserId),
}

impl ChangeTarget {
    /// The member, when it is one.
    #[must_use]
    pub const fn user(self) -> Option<UserId> {
        match self {
            Self::Everybody => None,
            Self::One(user) => Some(user),
        }
    }
}

/// A requested change of rights.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RightsChange {
    /// Locks a pen or unlocks it.
    Lock {
        /// Whose pen.
        whom: ChangeTarget,
        /// Locked or unlocked.
        locked: bool,
        /// For this lesson, or for every lesson of the class.
        session: bool,
        /// Duration; afterwards the earlier rule applies again.
        seconds: Option<u32>,
    },
    /// Grants or denies single permissions.
    Permissions {
        /// Whose permissions.
        whom: ChangeTarget,
        /// Each permission once; `None` removes its rules, so that the role decides again.
        flags: Vec<(Permission, Option<bool>)>,
        /// For this lesson, or for every lesson of the class.
        session: bool,
        /// Duration.
        seconds: Option<u32>,
    },
    /// Changes a member's role in the class.
    Role {
        /// Whose role.
        user: UserId,
        /// The new role.
        role: Role,
    },
    /// Removes somebody from a lesson, or admits them again.
    Kick {
        /// Who.
        user: UserId,
        /// Removed or admitted.
        on: bool,
    },
}

/// Why somebody's rights may have changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "each is its name on the wire")]
pub enum AccessCause {
    Role,
    Rights,
    Lock,
    Kick,
    Isolated,
    Boards,
    Groups,
    /// A rule ran out.
    TimeOver,
    /// The lesson is over.
    Ended,
}

impl AccessCause {
    /// The `why` of a `can` frame.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Role => "role",
            Self::Rights => "rights",
            Self::Lock => "lock",
            Self::Kick => "kick",
            Self::Isolated => "isolated",
            Self::Boards => "boards",
            Self::Groups => "groups",
            Self::TimeOver => "time_over",
            Self::Ended => "ended",
        }
    }
}

/// Why a change is denied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChangeDenied {
    /// The requester lacks this permission.
    Needs(Permission),
    /// No rule applies to those who lead, and only those who lead make rules about assistants.
    Above,
    /// Nobody changes their own rights: they could not undo it.
    Yourself,
    /// Nobody of that id is in the class.
    NotAMember,
    /// No rule grants this permission to somebody of that role.
    Ceiling(Permission),
    /// The tutor who created the class stays its tutor.
    OwnerStays,
}

impl ChangeDenied {
    /// A sentence for people.
    #[must_use]
    pub const fn detail(self) -> &'static str {
        match self {
            Self::Needs(Permission::Lock) => "This needs can_lock.",
            Self::Needs(Permission::Kick) => "This needs can_kick.",
            Self::Needs(_) => "This needs can_manage.",
            Self::Above => "Rules do not reach those who lead, and those who assist only from those who lead.",
            Self::Yourself => "Nobody changes their own rights.",
            Self::NotAMember => "Nobody of that id is in this class.",
            Self::Ceiling(_) => "No rule can give this to somebody of that role.",
            Self::OwnerStays => "The tutor who made this classroom stays its tutor.",
        }
    }
}

impl From<ChangeDenied> for Refusal {
    fn from(denied: ChangeDenied) -> Self {
        let code = match denied {
            ChangeDenied::NotAMember => RefusalCode::UnknownUser,
            ChangeDenied::Ceiling(_) => RefusalCode::NotGrantable,
            ChangeDenied::Needs(_) | ChangeDenied::Above | ChangeDenied::Yourself | ChangeDenied::OwnerStays => {
                RefusalCode::Forbidden
            }
        };
        Self::new(code, denied.detail())
    }
}

/// One edit of the stored rules.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RuleEdit {
    /// This rule replaces one about the same subject with or without an end.
    Set(Rule),
    /// Removes rules about this subject, with or without an end.
    Clear {
        /// The lesson's own rules, or its class's.
        session: bool,
        /// Whose rules; `None` is the rule for everybody, not each person's own.
        who: Option<UserId>,
        /// The subject.
        what: RuleSubject,
    },
    /// Removes all rules about this subject.
    ClearAll {
        /// The lesson's own rules, or its class's.
        session: bool,
        /// The subject.
        what: RuleSubject,
    },
}

impl RightsChange {
    /// The permission that it needs.
    #[must_use]
    pub const fn needs(&self) -> Permission {
        match self {
            Self::Lock { .. } => Permission::Lock,
            Self::Kick { .. } => Permission::Kick,
            Self::Permissions { .. } | Self::Role { .. } => Permission::Manage,
        }
    }

    /// What it is to those whom it concerns.
    #[must_use]
    pub const fn cause(&self) -> AccessCause {
        match self {
            Self::Lock { .. } => AccessCause::Lock,
            Self::Permissions { .. } => AccessCause::Rights,
            Self::Role { .. } => AccessCause::Role,
            Self::Kick { .. } => AccessCause::Kick,
        }
    }

    /// Whether every lesson of the class must be informed.
    #[must_use]
    pub const fn is_class_wide(&self) -> bool {
        matches!(self, Self::Role { .. } | Self::Permissions { session: false, .. } | Self::Lock { session: false, .. })
    }

    /// Whether `by` may make this change.
    ///
    /// # Errors
    /// [`ChangeDenied`].
    pub fn authorize(&self, by: UserId, rights: &Rights, now: Timestamp) -> Result<(), ChangeDenied> {
        let needed = self.needs();
        let standing = rights.effective(by, now).filter(|standing| standing.can.has(needed));
        let standing = standing.ok_or(ChangeDenied::Needs(needed))?;
        let whom = match self {
            Self::Lock { whom, .. } | Self::Permissions { whom, .. } => whom.user(),
            Self::Role { user, .. } | Self::Kick { user, .. } => Some(*user),
        };
        let role = match whom {
            None => Role::Student,
            Some(user) if user == by => return Err(ChangeDenied::Yourself),
            Some(user) => *rights.members.get(&user).ok_or(ChangeDenied::NotAMember)?,
        };
        let reaches = match self {
            // A tutor may get another role; the store knows which of them created the class.
            Self::Role { .. } => true,
            _ => !role.leads() && (!role.sees_all() || standing.role.leads()),
        };
        if !reaches {
            return Err(ChangeDenied::Above);
        }
        let Self::Permissions { flags, .. } = self else { return Ok(()) };
        let beyond =
            flags.iter().find(|(flag, allowed)| *allowed == Some(true) && !Permissions::grantable(role).has(*flag));
        beyond.map_or(Ok(()), |(flag, _)| Err(ChangeDenied::Ceiling(*flag)))
    }

    /// The edits that it becomes at `now`; none for a change of role, which is not a rule.
    #[must_use]
    pub fn rule_edits(&self, now: Timestamp) -> Vec<RuleEdit> {
        match self {
            Self::Lock { whom, locked, session, seconds } => lock(*whom, *locked, *session, ends(*seconds, now)),
            Self::Permissions { whom, flags, session, seconds } => {
                let (who, until, session) = (whom.user(), ends(*seconds, now), *session);
                let edit = |(flag, allowed): &(Permission, Option<bool>)| {
                    let what = RuleSubject::Permission(*flag);
                    let clear = RuleEdit::Clear { session, who, what };
                    let set =
                        allowed.map(|allowed| RuleEdit::Set(Rule { session, who, subject: what, allowed, until }));
                    // A rule without an end is final: earlier timed rules do not outlive it.
                    (set.is_none() || until.is_none()).then_some(clear).into_iter().chain(set)
                };
                flags.iter().flat_map(edit).collect()
            }
            Self::Role { .. } => Vec::new(),
            Self::Kick { user, on } => {
                let (session, who, what) = (true, Some(*user), RuleSubject::Enter);
                let out = RuleEdit::Set(Rule { session, who, subject: what, allowed: false, until: None });
                let clear = RuleEdit::Clear { session, who, what };
                if *on { vec![clear, out] } else { vec![clear] }
            }
        }
    }
}

fn ends(seconds: Option<u32>, now: Timestamp) -> Option<Timestamp> {
    let ends = |seconds: u32| now.checked_add(SignedDuration::from_secs(i64::from(seconds))).unwrap_or(Timestamp::MAX);
    seconds.map(ends)
}

/// A lock for everybody without an end replaces each single lock; one with an end stands beside the earlier rules,
/// which apply again afterwards.
fn lock(whom: ChangeTarget, locked: bool, session: bool, until: Option<Timestamp>) -> Vec<RuleEdit> {
    let (who, what) = (whom.user(), RuleSubject::Pen);
    let set = RuleEdit::Set(Rule { session, who, subject: what, allowed: !locked, until });
    match (whom, until) {
        (_, Some(_)) => vec![set],
        (ChangeTarget::Everybody, None) => vec![RuleEdit::ClearAll { session, what }, set],
        (ChangeTarget::One(_), None) => vec![RuleEdit::Clear { session, who, what }, set],
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::access::BoardAssignment;

    const TUTOR: UserId = UserId(uuid::Uuid::from_u128(1));
    const HELPER: UserId = UserId(uuid::Uuid::from_u128(2));
    const PUPIL: UserId = UserId(uuid::Uuid::from_u128(3));
    const OTHER: UserId = UserId(uuid::Uuid::from_u128(4));
    const STRANGER: UserId = UserId(uuid::Uuid::from_u128(5));

    fn now() -> Timestamp {
        Timestamp::from_second(1_000).unwrap()
    }

    fn class() -> Rights {
        let members =
            [(TUTOR, Role::Tutor), (HELPER, Role::Assistant), (PUPIL, Role::Student), (OTHER, Role::Student)].into();
        Rights { live: true, members: Arc::new(members), rules: Arc::default(), board: BoardAssignment::Everybody }
    }

    fn lock_of(user: UserId) -> RightsChange {
        RightsChange::Lock { whom: ChangeTarget::One(user), locked: true, session: true, seconds: None }
    }

    fn give(user: UserId, flag: Permission) -> RightsChange {
        RightsChange::Permissions {
            whom: ChangeTarget::One(user),
            flags: vec![(flag, Some(true))],
            session: true,
            seconds: None,
        }
    }

    /// The rules after a change, as the store would keep them.
    fn made(rights: &mut Rights, change: &RightsChange) {
        let kept = Arc::make_mut(&mut rights.rules);
        for edit in change.rule_edits(now()) {
            match edit {
                RuleEdit::Set(rule) => {
                    kept.retain(|old| {
                        (old.session, old.who, old.subject, old.until.is_some())
                            != (rule.session, rule.who, rule.subject, rule.until.is_some())
                    });
                    kept.push(rule);
                }
                RuleEdit::Clear { session, who, what } => {
                    kept.retain(|old| (old.session, old.who, old.subject) != (session, who, what));
                }
                RuleEdit::ClearAll { session, what } => {
                    kept.retain(|old| (old.session, old.subject) != (session, what));
                }
            }
        }
    }

    #[test]
    fn p12_whoever_has_the_flag_changes_those_below_them_and_nobody_themselves() {
        let class = class();
        let judge = |by, change: &RightsChange| change.authorize(by, &class, now());
        assert_eq!(judge(TUTOR, &lock_of(PUPIL)), Ok(()));
        assert_eq!(judge(HELPER, &lock_of(PUPIL)), Ok(()));
        assert_eq!(judge(TUTOR, &lock_of(HELPER)), Ok(()));
        assert_eq!(judge(HELPER, &lock_of(HELPER)), Err(ChangeDenied::Yourself));
        assert_eq!(judge(HELPER, &lock_of(TUTOR)), Err(ChangeDenied::Above));
        assert_eq!(judge(TUTOR, &lock_of(STRANGER)), Err(ChangeDenied::NotAMember));
        assert_eq!(judge(PUPIL, &lock_of(OTHER)), Err(ChangeDenied::Needs(Permission::Lock)));
        assert_eq!(judge(STRANGER, &lock_of(OTHER)), Err(ChangeDenied::Needs(Permission::Lock)));
        assert_eq!(
            judge(HELPER, &RightsChange::Kick { user: PUPIL, on: true }),
            Err(ChangeDenied::Needs(Permission::Kick))
        );
        let role = |user| RightsChange::Role { user, role: Role::Viewer };
        assert_eq!(judge(TUTOR, &role(TUTOR)), Err(ChangeDenied::Yourself));
        assert_eq!(judge(TUTOR, &role(HELPER)), Ok(()));
        assert_eq!(judge(HELPER, &role(PUPIL)), Err(ChangeDenied::Needs(Permission::Manage)));
    }

    #[test]
    fn p13_no_rule_gives_a_pupil_what_leads_a_class() {
        let mut class = class();
        for flag in Permission::ALL {
            let allowed = give(PUPIL, flag).authorize(TUTOR, &class, now());
            let work = flag.is_pen() || flag == Permission::Export;
            assert_eq!(allowed, if work { Ok(()) } else { Err(ChangeDenied::Ceiling(flag)) }, "{}", flag.name());
        }
        assert_eq!(
            give(HELPER, Permission::Manage).authorize(TUTOR, &class, now()),
            Err(ChangeDenied::Ceiling(Permission::Manage))
        );
        assert_eq!(give(HELPER, Permission::Kick).authorize(TUTOR, &class, now()), Ok(()));
        // A row that was written otherwise, or before its person's role was another, gives no more.
        made(&mut class, &give(PUPIL, Permission::Manage));
        assert!(!class.effective(PUPIL, now()).unwrap().can.has(Permission::Manage));
    }

    #[test]
    fn p12_a_lock_for_all_is_the_last_word_and_one_with_an_end_stands_beside_it() {
        let mut class = class();
        let locked = |class: &Rights, user, second: i64| {
            class.effective(user, Timestamp::from_second(1_000 + second).unwrap()).unwrap().locked
        };
        let all = |locked| RightsChange::Lock { whom: ChangeTarget::Everybody, locked, session: true, seconds: None };
        let pen =
            RightsChange::Lock { whom: ChangeTarget::One(PUPIL), locked: false, session: true, seconds: Some(120) };
        made(&mut class, &all(true));
        made(&mut class, &pen);
        assert!(!locked(&class, PUPIL, 119) && locked(&class, OTHER, 119), "the pen for two minutes");
        assert!(locked(&class, PUPIL, 120), "and then holds again what held before");
        made(&mut class, &all(true));
        assert!(locked(&class, PUPIL, 0));
        made(&mut class, &lock_of(OTHER));
        made(&mut class, &all(false));
        assert!(!locked(&class, OTHER, 0) && !locked(&class, PUPIL, 0));
    }

    #[test]
    fn p12_a_flag_without_a_rule_is_the_roles_again() {
        let mut class = class();
        made(&mut class, &give(PUPIL, Permission::Clear));
        assert!(class.effective(PUPIL, now()).unwrap().can.has(Permission::Clear));
        let whom = ChangeTarget::One(PUPIL);
        let null =
            RightsChange::Permissions { whom, flags: vec![(Permission::Clear, None)], session: true, seconds: None };
        made(&mut class, &null);
        assert!(class.rules.is_empty());
    }
}
