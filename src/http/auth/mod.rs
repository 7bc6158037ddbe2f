//! Accounts and logins over REST: register, login, refresh, logout, me (SPEC A).
//! Called by the route table. Never says whether an e-mail address has an account, except to who registers it.

pub(super) mod cookie;
mod shapes;

use actix_web::{HttpRequest, web};
use jiff::Timestamp;
use uuid::Uuid;

use super::{
    RegistrationPolicy, Services,
    audit::AuditContext,
    extract::{ClientOrigin, Signed},
    fields::Faults,
    operation::{
        Area,
        answer::{Created, Json, NoContent, WithCookie},
        argument::{Argument, Call, ExtraRate, ExtraScope},
        body::Body,
        context::Context,
        get, post,
        signature::{Authentication, Signature},
    },
    problem::Problem,
};
use crate::identity::{RateLimitKey, RefreshToken};
use m4sh_domain::{
    ids::{LoginId, UserId},
    rate::Scope,
};
use m4sh_store::{Account, CreateAccountError, EventCategory, NewAccount, NewLogin, Rotation};
use shapes::{
    CredentialsRequest, RefreshRequest, RegistrationRequest, SignedInResponse, TokensResponse, UsageResponse,
    UserResponse,
};

/// Accounts and logins.
pub fn area() -> Area {
    let operations = [
        post("/auth/register", "register", register)
            .about(
                "Make an account",
                "An address is registered once, in whatever case it is written. Answers as a login does.",
            )
            .answers(&["Made, and signed in."])
            .rate(Scope::Register)
            .audit(EventCategory::Account, "registered"),
        post("/auth/login", "login", login)
            .about(
                "Sign in",
                "An unknown address and a wrong password get the same answer in the same time. Attempts are also limited for \
                 each account.",
            )
            .answers(&["Signed in."])
            .example(|| serde_json::json!({"email": "anna@school.example", "password": "correct horse battery"}))
            .errors(&["invalid_credentials"])
            .rate(Scope::LoginAddress)
            .audit(EventCategory::Account, "logged_in"),
        post("/auth/refresh", "refresh", refresh)
            .about(
                "Exchange a refresh token for the next pair",
                "The token comes from the body, else from the cookie `m4sh_refresh`. A token that is shown twice ends its login.",
            )
            .answers(&["Exchanged."])
            .errors(&["invalid_refresh"])
            .rate(Scope::Refresh)
            .audit(EventCategory::Account, "login_refreshed"),
        post("/auth/logout", "logout", logout)
            .about(
                "Sign out",
                "Ends the login of the access token, or of the refresh token when that is all there is; its sockets close.",
            )
            .answers(&["Signed out; the cookie is removed."])
            .audit(EventCategory::Account, "logged_out"),
        get("/auth/me", "me", me)
            .about("Who am I", "")
            .answers(&["The account of the token."])
            .rate(Scope::ApiUser),
        get("/auth/usage", "usage", usage)
            .about("What my boards store", "")
            .answers(&["Bytes."])
            .rate(Scope::ApiUser),
    ];
    Area::new("Accounts", "Making an account, signing in, staying signed in, signing out.", operations)
}

/// Passes where this server takes registrations.
struct OpenRegistration;

impl Argument for OpenRegistration {
    fn describe(signature: &mut Signature) {
        signature.errors.insert("registration_closed");
    }

    async fn take(context: &mut Context) -> Result<Self, Problem> {
        context.spend().await?;
        let is_open = context.services()?.policy.registration == RegistrationPolicy::Open;
        is_open.then_some(Self).ok_or(Problem::RegistrationClosed)
    }
}

/// Makes an account and signs it in.
async fn register(
    services: web::Data<Services>,
    from: ClientOrigin,
    audit: AuditContext,
    _: OpenRegistration,
    Body(wanted): Body<RegistrationRequest>,
) -> Result<WithCookie<Created<SignedInResponse>>, Problem> {
    let refresh = RefreshToken::generate()?;
    let login =
        NewLogin { id: LoginId(Uuid::now_v7()), refresh: refresh.hash, at: Timestamp::now(), origin: from.origin };
    let new = NewAccount {
        id: UserId(Uuid::now_v7()),
        email: wanted.email,
        password_hash: services.passwords.hash(wanted.password).await?,
        first_name: wanted.first_name.unwrap_or_default(),
        last_name: wanted.last_name.unwrap_or_default(),
        role: wanted.role,
        login,
    };
    let account = services.store.create_account(&new).await.map_err(|error| match error {
        CreateAccountError::EmailTaken => {
            Problem::Invalid(Faults::one("email", "An account with this e-mail address already exists."))
        }
        CreateAccountError::Store(error) => error.into(),
    })?;
    note(&audit, account.id, new.login.id);
    let (cookie, body) = signed_in(&services, &account, new.login.id, refresh)?;
    Ok(WithCookie(cookie, Created(body)))
}

/// Attempts on one account, whatever address they come from.
struct PerAccount;

impl ExtraScope for PerAccount {
    const SCOPE: Scope = Scope::LoginAccount;
}

/// An unknown e-mail address and a wrong password take the same work and get the same answer.
async fn login(
    services: web::Data<Services>,
    from: ClientOrigin,
    audit: AuditContext,
    per_account: ExtraRate<PerAccount>,
    Body(CredentialsRequest { email, password }): Body<CredentialsRequest>,
) -> Result<WithCookie<Json<SignedInResponse>>, Problem> {
    per_account.spend(RateLimitKey::account(&email))?;
    let known = services.store.account_by_email(&email).await?;
    let stored = known.as_ref().map(|(_, hash)| hash.as_str());
    let matches = services.passwords.matches(password, stored).await?;
    let Some((account, _)) = known.as_ref().filter(|_| matches) else {
        // Whose account it was tried on is worth knowing; what was typed may be a password, so it is not kept.
        known.iter().for_each(|(account, _)| audit.note("account", account.id.to_string()));
        audit.refused("login_refused");
        return Err(Problem::InvalidCredentials);
    };
    let refresh = RefreshToken::generate()?;
    let login =
        NewLogin { id: LoginId(Uuid::now_v7()), refresh: refresh.hash, at: Timestamp::now(), origin: from.origin };
    services.store.open_login(account.id, &login).await?;
    note(&audit, account.id, login.id);
    let (cookie, body) = signed_in(&services, account, login.id, refresh)?;
    Ok(WithCookie(cookie, Json(body)))
}

/// Exchanges a refresh token, from the body or the cookie, for its successor.
async fn refresh(
    services: web::Data<Services>,
    request: HttpRequest,
    audit: AuditContext,
    Body(RefreshRequest { refresh }): Body<RefreshRequest>,
) -> Result<WithCookie<Json<TokensResponse>>, Problem> {
    let old = refresh.or_else(|| cookie::read(&request)).ok_or(Problem::InvalidRefresh)?;
    let new = RefreshToken::generate()?;
    let (login, account) = rotate(&services, &audit, &old, &new).await?.ok_or(Problem::InvalidRefresh)?;
    note(&audit, account.id, login);
    services.people.remember(&account);
    let access = access(&services, &account, login)?;
    let cookie = cookie::set(&new.text, services.policy.cookies);
    let tokens = TokensResponse { access: access.token, expires_in: access.life.as_secs(), refresh: new.text };
    Ok(WithCookie(cookie, Json(tokens)))
}

/// Whoever shows a good token, or else the refresh token of the body or the cookie.
struct LogoutBy {
    signed: Result<crate::identity::Principal, Problem>,
    refresh: Option<String>,
}

impl Argument for LogoutBy {
    const HAS_BODY: bool = true;

    fn describe(signature: &mut Signature) {
        Body::<RefreshRequest>::describe(signature);
        signature.access = Authentication::Either;
    }

    async fn take(context: &mut Context) -> Result<Self, Problem> {
        context.signed_if_told().await?;
        let signed = Signed::of(&context.request);
        // Whoever shows a token is not asked for another.
        let refresh = match &signed {
            Ok(_) => None,
            Err(_) => Body::<RefreshRequest>::take(context).await?.0.refresh.or_else(|| cookie::read(&context.request)),
        };
        Ok(Self { signed, refresh })
    }
}

/// Ends the login of the access token, or of the refresh token when that is all there is.
async fn logout(
    services: web::Data<Services>,
    audit: AuditContext,
    LogoutBy { signed, refresh }: LogoutBy,
) -> Result<WithCookie<NoContent>, Problem> {
    let ended = match (&signed, refresh) {
        (Ok(who), _) => who.login.map(|login| (login, who.user)),
        // Rotating is how the store tells whose token it is; the successor is told to nobody and dies at once.
        (Err(_), Some(old)) => rotate(&services, &audit, &old, &RefreshToken::generate()?)
            .await?
            .map(|(login, account)| (login, account.id)),
        (Err(_), None) => None,
    };
    match (ended, signed) {
        (Some((login, user)), _) => {
            services.store.end_login(login, Timestamp::now()).await?;
            services.authenticator.revoke(login);
            note(&audit, user, login);
        }
        // A token of another issuer has no login here that could end.
        (None, Ok(_)) => {}
        (None, Err(problem)) => return Err(problem),
    }
    Ok(WithCookie(cookie::cleared(services.policy.cookies), NoContent))
}

async fn me(call: Call) -> Result<Json<UserResponse>, Problem> {
    let account = call.services.store.account(call.user).await?.filter(|account| !account.disabled);
    let account = account.ok_or_else(|| Problem::Unauthenticated("This account does not exist any more.".into()))?;
    Ok(Json(UserResponse::from(&account)))
}

/// What one's own objects cost. A quota of 0 is none.
async fn usage(call: Call) -> Result<Json<UsageResponse>, Problem> {
    let usage = call.services.store.usage(call.user).await?;
    let usage = usage.ok_or_else(|| Problem::Unauthenticated("This account does not exist.".into()))?;
    let taken = usage.used.saturating_add(usage.reserved);
    let remaining = (usage.quota > 0).then(|| usage.quota.saturating_sub(taken));
    Ok(Json(UsageResponse { quota: usage.quota, remaining, reserved: usage.reserved, used: usage.used }))
}

/// `None` when the token is good for nothing. One that was used before ends its login at once, here and in the store.
async fn rotate(
    services: &Services,
    audit: &AuditContext,
    old: &str,
    new: &RefreshToken,
) -> Result<Option<(LoginId, Account)>, Problem> {
    let rotation = services.store.rotate_refresh(&RefreshToken::hash_of(old), &new.hash, Timestamp::now()).await?;
    match rotation {
        Rotation::Rotated { login, account } => Ok(Some((login, account))),
        Rotation::Replayed { login } => {
            services.authenticator.revoke(login);
            tracing::warn!(%login, "refresh token replayed, its login was ended");
            audit.note("login", login.to_string());
            audit.refused("refresh_replayed");
            Ok(None)
        }
        Rotation::Unknown | Rotation::Expired => Ok(None),
    }
}

/// Whose login it was: no access token says so here.
fn note(audit: &AuditContext, user: UserId, login: LoginId) {
    audit.actor(user);
    audit.note("login", login.to_string());
}

fn access(services: &Services, account: &Account, login: LoginId) -> Result<crate::identity::IssuedToken, Problem> {
    services
        .authenticator
        .issue(account.id, account.role.name(), login, Timestamp::now())
        .map_err(|error| Problem::Internal(error.to_string()))
}

/// The answer of register and login: the refresh cookie, both tokens and who it is.
fn signed_in(
    services: &Services,
    account: &Account,
    login: LoginId,
    refresh: RefreshToken,
) -> Result<(actix_web::cookie::Cookie<'static>, SignedInResponse), Problem> {
    services.people.remember(account);
    let access = access(services, account, login)?;
    let cookie = cookie::set(&refresh.text, services.policy.cookies);
    let body = SignedInResponse {
        access: access.token,
        expires_in: access.life.as_secs(),
        refresh: refresh.text,
        user: UserResponse::from(account),
    };
    Ok((cookie, body))
}
