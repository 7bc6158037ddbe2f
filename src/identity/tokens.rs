//! Access tokens (HS256) and refresh tokens (random, stored only as a hash), and the logins that were ended early.
//! Called by every signed request and by each socket's handshake, so `verify` touches no database and no lock but a
//! shard's read lock. Never learns a password and never decides what a person may do.

use std::{fmt, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use dashmap::DashMap;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, errors::ErrorKind};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use m4sh_domain::ids::{LoginId, UserId};
use m4sh_domain::limits::{ACCESS_TOKEN_LIFE, TOKEN_BYTES};

/// Tolerated difference of clocks before a token counts as expired, in seconds.
const LEEWAY_SECONDS: u64 = 5;
/// Issuer of our tokens: only in these is `sid` a login of this server.
const ISSUER: &str = "m4sh";
/// Old entries are removed after this many additions.
const SWEEP_EVERY: usize = 1_024;

/// The holder of a valid token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The account.
    pub user: UserId,
    /// The login of the token; `None` for a token of another issuer with the same secret.
    pub login: Option<LoginId>,
    /// Expiry of the token; a socket ends with it.
    pub expires_at: Timestamp,
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a token of ours: wrong form, algorithm, signature or claims.
    #[error("The token is not valid.")]
    Invalid,
    /// It has expired.
    #[error("The token has expired.")]
    Expired,
    /// Its login was ended.
    #[error("This login has ended.")]
    Revoked,
}

/// A fresh access token.
#[derive(Debug)]
pub struct IssuedToken {
    /// The token's text.
    pub token: String,
    /// Its remaining lifetime.
    pub life: Duration,
}

#[derive(Serialize)]
struct IssuedClaims<'a> {
    iss: &'static str,
    sub: UserId,
    role: &'a str,
    sid: LoginId,
    iat: i64,
    exp: i64,
    jti: Uuid,
}

/// The claims that are read.
#[derive(Deserialize)]
struct ReadClaims {
    #[serde(default)]
    sub: Option<SubjectClaim>,
    #[serde(default)]
    user_id: Option<SubjectClaim>,
    #[serde(default)]
    iss: Option<serde_json::Value>,
    #[serde(default)]
    sid: Option<SubjectClaim>,
    #[serde(default)]
    token_type: Option<String>,
    exp: f64,
}

/// A claim that is an id, or any other value of another issuer.
#[derive(Deserialize)]
#[serde(untagged)]
enum SubjectClaim {
    Id(Uuid),
    Other(serde::de::IgnoredAny),
}

impl SubjectClaim {
    fn id(self) -> Option<Uuid> {
        match self {
            Self::Id(id) => Some(id),
            Self::Other(_) => None,
        }
    }
}

/// Verifies and issues access tokens. One for the process; the keys are prepared once.
pub struct Authenticator {
    encoding: EncodingKey,
    decoding: DecodingKey,
    header: Header,
    validation: Validation,
    ended: DashMap<LoginId, Timestamp>,
    added: std::sync::atomic::AtomicUsize,
    told: std::sync::OnceLock<Box<dyn Fn(LoginId) + Send + Sync>>,
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator").field("ended", &self.ended.len()).finish_non_exhaustive()
    }
}

impl Authenticator {
    /// `secret` is the HS256 key; `ended` are the logins ended within the last [`ACCESS_TOKEN_LIFE`], as the store
    /// knows them at start: an access token that outlives its login must be refused after a restart, too. They are
    /// kept as if they ended now, which is longer than needed and never too short.
    #[must_use]
    pub fn new(secret: &[u8], ended: impl IntoIterator<Item = LoginId>) -> Self {
        super::hs256::install();
        let now = Timestamp::now();
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = LEEWAY_SECONDS;
        validation.validate_nbf = true;
        Self {
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
            header: Header::new(Algorithm::HS256),
            validation,
            ended: ended.into_iter().map(|login| (login, now)).collect(),
            added: std::sync::atomic::AtomicUsize::new(0),
            told: std::sync::OnceLock::new(),
        }
    }

    /// Whose token this is.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn verify(&self, token: &str) -> Result<Principal, TokenError> {
        if token.len() > TOKEN_BYTES {
            return Err(TokenError::Invalid);
        }
        let claims = jsonwebtoken::decode::<ReadClaims>(token, &self.decoding, &self.validation)
            .map_err(|error| match error.kind() {
                ErrorKind::ExpiredSignature => TokenError::Expired,
                _ => TokenError::Invalid,
            })?
            .claims;
        // Another issuer signs refresh tokens with the same key; they live for weeks and are no access tokens.
        if claims.token_type.is_some_and(|kind| kind != "access") {
            return Err(TokenError::Invalid);
        }
        let user = claims.sub.or(claims.user_id).and_then(SubjectClaim::id).map(UserId).ok_or(TokenError::Invalid)?;
        // The `sid` of another issuer is no login of this server and would never end here.
        let ours = claims.iss.is_some_and(|issuer| issuer == ISSUER);
        let login = claims.sid.filter(|_| ours).and_then(SubjectClaim::id).map(LoginId);
        if login.is_some_and(|login| self.ended.contains_key(&login)) {
            return Err(TokenError::Revoked);
        }
        Ok(Principal { user, login, expires_at: timestamp(claims.exp) })
    }

    /// An access token of `login` for `user`, as `role` (`student` or `tutor`).
    ///
    /// # Errors
    /// When the claims cannot be serialised.
    pub fn issue(
        &self,
        user: UserId,
        role: &str,
        login: LoginId,
        now: Timestamp,
    ) -> Result<IssuedToken, jsonwebtoken::errors::Error> {
        let iat = now.as_second();
        let exp = iat + i64::try_from(ACCESS_TOKEN_LIFE.as_secs()).unwrap_or(i64::MAX / 2);
        let claims = IssuedClaims { iss: ISSUER, sub: user, role, sid: login, iat, exp, jti: Uuid::new_v4() };
        let token = jsonwebtoken::encode(&self.header, &claims, &self.encoding)?;
        Ok(IssuedToken { token, life: ACCESS_TOKEN_LIFE })
    }

    /// Sets the listener for ended logins, which closes their sockets. Set once, by `app`.
    pub fn on_login_ended(&self, told: impl Fn(LoginId) + Send + Sync + 'static) {
        // A second listener would be a mistake of `app`; the first stays.
        let _ = self.told.set(Box::new(told));
    }

    /// Whether a login was ended, as far as this process remembers.
    #[must_use]
    pub fn has_ended(&self, login: LoginId) -> bool {
        self.ended.contains_key(&login)
    }

    /// Refuses every access token of `login` from now on. The store remembers the same for a restart.
    pub fn revoke(&self, login: LoginId) {
        use std::sync::atomic::Ordering::Relaxed;
        let now = Timestamp::now();
        self.ended.insert(login, now);
        if let Some(told) = self.told.get() {
            told(login);
        }
        if self.added.fetch_add(1, Relaxed) + 1 >= SWEEP_EVERY {
            self.added.store(0, Relaxed);
            self.forget_old(now);
        }
    }

    /// Removes logins whose tokens have all expired.
    pub fn forget_old(&self, now: Timestamp) {
        let horizon = ACCESS_TOKEN_LIFE + Duration::from_secs(LEEWAY_SECONDS);
        let oldest = now.checked_sub(horizon).unwrap_or(Timestamp::MIN);
        self.ended.retain(|_, ended_at| *ended_at >= oldest);
    }
}

/// `exp` may be fractional, and beyond every date.
fn timestamp(seconds: f64) -> Timestamp {
    #[allow(clippy::cast_possible_truncation, reason = "a float beyond i64 saturates, and is clamped next")]
    Timestamp::from_second(seconds as i64).unwrap_or(Timestamp::MAX)
}

/// A refresh token: 32 random bytes for the client, their SHA-256 for the store.
pub struct RefreshToken {
    /// The token of the client.
    pub text: String,
    /// The hash in the store.
    pub hash: [u8; 32],
}

impl RefreshToken {
    /// A new one.
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes)?;
        let text = URL_SAFE_NO_PAD.encode(bytes);
        let hash = Self::hash_of(&text);
        Ok(Self { text, hash })
    }

    /// The hash of a token. It has 256 random bits, so it needs no salt and no slow hash.
    #[must_use]
    pub fn hash_of(text: &str) -> [u8; 32] {
        Sha256::digest(text.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hmac::{Hmac, KeyInit as _, Mac as _};
    use serde_json::json;
    use sha2::Sha512;

    const SECRET: &[u8] = b"a secret of at least thirty-two bytes";

    fn authenticator() -> Authenticator {
        Authenticator::new(SECRET, [])
    }

    fn sign(header: &Header, claims: &serde_json::Value, secret: &[u8]) -> String {
        let part = |json: &str| URL_SAFE_NO_PAD.encode(json);
        let text = format!("{}.{}", part(&serde_json::to_string(header).unwrap()), part(&claims.to_string()));
        let tag = match header.alg {
            Algorithm::HS512 => {
                Hmac::<Sha512>::new_from_slice(secret).unwrap().chain_update(&text).finalize().into_bytes().to_vec()
            }
            _ => Hmac::<Sha256>::new_from_slice(secret).unwrap().chain_update(&text).finalize().into_bytes().to_vec(),
        };
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(tag))
    }

    fn in_a_minute() -> i64 {
        Timestamp::now().as_second() + 60
    }

    #[test]
    fn a5_an_issued_token_names_its_user_and_login() {
        let (user, login) = (UserId(Uuid::now_v7()), LoginId(Uuid::now_v7()));
        let now = Timestamp::now();
        let issued = authenticator().issue(user, "tutor", login, now).unwrap();
        let who = authenticator().verify(&issued.token).unwrap();
        assert_eq!((who.user, who.login), (user, Some(login)));
        assert_eq!(who.expires_at.as_second(), now.as_second() + 15 * 60);
        let payload = issued.token.split('.').nth(1).unwrap();
        let claims: serde_json::Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
        assert_eq!(claims["role"], "tutor");
        assert!(claims["jti"].is_string() && claims["iat"].is_i64());
    }

    #[test]
    fn a5_a_token_of_another_issuer_may_say_user_id_and_brings_no_login() {
        let user = Uuid::now_v7();
        let claims = json!({"user_id": user, "exp": in_a_minute(), "token_type": "access"});
        let who = authenticator().verify(&sign(&Header::default(), &claims, SECRET)).unwrap();
        assert_eq!((who.user, who.login), (UserId(user), None));
    }

    #[test]
    fn w13_the_sid_of_another_issuer_is_no_login_of_ours() {
        let sid = Uuid::now_v7();
        let login = |issuer: serde_json::Value| {
            let claims = json!({"iss": issuer, "sub": Uuid::now_v7(), "sid": sid, "exp": in_a_minute()});
            authenticator().verify(&sign(&Header::default(), &claims, SECRET)).unwrap().login
        };
        assert_eq!(login(json!("m4sh")), Some(LoginId(sid)));
        for other in [json!("school"), json!(null), json!(7), json!(["m4sh"])] {
            assert_eq!(login(other.clone()), None, "{other}");
        }
    }

    #[test]
    fn a5_a_sibling_issuers_refresh_token_does_not_act_as_an_access_token() {
        let claims = json!({"user_id": Uuid::now_v7(), "exp": in_a_minute(), "token_type": "refresh"});
        let token = sign(&Header::default(), &claims, SECRET);
        assert_eq!(authenticator().verify(&token), Err(TokenError::Invalid));
    }

    #[test]
    fn a5_only_hs256_with_our_key_is_accepted() {
        let claims = json!({"sub": Uuid::now_v7(), "exp": in_a_minute()});
        let good = sign(&Header::default(), &claims, SECRET);
        assert!(authenticator().verify(&good).is_ok());

        let longer_hash = sign(&Header::new(Algorithm::HS512), &claims, SECRET);
        let other_key = sign(&Header::default(), &claims, b"another secret of the same length....");
        let payload = good.split('.').nth(1).unwrap();
        let none = format!("{}.{payload}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#));
        let none_capital = format!("{}.{payload}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"None","typ":"JWT"}"#));
        let signature = good.rsplit('.').next().unwrap();
        let stranger = json!({"sub": Uuid::now_v7(), "exp": in_a_minute()}).to_string();
        let tampered = format!("{}.{}.{signature}", good.split('.').next().unwrap(), URL_SAFE_NO_PAD.encode(stranger));
        for bad in
            [&*longer_hash, &other_key, &none, &none_capital, &tampered, "", "..", "a.b.c", &good[..good.len() - 2]]
        {
            assert_eq!(authenticator().verify(bad), Err(TokenError::Invalid), "{bad}");
        }
    }

    #[test]
    fn a5_a_token_must_expire_and_the_leeway_is_five_seconds_at_most() {
        let sub = Uuid::now_v7();
        let forever = sign(&Header::default(), &json!({"sub": sub}), SECRET);
        assert_eq!(authenticator().verify(&forever), Err(TokenError::Invalid));
        let expired = sign(&Header::default(), &json!({"sub": sub, "exp": Timestamp::now().as_second() - 8}), SECRET);
        assert_eq!(authenticator().verify(&expired), Err(TokenError::Expired));
        let text = sign(&Header::default(), &json!({"sub": sub, "exp": "tomorrow"}), SECRET);
        assert_eq!(authenticator().verify(&text), Err(TokenError::Invalid));
    }

    #[test]
    fn a5_a_token_without_a_user_or_over_the_limit_is_refused() {
        for claims in [
            json!({"exp": in_a_minute()}),
            json!({"sub": 7, "exp": in_a_minute()}),
            json!({"sub": null, "exp": in_a_minute()}),
        ] {
            let token = sign(&Header::default(), &claims, SECRET);
            assert_eq!(authenticator().verify(&token), Err(TokenError::Invalid), "{claims}");
        }
        let pad = "x".repeat(TOKEN_BYTES);
        let long = sign(&Header::default(), &json!({"sub": Uuid::now_v7(), "exp": in_a_minute(), "pad": pad}), SECRET);
        assert_eq!(authenticator().verify(&long), Err(TokenError::Invalid));
    }

    #[test]
    fn a4_an_ended_login_is_refused_at_once_and_forgotten_when_no_token_can_name_it() {
        let auth = authenticator();
        let (user, login) = (UserId(Uuid::now_v7()), LoginId(Uuid::now_v7()));
        let token = auth.issue(user, "student", login, Timestamp::now()).unwrap().token;
        assert!(auth.verify(&token).is_ok());
        auth.revoke(login);
        assert_eq!(auth.verify(&token), Err(TokenError::Revoked));
        auth.forget_old(Timestamp::now());
        assert_eq!(auth.verify(&token), Err(TokenError::Revoked));
        auth.forget_old(Timestamp::now() + ACCESS_TOKEN_LIFE + Duration::from_secs(60));
        assert!(auth.ended.is_empty());
    }

    #[test]
    fn a3_refresh_tokens_differ_and_only_their_hash_is_stored() {
        let (one, two) = (RefreshToken::generate().unwrap(), RefreshToken::generate().unwrap());
        assert_eq!(one.text.len(), 43);
        assert_ne!(one.text, two.text);
        assert_eq!(RefreshToken::hash_of(&one.text), one.hash);
    }
}
