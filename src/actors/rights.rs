//! Changes of rights: kept first, then told to every lesson that they concern. One way for sockets and for REST.
//! Called by the classroom actor and by `http`, which have judged them. Never judges.

use crate::actors::directory::Directory;
use m4sh_domain::access::{AccessCause, ChangeDenied, RightsChange, Role, RuleEdit};
use m4sh_domain::ids::{ClassroomId, LessonId, UserId};
use m4sh_store::{MemberEdit, StoreError};

/// Where rights are changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RightsScope {
    /// The class.
    pub classroom: ClassroomId,
    /// The lesson; `None`: in the class as a whole.
    pub session: Option<LessonId>,
}

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum RightsError {
    /// It may not be.
    #[error("{}", .0.detail())]
    Denied(ChangeDenied),
    /// There is no such class or lesson any more.
    #[error("no such lesson")]
    NotFound,
    /// The database could not.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Directory {
    /// Makes changes that were judged, all or none; a change of role comes alone. Returns when those who are concerned have been told, or after a few seconds.
    ///
    /// # Errors
    /// [`RightsError`]; then nothing has changed.
    pub async fn change_rights(
        &self,
        at: RightsScope,
        by: UserId,
        changes: &[RightsChange],
        now: jiff::Timestamp,
    ) -> Result<(), RightsError> {
        if let [RightsChange::Role { user, role }] = *changes {
            return self.change_role(at.classroom, user, role).await;
        }
        let edits: Vec<RuleEdit> = changes.iter().flat_map(|change| change.rule_edits(now)).collect();
        let wide = changes.iter().any(RightsChange::is_class_wide);
        let cause = changes.first().map_or(AccessCause::Rights, RightsChange::cause);
        self.edit_rules(at, by, &edits, (wide, cause)).await.map(drop)
    }

    /// Takes the rules about something away, at once; says how many there were.
    ///
    /// # Errors
    /// As [`Directory::change_rights`].
    pub async fn clear_rule(&self, at: RightsScope, by: UserId, clear: RuleEdit) -> Result<u64, RightsError> {
        self.edit_rules(at, by, &[clear], (at.session.is_none(), AccessCause::Rights)).await
    }

    async fn edit_rules(
        &self,
        RightsScope { classroom, session }: RightsScope,
        by: UserId,
        edits: &[RuleEdit],
        (wide, cause): (bool, AccessCause),
    ) -> Result<u64, RightsError> {
        let made = self.store().edit_rules((classroom, session), by, edits).await?;
        let touched = made.ok_or(RightsError::NotFound)?;
        match session {
            Some(session) if !wide => self.session_changed(classroom, session, cause).await,
            _ => self.class_changed(classroom, cause).await,
        }
        Ok(touched)
    }

    async fn change_role(&self, classroom: ClassroomId, user: UserId, role: Role) -> Result<(), RightsError> {
        match self.store().set_member_role(classroom, user, role).await? {
            MemberEdit::Done => {
                self.members_changed(classroom).await;
                Ok(())
            }
            MemberEdit::NotAMember => Err(RightsError::Denied(ChangeDenied::NotAMember)),
            MemberEdit::IsOwner => Err(RightsError::Denied(ChangeDenied::OwnerStays)),
        }
    }
}
