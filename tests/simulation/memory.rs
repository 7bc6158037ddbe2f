//! A journal in memory that fails by a seed: appends that are refused, answers that are lost, flushes that hang, and
//! checkpoints that are not kept. Used by the simulation in virtual time. It checks what PostgreSQL's constraints check:
//! no row of a former owner, no gap, no second batch for a revision.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use futures_util::{FutureExt as _, future::BoxFuture};
use m4sh::{
    actors::journal::{Committed, Journal},
    board_history::{BoardHistoryError, RebuiltBoard},
};
use m4sh_domain::{
    board::{Board, Checkpoint, Document, JournalEntry, Receipt},
    ids::{BoardId, Epoch, Rev},
};
use m4sh_store::{BoardAccess, Claim, JournalRow, StoreError};
use tokio::time::sleep;

use super::harness::Dice;

/// One board's rows.
struct Rows {
    epoch: Epoch,
    access: BoardAccess,
    entries: BTreeMap<u64, Arc<JournalEntry>>,
    checkpoint: Option<(Rev, Vec<u8>)>,
}

/// What becomes of one call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Answered,
    Refused,
    /// Committed, but nobody is told.
    Unanswered,
    /// No answer for longer than anybody waits.
    Hangs,
}

pub struct MemoryJournal {
    boards: Mutex<HashMap<BoardId, Rows>>,
    dice: Mutex<Dice>,
    /// Whether calls may fail.
    pub faults: AtomicBool,
    pub failed: Mutex<HashMap<&'static str, u64>>,
}

impl MemoryJournal {
    pub fn new(seed: u64, boards: impl IntoIterator<Item = (BoardId, BoardAccess)>) -> Self {
        let rows = |access| Rows { epoch: Epoch(1), access, entries: BTreeMap::new(), checkpoint: None };
        Self {
            boards: Mutex::new(boards.into_iter().map(|(board, access)| (board, rows(access))).collect()),
            dice: Mutex::new(Dice::new(seed)),
            faults: AtomicBool::new(true),
            failed: Mutex::default(),
        }
    }

    fn boards(&self) -> MutexGuard<'_, HashMap<BoardId, Rows>> {
        self.boards.lock().unwrap()
    }

    /// Takes a moment, and decides what becomes of the call.
    async fn fate(&self, call: &'static str) -> Fate {
        let (wait, fate) = {
            let mut dice = self.dice.lock().unwrap();
            let fates = [Fate::Refused, Fate::Refused, Fate::Unanswered, Fate::Hangs];
            let fails = self.faults.load(SeqCst) && dice.once_in(12);
            (1 + dice.below(20), if fails { *dice.pick(&fates) } else { Fate::Answered })
        };
        sleep(Duration::from_millis(wait)).await;
        if fate != Fate::Answered {
            *self.failed.lock().unwrap().entry(call).or_default() += 1;
        }
        fate
    }

    /// Every batch that is committed, in order.
    pub fn entries(&self, board: BoardId) -> Vec<Arc<JournalEntry>> {
        self.boards()[&board].entries.values().cloned().collect()
    }
}

fn away() -> StoreError {
    StoreError::Unavailable("a fault of the simulation".into())
}

impl Rows {
    fn append(&mut self, entry: &Arc<JournalEntry>) {
        let last = self.entries.last_key_value().map_or(0, |(rev, _)| *rev);
        if let Some(known) = self.entries.get(&entry.rev.0) {
            assert_eq!(known.key, entry.key, "a revision is one batch");
            return;
        }
        assert_eq!(entry.rev.0, last + 1, "the journal has no gap");
        self.entries.insert(entry.rev.0, entry.clone());
    }

    fn rebuilt(&self) -> RebuiltBoard {
        let (document, rev) = match &self.checkpoint {
            Some((_, bytes)) => Checkpoint::decode(bytes).unwrap(),
            None => (Document::default(), Rev(0)),
        };
        let mut board = Board::new(document, rev);
        for entry in self.entries.values() {
            if entry.rev <= rev {
                let JournalEntry { rev, at, digest, fingerprint, kind, .. } = (**entry).clone();
                board.restore_receipt(entry.key.clone(), Receipt { rev, at, digest, fingerprint, kind });
            } else {
                board.replay((**entry).clone()).unwrap();
            }
        }
        let inverses =
            self.entries.values().map(|entry| (entry.key.author, entry.rev, entry.kind, entry.inverse.clone()));
        board.restore_undo(inverses);
        RebuiltBoard { board, checkpoint: rev }
    }
}

impl Journal for MemoryJournal {
    fn fence(&self, board: BoardId) -> BoxFuture<'_, Result<Option<Claim>, StoreError>> {
        async move {
            let fate = self.fate("fence").await;
            if fate == Fate::Refused {
                return Err(away());
            }
            let jump = self.dice.lock().unwrap().below(1 << 20);
            let claim = self.boards().get_mut(&board).map(|rows| {
                rows.epoch = Epoch(rows.epoch.0 + 1 + jump);
                Claim { epoch: rows.epoch, access: rows.access.clone() }
            });
            if fate == Fate::Answered { Ok(claim) } else { Err(away()) }
        }
        .boxed()
    }

    fn replay(&self, board: BoardId) -> BoxFuture<'_, Result<Option<RebuiltBoard>, BoardHistoryError>> {
        async move {
            match self.fate("replay").await {
                Fate::Answered => Ok(self.boards().get(&board).map(Rows::rebuilt)),
                Fate::Refused | Fate::Unanswered | Fate::Hangs => Err(away().into()),
            }
        }
        .boxed()
    }

    fn append<'a>(&'a self, rows: &'a [JournalRow]) -> BoxFuture<'a, Result<Committed, StoreError>> {
        async move {
            let fate = self.fate("append").await;
            if fate == Fate::Refused {
                return Err(away());
            }
            if fate == Fate::Hangs {
                sleep(Duration::from_secs(60)).await;
            }
            let mut boards = self.boards();
            let held: HashSet<(BoardId, Epoch)> = rows.iter().map(|row| (row.board, row.epoch)).collect();
            let held: Committed = held
                .into_iter()
                .filter(|(board, epoch)| boards.get(board).is_some_and(|rows| rows.epoch == *epoch))
                .collect();
            for row in rows.iter().filter(|row| held.contains(&(row.board, row.epoch))) {
                boards.get_mut(&row.board).unwrap().append(&row.entry);
            }
            if fate == Fate::Answered { Ok(held) } else { Err(away()) }
        }
        .boxed()
    }

    fn checkpoint(
        &self,
        board: BoardId,
        epoch: Epoch,
        rev: Rev,
        bytes: Vec<u8>,
    ) -> BoxFuture<'_, Result<bool, StoreError>> {
        async move {
            if self.fate("checkpoint").await == Fate::Refused {
                return Err(away());
            }
            let mut boards = self.boards();
            let Some(rows) = boards.get_mut(&board).filter(|rows| rows.epoch == epoch) else { return Ok(false) };
            assert!(rev.0 <= rows.entries.len() as u64, "no checkpoint is ahead of its journal");
            rows.checkpoint = Some((rev, bytes));
            Ok(true)
        }
        .boxed()
    }

    fn cleared(&self, board: BoardId, rev: Rev) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        let entry = self.boards().get(&board).and_then(|rows| rows.entries.get(&rev.0).cloned());
        async move { Ok(entry.and_then(|entry| entry.inverse.as_ref().map(|inverse| inverse.to_vec()))) }.boxed()
    }

    fn access(&self, board: BoardId) -> BoxFuture<'_, Result<Option<BoardAccess>, StoreError>> {
        let access = self.boards().get(&board).map(|rows| rows.access.clone());
        async move { Ok(access) }.boxed()
    }
}
