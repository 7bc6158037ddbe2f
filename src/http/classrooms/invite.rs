//! Invite codes: eight characters that survive a whiteboard, a phone call and a pupil's keyboard.
//! Called by the classroom handlers. Never guessable: 31^8 of them, and guesses are rationed.

/// Without `0 O 1 I L`, which people confuse.
const ALPHABET: &[u8; 31] = b"23456789ABCDEFGHJKMNPQRSTUVWXYZ";
const LENGTH: usize = 8;

/// A new code.
///
/// # Errors
/// When the operating system has no randomness to give.
pub fn code() -> Result<String, getrandom::Error> {
    let mut code = String::with_capacity(LENGTH);
    while code.len() < LENGTH {
        let mut bytes = [0_u8; 16];
        getrandom::fill(&mut bytes)?;
        // Bytes past the last whole multiple of the alphabet are thrown away, or some letters would be likelier.
        let fair = bytes.iter().filter(|byte| usize::from(**byte) < 256 / ALPHABET.len() * ALPHABET.len());
        code.extend(
            fair.take(LENGTH - code.len()).map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()])),
        );
    }
    Ok(code)
}

/// The code as people type it: in any case, with spaces or dashes. `None` when it cannot be one.
pub fn as_typed(text: &str) -> Option<String> {
    let code: String =
        text.chars().filter(|c| !c.is_whitespace() && *c != '-').map(|c| c.to_ascii_uppercase()).collect();
    (code.len() == LENGTH && code.bytes().all(|byte| ALPHABET.contains(&byte))).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn k1_codes_are_eight_unambiguous_characters_and_differ() {
        let codes: HashSet<_> = (0..500).map(|_| code().unwrap()).collect();
        assert_eq!(codes.len(), 500);
        assert!(codes.iter().all(|code| as_typed(code).as_deref() == Some(code)));
        let letters: HashSet<char> = codes.iter().flat_map(|code| code.chars()).collect();
        assert_eq!(letters.len(), ALPHABET.len(), "every letter is used");
    }

    #[test]
    fn k1_a_code_is_taken_as_people_type_it() {
        assert_eq!(as_typed(" abcd-2345 ").as_deref(), Some("ABCD2345"));
        for wrong in ["", "ABCD234", "ABCD23456", "ABCD234O", "ABCD234Я", "ABCD 1234"] {
            assert_eq!(as_typed(wrong), None, "{wrong}");
        }
    }
}
