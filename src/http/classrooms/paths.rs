//! The paths of the classroom routes. Used by the handlers. Never says who may go there.

use uuid::Uuid;

use super::rules::RuleSubjectName;
use crate::http::operation::params::path_params;
use m4sh_domain::ids::{ClassroomId, HookId, LessonId, UserId};

path_params! {
    /// A class.
    pub struct ClassPath {
        /// The classroom.
        id: ClassroomId,
    }
    /// A member of a class.
    pub struct MemberPath {
        /// The classroom.
        id: ClassroomId,
        /// The member.
        user: UserId,
    }
    /// A webhook of a class.
    pub struct HookPath {
        /// The classroom.
        id: ClassroomId,
        /// The webhook.
        hook: HookId,
    }
    /// Somebody whose work is erased.
    pub struct MemberErasurePath {
        /// The classroom.
        id: ClassroomId,
        /// The member, also a former one.
        user: UserId,
    }
    /// An erasure.
    pub struct ErasurePath {
        /// The classroom.
        id: ClassroomId,
        /// The erasure.
        job: Uuid,
    }
    /// A lesson of a class.
    pub struct LessonPath {
        /// The classroom.
        id: ClassroomId,
        /// The lesson.
        sid: LessonId,
    }
    /// A member in a lesson.
    pub struct LessonMemberPath {
        /// The classroom.
        id: ClassroomId,
        /// The lesson.
        sid: LessonId,
        /// The member.
        user: UserId,
    }
    /// A message of a lesson's chat.
    pub struct MessagePath {
        /// The classroom.
        id: ClassroomId,
        /// The lesson.
        sid: LessonId,
        /// The message's number.
        seq: u64,
    }
    /// A page that was pushed to pupils' boards.
    pub struct PushPath {
        /// The classroom.
        id: ClassroomId,
        /// The lesson.
        sid: LessonId,
        /// The push.
        push: Uuid,
    }
    /// A rule of a class.
    pub struct ClassRulePath {
        /// The classroom.
        id: ClassroomId,
        /// A member's id, or `all`.
        user: String,
        /// What the rule is about.
        what: RuleSubjectName,
    }
    /// A rule of a lesson.
    pub struct LessonRulePath {
        /// The classroom.
        id: ClassroomId,
        /// The lesson.
        sid: LessonId,
        /// A member's id, or `all`.
        user: String,
        /// What the rule is about.
        what: RuleSubjectName,
    }
    /// Pages that were collected.
    pub struct CollectPath {
        /// The classroom.
        id: ClassroomId,
        /// The lesson.
        sid: LessonId,
        /// The collection.
        collect: Uuid,
    }
}

impl LessonPath {
    /// The lesson and its class.
    pub fn lesson(&self) -> (ClassroomId, LessonId) {
        (self.id, self.sid)
    }
}
