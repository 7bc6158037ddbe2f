//! Accounts and logins.

use std::time::Duration;

use super::*;
use crate::{CreateAccountError, Rotation, testing::TestDatabase};
use m4sh_domain::limits;

#[tokio::test]
async fn a1_an_address_belongs_to_one_account_in_whatever_case() {
    let database = TestDatabase::new().await;
    let store = database.store().await;
    let made = store.create_account(&account("Ada@Example.org")).await.unwrap();
    assert_eq!((made.email.as_str(), made.quota_bytes), ("Ada@Example.org", limits::DEFAULT_QUOTA_BYTES));

    let again = store.create_account(&account("ada@example.ORG")).await;
    assert!(matches!(again, Err(CreateAccountError::EmailTaken)), "{again:?}");
    let counts =
        "SELECT (SELECT count(*) FROM account), (SELECT count(*) FROM node), (SELECT count(*) FROM auth_session),
        (SELECT count(*) FROM event)";
    let counts = database.client().await.query_one(counts, &[]).await.unwrap();
    assert_eq!([0, 1, 2, 3].map(|column| counts.get::<_, i64>(column)), [1, 1, 1, 0]);

    let (found, hash) = store.account_by_email("ADA@example.org").await.unwrap().unwrap();
    assert_eq!((&found, hash.as_str()), (&made, "$argon2id$…"));
    assert_eq!(store.account(made.id).await.unwrap(), Some(made.clone()));
    assert!(store.set_password_hash(made.id, "$new").await.unwrap());
    assert_eq!(store.account_by_email("ada@example.org").await.unwrap().unwrap().1, "$new");
    assert!(!store.set_password_hash(UserId(Uuid::now_v7()), "$new").await.unwrap());
    assert_eq!(store.account_by_email("eve@example.org").await.unwrap(), None);
}

#[tokio::test]
async fn a1_of_two_registrations_at_once_with_one_address_one_is_made() {
    let database = TestDatabase::new().await;
    let store = database.store().await;
    let (one, two) = (account("ada@example.org"), account("ADA@example.org"));
    let (one, two) = tokio::join!(store.create_account(&one), store.create_account(&two));
    assert!(one.is_ok() != two.is_ok());
    assert!(matches!(one.and(two), Err(CreateAccountError::EmailTaken)));
}

#[tokio::test]
async fn a3_a_refresh_token_is_exchanged_once_and_its_replay_ends_the_family() {
    let database = TestDatabase::new().await;
    let store = database.store().await;
    let new = account("ada@example.org");
    let made = store.create_account(&new).await.unwrap();
    let (first, second, third) = (new.login.refresh, token(), token());

    let rotated = store.rotate_refresh(&first, &second, at(60)).await.unwrap();
    assert_eq!(rotated, Rotation::Rotated { login: new.login.id, account: made });
    let rotated = store.rotate_refresh(&second, &third, at(120)).await.unwrap();
    assert!(matches!(rotated, Rotation::Rotated { .. }));
    assert_eq!(store.logins_ended_since(at(0)).await.unwrap(), []);

    let replayed = store.rotate_refresh(&first, &token(), at(180)).await.unwrap();
    assert_eq!(replayed, Rotation::Replayed { login: new.login.id });
    assert_eq!(store.logins_ended_since(at(180)).await.unwrap(), [new.login.id]);
    assert_eq!(store.logins_ended_since(at(181)).await.unwrap(), []);
    assert_eq!(store.rotate_refresh(&third, &token(), at(190)).await.unwrap(), Rotation::Unknown);
    assert_eq!(store.rotate_refresh(&token(), &token(), at(190)).await.unwrap(), Rotation::Unknown);
}

#[tokio::test]
async fn a3_of_many_exchanges_of_one_token_at_once_exactly_one_succeeds() {
    let database = TestDatabase::new().await;
    let store = database.store().await;
    for round in 0..10 {
        let new = account(&format!("{round}@example.org"));
        store.create_account(&new).await.unwrap();
        let rotations: Vec<_> = (0..4)
            .map(|_| {
                let (store, old) = (store.clone(), new.login.refresh);
                tokio::spawn(async move { store.rotate_refresh(&old, &token(), at(60)).await.unwrap() })
            })
            .collect();
        let mut good = 0;
        for rotation in rotations {
            match rotation.await.unwrap() {
                Rotation::Rotated { .. } => good += 1,
                other => assert_eq!(other, Rotation::Replayed { login: new.login.id }),
            }
        }
        assert_eq!(good, 1);
        assert!(store.logins_ended_since(at(0)).await.unwrap().contains(&new.login.id));
    }
}

#[tokio::test]
async fn a3_an_old_token_expires_and_each_rotation_starts_its_life_anew() {
    let database = TestDatabase::new().await;
    let store = database.store().await;
    let new = account("ada@example.org");
    store.create_account(&new).await.unwrap();
    let life = limits::REFRESH_TOKEN_LIFE;
    let second = token();
    let late = at(0) + life - Duration::from_secs(1);
    assert!(matches!(store.rotate_refresh(&new.login.refresh, &second, late).await.unwrap(), Rotation::Rotated { .. }));
    let too_late = late + life;
    assert_eq!(store.rotate_refresh(&second, &token(), too_late).await.unwrap(), Rotation::Expired);
    // Whoever shows the first one now proves nothing any more.
    assert_eq!(store.rotate_refresh(&new.login.refresh, &token(), too_late).await.unwrap(), Rotation::Expired);
    assert_eq!(store.logins_ended_since(at(0)).await.unwrap(), []);
}

#[tokio::test]
async fn a4_a_logout_ends_its_login_once_and_a_disabled_account_refreshes_no_more() {
    let database = TestDatabase::new().await;
    let store = database.store().await;
    let new = account("ada@example.org");
    let ada = store.create_account(&new).await.unwrap().id;
    let (second, third) = (login(), login());
    store.open_login(ada, &second).await.unwrap();
    store.open_login(ada, &third).await.unwrap();

    assert!(store.end_login(second.id, at(5)).await.unwrap());
    assert!(!store.end_login(second.id, at(6)).await.unwrap());
    assert_eq!(store.rotate_refresh(&second.refresh, &token(), at(7)).await.unwrap(), Rotation::Unknown);
    assert!(matches!(
        store.rotate_refresh(&new.login.refresh, &token(), at(7)).await.unwrap(),
        Rotation::Rotated { .. }
    ));

    database.client().await.execute("UPDATE account SET disabled_at = now()", &[]).await.unwrap();
    assert_eq!(store.rotate_refresh(&third.refresh, &token(), at(8)).await.unwrap(), Rotation::Unknown);
    assert_eq!(store.account_by_email("ada@example.org").await.unwrap(), None);
    assert!(store.account(ada).await.unwrap().unwrap().disabled);

    let mut ended = store.end_logins_of(ada, at(9)).await.unwrap();
    ended.sort();
    let mut expected = [new.login.id, third.id];
    expected.sort();
    assert_eq!(ended, expected);
    assert_eq!(store.logins_ended_since(at(0)).await.unwrap()[0], second.id);
}
