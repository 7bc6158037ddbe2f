//! Access tokens: signing our own (HS256, with the server's secret) and reading whose a token is.
//! Called when seats are made and by the relay. Never verifies: that is the measured server's work.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;
use uuid::Uuid;

use crate::problem::{Outcome, Problem};

/// Seconds that a token of ours lives: longer than any run.
const LIFE: u64 = 3600;

/// Signs a token for `user`, as another issuer with the same secret would.
///
/// # Errors
/// When the clock stands before 1970.
pub fn sign(secret: &str, user: Uuid, role: &str) -> Outcome<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let claims = json!({
        "sub": user, "user_id": user, "role": role, "iat": now, "exp": now + LIFE, "jti": Uuid::new_v4(),
    });
    let head = URL_SAFE_NO_PAD.encode(br#"{"alg":"HS256","typ":"JWT"}"#);
    let signed = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())
        .map_err(|_| Problem::new("the secret cannot be an HMAC key"))?;
    mac.update(signed.as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
    Ok(format!("{signed}.{signature}"))
}

/// The user a token speaks of (`sub`, else `user_id`), unverified.
pub fn subject(token: &str) -> Option<Uuid> {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: serde_json::Value = serde_json::from_slice(&claims).ok()?;
    let id = claims.get("sub").or_else(|| claims.get("user_id"))?.as_str()?;
    Uuid::try_parse(id).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_user_and_has_three_parts() {
        let user = Uuid::new_v4();
        let token = sign("a secret of the test", user, "student").unwrap();
        assert_eq!(token.split('.').count(), 3);
        assert_eq!(subject(&token), Some(user));
        assert_eq!(subject("not a token"), None);
    }

    #[test]
    fn a_signature_is_the_one_that_rfc_7515_would_give() {
        // Recomputed over the token's own signed part: a wrong key or padding would change it.
        let token = sign("k", Uuid::nil(), "tutor").unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(b"k").unwrap();
        mac.update(signed.as_bytes());
        mac.verify_slice(&URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
    }
}
