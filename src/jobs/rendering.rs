//! Draws a board at a revision: fetches its images and calls the renderer. Shared by exports and thumbnails.
//! Called by the jobs beside it. Never loads a board, and never holds more images than the renderer accepts.

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::{JobError, Progress};
use crate::{
    blobs::{BlobError, Blobs},
    board_history::{BoardAtRevision, BoardHistoryError},
    objects::ObjectError,
};
use m4sh_domain::limits;
use m4sh_domain::{access::Visibility, ids::BoardId};
use m4sh_render::{self, PictureFormat, PictureRequest, RenderError, RenderedFile, Renderer};
use m4sh_store::{BoardImage, Store, StoreError};

/// Images fetched at the same time.
const FETCHES: usize = 4;

/// Crashes of the renderer after which a board counts as one that cannot be drawn.
const CRASHES: u32 = 2;

/// What a drawing job needs.
#[derive(Clone)]
pub struct RenderContext {
    /// Where boards are.
    pub store: Store,
    /// Where images are.
    pub blobs: Blobs,
    /// Who draws.
    pub renderer: Renderer,
}

/// A request to draw.
pub(super) struct RenderRequest {
    pub board: BoardId,
    pub format: PictureFormat,
    pub page: Option<u32>,
    pub title: String,
    /// The canonical state.
    pub state: Bytes,
    /// The number of this attempt.
    pub attempts: u32,
}

impl RenderContext {
    /// Draws it. The first fifth of the progress is for the images.
    pub(super) async fn draw(&self, sitting: RenderRequest, progress: &Progress) -> Result<RenderedFile, JobError> {
        let RenderRequest { board, format, page, title, state, attempts } = sitting;
        let images = self.images(board, &state).await?;
        progress.set(20);
        let order = PictureRequest { format, page, longest_side: None, title, state, images };
        let told = progress.clone();
        let drawn = self.renderer.render(order, move |percent| told.set(20 + percent.min(100) / 10 * 7)).await;
        drawn.map_err(|error| failed(&error, attempts))
    }

    /// The images of a state. A missing one is drawn as a frame.
    async fn images(&self, board: BoardId, state: &[u8]) -> Result<Vec<(String, Bytes)>, JobError> {
        let hashes: Vec<Vec<u8>> = m4sh_render::assets_of(state).iter().filter_map(|hash| from_hex(hash)).collect();
        if hashes.is_empty() {
            return Ok(Vec::new());
        }
        let known = self.store.board_images(board, &hashes).await?;
        let total: u64 = known.iter().map(|image| image.size).sum();
        if total > limits::RENDER_IMAGE_BYTES as u64 {
            return Err(JobError::Fail("The board's images are too large to be drawn together.".to_owned()));
        }
        let fetched = stream::iter(known).map(|image| self.image(image)).buffer_unordered(FETCHES);
        Ok(fetched.try_collect::<Vec<_>>().await?.into_iter().flatten().collect())
    }

    async fn image(&self, image: BoardImage) -> Result<Option<(String, Bytes)>, JobError> {
        match self.blobs.get(&image.key, limits::RENDER_IMAGE_BYTES).await {
            Ok(bytes) => Ok(Some((hex(&image.sha256), bytes))),
            Err(BlobError::Missing) => {
                tracing::error!(key = image.key, "image of a board is missing in the object store");
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The canonical state of a document as these eyes see it, written off the reactor: a large one takes tens of milliseconds.
pub(super) async fn state_of(past: BoardAtRevision, eyes: Visibility) -> Result<Bytes, JobError> {
    let write = move || {
        let mut state = Vec::new();
        past.document.visible_to(eyes).write_state(&mut state);
        Bytes::from(state)
    };
    tokio::task::spawn_blocking(write).await.map_err(|error| JobError::Retry(error.to_string()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}

/// Too large and too slow are final. A crash is retried once, since it may be the machine's fault.
fn failed(error: &RenderError, attempts: u32) -> JobError {
    let words = match error {
        RenderError::TooLarge => "The board is too large to be drawn.",
        RenderError::TimedOut => "Drawing the board took too long.",
        RenderError::Memory => "Drawing the board needed too much memory.",
        RenderError::Broken(_) => "The board has something that cannot be drawn.",
        RenderError::Crashed(_) => "The board could not be drawn.",
    };
    tracing::warn!(%error, attempts, "board could not be drawn");
    if matches!(error, RenderError::Crashed(_)) && attempts < CRASHES {
        return JobError::Retry(words.to_owned());
    }
    JobError::Fail(words.to_owned())
}

impl From<StoreError> for JobError {
    fn from(error: StoreError) -> Self {
        tracing::warn!(%error, "database unavailable for a job");
        Self::Retry("The database could not be asked.".to_owned())
    }
}

impl From<BoardHistoryError> for JobError {
    fn from(error: BoardHistoryError) -> Self {
        match error {
            BoardHistoryError::Store(error) => error.into(),
            BoardHistoryError::NoGoodCheckpoint => Self::Fail("The board's history cannot be read.".to_owned()),
        }
    }
}

impl From<BlobError> for JobError {
    fn from(error: BlobError) -> Self {
        tracing::warn!(%error, "object store unavailable for a job");
        Self::Retry("The file store could not be asked.".to_owned())
    }
}

impl From<ObjectError> for JobError {
    /// `quota_exceeded` is a code, as in the answer to a request.
    fn from(error: ObjectError) -> Self {
        match error {
            ObjectError::Quota { .. } => Self::Fail("quota_exceeded".to_owned()),
            ObjectError::Store(error) => error.into(),
            ObjectError::Unavailable(_) | ObjectError::Missing => {
                tracing::warn!(%error, "result of a job could not be stored");
                Self::Retry("The file store could not be written.".to_owned())
            }
            ObjectError::Conflict(_) => {
                tracing::error!(%error, "result of a job could not be stored");
                Self::Fail("The file could not be stored.".to_owned())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e39_what_cannot_be_drawn_is_not_tried_again_but_after_one_crash() {
        let crash = || RenderError::Crashed("signal 11".to_owned());
        assert!(matches!(failed(&crash(), 1), JobError::Retry(_)));
        assert!(matches!(failed(&crash(), 2), JobError::Fail(_)));
        let broken = RenderError::Broken("page 7 of 3".to_owned());
        for error in [RenderError::TooLarge, RenderError::TimedOut, RenderError::Memory, broken] {
            let JobError::Fail(words) = failed(&error, 1) else { panic!("{error} is tried again") };
            assert!(words.ends_with('.') && !words.contains("page 7"), "{words}");
        }
    }

    #[test]
    fn e34_a_hash_is_read_and_written_in_hex() {
        let text = "00ff10ab".repeat(8);
        assert_eq!(hex(&from_hex(&text).unwrap()), text);
        assert_eq!(from_hex("0g"), None);
        assert_eq!(from_hex("\u{457}\u{457}"), None);
    }
}
