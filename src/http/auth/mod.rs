//! Accounts and logins over REST: register, login, refresh, logout, me (contract/live.md 2).
//! Called by the route table. Never says whether an e-mail address has an account, except to who registers it.

pub(super) mod cookie;
mod shapes;

use actix_web::{HttpRequest, HttpResponse, web};
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use super::{
    Registration, Services,
    audit::AuditContext,
    extract::{Body, ClientOrigin, Signed, SmallBody},
    fields::{Faults, Fields},
    problem::Problem,
};
use crate::identity::{RateLimitKey, RefreshToken};
use m4sh_domain::{
    ids::{LoginId, UserId},
    rate::Scope,
};
use m4sh_store::{Account, CreateAccountError, NewAccount, NewLogin, Rotation};

/// `POST /auth/register/`: makes an account and signs it in.
pub async fn register(
    services: web::Data<Services>,
    from: ClientOrigin,
    trail: AuditContext,
    body: Body<SmallBody>,
) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::Register, from.address)?;
    if services.policy.registration == Registration::Closed {
        return Err(Problem::RegistrationClosed);
    }
    let wanted = shapes::Registering::read(Fields::parse(&body.bytes)?)?;
    let refresh = RefreshToken::generate()?;
    let login =
        NewLogin { id: LoginId(Uuid::now_v7()), refresh: refresh.hash, at: Timestamp::now(), origin: from.origin };
    let new = NewAccount {
        id: UserId(Uuid::now_v7()),
        email: wanted.email,
        password_hash: services.passwords.hash(wanted.password).await?,
        first_name: wanted.first_name,
        last_name: wanted.last_name,
        role: wanted.role,
        login,
    };
    let account = services.store.create_account(&new).await.map_err(|error| match error {
        CreateAccountError::EmailTaken => {
            Problem::Invalid(Faults::one("email", "An account with this e-mail address already exists."))
        }
        CreateAccountError::Store(error) => error.into(),
    })?;
    note(&trail, account.id, new.login.id);
    signed_in(&services, &mut HttpResponse::Created(), &account, new.login.id, &refresh)
}

/// `POST /auth/login/`: unknown e-mail and wrong password take the same work and get the same answer.
pub async fn login(
    services: web::Data<Services>,
    from: ClientOrigin,
    trail: AuditContext,
    body: Body<SmallBody>,
) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::LoginAddress, from.address)?;
    let shapes::Credentials { email, password } = shapes::Credentials::read(Fields::parse(&body.bytes)?)?;
    services.limiter.check(Scope::LoginAccount, RateLimitKey::account(&email))?;
    let known = services.store.account_by_email(&email).await?;
    let stored = known.as_ref().map(|(_, hash)| hash.as_str());
    let matches = services.passwords.matches(password, stored).await?;
    let Some((account, _)) = known.as_ref().filter(|_| matches) else {
        // Whose account it was tried on is worth knowing; what was typed may be a password, so it is not kept.
        known.iter().for_each(|(account, _)| trail.note("account", account.id.to_string()));
        trail.refused("login_refused");
        return Err(Problem::InvalidCredentials);
    };
    let refresh = RefreshToken::generate()?;
    let login =
        NewLogin { id: LoginId(Uuid::now_v7()), refresh: refresh.hash, at: Timestamp::now(), origin: from.origin };
    services.store.open_login(account.id, &login).await?;
    note(&trail, account.id, login.id);
    signed_in(&services, &mut HttpResponse::Ok(), account, login.id, &refresh)
}

/// `POST /auth/refresh/`: exchanges a refresh token, from the body or the cookie, for its successor.
pub async fn refresh(
    services: web::Data<Services>,
    request: HttpRequest,
    from: ClientOrigin,
    trail: AuditContext,
    body: Body<SmallBody>,
) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::Refresh, from.address)?;
    let old = presented(&request, &body.bytes)?.ok_or(Problem::InvalidRefresh)?;
    let new = RefreshToken::generate()?;
    let (login, account) = rotate(&services, &trail, &old, &new).await?.ok_or(Problem::InvalidRefresh)?;
    note(&trail, account.id, login);
    services.people.remember(&account);
    let access = access(&services, &account, login)?;
    Ok(HttpResponse::Ok().cookie(cookie::set(&new.text, services.policy.cookies)).json(json!({
        "access": access.token,
        "refresh": new.text,
        "expires_in": access.life.as_secs(),
    })))
}

/// `POST /auth/logout/`: ends the login of the access token, or of the refresh token when that is all there is.
pub async fn logout(
    services: web::Data<Services>,
    request: HttpRequest,
    trail: AuditContext,
    body: Body<SmallBody>,
) -> Result<HttpResponse, Problem> {
    let signed = Signed::of(&request);
    let ended = match &signed {
        Ok(who) => who.login.map(|login| (login, who.user)),
        Err(_) => match presented(&request, &body.bytes)? {
            // Rotating is how the store tells whose token it is; the successor is told to nobody and dies at once.
            Some(old) => rotate(&services, &trail, &old, &RefreshToken::generate()?)
                .await?
                .map(|(login, account)| (login, account.id)),
            None => None,
        },
    };
    match (ended, signed) {
        (Some((login, user)), _) => {
            services.store.end_login(login, Timestamp::now()).await?;
            services.authenticator.revoke(login);
            note(&trail, user, login);
        }
        // A token of another issuer has no login here that could end.
        (None, Ok(_)) => {}
        (None, Err(problem)) => return Err(problem),
    }
    Ok(HttpResponse::NoContent().cookie(cookie::cleared(services.policy.cookies)).finish())
}

/// `GET /auth/me/`.
pub async fn me(services: web::Data<Services>, Signed(who): Signed) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::ApiUser, who.user)?;
    let account = services.store.account(who.user).await?.filter(|account| !account.disabled);
    let account = account.ok_or_else(|| Problem::Unauthenticated("This account does not exist any more.".into()))?;
    Ok(HttpResponse::Ok().json(shapes::User::from(&account)))
}

/// `GET /auth/usage/`: what one's own objects cost. A quota of 0 is none.
pub async fn usage(services: web::Data<Services>, Signed(who): Signed) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::ApiUser, who.user)?;
    let usage = services.store.usage(who.user).await?;
    let usage = usage.ok_or_else(|| Problem::Unauthenticated("This account does not exist.".into()))?;
    let taken = usage.used.saturating_add(usage.reserved);
    let remaining = (usage.quota > 0).then(|| usage.quota.saturating_sub(taken));
    Ok(HttpResponse::Ok().json(json!({
        "used": usage.used,
        "reserved": usage.reserved,
        "quota": usage.quota,
        "remaining": remaining,
    })))
}

/// The refresh token of a request: the body's, else the cookie's.
fn presented(request: &HttpRequest, body: &[u8]) -> Result<Option<String>, Problem> {
    Ok(shapes::refresh_token(Fields::parse(body)?)?.or_else(|| cookie::read(request)))
}

/// `None` when the token is good for nothing. One that was used before ends its login at once, here and in the store.
async fn rotate(
    services: &Services,
    trail: &AuditContext,
    old: &str,
    new: &RefreshToken,
) -> Result<Option<(LoginId, Account)>, Problem> {
    let rotation = services.store.rotate_refresh(&RefreshToken::hash_of(old), &new.hash, Timestamp::now()).await?;
    match rotation {
        Rotation::Rotated { login, account } => Ok(Some((login, account))),
        Rotation::Replayed { login } => {
            services.authenticator.revoke(login);
            tracing::warn!(%login, "refresh token replayed, its login was ended");
            trail.note("login", login.to_string());
            trail.refused("refresh_replayed");
            Ok(None)
        }
        Rotation::Unknown | Rotation::Expired => Ok(None),
    }
}

/// Whose login it was: no access token says so here.
fn note(trail: &AuditContext, user: UserId, login: LoginId) {
    trail.actor(user);
    trail.note("login", login.to_string());
}

fn access(services: &Services, account: &Account, login: LoginId) -> Result<crate::identity::IssuedToken, Problem> {
    services
        .authenticator
        .issue(account.id, account.role.name(), login, Timestamp::now())
        .map_err(|error| Problem::Internal(error.to_string()))
}

/// The answer of register and login: both tokens, who it is, and the refresh cookie.
fn signed_in(
    services: &Services,
    answer: &mut actix_web::HttpResponseBuilder,
    account: &Account,
    login: LoginId,
    refresh: &RefreshToken,
) -> Result<HttpResponse, Problem> {
    services.people.remember(account);
    let access = access(services, account, login)?;
    Ok(answer.cookie(cookie::set(&refresh.text, services.policy.cookies)).json(json!({
        "access": access.token,
        "refresh": refresh.text,
        "expires_in": access.life.as_secs(),
        "user": shapes::User::from(account),
    })))
}
