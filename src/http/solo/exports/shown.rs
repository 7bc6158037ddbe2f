//! How an export is answered. Called by the handlers beside it.
//! Never shows an address that does not work: none before the file is there, none after its time.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    http::{
        Services,
        extract::PublicBase,
        operation::{names::names, schemas::Moment},
        problem::Problem,
    },
    jobs::ExportFormat,
    objects::ObjectError,
};
use m4sh_domain::limits;
use m4sh_store::{ExportRow, JobStatus};

names! {
    /// What a board becomes.
    pub ExportFormatResponse(ExportFormat) =
        [ExportFormat::Png, ExportFormat::Pdf, ExportFormat::Svg, ExportFormat::Json];
    /// How far an export is.
    ExportStatusResponse(JobStatus) =
        [JobStatus::Pending, JobStatus::Processing, JobStatus::Completed, JobStatus::Failed];
}

/// An export.
#[derive(Serialize, ToSchema)]
pub struct ExportResponse {
    id: Uuid,
    /// The board.
    session_id: Uuid,
    format: ExportFormatResponse,
    #[schema(minimum = 0, example = 7)]
    rev: u64,
    status: ExportStatusResponse,
    /// Percent.
    #[schema(minimum = 0, maximum = 100, example = 100)]
    progress: u8,
    /// Where the file is, without a token, for an hour; `null` until it is completed and when it has expired.
    #[schema(
        required = true,
        example = "https://board.school.example/blobs/solo/…/exports/….pdf?expires=…&signature=…"
    )]
    file_url: Option<String>,
    /// The same as `file_url`, which old clients download.
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

impl ExportResponse {
    pub(super) async fn of(services: &Services, base: &PublicBase, row: ExportRow) -> Result<Self, Problem> {
        let now = Timestamp::now();
        let url = address(services, base, &row, now).await?;
        let format = ExportFormat::from_name(&row.format);
        let format = format.ok_or_else(|| Problem::Internal(format!("an export in the format {:?}", row.format)))?;
        Ok(Self {
            id: row.id,
            session_id: row.board.0,
            format: ExportFormatResponse(format),
            rev: row.rev.0,
            status: ExportStatusResponse(row.status),
            progress: row.progress,
            file_url: url.clone(),
            signed_url: url,
            file_size: row.file.as_ref().map_or(0, |file| file.size),
            is_expired: super::is_expired(&row, now),
            // Of an attempt that failed there is a reason, too, but the next attempt may succeed.
            error: row.error.filter(|_| row.status == JobStatus::Failed),
            page_count: row.page_count,
            expires_at: row.expires_at.map(Moment),
            created_at: Moment(row.created_at),
            updated_at: Moment(row.updated_at),
        })
    }
}

/// Where the file is, to be saved under the board's name, for an hour and never past its end.
pub(super) async fn address(
    services: &Services,
    base: &PublicBase,
    row: &ExportRow,
    now: Timestamp,
) -> Result<Option<String>, Problem> {
    let Some(file) = row.file.as_ref().filter(|_| row.status == JobStatus::Completed) else { return Ok(None) };
    let left = row.expires_at.map_or(SignedDuration::MAX, |end| end.duration_since(now));
    let Some(left) = left.try_into().ok().filter(|left: &std::time::Duration| left.as_secs() > 0) else {
        return Ok(None);
    };
    let life = left.min(limits::EXPORT_LINK_LIFE);
    let name = format!("{}.{}", row.name, row.format);
    let url = services.objects.blobs().signed_download(&file.key, life, &base.0, &name).await;
    Ok(Some(url.map_err(ObjectError::from)?))
}
