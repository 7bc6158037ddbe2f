//! Which boards are awake on this node: looked up or started in one step (ADR 0008), read and written through one path.
//! Called by `http`, `ws` and classes. A board is started by exactly one of its first visitors and loads inside its own
//! actor. Never holds a board's state, never keeps a lock across an await.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use actix::prelude::*;
use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use crate::actors::board::{BoardActor, BoardWrite};
use crate::actors::clock;
use crate::actors::messages::{
    BoardError, BoardReader, BoardView, CloseBoard, Drain, Durable, HistoryRewritten, Pending, ReadBoard, RequestError,
    Save, Saved,
};
use crate::actors::node::NodeContext;
use crate::actors::shard::Shard;
use m4sh_domain::ids::{BoardId, Epoch, UserId};
use m4sh_domain::limits;
use m4sh_protocol::close::Close;

/// How often a message may come back before its board is called unavailable: each time the board had just left memory.
const LOOK_UPS: usize = 5;
/// How long a board may take to commit and checkpoint when the node stops.
const DRAIN_DEADLINE: Duration = Duration::from_secs(15);
/// How long a deletion waits for its board.
const CLOSE_DEADLINE: Duration = Duration::from_secs(3);
const RETRY: Duration = Duration::from_secs(1);

/// The boards of this node; clones share them.
#[derive(Clone)]
pub struct Boards(Arc<BoardsInner>);

struct BoardsInner {
    node: Arc<NodeContext>,
    shards: RwLock<Vec<Shard>>,
    next_shard: AtomicUsize,
    next_generation: AtomicU64,
    awake: DashMap<BoardId, BoardEntry>,
    draining: AtomicBool,
}

struct BoardEntry {
    /// Tells an actor from an earlier one of the same board.
    generation: u64,
    actor: Addr<BoardActor>,
}

impl Boards {
    /// Boards of a node where none is awake.
    #[must_use]
    pub fn new(node: Arc<NodeContext>) -> Self {
        Self(Arc::new(BoardsInner {
            node,
            shards: RwLock::default(),
            next_shard: AtomicUsize::new(0),
            next_generation: AtomicU64::new(0),
            awake: DashMap::new(),
            draining: AtomicBool::new(false),
        }))
    }

    /// What the boards share.
    #[must_use]
    pub fn node(&self) -> &Arc<NodeContext> {
        &self.0.node
    }

    /// Adds a thread for boards to live on. At least one must be added before anything is looked up.
    pub fn add_shard(&self, shard: Shard) {
        self.0.shards.write().unwrap_or_else(PoisonError::into_inner).push(shard);
    }

    /// Waits until there is a thread for boards, at most `deadline`.
    pub async fn ready(&self, deadline: Duration) {
        let began = clock::now();
        while self.next_shard().is_none() && clock::now() - began < deadline {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// A thread for something that wakes, round robin. A thread that died is passed over.
    pub fn next_shard(&self) -> Option<Shard> {
        let shards = self.0.shards.read().unwrap_or_else(PoisonError::into_inner);
        let first = self.0.next_shard.fetch_add(1, Ordering::Relaxed);
        (0..shards.len())
            .map(|step| &shards[(first + step) % shards.len()])
            .find(|shard| shard.writer.connected())
            .cloned()
    }

    /// Whether the node is stopping.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.0.draining.load(Ordering::Relaxed)
    }

    /// The board's actor, started if it was not awake. `None` before the node has a thread for it, and when a node that
    /// is stopping would have to start it.
    #[must_use]
    pub fn locate(&self, id: BoardId) -> Option<Addr<BoardActor>> {
        if let Some(actor) = self.find_awake(id) {
            return Some(actor);
        }
        if self.is_draining() {
            return None;
        }
        let shard = self.next_shard()?;
        let start = || {
            let generation = self.0.next_generation.fetch_add(1, Ordering::Relaxed);
            let (node, boards, arbiter) = (self.0.node.clone(), self.clone(), shard.arbiter.clone());
            let forget = move || drop(boards.0.awake.remove_if(&id, |_, entry| entry.generation == generation));
            let actor =
                BoardActor::start_in_arbiter(&arbiter, move |_| BoardActor::new(id, node, shard, Box::new(forget)));
            BoardEntry { generation, actor }
        };
        // Under the entry's lock, so that of two first visitors one starts and the other finds.
        let actor = match self.0.awake.entry(id) {
            Entry::Occupied(entry) if entry.get().actor.connected() => entry.get().actor.clone(),
            Entry::Occupied(mut entry) => {
                entry.insert(start());
                entry.get().actor.clone()
            }
            Entry::Vacant(entry) => entry.insert(start()).actor.clone(),
        };
        Some(actor)
    }

    /// The board's actor, if it is awake.
    #[must_use]
    pub fn find_awake(&self, id: BoardId) -> Option<Addr<BoardActor>> {
        self.0.awake.get(&id).filter(|entry| entry.actor.connected()).map(|entry| entry.actor.clone())
    }

    /// Whether any board is awake.
    #[must_use]
    pub fn any_awake(&self) -> bool {
        !self.0.awake.is_empty()
    }

    /// The ids of the boards that are awake.
    #[must_use]
    pub fn awake_ids(&self) -> Vec<BoardId> {
        self.0.awake.iter().map(|entry| *entry.key()).collect()
    }

    /// Writes to a board; returns when it is committed.
    ///
    /// # Errors
    /// [`BoardError`], in the order of SPEC H8. `Unavailable` after [`limits::SAVE_DEADLINE`] means that nothing is
    /// promised: a retry with the same key is safe.
    pub async fn save<W: BoardWrite>(&self, board: BoardId, save: Save<W>) -> Result<Saved, BoardError> {
        self.request(board, save).await
    }

    /// Reads the document as it is now; returns when all of it is committed, so that its revision means the same after
    /// a crash: a reader may build a conditional write on it.
    ///
    /// # Errors
    /// `NotFound` for a stranger too; `Unavailable` when it cannot be loaded.
    pub async fn read(&self, board: BoardId, who: UserId) -> Result<BoardView, BoardError> {
        self.request(board, ReadBoard { who: BoardReader::Account(who) }).await
    }

    /// The same for a visitor whose share link was found to open this board.
    ///
    /// # Errors
    /// As [`Boards::read`].
    pub async fn read_shared(&self, board: BoardId) -> Result<BoardView, BoardError> {
        self.request(board, ReadBoard { who: BoardReader::Guest }).await
    }

    /// Sends a message to a board, again when the board had just left memory, and waits for its commit.
    async fn request<M, A>(&self, board: BoardId, mut message: M) -> Result<A, BoardError>
    where
        M: Message<Result = Result<Pending<A>, RequestError<M>>> + Send + 'static,
        BoardActor: Handler<M>,
        A: Send + 'static,
    {
        let unavailable = BoardError::Unavailable { retry_after: RETRY };
        let answering = async {
            for _ in 0..LOOK_UPS {
                let actor = self.locate(board).ok_or(BoardError::Unavailable { retry_after: RETRY })?;
                match actor.send(message).await {
                    Ok(Ok(pending)) => return committed(pending.durable).await.map(|()| pending.answer),
                    Ok(Err(RequestError::Error(error))) => return Err(error),
                    Ok(Err(RequestError::Moved(back))) => message = back,
                    // The actor died with the message: a panic, or the node is stopping.
                    Err(_) => break,
                }
            }
            Err(BoardError::Unavailable { retry_after: RETRY })
        };
        tokio::time::timeout(limits::SAVE_DEADLINE, answering).await.unwrap_or(Err(unavailable))
    }

    /// The board was deleted: its sockets close with 4404 and its actor stops. Resolves when it has, or after a few seconds.
    pub async fn close_deleted(&self, board: BoardId) {
        if let Some(actor) = self.find_awake(board) {
            let _ = tokio::time::timeout(CLOSE_DEADLINE, actor.send(CloseBoard { close: Close::NotFound })).await;
        }
    }

    /// The board's past was rewritten under `epoch`: an actor that holds an older one gives the board up.
    pub fn history_rewritten(&self, board: BoardId, epoch: Epoch) {
        if let Some(actor) = self.find_awake(board) {
            actor.do_send(HistoryRewritten { epoch });
        }
    }

    /// Stops: no new seats, every board committed and checkpointed, every socket told to come back.
    /// Returns how many boards could not finish in time; their batches that were called saved are in the journal.
    pub async fn drain(&self) -> usize {
        self.0.draining.store(true, Ordering::Relaxed);
        let boards: Vec<_> = self.0.awake.iter().map(|entry| entry.actor.clone()).collect();
        let drains = boards.into_iter().map(|actor| async move {
            matches!(tokio::time::timeout(DRAIN_DEADLINE, actor.send(Drain)).await, Ok(Ok(true)))
        });
        futures_util::future::join_all(drains).await.into_iter().filter(|done| !done).count()
    }
}

/// Waits until a board says that it is committed, or why not; nothing to wait for means that it is.
async fn committed(durable: Option<Durable>) -> Result<(), BoardError> {
    match durable {
        Some(durable) => durable.await.unwrap_or(Err(BoardError::Unavailable { retry_after: RETRY })),
        None => Ok(()),
    }
}
