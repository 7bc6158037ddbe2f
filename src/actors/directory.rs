//! Which boards and class sessions are awake on this node: look up or start, in one step (ADR 0008).
//! Called by `http` and `ws`. A board is started by exactly one of its first visitors and loads inside its own actor,
//! so nobody loads twice. Never holds a board's state, never keeps a lock across an await.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use actix::prelude::*;
use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use tokio::sync::oneshot;

use crate::actors::board::BoardActor;
use crate::actors::classroom::participants::ListParticipants;
use crate::actors::classroom::{
    BroadcastFrame, ClassOverview, ClassroomActor, CommandReply, ENDED, GetOverview, ReloadClass, ReloadErased, Reveal,
    SubmitCommand,
};
use crate::actors::messages::{
    ClearSave, CloseBoard, Drain, Durable, HistoryRewritten, ReadBoard, Reading, RequestError, RevealLayers, Revealed,
    Save, Ticket, TurnSave, UnclearSave,
};
use crate::actors::rooms::Rooms;
use crate::actors::shard::Shard;
use crate::actors::shared_budgets::SharedBudgets;
use crate::cluster::Leases;
use m4sh_domain::budget::{self, BucketSizes};
use m4sh_domain::classroom::{ClassCommand, ClassRefusal};
use m4sh_domain::ids::{BoardId, ClassroomId, LessonId, Rev, UserId};
use m4sh_domain::json::Object;
use m4sh_domain::limits;
use m4sh_domain::rate::Rates;
use m4sh_protocol::close::Close;
use m4sh_store::{Store, StoreError};

pub use crate::actors::messages::{
    BoardError, BoardReader, BoardView, DiffSave, Precondition, SaveEffect, Saved, StateSave,
};

/// How often a message may be sent back before its board is called unavailable: each time the board had just parked.
const LOOK_UPS: usize = 5;
/// How long a board may take to commit and checkpoint when the node stops.
const DRAIN_DEADLINE: Duration = Duration::from_secs(15);
/// How long a REST answer waits for a change of rights to be felt.
const APPLY_DEADLINE: Duration = Duration::from_secs(3);
const RETRY: Duration = Duration::from_secs(1);

/// A handle to the directory; clones share it.
#[derive(Clone)]
pub struct Directory(Arc<Inner>);

struct Inner {
    store: Store,
    leases: Arc<dyn Leases>,
    sizes: BucketSizes,
    /// The sizes as newcomers are told them.
    budgets: Object,
    shared_budgets: SharedBudgets,
    tick: Option<Duration>,
    shards: RwLock<Vec<Shard>>,
    next_shard: AtomicUsize,
    next_generation: AtomicU64,
    boards: DashMap<BoardId, BoardEntry>,
    /// By both ids: a session that is asked for under another class is another door, and leads nowhere.
    sessions: DashMap<(ClassroomId, LessonId), Addr<ClassroomActor>>,
    /// Sockets of room clients.
    rooms: Rooms,
    draining: AtomicBool,
}

struct BoardEntry {
    generation: u64,
    actor: Addr<BoardActor>,
}

impl Directory {
    /// A directory of a node where nothing is awake. `fixed_tick` fixes the cursor tick; `None` lets it follow the load.
    #[must_use]
    pub fn new(store: Store, leases: Arc<dyn Leases>, rates: Rates, tick: Option<Duration>) -> Self {
        let sizes = BucketSizes::new(&rates);
        Self(Arc::new(Inner {
            store,
            leases,
            budgets: budget::json(&sizes),
            sizes,
            shared_budgets: SharedBudgets::default(),
            tick,
            shards: RwLock::default(),
            next_shard: AtomicUsize::new(0),
            next_generation: AtomicU64::new(0),
            boards: DashMap::new(),
            sessions: DashMap::new(),
            rooms: Rooms::default(),
            draining: AtomicBool::new(false),
        }))
    }

    /// Adds a thread for boards to live on. At least one must be added before anything is looked up.
    pub fn add_shard(&self, shard: Shard) {
        self.0.shards.write().unwrap_or_else(std::sync::PoisonError::into_inner).push(shard);
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }

    pub(crate) fn leases(&self) -> Arc<dyn Leases> {
        self.0.leases.clone()
    }

    pub(crate) fn sizes(&self) -> &BucketSizes {
        &self.0.sizes
    }

    pub(crate) fn budgets(&self) -> &Object {
        &self.0.budgets
    }

    pub(crate) fn shared_budgets(&self) -> &SharedBudgets {
        &self.0.shared_budgets
    }

    pub(crate) fn fixed_tick(&self) -> Option<Duration> {
        self.0.tick
    }

    /// Whether the node is stopping.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.0.draining.load(Ordering::Relaxed)
    }

    /// Waits until there is a thread for boards, at most `deadline`.
    pub async fn ready(&self, deadline: Duration) {
        let began = tokio::time::Instant::now();
        while self.next_available_shard().is_none() && began.elapsed() < deadline {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// A thread for something that wakes: each in turn, so that they share the work. A thread that died is passed over.
    fn next_available_shard(&self) -> Option<Shard> {
        let shards = self.0.shards.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let turn = self.0.next_shard.fetch_add(1, Ordering::Relaxed);
        (0..shards.len())
            .map(|step| &shards[(turn + step) % shards.len()])
            .find(|shard| shard.journal.connected())
            .cloned()
    }

    /// The board's actor, started if it was not awake. `None` before the node has a thread for it, and when a node that
    /// is stopping would have to start it.
    #[must_use]
    pub fn locate(&self, id: BoardId) -> Option<Addr<BoardActor>> {
        if let Some(actor) = self.awake(id) {
            return Some(actor);
        }
        if self.is_draining() {
            return None;
        }
        let shard = self.next_available_shard()?;
        let start = || {
            let generation = self.0.next_generation.fetch_add(1, Ordering::Relaxed);
            let (directory, arbiter) = (self.clone(), shard.arbiter.clone());
            let actor =
                BoardActor::start_in_arbiter(&arbiter, move |_| BoardActor::new(id, generation, directory, shard));
            BoardEntry { generation, actor }
        };
        // Under the entry's lock, so that of two first visitors one starts and the other finds.
        let actor = match self.0.boards.entry(id) {
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
    pub fn awake(&self, id: BoardId) -> Option<Addr<BoardActor>> {
        self.0.boards.get(&id).filter(|awake| awake.actor.connected()).map(|awake| awake.actor.clone())
    }

    /// Forgets an actor that leaves; a newer one of the same board stays.
    pub(crate) fn forget(&self, id: BoardId, generation: u64) {
        self.0.boards.remove_if(&id, |_, awake| awake.generation == generation);
    }

    /// The session's actor, started if it was not awake.
    #[must_use]
    pub fn locate_session(&self, classroom: ClassroomId, session: LessonId) -> Option<Addr<ClassroomActor>> {
        let shard = self.next_available_shard()?;
        let start = || {
            let directory = self.clone();
            ClassroomActor::start_in_arbiter(&shard.arbiter, move |_| {
                ClassroomActor::new(classroom, session, directory)
            })
        };
        let mut entry = self.0.sessions.entry((classroom, session)).or_insert_with(start);
        if !entry.connected() {
            *entry = start();
        }
        Some(entry.clone())
    }

    pub(crate) fn forget_session(&self, door: (ClassroomId, LessonId), actor: &Addr<ClassroomActor>) {
        self.0.sessions.remove_if(&door, |_, known| known == actor);
    }

    /// Saves a diff; returns when it is committed.
    ///
    /// # Errors
    /// [`BoardError`], in the order of SPEC H8. `Unavailable` after
    /// [`limits::SAVE_DEADLINE`] means that nothing is promised: a retry with the same key is safe.
    pub async fn save_diff(&self, board: BoardId, save: DiffSave) -> Result<Saved, BoardError> {
        self.save(board, save).await
    }

    /// Saves a whole state; returns when it is committed.
    ///
    /// # Errors
    /// As [`Directory::save_diff`].
    pub async fn save_state(&self, board: BoardId, save: StateSave) -> Result<Saved, BoardError> {
        self.save(board, save).await
    }

    /// Takes one's own last batch back, or one's last undo; returns when it is committed.
    ///
    /// # Errors
    /// As [`Directory::save_diff`]; `ClassRefusal` says why there is nothing to take back.
    pub async fn turn(&self, board: BoardId, save: TurnSave) -> Result<Saved, BoardError> {
        self.save(board, save).await
    }

    /// Clears a page or all of them; returns when it is committed.
    ///
    /// # Errors
    /// As [`Directory::save_diff`].
    pub async fn clear(&self, board: BoardId, save: ClearSave) -> Result<Saved, BoardError> {
        self.save(board, save).await
    }

    /// Brings back what a clear took; returns when it is committed.
    ///
    /// # Errors
    /// As [`Directory::save_diff`].
    pub async fn unclear(&self, board: BoardId, save: UnclearSave) -> Result<Saved, BoardError> {
        self.save(board, save).await
    }

    async fn save<W>(&self, board: BoardId, write: W) -> Result<Saved, BoardError>
    where
        W: Send + 'static,
        BoardActor: Handler<Save<W>>,
        <BoardActor as Actor>::Context: actix::dev::ToEnvelope<BoardActor, Save<W>>,
    {
        let span = tracing::Span::current();
        let saving = async {
            let ticket: Ticket = self.request(board, write, |write| Save { write, span: span.clone() }).await?;
            committed(ticket.durable).await.map(|()| ticket.saved)
        };
        within_deadline(saving).await
    }

    /// Reads the document as it is now; returns when all of it is committed, so that its revision means the same after
    /// a crash: a reader may build a conditional write on it.
    ///
    /// # Errors
    /// `NotFound` for a stranger too; `Unavailable` when it cannot be loaded.
    pub async fn read(&self, board: BoardId, who: UserId) -> Result<BoardView, BoardError> {
        self.read_as(board, BoardReader::Account(who)).await
    }

    /// The same for a visitor whose share link was found to open this board.
    ///
    /// # Errors
    /// As [`Directory::read`].
    pub async fn read_shared(&self, board: BoardId) -> Result<BoardView, BoardError> {
        self.read_as(board, BoardReader::Guest).await
    }

    async fn read_as(&self, board: BoardId, who: BoardReader) -> Result<BoardView, BoardError> {
        let reading = async {
            let reading: Reading = self.request(board, ReadBoard { who }, |read| read).await?;
            committed(reading.durable).await.map(|()| reading.view)
        };
        within_deadline(reading).await
    }

    /// Reveals pupils' hidden work on a board; returns the revision since which it is everybody's, when it is committed.
    ///
    /// # Errors
    /// `Forbidden` for those who may not lock pens; else as [`Directory::save_diff`].
    pub async fn reveal(&self, board: BoardId, reveal: RevealLayers) -> Result<Rev, BoardError> {
        let revealing = async {
            let revealed: Revealed = self.request(board, reveal, |reveal| reveal).await?;
            committed(revealed.durable).await.map(|()| revealed.rev)
        };
        within_deadline(revealing).await
    }

    /// The same on a lesson's shared board, and its class is told.
    ///
    /// # Errors
    /// As [`Directory::reveal`].
    pub async fn reveal_in_class(
        &self,
        (classroom, session): (ClassroomId, LessonId),
        reveal: RevealLayers,
    ) -> Result<Rev, BoardError> {
        let unavailable = BoardError::Unavailable { retry_after: RETRY };
        let actor = self.locate_session(classroom, session).ok_or_else(|| unavailable.clone())?;
        actor.send(Reveal(reveal)).await.unwrap_or(Err(unavailable))
    }

    /// Sends a message to a board; looks the board up again when it had just left memory.
    async fn request<P, M, A>(&self, board: BoardId, mut parcel: P, message: impl Fn(P) -> M) -> Result<A, BoardError>
    where
        M: Message<Result = Result<A, RequestError<P>>> + Send + 'static,
        BoardActor: Handler<M>,
        P: Send + 'static,
        A: Send + 'static,
    {
        let unavailable = BoardError::Unavailable { retry_after: RETRY };
        for _ in 0..LOOK_UPS {
            let actor = self.locate(board).ok_or_else(|| unavailable.clone())?;
            match actor.send(message(parcel)).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(RequestError::Error(error))) => return Err(error),
                Ok(Err(RequestError::Moved(back))) => parcel = back,
                // The actor died with the message: a panic, or the node is stopping.
                Err(_) => return Err(unavailable),
            }
        }
        Err(unavailable)
    }

    /// Who is in class at this moment; nobody when it sleeps.
    pub async fn participants(&self, classroom: ClassroomId, session: LessonId) -> Vec<UserId> {
        let class = self.0.sessions.get(&(classroom, session)).map(|door| door.clone());
        let Some(class) = class else { return Vec::new() };
        let asked = tokio::time::timeout(APPLY_DEADLINE, class.send(ListParticipants)).await;
        asked.ok().and_then(Result::ok).unwrap_or_default()
    }

    /// The sockets of room clients.
    #[must_use]
    pub fn rooms(&self) -> &Rooms {
        &self.0.rooms
    }

    /// Looks again and again for boards and lessons from whose past somebody was erased, in whatever process: boards that
    /// still show what was send their people away, lessons read themselves anew (SPEC Q10). Never ends.
    pub async fn watch_erasures(self) {
        loop {
            tokio::time::sleep(limits::ERASURE_CHECK_INTERVAL).await;
            if let Err(error) = self.apply_erasures().await {
                // Nothing is known then; the fence still keeps an old owner from writing.
                tracing::warn!(%error, "erasures could not be looked at");
            }
        }
    }

    async fn apply_erasures(&self) -> Result<(), StoreError> {
        if !self.0.boards.is_empty() {
            for (board, epoch) in self.store().recent_erasures().await? {
                if let Some(actor) = self.awake(board) {
                    actor.do_send(HistoryRewritten { epoch });
                }
            }
        }
        if !self.0.sessions.is_empty() {
            for (classroom, session, at) in self.store().lessons_erased_lately().await? {
                if let Some(class) = self.0.sessions.get(&(classroom, session)) {
                    class.do_send(ReloadErased { at });
                }
            }
        }
        Ok(())
    }

    /// The board was deleted: its sockets close with 4404 and its actor stops. Resolves when it has.
    pub async fn board_deleted(&self, board: BoardId) {
        if let Some(actor) = self.awake(board) {
            let _ = tokio::time::timeout(APPLY_DEADLINE, actor.send(CloseBoard { close: Close::NotFound })).await;
        }
    }

    /// Members or roles of a classroom changed: boards and sockets of its sessions learn it. Resolves when they have,
    /// or after a few seconds; a change that is still on its way then arrives all the same.
    pub async fn members_changed(&self, classroom: ClassroomId) {
        self.class_changed(classroom, "role").await;
    }

    /// The same of rules that hold in every session of a class.
    pub async fn class_changed(&self, classroom: ClassroomId, why: &'static str) {
        let awake: Vec<BoardId> = self.0.boards.iter().map(|board| *board.key()).collect();
        let mut sessions = match self.store().lessons_of_boards(classroom, &awake).await {
            Ok(sessions) => sessions,
            Err(error) => {
                tracing::error!(%classroom, %error, "members changed, but their sessions could not be read");
                Vec::new()
            }
        };
        sessions.extend(
            self.0.sessions.iter().map(|door| *door.key()).filter(|door| door.0 == classroom).map(|door| door.1),
        );
        sessions.sort_unstable();
        sessions.dedup();
        for session in sessions {
            self.reread(classroom, session, why).await;
        }
    }

    /// Rules, boards or groups of one lesson changed: its boards and sockets learn it. Resolves as [`Directory::members_changed`].
    pub async fn session_changed(&self, classroom: ClassroomId, session: LessonId, why: &'static str) {
        self.reread(classroom, session, why).await;
    }

    /// A session ended: its sockets hear `ended`, then close with 4410. Resolves when they have been told.
    pub async fn session_ended(&self, classroom: ClassroomId, session: LessonId) {
        self.reread(classroom, session, ENDED).await;
    }

    /// Tells everybody in class, if anybody is there; may be lost with the process, as every such frame.
    pub fn broadcast_in_class(&self, lesson: (ClassroomId, LessonId), frame: serde_json::Value) {
        if let Some(actor) = self.0.sessions.get(&lesson) {
            actor.do_send(BroadcastFrame { frame });
        }
    }

    /// How a lesson stands, as far as it is known in memory; `None` when nobody answers in time.
    pub async fn overview(&self, classroom: ClassroomId, session: LessonId) -> Option<ClassOverview> {
        let actor = self.locate_session(classroom, session)?;
        tokio::time::timeout(APPLY_DEADLINE, actor.send(GetOverview)).await.ok()?.ok()
    }

    /// Asks for something in a lesson, as its sockets do; returns when it has happened and is committed.
    ///
    /// # Errors
    /// Why it did not. `unavailable` may have happened all the same: a repeat finds out.
    pub async fn class_command(
        &self,
        (classroom, session): (ClassroomId, LessonId),
        (user, name): (UserId, Arc<str>),
        ask: ClassCommand,
    ) -> Result<CommandReply, ClassRefusal> {
        let unavailable = ClassRefusal::until("unavailable", "this cannot be kept right now", RETRY);
        let actor = self.locate_session(classroom, session).ok_or(unavailable)?;
        let (reply, heard) = oneshot::channel();
        actor.do_send(SubmitCommand { user, name, ask, reply });
        match tokio::time::timeout(limits::SAVE_DEADLINE, heard).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => Err(unavailable),
        }
    }

    async fn reread(&self, classroom: ClassroomId, session: LessonId, why: &'static str) {
        let Some(actor) = self.locate_session(classroom, session) else { return };
        let (applied, heard) = oneshot::channel();
        actor.do_send(ReloadClass { why, applied });
        let _ = tokio::time::timeout(APPLY_DEADLINE, heard).await;
    }

    /// Stops: no new seats, every board committed and checkpointed, every socket told to come back.
    /// Returns how many boards could not finish in time; their batches that were called saved are in the journal.
    pub async fn drain(&self) -> usize {
        self.0.draining.store(true, Ordering::Relaxed);
        let boards: Vec<_> = self.0.boards.iter().map(|awake| awake.actor.clone()).collect();
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

/// Waking a board and committing together may take [`limits::SAVE_DEADLINE`]; then nothing is promised.
async fn within_deadline<T>(work: impl Future<Output = Result<T, BoardError>>) -> Result<T, BoardError> {
    let done = tokio::time::timeout(limits::SAVE_DEADLINE, work).await;
    done.unwrap_or(Err(BoardError::Unavailable { retry_after: RETRY }))
}
