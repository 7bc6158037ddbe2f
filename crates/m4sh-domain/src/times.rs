//! The two formats of a timestamp on the wire. Called by everything that answers or exports.
//! Always UTC with microseconds: clients compare the texts.

use jiff::Timestamp;

/// A field of an object: `2026-01-31T12:00:00.000000Z`.
#[must_use]
pub fn utc_field(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

/// As `server_ts`: `2026-01-31T12:00:00.000000+00:00`.
#[must_use]
pub fn server_ts(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_have_microseconds_and_say_utc() {
        let at: Timestamp = "2026-01-31T12:00:00.5+02:00".parse().unwrap();
        assert_eq!(utc_field(at), "2026-01-31T10:00:00.500000Z");
        assert_eq!(server_ts(at), "2026-01-31T10:00:00.500000+00:00");
        let whole: Timestamp = "2026-01-31T10:00:00Z".parse().unwrap();
        assert_eq!(utc_field(whole), "2026-01-31T10:00:00.000000Z");
        let nanos: Timestamp = "2026-01-31T10:00:00.123456789Z".parse().unwrap();
        assert_eq!(utc_field(nanos), "2026-01-31T10:00:00.123456Z");
    }
}
