//! The contract, as a client meets it: a real process, a real Postgres, only HTTP and WebSocket.
//! One module for each feature; names are a rule of `docs/SPEC.md` and a sentence. Never imports the server's code, but for the list of
//! frames that `matrix` must be complete of.

mod accounts;
mod answers;
mod assets;
mod audit;
mod beacon;
mod behind;
mod classrooms;
mod closing;
mod cursors;
mod described;
mod diagnostics;
mod dialects;
mod drawing;
mod exports;
mod exports_faults;
mod eyes;
mod faults;
mod harness;
mod isolation;
mod jobs;
mod joining;
mod ladder;
mod leading;
mod matrix;
mod old_client;
mod operations;
mod permissions;
mod presence;
mod process;
mod pupil_boards;
mod rates;
mod repeating;
mod resuming;
mod rights;
mod saving;
mod sessions;
mod sharing;
mod slow_readers;
mod snapshots;
mod storage;
mod talking;
mod thumbnails;
mod watching;
