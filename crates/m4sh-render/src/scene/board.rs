//! A whole board: which pages it has and which one is open. Called by the renderer for each order.
//! Holds only the state; a page is read when it is drawn.

use super::{PageScene, field, page};
use m4sh_domain::json::{Bounds, JsonError, Value};
use m4sh_domain::limits;

/// A board's state, parsed.
#[derive(Debug)]
pub struct BoardScene {
    state: Value,
}

impl BoardScene {
    /// Reads a state.
    ///
    /// # Errors
    /// When it is not JSON, or nested deeper or longer than a board may be.
    pub fn read(state: &[u8]) -> Result<Self, JsonError> {
        // Operations built the state, so only its bytes are bounded: so many bytes cannot hold more values.
        let bounds = Bounds { nodes: limits::BOARD_BYTES, ..Bounds::default() };
        Value::parse(state, bounds).map(|state| Self { state })
    }

    /// Number of pages, at least 1 and at most [`limits::BOARD_PAGES`]: a board without any is one blank page.
    #[must_use]
    pub fn pages(&self) -> usize {
        self.list().map_or(1, |pages| pages.len().clamp(1, limits::BOARD_PAGES))
    }

    /// The open page: `activePageId`'s, else the one of `currentPageIndex`, else the first.
    #[must_use]
    pub fn open_page(&self) -> usize {
        let pages = self.list().unwrap_or_default();
        let by_id = field::text(&self.state, &["activePageId"])
            .and_then(|id| pages.iter().position(|page| field::text(page, &["id"]) == Some(id)));
        let by_index = || {
            let index = self.state.get("currentPageIndex")?.as_f64()?;
            (0.0..self.pages() as f64).contains(&index).then_some(index as usize)
        };
        by_id.or_else(by_index).unwrap_or(0).min(self.pages() - 1)
    }

    /// One page; blank when it does not exist.
    #[must_use]
    pub fn page(&self, index: usize) -> PageScene<'_> {
        match self.list() {
            Some(pages) => pages.get(index).map_or_else(PageScene::default, page::read),
            // The oldest boards have no pages: their items are members of the state.
            None => page::read(&self.state),
        }
    }

    fn list(&self) -> Option<&[Value]> {
        self.state.get("pages")?.as_array()
    }
}
