//! Every close code: its number, its name, and whether a client should come back.
//! Used by `ws` and `actors`; the same table is the SDK's. Never decides when to close.

use std::time::Duration;

use m4sh_domain::refusal::RefusalCode;

/// Why a socket ends. The numbers mirror HTTP (SPEC W9).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Close {
    /// Undecodable, over-long or out of turn.
    BadRequest,
    /// No token, or one that is not valid; also a token in the URL.
    Unauthorized,
    /// Known, but not allowed here (any more).
    Forbidden,
    /// No such board, class or session.
    NotFound,
    /// No hello in time, or silent for too long.
    Timeout,
    /// A newer socket of the same tab took over.
    Replaced,
    /// The session has ended.
    SessionEnded,
    /// The client speaks a protocol that is no longer served.
    ClientTooOld,
    /// A flood.
    RateLimited,
    /// The server is stopping, or the board moved to another owner.
    Moved,
    /// The reader is too slow: what it missed waits for its resume.
    SlowReader,
}

/// What a client does after a close.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReconnectAdvice {
    /// Reconnect after about this long (plus jitter) and resume.
    RetryAfter(Duration),
    /// Get a new access token, then reconnect.
    RefreshToken,
    /// Do not reconnect by itself.
    DoNotReconnect,
}

impl Close {
    /// Every code.
    pub const ALL: [Self; 11] = [
        Self::BadRequest,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::Timeout,
        Self::Replaced,
        Self::SessionEnded,
        Self::ClientTooOld,
        Self::RateLimited,
        Self::Moved,
        Self::SlowReader,
    ];

    /// What it is a refusal of.
    #[must_use]
    pub const fn refusal(self) -> RefusalCode {
        match self {
            Self::BadRequest => RefusalCode::BadRequest,
            Self::Unauthorized => RefusalCode::Unauthorized,
            Self::Forbidden => RefusalCode::Forbidden,
            Self::NotFound => RefusalCode::NotFound,
            Self::Timeout => RefusalCode::Timeout,
            Self::Replaced => RefusalCode::Replaced,
            Self::SessionEnded => RefusalCode::SessionEnded,
            Self::ClientTooOld => RefusalCode::ClientTooOld,
            Self::RateLimited => RefusalCode::RateLimited,
            Self::Moved => RefusalCode::Moved,
            Self::SlowReader => RefusalCode::SlowReader,
        }
    }

    /// The number in the close frame and in `bye`.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self.refusal().close() {
            Some(code) => code,
            // None: a test holds the table against this list.
            None => 4400,
        }
    }

    /// The reason in the close frame and in `bye`; far below the 123 bytes that a control frame holds.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        self.refusal().name()
    }

    /// Whether and when to come back.
    #[must_use]
    pub const fn advice(self) -> ReconnectAdvice {
        match self {
            Self::Unauthorized => ReconnectAdvice::RefreshToken,
            Self::Timeout | Self::Moved => ReconnectAdvice::RetryAfter(Duration::from_millis(500)),
            Self::SlowReader => ReconnectAdvice::RetryAfter(Duration::from_secs(1)),
            Self::RateLimited => ReconnectAdvice::RetryAfter(Duration::from_secs(5)),
            Self::BadRequest
            | Self::Forbidden
            | Self::NotFound
            | Self::Replaced
            | Self::SessionEnded
            | Self::ClientTooOld => ReconnectAdvice::DoNotReconnect,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn w9_every_close_code_has_its_own_number_and_a_name_that_fits_a_control_frame() {
        let mut seen = std::collections::HashSet::new();
        for close in Close::ALL {
            assert!((4400..=4599).contains(&close.code()));
            assert!(seen.insert(close.code()));
            assert_eq!(close.refusal().close(), Some(close.code()));
            assert!(close.reason().len() <= 123);
        }
        let closing = RefusalCode::ALL.iter().filter(|code| code.close().is_some());
        assert_eq!(closing.count(), Close::ALL.len());
    }
}
