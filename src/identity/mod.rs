//! Identity: access tokens, passwords, ended logins, share links, profiles, and the rates
//! of each caller.
//! Called by `http` and `ws` for every request and handshake, and by the actors for names on a roster.
//! Never decides what a person may do; that is `m4sh_domain::access`.

mod hs256;
mod limiter;
mod links;
mod passwords;
mod profiles;
mod proxies;
mod secret;
mod tokens;

pub use limiter::{RateLimitKey, RateLimited, RateLimiter};
pub use links::{LinkSigner, LinkTicket, ShareToken, TicketError};
pub use passwords::{PasswordError, Passwords};
pub use profiles::{UserProfile, UserProfiles, display_name};
pub use proxies::{RequestedHost, TrustedProxies};
pub use secret::{SecretError, load_or_create};
pub use tokens::{Authenticator, IssuedToken, Principal, RefreshToken, TokenError};
