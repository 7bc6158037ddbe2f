//! How an export is shown. Called by the handlers beside it.
//! Never shows an address that does not work: none before the file is there, none after its time.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    http::{Services, extract::PublicBase, problem::Problem},
    objects::ObjectError,
};
use m4sh_domain::limits;
use m4sh_domain::{ids::BoardId, times};
use m4sh_store::{ExportRow, JobStatus};

/// The body of an export.
#[derive(Serialize)]
pub(super) struct Export<'a> {
    id: Uuid,
    session_id: BoardId,
    format: &'a str,
    rev: u64,
    status: &'static str,
    progress: u8,
    /// The same address under both names: old clients download the first.
    file_url: Option<String>,
    signed_url: Option<String>,
    file_size: u64,
    error: Option<&'a str>,
    page_count: Option<u32>,
    is_expired: bool,
    expires_at: Option<String>,
    created_at: String,
    updated_at: String,
}

impl<'a> Export<'a> {
    pub(super) async fn of(services: &Services, base: &PublicBase, row: &'a ExportRow) -> Result<Self, Problem> {
        let now = Timestamp::now();
        let url = address(services, base, row, now).await?;
        // Of an attempt that failed there is a reason, too, but the next attempt may succeed.
        let error = row.error.as_deref().filter(|_| row.status == JobStatus::Failed);
        Ok(Self {
            id: row.id,
            session_id: row.board,
            format: &row.format,
            rev: row.rev.0,
            status: row.status.name(),
            progress: row.progress,
            file_url: url.clone(),
            signed_url: url,
            file_size: row.file.as_ref().map_or(0, |(_, size)| *size),
            error,
            page_count: row.page_count,
            is_expired: super::is_expired(row, now),
            expires_at: row.expires_at.map(times::utc_field),
            created_at: times::utc_field(row.created_at),
            updated_at: times::utc_field(row.updated_at),
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
    let Some((key, _)) = row.file.as_ref().filter(|_| row.status == JobStatus::Completed) else { return Ok(None) };
    let left = row.expires_at.map_or(SignedDuration::MAX, |end| end.duration_since(now));
    let Some(left) = left.try_into().ok().filter(|left: &std::time::Duration| left.as_secs() > 0) else {
        return Ok(None);
    };
    let life = left.min(limits::EXPORT_LINK_LIFE);
    let name = format!("{}.{}", row.name, row.format);
    let url = services.objects.blobs().signed_download(key, life, &base.0, &name).await;
    Ok(Some(url.map_err(ObjectError::from)?))
}
