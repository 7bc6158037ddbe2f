//! Tokens of share links and tickets of their visitors, both signed with keys derived from the server's secret.
//! Called by `http` for links and by `ws` in handshakes. Never reads the database: whether a link is active is known to its
//! row (`m4sh_store::links`). Never puts a token into an error or a log (ADR 0018).

use std::{fmt, sync::OnceLock};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use m4sh_domain::ids::{BoardId, LinkId};

/// Bytes of a key, a token before it is written down, and a signature.
const BYTES: usize = 32;
/// Characters of a token: 32 bytes in base64url.
const TOKEN_CHARS: usize = 43;
/// Signed bytes of a ticket: link, board and expiry in seconds.
const SIGNED: usize = 16 + 16 + 8;
/// Characters of a ticket.
const TICKET_CHARS: usize = (SIGNED + BYTES) * 4 / 3;

/// Signs and verifies tokens and tickets. One for the process.
pub struct LinkSigner {
    tokens: SigningKey,
    tickets: SigningKey,
    frontend: String,
    told: OnceLock<Box<dyn Fn(LinkId) + Send + Sync>>,
}

/// A token as its owner sees it; the store has its hash only.
#[derive(Clone, PartialEq, Eq)]
pub struct ShareToken(String);

/// A verified ticket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LinkTicket {
    /// The link, which may have ended.
    pub link: LinkId,
    /// The only board that it is valid for.
    pub board: BoardId,
}

/// Why a ticket is refused; the client requests the public page again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TicketError {
    /// Not a ticket of ours.
    #[error("the ticket is not valid")]
    Invalid,
    /// It has expired.
    #[error("the ticket has expired")]
    Expired,
}

impl LinkSigner {
    /// Keys derived from the server's `secret`, each under a label of its own; `frontend` is the address of the web
    /// application that links point to.
    #[must_use]
    pub fn new(secret: &[u8], frontend: &str) -> Self {
        let frontend = frontend.trim_end_matches('/').to_owned();
        let key = |label: &[u8]| SigningKey::padded(SigningKey::of(secret).sign(&[label]));
        Self {
            tokens: key(b"m4sh share link tokens v1"),
            tickets: key(b"m4sh share link tickets v1"),
            frontend,
            told: OnceLock::new(),
        }
    }

    /// The token of a link: always the same, so that its owner can see it again although it is not stored.
    #[must_use]
    pub fn token(&self, link: LinkId) -> ShareToken {
        ShareToken(URL_SAFE_NO_PAD.encode(self.tokens.sign(&[link.0.as_bytes()])))
    }

    /// The URL of a shared board in the web application.
    #[must_use]
    pub fn url(&self, token: &ShareToken) -> String {
        format!("{}/solo/shared/{}", self.frontend, token.0)
    }

    /// A ticket for `board`, valid until `ends`, in whole seconds.
    #[must_use]
    pub fn ticket(&self, pass: LinkTicket, ends: Timestamp) -> String {
        let mut bytes = Vec::with_capacity(SIGNED + BYTES);
        bytes.extend_from_slice(pass.link.0.as_bytes());
        bytes.extend_from_slice(pass.board.0.as_bytes());
        bytes.extend_from_slice(&ends.as_second().to_be_bytes());
        let signature = self.tickets.sign(&[&bytes]);
        bytes.extend_from_slice(&signature);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Verifies a ticket.
    ///
    /// # Errors
    /// [`TicketError`].
    pub fn read(&self, ticket: &str, now: Timestamp) -> Result<LinkTicket, TicketError> {
        if ticket.len() != TICKET_CHARS {
            return Err(TicketError::Invalid);
        }
        let bytes = URL_SAFE_NO_PAD.decode(ticket).map_err(|_| TicketError::Invalid)?;
        let (signed, signature) = bytes.split_at_checked(SIGNED).ok_or(TicketError::Invalid)?;
        self.tickets.verify(signed, signature)?;
        let (link, rest) = signed.split_at(16);
        let (board, ends) = rest.split_at(16);
        let id = |bytes: &[u8]| Uuid::from_slice(bytes).map_err(|_| TicketError::Invalid);
        let ends = i64::from_be_bytes(ends.try_into().map_err(|_| TicketError::Invalid)?);
        if ends <= now.as_second() {
            return Err(TicketError::Expired);
        }
        Ok(LinkTicket { link: LinkId(id(link)?), board: BoardId(id(board)?) })
    }

    /// Sets the listener for ended links, which closes the sockets of their guests. Set once, by `app`.
    pub fn on_link_ended(&self, told: impl Fn(LinkId) + Send + Sync + 'static) {
        // A second listener would be a mistake of `app`; the first stays.
        let _ = self.told.set(Box::new(told));
    }

    /// Reports that a link has ended; called after the commit.
    pub fn notify_ended(&self, link: LinkId) {
        if let Some(told) = self.told.get() {
            told(link);
        }
    }
}

impl fmt::Debug for LinkSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Links")
    }
}

impl ShareToken {
    /// Parses a token; `None` when it has the wrong form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = text.len() == TOKEN_CHARS
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        fits.then(|| Self(text.to_owned()))
    }

    /// The hash in the store. A token has 256 random bits, so no slow hash is needed.
    #[must_use]
    pub fn hash(&self) -> [u8; BYTES] {
        Sha256::digest(self.0.as_bytes()).into()
    }

    /// The text of the token.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ShareToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(token)")
    }
}

/// A key for HMAC-SHA256, padded to its block, so that it is always valid.
struct SigningKey([u8; 64]);

impl SigningKey {
    /// A key out of a secret of any length.
    fn of(secret: &[u8]) -> Self {
        Self::padded(Sha256::digest(secret).into())
    }

    fn padded(key: [u8; BYTES]) -> Self {
        let mut block = [0; 64];
        block[..BYTES].copy_from_slice(&key);
        Self(block)
    }

    fn mac(&self, parts: &[&[u8]]) -> Hmac<Sha256> {
        let mut mac = <Hmac<Sha256> as KeyInit>::new(&self.0.into());
        parts.iter().for_each(|part| mac.update(part));
        mac
    }

    fn sign(&self, parts: &[&[u8]]) -> [u8; BYTES] {
        self.mac(parts).finalize().into_bytes().into()
    }

    /// In constant time.
    fn verify(&self, signed: &[u8], signature: &[u8]) -> Result<(), TicketError> {
        self.mac(&[signed]).verify_slice(signature).map_err(|_| TicketError::Invalid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    fn links(secret: &[u8]) -> LinkSigner {
        LinkSigner::new(secret, "https://school.example/")
    }

    fn pass() -> LinkTicket {
        LinkTicket { link: LinkId(Uuid::now_v7()), board: BoardId(Uuid::now_v7()) }
    }

    #[test]
    fn l2_a_token_is_derived_has_43_characters_and_is_known_by_its_hash() {
        let (one, two) = (LinkId(Uuid::now_v7()), LinkId(Uuid::now_v7()));
        let token = links(b"secret").token(one);
        assert_eq!(token.as_str().len(), 43);
        assert_eq!(token, links(b"secret").token(one), "its owner sees it again");
        assert_ne!(token, links(b"secret").token(two));
        assert_ne!(token, links(b"another").token(one), "nobody makes it without the secret");
        assert_eq!(ShareToken::parse(token.as_str()).unwrap().hash(), token.hash());
        assert_eq!(format!("{token:?}"), "(token)", "it does not print");
        let url = links(b"secret").url(&token);
        assert_eq!(url, format!("https://school.example/solo/shared/{}", token.as_str()));
        for wrong in ["", "a", &"ä".repeat(22), &"a".repeat(42), &"a".repeat(44), &format!("{}/", "a".repeat(42))] {
            assert_eq!(ShareToken::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn l8_a_ticket_says_its_link_and_board_until_it_ends_and_only_if_it_is_ours() {
        let (links, now, pass) = (links(b"secret"), Timestamp::now(), pass());
        let ticket = links.ticket(pass, now + SignedDuration::from_secs(60));
        assert_eq!(ticket.len(), TICKET_CHARS);
        assert_eq!(links.read(&ticket, now), Ok(pass));
        assert_eq!(links.read(&ticket, now + SignedDuration::from_secs(60)), Err(TicketError::Expired));
        assert_eq!(super::tests::links(b"another").read(&ticket, now), Err(TicketError::Invalid));
        for at in 0..ticket.len() {
            let mut forged = ticket.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).unwrap();
            assert_eq!(links.read(&forged, now), Err(TicketError::Invalid), "character {at}");
        }
        for wrong in ["", "a.b.c", &ticket[1..], &format!("{ticket}A"), &"=".repeat(TICKET_CHARS)] {
            assert_eq!(links.read(wrong, now), Err(TicketError::Invalid));
        }
        assert_eq!(links.read(links.token(pass.link).as_str(), now), Err(TicketError::Invalid), "a token is no ticket");
    }
}
