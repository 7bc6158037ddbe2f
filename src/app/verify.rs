//! `m4sh verify`: checks that the journal and the checkpoints of every board agree.
//! Run by `app`. Only reads; boards that are loaded elsewhere are checked by their committed data.

use std::fmt::Display;

use m4sh_domain::board::{Board, Checkpoint, Digest};
use m4sh_domain::ids::{BoardId, Rev};
use m4sh_store::{CheckpointRow, Store, StoreError};

/// Checks all boards and prints a line for each fault; `true` when there is none.
pub(super) async fn run(store: &Store) -> Result<bool, StoreError> {
    let (mut checked, mut wrong) = (0_u64, 0_u64);
    let mut after = None;
    loop {
        let ids = store.board_ids(after, 500).await?;
        let Some(last) = ids.last().copied() else { break };
        for id in ids {
            checked += 1;
            if let Err(fault) = board(store, id).await? {
                wrong += 1;
                println!("board {id}: {fault}");
            }
        }
        after = Some(last);
    }
    println!("{checked} boards checked, {wrong} wrong");
    Ok(wrong == 0)
}

/// One board: each kept checkpoint opens, and the oldest one with the journal behind it leads to each newer one.
async fn board(store: &Store, id: BoardId) -> Result<Result<(), String>, StoreError> {
    let mut rows = store.checkpoints(id).await?;
    rows.reverse();
    let Some(oldest) = rows.first() else { return Ok(Err("has no checkpoint".to_owned())) };
    let entries = store.journal_after(id, oldest.rev).await?;
    Ok(replay(&rows, entries))
}

fn replay(rows: &[CheckpointRow], entries: Vec<m4sh_domain::board::JournalEntry>) -> Result<(), String> {
    let mut newer = Vec::new();
    for row in rows {
        let (document, rev) = Checkpoint::decode(&row.bytes).map_err(|e| at(row.rev, e))?;
        if rev != row.rev {
            return Err(at(row.rev, format!("says inside that it is of revision {rev}")));
        }
        newer.push(Board::new(document, rev));
    }
    let mut newer = newer.into_iter();
    let Some(mut board) = newer.next() else { return Ok(()) };
    let mut expected: Vec<(Rev, Digest)> = newer.map(|mut board| (board.rev(), board.digest())).collect();
    expected.reverse();
    for entry in entries {
        let rev = entry.rev;
        let digest = entry.digest;
        board.replay(entry).map_err(|e| at(rev, e))?;
        if digest.is_some_and(|digest| digest != board.digest()) {
            return Err(at(rev, "the journal leads to another digest than the one that was answered"));
        }
        if expected.last().is_some_and(|(at, _)| *at == rev)
            && let Some((_, digest)) = expected.pop()
            && digest != board.digest()
        {
            return Err(at(rev, "the journal leads to another state than the checkpoint"));
        }
    }
    match expected.last() {
        Some((rev, _)) => Err(at(*rev, "the journal does not reach the checkpoint")),
        None => Ok(()),
    }
}

fn at(rev: Rev, fault: impl Display) -> String {
    format!("revision {rev}: {fault}")
}
