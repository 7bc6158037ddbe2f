//! Views of the event log: what happened to one's account, to a board, and who came by its links.
//! Called by the route table. Never shows an address but one's own and those of visitors to who shared the board.

use actix_web::{HttpResponse, web};
use serde::Serialize;

use super::{
    Services,
    extract::{Paging, Signed},
    problem::Problem,
    times,
};
use crate::identity::display_name;
use m4sh_domain::access::Permission;
use m4sh_domain::{
    ids::{BoardId, LinkId, UserId},
    rate::Scope,
};
use m4sh_store::{EventFilter, EventRow};

type Id = web::Path<(BoardId,)>;

/// Something that concerns one's account.
#[derive(Serialize)]
struct Mine<'a> {
    id: uuid::Uuid,
    at: String,
    category: &'a str,
    action: &'a str,
    ip: Option<String>,
    user_agent: Option<&'a str>,
    node: Option<uuid::Uuid>,
    data: serde_json::Value,
}

/// Something that happened to a board.
#[derive(Serialize)]
struct Happened<'a> {
    id: uuid::Uuid,
    at: String,
    category: &'a str,
    action: &'a str,
    user: Option<UserId>,
    display_name: Option<String>,
    link: Option<LinkId>,
}

/// A visit by a link.
#[derive(Serialize)]
struct Visited<'a> {
    accessed_at: String,
    action: &'a str,
    ip: Option<String>,
    user_agent: Option<&'a str>,
    link: Option<LinkId>,
}

/// `GET /auth/events/`: logins, also those that were tried in vain, and what was shared.
pub async fn of_account(
    services: web::Data<Services>,
    Signed(who): Signed,
    paging: Paging,
) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::ApiUser, who.user)?;
    let page = paging.page();
    let (count, rows) = services.store.events(EventFilter::Account(who.user), page).await?;
    Ok(paging.answer(page, count, rows.iter().map(Mine::of).collect::<Result<_, _>>()?))
}

/// `GET /boards/{id}/events/`: a board's activity, for those who manage it.
pub async fn of_board(
    services: web::Data<Services>,
    path: Id,
    Signed(who): Signed,
    paging: Paging,
) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::SoloUser, who.user)?;
    if !services.rights(path.0, who.user).await?.has(Permission::Manage) {
        return Err(Problem::Forbidden("Only those who manage this board see its activity."));
    }
    let page = paging.page();
    let (count, rows) = services.store.events(EventFilter::Board(path.0), page).await?;
    Ok(paging.answer(page, count, rows.iter().map(Happened::of).collect()))
}

/// `GET /solo/sessions/{id}/share/access-log/`: who came by the board's links, also by those that ended.
pub async fn of_visitors(
    services: web::Data<Services>,
    path: Id,
    Signed(who): Signed,
    paging: Paging,
) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::SoloUser, who.user)?;
    services.may_share(path.0, who.user).await?;
    let page = paging.page();
    let (count, rows) = services.store.events(EventFilter::Visitors(path.0), page).await?;
    Ok(paging.answer(page, count, rows.iter().map(Visited::of).collect()))
}

impl<'a> Mine<'a> {
    fn of(row: &'a EventRow) -> Result<Self, Problem> {
        Ok(Self {
            id: row.id,
            at: times::utc_field(row.at),
            category: &row.category,
            action: &row.action,
            ip: row.address.map(|address| address.to_string()),
            user_agent: row.agent.as_deref(),
            node: row.node,
            data: serde_json::from_str(&row.data).map_err(|error| Problem::Internal(error.to_string()))?,
        })
    }
}

impl<'a> Happened<'a> {
    fn of(row: &'a EventRow) -> Self {
        let text = |name: &'a Option<String>| name.as_deref().unwrap_or_default();
        Self {
            id: row.id,
            at: times::utc_field(row.at),
            category: &row.category,
            action: &row.action,
            user: row.actor,
            display_name: row
                .email
                .as_ref()
                .map(|email| display_name(text(&row.first_name), text(&row.last_name), email)),
            link: row.link,
        }
    }
}

impl<'a> Visited<'a> {
    fn of(row: &'a EventRow) -> Self {
        Self {
            accessed_at: times::utc_field(row.at),
            action: &row.action,
            ip: row.address.map(|address| address.to_string()),
            user_agent: row.agent.as_deref(),
            link: row.link,
        }
    }
}
