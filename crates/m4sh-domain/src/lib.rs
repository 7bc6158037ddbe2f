//! The pure core: what boards, rights and rates are. No async, no I/O, no clock, no randomness.

pub mod access;
pub mod board;
pub mod budget;
pub mod classroom;
pub mod fields;
pub mod history;
pub mod hooks;
pub mod ids;
pub mod json;
pub mod limits;
mod named;
pub mod rate;
pub mod refusal;
pub mod thumbnail;
pub mod times;
