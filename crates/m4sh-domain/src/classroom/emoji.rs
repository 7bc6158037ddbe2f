//! Whether a text is one picture, as people react with. Called by `decide`. Never a table of pictures: new ones are drawn
//! each year, so only the ways in which they are put together are known here.

use crate::limits;

const JOINER: char = '\u{200d}';

/// Whether a text is one picture of at most [`limits::REACTION_BYTES`]: no letters, no space, one thing to look at. A flag
/// of two letters, a family that is joined, a skin's tone and a key's frame are one.
#[must_use]
pub fn is_single_emoji(text: &str) -> bool {
    if text.is_empty() || text.len() > limits::REACTION_BYTES {
        return false;
    }
    let (mut things, mut letters, mut joined) = (0, 0, false);
    for char in text.chars() {
        match char {
            JOINER => {
                if things == 0 {
                    return false;
                }
                joined = true;
                continue;
            }
            // Tones, variations, a key's frame, tags of flags: they change what stands before them.
            '\u{1f3fb}'..='\u{1f3ff}' | '\u{fe00}'..='\u{fe0f}' | '\u{20e3}' | '\u{e0020}'..='\u{e007f}' => {
                if things == 0 {
                    return false;
                }
            }
            '\u{1f1e6}'..='\u{1f1ff}' => {
                letters += 1;
                things += usize::from(letters % 2 == 1);
            }
            // A key: only with its frame.
            '0'..='9' | '#' | '*' if text.ends_with('\u{20e3}') => things += 1,
            _ if is_picture(char) => things += usize::from(!joined),
            _ => return false,
        }
        joined = false;
    }
    things == 1 && letters % 2 == 0 && !joined
}

/// Symbols and pictures by their blocks, and the few marks outside them that are pictures with a variation.
const fn is_picture(char: char) -> bool {
    matches!(char,
        '\u{a9}' | '\u{ae}' | '\u{203c}' | '\u{2049}' | '\u{3030}' | '\u{303d}' | '\u{3297}' | '\u{3299}'
        | '\u{2100}'..='\u{214f}' | '\u{2190}'..='\u{23ff}' | '\u{24c2}' | '\u{2500}'..='\u{27bf}'
        | '\u{2900}'..='\u{297f}' | '\u{2b00}'..='\u{2bff}' | '\u{1f000}'..='\u{1faff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f8_a_reaction_is_one_picture_however_it_is_put_together() {
        for one in ["👍", "👍🏽", "❤️", "👩‍👩‍👧‍👦", "🇺🇦", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "1️⃣", "✋", "🧑🏾‍🎓", "⭐"]
        {
            assert!(is_single_emoji(one), "{one}");
        }
        let family = "👩‍👩‍👧‍👦".repeat(2);
        for other in [
            "",
            "ok",
            "👍👍",
            "👍 ",
            " ",
            "🇺",
            "🇺🇦🇺🇦",
            "а",
            "\u{200d}👍",
            "👍\u{200d}",
            "1",
            "<b>",
            "\u{202e}👍",
            "\n",
            &family,
        ] {
            assert!(!is_single_emoji(other), "{other:?}");
        }
    }
}
