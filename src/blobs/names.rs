//! The file name of a download, as a header that no name can break.
//! Called for signed URLs and by `http::blobs`. Never trusts a name.

use std::fmt::Write;

/// Characters of a name that are kept.
const NAME_CHARS: usize = 150;

/// A `Content-Disposition` that saves under `name`, in plain ASCII and once more in UTF-8 (RFC 6266).
#[must_use]
pub fn attachment(name: &str) -> String {
    let name = safe(name);
    let plain: String = name.chars().map(|c| if c.is_ascii() && !"\"\\%".contains(c) { c } else { '_' }).collect();
    let mut header = format!("attachment; filename=\"{plain}\"");
    if plain != name {
        header.push_str("; filename*=UTF-8''");
        for byte in name.bytes() {
            // Writing to a text cannot fail.
            let _ = if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                write!(header, "{}", char::from(byte))
            } else {
                write!(header, "%{byte:02X}")
            };
        }
    }
    header
}

/// A name without what file systems or terminals give a meaning: separators, control and direction characters, dots and
/// spaces at its ends.
fn safe(name: &str) -> String {
    let is_wild = |c: char| {
        c.is_control()
            || "/\\:*?\"<>|".contains(c)
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let tame: String = name.chars().take(NAME_CHARS).map(|c| if is_wild(c) { '_' } else { c }).collect();
    let tame = tame.trim_matches(|c: char| c == '.' || c.is_whitespace());
    if tame.is_empty() { "download".to_owned() } else { tame.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v5_a_name_is_saved_as_it_reads_and_cannot_break_out_of_its_header() {
        assert_eq!(attachment("Fractions 5-B.pdf"), "attachment; filename=\"Fractions 5-B.pdf\"");
        assert_eq!(
            attachment("Дроби.pdf"),
            "attachment; filename=\"_____.pdf\"; filename*=UTF-8''%D0%94%D1%80%D0%BE%D0%B1%D0%B8.pdf"
        );
        for evil in [
            "a\"; filename=x.exe",
            "a\r\nSet-Cookie: x",
            "../../etc/passwd",
            "\0.pdf",
            "..",
            "",
            "a\u{202e}fdp.exe",
            "50%41",
        ] {
            let header = attachment(evil);
            let inner = header.strip_prefix("attachment; filename=\"").unwrap().split('"').next().unwrap();
            assert!(!inner.is_empty() && !inner.contains(['/', '\\', '%']), "{header}");
            assert!(header.bytes().all(|b| (0x20..0x7f).contains(&b)), "{header}");
            assert!(header.matches('"').count() == 2 && !inner.starts_with('.'), "{header}");
        }
    }
}
