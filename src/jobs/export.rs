//! The job `export`: writes a board at a revision to a file for download (SPEC E30).
//! Run by the runner, requested by `http`. Never loads a board; a repeat after a crash overwrites the same object.

use std::{
    io::{BufWriter, Write as _},
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tempfile::NamedTempFile;

use super::{
    JobError, JobHandler, JobOutput, JobRow, Progress,
    rendering::{RenderContext, RenderRequest, state_of},
};
use crate::{
    blobs::BlobContent,
    board_history,
    objects::{ObjectService, ObjectUpload},
};
use m4sh_domain::{
    access::Visibility,
    ids::{BoardId, Rev},
    json, times,
};
use m4sh_render::{self, RenderedFile};
use m4sh_store::{ExportSubject, LedgerKind};

m4sh_domain::named_enum! {
    /// The format of an export.
    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "lowercase")]
    pub enum ExportFormat {
        /// One page in pixels.
        Png = "png",
        /// Every page, or one.
        Pdf = "pdf",
        /// One page as it was drawn.
        Svg = "svg",
        /// The whole state.
        Json = "json",
    }
}

impl ExportFormat {
    /// The media type of its files.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        self.drawn().map_or("application/json", m4sh_render::PictureFormat::media_type)
    }

    fn drawn(self) -> Option<m4sh_render::PictureFormat> {
        match self {
            Self::Png => Some(m4sh_render::PictureFormat::Png),
            Self::Pdf => Some(m4sh_render::PictureFormat::Pdf),
            Self::Svg => Some(m4sh_render::PictureFormat::Svg),
            Self::Json => None,
        }
    }
}

/// The `params` of such a job.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ExportParams {
    /// What to write.
    pub format: ExportFormat,
    /// Of which revision.
    pub rev: u64,
    /// Of which page, counted from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<u32>,
    /// Whether it is for visitors with a link, and so shows only what is hidden from nobody.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub public: bool,
}

/// The work.
pub struct ExportJob {
    /// Draws.
    pub studio: RenderContext,
    /// Keeps.
    pub vault: ObjectService,
}

impl JobHandler for ExportJob {
    const KIND: &'static str = "export";
    /// Somebody waits for it, so it restarts soon after a crash.
    const LEASE: Duration = Duration::from_secs(10);

    async fn run(&self, job: &JobRow, progress: &Progress) -> Result<JobOutput, JobError> {
        let gone = || JobError::Fail("The board or its revision is gone.".to_owned());
        let board = job.node.ok_or_else(gone)?;
        let wanted: ExportParams = serde_json::from_value(job.params.clone())
            .map_err(|error| JobError::Fail(format!("The job cannot be read: {error}.")))?;
        let rev = Rev(wanted.rev);
        let past = board_history::document_at(&self.studio.store, board, Some(rev)).await?.ok_or_else(gone)?;
        let subject = self.studio.store.export_subject(board, rev).await?.ok_or_else(gone)?;
        let eyes = self.eyes(board, job, wanted).await?.ok_or_else(gone)?;
        let owner = subject.owner;
        let page_count = past.page_count;
        progress.set(5);
        let picture = if let Some(format) = wanted.format.drawn() {
            let (state, title) = (state_of(past, eyes).await?, subject.name);
            self.studio
                .draw(
                    RenderRequest { board, format, page: wanted.page, title, state, attempts: job.attempts },
                    progress,
                )
                .await?
        } else {
            let write = move || write_json(board, &subject, &past, eyes);
            let written = tokio::task::spawn_blocking(write).await.map_err(std::io::Error::other);
            written.and_then(|written| written).map_err(|error| JobError::Retry(error.to_string()))?
        };
        progress.set(90);
        let deposit = ObjectUpload {
            reference: job.id,
            key: format!("solo/{owner}/{board}/exports/{}.{}", job.id, picture.extension),
            media_type: picture.media_type.to_owned(),
            charge: Some((owner, LedgerKind::Export)),
            metadata: vec![("rev", rev.to_string()), ("session_id", board.to_string())],
        };
        let content = BlobContent::File(picture.file.to_path_buf(), picture.size);
        let deposited = self.vault.upload(deposit, content).await?;
        let pages = if wanted.page.is_some() || !matches!(wanted.format, ExportFormat::Pdf | ExportFormat::Json) {
            1
        } else {
            page_count
        };
        Ok(JobOutput { deposited: Some(deposited), result: json!({ "page_count": pages }) })
    }
}

impl ExportJob {
    /// The current visibility of the requester. `None` when they may no longer see the board.
    async fn eyes(&self, board: BoardId, job: &JobRow, wanted: ExportParams) -> Result<Option<Visibility>, JobError> {
        if wanted.public {
            return Ok(Some(Visibility::Public));
        }
        let (access, asker) = (self.studio.store.board_access(board).await?, job.account);
        let Some((access, asker)) = access.zip(asker) else { return Ok(None) };
        Ok(access.effective(asker, Timestamp::now()).map(|standing| standing.visibility(asker)))
    }
}

/// The board as indented JSON. The text of its state is copied, so that no number changes.
fn write_json(
    board: BoardId,
    subject: &ExportSubject,
    past: &board_history::BoardAtRevision,
    eyes: Visibility,
) -> std::io::Result<RenderedFile> {
    let mut state = Vec::new();
    past.document.visible_to(eyes).write_state(&mut state);
    let state = json::to_utf8(&state);
    let file = NamedTempFile::new()?;
    let mut out = BufWriter::new(file.as_file());
    writeln!(out, "{{\n  \"id\": \"{board}\",")?;
    writeln!(out, "  \"name\": {},", serde_json::Value::from(subject.name.as_str()))?;
    write!(out, "  \"state\": ")?;
    json::indent(&state, 1, &mut out)?;
    writeln!(out, ",\n  \"page_count\": {},", past.page_count)?;
    writeln!(out, "  \"created_at\": {},", moment(subject.created_at))?;
    writeln!(out, "  \"updated_at\": {}\n}}", moment(subject.updated_at))?;
    out.flush()?;
    drop(out);
    let size = file.as_file().metadata()?.len();
    Ok(RenderedFile {
        file: file.into_temp_path(),
        size,
        media_type: ExportFormat::Json.media_type(),
        extension: "json",
    })
}

fn moment(at: Timestamp) -> String {
    format!("\"{}\"", times::utc_field(at))
}
