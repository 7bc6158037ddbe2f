//! Pictures and documents of a board: uploaded once, referred to in operations as `asset:<sha256>`, read by signed URL
//! (SPEC V10 to V14). Called by the route table. Never trusts what a file claims to be, and gives a URL only to who may read
//! the board.

mod check;
mod form;
mod shapes;
mod structure;

use std::sync::LazyLock;

use actix_web::{
    HttpRequest, dev,
    http::header::{self, HeaderMap},
};
use bytes::Bytes;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use url::form_urlencoded;
use utoipa::IntoParams;
use uuid::Uuid;

use self::shapes::AssetResponse;
use super::{
    Services,
    extract::{PageResponse, Paging, PublicBase, Signed},
    operation::{
        Area, Operation,
        answer::{CreatedOrFound, Json, NoContent},
        argument::{Argument, Call},
        context::Context,
        delete, get,
        params::{Path, describe_all, path_params},
        post,
        schemas::Line,
        signature::Signature,
    },
    problem::Problem,
    solo::BoardPath,
    states::off_thread,
    visible_pictures::VisiblePictures,
};
use crate::{blobs::BlobContent, objects::ObjectUpload};
use m4sh_domain::limits;
use m4sh_domain::{
    access::{EffectiveRights, Permission, Permissions, Role, Visibility},
    ids::{BoardId, UserId},
    rate::Scope,
};
use m4sh_store::{AssetRow, EventCategory::Board, LedgerKind, NewAsset};

pub(super) use shapes::{FileResponse, sha256_of_hex};

/// The name of the section, and what it is about.
pub(super) const SECTION: (&str, &str) =
    ("Assets", "Uploaded once, kept by hash, named in operations as `asset:<sha256>`.");

/// Decoding takes memory and a core: so many at once in the whole process.
static DECODES: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(limits::ASSET_DECODES));

/// Uploads and reads have two paths each: clients of boards and of solo sessions know their own.
pub fn area() -> Area {
    let of_boards = operations(
        ("/boards/{id}/assets", "/boards/{id}/assets/{sha256}"),
        ["upload_asset", "list_assets", "read_asset", "delete_asset"],
    );
    let of_sessions = operations(
        ("/solo/sessions/{id}/assets", "/solo/sessions/{id}/assets/{sha256}"),
        ["upload_session_asset", "list_session_assets", "read_session_asset", "delete_session_asset"],
    );
    Area::new(SECTION.0, SECTION.1, [of_boards, of_sessions].concat()).rate(Scope::SoloUser)
}

fn operations((all, one): (&'static str, &'static str), ids: [&'static str; 4]) -> [Operation; 4] {
    [
        post(all, ids[0], upload_asset)
            .about(
                "Upload an asset",
                "The file as the body with its `Content-Type`, or as the one file of a form. What it is is told by its bytes, \
                 which are checked. 200 when the board has them already.",
            )
            .answers(&["Uploaded.", "Known already."])
            .errors(&["forbidden", "quota_exceeded", "unsupported_asset", "invalid_asset"])
            .rate(Scope::Upload)
            .body_limit(limits::ASSET_BYTES)
            .audit(Board, "asset_uploaded"),
        get(all, ids[1], list_assets).about("A board's assets", "Newest first.").answers(&["A page of them."]),
        get(one, ids[2], read_asset).about("An asset", "").answers(&["The asset, with an address of its bytes."]),
        delete(one, ids[3], delete_asset)
            .about("Delete an asset", "By who leads here, or by its uploader.")
            .answers(&["Gone."])
            .errors(&["forbidden"])
            .audit(Board, "asset_deleted"),
    ]
}

path_params! {
    /// An asset of a board.
    struct AssetPath {
        /// The board.
        id: BoardId,
        /// The asset.
        sha256: String,
    }
}

/// How to call an upload.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "only the description has it")]
struct UploadQuery {
    /// Its name; that of the form's file if there is one.
    #[param(required = false, inline)]
    name: Line,
}

/// A file on its way. It is read when its sender is known to have the right, and has a gate of its own.
struct FilePayload {
    request: HttpRequest,
    payload: dev::Payload,
}

impl Argument for FilePayload {
    fn describe(signature: &mut Signature) {
        describe_all::<UploadQuery>(signature);
        let file = json!({"schema": signature.schemas.of::<FileResponse>()});
        signature.body = Some(json!({
            "description": "PNG, JPEG, GIF, WebP or PDF.",
            "required": true,
            "content": {
                "image/png": file, "image/jpeg": file, "image/gif": file, "image/webp": file, "application/pdf": file,
            },
        }));
    }

    async fn take(context: &mut Context) -> Result<Self, Problem> {
        Ok(Self { request: context.request.clone(), payload: context.payload() })
    }
}

/// A file as it came.
struct Upload {
    bytes: Bytes,
    /// What the client says it is.
    declared: Option<String>,
    name: Option<String>,
}

async fn upload_asset(
    Path(BoardPath { id: board }): Path<BoardPath>,
    base: PublicBase,
    call: Call,
    file: FilePayload,
) -> Result<CreatedOrFound<AssetResponse>, Problem> {
    let place = Place::of(&call.services, board, call.user).await?;
    if !place.can.has(Permission::Upload) {
        return Err(Problem::Forbidden("You may not upload to this board, or its lesson is over."));
    }
    let upload = form::read(&file.request, file.payload).await?;
    let name = shapes::name(upload.name.as_deref())?;
    let StoredAsset { row, is_new } = store(&call.services, board, &place, call.user, upload, name).await?;
    call.audit.node(board.0);
    call.audit.note("asset", shapes::hex(&row.sha256));
    call.audit.note("bytes", row.size);
    let body = AssetResponse::of(&call.services, row, &base).await?;
    Ok(if is_new { CreatedOrFound::Created(body) } else { CreatedOrFound::Found(body) })
}

async fn list_assets(
    Path(BoardPath { id }): Path<BoardPath>,
    base: PublicBase,
    _: Signed,
    paging: Paging,
    call: Call,
) -> Result<Json<PageResponse<AssetResponse>>, Problem> {
    let (services, who) = (&call.services, call.user);
    let place = Place::of(services, id, who).await?;
    let page = paging.page();
    let (count, rows) = match services.pictures_for(id, who, place.visibility).await? {
        VisiblePictures::All => services.store.list_assets(id, page).await?,
        VisiblePictures::Named(named, _) => {
            let named: Vec<_> = named.into_iter().collect();
            services.store.list_named_assets(id, page, &named, who).await?
        }
    };
    let mut results = Vec::with_capacity(rows.len());
    for row in rows {
        results.push(AssetResponse::of(services, row, &base).await?);
    }
    Ok(Json(paging.response(page, count, results)))
}

async fn read_asset(Path(path): Path<AssetPath>, base: PublicBase, call: Call) -> Result<Json<AssetResponse>, Problem> {
    let place = Place::of(&call.services, path.id, call.user).await?;
    let row = found(&call.services, path.id, &path.sha256, &place, call.user).await?;
    AssetResponse::of(&call.services, row, &base).await.map(Json)
}

/// By who leads here, or by its uploader while they may upload.
async fn delete_asset(Path(path): Path<AssetPath>, call: Call) -> Result<NoContent, Problem> {
    let (services, who) = (&call.services, call.user);
    let place = Place::of(services, path.id, who).await?;
    let row = found(services, path.id, &path.sha256, &place, who).await?;
    let own = row.author == Some(who) && place.can.has(Permission::Upload);
    if !own && !place.role.leads() {
        return Err(Problem::Forbidden("Only its uploader, the owner or a tutor may delete this asset."));
    }
    call.audit.node(path.id.0);
    call.audit.note("asset", path.sha256);
    let is_deleted = services.store.delete_asset(path.id, &row.sha256).await?;
    is_deleted.then_some(NoContent).ok_or(Problem::NotFound)
}

/// What somebody is on a board, and whose it is.
struct Place {
    owner: UserId,
    role: Role,
    can: Permissions,
    visibility: Visibility,
}

impl Place {
    async fn of(services: &Services, board: BoardId, who: UserId) -> Result<Self, Problem> {
        let (access, standing) = services.standing(board, who).await?;
        let EffectiveRights { role, can, .. } = standing;
        Ok(Self { owner: access.owner, role, can, visibility: standing.visibility(who) })
    }
}

/// The asset of an upload, and whether the board has it only now.
struct StoredAsset {
    row: AssetRow,
    is_new: bool,
}

async fn store(
    services: &Services,
    board: BoardId,
    place: &Place,
    who: UserId,
    upload: Upload,
    name: String,
) -> Result<StoredAsset, Problem> {
    let Upload { bytes, declared, .. } = upload;
    let checked_bytes = bytes.clone();
    let permit = DECODES.acquire().await.map_err(|error| Problem::Internal(error.to_string()))?;
    let (checked, sha256): (_, [u8; 32]) = off_thread(move || {
        let checked = check::checked(&checked_bytes, declared.as_deref())?;
        Ok::<_, Problem>((checked, Sha256::digest(&checked_bytes).into()))
    })
    .await??;
    drop(permit);
    if let Some(row) = services.store.asset(board, &sha256).await? {
        return Ok(StoredAsset { row, is_new: false });
    }
    let upload = ObjectUpload {
        reference: Uuid::now_v7(),
        key: format!("solo/{}/{board}/assets/{}", place.owner, shapes::hex(&sha256)),
        media_type: checked.media_type.to_owned(),
        charge: Some((place.owner, LedgerKind::Asset)),
        metadata: vec![("session_id", board.to_string())],
    };
    let uploaded = services.objects.upload(upload, BlobContent::Bytes(bytes)).await?;
    let new = NewAsset { board, name, pixels: checked.pixels, pages: checked.pages, author: who };
    match services.store.add_asset(&new, &uploaded).await {
        Ok(Some(row)) => Ok(StoredAsset { row, is_new: true }),
        // Somebody was faster with the same bytes.
        Ok(None) => {
            services.objects.abandon(&uploaded).await;
            let row = services.store.asset(board, &sha256).await?.ok_or(Problem::NotFound)?;
            Ok(StoredAsset { row, is_new: false })
        }
        Err(error) => {
            services.objects.abandon(&uploaded).await;
            Err(error.into())
        }
    }
}

/// An asset that `who` may know of.
async fn found(
    services: &Services,
    board: BoardId,
    asset: &str,
    place: &Place,
    who: UserId,
) -> Result<AssetRow, Problem> {
    let sha256 = shapes::sha256(asset).ok_or(Problem::NotFound)?;
    let row = services.store.asset(board, &sha256).await?.ok_or(Problem::NotFound)?;
    let may = services.pictures_for(board, who, place.visibility).await?.has(&row.sha256, row.author);
    may.then_some(row).ok_or(Problem::NotFound)
}

/// The name in the address's query.
fn name_in_query(request: &HttpRequest) -> Option<String> {
    let mut pairs = form_urlencoded::parse(request.query_string().as_bytes());
    pairs.find(|(name, _)| name == "name").map(|(_, value)| value.into_owned())
}

/// The media type of a header, without its parameters.
fn media_type(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::CONTENT_TYPE)?.to_str().unwrap_or("?");
    Some(text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}
