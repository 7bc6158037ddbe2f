//! Values in SVG's text. Called by every part of the SVG writer.
//! Writes only characters that XML allows.

use std::fmt::{self, Write as _};

use crate::{geometry::path, scene::Color};

/// A number with at most two decimals.
pub struct Num(pub f32);

impl fmt::Display for Num {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = Vec::with_capacity(16);
        path::write_hundredths(&mut digits, path::hundredths(self.0));
        digits.iter().try_for_each(|digit| f.write_char(char::from(*digit)))
    }
}

/// Text inside an element or an attribute.
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for letter in self.0.chars() {
            match letter {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\u{fffe}' | '\u{ffff}' => {}
                letter if letter.is_control() => f.write_char(' ')?,
                letter => f.write_char(letter)?,
            }
        }
        Ok(())
    }
}

/// A paint attribute (`fill`, `stroke`) with its opacity where it is not whole.
pub struct Paint(pub &'static str, pub Color, pub f32);

impl fmt::Display for Paint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(name, color, opacity) = self;
        write!(f, " {name}=\"#{:02x}{:02x}{:02x}\"", color.red, color.green, color.blue)?;
        let opacity = opacity * f32::from(color.alpha) / 255.0;
        if opacity < 0.995 { write!(f, " {name}-opacity=\"{}\"", Num(opacity)) } else { Ok(()) }
    }
}

/// An `opacity` attribute where it is not whole.
pub struct Opacity(pub f32);

impl fmt::Display for Opacity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 0.995 { write!(f, " opacity=\"{}\"", Num(self.0)) } else { Ok(()) }
    }
}

/// A path's data.
pub struct PathData<'a>(pub &'a path::VectorPath);

impl fmt::Display for PathData<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(self.0.data()).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e4_text_is_escaped_and_what_xml_cannot_hold_is_not_written() {
        assert_eq!(Escaped("<a & \"b\">\u{0}\u{1b}\u{ffff}ї").to_string(), "&lt;a &amp; &quot;b&quot;&gt;  ї");
    }

    #[test]
    fn paints_say_their_opacity_only_when_it_counts() {
        let red = Color::new_rgb(255, 0, 0);
        assert_eq!(Paint("fill", red, 1.0).to_string(), " fill=\"#ff0000\"");
        assert_eq!(
            Paint("stroke", Color { alpha: 51, ..red }, 0.5).to_string(),
            " stroke=\"#ff0000\" stroke-opacity=\".1\""
        );
    }
}
