//! The signature of a delivery, which proves its origin and age. Called by the client.
//! Always signs the time with the body, so that an old event cannot be replayed.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The value of `M4SH-Signature`: `t=<unix>,v1=<hex of HMAC-SHA256(secret, "<t>.<body>")>`, with a `v1` for each secret.
#[must_use]
pub fn header(secrets: &[String], unix: i64, body: &[u8]) -> String {
    let mut value = format!("t={unix}");
    for secret in secrets {
        value.push_str(",v1=");
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key of any length");
        mac.update(unix.to_string().as_bytes());
        mac.update(b".");
        mac.update(body);
        for byte in mac.finalize().into_bytes() {
            // Writing to a String does not fail.
            let _ = write!(value, "{byte:02x}");
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expected digits are OpenSSL's: `printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac whsec_one`.
    #[test]
    fn g3_the_signature_is_hmac_sha256_of_time_and_body_with_each_secret() {
        let secrets = ["whsec_one".to_owned(), "whsec_two".to_owned()];
        let one = "3c2a43f6f69d57ddfe8e506b006b338393c7a8c400e77c5f191ba17e15763c74";
        let two = "a80e630a9bbb756763ae24b15708f6ef71b45a4c060b6ec64409d78544ed0f70";
        assert_eq!(header(&secrets[..1], 1_700_000_000, br#"{"a":1}"#), format!("t=1700000000,v1={one}"));
        assert_eq!(header(&secrets, 1_700_000_000, br#"{"a":1}"#), format!("t=1700000000,v1={one},v1={two}"));
        assert_ne!(header(&secrets[..1], 1_700_000_001, br#"{"a":1}"#)[13..], format!("v1={one}"));
    }
}
