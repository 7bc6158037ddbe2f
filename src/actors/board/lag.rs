//! Lagging readers: how one frame brings them up to date. Handlers of the board actor; the outbox says who lags, and since
//! which revision. Never skips a revision: the tail or the state begins where the reader stopped.

use super::state::AwakeBoard;
use crate::actors::metrics::count_lagging;
use m4sh_domain::ids::ConnId;
use m4sh_protocol::CatchUp;
use m4sh_protocol::server::{EncodedFrame, ServerFrame, SyncContent};

impl AwakeBoard {
    /// A lagging reader has taken everything that was queued: it gets what it missed, as a tail where that is smaller than
    /// the document.
    pub(super) fn send_catch_up(&mut self, conn: ConnId) {
        let Some(seat) = self.seats.get(&conn) else { return };
        let Some(from) = seat.outbox.lagging_since() else { return };
        let (user, dialect, is_guest, eyes) = (seat.user, seat.dialect, seat.is_guest, seat.eyes);
        let (outbox, apart) = (seat.outbox.clone(), self.hides_pupils(seat));
        let most = self.board.document().byte_len();
        let content = self.content(Some(from), most, dialect, eyes);
        count_lagging(if matches!(content, SyncContent::Tail(_)) { "tail" } else { "snapshot" });
        let rev = self.board.rev();
        let roster = self.roster_for(user, is_guest, apart);
        let saved = self.durability.durable;
        let missed = ServerFrame::CatchUp(Box::new(CatchUp { epoch: self.epoch, rev, saved, roster, content }));
        let payload = EncodedFrame::new(&missed).get(dialect).cloned();
        drop(missed);
        if let Some(payload) = payload {
            outbox.catch_up(rev, payload);
        }
    }
}
