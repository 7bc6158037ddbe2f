//! Accounts and logins.

use utoipa::{OpenApi, ToSchema};
use uuid::Uuid;

use super::super::words::{Email, LoginName, Password, PersonName, RefreshToken};
use m4sh_domain::limits::SMALL_BODY;
use m4sh_domain::rate::Scope;

const ACCOUNTS: &str = "Accounts";

#[derive(OpenApi)]
#[openapi(
    paths(register, login, refresh, logout, me, usage),
    tags((name = ACCOUNTS, description = "Making an account, signing in, staying signed in, signing out.")),
)]
pub struct Api;

/// A new account.
#[derive(ToSchema)]
struct Registration {
    email: Email,
    password: Password,
    role: AccountRole,
    #[schema(required = false)]
    first_name: PersonName,
    #[schema(required = false)]
    last_name: PersonName,
}

/// What an account is for.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
enum AccountRole {
    Student,
    Tutor,
}

/// Somebody who wants in.
#[derive(ToSchema)]
struct Credentials {
    email: LoginName,
    password: Password,
}

/// A refresh token, where the cookie is not used.
#[derive(ToSchema)]
struct Refresh {
    #[schema(required = false)]
    refresh: RefreshToken,
}

/// An account as its owner sees it.
#[derive(ToSchema)]
struct User {
    id: Uuid,
    #[schema(example = "anna@school.example")]
    email: String,
    #[schema(example = "Anna")]
    first_name: String,
    #[schema(example = "Kovalenko")]
    last_name: String,
    role: AccountRole,
}

/// Somebody who is signed in now. The refresh token also comes as a cookie that scripts cannot read.
#[derive(ToSchema)]
struct SignedIn {
    /// Goes into `Authorization: Bearer …`.
    #[schema(example = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIuLi4ifQ.…")]
    access: String,
    /// Good for one use.
    #[schema(example = "3q2-7w9oLJ0b5kqGZzYw4m1nXc8vTtRrEeWwQqAaSsD")]
    refresh: String,
    /// Life of the access token, in seconds.
    #[schema(minimum = 1, example = 900)]
    expires_in: u64,
    user: User,
}

/// The next pair of tokens.
#[derive(ToSchema)]
struct Tokens {
    #[schema(example = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIuLi4ifQ.…")]
    access: String,
    #[schema(example = "3q2-7w9oLJ0b5kqGZzYw4m1nXc8vTtRrEeWwQqAaSsD")]
    refresh: String,
    #[schema(minimum = 1, example = 900)]
    expires_in: u64,
}

/// What one's objects cost, in bytes.
#[derive(ToSchema)]
struct Usage {
    #[schema(minimum = 0, example = 20480)]
    used: u64,
    /// Of uploads that are under way.
    #[schema(minimum = 0, example = 0)]
    reserved: u64,
    /// 0: without a bound.
    #[schema(minimum = 0, example = 5_368_709_120_u64)]
    quota: u64,
    /// `null` without a quota.
    #[schema(required = true, minimum = 0, example = 5_368_688_640_u64)]
    remaining: Option<u64>,
}

/// Make an account
///
/// An address is registered once, in whatever case it is written. Answers as a login does.
#[utoipa::path(
    post, path = "/api/v1/auth/register/", tag = ACCOUNTS, security(()),
    request_body = Registration,
    responses((status = 201, description = "Made, and signed in.", body = SignedIn)),
    extensions(
        ("x-m4sh-rate" = json!(Scope::Register.name())),
        ("x-m4sh-body-limit" = json!(SMALL_BODY)),
        ("x-m4sh-errors" = json!(["registration_closed"])),
    ),
)]
fn register() {}

/// Sign in
///
/// An unknown address and a wrong password get the same answer in the same time. Attempts are also limited for each account.
#[utoipa::path(
    post, path = "/api/v1/auth/login/", tag = ACCOUNTS, security(()),
    request_body(content = Credentials, example = json!({"email": "anna@school.example", "password": "correct horse battery"})),
    responses((status = 200, description = "Signed in.", body = SignedIn)),
    extensions(
        ("x-m4sh-rate" = json!(Scope::LoginAddress.name())),
        ("x-m4sh-body-limit" = json!(SMALL_BODY)),
        ("x-m4sh-errors" = json!(["invalid_credentials"])),
    ),
)]
fn login() {}

/// Exchange a refresh token for the next pair
///
/// The token comes from the body, else from the cookie `m4sh_refresh`. A token that is shown twice ends its login.
#[utoipa::path(
    post, path = "/api/v1/auth/refresh/", tag = ACCOUNTS, security(()),
    request_body = Option<Refresh>,
    responses((status = 200, description = "Exchanged.", body = Tokens)),
    extensions(
        ("x-m4sh-rate" = json!(Scope::Refresh.name())),
        ("x-m4sh-body-limit" = json!(SMALL_BODY)),
        ("x-m4sh-errors" = json!(["invalid_refresh"])),
    ),
)]
fn refresh() {}

/// Sign out
///
/// Ends the login of the access token, or of the refresh token when that is all there is; its sockets close.
#[utoipa::path(
    post, path = "/api/v1/auth/logout/", tag = ACCOUNTS, security(("bearer" = []), ()),
    request_body = Option<Refresh>,
    responses((status = 204, description = "Signed out; the cookie is removed.")),
    extensions(("x-m4sh-body-limit" = json!(SMALL_BODY))),
)]
fn logout() {}

/// Who am I
#[utoipa::path(
    get, path = "/api/v1/auth/me/", tag = ACCOUNTS,
    responses((status = 200, description = "The account of the token.", body = User)),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name()))),
)]
fn me() {}

/// What my boards store
#[utoipa::path(
    get, path = "/api/v1/auth/usage/", tag = ACCOUNTS,
    responses((status = 200, description = "Bytes.", body = Usage)),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name()))),
)]
fn usage() {}
