//! Changes of rights: kept first, then told to every lesson that they concern. One way for sockets and for REST.
//! Called by classes and by `http`, which have judged them. Never judges.

use super::Directory;
use crate::actors::rights::{RightsError, RightsScope};
use m4sh_domain::access::{AccessCause, ChangeDenied, RightsChange, Role, RuleEdit};
use m4sh_domain::ids::{ClassroomId, UserId};
use m4sh_store::MemberEdit;

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
