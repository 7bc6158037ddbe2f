//! What a tutor's feed asks of boards, and their answers. Asked by the classroom actor.
//! Never keeps a board awake.

use std::sync::Arc;

use actix::Message;
use jiff::Timestamp;

use m4sh_domain::board::{Document, JournalEntry, Op};
use m4sh_domain::ids::{Epoch, Rev, UserId};

/// What a tutor's feed asks now and then. Answered with nothing by a board that is not at work.
#[derive(Message)]
#[rtype(result = "Option<BoardStatus>")]
pub struct BoardStatusQuery {
    /// How much of the document to send: nothing, all of it (`Some(None)`), or what came after a position.
    pub after: Option<Option<(Epoch, Rev)>>,
}

/// How a board stands.
pub struct BoardStatus {
    /// Its ownership.
    pub epoch: Epoch,
    /// Its revision.
    pub rev: Rev,
    /// Its pages, at least 1.
    pub pages: u32,
    /// What changed, when that was asked.
    pub changes: Option<BoardStatusChanges>,
    /// What each has done since it woke.
    pub activity: Vec<(UserId, BoardActivity)>,
    /// Who is at it.
    pub online: Vec<UserId>,
}

/// What changed on a board.
pub enum BoardStatusChanges {
    /// Batches in order, each with what the items that it updates have become by now, as additions.
    Batches(Vec<(Arc<JournalEntry>, Vec<Op>)>),
    /// Everything: the position was too old.
    Document(Document),
}

/// What somebody has done on a board since it woke.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BoardActivity {
    /// Batches.
    pub ops: u64,
    /// Strokes added.
    pub strokes: u64,
    /// When the last batch was taken.
    pub last: Timestamp,
}
