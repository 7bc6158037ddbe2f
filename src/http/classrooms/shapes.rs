//! How classrooms, members and sessions are shown. Called by the classroom handlers.
//! Never shows an invite code or a pupil's address to a pupil.

use serde::Serialize;

use crate::{http::times, identity::display_name};
use m4sh_domain::{
    access::Role,
    ids::{BoardId, ClassroomId, LessonId, UserId},
};
use m4sh_store::{ClassroomRow, LessonRow, MemberRow};

/// A classroom as one of its members sees it.
#[derive(Serialize)]
pub struct Classroom<'a> {
    id: ClassroomId,
    name: &'a str,
    /// `null` for those who may not invite.
    invite_code: Option<&'a str>,
    role: &'static str,
    member_count: u64,
    owner_id: UserId,
    created_at: String,
}

impl<'a> Classroom<'a> {
    /// `row` as somebody with `role` in it sees it.
    pub fn of(row: &'a ClassroomRow, role: Role) -> Self {
        Self {
            id: row.id,
            name: &row.name,
            invite_code: role.leads().then_some(&*row.invite_code),
            role: role.name(),
            member_count: row.member_count,
            owner_id: row.owner,
            created_at: times::utc_field(row.created_at),
        }
    }
}

/// A member as a classmate or a tutor sees them.
#[derive(Serialize)]
pub struct Member<'a> {
    user_id: UserId,
    display_name: String,
    first_name: &'a str,
    last_name: &'a str,
    /// `null` for classmates.
    email: Option<&'a str>,
    role: &'static str,
    joined_at: String,
}

impl<'a> Member<'a> {
    /// `row` as somebody with `role` in the class sees it.
    pub fn of(row: &'a MemberRow, role: Role) -> Self {
        Self {
            user_id: row.user,
            display_name: display_name(&row.first_name, &row.last_name, &row.email),
            first_name: &row.first_name,
            last_name: &row.last_name,
            email: role.leads().then_some(&*row.email),
            role: row.role.name(),
            joined_at: times::utc_field(row.joined_at),
        }
    }
}

/// A session.
#[derive(Serialize)]
pub struct Session<'a> {
    id: LessonId,
    classroom_id: ClassroomId,
    name: &'a str,
    status: &'static str,
    board_id: BoardId,
    created_at: String,
    ended_at: Option<String>,
}

impl<'a> From<&'a LessonRow> for Session<'a> {
    fn from(row: &'a LessonRow) -> Self {
        Self {
            id: row.id,
            classroom_id: row.classroom,
            name: &row.name,
            status: row.status.name(),
            board_id: row.board,
            created_at: times::utc_field(row.created_at),
            ended_at: row.ended_at.map(times::utc_field),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

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
            let class = serde_json::to_string(&Classroom::of(&row, role)).unwrap();
            let mate = serde_json::to_string(&Member::of(&member, role)).unwrap();
            assert_eq!(class.contains("ABCD2345"), sees, "{role:?}");
            assert_eq!(mate.contains("clara@demo.m4sh"), sees, "{role:?}");
            assert!(mate.contains("\"display_name\":\"clara\""));
        }
    }
}
