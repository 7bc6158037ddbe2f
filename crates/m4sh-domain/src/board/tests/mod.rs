//! What a board does with operations and states, by example, in the words of the rules.

mod bounds;
mod checkpoints;
mod items;
mod once;
mod pages;
mod saves;
mod shape;
mod states;
pub(super) mod undo;

/// One page with three strokes.
const ONE_PAGE: &str =
    r#"{"activePageId":"p1","pages":[{"assets":[],"id":"p1","strokes":[{"id":"a","n":1},{"id":"b"},{"id":"c"}]}]}"#;

/// One page with these strokes.
fn with_strokes(strokes: &str) -> String {
    format!(r#"{{"activePageId":"p1","pages":[{{"assets":[],"id":"p1","strokes":[{strokes}]}}]}}"#)
}
