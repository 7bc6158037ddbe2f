//! The job `thumbnail`: draws the open page of a board as a small picture, free of charge.
//! Run by the runner, requested by `http` and by the schedule. Never replaces a picture by an older one.
//! newer one.

use serde_json::json;
use uuid::Uuid;

use super::{
    JobError, JobHandler, JobOutput, JobRow, Progress,
    rendering::{RenderContext, RenderRequest, state_of},
};
use crate::{
    blobs::BlobContent,
    board_history,
    objects::{ObjectService, ObjectUpload},
};
use m4sh_domain::access::Visibility;
use m4sh_render::PictureFormat;

/// The work.
pub struct ThumbnailJob {
    /// Draws.
    pub studio: RenderContext,
    /// Keeps.
    pub vault: ObjectService,
}

impl JobHandler for ThumbnailJob {
    const KIND: &'static str = "thumbnail";
    const ATTEMPTS: u32 = 3;

    /// Draws the newest saved state, whichever revision was requested, since lists show that.
    async fn run(&self, job: &JobRow, progress: &Progress) -> Result<JobOutput, JobError> {
        let gone = || JobError::Fail("The board is gone.".to_owned());
        let store = &self.studio.store;
        let board = job.node.ok_or_else(gone)?;
        let past = board_history::document_at(store, board, None).await?.ok_or_else(gone)?;
        let rev = past.rev;
        let result = json!({ "rev": rev.0 });
        if store.thumbnail(board).await?.is_some_and(|made| made.rev >= rev) {
            return Ok(JobOutput { deposited: None, result });
        }
        let subject = store.export_subject(board, rev).await?.ok_or_else(gone)?;
        // Everybody in class gets the same picture.
        let (state, title) = (state_of(past, Visibility::Public).await?, subject.name);
        let sitting =
            RenderRequest { board, format: PictureFormat::Thumbnail, page: None, title, state, attempts: job.attempts };
        let picture = self.studio.draw(sitting, progress).await?;
        let reference = Uuid::now_v7();
        let deposit = ObjectUpload {
            reference,
            key: format!("solo/{}/{board}/thumbnails/{reference}.{}", subject.owner, picture.extension),
            media_type: picture.media_type.to_owned(),
            charge: None,
            metadata: vec![("rev", rev.to_string()), ("session_id", board.to_string())],
        };
        let content = BlobContent::File(picture.file.to_path_buf(), picture.size);
        let deposited = self.vault.upload(deposit, content).await?;
        match store.save_thumbnail(board, rev, &deposited).await {
            Ok(true) => {}
            Ok(false) => self.vault.abandon(&deposited).await,
            Err(error) => {
                self.vault.abandon(&deposited).await;
                return Err(error.into());
            }
        }
        Ok(JobOutput { deposited: None, result })
    }
}
