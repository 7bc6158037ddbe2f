//! Pictures of boards: renders a client-written state as SVG, PNG, PDF or a thumbnail.
//! Called by jobs and exports through [`Renderer`], and by `main` as the rendering process ([`child::run`]).
//! Never fetches anything, never reads a system font, and never runs in the server's own process (ADR 0016).

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "coordinates: every number of a scene is finite and bounded (SPEC E1)"
)]

pub mod child;
mod draw;
mod extent;
mod geometry;
mod images;
mod pdf;
mod pixels;
mod process;
mod request;
mod scene;
mod svg;
mod text;
mod usvg_tree;

use bytes::Bytes;

pub use process::Renderer;

use m4sh_domain::limits;

/// The format of a picture.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub enum PictureFormat {
    /// One page in pixels.
    Png,
    /// Every page, or one, with searchable text.
    Pdf,
    /// One page as vectors.
    Svg,
    /// One page, small: WebP of at most [`limits::THUMBNAIL_SIDE`] pixels unless asked otherwise.
    Thumbnail,
}

impl PictureFormat {
    /// The media type of its files.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Pdf => "application/pdf",
            Self::Svg => "image/svg+xml",
            Self::Thumbnail => "image/webp",
        }
    }

    /// The file name extension.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Pdf => "pdf",
            Self::Svg => "svg",
            Self::Thumbnail => "webp",
        }
    }
}

/// What to draw.
#[derive(Clone, Debug)]
pub struct PictureRequest {
    /// The format to write.
    pub format: PictureFormat,
    /// The page, counted from 0. `None`: every page of a PDF, else the page that is open on the board.
    pub page: Option<u32>,
    /// The longer side of a PNG or thumbnail in pixels. `None`: a PNG as large as its page.
    pub longest_side: Option<u32>,
    /// The title of a PDF and an SVG.
    pub title: String,
    /// The board's state as canonical JSON, at most [`limits::BOARD_BYTES`].
    pub state: Bytes,
    /// The bytes of what the state refers to as `asset:<sha256>`, by that hash in lower-case hex. A missing one
    /// is drawn as an empty frame. At most [`limits::RENDER_IMAGE_BYTES`] together.
    pub images: Vec<(String, Bytes)>,
}

/// A finished picture, in a file that is deleted with this value.
#[derive(Debug)]
pub struct RenderedFile {
    /// The file.
    pub file: tempfile::TempPath,
    /// Its length in bytes; never 0.
    pub size: u64,
    /// Its media type.
    pub media_type: &'static str,
    /// The file name extension.
    pub extension: &'static str,
}

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The request, or its picture, is larger than allowed.
    #[error("too large to draw")]
    TooLarge,
    /// It took longer than [`limits::RENDER_DEADLINE`], or more processor time than [`limits::RENDER_CPU`].
    #[error("drawing took too long")]
    TimedOut,
    /// It needed more memory than [`limits::RENDER_MEMORY`].
    #[error("drawing needed too much memory")]
    Memory,
    /// The rendering process ended without a reason, or could not be started.
    #[error("the rendering process failed: {0}")]
    Crashed(String),
    /// The state or the page cannot be drawn: a retry does not help.
    #[error("cannot be drawn: {0}")]
    Broken(String),
}

/// The hashes of every `asset:<sha256>` that a state refers to, each once, in the order of the text; at most
/// [`limits::RENDER_IMAGES`]. Costs one pass over the bytes, and never fails.
#[must_use]
pub fn assets_of(state: &[u8]) -> Vec<String> {
    const MARK: &[u8] = b"\"asset:";
    const HASH: usize = 64;
    let mut seen = std::collections::HashSet::new();
    let mut found = Vec::new();
    let mut rest = state;
    while let Some(at) = rest.windows(MARK.len()).position(|window| window == MARK) {
        rest = &rest[at + MARK.len()..];
        let Some((hash, [b'"', ..])) = rest.split_at_checked(HASH) else { continue };
        let is_hash = hash.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if is_hash && seen.insert(hash) && found.len() < limits::RENDER_IMAGES {
            found.push(String::from_utf8_lossy(hash).into_owned());
        }
    }
    found
}
