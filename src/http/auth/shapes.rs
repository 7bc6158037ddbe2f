//! The bodies of the account routes: what is read, with every rule, and how an account is shown.
//! Called by the handlers beside it. Never shows a hash or a quota.

use serde::Serialize;

use crate::http::{fields::Fields, problem::Problem};
use m4sh_domain::ids::UserId;
use m4sh_domain::limits::{EMAIL_BYTES, PASSWORD_BYTES, PERSON_NAME_CHARS};
use m4sh_store::{Account, AccountRole};

/// A refresh token has 43 characters.
const REFRESH_BYTES: usize = 128;

/// An account to be made.
#[derive(Debug)]
pub struct Registering {
    pub email: String,
    pub password: String,
    pub first_name: String,
    pub last_name: String,
    pub role: AccountRole,
}

impl Registering {
    /// Reads and checks every field; all faults are answered together.
    pub fn read(mut fields: Fields) -> Result<Self, Problem> {
        let email = email(&mut fields);
        let password = fields.required_secret("password", *PASSWORD_BYTES.end());
        if password.len() < *PASSWORD_BYTES.start() && !fields.has_fault("password") {
            let words =
                format!("This password is too short. It must contain at least {} bytes.", PASSWORD_BYTES.start());
            fields.fault("password", &words);
        }
        let first_name = fields.text("first_name", PERSON_NAME_CHARS).unwrap_or_default();
        let last_name = fields.text("last_name", PERSON_NAME_CHARS).unwrap_or_default();
        let role = fields.required_name("role", 16);
        let role = AccountRole::from_name(&role).unwrap_or_else(|| {
            if !fields.has_fault("role") {
                fields.fault("role", "Choose `student` or `tutor`.");
            }
            AccountRole::Student
        });
        fields.finish()?;
        Ok(Self { email, password, first_name, last_name, role })
    }
}

/// Somebody who wants in.
#[derive(Debug)]
pub struct Credentials {
    pub email: String,
    pub password: String,
}

impl Credentials {
    /// Reads both; neither is judged beyond its size, since a wrong one must look like any other wrong one.
    pub fn read(mut fields: Fields) -> Result<Self, Problem> {
        let email = fields.required_name("email", EMAIL_BYTES);
        let password = fields.required_secret("password", *PASSWORD_BYTES.end());
        fields.finish()?;
        Ok(Self { email, password })
    }
}

/// The body's refresh token; `None` when the body has none.
pub fn refresh_token(mut fields: Fields) -> Result<Option<String>, Problem> {
    let token = fields.name("refresh", REFRESH_BYTES);
    fields.finish()?;
    Ok(token)
}

/// One `@` with something on both sides, and nothing that cannot be in a header: whether mail arrives, only mail tells.
fn email(fields: &mut Fields) -> String {
    let email = fields.required_name("email", EMAIL_BYTES);
    let is_address = |email: &str| {
        email.len() <= EMAIL_BYTES
            && email.split_once('@').is_some_and(|(local, domain)| {
                let fit = |part: &str| !part.is_empty() && !part.contains(|c: char| c == '@' || c.is_whitespace());
                fit(local) && fit(domain) && !domain.starts_with('.') && !domain.ends_with('.')
            })
    };
    if !fields.has_fault("email") && !is_address(&email) {
        fields.fault("email", "Enter a valid email address.");
    }
    email
}

/// An account as its owner sees it.
#[derive(Serialize)]
pub struct User<'a> {
    id: UserId,
    email: &'a str,
    first_name: &'a str,
    last_name: &'a str,
    role: &'static str,
}

impl<'a> From<&'a Account> for User<'a> {
    fn from(account: &'a Account) -> Self {
        Self {
            id: account.id,
            email: &account.email,
            first_name: &account.first_name,
            last_name: &account.last_name,
            role: account.role.name(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn register(body: &str) -> Result<Registering, Problem> {
        Registering::read(Fields::parse(body.as_bytes())?)
    }

    fn faults(problem: Problem) -> Vec<String> {
        let Problem::Invalid(faults) = problem else { panic!("{problem:?}") };
        faults.iter().map(|(field, _)| field.to_owned()).collect()
    }

    #[test]
    fn a6_a_registration_is_checked_field_by_field_and_all_faults_come_together() {
        let fine = register(r#"{"email":" A@b.example ","password":"long enough","role":"tutor","first_name":"Anna"}"#);
        let fine = fine.unwrap();
        assert_eq!((&*fine.email, &*fine.first_name, fine.role), ("A@b.example", "Anna", AccountRole::Tutor));
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
