//! Views of the event log: what happened to one's account, to a board, and who came by its links.
//! Called by the route table. Never shows an address but one's own and those of visitors to who shared the board.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    extract::{PageResponse, Paging, Signed},
    operation::{Area, answer::Json, argument::Call, get, params::Path, schemas::Moment},
    problem::Problem,
    solo::BoardPath,
};
use crate::identity::display_name;
use m4sh_domain::{access::Permission, rate::Scope};
use m4sh_store::{EventFilter, EventRow};

/// Views of the event log.
pub fn area() -> Area {
    let operations = [
        get("/auth/events", "account_events", account_events)
            .about("What happened to my account", "Logins, also those that were tried in vain, and what was shared.")
            .answers(&["A page of events."])
            .rate(Scope::ApiUser),
        get("/boards/{id}/events", "board_events", board_events)
            .about("What happened to a board", "For those who manage it.")
            .answers(&["A page of events."])
            .errors(&["forbidden"]),
        get("/solo/sessions/{id}/share/access-log", "share_visits", share_visits)
            .about("Who came by a board's links", "Also by those that ended.")
            .answers(&["A page of visits."])
            .errors(&["forbidden"]),
    ];
    Area::new("Activity", "What happened, by whom, and who came by a link. Newest first.", operations)
        .rate(Scope::SoloUser)
}

/// Something that concerns one's account.
#[derive(Serialize, ToSchema)]
struct AccountEventResponse {
    id: Uuid,
    at: Moment,
    #[schema(example = "account")]
    category: String,
    #[schema(example = "logged_in")]
    action: String,
    #[schema(required = true, example = "203.0.113.7")]
    ip: Option<String>,
    #[schema(required = true, example = "Mozilla/5.0")]
    user_agent: Option<String>,
    /// The board, if it was about one.
    #[schema(required = true, example = json!(null))]
    node: Option<Uuid>,
    /// More about it; each action has keys of its own.
    #[schema(required = true, example = json!({}))]
    data: serde_json::Value,
}

/// Something that happened to a board.
#[derive(Serialize, ToSchema)]
struct BoardEventResponse {
    id: Uuid,
    at: Moment,
    #[schema(example = "board")]
    category: String,
    #[schema(example = "board_changed")]
    action: String,
    #[schema(required = true)]
    user: Option<Uuid>,
    #[schema(required = true, example = "Anna Kovalenko")]
    display_name: Option<String>,
    #[schema(required = true, example = json!(null))]
    link: Option<Uuid>,
}

/// A visit by a link.
#[derive(Serialize, ToSchema)]
struct VisitResponse {
    accessed_at: Moment,
    #[schema(example = "viewed")]
    action: String,
    #[schema(required = true, example = "203.0.113.7")]
    ip: Option<String>,
    #[schema(required = true, example = "Mozilla/5.0")]
    user_agent: Option<String>,
    #[schema(required = true)]
    link: Option<Uuid>,
}

async fn account_events(
    _: Signed,
    paging: Paging,
    call: Call,
) -> Result<Json<PageResponse<AccountEventResponse>>, Problem> {
    let page = paging.page();
    let (count, rows) = call.services.store.events(EventFilter::Account(call.user), page).await?;
    let rows = rows.into_iter().map(AccountEventResponse::of).collect::<Result<_, _>>()?;
    Ok(Json(paging.response(page, count, rows)))
}

async fn board_events(
    Path(path): Path<BoardPath>,
    _: Signed,
    paging: Paging,
    call: Call,
) -> Result<Json<PageResponse<BoardEventResponse>>, Problem> {
    if !call.services.rights(path.id, call.user).await?.has(Permission::Manage) {
        return Err(Problem::Forbidden("Only those who manage this board see its activity."));
    }
    let page = paging.page();
    let (count, rows) = call.services.store.events(EventFilter::Board(path.id), page).await?;
    Ok(Json(paging.response(page, count, rows.into_iter().map(BoardEventResponse::of).collect())))
}

async fn share_visits(
    Path(path): Path<BoardPath>,
    _: Signed,
    paging: Paging,
    call: Call,
) -> Result<Json<PageResponse<VisitResponse>>, Problem> {
    call.services.may_share(path.id, call.user).await?;
    let page = paging.page();
    let (count, rows) = call.services.store.events(EventFilter::Visitors(path.id), page).await?;
    Ok(Json(paging.response(page, count, rows.into_iter().map(VisitResponse::of).collect())))
}

impl AccountEventResponse {
    fn of(row: EventRow) -> Result<Self, Problem> {
        Ok(Self {
            id: row.id,
            at: Moment(row.at),
            category: row.category,
            action: row.action,
            ip: row.address.map(|address| address.to_string()),
            user_agent: row.agent,
            node: row.node,
            data: serde_json::from_str(&row.data).map_err(|error| Problem::Internal(error.to_string()))?,
        })
    }
}

impl BoardEventResponse {
    fn of(row: EventRow) -> Self {
        let text = |name: Option<String>| name.unwrap_or_default();
        let name = |email: String| display_name(&text(row.first_name), &text(row.last_name), &email);
        Self {
            id: row.id,
            at: Moment(row.at),
            category: row.category,
            action: row.action,
            user: row.actor.map(|user| user.0),
            display_name: row.email.map(name),
            link: row.link.map(|link| link.0),
        }
    }
}

impl VisitResponse {
    fn of(row: EventRow) -> Self {
        Self {
            accessed_at: Moment(row.at),
            action: row.action,
            ip: row.address.map(|address| address.to_string()),
            user_agent: row.agent,
            link: row.link.map(|link| link.0),
        }
    }
}
