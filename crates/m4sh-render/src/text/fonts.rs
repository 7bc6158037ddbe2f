//! The bundled fonts (assets/fonts, ADR 0017) and the widths of their letters. Called by `layout`, `svg` and the
//! writers of pixels and PDF. Never reads a system font, so that a page looks the same everywhere.

use std::sync::{Arc, LazyLock};

use resvg::usvg::fontdb;
use ttf_parser::Face;

use crate::scene::{Family, Font};

struct BundledFont {
    family: Family,
    bold: bool,
    italic: bool,
    bytes: &'static [u8],
}

macro_rules! shipped {
    ($($family:ident $bold:literal $italic:literal $file:literal),* $(,)?) => {
        &[$(BundledFont {
            family: Family::$family,
            bold: $bold,
            italic: $italic,
            bytes: include_bytes!(concat!("../../assets/fonts/", $file)),
        }),*]
    };
}

static BUNDLED: &[BundledFont] = shipped![
    Sans false false "LiberationSans-Regular.ttf",
    Sans true false "LiberationSans-Bold.ttf",
    Sans false true "LiberationSans-Italic.ttf",
    Sans true true "LiberationSans-BoldItalic.ttf",
    Serif false false "LiberationSerif-Regular.ttf",
    Serif true false "LiberationSerif-Bold.ttf",
    Serif false true "LiberationSerif-Italic.ttf",
    Serif true true "LiberationSerif-BoldItalic.ttf",
    Mono false false "LiberationMono-Regular.ttf",
    Mono true false "LiberationMono-Bold.ttf",
];
/// Has the letters and signs that the others lack.
static LAST_RESORT: &[u8] = include_bytes!("../../assets/fonts/DejaVuSans.ttf");

/// The bundled family, then fallbacks for where an SVG is opened elsewhere.
#[must_use]
pub fn css(family: Family) -> &'static str {
    match family {
        Family::Sans => "Liberation Sans, Arial, Helvetica, sans-serif",
        Family::Serif => "Liberation Serif, Times New Roman, Times, serif",
        Family::Mono => "Liberation Mono, Courier New, Courier, monospace",
    }
}

/// All bundled fonts, for usvg.
#[must_use]
pub fn database() -> Arc<fontdb::Database> {
    static DATABASE: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
        let mut database = fontdb::Database::new();
        for bytes in BUNDLED.iter().map(|font| font.bytes).chain([LAST_RESORT]) {
            database.load_font_source(fontdb::Source::Binary(Arc::new(bytes)));
        }
        for set in [fontdb::Database::set_sans_serif_family, fontdb::Database::set_cursive_family] {
            set(&mut database, "Liberation Sans");
        }
        for set in [fontdb::Database::set_serif_family, fontdb::Database::set_fantasy_family] {
            set(&mut database, "Liberation Serif");
        }
        database.set_monospace_family("Liberation Mono");
        Arc::new(database)
    });
    DATABASE.clone()
}

/// Widths of letters.
pub struct FontMetrics {
    /// Parallel to [`BUNDLED`].
    faces: Vec<Option<Face<'static>>>,
    last_resort: Option<Face<'static>>,
}

impl Default for FontMetrics {
    fn default() -> Self {
        let face = |bytes| Face::parse(bytes, 0).ok();
        Self { faces: BUNDLED.iter().map(|font| face(font.bytes)).collect(), last_resort: face(LAST_RESORT) }
    }
}

impl FontMetrics {
    /// The advance of a letter, without kerning.
    #[must_use]
    pub fn advance(&self, font: Font, letter: char) -> f32 {
        let faces = BUNDLED.iter().zip(&self.faces).filter(|(shipped, _)| shipped.family == font.family);
        let misses = |shipped: &BundledFont| (shipped.bold != font.bold, shipped.italic != font.italic);
        let nearest = faces.min_by_key(|(shipped, _)| misses(shipped)).and_then(|(_, face)| face.as_ref());
        let wide = [nearest, self.last_resort.as_ref()].into_iter().flatten().find_map(|face| {
            let advance = face.glyph_hor_advance(face.glyph_index(letter)?)?;
            Some(f32::from(advance) / f32::from(face.units_per_em()))
        });
        // A letter that no font has is drawn as an empty box.
        font.size * wide.unwrap_or(0.6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e9_every_shipped_font_reads_and_has_latin_and_ukrainian_letters() {
        let measure = FontMetrics::default();
        for face in measure.faces.iter().chain([&measure.last_resort]) {
            let face = face.as_ref().expect("a font");
            for letter in "AzÄßéŁіїєґІЇЄҐщъыэё«»№—₴".chars() {
                assert!(face.glyph_index(letter).is_some(), "{letter}");
            }
        }
        assert_eq!(database().len(), BUNDLED.len() + 1);
    }

    #[test]
    fn e9_a_letter_is_as_wide_as_in_arial() {
        let font =
            Font { family: Family::Sans, size: 1000.0, bold: false, italic: false, underline: false, struck: false };
        let wide = FontMetrics::default().advance(font, 'm');
        assert!((wide - 833.0).abs() < 1.0, "{wide}");
    }
}
