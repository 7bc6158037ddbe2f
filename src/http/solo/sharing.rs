//! A board's share link, as its owner makes, sees and ends it (contract/boards.md 2.7).
//! Called by the route table. Never keeps a token: it is derived from the link's id (ADR 0018).

use actix_web::{HttpResponse, web};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use super::Id;
use crate::{
    http::{
        Services,
        audit::AuditContext,
        extract::{Signed, SignedBody, SmallBody},
        fields::{Fields, whole},
        problem::Problem,
        times,
    },
    identity::{LinkSigner, ShareToken},
};
use m4sh_domain::limits::{LINK_DAYS, LINK_DAYS_DEFAULT, LINK_VIEWS};
use m4sh_domain::{
    ids::{BoardId, LinkId},
    json::Value,
    rate::Scope,
};
use m4sh_store::{LinkRow, NewLink};

/// A link as its owner sees it. `token` and `url` are absent when the server's secret is another than the one that made
/// the link: it still opens the board, but can be shown no more.
#[derive(Serialize)]
struct Shown {
    token: Option<String>,
    url: Option<String>,
    expires_at: Option<String>,
    max_views: Option<u32>,
    allow_download: bool,
    session_id: BoardId,
    created_at: String,
}

/// The same, and what became of it.
#[derive(Serialize)]
struct Status {
    is_shared: bool,
    #[serde(flatten)]
    link: Shown,
    view_count: u32,
    download_count: u32,
    last_accessed_at: Option<String>,
    is_valid: bool,
}

/// `GET …/{id}/share/`.
pub async fn status(services: web::Data<Services>, path: Id, Signed(who): Signed) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::SoloUser, who.user)?;
    services.may_share(path.0, who.user).await?;
    let Some(link) = services.store.current_link(path.0).await? else {
        return Ok(HttpResponse::Ok().json(json!({"is_shared": false})));
    };
    Ok(HttpResponse::Ok().json(Status {
        is_shared: true,
        link: Shown::of(&link, path.0, &services.links),
        view_count: link.view_count,
        download_count: link.download_count,
        last_accessed_at: link.last_accessed_at.map(times::utc_field),
        is_valid: link.is_valid,
    }))
}

/// `POST …/{id}/share/`: a new link; the board's former one ends, and with it whoever watches by it.
pub async fn make(
    services: web::Data<Services>,
    path: Id,
    trail: AuditContext,
    body: SignedBody<SmallBody>,
) -> Result<HttpResponse, Problem> {
    let (board, by) = (path.0, body.who.user);
    services.limiter.check(Scope::SoloUser, by)?;
    let Wanted { days, max_views, allow_download } = Wanted::read(&body.bytes)?;
    services.may_share(board, by).await?;
    let id = LinkId(Uuid::now_v7());
    trail.node(board.0);
    trail.link(id.0);
    trail.data(json!({"expires_in_days": days, "max_views": max_views, "allow_download": allow_download}));
    // At most ten years of days: far from the end of time.
    let expires_at = days.map(|days| Timestamp::now() + SignedDuration::from_hours(i64::from(days) * 24));
    let hash = services.links.token(id).hash();
    let new = NewLink { id, hash, board, by, expires_at, max_views, allow_download };
    let made = services.store.create_link(&new).await?.ok_or(Problem::NotFound)?;
    made.ended.into_iter().for_each(|link| services.links.notify_ended(link));
    Ok(HttpResponse::Created().json(Shown::of(&made.link, board, &services.links)))
}

/// `DELETE …/{id}/share/`: ends the link, and closes the sockets of those who watch by it.
pub async fn end(
    services: web::Data<Services>,
    path: Id,
    trail: AuditContext,
    Signed(who): Signed,
) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::SoloUser, who.user)?;
    services.may_share(path.0, who.user).await?;
    trail.node(path.0.0);
    for link in services.store.end_links(path.0).await? {
        trail.link(link.0);
        services.links.notify_ended(link);
    }
    Ok(HttpResponse::NoContent().finish())
}

impl Shown {
    fn of(link: &LinkRow, board: BoardId, links: &LinkSigner) -> Self {
        let token = Some(links.token(link.id)).filter(|token| token.hash() == link.hash);
        Self {
            url: token.as_ref().map(|token| links.url(token)),
            token: token.as_ref().map(ShareToken::as_str).map(str::to_owned),
            expires_at: link.expires_at.map(times::utc_field),
            max_views: link.max_views,
            allow_download: link.allow_download,
            session_id: board,
            created_at: times::utc_field(link.created_at),
        }
    }
}

/// What a link is asked to be.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    /// `None`: it never expires.
    days: Option<u32>,
    /// `None`: without a bound.
    max_views: Option<u32>,
    allow_download: bool,
}

impl Wanted {
    fn read(body: &[u8]) -> Result<Self, Problem> {
        let mut fields = Fields::parse(body)?;
        let default = u32::try_from(LINK_DAYS_DEFAULT).ok();
        let days = amount(&mut fields, "expires_in_days", LINK_DAYS, default);
        let max_views = amount(&mut fields, "max_views", LINK_VIEWS, None);
        let allow_download = match fields.any("allow_download") {
            None | Some(Value::Null) => false,
            Some(value) => value.as_bool().unwrap_or_else(|| {
                fields.fault("allow_download", "Must be a valid boolean.");
                false
            }),
        };
        fields.finish()?;
        Ok(Self { days, max_views, allow_download })
    }
}

/// A whole number up to `most`. What is falsy means "without", as it always did; what is absent is the default.
fn amount(fields: &mut Fields, name: &'static str, most: u64, default: Option<u32>) -> Option<u32> {
    let value = match fields.any(name) {
        None => return default,
        Some(value) if value.is_falsy() => return None,
        Some(value) => value,
    };
    let number = whole(&value).filter(|number| *number <= most).and_then(|number| u32::try_from(number).ok());
    if number.is_none() {
        fields.fault(name, &format!("A whole number from 0 to {most} is required."));
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l1_a_link_lives_seven_days_unless_asked_and_nonsense_is_refused() {
        let of = |days, max_views, allow_download| Ok(Wanted { days, max_views, allow_download });
        assert_eq!(Wanted::read(b""), of(Some(7), None, false));
        assert_eq!(Wanted::read(b"{}"), of(Some(7), None, false));
        assert_eq!(
            Wanted::read(br#"{"expires_in_days":1,"max_views":5,"allow_download":true}"#),
            of(Some(1), Some(5), true)
        );
        for never in ["0", "null", "false", "\"\""] {
            let body = format!(r#"{{"expires_in_days":{never},"max_views":{never}}}"#);
            assert_eq!(Wanted::read(body.as_bytes()), of(None, None, false), "{never}");
        }
        assert_eq!(
            Wanted::read(br#"{"expires_in_days":3650,"max_views":1000000}"#),
            of(Some(3650), Some(1_000_000), false)
        );
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
            let status = Wanted::read(wrong.as_bytes()).map_err(|problem| problem.status().as_u16());
            assert_eq!(status, Err(400), "{wrong}");
        }
    }
}
