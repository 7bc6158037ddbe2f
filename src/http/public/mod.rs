//! Shared boards for whoever has the link, without an account (contract/boards.md 2.7).
//! Called by the route table. Never shows an e-mail address, and never shows a board before its view is taken.

pub mod assets;
pub mod download;
mod shown;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{Method, header::HeaderMap},
    web,
};
use jiff::Timestamp;
use metrics::counter;

use super::{
    Services,
    extract::{ClientOrigin, PublicBase},
    problem::Problem,
};
use crate::identity::ShareToken;
use m4sh_domain::rate::Scope;
use m4sh_store::{LinkVisit, LiveLink};

type Token = web::Path<(String,)>;

/// `GET /solo/public/{token}/`: the board. Each answer takes one of the link's views, and no other takes one.
pub async fn read(
    services: web::Data<Services>,
    request: HttpRequest,
    path: Token,
    base: PublicBase,
    from: ClientOrigin,
) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::SoloAnon, from.address)?;
    let link = opened(&services, &path.0, None).await?;
    if *request.method() == Method::HEAD {
        return Ok(shown::guarded(HttpResponse::Ok()).content_type("application/json").finish());
    }
    // A browser that only guesses what its user will open must not use up a view, and is not shown what it did not pay.
    if is_guess(request.headers()) {
        return Ok(shown::guarded(HttpResponse::NoContent()).finish());
    }
    // Read first: an answer that cannot be given takes no view.
    let card = services.store.shared_board(link.board).await?.ok_or(Problem::DeadLink)?;
    let thumbnail = services.picture(card.thumbnail.as_ref(), card.thumbnail_url.as_deref(), &base).await?;
    let view = services.directory.boards().read_shared(link.board).await.map_err(gone)?;
    let pictures = assets::of_state(&services, &base, link.board, &view.state).await?;
    if !services.store.count_view(link.id, LinkVisit::Viewed, &from.origin).await? {
        return Err(Problem::DeadLink);
    }
    counter!("m4sh_share_views_total", "by" => "page").increment(1);
    Ok(shown::page(&link, &card, shown::Pictures { thumbnail, of_state: pictures }, &view, &services.links))
}

/// The link of a token, if it opens its board now. One whose views are all taken opens it still for a visitor who holds
/// the ticket of one of them.
async fn opened(services: &Services, token: &str, ticket: Option<&str>) -> Result<LiveLink, Problem> {
    let token = ShareToken::parse(token).ok_or(Problem::DeadLink)?;
    let link = services.store.link_by_hash(&token.hash()).await?.ok_or(Problem::DeadLink)?;
    let has_paid = || {
        let pass = ticket.and_then(|ticket| services.links.read(ticket, Timestamp::now()).ok());
        pass.is_some_and(|pass| pass.link == link.id)
    };
    if link.used_up && !has_paid() {
        return Err(Problem::DeadLink);
    }
    Ok(link)
}

/// A board that went meanwhile took its links along.
fn gone(error: crate::actors::messages::BoardError) -> Problem {
    match error.into() {
        Problem::NotFound => Problem::DeadLink,
        other => other,
    }
}

/// Whether nobody looks: a prefetch, or a preview.
fn is_guess(headers: &HeaderMap) -> bool {
    ["sec-purpose", "purpose", "x-purpose", "x-moz"].iter().any(|name| {
        let value = headers.get(*name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_ascii_lowercase();
        value.contains("prefetch") || value.contains("preview")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};

    #[test]
    fn l4_a_browser_that_only_guesses_is_told_from_one_that_looks() {
        let of = |name: &'static str, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
            is_guess(&headers)
        };
        assert!(of("sec-purpose", "prefetch;prerender") && of("purpose", "Prefetch") && of("x-moz", "prefetch"));
        assert!(of("x-purpose", "preview"));
        assert!(!of("purpose", "") && !of("accept", "prefetch") && !is_guess(&HeaderMap::new()));
    }
}
