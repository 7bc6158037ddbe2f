//! Every fixed bound that can be observed, with its reason. Rates are settings and live in `rate`.
//! Used by every crate. Never holds a value that an operator may change.

mod eyes;

use std::time::Duration;

pub use eyes::*;

// --- REST bodies (SPEC H10): exactly the limit is accepted ----------------------------------------

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

// --- documents ----------------------------------------------------------------------------------

/// Nesting of arrays and objects. Real boards have about 8 levels; recursion must not exhaust the stack.
pub const JSON_DEPTH: usize = 64;
/// Values (scalars, keys, containers) in one parsed body: bounds its memory to a small multiple of its bytes.
pub const JSON_NODES: usize = 2_000_000;
/// Characters of one number: a longer one is no coordinate, and conversions take quadratic time.
pub const NUMBER_CHARS: usize = 400;
/// Canonical state of a board, in bytes. Beyond it a batch is refused and the board stays usable.
pub const BOARD_BYTES: usize = 16 * 1024 * 1024;
/// Id of an item or page, in bytes.
pub const ITEM_ID_BYTES: usize = 256;
/// Pages of one board.
pub const BOARD_PAGES: usize = 2_000;
/// Name of a board, classroom or lesson, in characters.
pub const NAME_CHARS: usize = 255;
/// Thumbnail address of a board, in characters.
pub const URL_CHARS: usize = 2_048;

// --- exactly once and history ---------------------------------------------------------------------

/// `id` of a socket batch, in bytes.
pub const BATCH_ID_BYTES: usize = 64;
/// `Idempotency-Key`, in bytes.
pub const IDEMPOTENCY_KEY_BYTES: usize = 200;
/// Batches whose ids a board remembers, also after a restart. A client that reconnects does not resend older ones.
pub const RECEIPTS: usize = 10_000;
/// Recent batches kept in memory for resuming clients …
pub const HISTORY_BATCHES: usize = 4_096;
/// … and their bytes. Beyond either the oldest are dropped, and a client gets a snapshot instead.
pub const HISTORY_BYTES: usize = 1024 * 1024;

// --- sockets --------------------------------------------------------------------------------------

/// Frame of the presence dialect, and any short frame of the full dialects, in bytes (SPEC W11).
pub const PRESENCE_FRAME: usize = 2 * 1024;
/// Operation frame of the full dialects, in bytes.
pub const OPS_FRAME: usize = 64 * 1024;
/// A socket without a `hello` after this is closed with 4408.
pub const HELLO_DEADLINE: Duration = Duration::from_secs(10);
/// Interval of WebSocket pings; the time until the pong is the quality of the connection.
pub const PING_AFTER: Duration = Duration::from_secs(20);
/// A client that was silent for this long is gone: it leaves the roster within 45 s (SPEC J8).
pub const SILENCE_LIMIT: Duration = Duration::from_secs(42);
/// How long a closing socket may take to read its `bye`.
pub const BYE_DEADLINE: Duration = Duration::from_secs(3);
/// `select` frame, in bytes: a hundred items with ids of the usual 36 characters.
pub const SELECT_FRAME: usize = 4 * 1024;
/// Items of one selection.
pub const SELECTED_ITEMS: usize = 100;
/// Who reconnects within this time has not left (SPEC J11): reloading a page takes less.
pub const LEAVE_GRACE: Duration = Duration::from_secs(5);
/// Who sends only pings for this long is idle (SPEC J12).
pub const IDLE_AFTER: Duration = Duration::from_secs(60);
/// Delay of the first ping, so that it does not wait behind the welcome.
pub const PING_FIRST: Duration = Duration::from_secs(2);
/// Longest time of a rule with an end, in seconds.
pub const RULE_SECONDS: u32 = 24 * 3600;
/// Changes of rights that wait in one lesson: the clicks of a tutor while the database is slow.
pub const RIGHTS_WAITING: usize = 64;
/// Bytes in the ordered lane of a connection beyond which its reader lags (SPEC W7), if it took nothing …
pub const OUTBOX_BYTES: usize = 96 * 1024;
/// … for this long; …
pub const OUTBOX_PATIENCE: Duration = Duration::from_millis(250);
/// … and bytes beyond which it lags in any case.
pub const OUTBOX_BYTES_MAX: usize = 192 * 1024;
/// Frames in that lane: bounds the bookkeeping of many small frames.
pub const OUTBOX_FRAMES: usize = 2_048;
/// Bytes in that lane beyond which its reader gets no cursors.
pub const OUTBOX_PRESENCE: usize = 48 * 1024;
/// A lagging reader that took nothing for this long is closed with 4508, once it missed …
pub const LAG_PATIENCE: Duration = Duration::from_millis(500);
/// … so many bytes, as many as history holds: only the whole state could bring it up to date; …
pub const LAG_BYTES: usize = 1024 * 1024;
/// … or when it took nothing for this long, whatever it missed.
pub const LAG_MAX: Duration = Duration::from_secs(10);
/// Answers to its own batches that wait for a lagging reader; a client that sends more without reading is closed.
pub const LAG_ACKS: usize = 1_024;
/// How long a person is refused after a close for exceeding a budget (SPEC B12); doubled each time …
pub const COOL_DOWN: Duration = Duration::from_secs(5);
/// … up to this, …
pub const COOL_DOWN_MAX: Duration = Duration::from_secs(60);
/// … and reset after this long without another one.
pub const COOL_DOWN_MEMORY: Duration = Duration::from_secs(120);
/// A longer frame is written as fragments, so that a large welcome is never copied whole into the buffers of a slow
/// connection.
pub const WHOLE_FRAME: usize = 4 * 1024;
/// Sizes of fragments: small ones keep the buffers of an idle connection small, large ones make a large board fast.
pub const FRAGMENT: std::ops::RangeInclusive<usize> = 2 * 1024..=32 * 1024;
/// Send buffer of the kernel for a connection; Linux doubles it. Without it a stalled reader holds up to 4 MB below the
/// outbox.
pub const SEND_BUFFER: usize = 64 * 1024;
/// Unacknowledged data that is older ends the TCP connection.
pub const TCP_USER_TIMEOUT: Duration = Duration::from_secs(30);
/// Connections on one board: a class of 300 with second tabs, and guests.
pub const BOARD_SEATS: usize = 2_000;
/// Encoded states that a board caches for joiners with different visibility.
pub const SHARED_STATES: usize = 4;
/// People named in one `reveal`, as many as a short frame holds (SPEC I8).
pub const REVEALED_NAMES: usize = 50;
/// Shortest time between two `saved` frames (SPEC S3).
pub const SAVED_EVERY: Duration = Duration::from_millis(100);

/// Guests of one share link: a class without accounts, and parents.
pub const LINK_GUESTS: usize = 300;
/// Interval at which the links of guests are checked: a link that another process ended closes its sockets within this
/// time (SPEC L9).
pub const LINK_CHECK_INTERVAL: Duration = Duration::from_secs(10);
/// Lifetime of a ticket for watching and downloading a shared board: a school day.
pub const TICKET_LIFE: Duration = Duration::from_secs(12 * 3600);

// --- class events ---------------------------------------------------------------------------------

/// Chat message, in characters.
pub const CHAT_CHARS: usize = 1_000;
/// Frame with text by people, in bytes: the longest message with every character escaped.
pub const WORDS_FRAME: usize = 16 * 1024;
/// Message ids that a lesson remembers (SPEC F11). A client that reconnects does not resend older ones.
pub const CHAT_KEPT: usize = 500;
/// Messages in a welcome …
pub const CHAT_SHOWN: usize = 50;
/// … and bytes of their text: a welcome is one frame.
pub const CHAT_SHOWN_BYTES: usize = 64 * 1024;
/// How long authors may change or delete their messages (SPEC F3).
pub const CHAT_EDIT_WITHIN: Duration = Duration::from_secs(10 * 60);
/// Longest pause between two messages of a pupil in a slow chat, in seconds.
pub const CHAT_SLOW_SECONDS: u64 = 3_600;
/// Emoji of a reaction, in bytes: a family of four, or the flag of a region, has about 28.
pub const REACTION_BYTES: usize = 32;
/// Longest timer, in seconds.
pub const TIMER_SECONDS: u64 = 24 * 3600;
/// Options of a poll, as many as fit on a screen.
pub const POLL_OPTIONS: usize = 10;
/// Question of a poll, in characters.
pub const POLL_QUESTION_CHARS: usize = 300;
/// Option of a poll, in characters.
pub const POLL_OPTION_CHARS: usize = 100;
/// Polls of one lesson, which stay in memory with their votes …
pub const POLLS: usize = 100;
/// … and open ones, which are all in a welcome.
pub const POLLS_OPEN: usize = 10;
/// People named in one `bring` (SPEC F9).
pub const SUMMONED_NAMES: usize = 40;
/// Class events that wait for their commit. Beyond it they are refused as `unavailable`.
pub const CLASS_EVENTS_WAITING: usize = 1_024;
/// Class events in one transaction.
pub const CLASS_FLUSH: usize = 256;
/// A class event that is not committed after this is refused as `unavailable`. A repeat tells (SPEC F13).
pub const CLASS_EVENT_WITHIN: Duration = Duration::from_secs(4);
/// Time between two frames of laser pointers. The first after a pause is sent at once.
pub const LASER_TICK: Duration = Duration::from_millis(50);
/// Time between two frames of a followed view: ten a second look smooth.
pub const LEAD_VIEW_TICK: Duration = Duration::from_millis(100);

// --- undo, clear, live strokes --------------------------------------------------------------------

/// Batches of one person on one board that can be undone (SPEC Z5).
pub const UNDO_BATCHES: usize = 100;
/// Bytes of the inverse of one batch, about a hundred long strokes. A larger inverse is not kept.
pub const UNDO_BATCH_BYTES: usize = 256 * 1024;
/// Bytes of all inverses that a board keeps in memory. Beyond it the oldest are dropped.
pub const UNDO_BOARD_BYTES: usize = 4 * 1024 * 1024;
/// Journal rows that are read for inverses when a board is loaded.
pub const UNDO_ROWS: i64 = 5_000;
/// How long a clear can be restored (SPEC Z6).
pub const CLEAR_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// Bytes at the start of a stored clear that name its page: a length and an id.
pub const CLEAR_HEAD_BYTES: i32 = 2 + ITEM_ID_BYTES as i32;
/// Frame of a live stroke, in bytes: one second of points from a pen with a high sample rate.
pub const DRAW_FRAME: usize = 8 * 1024;
/// Open strokes of one person, one for each finger.
pub const DRAW_STROKES: usize = 4;
/// Points of one live stroke. A longer one is ended by the server.
pub const DRAW_POINTS: usize = 10_000;
/// Id of a live stroke, in bytes: `draw:` and it are the id of a batch.
pub const DRAW_ID_BYTES: usize = BATCH_ID_BYTES - 5;
/// A stroke without a point for this long is ended by the server (SPEC Z8).
pub const DRAW_IDLE: Duration = Duration::from_secs(10);
/// A stroke whose socket is gone is ended after this: a reconnect takes one or two seconds.
pub const DRAW_GRACE: Duration = Duration::from_secs(3);

// --- share links ----------------------------------------------------------------------------------

/// Longest life of a link, in days; 0 is for ever.
pub const LINK_DAYS: u64 = 3_650;
/// Default life of a link, in days (SPEC L1).
pub const LINK_DAYS_DEFAULT: u64 = 7;
/// Most views of a link; 0 is without a bound.
pub const LINK_VIEWS: u64 = 1_000_000;

// --- cursor ticks ---------------------------------------------------------------------------------

/// Tick interval of an idle node: a single class sees a cursor within 5 ms, for a few percent of a core.
pub const TICK_CALM: Duration = Duration::from_millis(3);
/// Tick interval of a busy node: half the cost, and still smooth.
pub const TICK_BUSY: Duration = Duration::from_millis(50);
/// Cursor deliveries a second on one shard up to which it is idle …
pub const CALM_DELIVERIES: u64 = 50_000;
/// … and from which on it is busy. In between the interval grows in proportion.
pub const BUSY_DELIVERIES: u64 = 300_000;

// --- durability -----------------------------------------------------------------------------------

/// Rows in one journal transaction.
pub const FLUSH_ROWS: usize = 512;
/// Bytes in one journal transaction.
pub const FLUSH_BYTES: usize = 4 * 1024 * 1024;
/// Accepted bytes of one board that are not in the journal yet: drawing continues without PostgreSQL up to them.
pub const UNSAVED_BOARD_BYTES: usize = 4 * 1024 * 1024;
/// The same for all boards of one journal writer.
pub const UNSAVED_SHARD_BYTES: usize = 64 * 1024 * 1024;
/// A REST write that is not committed after this is answered 503. It may still be saved (SPEC S9).
pub const SAVE_DEADLINE: Duration = Duration::from_secs(5);
/// A checkpoint is written after so many batches, …
pub const CHECKPOINT_BATCHES: u64 = 1_000;
/// … after so many journal bytes, or …
pub const CHECKPOINT_BYTES: usize = 2 * 1024 * 1024;
/// … this long after the first change.
pub const CHECKPOINT_EVERY: Duration = Duration::from_secs(60);
/// Checkpoints kept for a board: recovery skips a bad one.
pub const CHECKPOINTS_KEPT: i64 = 2;
/// A board without seats, requests and unsaved work is unloaded after this long.
pub const PARK_AFTER: Duration = Duration::from_secs(60);

// --- history and jobs -----------------------------------------------------------------------------

/// Journal rows of one page when a board is rebuilt …
pub const REPLAY_ROWS: u32 = 2_000;
/// … and bytes of their operations: bounds the memory of a long history.
pub const REPLAY_BYTES: usize = 8 * 1024 * 1024;
/// Journal rows read for one answer about the history of a board. A page of a filtered list may therefore be short.
pub const HISTORY_ROWS: i64 = 2_000;
/// Boards that are rebuilt for readers at the same time: each may read a whole journal and hold a state in memory.
pub const REBUILDS_AT_ONCE: usize = 4;
/// Default number of operations in one page of a replay (SPEC Q7) …
pub const REPLAY_OPS: u32 = 500;
/// … and at most.
pub const REPLAY_OPS_MAX: u32 = 2_000;
/// Item ids in one query for authors.
pub const AUTHORS_IDS: usize = 500;
/// Bytes of items in one page of a comparison.
pub const COMPARED_BYTES: usize = 4 * 1024 * 1024;
/// How soon a loaded board learns that a person was erased from its journal.
pub const ERASURE_CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// Jobs that run at the same time on one node. Each kind has a smaller bound of its own.
pub const JOBS_AT_ONCE: usize = 4;
/// Interval at which jobs of other processes are polled.
pub const JOBS_POLL: Duration = Duration::from_secs(1);
/// Wait before the second attempt of a failed job; it doubles with each attempt …
pub const JOB_BACKOFF: Duration = Duration::from_secs(2);
/// … up to this.
pub const JOB_BACKOFF_MAX: Duration = Duration::from_secs(300);
/// How long jobs may run on when the server stops. Then they are returned to the queue.
pub const JOBS_DRAIN: Duration = Duration::from_secs(2);
/// Rows that a cleaning job deletes in one statement, so that locks and transactions are short.
pub const CLEANING_ROWS: i64 = 2_000;
/// How long an answer under an `Idempotency-Key` is repeated (SPEC N3).
pub const ANSWER_LIFE: Duration = Duration::from_secs(60);
/// A request without an answer after this has died, and its key may be used again.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(90);
/// Lifetime of a signed snapshot URL (SPEC N1).
pub const SNAPSHOT_URL_LIFE: Duration = Duration::from_secs(900);
/// Note of a snapshot, in characters.
pub const NOTE_CHARS: usize = 500;
/// Exports are deleted, row and object, after this (SPEC T8).
pub const EXPORTS_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long rows of completed jobs of the program are kept; the newest of each kind stays …
pub const OWN_JOBS_KEPT: Duration = Duration::from_secs(24 * 3600);
/// … and rows of failed ones.
pub const FAILED_JOBS_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long ended logins are kept: longer than their access tokens live.
pub const ENDED_LOGINS_KEPT: Duration = Duration::from_secs(24 * 3600);
/// Changed boards for which one scan requests jobs.
pub const CHANGED_BOARDS: i64 = 500;

// --- webhooks -------------------------------------------------------------------------------------

/// Webhooks of one classroom.
pub const HOOKS_PER_CLASS: i64 = 20;
/// Bytes of the secret of a webhook: as long as the output of SHA-256.
pub const HOOK_SECRET_BYTES: usize = 32;
/// How long the former secret still signs after a rotation.
pub const HOOK_OLD_SECRET: Duration = Duration::from_secs(24 * 3600);
/// How long a receiver may take, from the lookup of its name to the head of its answer.
pub const HOOK_ANSWER: Duration = Duration::from_secs(10);
/// Lease of a delivery: longer than an answer may take.
pub const HOOK_LEASE: Duration = Duration::from_secs(12);
/// Wait after the first failure; it doubles with each further one …
pub const HOOK_BACKOFF: Duration = Duration::from_secs(2);
/// … up to this.
pub const HOOK_BACKOFF_MAX: Duration = Duration::from_secs(3600);
/// Characters kept of an error.
pub const HOOK_ERROR_CHARS: usize = 200;
/// Webhooks that one process serves at once, with one event at a time each.
pub const HOOKS_AT_ONCE: usize = 16;
/// Events after which a webhook returns its lease, so that others are served.
pub const HOOK_BATCH: i64 = 50;
/// Interval at which events and due webhooks are polled.
pub const HOOKS_POLL: Duration = Duration::from_millis(500);
/// Interval at which a class with a running lesson is scanned …
pub const HOOK_SCAN_INTERVAL: Duration = Duration::from_secs(1);
/// … and one without.
pub const HOOK_SCAN_INTERVAL_IDLE: Duration = Duration::from_secs(3);
/// Shortest time between two `board.saved` of one board (SPEC G5).
pub const BOARD_SAVED_EVERY: Duration = Duration::from_secs(2);
/// Rows of one kind in one scan.
pub const HOOK_ROWS: i64 = 500;
/// A lesson that ended this long ago is not scanned: everything drawn in it is committed.
pub const HOOK_LESSON_OVER: Duration = Duration::from_secs(60);
/// How long events and deliveries are kept; a replay reaches back so far.
pub const HOOK_EVENTS_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

// --- accounts -------------------------------------------------------------------------------------

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

// --- proxies ----------------------------------------------------------------------------------------

/// Addresses of `X-Forwarded-For` that are read, from the right (SPEC U8).
pub const FORWARDED_HOPS: usize = 16;
/// Host name with port, in bytes (RFC 1035: 253).
pub const HOST_BYTES: usize = 260;

// --- the event log ---------------------------------------------------------------------------------

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

// --- client reports (SPEC M) ----------------------------------------------------------------------

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

// --- objects ------------------------------------------------------------------------------------------

/// Deadline of a small request to the object store (delete, head, one page of a list), with retries. Shorter than the
/// idle limit of a transaction, since garbage collection waits for a deletion within one.
pub const OBJECT_CALL: Duration = Duration::from_secs(10);
/// Deadline of one part of an upload or download.
pub const OBJECT_PART_CALL: Duration = Duration::from_secs(30);
/// Slowest accepted upload to the store, in bytes a second: a small upload that hangs fails sooner than a large one.
pub const OBJECT_PACE: u64 = 512 * 1024;
/// A larger object is uploaded in parts of this size, in bytes; S3 requires at least 5 MiB.
pub const OBJECT_PART: usize = 8 * 1024 * 1024;
/// Key of an object, in bytes, as its column allows.
pub const OBJECT_KEY_BYTES: usize = 512;
/// Deadline of an upload.
pub const UPLOAD_DEADLINE: Duration = Duration::from_secs(120);
/// How long an upload waits for another one of the same key before the client is told to retry.
pub const UPLOAD_KEY_WAIT: Duration = Duration::from_secs(10);
/// Reservations and rows of unfinished uploads are deleted after this (SPEC V8).
pub const UPLOAD_LIFE: Duration = Duration::from_secs(3600);
/// An object without a row is deleted when it is older than this: a younger one may be an upload in progress.
pub const ORPHAN_GRACE: Duration = Duration::from_secs(24 * 3600);
/// Asset of a board, in bytes.
pub const ASSET_BYTES: usize = 10 * 1024 * 1024;
/// Pixels of an uploaded image; decoded it has 160 MB.
pub const ASSET_PIXELS: u64 = 40_000_000;
/// Memory for decoding one image, in bytes.
pub const ASSET_DECODE_BYTES: u64 = 256 * 1024 * 1024;
/// Images decoded at once: bounds their total memory.
pub const ASSET_DECODES: usize = 2;
/// Lifetime of the signed URL of an asset.
pub const ASSET_URL_LIFE: Duration = Duration::from_secs(3600);

// --- exports --------------------------------------------------------------------------------------

/// Largest exported state, in bytes of its canonical text (SPEC E32).
pub const EXPORT_STATE: usize = 10 * 1024 * 1024;
/// How long the file of an export is available (SPEC E36).
pub const EXPORT_LIFE: Duration = Duration::from_secs(24 * 3600);
/// Lifetime of a link to the file of an export: long enough to start a slow download, short enough to limit the harm of
/// passing it on by mistake.
pub const EXPORT_LINK_LIFE: Duration = Duration::from_secs(3600);
/// How long `POST …/export/` waits for the file, so that the client of a small board need not poll.
pub const EXPORT_WAIT: Duration = Duration::from_secs(1);
/// How long a public download, and a request for a thumbnail, wait for the picture.
pub const RENDER_WAIT: Duration = Duration::from_secs(20);
/// Pictures drawn at the same time: each may use a core and `RENDER_MEMORY`.
pub const RENDERS_AT_ONCE: usize = 2;
/// The link of a thumbnail stays the same for this long, so that browsers cache it, and is valid for at least as long.
pub const THUMBNAIL_LINK_LIFE: Duration = Duration::from_secs(3600);

// --- paging ---------------------------------------------------------------------------------------

/// Default rows of a page.
pub const PAGE_DEFAULT: u32 = 50;
/// Most rows of a page.
pub const PAGE_MAX: u32 = 200;

// --- rendering ------------------------------------------------------------------------------------

/// Bytes of all stored images in one picture.
pub const RENDER_IMAGE_BYTES: usize = 64 * 1024 * 1024;
/// Stored images in one picture.
pub const RENDER_IMAGES: usize = 1_000;
/// Address space of the rendering process, in bytes. A 16 MiB state with large photographs needs less than half of it.
pub const RENDER_MEMORY: u64 = 1024 * 1024 * 1024;
/// CPU time of one picture …
pub const RENDER_CPU: Duration = Duration::from_secs(25);
/// … and wall time, without waiting for a free process.
pub const RENDER_DEADLINE: Duration = Duration::from_secs(30);
/// Largest output of the rendering process, in bytes.
pub const RENDER_OUTPUT: u64 = 256 * 1024 * 1024;
/// Pixels of one PNG, twice a 4K screen. Larger pages are scaled down.
pub const RENDER_PIXELS: u32 = 16 * 1024 * 1024;
/// Default longer side of a thumbnail, in pixels.
pub const THUMBNAIL_SIDE: u32 = 320;
/// Target size of a thumbnail, in bytes: first colours are reduced, then its size.
pub const THUMBNAIL_BYTES: usize = 20 * 1024;
