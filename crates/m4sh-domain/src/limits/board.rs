//! Limits of a board: its documents, its history, undo, and its way to disk.

use std::time::Duration;

// --- documents -------------------------------------------------------------------------------------------

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

// --- exactly once and history ----------------------------------------------------------------------------

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

// --- undo, clear, live strokes ---------------------------------------------------------------------------

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
pub const CLEAR_HEAD_BYTES: i32 = 2 + 256;
const _: () = assert!(CLEAR_HEAD_BYTES as usize == 2 + ITEM_ID_BYTES);
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

// --- durability ------------------------------------------------------------------------------------------

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

// --- history and jobs ------------------------------------------------------------------------------------

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
