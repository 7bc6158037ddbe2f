//! What is to be drawn, read from a state as clients write it (SPEC E). Called by the writers.
//! Leaves out what it cannot read, and draws the rest.

mod asset;
mod background;
mod board;
mod color;
mod field;
mod page;
mod shape;
mod stroke;
#[cfg(test)]
mod tests;
mod text_block;

pub use board::BoardScene;
pub use color::Color;

use super::geometry::{Point, Rect, Sample};

/// One page of a board. Borrows from the board's state.
#[derive(Debug, Default)]
pub struct PageScene<'a> {
    pub name: &'a str,
    /// The page's stated size, in board units; `None`: as large as its content needs.
    pub size: Option<(f32, f32)>,
    pub background: Background<'a>,
    /// Pictures and notes below the ink, the lowest first.
    pub assets: Vec<PlacedAsset<'a>>,
    /// Shapes, then strokes, in their order: what an eraser can remove.
    pub ink: Vec<Drawable<'a>>,
    /// Texts above the ink.
    pub texts: Vec<Drawable<'a>>,
}

/// The background of a page.
#[derive(Debug)]
pub struct Background<'a> {
    pub color: Color,
    pub pattern: Pattern,
    /// The distance of the pattern's lines.
    pub step: f32,
    pub line_color: Color,
    pub image: Option<ImageSource<'a>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pattern {
    Plain,
    /// Lines both ways.
    Grid,
    /// Lines both ways, each fifth one stronger.
    Graph,
    /// Dots where a grid's lines would cross.
    Dots,
    /// Lines to write on.
    Ruled,
}

/// One thing drawn with a tool.
#[derive(Debug)]
pub struct Drawable<'a> {
    pub form: Primitive<'a>,
    pub color: Color,
    /// The tool's width, in board units.
    pub width: f32,
    /// 0 to 1.
    pub opacity: f32,
    pub blend: Blend,
}

#[derive(Debug)]
pub enum Primitive<'a> {
    /// A freehand line; one point is a dot.
    Pen {
        samples: Vec<Sample>,
        /// Whether the width follows the pressure.
        pressed: bool,
    },
    /// A straight line, perhaps with heads.
    Line {
        from: Point,
        to: Point,
        start: bool,
        end: bool,
        head: f32,
    },
    Rectangle {
        frame: Rect,
        fill: Option<Color>,
    },
    Ellipse {
        frame: Rect,
        fill: Option<Color>,
    },
    Writing(TextBlock<'a>),
}

/// How a drawable combines with what is below it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Blend {
    Over,
    /// Removes the ink drawn before it.
    Erase,
    /// Blends, by CSS's `mix-blend-mode`.
    Mix(&'static str),
}

/// Text, as one line or wrapped, perhaps on a coloured note.
#[derive(Debug, Clone)]
pub struct TextBlock<'a> {
    pub text: &'a str,
    /// The upper left corner of the first line, or of the note.
    pub at: Point,
    /// The width to which lines are wrapped and aligned.
    pub width: Option<f32>,
    /// Of a note, at least.
    pub height: Option<f32>,
    /// Of a note's paper.
    pub paper: Option<Color>,
    pub font: Font,
    pub align: Align,
}

/// A font as CSS names it, brought to what is shipped.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Font {
    pub family: Family,
    /// In board units.
    pub size: f32,
    pub bold: bool,
    pub italic: bool,
    pub underline: bool,
    pub struck: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Family {
    Sans,
    Serif,
    Mono,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Align {
    Left,
    Center,
    Right,
}

/// A picture, a note, or the frame of something that cannot be drawn.
#[derive(Debug)]
pub struct PlacedAsset<'a> {
    pub at: Point,
    /// `None` where the picture's own size counts.
    pub width: Option<f32>,
    pub height: Option<f32>,
    /// Around the upper left corner, in degrees clockwise.
    pub rotation: f32,
    pub opacity: f32,
    pub content: AssetContent<'a>,
    /// What a frame says in place of what cannot be drawn: a name that people gave, else the kind of thing.
    pub label: &'a str,
}

#[derive(Debug)]
pub enum AssetContent<'a> {
    Image(ImageSource<'a>),
    /// With the colour of its text.
    Note(TextBlock<'a>, Color),
    /// A video, a sound, a link …: only its frame.
    Frame,
}

/// Where a picture's bytes are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum ImageSource<'a> {
    /// In the state: a data URL.
    Data(&'a str),
    /// In the order, by its hash.
    Stored(&'a str),
    /// Elsewhere: never fetched. The file's name in the address.
    Elsewhere(Option<&'a str>),
}

impl Default for Background<'_> {
    fn default() -> Self {
        let line_color = Color::new_rgb(0xe5, 0xe7, 0xeb);
        Self { color: Color::new_rgb(255, 255, 255), pattern: Pattern::Plain, step: 20.0, line_color, image: None }
    }
}
