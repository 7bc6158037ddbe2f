//! Starts the rendering process, feeds it, watches it and ends it. Called by whoever needs a picture.
//! Never draws anything itself, and never lets more of them run than it was told.

use std::{path::PathBuf, sync::Arc};

use tokio::sync::Semaphore;

use super::{Order, Picture, RenderError};

/// The way to a picture.
#[derive(Clone)]
pub struct Renderer {
    program: Arc<PathBuf>,
    at_once: Arc<Semaphore>,
}

impl Renderer {
    /// Renders with `program render` (our own binary), at most `at_once` (at least 1) at the same time.
    #[must_use]
    pub fn new(program: PathBuf, at_once: usize) -> Self {
        Self { program: Arc::new(program), at_once: Arc::new(Semaphore::new(at_once.max(1))) }
    }

    /// Draws, after those who came before. `progress` hears percents, rising. Dropping the future ends the process.
    ///
    /// # Errors
    /// [`RenderError`]; there is no file left over then.
    pub async fn render(&self, order: Order, progress: impl Fn(u8) + Send) -> Result<Picture, RenderError> {
        let _ = (&self.program, &self.at_once, order, progress);
        todo!("signatures first")
    }
}
