//! Data URLs. Called by `images`. Ignores the media type that they claim.

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

/// With or without `=` at the end, as browsers accept it.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The bytes of a `data:` URL; `None` when it is not one.
pub fn decode(url: &str) -> Option<Vec<u8>> {
    let (kind, content) = url.get(5..)?.split_once(',')?;
    if kind.len() >= 7 && kind.as_bytes()[kind.len() - 7..].eq_ignore_ascii_case(b";base64") {
        return match LENIENT.decode(content) {
            Ok(bytes) => Some(bytes),
            // Broken into lines, or with `%3D` at the end.
            Err(_) => LENIENT
                .decode(
                    unescaped(content)
                        .trim_ascii()
                        .iter()
                        .filter(|byte| !byte.is_ascii_whitespace())
                        .copied()
                        .collect::<Vec<u8>>(),
                )
                .ok(),
        };
    }
    Some(unescaped(content))
}

/// Decodes each `%xx`; anything else stays.
fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = |byte: u8| char::from(byte).to_digit(16);
        match rest {
            [b'%', high, low, tail @ ..] if hex(*high).is_some() && hex(*low).is_some() => {
                bytes.push((hex(*high).unwrap_or(0) * 16 + hex(*low).unwrap_or(0)) as u8);
                rest = tail;
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_urls_are_read_as_browsers_do() {
        for (url, bytes) in [
            ("data:image/png;base64,aGk=", Some(&b"hi"[..])),
            ("data:image/png;BASE64,aGk", Some(b"hi")),
            ("data:;base64,a G\nk%3D", Some(b"hi")),
            ("data:image/svg+xml;utf8,%3Csvg%20x='1'/>%2", Some(b"<svg x='1'/>%2")),
            ("data:image/png;base64", None),
            ("data:image/png;base64,$$$", None),
        ] {
            assert_eq!(decode(url).as_deref(), bytes, "{url}");
        }
    }
}
