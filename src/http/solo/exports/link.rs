//! An export for somebody without an account who may download a shared board: made once for each revision and format.
//! Called by the routes of share links, which have proven the right. Never makes a second job for what one is under way.

use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use super::{ExportKey, requested::RequestedExport, shown};
use crate::{
    http::{Services, extract::PublicBase, operation::answer::CreatedOrFound, problem::Problem},
    jobs::{ExportFormat, ExportParams},
};
use m4sh_domain::ids::BoardId;
use m4sh_domain::limits;
use m4sh_store::JobStatus;

/// When to come back for a file that is still being made.
const COME_BACK: Duration = Duration::from_secs(3);

/// What a visitor is told when the owner's quota does not hold the file.
const NO_ROOM: &str = "The owner of this board has no room left for the file.";

/// Where a download is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Download {
    /// At this signed address, for `limits::EXPORT_LINK_LIFE` at most.
    Ready {
        /// Where a browser gets it.
        url: String,
    },
    /// Not made yet: the same request finds it later (202 with `Retry-After`).
    Later {
        /// When to try again.
        wait: Duration,
    },
}

/// The newest saved revision of `board` in `format`, charged to the board's owner. Waits `limits::RENDER_WAIT` at most.
///
/// # Errors
/// 404 for a board that is gone, 413 `session_too_large`, 422 `export_failed` with the reason, 503 when something is
/// away.
pub async fn for_link(
    services: &Services,
    base: &PublicBase,
    board: BoardId,
    format: ExportFormat,
) -> Result<Download, Problem> {
    made(services, base, board, RequestedExport { format, rev: None, page: None }, Audience::Public).await
}

/// The same of a revision, for somebody from whom nothing on the board is hidden.
///
/// # Errors
/// As [`for_link`]; 404 `unknown_rev`.
pub async fn of_board(
    services: &Services,
    base: &PublicBase,
    board: BoardId,
    format: ExportFormat,
    rev: Option<u64>,
) -> Result<Download, Problem> {
    made(services, base, board, RequestedExport { format, rev, page: None }, Audience::Leaders).await
}

/// For whom a file is made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Audience {
    /// Visitors with a link: only what is hidden from nobody.
    Public,
    /// Those who see all of it.
    Leaders,
}

async fn made(
    services: &Services,
    base: &PublicBase,
    board: BoardId,
    wanted: RequestedExport,
    audience: Audience,
) -> Result<Download, Problem> {
    let owner = services.store.board_access(board).await?.ok_or(Problem::NotFound)?.owner;
    let public = audience == Audience::Public;
    let params = ExportParams { public, ..services.export_params(board, wanted).await? };
    // The space keeps such keys apart from keys of clients, which have none.
    let word = if public { "link" } else { "room" };
    let key = Some(format!("{word} {} {}", wanted.format.name(), params.rev));
    let wanted = RequestedExport { rev: None, ..wanted };
    let asked = ExportKey { board, who: owner, owner, key, fingerprint: wanted.fingerprint() };
    let id: Uuid = match services.export_known(&asked).await? {
        Some(id) => id,
        None => match services.ask_for_export(asked, params).await {
            Ok(CreatedOrFound::Created(id) | CreatedOrFound::Found(id)) => id,
            // How much the owner stores is no visitor's business.
            Err(Problem::QuotaExceeded { .. }) => return Err(Problem::ExportFailed(NO_ROOM.to_owned())),
            Err(other) => return Err(other),
        },
    };
    services.jobs.finished(id, limits::RENDER_WAIT).await?;
    let row = services.store.export(id, owner).await?.ok_or(Problem::NotFound)?;
    if row.status == JobStatus::Failed {
        let why = row.error.filter(|why| why != "quota_exceeded");
        return Err(Problem::ExportFailed(why.unwrap_or_else(|| NO_ROOM.to_owned())));
    }
    let url = shown::address(services, base, &row, Timestamp::now()).await?;
    Ok(url.map_or(Download::Later { wait: COME_BACK }, |url| Download::Ready { url }))
}
