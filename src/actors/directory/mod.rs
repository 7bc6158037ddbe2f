//! Which class sessions are awake on this node, and what REST tells and asks them; boards are in `boards`.
//! Called by `http` and `ws`. Never holds a board's state, never keeps a lock across an await.

mod host;
mod pupil_boards;
mod rights;

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use dashmap::DashMap;
use tokio::sync::oneshot;

use crate::actors::boards::Boards;
use crate::actors::classroom::{
    BroadcastFrame, ClassOverview, ClassroomActor, CommandReply, GetOverview, ListParticipants, ReloadClass,
    ReloadErased, Reveal, SubmitCommand,
};
use crate::actors::messages::BoardError;
use crate::actors::socket_registry::SocketRegistry;
use m4sh_domain::access::AccessCause;
use m4sh_domain::classroom::{ClassCommand, PupilSelection};
use m4sh_domain::ids::{BoardId, ClassroomId, LessonId, Rev, UserId};
use m4sh_domain::limits;
use m4sh_domain::refusal::{Refusal, RefusalCode};
use m4sh_store::{Store, StoreError};

/// How long a REST answer waits for a change of rights to be applied.
const APPLY_DEADLINE: Duration = Duration::from_secs(3);
const RETRY: Duration = Duration::from_secs(1);

/// A handle to the directory; clones share it.
#[derive(Clone)]
pub struct Directory(Arc<DirectoryInner>);

struct DirectoryInner {
    store: Store,
    boards: Boards,
    /// By both ids: a session that is asked for under another class leads nowhere.
    sessions: DashMap<(ClassroomId, LessonId), Addr<ClassroomActor>>,
    /// The sockets of this process.
    sockets: Arc<SocketRegistry>,
}

impl Directory {
    /// A directory of a node where no class is awake.
    #[must_use]
    pub fn new(store: Store, boards: Boards) -> Self {
        Self(Arc::new(DirectoryInner { store, boards, sessions: DashMap::new(), sockets: Arc::default() }))
    }

    /// The boards of this node.
    #[must_use]
    pub fn boards(&self) -> &Boards {
        &self.0.boards
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }

    /// The session's actor, started if it was not awake.
    #[must_use]
    pub fn locate_session(&self, classroom: ClassroomId, session: LessonId) -> Option<Addr<ClassroomActor>> {
        let shard = self.0.boards.next_shard()?;
        let start = || {
            let (host, directory) = (Arc::new(self.clone()), self.clone());
            let forget = move |actor: &Addr<ClassroomActor>| {
                directory.0.sessions.remove_if(&(classroom, session), |_, known| known == actor);
            };
            ClassroomActor::start_in_arbiter(&shard.arbiter, move |_| {
                ClassroomActor::new(classroom, session, host, Box::new(forget))
            })
        };
        let mut entry = self.0.sessions.entry((classroom, session)).or_insert_with(start);
        if !entry.connected() {
            *entry = start();
        }
        Some(entry.clone())
    }

    /// Reveals pupils' hidden work on a lesson's shared board and tells the class; returns the revision since which it is
    /// everybody's, when it is committed.
    ///
    /// # Errors
    /// `Forbidden` for those who may not lock pens; else as [`Boards::save`].
    pub async fn reveal_in_class(
        &self,
        (classroom, session): (ClassroomId, LessonId),
        by: UserId,
        whose: PupilSelection,
    ) -> Result<Rev, BoardError> {
        let unavailable = BoardError::Unavailable { retry_after: RETRY };
        let actor = self.locate_session(classroom, session).ok_or_else(|| unavailable.clone())?;
        actor.send(Reveal { by, whose }).await.unwrap_or(Err(unavailable))
    }

    /// Who is in class at this moment; nobody when it sleeps.
    pub async fn participants(&self, classroom: ClassroomId, session: LessonId) -> Vec<UserId> {
        let class = self.0.sessions.get(&(classroom, session)).map(|door| door.clone());
        let Some(class) = class else { return Vec::new() };
        let asked = tokio::time::timeout(APPLY_DEADLINE, class.send(ListParticipants)).await;
        asked.ok().and_then(Result::ok).unwrap_or_default()
    }

    /// The sockets of this process.
    #[must_use]
    pub fn sockets(&self) -> &Arc<SocketRegistry> {
        &self.0.sockets
    }

    /// Looks again and again for boards and lessons from whose past somebody was erased, in whatever process: boards that
    /// still show what was send their people away, lessons read themselves anew (SPEC Q10). Never ends.
    pub async fn watch_erasures(self) {
        loop {
            tokio::time::sleep(limits::ERASURE_CHECK_INTERVAL).await;
            if let Err(error) = self.apply_erasures().await {
                // Nothing is known then; the fence still keeps an old owner from writing.
                tracing::warn!(%error, "erasures could not be checked");
            }
        }
    }

    async fn apply_erasures(&self) -> Result<(), StoreError> {
        if self.0.boards.any_awake() {
            for (board, epoch) in self.store().recent_erasures().await? {
                self.0.boards.history_rewritten(board, epoch);
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

    /// Members or roles of a classroom changed: boards and sockets of its sessions learn it. Resolves when they have,
    /// or after a few seconds; a change that is still on its way then arrives all the same.
    pub async fn members_changed(&self, classroom: ClassroomId) {
        self.class_changed(classroom, AccessCause::Role).await;
    }

    /// The same of rules that hold in every session of a class.
    pub async fn class_changed(&self, classroom: ClassroomId, cause: AccessCause) {
        let awake: Vec<BoardId> = self.0.boards.awake_ids();
        let mut sessions = match self.store().lessons_of_boards(classroom, &awake).await {
            Ok(sessions) => sessions,
            Err(error) => {
                tracing::error!(%classroom, %error, "members changed, but their lessons could not be read");
                Vec::new()
            }
        };
        sessions.extend(
            self.0.sessions.iter().map(|door| *door.key()).filter(|door| door.0 == classroom).map(|door| door.1),
        );
        sessions.sort_unstable();
        sessions.dedup();
        for session in sessions {
            self.reread(classroom, session, cause).await;
        }
    }

    /// Rules, boards or groups of one lesson changed: its boards and sockets learn it. Resolves as [`Directory::members_changed`].
    pub async fn session_changed(&self, classroom: ClassroomId, session: LessonId, cause: AccessCause) {
        self.reread(classroom, session, cause).await;
    }

    /// A session ended: its sockets hear `ended`, then close with 4410. Resolves when they have been told.
    pub async fn session_ended(&self, classroom: ClassroomId, session: LessonId) {
        self.reread(classroom, session, AccessCause::Ended).await;
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

    /// Sends a command to a lesson, as its sockets do; returns when it has happened and is committed.
    ///
    /// # Errors
    /// Why it did not. `unavailable` may have happened all the same: a repeat finds out.
    pub async fn class_command(
        &self,
        (classroom, session): (ClassroomId, LessonId),
        (user, name): (UserId, Arc<str>),
        command: ClassCommand,
    ) -> Result<CommandReply, Refusal> {
        const UNAVAILABLE: Refusal = Refusal::until(RefusalCode::Unavailable, "this cannot be kept right now", RETRY);
        let actor = self.locate_session(classroom, session).ok_or(UNAVAILABLE)?;
        let (reply, heard) = oneshot::channel();
        actor.do_send(SubmitCommand { user, name, command, reply });
        match tokio::time::timeout(limits::SAVE_DEADLINE, heard).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => Err(UNAVAILABLE),
        }
    }

    async fn reread(&self, classroom: ClassroomId, session: LessonId, cause: AccessCause) {
        let Some(actor) = self.locate_session(classroom, session) else { return };
        let (applied, heard) = oneshot::channel();
        actor.do_send(ReloadClass { cause, applied });
        let _ = tokio::time::timeout(APPLY_DEADLINE, heard).await;
    }
}
