//! Limits of REST: bodies, pages, links, proxies, accounts, the event log, and client reports.

use std::time::Duration;

// --- REST bodies (SPEC H10): exactly the limit is accepted -----------------------------------------------

/// A diff save's body, in bytes, after inflation.
pub const DIFF_BODY: usize = 512 * 1024;
/// A whole-state save's body, in bytes, after inflation.
pub const STREAM_BODY: usize = 2 * 1024 * 1024;
/// Body of `POST` and `PATCH` of a board, in bytes: the largest state that can be exported (SPEC H5).
pub const SESSION_BODY: usize = 10 * 1024 * 1024;
/// Body of a beacon, in bytes.
pub const BEACON_BODY: usize = 64 * 1024;
/// Bodies of accounts, classrooms and other small requests, in bytes.
pub const SMALL_BODY: usize = 16 * 1024;
/// Operations in one batch, over REST or a socket (SPEC D2).
pub const OPS_PER_BATCH: usize = 100;

// --- paging ----------------------------------------------------------------------------------------------

/// Default rows of a page.
pub const PAGE_DEFAULT: u32 = 50;
/// Most rows of a page.
pub const PAGE_MAX: u32 = 200;

// --- share links -----------------------------------------------------------------------------------------

/// Longest life of a link, in days; 0 is for ever.
pub const LINK_DAYS: u64 = 3_650;
/// Default life of a link, in days (SPEC L1).
pub const LINK_DAYS_DEFAULT: u64 = 7;
/// Most views of a link; 0 is without a bound.
pub const LINK_VIEWS: u64 = 1_000_000;

// --- accounts --------------------------------------------------------------------------------------------

/// Lifetime of an access token (SPEC A5).
pub const ACCESS_TOKEN_LIFE: Duration = Duration::from_secs(15 * 60);
/// Lifetime of a refresh token; each rotation restarts it.
pub const REFRESH_TOKEN_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);
/// Length of a password, in bytes (SPEC A8).
pub const PASSWORD_BYTES: std::ops::RangeInclusive<usize> = 8..=256;
/// E-mail address, in bytes (RFC 5321).
pub const EMAIL_BYTES: usize = 254;
/// First or last name of a person, in characters.
pub const PERSON_NAME_CHARS: usize = 150;
/// Access token, in bytes; longer ones are refused unread.
pub const TOKEN_BYTES: usize = 4 * 1024;
/// Storage quota of a new account, in bytes.
pub const DEFAULT_QUOTA_BYTES: i64 = 5 * 1024 * 1024 * 1024;

// --- proxies ---------------------------------------------------------------------------------------------

/// Addresses of `X-Forwarded-For` that are read, from the right (SPEC U8).
pub const FORWARDED_HOPS: usize = 16;
/// Host name with port, in bytes (RFC 1035: 253).
pub const HOST_BYTES: usize = 260;

// --- the event log ---------------------------------------------------------------------------------------

/// Characters kept of a `User-Agent`; real ones are shorter.
pub const AGENT_CHARS: usize = 512;
/// Details of an event as JSON, in bytes; longer ones are left out.
pub const EVENT_DATA_BYTES: usize = 2 * 1024;
/// Events that wait for their commit, about 3 KiB each at most. Beyond it new ones are lost and counted.
pub const EVENTS_WAITING: usize = 8_192;
/// How long an answer waits for the commit of its event (SPEC U5).
pub const EVENT_WAIT: Duration = Duration::from_secs(1);
/// How long events without a waiting answer collect before they are written together.
pub const EVENTS_LINGER: Duration = Duration::from_millis(50);
/// Deadline for the last events when the server stops.
pub const EVENTS_FLUSH: Duration = Duration::from_secs(3);
/// Days that events of saves are kept: an autosave every 3 s makes 1,200 an hour, and the journal has them too.
pub const SAVE_EVENTS_DAYS: u32 = 90;

// --- client reports (SPEC M) -----------------------------------------------------------------------------

/// Telemetry body, in bytes after inflation.
pub const TELEMETRY_BODY: usize = 32 * 1024;
/// Body of board metrics, in bytes: about a hundred metrics of the usual size.
pub const METRICS_BODY: usize = 64 * 1024;
/// Events or metrics in one body; a browser sends a few dozen.
pub const CLIENT_EVENTS_PER_BODY: usize = 500;
/// Nesting of such a body: payloads are flat and wrapped twice.
pub const CLIENT_EVENT_DEPTH: usize = 16;
/// Values in such a body.
pub const CLIENT_EVENT_NODES: usize = 20_000;
/// Characters of a session id, a name and a version; longer ones are cut.
pub const CLIENT_WORD_CHARS: usize = 128;
/// Reports that wait to be written, 3 s at full speed. Beyond it, or beyond their bytes, the oldest are dropped and
/// counted.
pub const CLIENT_EVENTS_WAITING: usize = 65_536;
/// Their bytes.
pub const CLIENT_EVENTS_BYTES: usize = 32 * 1024 * 1024;
/// Events in one insert.
pub const CLIENT_EVENTS_BATCH: usize = 4_096;
/// How long they collect: large inserts cost the database least.
pub const CLIENT_EVENTS_LINGER: Duration = Duration::from_millis(250);
/// Deadline for the last of them when the server stops.
pub const CLIENT_EVENTS_FLUSH: Duration = Duration::from_secs(2);
/// Days that they are kept.
pub const CLIENT_EVENTS_DAYS: u32 = 30;
/// Longest range of an aggregate, in days.
pub const AGGREGATE_DAYS: i64 = 31;
/// Rows of an aggregate, one for each hour and version. Clients choose their version text freely.
pub const AGGREGATE_ROWS: usize = 2_000;
/// How long a permission to see a board is cached for beacons, which change nothing.
pub const BEACON_MEMORY: Duration = Duration::from_secs(60);
/// Entries of that cache, about 60 bytes each.
pub const BEACON_MEMORIES: usize = 100_000;
