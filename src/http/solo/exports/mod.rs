//! Exports: asked for, polled, listed, deleted (contract/boards.md 2.6).
//! Called by the route table. Never makes a file: `jobs` does, and the answers tell how far it is.

mod link;
mod shown;
mod wanted;

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use super::Id;
use crate::{
    board_history,
    http::{
        Services,
        audit::AuditContext,
        extract::{Paging, PublicBase, Signed, SignedBody, SmallBody, idempotency_key},
        problem::Problem,
    },
    jobs::{Enqueued, ExportParams, JobHandler, NewJob, export::ExportJob},
};
use m4sh_domain::access::Permission;
use m4sh_domain::limits;
use m4sh_domain::{
    board::BoardRefusal,
    ids::{BoardId, Rev, UserId},
    rate::Scope,
};
use m4sh_store::{ExportRow, JobStatus};

pub use link::{Download, for_link, of_board};
use wanted::Wanted;

type ExportId = web::Path<(Uuid,)>;

/// `POST /solo/sessions/{id}/export/`: a file of the newest saved revision or of an earlier one. A small one is done
/// when this answers.
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
    services.limiter.check(Scope::SoloExport, who)?;
    let key = idempotency_key(request.headers())?;
    let wanted = Wanted::read(&body.bytes)?;
    let owner = services.exportable(board, who).await?;
    let asked = Asked { board, who, owner, key: key.map(Into::into), fingerprint: wanted.fingerprint() };
    let (status, id) = match services.export_known(&asked).await? {
        Some(known) => (StatusCode::OK, known),
        None => {
            let params = services.export_params(board, wanted).await?;
            services.ask_for_export(asked, params).await?
        }
    };
    trail.note("export", id.to_string());
    if status == StatusCode::CREATED {
        services.jobs.finished(id, limits::EXPORT_WAIT).await?;
    }
    let row = services.store.export(id, who).await?.ok_or(Problem::NotFound)?;
    trail.data(json!({ "format": row.format, "rev": row.rev.0 }));
    Ok(HttpResponse::build(status).json(shown::Export::of(&services, &base, &row).await?))
}

/// `GET /exports/{id}/`.
pub async fn read(
    services: web::Data<Services>,
    path: ExportId,
    base: PublicBase,
    Signed(who): Signed,
) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::SoloUser, who.user)?;
    let row = services.store.export(path.0, who.user).await?.ok_or(Problem::NotFound)?;
    Ok(HttpResponse::Ok().json(shown::Export::of(&services, &base, &row).await?))
}

/// `GET /solo/sessions/{id}/exports/`: one's own of this board, or all of them for its owner; newest first.
pub async fn list(
    services: web::Data<Services>,
    path: Id,
    base: PublicBase,
    Signed(who): Signed,
    paging: Paging,
) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::SoloUser, who.user)?;
    services.store.board_summary(path.0, who.user).await?.ok_or(Problem::NotFound)?;
    let page = paging.page();
    let (count, rows) = services.store.exports(path.0, who.user, page).await?;
    let mut results = Vec::with_capacity(rows.len());
    for row in &rows {
        results.push(shown::Export::of(&services, &base, row).await?);
    }
    Ok(paging.answer(page, count, results))
}

/// `DELETE /exports/{id}/`: frees what it costs.
pub async fn delete(
    services: web::Data<Services>,
    path: ExportId,
    trail: AuditContext,
    Signed(who): Signed,
) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::SoloUser, who.user)?;
    let board = services.store.delete_export(path.0, who.user).await?.ok_or(Problem::NotFound)?;
    trail.node(board.0);
    trail.note("export", path.0.to_string());
    Ok(HttpResponse::NoContent().finish())
}

/// Who asks for an export of what, and under which name.
struct Asked {
    board: BoardId,
    who: UserId,
    /// Who pays.
    owner: UserId,
    key: Option<String>,
    fingerprint: [u8; 32],
}

impl Services {
    /// The owner of a board that `who` may export.
    async fn exportable(&self, board: BoardId, who: UserId) -> Result<UserId, Problem> {
        let (access, standing) = self.standing(board, who).await?;
        standing
            .can
            .has(Permission::Export)
            .then_some(access.owner)
            .ok_or(Problem::Forbidden("You may not export this board."))
    }

    /// The export that was asked for under this key before. One that failed or expired gives its key back.
    async fn export_known(&self, asked: &Asked) -> Result<Option<Uuid>, Problem> {
        let Some(key) = &asked.key else { return Ok(None) };
        let Some((row, fingerprint)) = self.store.export_asked(asked.who, asked.board, key).await? else {
            return Ok(None);
        };
        if row.status == JobStatus::Failed || is_expired(&row, Timestamp::now()) {
            self.store.free_export_key(asked.who, asked.board, key).await?;
            return Ok(None);
        }
        if fingerprint == asked.fingerprint { Ok(Some(row.id)) } else { Err(BoardRefusal::KeyReused.into()) }
    }

    /// Checks that the revision and the page exist and are small enough, so that the asker is told at once.
    async fn export_params(&self, board: BoardId, wanted: Wanted) -> Result<ExportParams, Problem> {
        let past =
            board_history::document_at(&self.store, board, wanted.rev.map(Rev)).await?.ok_or(Problem::UnknownRev)?;
        let bytes = past.document.byte_len();
        if bytes > limits::EXPORT_STATE {
            return Err(Problem::SessionTooLarge { bytes });
        }
        if wanted.page.is_some_and(|page| page >= past.page_count) {
            return Err(Wanted::no_such_page(past.page_count));
        }
        Ok(ExportParams { format: wanted.format, rev: past.rev.0, page: wanted.page, public: false })
    }

    async fn ask_for_export(&self, asked: Asked, params: ExportParams) -> Result<(StatusCode, Uuid), Problem> {
        self.has_room(asked.owner).await?;
        let job = NewJob {
            id: Uuid::now_v7(),
            kind: ExportJob::KIND,
            account: Some(asked.who),
            node: Some(asked.board),
            key: asked.key,
            fingerprint: Some(asked.fingerprint),
            params: serde_json::to_value(params).map_err(|error| Problem::Internal(error.to_string()))?,
            expires_at: Some(Timestamp::now() + limits::EXPORT_LIFE),
        };
        match self.jobs.enqueue(job).await? {
            Enqueued::New(row) => Ok((StatusCode::CREATED, row.id)),
            // Somebody asked at the same moment.
            Enqueued::Known(row) if row.fingerprint == Some(asked.fingerprint) => Ok((StatusCode::OK, row.id)),
            Enqueued::Known(_) => Err(BoardRefusal::KeyReused.into()),
        }
    }

    /// Refuses beforehand what could not be kept anyway: an account that is full stays full.
    async fn has_room(&self, owner: UserId) -> Result<(), Problem> {
        let usage = self.store.usage(owner).await?.ok_or(Problem::NotFound)?;
        let used = usage.used + usage.reserved;
        if usage.quota > 0 && used >= usage.quota {
            return Err(Problem::QuotaExceeded { used, quota: usage.quota });
        }
        Ok(())
    }
}

fn is_expired(row: &ExportRow, now: Timestamp) -> bool {
    row.expires_at.is_some_and(|end| end <= now)
}
