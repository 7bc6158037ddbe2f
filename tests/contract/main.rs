//! The contract, as a client meets it: a real process, a real Postgres, only HTTP and WebSocket.
//! One module for each feature; names are a rule of `docs/SPEC.md` and a sentence. Never imports the server's code.

mod accounts;
mod answers;
mod assets;
mod audit;
mod beacon;
mod classrooms;
mod closing;
mod cursors;
mod described;
mod diagnostics;
mod dialects;
mod drawing;
mod exports;
mod exports_faults;
mod faults;
mod harness;
mod jobs;
mod joining;
mod old_client;
mod operations;
mod permissions;
mod process;
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
mod thumbnails;
mod watching;
