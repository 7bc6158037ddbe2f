//! What the caller must be in a class: a member, a tutor, somebody with a permission. Arguments of the classroom handlers,
//! and calls for those that decide later. Never tells a stranger that a classroom exists.

use jiff::Timestamp;

use crate::http::{
    operation::{
        argument::{Argument, Call},
        context::Context,
        signature::Signature,
    },
    problem::Problem,
};
use m4sh_domain::{
    access::{Permission, Role},
    ids::{ClassroomId, LessonId},
};
use m4sh_store::{ClassroomRow, LessonAccess};

impl Call {
    /// The classroom, if the caller is in it, and as what; a stranger learns nothing.
    pub async fn require_member(&self, id: ClassroomId) -> Result<(ClassroomRow, Role), Problem> {
        self.audit.note("classroom", id.to_string());
        self.services.store.classroom(id, self.user).await?.ok_or(Problem::NotFound)
    }

    /// The classroom, if the caller leads it; a member who does not is told so.
    pub async fn require_tutor(&self, id: ClassroomId) -> Result<ClassroomRow, Problem> {
        let (row, role) = self.require_member(id).await?;
        if role.leads() { Ok(row) } else { Err(Problem::Forbidden("Only a tutor of this classroom may do this.")) }
    }

    /// A lesson with the rights in it.
    pub(in crate::http) async fn lesson(&self, id: ClassroomId, session: LessonId) -> Result<LessonAccess, Problem> {
        self.services.store.lesson_access(id, session).await?.ok_or(Problem::NotFound)
    }

    /// Passes for members who have a flag in a lesson.
    pub(in crate::http) async fn may(
        &self,
        id: ClassroomId,
        session: LessonId,
        flag: Permission,
    ) -> Result<(), Problem> {
        self.require_member(id).await?;
        let standing = self.lesson(id, session).await?.rights.effective(self.user, Timestamp::now());
        let may = standing.is_some_and(|standing| standing.can.has(flag));
        may.then_some(()).ok_or(Problem::Forbidden("Only a tutor of this classroom may do this."))
    }
}

/// A member of the class that the path names as `{id}`; a stranger learns nothing.
pub struct Member {
    /// The class.
    pub class: ClassroomRow,
    /// What the caller is in it.
    pub role: Role,
}

impl Argument for Member {
    async fn take(context: &mut Context) -> Result<Self, Problem> {
        let id = context.request.match_info().get("id").and_then(|id| id.parse().ok()).ok_or(Problem::NotFound)?;
        let (class, role) = Call::take(context).await?.require_member(id).await?;
        Ok(Self { class, role })
    }
}

/// A tutor of the class that the path names as `{id}`: its class. A member who is none is told so.
pub struct Tutor(pub ClassroomRow);

impl Argument for Tutor {
    fn describe(signature: &mut Signature) {
        signature.errors.insert("forbidden");
    }

    async fn take(context: &mut Context) -> Result<Self, Problem> {
        let id = context.request.match_info().get("id").and_then(|id| id.parse().ok()).ok_or(Problem::NotFound)?;
        Call::take(context).await?.require_tutor(id).await.map(Self)
    }
}
