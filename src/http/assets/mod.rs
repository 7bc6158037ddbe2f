//! Pictures and documents of a board: uploaded once, referred to in operations as `asset:<sha256>`, read by signed URL.
//! Called by the route table. Never believes what a file says it is, and gives a URL only to who may read the board.

mod check;
mod form;
mod shapes;
mod structure;

use std::sync::LazyLock;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, HeaderMap},
    web,
};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use url::form_urlencoded;
use uuid::Uuid;

use self::shapes::Shown;
use super::{
    Services,
    audit::AuditContext,
    extract::{Paging, PublicBase, Signed},
    problem::Problem,
    visible_pictures::VisiblePictures,
};
use crate::{blobs::BlobContent, objects::ObjectUpload};
use m4sh_domain::limits;
use m4sh_domain::{
    access::{EffectiveRights, Permission, Permissions, Role, Visibility},
    ids::{BoardId, UserId},
    rate::Scope,
};
use m4sh_store::{AssetRow, LedgerKind, NewAsset};

type Id = web::Path<(BoardId,)>;
type OneOf = web::Path<(BoardId, String)>;

/// Decoding takes memory and a core: so many at once in the whole process.
static DECODES: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(limits::ASSET_DECODES));

/// A file as it came.
struct Upload {
    bytes: Bytes,
    /// What the client says it is.
    declared: Option<String>,
    name: Option<String>,
}

/// `POST /boards/{id}/assets/`: the file as the body with its `Content-Type` (and `?name=`), or as the one file of a
/// form. 201, or 200 when the board has these bytes already.
pub async fn upload(
    services: web::Data<Services>,
    path: Id,
    trail: AuditContext,
    base: PublicBase,
    Signed(who): Signed,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::Upload, who.user)?;
    let board = path.0;
    let place = Place::of(&services, board, who.user).await?;
    if !place.can.has(Permission::Upload) {
        return Err(Problem::Forbidden("You may not upload to this board, or its lesson is over."));
    }
    let upload = form::read(&request, payload.into_inner()).await?;
    let name = shapes::name(upload.name.as_deref())?;
    let asset = keep(&services, board, &place, who.user, upload, name).await?;
    trail.node(board.0);
    trail.note("asset", shapes::hex(&asset.row.sha256));
    trail.note("bytes", asset.row.size);
    let mut answer = if asset.is_new { HttpResponse::Created() } else { HttpResponse::Ok() };
    Ok(answer.json(Shown::of(&services, &asset.row, &base).await?))
}

/// `GET /boards/{id}/assets/`: the newest first.
pub async fn list(
    services: web::Data<Services>,
    path: Id,
    base: PublicBase,
    Signed(who): Signed,
    paging: Paging,
) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::SoloUser, who.user)?;
    let place = Place::of(&services, path.0, who.user).await?;
    let page = paging.page();
    let (count, rows) = match services.pictures_for(path.0, who.user, place.eyes).await? {
        VisiblePictures::All => services.store.list_assets(path.0, page).await?,
        VisiblePictures::Named(named, _) => {
            let named: Vec<_> = named.into_iter().collect();
            services.store.list_named_assets(path.0, page, &named, who.user).await?
        }
    };
    let mut shown = Vec::with_capacity(rows.len());
    for row in &rows {
        shown.push(Shown::of(&services, row, &base).await?);
    }
    Ok(paging.answer(page, count, shown))
}

/// `GET /boards/{id}/assets/{sha256}/`.
pub async fn read(
    services: web::Data<Services>,
    path: OneOf,
    base: PublicBase,
    Signed(who): Signed,
) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::SoloUser, who.user)?;
    let (board, asset) = path.into_inner();
    let place = Place::of(&services, board, who.user).await?;
    let row = found(&services, board, &asset, &place, who.user).await?;
    Ok(HttpResponse::Ok().json(Shown::of(&services, &row, &base).await?))
}

/// `DELETE /boards/{id}/assets/{sha256}/`: by who leads here, or by its uploader while they may upload.
pub async fn delete(
    services: web::Data<Services>,
    path: OneOf,
    trail: AuditContext,
    Signed(who): Signed,
) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::SoloUser, who.user)?;
    let (board, asset) = path.into_inner();
    let place = Place::of(&services, board, who.user).await?;
    let row = found(&services, board, &asset, &place, who.user).await?;
    let own = row.author == Some(who.user) && place.can.has(Permission::Upload);
    if !own && !place.role.leads() {
        return Err(Problem::Forbidden("Only its uploader, the owner or a tutor may delete this asset."));
    }
    trail.node(board.0);
    trail.note("asset", asset);
    if services.store.delete_asset(board, &row.sha256).await? {
        Ok(HttpResponse::NoContent().finish())
    } else {
        Err(Problem::NotFound)
    }
}

/// What somebody is on a board, and whose it is.
struct Place {
    owner: UserId,
    role: Role,
    can: Permissions,
    eyes: Visibility,
}

impl Place {
    async fn of(services: &Services, board: BoardId, who: UserId) -> Result<Self, Problem> {
        let (access, standing) = services.standing(board, who).await?;
        let EffectiveRights { role, can, .. } = standing;
        Ok(Self { owner: access.owner, role, can, eyes: standing.visibility(who) })
    }
}

struct Kept {
    row: AssetRow,
    is_new: bool,
}

async fn keep(
    services: &Services,
    board: BoardId,
    place: &Place,
    who: UserId,
    upload: Upload,
    name: String,
) -> Result<Kept, Problem> {
    let Upload { bytes, declared, .. } = upload;
    let seen = bytes.clone();
    let permit = DECODES.acquire().await.map_err(|error| Problem::Internal(error.to_string()))?;
    let look = move || Ok::<_, Problem>((check::checked(&seen, declared.as_deref())?, Sha256::digest(&seen).into()));
    let looked: (check::Checked, [u8; 32]) =
        web::block(look).await.map_err(|error| Problem::Internal(error.to_string()))??;
    drop(permit);
    let (checked, sha256) = looked;
    if let Some(row) = services.store.asset(board, &sha256).await? {
        return Ok(Kept { row, is_new: false });
    }
    let deposit = ObjectUpload {
        reference: Uuid::now_v7(),
        key: format!("solo/{}/{board}/assets/{}", place.owner, shapes::hex(&sha256)),
        media_type: checked.media_type.to_owned(),
        charge: Some((place.owner, LedgerKind::Asset)),
        metadata: vec![("session_id", board.to_string())],
    };
    let deposited = services.objects.upload(deposit, BlobContent::Bytes(bytes)).await?;
    let new = NewAsset { board, name, pixels: checked.pixels, pages: checked.pages, author: who };
    match services.store.add_asset(&new, &deposited).await {
        Ok(Some(row)) => Ok(Kept { row, is_new: true }),
        // Somebody was faster with the same bytes.
        Ok(None) => {
            services.objects.abandon(&deposited).await;
            let row = services.store.asset(board, &sha256).await?.ok_or(Problem::NotFound)?;
            Ok(Kept { row, is_new: false })
        }
        Err(error) => {
            services.objects.abandon(&deposited).await;
            Err(error.into())
        }
    }
}

/// An asset that the asker may know of.
async fn found(
    services: &Services,
    board: BoardId,
    asset: &str,
    place: &Place,
    who: UserId,
) -> Result<AssetRow, Problem> {
    let sha256 = shapes::sha256(asset).ok_or(Problem::NotFound)?;
    let row = services.store.asset(board, &sha256).await?.ok_or(Problem::NotFound)?;
    let may = services.pictures_for(board, who, place.eyes).await?.has(&row.sha256, row.author);
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
