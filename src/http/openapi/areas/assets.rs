//! Pictures and documents of boards, and the objects behind signed URLs. Uploads and reads have two paths each, since
//! board clients and session clients both know their own.

use utoipa::{IntoParams, OpenApi, ToSchema};

use super::{
    super::{
        params::Paging,
        words::{Line, Moment},
    },
    Page,
};
use m4sh_domain::limits::ASSET_BYTES;
use m4sh_domain::rate::Scope;

const ASSETS: &str = "Assets";

#[derive(OpenApi)]
#[openapi(
    paths(
        upload_asset, list_assets, read_asset, delete_asset, upload_session_asset, list_session_assets, read_session_asset,
        delete_session_asset, read_blob,
    ),
    tags((name = ASSETS, description = "Uploaded once, kept by hash, named in operations as `asset:<sha256>`.")),
)]
pub struct Api;

/// An asset of a board.
#[derive(ToSchema)]
struct Asset {
    /// The SHA-256 of its bytes in hex.
    #[schema(example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    id: String,
    /// How operations name it.
    #[schema(example = "asset:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    r#ref: String,
    #[schema(example = "triangle.png")]
    name: String,
    #[schema(example = "image/png")]
    media_type: String,
    /// Bytes.
    #[schema(minimum = 1, example = 20480)]
    size: u64,
    /// Pixels, of a picture.
    #[schema(required = true, example = 640)]
    width: Option<u32>,
    #[schema(required = true, example = 480)]
    height: Option<u32>,
    /// Of a document.
    #[schema(required = true, example = json!(null))]
    pages: Option<u32>,
    /// Where its bytes are, for a while.
    #[schema(example = "https://board.school.example/blobs/…?expires=1767225600&signature=…")]
    url: String,
    created_at: Moment,
}

/// How to call an upload.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
struct Naming {
    /// Its name; that of the form's file if there is one.
    #[param(required = false, inline)]
    name: Line,
}

/// What a signed URL carries.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
struct Signature {
    /// Seconds since 1970.
    #[param(example = 1_767_225_600)]
    expires: i64,
    #[param(example = "5f2c…")]
    signature: String,
    /// Saves the object under this name.
    #[param(required = false)]
    name: String,
}

/// The bytes of a picture or a document.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
struct File(Vec<u8>);

macro_rules! asset_operations {
    ($($path:literal, $board:literal: $upload:ident, $list:ident, $read:ident, $delete:ident;)+) => {$(
        /// Upload an asset
        ///
        /// The file as the body with its `Content-Type`, or as the one file of a form. What it is is told by its bytes, which are
        /// checked. 200 when the board has them already.
        #[utoipa::path(
            post, path = $path, tag = ASSETS,
            params(("id" = Uuid, Path, description = "The board."), Naming),
            request_body(
                description = "PNG, JPEG, GIF, WebP or PDF.",
                content(
                    (File = "image/png"), (File = "image/jpeg"), (File = "image/gif"), (File = "image/webp"),
                    (File = "application/pdf"),
                ),
            ),
            responses(
                (status = 200, description = "Known already.", body = Asset),
                (status = 201, description = "Uploaded.", body = Asset),
            ),
            extensions(
                ("x-m4sh-rate" = json!(Scope::Upload.name())),
                ("x-m4sh-body-limit" = json!(ASSET_BYTES)),
                ("x-m4sh-errors" = json!(["forbidden", "quota_exceeded", "unsupported_asset", "invalid_asset"])),
            ),
        )]
        fn $upload() {}

        /// A board's assets
        ///
        /// Newest first.
        #[utoipa::path(
            get, path = $path, tag = ASSETS,
            params(("id" = Uuid, Path, description = "The board."), Paging),
            responses((status = 200, description = "A page of them.", body = Page<Asset>)),
            extensions(("x-m4sh-rate" = json!(Scope::SoloUser.name()))),
        )]
        fn $list() {}

        /// An asset
        #[utoipa::path(
            get, path = $board, tag = ASSETS,
            params(("id" = Uuid, Path, description = "The board."), ("sha256" = String, Path, description = "The asset.")),
            responses((status = 200, description = "The asset, with an address of its bytes.", body = Asset)),
            extensions(("x-m4sh-rate" = json!(Scope::SoloUser.name()))),
        )]
        fn $read() {}

        /// Delete an asset
        ///
        /// By who leads here, or by its uploader.
        #[utoipa::path(
            delete, path = $board, tag = ASSETS,
            params(("id" = Uuid, Path, description = "The board."), ("sha256" = String, Path, description = "The asset.")),
            responses((status = 204, description = "Gone.")),
            extensions(("x-m4sh-rate" = json!(Scope::SoloUser.name())), ("x-m4sh-errors" = json!(["forbidden"]))),
        )]
        fn $delete() {}
    )+};
}

asset_operations! {
    "/api/v1/boards/{id}/assets/", "/api/v1/boards/{id}/assets/{sha256}/":
        upload_asset, list_assets, read_asset, delete_asset;
    "/api/v1/solo/sessions/{id}/assets/", "/api/v1/solo/sessions/{id}/assets/{sha256}/":
        upload_session_asset, list_session_assets, read_session_asset, delete_session_asset;
}

/// An object behind a signed URL
///
/// Where objects are in a folder of the server's. The slashes of the key are written as they are. Ranges and `If-None-Match` are
/// honoured.
#[utoipa::path(
    get, path = "/blobs/{key}", tag = ASSETS, security(()),
    params(("key" = String, Path, description = "The object's key, of several segments."), Signature),
    responses(
        (status = 200, description = "The object.", body = File, content_type = "application/octet-stream"),
        (status = 206, description = "The part that `Range` asked for.", body = File, content_type = "application/octet-stream"),
    ),
    extensions(("x-m4sh-errors" = json!(["forbidden", "range_not_satisfiable", "unavailable"]))),
)]
fn read_blob() {}
