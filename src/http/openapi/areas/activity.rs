//! Views of the event log.

use serde_json::Value;
use utoipa::{OpenApi, ToSchema};
use uuid::Uuid;

use super::{
    super::{params::Paging, words::Moment},
    Page,
};
use m4sh_domain::rate::Scope;

const ACTIVITY: &str = "Activity";

#[derive(OpenApi)]
#[openapi(
    paths(account_events, board_events, share_visits),
    tags((name = ACTIVITY, description = "What happened, by whom, and who came by a link. Newest first.")),
)]
pub struct Api;

/// Something that concerns one's account.
#[derive(ToSchema)]
struct AccountEvent {
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
    data: Value,
}

/// Something that happened to a board.
#[derive(ToSchema)]
struct BoardEvent {
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
#[derive(ToSchema)]
struct Visit {
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

/// What happened to my account
///
/// Logins, also those that were tried in vain, and what was shared.
#[utoipa::path(
    get, path = "/api/v1/auth/events/", tag = ACTIVITY,
    params(Paging),
    responses((status = 200, description = "A page of events.", body = Page<AccountEvent>)),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name()))),
)]
fn account_events() {}

/// What happened to a board
///
/// For those who manage it.
#[utoipa::path(
    get, path = "/api/v1/boards/{id}/events/", tag = ACTIVITY,
    params(("id" = Uuid, Path, description = "The board."), Paging),
    responses((status = 200, description = "A page of events.", body = Page<BoardEvent>)),
    extensions(("x-m4sh-rate" = json!(Scope::SoloUser.name())), ("x-m4sh-errors" = json!(["forbidden"]))),
)]
fn board_events() {}

/// Who came by a board's links
///
/// Also by those that ended.
#[utoipa::path(
    get, path = "/api/v1/solo/sessions/{id}/share/access-log/", tag = ACTIVITY,
    params(("id" = Uuid, Path, description = "The board."), Paging),
    responses((status = 200, description = "A page of visits.", body = Page<Visit>)),
    extensions(("x-m4sh-rate" = json!(Scope::SoloUser.name())), ("x-m4sh-errors" = json!(["forbidden"]))),
)]
fn share_visits() {}
