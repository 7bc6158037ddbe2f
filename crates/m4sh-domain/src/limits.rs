//! Every number of the contract, once, with its reason. Rates live in `domain::rate`, since each is a setting.
//! Used by every layer. Never holds a value that an operator may change.

mod eyes;

use std::time::Duration;

pub use eyes::*;

// --- REST bodies (contract/boards.md 2.0: at the limit is accepted, one byte more is not) --------

/// A diff save's body, in bytes, after inflation.
pub const DIFF_BODY: usize = 512 * 1024;
/// A whole-state save's body, in bytes, after inflation.
pub const STREAM_BODY: usize = 2 * 1024 * 1024;
/// `POST` and `PATCH` of a session: the contract gives none, so the largest state that can be exported.
pub const SESSION_BODY: usize = 10 * 1024 * 1024;
/// What a page says as it leaves.
pub const BEACON_BODY: usize = 64 * 1024;
/// Accounts, classrooms and other small bodies.
pub const SMALL_BODY: usize = 16 * 1024;
/// Operations in one batch, REST or socket: 100 pass, 101 are refused.
pub const OPS_PER_BATCH: usize = 100;

// --- documents ----------------------------------------------------------------------------------

/// Nesting of arrays and objects. Real boards nest about 8 deep; recursion must stay far from the stack's end.
pub const JSON_DEPTH: usize = 64;
/// Values (scalars, keys, containers) in one parsed body: bounds memory at a small multiple of the bytes.
pub const JSON_NODES: usize = 2_000_000;
/// Digits of one number: longer ones are no coordinate and cost quadratic time elsewhere.
pub const NUMBER_CHARS: usize = 400;
/// A whole board's canonical state, in bytes: past it a batch is refused and the board stays usable.
pub const BOARD_BYTES: usize = 16 * 1024 * 1024;
/// An item's or page's id, in bytes.
pub const ITEM_ID_BYTES: usize = 256;
/// Pages of one board.
pub const BOARD_PAGES: usize = 2_000;
/// A board's, classroom's or session's name, in characters (contract/boards.md 2.1).
pub const NAME_CHARS: usize = 255;
/// A board's thumbnail address, in characters.
pub const URL_CHARS: usize = 2_048;

// --- exactly once and history ---------------------------------------------------------------------

/// A socket batch's `id`, in bytes (contract/live.md 3).
pub const BATCH_ID_BYTES: usize = 64;
/// An `Idempotency-Key`, in bytes.
pub const IDEMPOTENCY_KEY_BYTES: usize = 200;
/// Batches whose ids a board remembers, in memory and after a restart: a resend older than this many
/// batches cannot come from a client that is merely reconnecting.
pub const RECEIPTS: usize = 10_000;
/// Recent batches kept in memory for resuming clients …
pub const HISTORY_BATCHES: usize = 4_096;
/// … and their bytes: past either, the oldest leave and a client gets a snapshot instead.
pub const HISTORY_BYTES: usize = 1024 * 1024;

// --- sockets (contract/live.md 3) -----------------------------------------------------------------

/// A frame of the presence dialect, and a cursor frame of any dialect, in bytes.
pub const PRESENCE_FRAME: usize = 2 * 1024;
/// An operation frame of the full dialects, in bytes.
pub const OPS_FRAME: usize = 64 * 1024;
/// A socket that has not said hello by then is closed with 4408.
pub const HELLO_DEADLINE: Duration = Duration::from_secs(10);
/// A WebSocket ping goes out this often; the time until its answer is the connection's quality …
pub const PING_AFTER: Duration = Duration::from_secs(20);
/// … and a client silent for this long is gone: a sleeping laptop leaves the roster within 45 s.
pub const SILENCE_LIMIT: Duration = Duration::from_secs(42);
/// How long a closing socket may take to hear its `bye`.
pub const BYE_DEADLINE: Duration = Duration::from_secs(3);
/// A `select` frame, in bytes: a hundred items with ids of the usual 36 characters.
pub const SELECT_FRAME: usize = 4 * 1024;
/// Items of one selection.
pub const SELECTED_ITEMS: usize = 100;
/// Whoever is back within this time after their last connection ended never left: a page is loaded again within it.
pub const LEAVE_GRACE: Duration = Duration::from_secs(5);
/// Whoever sends nothing but pings for this long is idle.
pub const IDLE_AFTER: Duration = Duration::from_secs(60);
/// The first ping goes out this long after the welcome, which it should not wait behind.
pub const PING_FIRST: Duration = Duration::from_secs(2);
/// A rule about rights that ends by itself does so within a day, in seconds: longer ones are for a class's own rules.
pub const RULE_SECONDS: u32 = 24 * 3600;
/// Changes of rights that wait for their turn in one lesson: a tutor's clicks while the database takes a breath.
pub const RIGHTS_WAITING: usize = 64;
/// Bytes that wait in a connection's ordered lane before its reader is too slow (close 4508), if it took nothing …
/// Bytes that wait in a connection's ordered lane before its reader falls behind (close 4508, when what waits are no
/// operations), if it took nothing …
pub const OUTBOX_BYTES: usize = 96 * 1024;
/// … for this long; …
pub const OUTBOX_PATIENCE: Duration = Duration::from_millis(250);
/// … and bytes that are too many in any case.
pub const OUTBOX_BYTES_MAX: usize = 192 * 1024;
/// Frames that wait there: bounds the bookkeeping of many tiny frames.
pub const OUTBOX_FRAMES: usize = 2_048;
/// Bytes that wait there from which on its reader gets no cursors: what is ahead of them is old enough.
pub const OUTBOX_PRESENCE: usize = 48 * 1024;
/// A reader that is behind and took nothing for this long is closed with 4508, once it missed …
pub const LAG_PATIENCE: Duration = Duration::from_millis(500);
/// … so many bytes: as many as history holds, so that only the whole state could bring it back; …
pub const LAG_BYTES: usize = 1024 * 1024;
/// … or, whatever it missed, when it took nothing for this long.
pub const LAG_MAX: Duration = Duration::from_secs(10);
/// Answers to its own batches that are kept for a reader that is behind; a client that sends more without reading is closed.
pub const LAG_ACKS: usize = 1_024;
/// How long somebody whose socket was closed for not keeping to a budget is turned away; doubled each time …
pub const COOL_DOWN: Duration = Duration::from_secs(5);
/// … up to this, …
pub const COOL_DOWN_MAX: Duration = Duration::from_secs(60);
/// … and forgotten when this long was nothing.
pub const COOL_DOWN_MEMORY: Duration = Duration::from_secs(120);
/// A longer frame is written as fragments, one after the other: a welcome with a large board is then never copied whole
/// into a connection's buffers, however slowly it is read.
pub const WHOLE_FRAME: usize = 4 * 1024;
/// The sizes of such fragments: small ones keep a resting connection's buffers small, large ones a large board quick.
pub const FRAGMENT: std::ops::RangeInclusive<usize> = 2 * 1024..=32 * 1024;
/// The kernel's send buffer for a connection; Linux doubles the figure. Without it a stalled reader hides
/// up to 4 MB below the outbox (anchors/performance.md 3).
pub const SEND_BUFFER: usize = 64 * 1024;
/// Unacknowledged data older than this ends the TCP connection.
pub const TCP_USER_TIMEOUT: Duration = Duration::from_secs(30);
/// Connections on one board: a class of 300 with second tabs, and guests.
pub const BOARD_SEATS: usize = 2_000;
/// Encoded states that a board keeps for joiners who see different things: more than these are made again.
pub const SHARED_STATES: usize = 4;
/// People who are named when work is revealed, as many as a small frame holds: more are revealed as everybody.
pub const REVEALED_NAMES: usize = 50;
/// Events of a room client's that wait for their commit; past it, it is told to wait.
pub const ROOM_EVENTS: usize = 256;
/// Bytes of one signal of a room client's, to all who hear it together.
pub const ROOM_SIGNAL_BYTES: usize = 256 * 1024;
/// `saved` is said at most this often.
pub const SAVED_EVERY: Duration = Duration::from_millis(100);

/// Guests who watch by one share link: a class of pupils without accounts, and their parents.
pub const LINK_GUESTS: usize = 300;
/// How often it is looked whether the links that guests watch by still live: what this node is told of ends at once,
/// what happened elsewhere within this time.
pub const LINK_CHECK_INTERVAL: Duration = Duration::from_secs(10);
/// Life of the ticket that the public page of a shared board gets, for watching and downloading: a school day.
pub const TICKET_LIFE: Duration = Duration::from_secs(12 * 3600);

// --- talk and leading in class -------------------------------------------------------------------

/// A message in the chat, in characters.
pub const CHAT_CHARS: usize = 1_000;
/// A frame that carries people's words, in bytes: a message of the longest kind with every character escaped.
pub const WORDS_FRAME: usize = 16 * 1024;
/// Messages that a lesson remembers: repeats of older ones cannot come from a client that is merely reconnecting.
pub const CHAT_KEPT: usize = 500;
/// Messages that a newcomer gets with the welcome …
pub const CHAT_SHOWN: usize = 50;
/// … and their words in bytes at most: a welcome is one frame.
pub const CHAT_SHOWN_BYTES: usize = 64 * 1024;
/// How long the author of a message may change it or take it out; those who lead may take out any.
pub const CHAT_EDIT_WITHIN: Duration = Duration::from_secs(10 * 60);
/// Seconds between two messages of one pupil in a slow chat, at most.
pub const CHAT_SLOW_SECONDS: u64 = 3_600;
/// A reaction, in bytes: a family of four, or a flag of a region, is one picture of some 28.
pub const REACTION_BYTES: usize = 32;
/// What a timer is set to at most, in seconds: a day.
pub const TIMER_SECONDS: u64 = 24 * 3600;
/// Options of a poll: what can be told apart on a screen.
pub const POLL_OPTIONS: usize = 10;
/// A poll's question, in characters.
pub const POLL_QUESTION_CHARS: usize = 300;
/// One of its options, in characters.
pub const POLL_OPTION_CHARS: usize = 100;
/// Polls of one lesson, which are kept in memory with their votes …
pub const POLLS: usize = 100;
/// … and those that go on at the same time, since a newcomer is told all of them.
pub const POLLS_OPEN: usize = 10;
/// People who are brought somewhere by name: more are "everybody".
pub const SUMMONED_NAMES: usize = 40;
/// Class events that wait for their commit; past it they are refused as `unavailable`.
pub const CLASS_EVENTS_WAITING: usize = 1_024;
/// Class events in one transaction.
pub const CLASS_FLUSH: usize = 256;
/// A class event that is not committed by then is refused as `unavailable`; its repeat finds out.
pub const CLASS_EVENT_WITHIN: Duration = Duration::from_secs(4);
/// Time between two frames of laser pointers; the first after a pause goes at once.
pub const LASER_TICK: Duration = Duration::from_millis(50);
/// Time between two frames of the view that everybody follows: eyes follow ten a second smoothly.
pub const LEAD_VIEW_TICK: Duration = Duration::from_millis(100);

// --- taking back, clearing, live strokes ----------------------------------------------------------

/// Batches of one person on one board that can be taken back: more than anybody remembers having done.
pub const UNDO_BATCHES: usize = 100;
/// Bytes of one batch's way back: a hundred long strokes that were erased at once. Of a larger one none is kept.
pub const UNDO_BATCH_BYTES: usize = 256 * 1024;
/// Bytes of all ways back that a board keeps in memory: past it the oldest leave.
pub const UNDO_BOARD_BYTES: usize = 4 * 1024 * 1024;
/// Journal rows that are looked at for ways back when a board wakes.
pub const UNDO_ROWS: i64 = 5_000;
/// How long what was cleared can be brought back.
pub const CLEAR_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// So much of what is kept of a clear says which page it was: a length and an id.
pub const CLEAR_HEAD_BYTES: i32 = 2 + ITEM_ID_BYTES as i32;
/// A frame of a live stroke, in bytes: a hand's points of a second, from a pen that samples often.
pub const DRAW_FRAME: usize = 8 * 1024;
/// Strokes that one person draws at the same time: as many fingers.
pub const DRAW_STROKES: usize = 4;
/// Points of one live stroke; a longer one is sealed, and the next begins.
pub const DRAW_POINTS: usize = 10_000;
/// A live stroke's id, in bytes: with `draw:` before it, it is a batch's id.
pub const DRAW_ID_BYTES: usize = BATCH_ID_BYTES - 5;
/// A stroke without a point for so long is sealed: its pen is gone.
pub const DRAW_IDLE: Duration = Duration::from_secs(10);
/// A stroke whose socket is gone is sealed after this: a reconnect takes a second or two.
pub const DRAW_GRACE: Duration = Duration::from_secs(3);

// --- share links ----------------------------------------------------------------------------------

/// Days that a link may live at most, ten years; 0 is for ever.
pub const LINK_DAYS: u64 = 3_650;
/// Days that a link lives when nobody says (contract/boards.md 2.7).
pub const LINK_DAYS_DEFAULT: u64 = 7;
/// Views that may be asked for at most; 0 is without a bound.
pub const LINK_VIEWS: u64 = 1_000_000;

// --- cursor ticks ---------------------------------------------------------------------------------

/// Ticks while the node is calm: a lone class sees a cursor within 5 ms, for a few percent of a core.
pub const TICK_CALM: Duration = Duration::from_millis(3);
/// Ticks while it is busy: half the cost of the calm tick, and still smooth to the eye.
pub const TICK_BUSY: Duration = Duration::from_millis(50);
/// Cursor deliveries a second on one shard up to which it is calm …
pub const CALM_DELIVERIES: u64 = 50_000;
/// … and from which on it is busy; in between the tick grows in proportion.
pub const BUSY_DELIVERIES: u64 = 300_000;

// --- durability -----------------------------------------------------------------------------------

/// Rows in one journal transaction.
pub const FLUSH_ROWS: usize = 512;
/// Bytes in one journal transaction.
pub const FLUSH_BYTES: usize = 4 * 1024 * 1024;
/// Accepted but not yet journaled bytes of one board: drawing goes on that long without Postgres.
pub const UNSAVED_BOARD_BYTES: usize = 4 * 1024 * 1024;
/// The same for all boards of one journal writer.
pub const UNSAVED_SHARD_BYTES: usize = 64 * 1024 * 1024;
/// A REST write that is not committed by then is answered 503: it may still be saved, and says so.
pub const SAVE_DEADLINE: Duration = Duration::from_secs(5);
/// A checkpoint is written when so many batches …
pub const CHECKPOINT_BATCHES: u64 = 1_000;
/// … or so many journal bytes lie behind it, or …
pub const CHECKPOINT_BYTES: usize = 2 * 1024 * 1024;
/// … when anything lies behind it for this long.
pub const CHECKPOINT_EVERY: Duration = Duration::from_secs(60);
/// Checkpoints kept for a board: recovery walks back past a bad one.
pub const CHECKPOINTS_KEPT: i64 = 2;
/// A board without seats, requests or unsaved work leaves memory after this long.
pub const PARK_AFTER: Duration = Duration::from_secs(60);

// --- the past and the queue -----------------------------------------------------------------------

/// Journal rows that are read at once when a board is rebuilt …
pub const REPLAY_ROWS: u32 = 2_000;
/// … and the bytes of their operations after which a page ends: a long history in bounded memory.
pub const REPLAY_BYTES: usize = 8 * 1024 * 1024;
/// Journal rows that one answer about a board's past looks at: a page of a filtered list may be short, and says where to
/// go on.
pub const HISTORY_ROWS: i64 = 2_000;
/// Pasts of boards that are rebuilt for readers at the same time: each may take a whole journal and a state's memory.
pub const REBUILDS_AT_ONCE: usize = 4;
/// Operations in one page of a replay when the caller does not say (contract/boards.md 9) …
pub const REPLAY_OPS: u32 = 500;
/// … and at most.
pub const REPLAY_OPS_MAX: u32 = 2_000;
/// Items that may be asked for by id in one question about authors.
pub const AUTHORS_IDS: usize = 500;
/// Bytes of items in one answer of a comparison: the next one is told where to go on.
pub const COMPARED_BYTES: usize = 4 * 1024 * 1024;
/// How soon a board that is awake learns that somebody was erased from its past.
pub const ERASURE_CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// Jobs that run at the same time on one node; each kind has a bound of its own below this.
pub const JOBS_AT_ONCE: usize = 4;
/// A waiting job of another process is noticed within this.
pub const JOBS_POLL: Duration = Duration::from_secs(1);
/// The wait before a failed job's second attempt; it doubles with each attempt …
pub const JOB_BACKOFF: Duration = Duration::from_secs(2);
/// … up to this.
pub const JOB_BACKOFF_MAX: Duration = Duration::from_secs(300);
/// How long running jobs may go on when the server stops; then they are given back.
pub const JOBS_DRAIN: Duration = Duration::from_secs(2);
/// Rows that a cleaning job removes in one statement: short locks, short transactions.
pub const CLEANING_ROWS: i64 = 2_000;
/// How long an answer under an `Idempotency-Key` is given again (contract/boards.md 2.5).
pub const ANSWER_LIFE: Duration = Duration::from_secs(60);
/// A request that has not answered by then has died: its key may be used again.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(90);
/// Life of a signed snapshot URL (contract/boards.md 2.5).
pub const SNAPSHOT_URL_LIFE: Duration = Duration::from_secs(900);
/// A snapshot's note, in characters.
pub const NOTE_CHARS: usize = 500;
/// Exports are removed, row and object, after this (contract/boards.md 5).
pub const EXPORTS_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// Rows of the program's own jobs that were completed stay for this long, and the newest of each kind for ever …
pub const OWN_JOBS_KEPT: Duration = Duration::from_secs(24 * 3600);
/// … and those that failed.
pub const FAILED_JOBS_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// Ended logins stay for this long: longer than any of their access tokens lives.
pub const ENDED_LOGINS_KEPT: Duration = Duration::from_secs(24 * 3600);
/// Boards for which one look at what changed asks for work.
pub const CHANGED_BOARDS: i64 = 500;

// --- webhooks -------------------------------------------------------------------------------------

/// Webhooks of one classroom.
pub const HOOKS_PER_CLASS: i64 = 20;
/// Bytes of a webhook's secret before they are written as text: the block that HMAC-SHA256 can use fully.
pub const HOOK_SECRET_BYTES: usize = 32;
/// How long the secret before still signs, too, after a new one was made.
pub const HOOK_OLD_SECRET: Duration = Duration::from_secs(24 * 3600);
/// How long a receiver may take, from the look at its name to the head of its answer. The answer's body is not read.
pub const HOOK_ANSWER: Duration = Duration::from_secs(10);
/// A delivery whose sender died is taken over after this: longer than an answer may take.
pub const HOOK_LEASE: Duration = Duration::from_secs(12);
/// The wait after a first failure; it doubles with each …
pub const HOOK_BACKOFF: Duration = Duration::from_secs(2);
/// … up to this: a receiver that is back hears within an hour.
pub const HOOK_BACKOFF_MAX: Duration = Duration::from_secs(3600);
/// Characters that are kept of what went wrong.
pub const HOOK_ERROR_CHARS: usize = 200;
/// Webhooks that one process works on at once; each sends one event at a time.
pub const HOOKS_AT_ONCE: usize = 16;
/// Events after which a webhook waits for its turn again.
pub const HOOK_BATCH: i64 = 50;
/// How often a process looks for events and webhooks that are due.
pub const HOOKS_POLL: Duration = Duration::from_millis(500);
/// How often a class with a lesson that goes on is looked at …
pub const HOOK_SCAN_INTERVAL: Duration = Duration::from_secs(1);
/// … and one without.
pub const HOOK_SCAN_INTERVAL_IDLE: Duration = Duration::from_secs(3);
/// `board.saved` is told of one board at most this often.
pub const BOARD_SAVED_EVERY: Duration = Duration::from_secs(2);
/// Rows of one sort that one look takes.
pub const HOOK_ROWS: i64 = 500;
/// A lesson that ended this long ago has no more to tell: what was drawn until its end is committed long since.
pub const HOOK_LESSON_OVER: Duration = Duration::from_secs(60);
/// Events and deliveries are kept for this long; a replay reaches back no further.
pub const HOOK_EVENTS_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

// --- accounts -------------------------------------------------------------------------------------

/// Life of an access token (contract/live.md 2).
pub const ACCESS_TOKEN_LIFE: Duration = Duration::from_secs(15 * 60);
/// Life of a refresh token; each rotation starts it anew.
pub const REFRESH_TOKEN_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);
/// A password's length in bytes: the least that guards an account, the most that Argon2 is asked to hash.
pub const PASSWORD_BYTES: std::ops::RangeInclusive<usize> = 8..=256;
/// An e-mail address, in bytes (RFC 5321).
pub const EMAIL_BYTES: usize = 254;
/// A person's first or last name, in characters.
pub const PERSON_NAME_CHARS: usize = 150;
/// An access token, in bytes, before it is looked at.
pub const TOKEN_BYTES: usize = 4 * 1024;
/// Bytes of storage a new account may use: 5 GiB (design §6).
pub const DEFAULT_QUOTA_BYTES: i64 = 5 * 1024 * 1024 * 1024;

// --- proxies ----------------------------------------------------------------------------------------

/// Addresses of `X-Forwarded-For` that are looked at, from the right: nobody has so many proxies in a row.
pub const FORWARDED_HOPS: usize = 16;
/// A host's name with its port, in bytes (RFC 1035: 253).
pub const HOST_BYTES: usize = 260;

// --- the event log ---------------------------------------------------------------------------------

/// Characters of a `User-Agent` that are kept: real ones are shorter, and the header is the client's to fill.
pub const AGENT_CHARS: usize = 512;
/// Bytes of an event's details as JSON; longer ones are left out.
pub const EVENT_DATA_BYTES: usize = 2 * 1024;
/// Events that wait for their commit, at most some 3 KiB each: past it the newest are lost and counted.
pub const EVENTS_WAITING: usize = 8_192;
/// How long an answer waits for its event to be committed; after that it goes without.
pub const EVENT_WAIT: Duration = Duration::from_secs(1);
/// How long events that nobody waits for gather before they are written together.
pub const EVENTS_LINGER: Duration = Duration::from_millis(50);
/// How long the last events may take when the server stops.
pub const EVENTS_FLUSH: Duration = Duration::from_secs(3);
/// Days that the events of saves are kept: an autosave each 3 s makes 1,200 an hour, and the journal knows them, too.
pub const SAVE_EVENTS_DAYS: u32 = 90;

// --- what clients tell of themselves (contract/boards.md 2.9) --------------------------------------

/// A telemetry body, in bytes after inflation (S31).
pub const TELEMETRY_BODY: usize = 32 * 1024;
/// A body of board metrics: the contract gives none; some hundred metrics of the usual size.
pub const METRICS_BODY: usize = 64 * 1024;
/// Events or metrics in one body; a browser gathers some dozens.
pub const CLIENT_EVENTS_PER_BODY: usize = 500;
/// Nesting of such a body: payloads are flat, and wrapped twice.
pub const CLIENT_EVENT_DEPTH: usize = 16;
/// Values in such a body.
pub const CLIENT_EVENT_NODES: usize = 20_000;
/// Characters of a session's id, a name and a version; longer ones are cut.
pub const CLIENT_WORD_CHARS: usize = 128;
/// Events that wait to be written; past it, or past their bytes, the oldest are dropped and counted: 3 s at full speed.
pub const CLIENT_EVENTS_WAITING: usize = 65_536;
/// Their bytes.
pub const CLIENT_EVENTS_BYTES: usize = 32 * 1024 * 1024;
/// Events in one insert.
pub const CLIENT_EVENTS_BATCH: usize = 4_096;
/// How long they gather: nobody waits for them, and large inserts cost the database the least.
pub const CLIENT_EVENTS_LINGER: Duration = Duration::from_millis(250);
/// How long the last of them may take when the server stops.
pub const CLIENT_EVENTS_FLUSH: Duration = Duration::from_secs(2);
/// Days that they are kept.
pub const CLIENT_EVENTS_DAYS: u32 = 30;
/// The longest range of an aggregate.
pub const AGGREGATE_DAYS: i64 = 31;
/// Rows of an aggregate: a row for each hour and version, and versions are what strangers say.
pub const AGGREGATE_ROWS: usize = 2_000;
/// How long a board that somebody may see is remembered for their beacons, which change nothing.
pub const BEACON_MEMORY: Duration = Duration::from_secs(60);
/// Boards that are so remembered, some 60 bytes each.
pub const BEACON_MEMORIES: usize = 100_000;
// --- objects ------------------------------------------------------------------------------------------

/// A small question to the object store (delete, head, one page of a listing) is answered by then, retries included.
/// Shorter than the database lets a transaction lie idle, since the sweep waits for a deletion within one.
pub const OBJECT_CALL: Duration = Duration::from_secs(10);
/// One part of an upload or a download is through by then.
pub const OBJECT_PART_CALL: Duration = Duration::from_secs(30);
/// Bytes a second that an upload to the store makes at least: a small one that hangs is told sooner than a large one.
pub const OBJECT_PACE: u64 = 512 * 1024;
/// A larger object is uploaded in parts of this size, in bytes: S3 wants at least 5 MiB.
pub const OBJECT_PART: usize = 8 * 1024 * 1024;
/// An object's key, in bytes: what its row may hold.
pub const OBJECT_KEY_BYTES: usize = 512;
/// An upload that is not through by then has failed.
pub const UPLOAD_DEADLINE: Duration = Duration::from_secs(120);
/// How long an upload waits for another one of the same key before it says "come back".
pub const UPLOAD_KEY_WAIT: Duration = Duration::from_secs(10);
/// Reservations and rows of uploads that were never finished are given up after this long.
pub const UPLOAD_LIFE: Duration = Duration::from_secs(3600);
/// An object without a row is removed when it is older than this: a younger one may be on its way.
pub const ORPHAN_GRACE: Duration = Duration::from_secs(24 * 3600);
/// An asset of a board, in bytes.
pub const ASSET_BYTES: usize = 10 * 1024 * 1024;
/// Pixels of an uploaded image: a photograph of 40 megapixels; decoded it has 160 MB.
pub const ASSET_PIXELS: u64 = 40_000_000;
/// Memory for decoding one image, in bytes.
pub const ASSET_DECODE_BYTES: u64 = 256 * 1024 * 1024;
/// Images decoded at once: bounds their memory together.
pub const ASSET_DECODES: usize = 2;
/// Life of an asset's signed URL.
pub const ASSET_URL_LIFE: Duration = Duration::from_secs(3600);

// --- exports (contract/boards.md 2.6) -------------------------------------------------------------

/// A state that is exported, in bytes of its canonical text.
pub const EXPORT_STATE: usize = 10 * 1024 * 1024;
/// How long an export's file is offered.
pub const EXPORT_LIFE: Duration = Duration::from_secs(24 * 3600);
/// How long a link to an export's file is good: long enough for a slow download to begin, short enough to be passed on
/// by mistake without much harm.
pub const EXPORT_LINK_LIFE: Duration = Duration::from_secs(3600);
/// How long `POST …/export/` waits for the file: a small board is done by then, and its client need not ask again.
pub const EXPORT_WAIT: Duration = Duration::from_secs(1);
/// How long a download through a link, and a thumbnail that was asked for, wait: a person sits before it.
pub const RENDER_WAIT: Duration = Duration::from_secs(20);
/// Pictures that are drawn at the same time: each may use a core and `RENDER_MEMORY`.
pub const RENDERS_AT_ONCE: usize = 2;
/// A thumbnail's link stays the same for this long, so that browsers keep the picture; it is good for at least as long.
pub const THUMBNAIL_LINK_LIFE: Duration = Duration::from_secs(3600);

// --- paging ---------------------------------------------------------------------------------------

/// Rows of a page when the caller does not say.
pub const PAGE_DEFAULT: u32 = 50;
/// Rows of a page at most.
pub const PAGE_MAX: u32 = 200;

// --- pictures -------------------------------------------------------------------------------------

/// Bytes of all stored images that one picture may need.
pub const RENDER_IMAGE_BYTES: usize = 64 * 1024 * 1024;
/// Stored images of one picture.
pub const RENDER_IMAGES: usize = 1_000;
/// Address space of the rendering process: a 16 MiB state with large photos stays below a half of it.
pub const RENDER_MEMORY: u64 = 1024 * 1024 * 1024;
/// Processor time of one picture: a whole book of pages needs seconds …
pub const RENDER_CPU: Duration = Duration::from_secs(25);
/// … and its time on the clock, waiting for its turn not counted.
pub const RENDER_DEADLINE: Duration = Duration::from_secs(30);
/// Bytes of one picture.
pub const RENDER_OUTPUT: u64 = 256 * 1024 * 1024;
/// Pixels of one PNG: a 4K screen twice over; larger pages are scaled down.
pub const RENDER_PIXELS: u32 = 16 * 1024 * 1024;
/// The longer side of a thumbnail, in pixels, unless asked otherwise.
pub const THUMBNAIL_SIDE: u32 = 320;
/// What a thumbnail should not exceed, in bytes: colours are given up first, then size.
pub const THUMBNAIL_BYTES: usize = 20 * 1024;
