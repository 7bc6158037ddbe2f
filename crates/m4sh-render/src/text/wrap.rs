//! Breaks a text into lines. Called by `layout`. Drops nothing but the spaces at which a line is broken.

/// Longer texts are cut, in characters.
const MOST_LETTERS: usize = 100_000;
/// More lines are cut.
const MOST_LINES: usize = 2_000;

/// The lines of a text with their widths: at its own line ends and, where a line would be wider than `max_width`, before the
/// word that does not fit, or inside a word that fits no line.
pub fn lines(text: &str, max_width: Option<f32>, advance: impl Fn(char) -> f32) -> Vec<(String, f32)> {
    let text: String = text.chars().take(MOST_LETTERS).filter_map(plain).collect();
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        match max_width {
            Some(max_width) => wrap(paragraph, max_width, &advance, &mut lines),
            None => lines.push((paragraph.to_owned(), paragraph.chars().map(&advance).sum())),
        }
        if lines.len() >= MOST_LINES {
            lines.truncate(MOST_LINES);
            break;
        }
    }
    lines
}

/// A character that SVG can hold: every kind of line end is one, a tab is a space.
fn plain(letter: char) -> Option<char> {
    match letter {
        '\n' | '\u{2028}' | '\u{2029}' => Some('\n'),
        '\t' => Some(' '),
        letter if letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}') => None,
        letter => Some(letter),
    }
}

fn wrap(paragraph: &str, max_width: f32, advance: &impl Fn(char) -> f32, lines: &mut Vec<(String, f32)>) {
    let width_of = |text: &str| text.chars().map(advance).sum::<f32>();
    let (mut line, mut width) = (String::new(), 0.0);
    for word in paragraph.split_inclusive(' ') {
        // The space after a word may exceed the width.
        if width + width_of(word.trim_end_matches(' ')) > max_width && !line.is_empty() {
            push(lines, &mut line, &mut width, advance);
        }
        for letter in word.chars() {
            let wide = advance(letter);
            if width + wide > max_width && letter != ' ' && !line.is_empty() {
                push(lines, &mut line, &mut width, advance);
            }
            line.push(letter);
            width += wide;
        }
    }
    push(lines, &mut line, &mut width, advance);
}

fn push(lines: &mut Vec<(String, f32)>, line: &mut String, width: &mut f32, advance: &impl Fn(char) -> f32) {
    let kept = line.trim_end_matches(' ').len();
    *width -= line[kept..].chars().map(advance).sum::<f32>();
    line.truncate(kept);
    lines.push((std::mem::take(line), std::mem::take(width)));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(text: &str, max_width: Option<f32>) -> Vec<String> {
        lines(text, max_width, |_| 1.0).into_iter().map(|line| line.0).collect()
    }

    #[test]
    fn e10_words_go_to_the_next_line_and_long_ones_are_broken() {
        assert_eq!(texts("один два три", Some(8.0)), ["один два", "три"]);
        assert_eq!(texts("abcdefgh ij", Some(3.0)), ["abc", "def", "gh", "ij"]);
        assert_eq!(texts("a\r\nb\n\nc", Some(9.0)), ["a", "b", "", "c"]);
        assert_eq!(texts("as it is", None), ["as it is"]);
        assert_eq!(texts("", Some(5.0)), [""]);
    }

    #[test]
    fn e10_what_svg_cannot_hold_is_left_out() {
        assert_eq!(texts("a\u{1}b\u{ffff}c\td", None), ["abc d"]);
    }

    proptest! {
        #[test]
        fn e10_no_line_is_wider_than_its_room_and_no_letter_is_lost(
            text in "[a-zа-я \n]{0,80}", max_width in 1.0f32..20.0
        ) {
            let wrapped = texts(&text, Some(max_width));
            prop_assert!(wrapped.iter().all(|line| line.chars().count() as f32 <= max_width));
            let letters = |text: &str| text.chars().filter(|letter| !letter.is_whitespace()).collect::<String>();
            prop_assert_eq!(letters(&wrapped.join("")), letters(&text));
        }
    }
}
