//! Profiles: what rosters, class lists and rights checks show of an account, cached for a minute.
//! Called by `http` and by sockets as they join, so that a class of 300 that reconnects costs one query a head a minute.
//! Never contains a password, and never decides whether somebody may log in.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use dashmap::DashMap;

use m4sh_domain::ids::UserId;
use m4sh_store::{Account, Store, StoreError};

/// How long a profile may be outdated.
const FRESH: Duration = Duration::from_secs(60);
/// Cached profiles, about 200 bytes each. Beyond it the old ones are removed, then all.
const CARDS: usize = 50_000;

/// The profile of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserProfile {
    /// First and last name; the part of the address before `@` when there is neither.
    pub name: Arc<str>,
    /// The e-mail address: for the person and their tutors.
    pub email: Arc<str>,
    /// `student` or `tutor`: what the account is, not what it is in one class.
    pub role: Arc<str>,
}

impl From<&Account> for UserProfile {
    fn from(account: &Account) -> Self {
        Self {
            name: display_name(&account.first_name, &account.last_name, &account.email).into(),
            email: account.email.as_str().into(),
            role: account.role.name().into(),
        }
    }
}

/// The name that others see; never a whole e-mail address.
#[must_use]
pub fn display_name(first_name: &str, last_name: &str, email: &str) -> String {
    match (first_name.trim(), last_name.trim()) {
        ("", "") => email.split('@').next().unwrap_or(email).to_owned(),
        (first, "") => first.to_owned(),
        ("", last) => last.to_owned(),
        (first, last) => format!("{first} {last}"),
    }
}

/// A read-through cache of profiles. Clones share it.
#[derive(Clone)]
pub struct UserProfiles {
    store: Store,
    cards: Arc<ProfileCache>,
}

impl UserProfiles {
    /// An empty cache.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store, cards: Arc::default() }
    }

    /// The profile of `user`; `None` when there is no such account or it may no longer log in.
    ///
    /// # Errors
    /// The store failed; a fresh profile needs no query.
    pub async fn profile(&self, user: UserId) -> Result<Option<UserProfile>, StoreError> {
        if let Some(card) = self.cards.get(user, Instant::now()) {
            return Ok(Some(card));
        }
        let account = self.store.account(user).await?.filter(|account| !account.disabled);
        // Absence is not cached: an account registered a moment later must be found.
        Ok(account.map(|account| {
            let card = UserProfile::from(&account);
            self.cards.put(user, card.clone(), Instant::now());
            card
        }))
    }

    /// Caches the profile of an account that was just read or created.
    pub fn remember(&self, account: &Account) {
        self.cards.put(account.id, UserProfile::from(account), Instant::now());
    }
}

#[derive(Default)]
struct ProfileCache(DashMap<UserId, (Instant, UserProfile)>);

impl ProfileCache {
    fn get(&self, user: UserId, now: Instant) -> Option<UserProfile> {
        let kept = self.0.get(&user)?;
        (now.saturating_duration_since(kept.0) < FRESH).then(|| kept.1.clone())
    }

    fn put(&self, user: UserId, card: UserProfile, now: Instant) {
        if self.0.len() >= CARDS {
            self.0.retain(|_, kept| now.saturating_duration_since(kept.0) < FRESH);
            if self.0.len() >= CARDS {
                self.0.clear();
            }
        }
        self.0.insert(user, (now, card));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn card(name: &str) -> UserProfile {
        UserProfile { name: name.into(), email: "a@b".into(), role: "student".into() }
    }

    #[test]
    fn a_card_is_given_for_a_minute_and_then_asked_for_again() {
        let (cards, user, now) = (ProfileCache::default(), UserId(Uuid::now_v7()), Instant::now());
        assert_eq!(cards.get(user, now), None);
        cards.put(user, card("Clara"), now);
        assert_eq!(cards.get(user, now + FRESH - Duration::from_millis(1)), Some(card("Clara")));
        assert_eq!(cards.get(user, now + FRESH), None);
    }

    #[test]
    fn the_cards_stay_bounded_and_old_ones_leave_first() {
        let (cards, now) = (ProfileCache::default(), Instant::now());
        for _ in 0..CARDS - 1 {
            cards.put(UserId(Uuid::new_v4()), card("old"), now);
        }
        let young = UserId(Uuid::new_v4());
        cards.put(young, card("young"), now + FRESH / 2);
        cards.put(UserId(Uuid::new_v4()), card("new"), now + FRESH);
        assert_eq!(cards.0.len(), 2);
        assert!(cards.get(young, now + FRESH).is_some());
    }

    #[test]
    fn j7_a_name_never_shows_the_whole_address() {
        assert_eq!(display_name("Clara", "", "c@x.y"), "Clara");
        assert_eq!(display_name(" Clara ", "Novak", "c@x.y"), "Clara Novak");
        assert_eq!(display_name("", " ", "clara@school.example"), "clara");
    }
}
