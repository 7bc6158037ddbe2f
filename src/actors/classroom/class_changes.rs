//! What changed about a class while it was on, whichever way it was changed: roles, rules, isolation. Kept among the
//! lesson's events, so that its history has it in order. Used by the classroom actor when it has read the class again.
//! Never tells anybody: who a change concerns hears it from boards.

use jiff::Timestamp;

use m4sh_domain::access::{Rule, RuleSubject};
use m4sh_domain::classroom::ClassChange;
use m4sh_domain::ids::UserId;
use m4sh_domain::json::{Object, Value};
use m4sh_domain::times;
use m4sh_store::LessonAccess;

/// The differences between how a class was known and how it is, in a fixed order.
pub(super) fn changes(old: &LessonAccess, new: &LessonAccess, now: Timestamp) -> Vec<(ClassChange, Object)> {
    let mut notes = Vec::new();
    let mut people: Vec<UserId> = old.rights.members.keys().chain(new.rights.members.keys()).copied().collect();
    people.sort_unstable();
    people.dedup();
    for user in people {
        let role = new.rights.members.get(&user);
        if old.rights.members.get(&user) != role {
            let role = role.map_or(Value::Null, |role| role.name().into());
            notes.push((ClassChange::Role, Object::from([("user", whom(Some(user))), ("role", role)])));
        }
    }
    let fresh = new.rights.rules.iter().filter(|rule| !old.rights.rules.contains(rule));
    notes.extend(fresh.map(|rule| noted(rule, Some(rule.allowed))));
    // One that was replaced was noted with what took its place, and one that ran out said so when it was made.
    let gone = old.rights.rules.iter().filter(|rule| {
        rule.until.is_none_or(|until| until > now)
            && !new.rights.rules.iter().any(|other| is_about_the_same(rule, other))
    });
    notes.extend(gone.map(|rule| noted(rule, None)));
    if old.isolated != new.isolated {
        notes.push((ClassChange::Isolate, Object::from([("on", new.isolated.into())])));
    }
    notes
}

fn is_about_the_same(one: &Rule, other: &Rule) -> bool {
    (one.session, one.who, one.subject, one.until.is_some())
        == (other.session, other.who, other.subject, other.until.is_some())
}

/// A rule that was made, or (`None`) taken back.
fn noted(rule: &Rule, allowed: Option<bool>) -> (ClassChange, Object) {
    let note = if rule.subject == RuleSubject::Enter { ClassChange::Kick } else { ClassChange::Lock };
    let mut data = Object::from([
        ("what", rule.subject.name().into()),
        ("user", whom(rule.who)),
        ("allowed", allowed.map_or(Value::Null, Value::from)),
    ]);
    if let Some(until) = rule.until.filter(|_| allowed.is_some()) {
        data.insert("until", times::utc_field(until));
    }
    (note, data)
}

fn whom(user: Option<UserId>) -> Value {
    user.map_or(Value::Null, |user| user.to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use m4sh_domain::access::{Rights, Role};
    use m4sh_domain::ids::BoardId;
    use std::sync::Arc;
    use uuid::Uuid;

    const ANN: UserId = UserId(Uuid::from_u128(2));
    const BOB: UserId = UserId(Uuid::from_u128(3));

    fn class(members: &[(UserId, Role)], rules: Vec<Rule>, isolated: bool) -> LessonAccess {
        let members = Arc::new(members.iter().copied().collect());
        let rights = Rights { live: true, members, rules: Arc::new(rules), ..Rights::default() };
        LessonAccess { board: BoardId(Uuid::nil()), isolated, rights, makes_boards: None, others: Vec::new() }
    }

    fn rule(who: Option<UserId>, what: RuleSubject, allowed: bool, until: Option<Timestamp>) -> Rule {
        Rule { session: true, who, subject: what, allowed, until }
    }

    fn shown(notes: Vec<(ClassChange, Object)>) -> Vec<String> {
        let text = |data| String::from_utf8(Value::Object(data).to_canonical()).unwrap();
        notes.into_iter().map(|(note, data)| format!("{note:?} {}", text(data))).collect()
    }

    #[test]
    fn f16_what_changes_about_a_class_is_noted_once() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let later = Timestamp::from_second(1_800_000_060).unwrap();
        let ran_out = rule(Some(ANN), RuleSubject::Pen, true, Some(now));
        let old = class(
            &[(ANN, Role::Student), (BOB, Role::Student)],
            vec![rule(None, RuleSubject::Pen, false, None), ran_out],
            false,
        );
        assert!(changes(&old, &old, now).is_empty());
        let new = class(
            &[(ANN, Role::Assistant)],
            vec![
                rule(Some(BOB), RuleSubject::Enter, false, None),
                rule(Some(ANN), RuleSubject::Pen, false, Some(later)),
            ],
            true,
        );
        let notes = shown(changes(&old, &new, now));
        assert_eq!(
            notes,
            [
                format!(r#"Role {{"role":"assistant","user":"{ANN}"}}"#),
                format!(r#"Role {{"role":null,"user":"{BOB}"}}"#),
                format!(r#"Kick {{"allowed":false,"user":"{BOB}","what":"enter"}}"#),
                format!(
                    r#"Lock {{"allowed":false,"until":"2027-01-15T08:01:00.000000Z","user":"{ANN}","what":"pen"}}"#
                ),
                r#"Lock {"allowed":null,"user":null,"what":"pen"}"#.to_owned(),
                r#"Isolate {"on":true}"#.to_owned(),
            ]
        );
    }
}
