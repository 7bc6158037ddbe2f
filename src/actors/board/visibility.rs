//! To each what is visible to them: states, batches, and since which revision their visibility holds. Handlers of the board
//! actor. Never encodes for one reader what was encoded for another one with the same visibility.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::sync::Arc;

use super::state::{AwakeBoard, VisibilitySince};
use m4sh_domain::access::Visibility;
use m4sh_domain::board::JournalEntry;
use m4sh_domain::ids::{ConnId, Rev, UserId};
use m4sh_domain::limits;
use m4sh_protocol::server::{EncodedFrame, ServerFrame, SharedState};

impl AwakeBoard {
    /// Notes the visibility of somebody. The revision since which it holds: what they keep of an earlier one was filtered
    /// differently and cannot be continued. `None`: not since this owner has the board.
    pub(super) fn note_visibility(&mut self, user: UserId, eyes: Visibility) -> Option<Rev> {
        if eyes == Visibility::Public {
            // A guest is nobody else, before and after.
            return Some(Rev(0));
        }
        let now = VisibilitySince { eyes, since: self.board.rev().next() };
        match self.visibility.entry(user) {
            Slot::Occupied(known) if known.get().eyes == eyes => Some(known.get().since),
            Slot::Occupied(mut known) => {
                known.insert(now);
                None
            }
            Slot::Vacant(unknown) => {
                // Whoever never looked has nothing to continue, and what they now get is continued from any revision.
                unknown.insert(VisibilitySince { eyes, since: Rev(0) });
                None
            }
        }
    }

    /// The document as it is now, encoded once for all who ask at this revision and see the same.
    pub(super) fn shared_state(&mut self, eyes: Visibility) -> Arc<SharedState> {
        let rev = self.board.rev();
        let document = self.board.document();
        let eyes = document.equivalent_visibility(eyes);
        let known = match &mut self.shared_state {
            Some((at, known)) if *at == rev => known,
            outdated => &mut outdated.insert((rev, Vec::new())).1,
        };
        if let Some((_, state)) = known.iter().find(|(of, _)| *of == eyes) {
            return state.clone();
        }
        let seen = document.visible_to(eyes);
        let mut json = Vec::with_capacity(seen.byte_len());
        seen.write_state(&mut json);
        let state = Arc::new(SharedState::new(json.into()));
        if known.len() >= limits::SHARED_STATES {
            known.remove(0);
        }
        known.push((eyes, state.clone()));
        state
    }

    /// Sends a batch to every seat but its author's, each as far as it is visible there.
    pub(super) fn broadcast_batch(&mut self, author: Option<ConnId>, entry: &Arc<JournalEntry>) {
        let Some(owners) = entry.layer_owners() else { return self.broadcast(author, &ServerFrame::Ops(entry)) };
        let narrow = |eyes| match eyes {
            Visibility::Own(user) if !owners.contains(&user) => Visibility::Public,
            other => other,
        };
        let mut views = vec![entry.clone()];
        let mut view_of = HashMap::from([(Visibility::All, 0)]);
        for seat in self.seats.values() {
            let eyes = narrow(seat.eyes);
            view_of.entry(eyes).or_insert_with(|| {
                let seen = entry.visible_to(eyes);
                views.iter().position(|view| *view == seen).unwrap_or_else(|| {
                    views.push(seen);
                    views.len() - 1
                })
            });
        }
        let frames: Vec<ServerFrame<'_>> = views.iter().map(|view| ServerFrame::Ops(view)).collect();
        let frames: Vec<EncodedFrame<'_, '_>> = frames.iter().map(EncodedFrame::new).collect();
        let others = self.seats.iter().filter(|(conn, _)| Some(**conn) != author);
        let slow = others
            .filter(|(_, seat)| !seat.send(&frames[view_of[&narrow(seat.eyes)]]))
            .map(|(conn, _)| *conn)
            .collect();
        self.remove_seats(slow);
    }
}
