//! Share links: made, seen and ended by who may share a board, opened by whoever has one.

use utoipa::{IntoParams, OpenApi, ToSchema};
use uuid::Uuid;

use super::super::words::{Addresses, IsFalse, IsTrue, LinkDays, LinkViews, Moment, State};
use m4sh_domain::limits::SMALL_BODY;
use m4sh_domain::rate::Scope;

const SHARING: &str = "Sharing";

#[derive(OpenApi)]
#[openapi(
    paths(share_status, share, end_share, public_board, public_download, public_asset),
    tags((name = SHARING, description = "A board for whoever has its link, without an account.")),
)]
pub struct Api;

/// What a link is to be.
#[derive(ToSchema)]
struct NewLink {
    #[schema(required = false)]
    expires_in_days: LinkDays,
    #[schema(required = false)]
    max_views: LinkViews,
    /// Whether the board may be taken along as a file.
    #[schema(required = false, example = true)]
    allow_download: Option<bool>,
}

/// A link as its owner sees it. `token` and `url` are `null` when the server has another secret than the one that made it: it
/// still opens the board, and can be shown no more.
#[derive(ToSchema)]
struct Link {
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
#[derive(ToSchema)]
#[serde(untagged)]
enum ShareStatus {
    Shared(Shared),
    NotShared(NotShared),
}

/// A board without a link.
#[derive(ToSchema)]
struct NotShared {
    is_shared: IsFalse,
}

/// A board's link, and what became of it.
#[derive(ToSchema)]
struct Shared {
    is_shared: IsTrue,
    #[serde(flatten)]
    link: Link,
    view_count: u32,
    download_count: u32,
    #[schema(required = true)]
    last_accessed_at: Option<Moment>,
    is_valid: bool,
}

/// A shared board as a stranger sees it.
#[derive(ToSchema)]
struct PublicBoard {
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
    live: Live,
    /// Where the pictures are that the state names, by their names in it.
    assets: Addresses,
    state: State,
}

/// How to go on watching over a WebSocket, from here.
#[derive(ToSchema)]
struct Live {
    #[schema(example = "/ws/board/0190b2c4-7d1e-7f6a-9b3c-2f5d8e7a1c40/")]
    path: String,
    /// Offered as the protocol `view.<ticket>`. It lives for a short time.
    #[schema(example = "eyJsIjoi…")]
    ticket: String,
    #[schema(minimum = 0)]
    epoch: u64,
}

/// What to download.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
struct Download {
    #[param(required = false, inline)]
    format: Format,
    /// Of the public page: opens a link whose views are all taken to those who took one.
    #[param(required = false)]
    ticket: String,
}

/// The form of a file.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
enum Format {
    Json,
    Png,
    Pdf,
    Svg,
}

/// A picture on its way.
#[derive(ToSchema)]
struct Making {
    #[schema(example = "processing", pattern = "^processing$")]
    status: String,
}

/// A board as a file.
#[derive(ToSchema)]
struct BoardFile {
    id: Uuid,
    #[schema(example = "План уроку: параболи")]
    name: String,
    #[schema(minimum = 1)]
    page_count: u32,
    #[schema(minimum = 0, example = 7)]
    rev: u64,
    created_at: Moment,
    state: State,
}

/// A board's link
#[utoipa::path(
    get, path = "/api/v1/solo/sessions/{id}/share/", tag = SHARING,
    params(("id" = Uuid, Path, description = "The board.")),
    responses((status = 200, description = "The link, if there is one.", body = ShareStatus)),
    extensions(("x-m4sh-rate" = json!(Scope::SoloUser.name())), ("x-m4sh-errors" = json!(["forbidden"]))),
)]
fn share_status() {}

/// Share a board
///
/// Makes a new link; the board's former one ends, and with it whoever watches by it.
#[utoipa::path(
    post, path = "/api/v1/solo/sessions/{id}/share/", tag = SHARING,
    params(("id" = Uuid, Path, description = "The board.")),
    request_body = Option<NewLink>,
    responses((
        status = 201, description = "Shared.", body = Link,
        links(("open" = (operation_id = "public_board", parameters(("token" = "$response.body#/token"))))),
    )),
    extensions(
        ("x-m4sh-rate" = json!(Scope::SoloUser.name())),
        ("x-m4sh-body-limit" = json!(SMALL_BODY)),
        ("x-m4sh-errors" = json!(["forbidden"])),
    ),
)]
fn share() {}

/// End a board's link
///
/// At once, and also for those who watch by it.
#[utoipa::path(
    delete, path = "/api/v1/solo/sessions/{id}/share/", tag = SHARING,
    params(("id" = Uuid, Path, description = "The board.")),
    responses((status = 204, description = "There is no link now.")),
    extensions(("x-m4sh-rate" = json!(Scope::SoloUser.name())), ("x-m4sh-errors" = json!(["forbidden"]))),
)]
fn end_share() {}

/// Look at a shared board
///
/// Each 200 takes one of the link's views, and nothing else does.
#[utoipa::path(
    get, path = "/api/v1/solo/public/{token}/", tag = SHARING, security(()),
    params(("token" = String, Path, description = "Of the link.")),
    responses(
        (status = 200, description = "The board.", body = PublicBoard, headers(("ETag" = String, description = "`W/\"rev:N\"`."))),
        (status = 204, description = "Nobody looks: the browser only fetched ahead."),
    ),
    extensions(("x-m4sh-rate" = json!(Scope::SoloAnon.name())), ("x-m4sh-errors" = json!(["share_link_invalid"]))),
)]
fn public_board() {}

/// Download a shared board
///
/// Where its owner allows that. A picture is made once for each revision.
#[utoipa::path(
    get, path = "/api/v1/solo/public/{token}/download/", tag = SHARING, security(()),
    params(("token" = String, Path, description = "Of the link."), Download),
    responses(
        (
            status = 200, description = "The JSON file.", body = BoardFile,
            headers(("Content-Disposition" = String, description = "Its name.")),
        ),
        (
            status = 202, description = "The picture is being made: come back after `Retry-After` seconds.", body = Making,
            headers(("Retry-After" = u64, description = "Seconds.")),
        ),
        (status = 302, description = "The picture.", headers(("Location" = String, description = "Where it is."))),
    ),
    extensions(
        ("x-m4sh-rate" = json!(Scope::SoloAnon.name())),
        ("x-m4sh-errors" = json!(["share_link_invalid", "forbidden", "invalid_format", "session_too_large", "export_failed"])),
    ),
)]
fn public_download() {}

/// The page's ticket.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
struct Ticket {
    /// Of the public page: opens a link whose views are all taken to those who took one.
    #[param(required = false)]
    ticket: String,
}

/// A picture of a shared board
///
/// Takes no view.
#[utoipa::path(
    get, path = "/api/v1/solo/public/{token}/assets/{sha256}/", tag = SHARING, security(()),
    params(
        ("token" = String, Path, description = "Of the link."),
        ("sha256" = String, Path, description = "As the state names it after `asset:`."),
        Ticket,
    ),
    responses((
        status = 302, description = "Where it is, for a short while.",
        headers(("Location" = String, description = "A signed URL.")),
    )),
    extensions(
        ("x-m4sh-rate" = json!(Scope::SoloAnonAsset.name())),
        ("x-m4sh-errors" = json!(["share_link_invalid", "not_found"])),
    ),
)]
fn public_asset() {}
