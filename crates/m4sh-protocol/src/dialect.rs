//! The dialects of the socket and how a client asks for one, together with its token.
//! Called by `ws` at the handshake. Never checks a token.

m4sh_domain::named_enum! {
    /// How frames are written on one socket (SPEC W, J9).
    pub enum Dialect {
        /// The full protocol as JSON text.
        Json = "m4sh.json",
        /// The full protocol as MessagePack, with the same keys.
        MsgPack = "m4sh.msgpack",
        /// The v0.31 presence protocol, JSON text.
        Presence = "m4sh.presence",
    }
}

impl Dialect {
    /// Whether this is one of the two that carry operations.
    #[must_use]
    pub const fn is_full(self) -> bool {
        !matches!(self, Self::Presence)
    }
}

/// What a visitor without an account shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LinkCredential {
    /// The share link's token: `share.<token>`.
    Token(String),
    /// The ticket of its public page: `view.<ticket>`.
    Ticket(String),
}

/// What a `Sec-WebSocket-Protocol` header asked for.
#[derive(PartialEq, Eq, Debug, Default)]
pub struct SubprotocolOffer {
    /// The first dialect named, if any.
    pub dialect: Option<Dialect>,
    /// The token that rode in the list, in any of the accepted forms (SPEC W2).
    pub token: Option<String>,
    /// The token of a share link, or a ticket for one, that rode in the list.
    pub link: Option<LinkCredential>,
    /// What the answer must echo: a browser fails the connection when it offered names and none comes back.
    pub echo: Option<String>,
}

impl SubprotocolOffer {
    /// Reads the list: `m4sh.json`, `bearer.<jwt>`, `share.<token>`, `view.<ticket>`; the pairs `access_token, <jwt>`, `jwt, <jwt>`, `bearer, <jwt>`;
    /// or a lone three-part JWT.
    #[must_use]
    pub fn read<'a>(headers: impl Iterator<Item = &'a str>) -> Self {
        let names: Vec<&str> =
            headers.flat_map(|list| list.split(',')).map(str::trim).filter(|n| !n.is_empty()).collect();
        let mut offer = Self::default();
        let mut marker = None;
        let mut names_left = names.iter().copied().peekable();
        while let Some(name) = names_left.next() {
            if let Some(dialect) = Dialect::ALL.into_iter().find(|dialect| dialect.name() == name) {
                offer.dialect.get_or_insert(dialect);
            } else if let Some(token) = name.strip_prefix("bearer.") {
                offer.token.get_or_insert_with(|| token.to_owned());
            } else if let Some(token) = name.strip_prefix("share.") {
                offer.link.get_or_insert_with(|| LinkCredential::Token(token.to_owned()));
            } else if let Some(ticket) = name.strip_prefix("view.") {
                offer.link.get_or_insert_with(|| LinkCredential::Ticket(ticket.to_owned()));
            } else if matches!(name, "access_token" | "jwt" | "bearer") {
                marker.get_or_insert(name);
                if let Some(token) = names_left.next_if(|next| is_jwt(next)) {
                    offer.token.get_or_insert_with(|| token.to_owned());
                }
            } else if names.len() == 1 && is_jwt(name) {
                offer.token = Some(name.to_owned());
            }
        }
        // The token itself is echoed only when the client offered nothing else.
        offer.echo = offer
            .dialect
            .map(|dialect| dialect.name().to_owned())
            .or_else(|| marker.map(str::to_owned))
            .or_else(|| names.iter().find(|name| !is_secret(name)).map(|n| (*n).to_owned()))
            .or_else(|| names.first().map(|n| (*n).to_owned()));
        offer
    }
}

fn is_secret(name: &str) -> bool {
    ["bearer.", "share.", "view."].iter().any(|prefix| name.starts_with(prefix)) || is_jwt(name)
}

fn is_jwt(text: &str) -> bool {
    text.split('.').count() == 3 && text.len() > 20
}

#[cfg(test)]
mod tests {
    use super::*;

    const JWT: &str = "eyJhbGciOi.eyJzdWIiOiIx.c2lnbmF0dXJl";

    fn read(list: &str) -> (Option<Dialect>, Option<String>, Option<String>) {
        let offer = SubprotocolOffer::read([list].into_iter());
        (offer.dialect, offer.token, offer.echo)
    }

    #[test]
    fn l7_a_share_links_token_or_ticket_may_ride_there_and_is_not_echoed_beside_a_name() {
        let of = |list: &str| {
            let offer = SubprotocolOffer::read([list].into_iter());
            (offer.link, offer.token, offer.echo)
        };
        let token = Some(LinkCredential::Token("abc".to_owned()));
        assert_eq!(of("m4sh.json, share.abc"), (token.clone(), None, Some("m4sh.json".to_owned())));
        assert_eq!(of("share.abc, other"), (token.clone(), None, Some("other".to_owned())));
        assert_eq!(of("share.abc"), (token, None, Some("share.abc".to_owned())));
        let ticket = Some(LinkCredential::Ticket("x-y".to_owned()));
        assert_eq!(of("view.x-y, m4sh.msgpack"), (ticket, None, Some("m4sh.msgpack".to_owned())));
    }

    #[test]
    fn w2_a_token_may_ride_in_the_subprotocol_list_in_every_accepted_form() {
        let token = Some(JWT.to_owned());
        let echo = |name: &str| Some(name.to_owned());
        assert_eq!(read(&format!("m4sh.json, bearer.{JWT}")), (Some(Dialect::Json), token.clone(), echo("m4sh.json")));
        assert_eq!(
            read(&format!("bearer.{JWT}, m4sh.msgpack")),
            (Some(Dialect::MsgPack), token.clone(), echo("m4sh.msgpack"))
        );
        for marker in ["access_token", "jwt", "bearer"] {
            assert_eq!(read(&format!("{marker}, {JWT}")), (None, token.clone(), echo(marker)));
        }
        assert_eq!(read(JWT), (None, token.clone(), echo(JWT)));
        assert_eq!(read(&format!("bearer.{JWT}")), (None, token, echo(&format!("bearer.{JWT}"))));
        assert_eq!(read("m4sh.presence"), (Some(Dialect::Presence), None, echo("m4sh.presence")));
        assert_eq!(read("graphql-ws"), (None, None, echo("graphql-ws")));
        assert_eq!(SubprotocolOffer::read([].into_iter()), SubprotocolOffer::default());
    }
}
