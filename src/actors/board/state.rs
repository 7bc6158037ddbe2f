//! A board at work: everything that the board actor's handlers read and change.
//! Made when the board is loaded, dropped when it leaves memory. Holds data only; the handlers are in the files beside it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actix::{SpawnHandle, WeakRecipient};
use jiff::Timestamp;

use super::access::Access;
use super::durability::Durability;
use super::live_strokes::LiveStrokes;
use super::load::LoadedBoard;
use super::members::{BoardMember, BoardSeat, LeaveGrace, LeaveGraceOver};
use super::user_budgets::UserBudgets;
use crate::actors::clock;
use crate::actors::ephemeral::EphemeralState;
use crate::actors::messages::BoardActivity;
use crate::actors::node::NodeContext;
use crate::actors::shard::Shard;
use crate::actors::shared_budgets::{BudgetPool, SharedBudgetPool};
use crate::cluster::Lease;
use m4sh_domain::access::Visibility;
use m4sh_domain::board::Board;
use m4sh_domain::ids::{BoardId, ConnId, Epoch, Rev, UserId};
use m4sh_protocol::server::SharedState;

/// A board at work.
pub(super) struct AwakeBoard {
    pub(super) id: BoardId,
    pub(super) shard: Shard,
    pub(super) node: Arc<NodeContext>,
    pub(super) board: Board,
    pub(super) epoch: Epoch,
    pub(super) access: Access,
    pub(super) seats: HashMap<ConnId, BoardSeat>,
    pub(super) people: HashMap<UserId, BoardMember>,
    /// Those of them who have no seat any more.
    pub(super) leave_grace: LeaveGrace,
    pub(super) me: WeakRecipient<LeaveGraceOver>,
    pub(super) budgets: HashMap<UserId, UserBudgets>,
    /// What all at this board spend together …
    pub(super) pool: BudgetPool,
    /// … and all of its lesson.
    pub(super) class_pool: Option<SharedBudgetPool>,
    pub(super) tick: EphemeralState<UserId, 3>,
    pub(super) strokes: LiveStrokes,
    pub(super) durability: Durability,
    /// The document as joiners and readers get it, while it does not change.
    pub(super) shared_state: Option<(Rev, VisibleStates)>,
    /// The visibility of each person who read the board since this owner has it.
    pub(super) visibility: HashMap<UserId, VisibilitySince>,
    /// What each has done here since the board woke.
    pub(super) activity: HashMap<UserId, BoardActivity>,
    /// When the last request came.
    pub(super) last_used: Duration,
    pub(super) draining: bool,
    /// When the next rule that counts for somebody here ends, and the timer for it.
    pub(super) rights_expiry: Option<(Timestamp, SpawnHandle)>,
    pub(super) _lease: Lease,
}

/// The visibility that somebody last had, and the revision since which it holds.
pub(super) struct VisibilitySince {
    pub(super) eyes: Visibility,
    pub(super) since: Rev,
}

/// A state for each view of it that somebody asked for.
pub(super) type VisibleStates = Vec<(Visibility, Arc<SharedState>)>;

impl AwakeBoard {
    pub(super) fn new(
        id: BoardId,
        me: WeakRecipient<LeaveGraceOver>,
        shard: Shard,
        node: Arc<NodeContext>,
        loaded: LoadedBoard,
    ) -> Self {
        let LoadedBoard { board, epoch, checkpoint, access, lease } = loaded;
        let access = Access::new(access);
        let class_pool = access.class().map(|class| node.shared_budgets.class(class, clock::now()));
        let durability = Durability::new(board.rev(), checkpoint, clock::now());
        Self {
            id,
            shard,
            node,
            board,
            epoch,
            access,
            seats: HashMap::new(),
            people: HashMap::new(),
            leave_grace: LeaveGrace::default(),
            me,
            budgets: HashMap::new(),
            pool: BudgetPool::default(),
            class_pool,
            tick: EphemeralState::default(),
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
