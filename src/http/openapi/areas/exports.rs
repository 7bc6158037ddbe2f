//! Exports and thumbnails: files and pictures that the server makes of a board.

use utoipa::{OpenApi, ToSchema};
use uuid::Uuid;

use super::super::{
    params::{Key, Paging},
    words::Moment,
};
use super::Page;
use m4sh_domain::limits::SMALL_BODY;
use m4sh_domain::rate::Scope;

const EXPORTS: &str = "Exports";

#[derive(OpenApi)]
#[openapi(
    paths(export_board, list_exports, read_export, delete_export, make_thumbnail, see_thumbnail),
    tags((name = EXPORTS, description = "Files and pictures of boards, made by the server.")),
)]
pub struct Api;

/// What a board becomes.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
enum ExportFormat {
    Png,
    Pdf,
    Svg,
    Json,
}

/// What to export.
#[derive(ToSchema)]
struct ExportWish {
    /// A PNG unless said otherwise.
    #[schema(required = false, example = "pdf")]
    format: Option<ExportFormat>,
    /// A revision that the board ever had; the newest that is saved unless said otherwise.
    #[schema(required = false, minimum = 0, maximum = 9_007_199_254_740_992_u64, example = json!(null))]
    rev: Option<u64>,
    /// A page, counted from 0; not for JSON. Unless said otherwise a PDF has every page, a PNG and an SVG the open one.
    #[schema(required = false, minimum = 0, maximum = 1999, example = json!(null))]
    page: Option<u32>,
}

/// How far an export is.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
enum ExportStatus {
    Pending,
    Processing,
    Completed,
    Failed,
}

/// An export.
#[derive(ToSchema)]
struct Export {
    id: Uuid,
    /// The board.
    session_id: Uuid,
    format: ExportFormat,
    #[schema(minimum = 0, example = 7)]
    rev: u64,
    status: ExportStatus,
    /// Percent.
    #[schema(minimum = 0, maximum = 100, example = 100)]
    progress: u8,
    /// Where the file is, without a token, for an hour; `null` until it is completed and when it has expired.
    #[schema(
        required = true,
        example = "https://board.school.example/blobs/solo/…/exports/….pdf?expires=…&signature=…"
    )]
    file_url: Option<String>,
    /// The same.
    #[schema(
        required = true,
        example = "https://board.school.example/blobs/solo/…/exports/….pdf?expires=…&signature=…"
    )]
    signed_url: Option<String>,
    /// Bytes.
    #[schema(minimum = 0, example = 48_213)]
    file_size: u64,
    /// Why it failed.
    #[schema(required = true, example = json!(null))]
    error: Option<String>,
    /// Pages in the file.
    #[schema(required = true, minimum = 1, example = 1)]
    page_count: Option<u32>,
    is_expired: bool,
    #[schema(required = true)]
    expires_at: Option<Moment>,
    created_at: Moment,
    updated_at: Moment,
}

/// A picture of a board.
#[derive(ToSchema)]
struct Picture {
    #[schema(example = "https://board.school.example/blobs/solo/…/thumbnails/….webp?expires=…&signature=…")]
    thumbnail_url: String,
    #[schema(example = "success", pattern = "^success$")]
    status: String,
}

/// Export a board
///
/// Waits a second for the file; ask again by `id` until it is `completed` or `failed`. A key that is sent again gives the
/// same export; one that failed or expired gives its key back.
#[utoipa::path(
    post, path = "/api/v1/solo/sessions/{id}/export/", tag = EXPORTS,
    params(("id" = Uuid, Path, description = "The board."), Key),
    request_body = Option<ExportWish>,
    responses(
        (
            status = 201, description = "Asked for, and perhaps done.", body = Export,
            links(("poll" = (operation_id = "read_export", parameters(("id" = "$response.body#/id"))))),
        ),
        (status = 200, description = "Asked for before, under this key.", body = Export),
    ),
    extensions(
        ("x-m4sh-rate" = json!(Scope::SoloExport.name())),
        ("x-m4sh-body-limit" = json!(SMALL_BODY)),
        ("x-m4sh-errors" = json!([
            "invalid_format", "invalid_header", "forbidden", "quota_exceeded", "unknown_rev", "not_found", "session_too_large", "key_reused",
        ])),
    ),
)]
fn export_board() {}

/// Exports of a board
///
/// One's own, or all of them for its owner; newest first.
#[utoipa::path(
    get, path = "/api/v1/solo/sessions/{id}/exports/", tag = EXPORTS,
    params(("id" = Uuid, Path, description = "The board."), Paging),
    responses((status = 200, description = "A page of them.", body = Page<Export>)),
    extensions(("x-m4sh-rate" = json!(Scope::SoloUser.name())), ("x-m4sh-errors" = json!(["validation_error"]))),
)]
fn list_exports() {}

/// How far an export is
#[utoipa::path(
    get, path = "/api/v1/exports/{id}/", tag = EXPORTS,
    params(("id" = Uuid, Path, description = "The export.")),
    responses((status = 200, description = "The export.", body = Export)),
    extensions(("x-m4sh-rate" = json!(Scope::SoloUser.name()))),
)]
fn read_export() {}

/// Delete an export
///
/// Frees what its file costs.
#[utoipa::path(
    delete, path = "/api/v1/exports/{id}/", tag = EXPORTS,
    params(("id" = Uuid, Path, description = "The export.")),
    responses((status = 204, description = "Deleted.")),
    extensions(("x-m4sh-rate" = json!(Scope::SoloUser.name()))),
)]
fn delete_export() {}

/// Make a board's thumbnail
///
/// Of what is saved now. The server also makes one by itself after changes.
#[utoipa::path(
    post, path = "/api/v1/solo/sessions/{id}/thumbnail/", tag = EXPORTS,
    params(("id" = Uuid, Path, description = "The board.")),
    responses((status = 200, description = "Made, or there already.", body = Picture)),
    extensions(("x-m4sh-rate" = json!(Scope::SoloUser.name())), ("x-m4sh-errors" = json!(["thumbnail_failed"]))),
)]
fn make_thumbnail() {}

/// A board's thumbnail
#[utoipa::path(
    get, path = "/api/v1/solo/sessions/{id}/thumbnail/", tag = EXPORTS,
    params(("id" = Uuid, Path, description = "The board.")),
    responses((
        status = 302, description = "There is one.",
        headers(("Location" = String, description = "Where it is, without a token, for an hour.")),
    )),
    extensions(("x-m4sh-rate" = json!(Scope::SoloUser.name()))),
)]
fn see_thumbnail() {}
