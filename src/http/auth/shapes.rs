//! The bodies of the account routes: what is read, with every rule, and how an account is shown.
//! Called by the handlers beside it. Never shows a hash or a quota.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::http::operation::{
    body::{Omittable, request},
    names::names,
    schemas::{Email, LoginName, NewPassword, Password, PersonName, RefreshTokenText},
};
use m4sh_store::{Account, AccountRole};

names! {
    /// What an account is for.
    pub AccountRoleName(AccountRole) as "AccountRole" = [AccountRole::Student, AccountRole::Tutor],
        16, "Choose `student` or `tutor`.";
}

request! {
    /// A new account.
    pub struct RegistrationRequest {
        email: Email,
        password: NewPassword,
        first_name: Omittable<PersonName>,
        last_name: Omittable<PersonName>,
        role: AccountRoleName,
    }
}

request! {
    /// Somebody who wants in.
    pub struct CredentialsRequest {
        email: LoginName,
        password: Password,
    }
}

request! {
    /// A refresh token, where the cookie is not used.
    pub struct RefreshRequest {
        refresh: Omittable<RefreshTokenText>,
    }
}

/// An account as its owner sees it.
#[derive(Serialize, ToSchema)]
pub struct UserResponse {
    id: Uuid,
    #[schema(example = "anna@school.example")]
    email: String,
    #[schema(example = "Anna")]
    first_name: String,
    #[schema(example = "Kovalenko")]
    last_name: String,
    role: AccountRoleName,
}

impl From<&Account> for UserResponse {
    fn from(account: &Account) -> Self {
        Self {
            id: account.id.0,
            email: account.email.clone(),
            first_name: account.first_name.clone(),
            last_name: account.last_name.clone(),
            role: AccountRoleName(account.role),
        }
    }
}

/// Somebody who is signed in now. The refresh token also comes as a cookie that scripts cannot read.
#[derive(Serialize, ToSchema)]
pub struct SignedInResponse {
    /// Goes into `Authorization: Bearer …`.
    #[schema(example = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIuLi4ifQ.…")]
    pub access: String,
    /// Life of the access token, in seconds.
    #[schema(minimum = 1, example = 900)]
    pub expires_in: u64,
    /// Good for one use.
    #[schema(example = "3q2-7w9oLJ0b5kqGZzYw4m1nXc8vTtRrEeWwQqAaSsD")]
    pub refresh: String,
    pub user: UserResponse,
}

/// The next pair of tokens.
#[derive(Serialize, ToSchema)]
pub struct TokensResponse {
    #[schema(example = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIuLi4ifQ.…")]
    pub access: String,
    #[schema(minimum = 1, example = 900)]
    pub expires_in: u64,
    #[schema(example = "3q2-7w9oLJ0b5kqGZzYw4m1nXc8vTtRrEeWwQqAaSsD")]
    pub refresh: String,
}

/// What one's objects cost, in bytes.
#[derive(Serialize, ToSchema)]
pub struct UsageResponse {
    /// 0: without a bound.
    #[schema(minimum = 0, example = 5_368_709_120_u64)]
    pub quota: u64,
    /// `null` without a quota.
    #[schema(required = true, minimum = 0, example = 5_368_688_640_u64)]
    pub remaining: Option<u64>,
    /// Of uploads that are under way.
    #[schema(minimum = 0, example = 0)]
    pub reserved: u64,
    #[schema(minimum = 0, example = 20480)]
    pub used: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{fields::Fields, problem::Problem};
    use m4sh_domain::limits::EMAIL_BYTES;

    fn register(body: &str) -> Result<RegistrationRequest, Problem> {
        RegistrationRequest::of(Fields::parse(body.as_bytes())?)
    }

    fn faults(problem: Problem) -> Vec<String> {
        let Problem::Invalid(faults) = problem else { panic!("{problem:?}") };
        faults.iter().map(|(field, _)| field.to_owned()).collect()
    }

    #[test]
    fn a6_a_registration_is_checked_field_by_field_and_all_faults_come_together() {
        let fine = register(r#"{"email":" A@b.example ","password":"long enough","role":"tutor","first_name":"Anna"}"#);
        let fine = fine.unwrap();
        assert_eq!(
            (&*fine.email, fine.first_name.as_deref(), fine.role),
            ("A@b.example", Some("Anna"), AccountRole::Tutor)
        );
        assert_eq!(faults(register("{}").unwrap_err()), ["email", "password", "role"]);
        let many = r#"{"email":"no","password":"short","role":"admin","last_name":7}"#;
        assert_eq!(faults(register(many).unwrap_err()), ["email", "password", "last_name", "role"]);
    }

    #[test]
    fn a6_addresses_that_cannot_be_are_refused() {
        let with = |email: &str| {
            register(&format!(r#"{{"email":{email:?},"password":"long enough","role":"student"}}"#)).map(|r| r.email)
        };
        assert!(with("anna@demo.m4sh").is_ok() && with("ім'я@пошта.укр").is_ok());
        let long = format!("{}@x.y", "a".repeat(EMAIL_BYTES));
        for wrong in ["@x.y", "a@", "a b@x.y", "a@@x.y", "a@x@y", "a@.x", "a@x.", "a", &long] {
            assert!(with(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a8_passwords_are_bounded_and_not_trimmed() {
        let with = |length: usize| {
            let password = " ".repeat(length);
            register(&format!(r#"{{"email":"a@b.c","password":"{password}","role":"student"}}"#))
                .map(|r| r.password.len())
        };
        assert_eq!(with(8).unwrap(), 8);
        assert_eq!(with(256).unwrap(), 256);
        assert!(with(7).is_err() && with(257).is_err());
    }
}
