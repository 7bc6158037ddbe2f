//! The share link of a board, as its owner makes, reads and ends it (SPEC L1 to L3).
//! Called by the route table. Never stores a token: it is derived from the link's id (ADR 0018).

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::BoardPath;
use crate::{
    http::{
        operation::{
            Area,
            answer::{Created, Json, NoContent},
            argument::Call,
            body::{Body, request},
            delete, get,
            params::Path,
            post,
            schemas::{IsFalse, IsTrue, LinkDays, LinkViews, Moment},
        },
        problem::Problem,
        public,
    },
    identity::{LinkSigner, ShareToken},
};
use m4sh_domain::{
    ids::{BoardId, LinkId},
    rate::Scope,
};
use m4sh_store::{EventCategory::Share, LinkRow, NewLink};

/// Share links: made by who may share a board, opened by whoever has one.
pub fn area() -> Area {
    let mut operations = vec![
        get("/solo/sessions/{id}/share", "share_status", share_status)
            .about("A board's link", "")
            .answers(&["The link, if there is one."])
            .errors(&["forbidden"]),
        post("/solo/sessions/{id}/share", "share", share)
            .about("Share a board", "Makes a new link; the board's former one ends, and with it whoever watches by it.")
            .answers(&["Shared."])
            .errors(&["forbidden"])
            .links(
                || json!({"open": {"operationId": "public_board", "parameters": {"token": "$response.body#/token"}}}),
            )
            .audit(Share, "share_created"),
        delete("/solo/sessions/{id}/share", "end_share", end_share)
            .about("End a board's link", "At once, and also for those who watch by it.")
            .answers(&["There is no link now."])
            .errors(&["forbidden"])
            .audit(Share, "share_ended"),
    ];
    operations.extend(public::operations());
    Area::new("Sharing", "A board for whoever has its link, without an account.", operations).rate(Scope::SoloUser)
}

request! {
    /// What a link is to be.
    struct NewLinkRequest {
        expires_in_days: LinkDays,
        max_views: LinkViews,
        /// Whether the board may be taken along as a file.
        #[example(json!(true))]
        allow_download: Option<bool>,
    }
}

/// A link as its owner sees it. `token` and `url` are `null` when the server has another secret than the one that made it: it
/// still opens the board, and can be shown no more.
#[derive(Serialize, ToSchema)]
struct LinkResponse {
    #[schema(required = true, example = "q0VDb8pTzGmS4nLwY2fHk7RxJ1cUeAo9iXBtMvPdWsE")]
    token: Option<String>,
    #[schema(
        required = true,
        example = "https://board.school.example/solo/shared/q0VDb8pTzGmS4nLwY2fHk7RxJ1cUeAo9iXBtMvPdWsE"
    )]
    url: Option<String>,
    /// `null`: never.
    #[schema(required = true)]
    expires_at: Option<Moment>,
    /// `null`: without a bound.
    #[schema(required = true, example = json!(null))]
    max_views: Option<u32>,
    allow_download: bool,
    session_id: Uuid,
    created_at: Moment,
}

/// Whether a board is shared.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum ShareStatusResponse {
    Shared(SharedResponse),
    NotShared(NotSharedResponse),
}

/// A board without a link.
#[derive(Serialize, ToSchema)]
struct NotSharedResponse {
    #[schema(value_type = IsFalse)]
    is_shared: bool,
}

/// A board's link, and what became of it.
#[derive(Serialize, ToSchema)]
struct SharedResponse {
    #[schema(value_type = IsTrue)]
    is_shared: bool,
    #[serde(flatten)]
    link: LinkResponse,
    view_count: u32,
    download_count: u32,
    #[schema(required = true)]
    last_accessed_at: Option<Moment>,
    is_valid: bool,
}

impl LinkResponse {
    fn of(link: &LinkRow, board: BoardId, links: &LinkSigner) -> Self {
        let token = Some(links.token(link.id)).filter(|token| token.hash() == link.hash);
        Self {
            url: token.as_ref().map(|token| links.url(token)),
            token: token.as_ref().map(ShareToken::as_str).map(str::to_owned),
            expires_at: link.expires_at.map(Moment),
            max_views: link.max_views,
            allow_download: link.allow_download,
            session_id: board.0,
            created_at: Moment(link.created_at),
        }
    }
}

async fn share_status(
    Path(BoardPath { id }): Path<BoardPath>,
    call: Call,
) -> Result<Json<ShareStatusResponse>, Problem> {
    call.services.may_share(id, call.user).await?;
    let Some(link) = call.services.store.current_link(id).await? else {
        return Ok(Json(ShareStatusResponse::NotShared(NotSharedResponse { is_shared: false })));
    };
    Ok(Json(ShareStatusResponse::Shared(SharedResponse {
        is_shared: true,
        link: LinkResponse::of(&link, id, &call.services.links),
        view_count: link.view_count,
        download_count: link.download_count,
        last_accessed_at: link.last_accessed_at.map(Moment),
        is_valid: link.is_valid,
    })))
}

async fn share(
    Path(BoardPath { id: board }): Path<BoardPath>,
    call: Call,
    Body(wanted): Body<NewLinkRequest>,
) -> Result<Created<LinkResponse>, Problem> {
    let (services, by) = (&call.services, call.user);
    let NewLinkRequest { expires_in_days: days, max_views, allow_download } = wanted;
    let allow_download = allow_download.unwrap_or_default();
    services.may_share(board, by).await?;
    let id = LinkId(Uuid::now_v7());
    call.audit.node(board.0);
    call.audit.link(id.0);
    call.audit.data(json!({"expires_in_days": days, "max_views": max_views, "allow_download": allow_download}));
    // At most ten years of days: far from the end of time.
    let expires_at = days.map(|days| Timestamp::now() + SignedDuration::from_hours(i64::from(days) * 24));
    let hash = services.links.token(id).hash();
    let new = NewLink { id, hash, board, by, expires_at, max_views, allow_download };
    let made = services.store.create_link(&new).await?.ok_or(Problem::NotFound)?;
    made.ended.into_iter().for_each(|link| services.links.notify_ended(link));
    Ok(Created(LinkResponse::of(&made.link, board, &services.links)))
}

async fn end_share(Path(BoardPath { id }): Path<BoardPath>, call: Call) -> Result<NoContent, Problem> {
    call.services.may_share(id, call.user).await?;
    call.audit.node(id.0);
    for link in call.services.store.end_links(id).await? {
        call.audit.link(link.0);
        call.services.links.notify_ended(link);
    }
    Ok(NoContent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::fields::Fields;

    #[test]
    fn l1_a_link_lives_seven_days_unless_asked_and_nonsense_is_refused() {
        let read = |body: &str| {
            let wanted = NewLinkRequest::of(Fields::parse(body.as_bytes())?)?;
            Ok::<_, Problem>((wanted.expires_in_days, wanted.max_views, wanted.allow_download.unwrap_or_default()))
        };
        assert_eq!(read(""), Ok((Some(7), None, false)));
        assert_eq!(read("{}"), Ok((Some(7), None, false)));
        assert_eq!(read(r#"{"expires_in_days":1,"max_views":5,"allow_download":true}"#), Ok((Some(1), Some(5), true)));
        for never in ["0", "null", "false", "\"\""] {
            let body = format!(r#"{{"expires_in_days":{never},"max_views":{never},"allow_download":null}}"#);
            assert_eq!(read(&body), Ok((None, None, false)), "{never}");
        }
        assert_eq!(read(r#"{"expires_in_days":3650,"max_views":1000000}"#), Ok((Some(3650), Some(1_000_000), false)));
        for wrong in [
            r#"{"expires_in_days":-1}"#,
            r#"{"expires_in_days":3651}"#,
            r#"{"expires_in_days":1e300}"#,
            r#"{"expires_in_days":99999999999999999999999}"#,
            r#"{"expires_in_days":"7"}"#,
            r#"{"expires_in_days":1.5}"#,
            r#"{"expires_in_days":true}"#,
            r#"{"max_views":-1}"#,
            r#"{"max_views":1000001}"#,
            r#"{"max_views":[1]}"#,
            r#"{"allow_download":"yes"}"#,
            r#"{"allow_download":1}"#,
            "[]",
            "7",
        ] {
            assert_eq!(read(wrong).map_err(|problem| problem.status().as_u16()), Err(400), "{wrong}");
        }
    }
}
