//! How a shared board is shown to strangers. Called by the public routes.
//! Never names an owner by anything but first and last name.

use std::collections::BTreeMap;

use actix_web::{
    HttpResponse,
    http::header::{CACHE_CONTROL, HeaderName, HeaderValue, REFERRER_POLICY},
};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    actors::messages::BoardView,
    http::{
        operation::{
            answer::Answer,
            schemas::{Addresses, Moment},
            signature::{Schemas, Success},
        },
        problem::Problem,
    },
    identity::{LinkSigner, LinkTicket},
};
use m4sh_domain::ids::Rev;
use m4sh_domain::limits::TICKET_LIFE;
use m4sh_store::{LiveLink, SharedBoard};

/// An owner without a name.
const SOMEBODY: &str = "Somebody";

/// An answer that no cache keeps, no search engine finds and no other site is named to.
pub struct Unlisted<A>(pub A);

impl<A: Answer> Answer for Unlisted<A> {
    fn describe(schemas: &mut Schemas) -> Vec<Success> {
        A::describe(schemas)
    }

    fn respond(self) -> Result<HttpResponse, Problem> {
        let mut response = self.0.respond()?;
        for (name, value) in [
            (CACHE_CONTROL, "private, no-store"),
            (REFERRER_POLICY, "no-referrer"),
            (HeaderName::from_static("x-robots-tag"), "noindex, nofollow"),
        ] {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        Ok(response)
    }
}

/// A shared board as a stranger sees it.
#[derive(Serialize, ToSchema)]
pub struct PublicBoardResponse {
    id: Uuid,
    #[schema(example = "План уроку: параболи")]
    name: String,
    #[schema(minimum = 1)]
    page_count: u32,
    /// First and last name.
    #[schema(example = "Anna Kovalenko")]
    owner: String,
    allow_download: bool,
    created_at: Moment,
    #[schema(required = true, example = json!(null))]
    thumbnail_url: Option<String>,
    #[schema(minimum = 0, example = 7)]
    rev: u64,
    #[schema(required = true)]
    expires_at: Option<Moment>,
    live: LiveResponse,
    /// Where the pictures are that the state names, by their names in it.
    #[schema(value_type = Addresses)]
    assets: BTreeMap<String, String>,
}

/// How to go on watching over a WebSocket, from here.
#[derive(Serialize, ToSchema)]
struct LiveResponse {
    #[schema(example = "/ws/board/0190b2c4-7d1e-7f6a-9b3c-2f5d8e7a1c40/")]
    path: String,
    /// Offered as the protocol `view.<ticket>`. It lives for a short time.
    #[schema(example = "eyJsIjoi…")]
    ticket: String,
    #[schema(minimum = 0)]
    epoch: u64,
}

impl PublicBoardResponse {
    /// A shared board without its state, with the addresses of its thumbnail and of the pictures in its state, and a ticket
    /// for what its visitor does next.
    pub fn of(
        link: &LiveLink,
        board: SharedBoard,
        (thumbnail_url, assets): (Option<String>, BTreeMap<String, String>),
        view: &BoardView,
        links: &LinkSigner,
    ) -> Self {
        let ends = Timestamp::now().saturating_add(TICKET_LIFE).unwrap_or(Timestamp::MAX);
        let ends = link.expires_at.map_or(ends, |expires| expires.min(ends));
        Self {
            id: link.board.0,
            page_count: page_count(&board, view),
            owner: owner(&board),
            name: board.name,
            allow_download: link.allow_download,
            created_at: Moment(board.created_at),
            thumbnail_url,
            rev: view.rev.0,
            expires_at: link.expires_at.map(Moment),
            live: LiveResponse {
                path: format!("/ws/board/{}/", link.board),
                ticket: links.ticket(LinkTicket { link: link.id, board: link.board }, ends),
                epoch: view.epoch.0,
            },
            assets,
        }
    }
}

/// Until something is saved the page count is what the client said; after that it is counted.
pub fn page_count(board: &SharedBoard, view: &BoardView) -> u32 {
    if view.rev == Rev(0) { board.page_count } else { view.page_count }
}

/// First and last name. Some people write their address there, and some write nothing: neither is shown.
fn owner(board: &SharedBoard) -> String {
    let (first, last) = (board.first_name.trim(), board.last_name.trim());
    let name = format!("{first} {last}").trim().to_owned();
    if name.is_empty() || name.to_lowercase().contains(&board.email.to_lowercase()) {
        return SOMEBODY.to_owned();
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l5_an_owner_is_a_name_or_nobody_and_never_an_address() {
        let of = |first: &str, last: &str| {
            owner(&SharedBoard {
                name: String::new(),
                page_count: 1,
                thumbnail_url: None,
                thumbnail: None,
                created_at: Timestamp::UNIX_EPOCH,
                first_name: first.to_owned(),
                last_name: last.to_owned(),
                email: "Olena@school.test".to_owned(),
            })
        };
        assert_eq!(of("Olena", "Kovalenko"), "Olena Kovalenko");
        assert_eq!((of(" Olena ", ""), of("", "K")), ("Olena".to_owned(), "K".to_owned()));
        for hidden in [of("", ""), of(" ", " "), of("olena@school.test", ""), of("Me", "<OLENA@SCHOOL.TEST>")] {
            assert_eq!(hidden, "Somebody");
        }
    }
}
