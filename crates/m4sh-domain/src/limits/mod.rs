//! Every fixed bound that can be observed, with its reason. Rates are settings and live in `rate`.
//! Used by every crate. Never holds a value that an operator may change.

mod board;
mod class;
mod hook;
mod request;
mod socket;
mod storage;

pub use board::*;
pub use class::*;
pub use hook::*;
pub use request::*;
pub use socket::*;
pub use storage::*;
