//! How classrooms, members and sessions are shown. Called by the classroom handlers.
//! Never shows an invite code or a pupil's address to a pupil.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    http::operation::{
        body::request,
        names::names,
        schemas::{Moment, Name},
    },
    identity::display_name,
};
use m4sh_domain::access;
use m4sh_store::{ClassroomRow, LessonRow, LessonStatus, MemberRow};

names! {
    /// What somebody is in a classroom.
    pub Role(access::Role) = [access::Role::Tutor, access::Role::Assistant, access::Role::Student, access::Role::Viewer],
        16, "Choose `tutor`, `assistant`, `student` or `viewer`.";
    /// Whether a lesson is on.
    pub Status(LessonStatus) = [LessonStatus::Active, LessonStatus::Ended];
}

request! {
    /// A name.
    pub struct NamedRequest {
        name: Name,
    }
}

/// A classroom as one of its members sees it.
#[derive(Serialize, ToSchema)]
pub struct ClassroomResponse {
    id: Uuid,
    #[schema(example = "7-B Geometry")]
    name: String,
    /// `null` for those who may not invite.
    #[schema(required = true, example = "ABCD2345")]
    invite_code: Option<String>,
    role: Role,
    #[schema(minimum = 1, example = 24)]
    member_count: u64,
    owner_id: Uuid,
    created_at: Moment,
}

impl ClassroomResponse {
    /// `row` as somebody with `role` in it sees it.
    pub fn of(row: ClassroomRow, role: access::Role) -> Self {
        Self {
            id: row.id.0,
            name: row.name,
            invite_code: role.leads().then_some(row.invite_code),
            role: Role(role),
            member_count: row.member_count,
            owner_id: row.owner.0,
            created_at: Moment(row.created_at),
        }
    }
}

/// A member as a classmate or a tutor sees them.
#[derive(Serialize, ToSchema)]
pub struct MemberResponse {
    user_id: Uuid,
    #[schema(example = "Anna Kovalenko")]
    display_name: String,
    #[schema(example = "Anna")]
    first_name: String,
    #[schema(example = "Kovalenko")]
    last_name: String,
    /// `null` for classmates.
    #[schema(required = true, example = "anna@school.example")]
    email: Option<String>,
    role: Role,
    joined_at: Moment,
}

impl MemberResponse {
    /// `row` as somebody with `role` in the class sees it.
    pub fn of(row: MemberRow, role: access::Role) -> Self {
        Self {
            user_id: row.user.0,
            display_name: display_name(&row.first_name, &row.last_name, &row.email),
            first_name: row.first_name,
            last_name: row.last_name,
            email: role.leads().then_some(row.email),
            role: Role(row.role),
            joined_at: Moment(row.joined_at),
        }
    }
}

/// A member's new role.
#[derive(Serialize, ToSchema)]
pub struct MemberRoleResponse {
    #[schema(required = true, example = "Anna Kovalenko")]
    pub display_name: Option<String>,
    pub role: Role,
    pub user_id: Uuid,
}

/// A lesson.
#[derive(Serialize, ToSchema)]
pub struct LessonResponse {
    id: Uuid,
    classroom_id: Uuid,
    #[schema(example = "Right triangles")]
    name: String,
    status: Status,
    board_id: Uuid,
    created_at: Moment,
    /// `null` while it is on.
    #[schema(required = true, example = json!(null))]
    ended_at: Option<Moment>,
}

impl From<LessonRow> for LessonResponse {
    fn from(row: LessonRow) -> Self {
        Self {
            id: row.id.0,
            classroom_id: row.classroom.0,
            name: row.name,
            status: Status(row.status),
            board_id: row.board.0,
            created_at: Moment(row.created_at),
            ended_at: row.ended_at.map(Moment),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use m4sh_domain::{
        access::Role,
        ids::{ClassroomId, UserId},
    };

    #[test]
    fn j7_a_pupil_sees_neither_the_invite_code_nor_a_classmates_address() {
        let at = "2026-01-31T10:00:00Z".parse().unwrap();
        let row = ClassroomRow {
            id: ClassroomId(Uuid::now_v7()),
            owner: UserId(Uuid::now_v7()),
            name: "7-B".to_owned(),
            invite_code: "ABCD2345".to_owned(),
            member_count: 2,
            created_at: at,
        };
        let member = MemberRow {
            user: UserId(Uuid::now_v7()),
            email: "clara@demo.m4sh".to_owned(),
            first_name: String::new(),
            last_name: String::new(),
            role: Role::Student,
            joined_at: at,
        };
        for (role, sees) in [(Role::Tutor, true), (Role::Owner, true), (Role::Student, false), (Role::Viewer, false)] {
            let class = serde_json::to_string(&ClassroomResponse::of(row.clone(), role)).unwrap();
            let mate = serde_json::to_string(&MemberResponse::of(member.clone(), role)).unwrap();
            assert_eq!(class.contains("ABCD2345"), sees, "{role:?}");
            assert_eq!(mate.contains("clara@demo.m4sh"), sees, "{role:?}");
            assert!(mate.contains("\"display_name\":\"clara\""));
        }
    }
}
