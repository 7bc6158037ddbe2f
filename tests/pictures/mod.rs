//! The drawing tests, and what they share. Never draws in the test's own process.

mod bounds;
mod formats;
mod golden;

use std::path::{Path, PathBuf};

use bytes::Bytes;
use m4sh_render::{PictureFormat, PictureRequest, RenderError, RenderedFile, Renderer};

/// Where fixtures are.
pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/render")
}

pub fn renderer() -> Renderer {
    Renderer::new(env!("CARGO_BIN_EXE_m4sh").into(), 2)
}

/// An order for the page that is open on this board.
pub fn order(format: PictureFormat, state: impl Into<Bytes>) -> PictureRequest {
    PictureRequest {
        format,
        page: None,
        longest_side: None,
        title: "Урок 5".to_owned(),
        state: state.into(),
        images: Vec::new(),
    }
}

/// Draws, and gives the picture's bytes.
pub async fn draw(order: PictureRequest) -> Result<(Vec<u8>, RenderedFile), RenderError> {
    let picture = renderer().render(order, |_| {}).await?;
    let bytes = std::fs::read(&picture.file).expect("the picture's file");
    assert_eq!(bytes.len() as u64, picture.size);
    Ok((bytes, picture))
}
