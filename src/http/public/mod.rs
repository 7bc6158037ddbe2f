//! Shared boards for whoever has the link, without an account (SPEC L4 to L6, L13, L18).
//! Called by the route table. Never shows an e-mail address, and never shows a board before its view is counted.

mod assets;
mod download;
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
    operation::{
        Operation,
        answer::{Answer, AtRevision, Json, NoContent},
        get,
        params::{Path, path_params},
        signature::{Schemas, Success},
        with_state::WithState,
    },
    problem::Problem,
};
use crate::identity::ShareToken;
use m4sh_domain::rate::Scope;
use m4sh_store::{LinkVisit, LiveLink};
use shown::{PublicBoardResponse, Unlisted};

/// The public board, its file and its pictures.
pub(super) fn operations() -> [Operation; 3] {
    [
        get("/solo/public/{token}", "public_board", public_board)
            .about("Look at a shared board", "Each 200 takes one of the link's views, and nothing else does.")
            .answers(&["The board.", "Nobody looks: the browser only fetched ahead."])
            .errors(&["share_link_invalid"])
            .rate(Scope::SoloAnon),
        download::operation(),
        assets::operation(),
    ]
}

path_params! {
    /// A share link.
    struct TokenPath {
        /// Of the link.
        token: String,
    }
}

/// What a visitor is shown.
enum PublicBoardAnswer {
    /// The board, for one view.
    Board(AtRevision<Json<WithState<PublicBoardResponse>>>),
    /// That there is one.
    Head,
    /// Nothing, to a browser that only fetches ahead.
    Nothing,
}

impl Answer for PublicBoardAnswer {
    fn describe(schemas: &mut Schemas) -> Vec<Success> {
        let mut successes = AtRevision::<Json<WithState<PublicBoardResponse>>>::describe(schemas);
        successes.extend(NoContent::describe(schemas));
        successes
    }

    fn respond(self) -> Result<HttpResponse, Problem> {
        match self {
            Self::Board(board) => board.respond(),
            Self::Head => Ok(HttpResponse::Ok().content_type("application/json").finish()),
            Self::Nothing => NoContent.respond(),
        }
    }
}

/// Each answer with the board takes one of the link's views, and no other answer takes one.
async fn public_board(
    Path(TokenPath { token }): Path<TokenPath>,
    base: PublicBase,
    from: ClientOrigin,
    request: HttpRequest,
    services: web::Data<Services>,
) -> Result<Unlisted<PublicBoardAnswer>, Problem> {
    let link = opened(&services, &token, None).await?;
    if *request.method() == Method::HEAD {
        return Ok(Unlisted(PublicBoardAnswer::Head));
    }
    // A browser that fetches what its user may open must not use up a view, and is not shown what no view was taken for.
    if is_prefetch(request.headers()) {
        return Ok(Unlisted(PublicBoardAnswer::Nothing));
    }
    // Read first: an answer that cannot be given takes no view.
    let board = services.store.shared_board(link.board).await?.ok_or(Problem::DeadLink)?;
    let thumbnail = services.picture(board.thumbnail.as_ref(), board.thumbnail_url.as_deref(), &base).await?;
    let view = services.directory.boards().read_shared(link.board).await.map_err(gone)?;
    let pictures = assets::of_state(&services, &base, link.board, &view.state).await?;
    if !services.store.count_view(link.id, LinkVisit::Viewed, &from.origin).await? {
        return Err(Problem::DeadLink);
    }
    counter!("m4sh_share_views_total", "by" => "page").increment(1);
    let (rev, state) = (view.rev, view.state.clone());
    let head = PublicBoardResponse::of(&link, board, (thumbnail, pictures), &view, &services.links);
    Ok(Unlisted(PublicBoardAnswer::Board(AtRevision(rev, Json(WithState { head, state })))))
}

/// The link of a token, if it opens its board now. One whose views are all taken opens it still for a visitor who holds
/// the ticket of one of them.
async fn opened(services: &Services, token: &str, ticket: Option<&str>) -> Result<LiveLink, Problem> {
    let token = ShareToken::parse(token).ok_or(Problem::DeadLink)?;
    let link = services.store.link_by_hash(&token.hash()).await?.ok_or(Problem::DeadLink)?;
    let has_view = || {
        let pass = ticket.and_then(|ticket| services.links.read(ticket, Timestamp::now()).ok());
        pass.is_some_and(|pass| pass.link == link.id)
    };
    if link.used_up && !has_view() {
        return Err(Problem::DeadLink);
    }
    Ok(link)
}

/// A board that was deleted meanwhile took its links along.
fn gone(error: crate::actors::messages::BoardError) -> Problem {
    match error.into() {
        Problem::NotFound => Problem::DeadLink,
        other => other,
    }
}

/// Whether nobody looks: a prefetch, or a preview.
fn is_prefetch(headers: &HeaderMap) -> bool {
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
            is_prefetch(&headers)
        };
        assert!(of("sec-purpose", "prefetch;prerender") && of("purpose", "Prefetch") && of("x-moz", "prefetch"));
        assert!(of("x-purpose", "preview"));
        assert!(!of("purpose", "") && !of("accept", "prefetch") && !is_prefetch(&HeaderMap::new()));
    }
}
