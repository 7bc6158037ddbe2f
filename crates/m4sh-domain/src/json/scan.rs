//! Finds the end of plain text inside a string, eight bytes at a time.
//! Called by the parser, the writer and the slicer. Never looks at single bytes of a long plain run.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// How many bytes from the start need no care inside a JSON string: none of `"`, `\` and the controls.
pub(super) fn plain(text: &[u8]) -> usize {
    run::<false>(text)
}

/// The same, and printable ASCII: Python escapes DEL too.
pub(super) fn printable(text: &[u8]) -> usize {
    run::<true>(text)
}

fn run<const PRINTABLE: bool>(text: &[u8]) -> usize {
    let (words, rest) = text.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        // Each mask marks its bytes exactly up to and including the lowest hit; above it a borrow may mark more.
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let quote = zero_bytes(word ^ (ONES * u64::from(b'"')));
        let escape = zero_bytes(word ^ (ONES * u64::from(b'\\')));
        let foreign = if PRINTABLE { word | zero_bytes(word ^ (ONES * 0x7f)) } else { 0 };
        let hits = (control | quote | escape | foreign) & HIGH;
        if hits != 0 {
            return at * 8 + (hits.trailing_zeros() / 8) as usize;
        }
    }
    let tail = rest.iter().position(|byte| matches!(byte, 0..=0x1f | b'"' | b'\\') || (PRINTABLE && *byte >= 0x7f));
    text.len() - rest.len() + tail.unwrap_or(rest.len())
}

fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word
}
