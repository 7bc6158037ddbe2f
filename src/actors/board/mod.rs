//! The board actor: one for each awake board, the only place where its operations are ordered.
//! Called by `directory` (REST), `ws` (seats), the journal writer and the classroom. Handlers are synchronous turns.
//! Never awaits while it changes state, never waits for a reader. Rules: SPEC D, R, S, J, C.

mod access;
mod budgets;
mod commands;
mod cursors;
mod durability;
mod handlers;
mod lag;
mod load;
mod presence;
mod reveal;
mod saves;
mod seats;
mod status;
mod strokes;
mod visibility;

use std::collections::HashMap;
use std::time::Duration;

use actix::WeakAddr;
use actix::prelude::*;
use jiff::Timestamp;

use self::access::Access;
use self::budgets::UserBudgets;
use self::cursors::Tick;
use self::durability::Durability;
use self::presence::LeaveGrace;
use self::seats::{BoardMember, BoardSeat};
use self::strokes::LiveStrokes;
use self::visibility::{VisibilitySince, VisibleStates};
use crate::actors::clock;
use crate::actors::directory::Directory;
use crate::actors::messages::{BoardActivity, BoardError, BoardInfo, JoinError};
use crate::actors::metrics::metrics;
use crate::actors::shard::Shard;
use crate::actors::shared_budgets::{BudgetPool, SharedBudgetPool};
use m4sh_domain::board::Board;
use m4sh_domain::ids::{BoardId, ConnId, Epoch, Rev, UserId};
use m4sh_protocol::close::Close;

/// Cursors that wait for a busy board; more than that are dropped, since newer ones follow.
const MAILBOX: usize = 256;
/// How often a board looks whether it should checkpoint or park.
const HOUSEKEEPING: Duration = Duration::from_secs(5);

/// See the module's words.
pub struct BoardActor {
    id: BoardId,
    /// Tells this actor from an earlier one of the same board in the directory.
    generation: u64,
    directory: Directory,
    shard: Shard,
    phase: Phase,
    housekeeping: Option<SpawnHandle>,
}

/// The life of a board in memory.
enum Phase {
    /// The mailbox waits.
    Loading,
    /// At work.
    Awake(Box<AwakeBoard>),
    /// It could not be loaded; asks are answered with this, and the next look-up starts anew.
    Failed(BoardError),
    /// It left memory; asks are sent back to look it up again.
    Gone,
}

/// A board at work.
struct AwakeBoard {
    id: BoardId,
    shard: Shard,
    directory: Directory,
    board: Board,
    epoch: Epoch,
    access: Access,
    seats: HashMap<ConnId, BoardSeat>,
    people: HashMap<UserId, BoardMember>,
    /// Those of them who have no seat any more.
    leave_grace: LeaveGrace,
    me: WeakAddr<BoardActor>,
    budgets: HashMap<UserId, UserBudgets>,
    /// What all at this board spend together …
    pool: BudgetPool,
    /// … and all of its lesson.
    class_pool: Option<SharedBudgetPool>,
    tick: Tick,
    strokes: LiveStrokes,
    durability: Durability,
    /// The document as joiners and readers get it, while it does not change.
    shared_state: Option<(Rev, VisibleStates)>,
    /// Through which eyes people last looked, since this owner has the board.
    visibility: HashMap<UserId, VisibilitySince>,
    /// What each has done here since the board woke.
    activity: HashMap<UserId, BoardActivity>,
    /// When somebody last asked anything.
    last_used: Duration,
    draining: bool,
    /// When the next rule that counts for somebody here ends, and the timer for it.
    rights_expiry: Option<(Timestamp, SpawnHandle)>,
    _lease: crate::cluster::Lease,
}

impl BoardActor {
    /// An actor that will load `id` as soon as it starts.
    #[must_use]
    pub fn new(id: BoardId, generation: u64, directory: Directory, shard: Shard) -> Self {
        Self { id, generation, directory, shard, phase: Phase::Loading, housekeeping: None }
    }

    /// The board, when it is at work; else why not.
    fn awake(&mut self) -> Result<&mut AwakeBoard, NotAwake> {
        match &mut self.phase {
            Phase::Awake(awake) => {
                awake.last_used = clock::now();
                Ok(awake)
            }
            Phase::Failed(error) => Err(NotAwake::Failed(error.clone())),
            Phase::Loading | Phase::Gone => Err(NotAwake::Gone),
        }
    }

    /// Leaves memory: from here on, whoever still has this address is sent back to the directory.
    fn unload(&mut self, ctx: &mut Context<Self>) {
        if let Phase::Awake(_) = self.phase {
            metrics().boards.decrement(1);
        }
        // Gives the lease back before the directory forgets this actor: the next one must find it free.
        self.phase = Phase::Gone;
        self.directory.forget(self.id, self.generation);
        if let Some(timer) = self.housekeeping.take() {
            ctx.cancel_future(timer);
        }
        tracing::debug!(board = %self.id, "board left memory");
    }

    /// The fence turned this owner away: the board has another one, or it was deleted. Nothing else happens to the board
    /// until that is known, since those at it are told to come back in the one case and to stay away in the other.
    fn fenced(&mut self, ctx: &mut Context<Self>) {
        let (id, store) = (self.id, self.directory.store().clone());
        let asking = async move {
            // Whoever comes back to a board that is gone after all is told so at the door.
            let asked = tokio::time::timeout(Duration::from_secs(2), store.board_access(id)).await;
            matches!(asked, Ok(Ok(None)))
        };
        ctx.wait(asking.into_actor(self).map(|deleted, act, ctx| act.ownership_lost(deleted, ctx)));
    }

    fn ownership_lost(&mut self, deleted: bool, ctx: &mut Context<Self>) {
        if let Ok(awake) = self.awake() {
            tracing::warn!(board = %awake.id, epoch = %awake.epoch, rev = %awake.board.rev(), deleted, "board is no longer ours");
            let (close, error) = match deleted {
                true => (Close::NotFound, BoardError::NotFound),
                false => (Close::Moved, BoardError::Unavailable { retry_after: Duration::from_secs(1) }),
            };
            awake.close_seats(close);
            awake.fail_waiters(&error);
        }
        self.unload(ctx);
    }

    fn run_housekeeping(&mut self, ctx: &mut Context<Self>) {
        let Phase::Awake(awake) = &mut self.phase else { return };
        awake.forget_full_budgets();
        // A storm of joiners is over by now; the copy need not outlive it.
        awake.shared_state = None;
        // A quiet board hears nothing from the journal writer, so it looks by itself.
        awake.journal_state(awake.shard.health.is_writable());
        awake.checkpoint_if_due(ctx);
        if awake.may_park() {
            self.unload(ctx);
        }
    }

    fn inspect(&self) -> BoardInfo {
        let phase = match &self.phase {
            Phase::Loading => "loading",
            Phase::Awake(_) => "awake",
            Phase::Failed(_) => "failed",
            Phase::Gone => "gone",
        };
        let Phase::Awake(awake) = &self.phase else { return BoardInfo { phase, ..BoardInfo::default() } };
        BoardInfo {
            phase,
            epoch: awake.epoch.0,
            rev: awake.board.rev().0,
            durable: awake.durability.durable.0,
            checkpoint: awake.durability.checkpoint.0,
            seats: awake.seats.len(),
            unsaved_bytes: awake.durability.unsaved_bytes(),
            state_bytes: awake.board.document().byte_len(),
        }
    }
}

/// Why a board is not at work.
enum NotAwake {
    Failed(BoardError),
    Gone,
}

impl NotAwake {
    fn join_error(self) -> JoinError {
        match self {
            Self::Failed(BoardError::NotFound) => JoinError::Close(Close::NotFound),
            Self::Failed(_) => JoinError::Close(Close::Moved),
            Self::Gone => JoinError::Moved,
        }
    }
}

impl Actor for BoardActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.set_mailbox_capacity(MAILBOX);
        let loading = load::load(self.id, self.directory.clone()).into_actor(self);
        ctx.wait(loading.map(|loaded, act, ctx| match loaded {
            Ok(loaded) => {
                metrics().boards.increment(1);
                let me = ctx.address().downgrade();
                let (shard, directory) = (act.shard.clone(), act.directory.clone());
                act.phase = Phase::Awake(Box::new(AwakeBoard::new(act.id, me, shard, directory, loaded)));
                act.housekeeping = Some(ctx.run_interval(HOUSEKEEPING, |act, ctx| act.run_housekeeping(ctx)));
            }
            Err(error) => {
                act.unload(ctx);
                act.phase = Phase::Failed(error);
            }
        }));
    }
}

impl AwakeBoard {
    fn new(
        id: BoardId,
        me: WeakAddr<BoardActor>,
        shard: Shard,
        directory: Directory,
        loaded: load::LoadedBoard,
    ) -> Self {
        let load::LoadedBoard { found, lease } = loaded;
        let access = Access::new(found.access);
        let class_pool = access.class().map(|class| directory.shared_budgets().class(class, clock::now()));
        let durability = Durability::new(found.board.rev(), found.checkpoint, clock::now());
        Self {
            id,
            shard,
            directory,
            board: found.board,
            epoch: found.epoch,
            access,
            seats: HashMap::new(),
            people: HashMap::new(),
            leave_grace: LeaveGrace::default(),
            me,
            budgets: HashMap::new(),
            pool: BudgetPool::default(),
            class_pool,
            tick: Tick::default(),
            strokes: LiveStrokes::default(),
            durability,
            shared_state: None,
            visibility: HashMap::new(),
            activity: HashMap::new(),
            last_used: clock::now(),
            draining: false,
            rights_expiry: None,
            _lease: lease,
        }
    }
}
