//! How a shared board is shown to strangers. Called by the public routes.
//! Never names an owner by anything but first and last name.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, HttpResponseBuilder, http::header};
use jiff::Timestamp;
use serde::Serialize;

use crate::{
    actors::messages::BoardView,
    http::{solo::detail, times},
    identity::{LinkSigner, LinkTicket},
};
use m4sh_domain::ids::{BoardId, Rev};
use m4sh_domain::limits::TICKET_LIFE;
use m4sh_store::{LiveLink, SharedBoard};

/// An owner without a name.
const SOMEBODY: &str = "Somebody";

/// Everything of the public page but the state, which follows as the last key.
#[derive(Serialize)]
struct Page<'a> {
    id: BoardId,
    name: &'a str,
    page_count: u32,
    owner: String,
    allow_download: bool,
    created_at: String,
    thumbnail_url: Option<String>,
    rev: u64,
    expires_at: Option<String>,
    live: Live,
    assets: BTreeMap<String, String>,
}

/// How to go on watching: the position from which a socket resumes, so that the state need not come twice.
#[derive(Serialize)]
struct Live {
    path: String,
    ticket: String,
    epoch: u64,
}

/// An answer of the public routes: kept by nobody, found by no search engine, named to no other site.
pub fn guarded(mut answer: HttpResponseBuilder) -> HttpResponseBuilder {
    answer
        .insert_header((header::CACHE_CONTROL, "private, no-store"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .insert_header(("x-robots-tag", "noindex, nofollow"));
    answer
}

/// The addresses of a page's pictures.
pub struct Pictures {
    /// Of the board as a whole.
    pub thumbnail: Option<String>,
    /// Of those that the state names, by name.
    pub of_state: BTreeMap<String, String>,
}

/// The public page of a board, with the addresses of its pictures and a ticket for what its visitor does next.
pub fn page(
    link: &LiveLink,
    card: &SharedBoard,
    pictures: Pictures,
    view: &BoardView,
    links: &LinkSigner,
) -> HttpResponse {
    let now = Timestamp::now();
    let ends = now.saturating_add(TICKET_LIFE).unwrap_or(Timestamp::MAX);
    let ends = link.expires_at.map_or(ends, |expires| expires.min(ends));
    let page = Page {
        id: link.board,
        name: &card.name,
        page_count: page_count(card, view),
        owner: owner(card),
        allow_download: link.allow_download,
        created_at: times::utc_field(card.created_at),
        thumbnail_url: pictures.thumbnail,
        rev: view.rev.0,
        expires_at: link.expires_at.map(times::utc_field),
        live: Live {
            path: format!("/ws/board/{}/", link.board),
            ticket: links.ticket(LinkTicket { link: link.id, board: link.board }, ends),
            epoch: view.epoch.0,
        },
        assets: pictures.of_state,
    };
    guarded(HttpResponse::Ok())
        .insert_header((header::ETAG, detail::etag(view.rev)))
        .content_type("application/json")
        .body(detail::splice(&page, &view.state))
}

/// Until something is saved the page count is what the client said; after that it is counted.
pub fn page_count(card: &SharedBoard, view: &BoardView) -> u32 {
    if view.rev == Rev(0) { card.page_count } else { view.page_count }
}

/// First and last name. Some people write their address there, and some write nothing: neither is shown.
fn owner(card: &SharedBoard) -> String {
    let (first, last) = (card.owner.0.trim(), card.owner.1.trim());
    let name = format!("{first} {last}").trim().to_owned();
    if name.is_empty() || name.to_lowercase().contains(&card.owner_email.to_lowercase()) {
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
                owner: (first.to_owned(), last.to_owned()),
                owner_email: "Olena@school.test".to_owned(),
            })
        };
        assert_eq!(of("Olena", "Kovalenko"), "Olena Kovalenko");
        assert_eq!((of(" Olena ", ""), of("", "K")), ("Olena".to_owned(), "K".to_owned()));
        for hidden in [of("", ""), of(" ", " "), of("olena@school.test", ""), of("Me", "<OLENA@SCHOOL.TEST>")] {
            assert_eq!(hidden, "Somebody");
        }
    }
}
