//! m4sh: a realtime classroom server. Every live board is an actor that orders, fans out and journals its operations.
//!
//! Dependencies point down, which `tests/architecture.rs` keeps:
//!
//! | module | owns |
//! |---|---|
//! | [`m4sh_domain`] | what boards, rights and rates are: pure |
//! | [`m4sh_protocol`] | frames, dialects and close codes, as bytes |
//! | [`m4sh_store`] | Postgres: journal, checkpoints, accounts, classrooms, the managed cluster |
//! | [`blobs`] | objects: bytes under a key, in a folder or a bucket |
//! | [`objects`] | objects with their rows and what they cost |
//! | [`cluster`] | which node owns a board |
//! | [`m4sh_render`] | pictures of boards, drawn in a process of their own |
//! | [`board_history`] | a board at a revision, from Postgres alone |
//! | [`identity`] | tokens, passwords, who somebody is |
//! | [`actors`] | boards, classrooms, the journal writer, the directory |
//! | [`jobs`] | work that outlives a request: the queue, its runner, the schedule |
//! | [`ws`] | one socket from handshake to goodbye |
//! | [`http`] | the REST routes |
//! | [`compat`] | clients of earlier protocols: the v0.24 room client |
//! | [`app`] | the only place that knows every concrete type: start and stop |

pub mod actors;
pub mod app;
pub mod blobs;
pub mod board_history;
pub mod cluster;
pub mod compat;
pub mod config;
pub mod demo;
pub mod http;
pub mod identity;
pub mod jobs;
pub mod objects;
pub mod telemetry;
pub mod tls;
pub mod ws;
