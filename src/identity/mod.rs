//! Who somebody is: access tokens, passwords, ended logins and the cards with people's names.
//! Called by `http` and `ws` for every request and handshake, and by the actors for names on a roster.
//! Never decides what a person may do; that is `domain::access` and the actors.

mod passwords;
mod people;
mod secret;
mod tokens;

pub use passwords::{PasswordError, Passwords};
pub use people::{Card, People, display_name};
pub use secret::{SecretError, load_or_create};
pub use tokens::{Authenticator, Issued, Principal, RefreshToken, TokenError};
