//! The board actor: one for each awake board, the only place where its operations are ordered. Its life: loading, awake,
//! and out of memory. Called by actix and the handlers beside it. Never awaits while it changes state.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;

use super::load;
use super::state::AwakeBoard;
use crate::actors::clock;
use crate::actors::messages::{BoardError, BoardInfo, JoinError};
use crate::actors::metrics::metrics;
use crate::actors::node::NodeContext;
use crate::actors::shard::Shard;
use m4sh_domain::ids::BoardId;
use m4sh_protocol::close::Close;

/// Cursors that wait for a busy board; more than that are dropped, since newer ones follow.
const MAILBOX: usize = 256;
/// How often a board looks whether it should checkpoint or park.
const HOUSEKEEPING: Duration = Duration::from_secs(5);

/// The actor of one board.
pub struct BoardActor {
    id: BoardId,
    node: Arc<NodeContext>,
    shard: Shard,
    pub(super) phase: Phase,
    /// Takes this actor out of the list of boards that are awake.
    forget: Box<dyn Fn() + Send>,
    housekeeping: Option<SpawnHandle>,
}

/// The life of a board in memory.
pub(super) enum Phase {
    /// The mailbox waits.
    Loading,
    /// At work.
    Awake(Box<AwakeBoard>),
    /// It could not be loaded; asks are answered with this, and the next look-up starts anew.
    Failed(BoardError),
    /// It left memory; asks are sent back to look it up again.
    Gone,
}

impl BoardActor {
    /// An actor that will load `id` as soon as it starts.
    #[must_use]
    pub fn new(id: BoardId, node: Arc<NodeContext>, shard: Shard, forget: Box<dyn Fn() + Send>) -> Self {
        Self { id, node, shard, phase: Phase::Loading, forget, housekeeping: None }
    }

    /// The board, when it is at work; else why not.
    pub(super) fn awake(&mut self) -> Result<&mut AwakeBoard, NotAwake> {
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
    pub(super) fn unload(&mut self, ctx: &mut Context<Self>) {
        if let Phase::Awake(_) = self.phase {
            metrics().boards.decrement(1);
        }
        // Gives the lease back before this actor is forgotten: the next one must find it free.
        self.phase = Phase::Gone;
        (self.forget)();
        if let Some(timer) = self.housekeeping.take() {
            ctx.cancel_future(timer);
        }
        tracing::debug!(board = %self.id, "board unloaded");
    }

    /// The fence turned this owner away: the board has another one, or it was deleted. Nothing else happens to the board
    /// until that is known, since clients are asked to come back in the one case and to stay away in the other.
    pub(super) fn fenced(&mut self, ctx: &mut Context<Self>) {
        let (id, journal) = (self.id, self.shard.journal.clone());
        let asking = async move {
            // A client that comes back to a board that was deleted after all is refused when it joins.
            let asked = tokio::time::timeout(Duration::from_secs(2), journal.access(id)).await;
            matches!(asked, Ok(Ok(None)))
        };
        ctx.wait(asking.into_actor(self).map(|deleted, act, ctx| act.ownership_lost(deleted, ctx)));
    }

    fn ownership_lost(&mut self, deleted: bool, ctx: &mut Context<Self>) {
        if let Ok(awake) = self.awake() {
            tracing::warn!(board = %awake.id, epoch = %awake.epoch, rev = %awake.board.rev(), deleted, "lost ownership of the board");
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
        // A quiet board gets no event from the journal writer, so it looks by itself.
        awake.journal_state(awake.shard.health.is_writable());
        awake.checkpoint_if_due(ctx);
        if awake.may_park() {
            self.unload(ctx);
        }
    }

    pub(super) fn inspect(&self) -> BoardInfo {
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
pub(super) enum NotAwake {
    Failed(BoardError),
    Gone,
}

impl NotAwake {
    pub(super) fn join_error(self) -> JoinError {
        match self {
            Self::Failed(BoardError::NotFound) => JoinError::Close(Close::NotFound),
            Self::Failed(
                BoardError::Forbidden
                | BoardError::PreconditionFailed { .. }
                | BoardError::RevMismatch { .. }
                | BoardError::Refused(_)
                | BoardError::Unavailable { .. },
            ) => JoinError::Close(Close::Moved),
            Self::Gone => JoinError::Moved,
        }
    }
}

impl Actor for BoardActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.set_mailbox_capacity(MAILBOX);
        let loading = load::load(self.id, self.node.leases.clone(), self.shard.journal.clone()).into_actor(self);
        ctx.wait(loading.map(|loaded, act, ctx| match loaded {
            Ok(loaded) => {
                metrics().boards.increment(1);
                let me = ctx.address().downgrade().recipient();
                let (shard, node) = (act.shard.clone(), act.node.clone());
                act.phase = Phase::Awake(Box::new(AwakeBoard::new(act.id, me, shard, node, loaded)));
                act.housekeeping = Some(ctx.run_interval(HOUSEKEEPING, |act, ctx| act.run_housekeeping(ctx)));
            }
            Err(error) => {
                act.unload(ctx);
                act.phase = Phase::Failed(error);
            }
        }));
    }
}

/// Work whose result is handled by the board, if it is still awake then.
pub(super) trait IntoBoardFuture: Future + Sized + 'static {
    fn then_on_board(
        self,
        turn: impl FnOnce(&mut AwakeBoard, Self::Output, &mut Context<BoardActor>) + 'static,
    ) -> impl ActorFuture<BoardActor, Output = ()> + 'static {
        actix::fut::wrap_future::<_, BoardActor>(self).map(move |output, act, ctx| {
            if let Phase::Awake(awake) = &mut act.phase {
                turn(awake, output, ctx);
            }
        })
    }
}

impl<F: Future + 'static> IntoBoardFuture for F {}
