//! `POST /boards/{id}/history/{rev}/restore/`: an earlier state as a new revision (SPEC Q6).
//! Never rewinds: what came in between stays in the history; locks and rights stay as they are.

use super::{RevisionPath, off_thread};
use crate::{
    actors::{
        board::ReplaceState,
        messages::{Precondition, Save, Saved},
    },
    http::{
        Services,
        audit::AuditContext,
        operation::{
            Operation,
            answer::{AtRevision, Json},
            argument::{Call, IdempotencyHeader, OptionalBase},
            params::Path,
            post,
        },
        problem::Problem,
        solo::detail::RestoredResponse,
        states,
    },
};
use m4sh_domain::ids::{BoardId, Rev, UserId};
use m4sh_store::EventCategory::Board;

pub(super) fn operations() -> [Operation; 1] {
    [post("/boards/{id}/history/{rev}/restore", "restore_revision", restore_revision)
        .about(
            "Restore a board to a revision",
            "As a new revision, by who leads the board; nothing in between is lost, and what is locked stays locked.",
        )
        .answers(&["Restored."])
        .errors(&[
            "not_found",
            "unknown_rev",
            "forbidden",
            "precondition_failed",
            "rev_mismatch",
            "board_too_large",
            "key_reused",
        ])
        .audit(Board, "board_restored")]
}

async fn restore_revision(
    Path(path): Path<RevisionPath>,
    call: Call,
    IdempotencyHeader(key): IdempotencyHeader,
    OptionalBase(base): OptionalBase,
) -> Result<AtRevision<Json<RestoredResponse>>, Problem> {
    let (board, rev) = (path.id, Rev(path.rev));
    let saved = call.services.restore_revision(&call.audit, board, rev, call.user, base, key).await?;
    Ok(RestoredResponse::of(&saved, rev))
}

impl Services {
    /// Makes the state of a revision a new one, for who leads the board.
    pub(crate) async fn restore_revision(
        &self,
        audit: &AuditContext,
        board: BoardId,
        rev: Rev,
        who: UserId,
        base: Precondition,
        key: Option<Box<str>>,
    ) -> Result<Saved, Problem> {
        audit.node(board.0);
        audit.note("restored_rev", rev.0);
        let reader = self.history_reader(board, who).await?;
        if !reader.standing.role.leads() && reader.access.owner != who {
            return Err(Problem::Forbidden("Only who leads this board may do this."));
        }
        let past = self.visible_board_at(&reader, Some(rev)).await?;
        let now = self.directory.boards().read(board, who).await?;
        let now = states::document(states::parse(now.state).await?).await?;
        let document = off_thread(move || past.document.with_locks_of(&now)).await?;
        let saved = self.directory.boards().save(board, Save::new(who, base, key, ReplaceState(document))).await?;
        audit.note("rev", saved.rev.0);
        Ok(saved)
    }
}
