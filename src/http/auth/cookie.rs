//! The refresh token as a cookie, for pages that keep no secrets of their own.
//! Called by the account handlers. Never readable by a script, never sent by another site's forms.

use actix_web::{
    HttpRequest,
    cookie::{Cookie, SameSite, time},
};

use crate::http::Cookies;
use m4sh_domain::limits::REFRESH_TOKEN_LIFE;

const NAME: &str = "m4sh_refresh";
/// Both mounts of the router.
const PATH: &str = "/api";
/// A refresh token has 43 characters; anything much longer is not ours.
const MAX_BYTES: usize = 128;

/// The cookie that keeps `token` for as long as it lives.
pub fn set(token: &str, cookies: Cookies) -> Cookie<'static> {
    let life = i64::try_from(REFRESH_TOKEN_LIFE.as_secs()).unwrap_or(i64::MAX);
    build(token.to_owned(), time::Duration::seconds(life), cookies)
}

/// The cookie that removes it.
pub fn cleared(cookies: Cookies) -> Cookie<'static> {
    build(String::new(), time::Duration::ZERO, cookies)
}

/// The token that the request's cookie holds.
pub fn read(request: &HttpRequest) -> Option<String> {
    let cookie = request.cookie(NAME)?;
    let token = cookie.value();
    (!token.is_empty() && token.len() <= MAX_BYTES).then(|| token.to_owned())
}

fn build(value: String, age: time::Duration, cookies: Cookies) -> Cookie<'static> {
    Cookie::build(NAME, value)
        .path(PATH)
        .max_age(age)
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(cookies == Cookies::Secure)
        .finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a3_the_refresh_cookie_is_out_of_reach_of_scripts_and_other_sites() {
        let text = set("token", Cookies::Secure).to_string();
        for part in ["m4sh_refresh=token", "HttpOnly", "SameSite=Lax", "Secure", "Path=/api", "Max-Age=2592000"] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(!set("token", Cookies::Plain).to_string().contains("Secure"));
        assert!(cleared(Cookies::Plain).to_string().contains("Max-Age=0"));
    }
}
