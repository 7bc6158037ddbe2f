//! Snapshots of a board: taken, listed, pinned, deleted, restored (contract/boards.md 2.5).
//! Called by the route table. Never restores by itself: a restored state goes through the board like any other save.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use serde::Serialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{Id, detail};
use crate::{
    actors::board::ReplaceState,
    actors::messages::Save,
    board_history,
    http::{
        Services,
        audit::AuditContext,
        extract::{Paging, PublicBase, Signed, SignedBody, SmallBody, base_when_given, idempotency_key},
        fields::Fields,
        once::once,
        problem::Problem,
        times,
    },
    jobs::snapshots::SnapshotRequest,
    objects::ObjectError,
};
use m4sh_domain::limits;
use m4sh_domain::{
    access::Role,
    ids::{BoardId, Rev, UserId},
    rate::Scope,
};
use m4sh_store::{BoardAccess, DeleteSnapshotResult, SnapshotOrigin, SnapshotRow};

type OfBoard = web::Path<(BoardId, u64)>;

/// A snapshot in a list.
#[derive(Serialize)]
struct Shown {
    rev: u64,
    size: u64,
    origin: &'static str,
    author: Option<UserId>,
    note: String,
    pinned: bool,
    created_at: String,
    url: String,
}

/// `POST …/snapshot/`: the committed state as an object of its own; the same revision again is the same snapshot.
pub async fn create(
    services: web::Data<Services>,
    path: Id,
    request: HttpRequest,
    base: PublicBase,
    trail: AuditContext,
    body: SignedBody<SmallBody>,
) -> Result<HttpResponse, Problem> {
    let (board, who) = (path.0, body.who.user);
    trail.node(board.0);
    services.limiter.check(Scope::SoloUser, who)?;
    let key = idempotency_key(request.headers())?;
    let mut fields = Fields::parse(&body.bytes)?;
    let note = fields.text("note", limits::NOTE_CHARS).unwrap_or_default();
    fields.finish()?;
    let access = services.led_board(board, who).await?;
    let scope = format!("snapshot/{board}");
    let fingerprint = Sha256::digest(&body.bytes).into();
    once(&services, who, &scope, key.as_deref(), fingerprint, limits::ANSWER_LIFE, async || {
        let view = services.directory.boards().read(board, who).await?;
        let origin = SnapshotOrigin::Manual;
        let (owner, rev, state, author) = (access.owner, view.rev, view.state, Some(who));
        let picture = SnapshotRequest { board, owner, rev, state, origin, author, note };
        let row = services.snapshots.save(picture).await?;
        trail.note("rev", row.rev.0);
        Ok((StatusCode::CREATED, json!({"rev": row.rev.0, "url": services.snapshot_url(&base, &row).await?})))
    })
    .await
}

/// `GET …/snapshot/latest/`: the newest there is.
pub async fn latest(
    services: web::Data<Services>,
    path: Id,
    Signed(who): Signed,
    base: PublicBase,
) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::SoloUser, who.user)?;
    services.shown_board(path.0, who.user).await?;
    let row = services.store.newest_snapshot(path.0).await?.ok_or(Problem::NotFound)?;
    let url = services.snapshot_url(&base, &row).await?;
    Ok(HttpResponse::Ok().json(json!({"rev": row.rev.0, "url": url})))
}

/// `GET …/snapshots/`: all of them, the newest first.
pub async fn list(
    services: web::Data<Services>,
    path: Id,
    Signed(who): Signed,
    base: PublicBase,
    paging: Paging,
) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::SoloUser, who.user)?;
    services.shown_board(path.0, who.user).await?;
    let page = paging.page();
    let (count, rows) = services.store.snapshots(path.0, page).await?;
    let mut shown = Vec::with_capacity(rows.len());
    for row in rows {
        shown.push(services.shown(&base, row).await?);
    }
    Ok(paging.answer(page, count, shown))
}

/// `GET …/snapshots/{rev}/`.
pub async fn read(
    services: web::Data<Services>,
    path: OfBoard,
    Signed(who): Signed,
    base: PublicBase,
) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::SoloUser, who.user)?;
    let (board, rev) = (path.0, Rev(path.1));
    services.shown_board(board, who.user).await?;
    let row = services.store.snapshot(board, rev).await?.ok_or(Problem::NotFound)?;
    Ok(HttpResponse::Ok().json(services.shown(&base, row).await?))
}

/// `PATCH …/snapshots/{rev}/`: pins, unpins, notes.
pub async fn change(
    services: web::Data<Services>,
    path: OfBoard,
    base: PublicBase,
    trail: AuditContext,
    body: SignedBody<SmallBody>,
) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::SoloUser, body.who.user)?;
    let (board, rev) = noted(&trail, &path);
    let mut fields = Fields::parse(&body.bytes)?;
    let note = fields.text("note", limits::NOTE_CHARS);
    let pinned = fields.value("pinned").and_then(|value| {
        let pinned = value.as_bool();
        if pinned.is_none() {
            fields.fault("pinned", "Must be a valid boolean.");
        }
        pinned
    });
    fields.finish()?;
    services.led_board(board, body.who.user).await?;
    let row = services.store.edit_snapshot(board, rev, pinned, note.as_deref()).await?.ok_or(Problem::NotFound)?;
    Ok(HttpResponse::Ok().json(services.shown(&base, row).await?))
}

/// `DELETE …/snapshots/{rev}/`: unless it is pinned. Its bytes are free at once, its object goes with the next sweep.
pub async fn delete(
    services: web::Data<Services>,
    path: OfBoard,
    trail: AuditContext,
    Signed(who): Signed,
) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::SoloUser, who.user)?;
    let (board, rev) = noted(&trail, &path);
    services.led_board(board, who.user).await?;
    match services.store.delete_snapshot(board, rev).await? {
        DeleteSnapshotResult::Done => Ok(HttpResponse::NoContent().finish()),
        DeleteSnapshotResult::Pinned => Err(Problem::Pinned),
        DeleteSnapshotResult::Missing => Err(Problem::NotFound),
    }
}

/// `POST …/snapshots/{rev}/restore/`: the state of then as a new revision; nothing in between is lost.
pub async fn restore(
    services: web::Data<Services>,
    path: OfBoard,
    request: HttpRequest,
    trail: AuditContext,
    Signed(who): Signed,
) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::SoloUser, who.user)?;
    let ((board, rev), who) = (noted(&trail, &path), who.user);
    let key = idempotency_key(request.headers())?;
    services.led_board(board, who).await?;
    services.store.snapshot(board, rev).await?.ok_or(Problem::NotFound)?;
    let past = board_history::document_at(&services.store, board, Some(rev)).await?.ok_or(Problem::NotFound)?;
    let save = Save::new(who, base_when_given(request.headers()), key, ReplaceState(past.document));
    let saved = services.directory.boards().save(board, save).await?;
    Ok(detail::whole(&saved, Some(rev)))
}

/// The snapshot that a path names, noted for the event log.
fn noted(trail: &AuditContext, path: &OfBoard) -> (BoardId, Rev) {
    let (board, rev) = (path.0, Rev(path.1));
    trail.node(board.0);
    trail.note("rev", rev.0);
    (board, rev)
}

impl Services {
    /// Passes for those who may be given a whole state of a board.
    async fn shown_board(&self, board: BoardId, who: UserId) -> Result<(), Problem> {
        let (_, standing) = self.standing(board, who).await?;
        self.may_have_whole_states(board, standing.visibility(who)).await
    }

    /// A board that `who` may look at, and what they are to it.
    async fn seen_board(&self, board: BoardId, who: UserId) -> Result<(BoardAccess, Role), Problem> {
        let (access, standing) = self.standing(board, who).await?;
        Ok((access, standing.role))
    }

    /// A board of one's own, or of a class that one leads.
    async fn led_board(&self, board: BoardId, who: UserId) -> Result<BoardAccess, Problem> {
        let (access, role) = self.seen_board(board, who).await?;
        let may = role.leads() || access.owner == who;
        if may { Ok(access) } else { Err(Problem::Forbidden("Only who leads this board may do this.")) }
    }

    async fn snapshot_url(&self, base: &PublicBase, row: &SnapshotRow) -> Result<String, Problem> {
        Ok(self
            .objects
            .blobs()
            .signed_url(&row.key, limits::SNAPSHOT_URL_LIFE, &base.0)
            .await
            .map_err(ObjectError::from)?)
    }

    async fn shown(&self, base: &PublicBase, row: SnapshotRow) -> Result<Shown, Problem> {
        let url = self.snapshot_url(base, &row).await?;
        Ok(Shown {
            rev: row.rev.0,
            size: row.size,
            origin: row.origin.name(),
            author: row.author,
            note: row.note,
            pinned: row.pinned,
            created_at: times::utc_field(row.created_at),
            url,
        })
    }
}
