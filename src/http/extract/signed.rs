//! Somebody who is signed in: `Authorization: Bearer <token>`.
//! Called for the handlers' arguments, after the gate of the body.
//! Never looks for a token in a URL or a cookie.

use actix_web::{
    HttpRequest,
    http::header::{AUTHORIZATION, HeaderMap},
};

use crate::{
    http::{audit::AuditContext, problem::Problem},
    identity::Principal,
};

/// Who sent the request.
#[derive(Clone, Debug)]
pub struct Signed(pub Principal);

impl Signed {
    /// Who sent `request`.
    ///
    /// # Errors
    /// 401 without a token, or with one that is not good.
    pub fn of(request: &HttpRequest) -> Result<Principal, Problem> {
        let token = bearer(request.headers()).ok_or_else(Problem::no_credentials)?;
        let who = super::services(request)?.authenticator.verify(token)?;
        AuditContext::of(request).actor(who.user);
        Ok(who)
    }
}

/// The token of the `Authorization` header; the scheme's case does not matter.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    #[test]
    fn a5_a_token_rides_in_a_bearer_header_and_nowhere_else() {
        let of = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, HeaderValue::from_static(text));
            bearer(&headers).map(str::to_owned)
        };
        assert_eq!(of("Bearer abc").as_deref(), Some("abc"));
        assert_eq!(of("bearer  abc ").as_deref(), Some("abc"));
        for wrong in ["abc", "Basic abc", "Bearer", "Bearer ", "JWT abc"] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
        assert_eq!(bearer(&HeaderMap::new()), None);
    }
}
