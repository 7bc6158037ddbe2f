//! Exports: requested, polled, listed, deleted (SPEC E30 to E40).
//! Called by the route table. Never makes a file: `jobs` does, and the answers tell how far it is.

mod link;
mod requested;
mod shown;

use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use super::BoardPath;
use crate::{
    board_history,
    http::{
        Services,
        extract::{PageResponse, Paging, PublicBase, Signed},
        operation::{
            Operation,
            answer::{CreatedOrFound, Json, NoContent},
            argument::{Call, IdempotencyHeader},
            body::Body,
            delete, get,
            params::{Path, path_params},
            post,
        },
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
use m4sh_store::{EventCategory::Board, ExportRow, JobStatus};

pub use link::{Download, for_link, of_board};
use requested::RequestedExport;
pub use shown::ExportFormatResponse;
use shown::ExportResponse;

/// Exports of boards.
pub fn operations() -> [Operation; 4] {
    [
        post("/solo/sessions/{id}/export", "export_board", export_board)
            .about(
                "Export a board",
                "Waits a second for the file; ask again by `id` until it is `completed` or `failed`. A key that is sent again \
                 gives the same export; one that failed or expired gives its key back.",
            )
            .answers(&["Asked for, and perhaps done.", "Asked for before, under this key."])
            .errors(&[
                "invalid_format",
                "forbidden",
                "quota_exceeded",
                "unknown_rev",
                "not_found",
                "session_too_large",
                "key_reused",
            ])
            .links(|| json!({"poll": {"operationId": "read_export", "parameters": {"id": "$response.body#/id"}}}))
            .rate(Scope::SoloExport)
            .audit(Board, "export_requested"),
        get("/solo/sessions/{id}/exports", "list_exports", list_exports)
            .about("Exports of a board", "One's own, or all of them for its owner; newest first.")
            .answers(&["A page of them."]),
        get("/exports/{id}", "read_export", read_export).about("How far an export is", "").answers(&["The export."]),
        delete("/exports/{id}", "delete_export", delete_export)
            .about("Delete an export", "Frees what its file costs.")
            .answers(&["Deleted."])
            .audit(Board, "export_deleted"),
    ]
}

path_params! {
    /// An export.
    struct ExportPath {
        /// The export.
        id: Uuid,
    }
}

async fn export_board(
    Path(BoardPath { id: board }): Path<BoardPath>,
    base: PublicBase,
    call: Call,
    IdempotencyHeader(key): IdempotencyHeader,
    Body(wanted): Body<RequestedExport>,
) -> Result<CreatedOrFound<ExportResponse>, Problem> {
    let (services, who) = (&call.services, call.user);
    call.audit.node(board.0);
    let owner = services.exportable(board, who).await?;
    let asked = ExportKey { board, who, owner, key: key.map(Into::into), fingerprint: wanted.fingerprint() };
    let asked = match services.export_known(&asked).await? {
        Some(known) => CreatedOrFound::Found(known),
        None => {
            let params = services.export_params(board, wanted).await?;
            services.ask_for_export(asked, params).await?
        }
    };
    let (CreatedOrFound::Created(id) | CreatedOrFound::Found(id)) = asked;
    call.audit.note("export", id.to_string());
    if matches!(asked, CreatedOrFound::Created(_)) {
        services.jobs.finished(id, limits::EXPORT_WAIT).await?;
    }
    let row = services.store.export(id, who).await?.ok_or(Problem::NotFound)?;
    call.audit.data(json!({ "format": row.format, "rev": row.rev.0 }));
    let body = ExportResponse::of(services, &base, row).await?;
    Ok(match asked {
        CreatedOrFound::Created(_) => CreatedOrFound::Created(body),
        CreatedOrFound::Found(_) => CreatedOrFound::Found(body),
    })
}

async fn read_export(
    Path(ExportPath { id }): Path<ExportPath>,
    base: PublicBase,
    call: Call,
) -> Result<Json<ExportResponse>, Problem> {
    let row = call.services.store.export(id, call.user).await?.ok_or(Problem::NotFound)?;
    ExportResponse::of(&call.services, &base, row).await.map(Json)
}

async fn list_exports(
    Path(BoardPath { id }): Path<BoardPath>,
    base: PublicBase,
    _: Signed,
    paging: Paging,
    call: Call,
) -> Result<Json<PageResponse<ExportResponse>>, Problem> {
    call.services.store.board_summary(id, call.user).await?.ok_or(Problem::NotFound)?;
    let page = paging.page();
    let (count, rows) = call.services.store.exports(id, call.user, page).await?;
    let mut results = Vec::with_capacity(rows.len());
    for row in rows {
        results.push(ExportResponse::of(&call.services, &base, row).await?);
    }
    Ok(Json(paging.response(page, count, results)))
}

async fn delete_export(Path(ExportPath { id }): Path<ExportPath>, call: Call) -> Result<NoContent, Problem> {
    let board = call.services.store.delete_export(id, call.user).await?.ok_or(Problem::NotFound)?;
    call.audit.node(board.0);
    call.audit.note("export", id.to_string());
    Ok(NoContent)
}

/// Who requests an export of what, and under which key.
struct ExportKey {
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
    async fn export_known(&self, asked: &ExportKey) -> Result<Option<Uuid>, Problem> {
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

    /// Checks that the revision and the page exist and are small enough, so that a refusal is answered at once.
    async fn export_params(&self, board: BoardId, wanted: RequestedExport) -> Result<ExportParams, Problem> {
        let past =
            board_history::document_at(&self.store, board, wanted.rev.map(Rev)).await?.ok_or(Problem::UnknownRev)?;
        let bytes = past.document.byte_len();
        if bytes > limits::EXPORT_STATE {
            return Err(Problem::SessionTooLarge { bytes });
        }
        if wanted.page.is_some_and(|page| page >= past.page_count) {
            return Err(RequestedExport::no_such_page(past.page_count));
        }
        Ok(ExportParams { format: wanted.format, rev: past.rev.0, page: wanted.page, public: false })
    }

    async fn ask_for_export(&self, asked: ExportKey, params: ExportParams) -> Result<CreatedOrFound<Uuid>, Problem> {
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
            Enqueued::New(row) => Ok(CreatedOrFound::Created(row.id)),
            // The same request came at the same moment.
            Enqueued::Known(row) if row.fingerprint == Some(asked.fingerprint) => Ok(CreatedOrFound::Found(row.id)),
            Enqueued::Known(_) => Err(BoardRefusal::KeyReused.into()),
        }
    }

    /// Refuses beforehand what could not be stored anyway: an account that is full stays full.
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
