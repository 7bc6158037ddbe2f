//! Who somebody is: access tokens, passwords, ended logins, share links, the cards with people's names, and how often
//! each of them may ask.
//! Called by `http` and `ws` for every request and handshake, and by the actors for names on a roster.
//! Never decides what a person may do; that is `domain::access` and the actors.

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
