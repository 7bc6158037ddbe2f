//! The routes of the room client (SPEC Q12, Q13): lessons, boards and history in that client's shapes, where people go by
//! whole numbers. Mounted by `compat`. Never decides a right: the routes of classes, boards and history do.

mod history;
mod history_shapes;
mod lessons;
mod lifecycle;
mod people;
mod requests;
mod shapes;

use serde_json::json;

use crate::http::{
    Services,
    history::lesson::LessonHistory,
    operation::{
        Area,
        argument::{Argument, Call},
        context::Context,
        params::{Param as _, path_params},
        signature::Signature,
    },
    problem::Problem,
};
use m4sh_domain::ids::{LessonId, UserId};
use m4sh_domain::rate::Scope;
use m4sh_store::RoomLesson;

/// The client's operations.
pub fn area() -> Area {
    let about = "What the old room client calls. People go by whole numbers here; where one is named, an id is taken, too. \
                 New clients use Classrooms, Lessons and History.";
    let operations =
        [&lessons::operations()[..], &lifecycle::operations(), &people::operations(), &history::operations()].concat();
    Area::new("Room", about, operations).rate(Scope::ApiUser)
}

path_params! {
    /// A lesson.
    struct LessonPath {
        /// The lesson.
        u: LessonId,
    }
    /// A revision of a lesson's board.
    struct VersionPath {
        /// The lesson.
        u: LessonId,
        /// The revision.
        version: u64,
    }
}

/// The lesson that the path names as `{u}`, for a member of its class; it does not exist for anybody else.
struct Room {
    lesson: RoomLesson,
    history: LessonHistory,
}

impl Room {
    async fn of(services: &Services, id: LessonId, user: UserId) -> Result<Self, Problem> {
        let lesson = services.store.room_lesson(id).await?.ok_or(Problem::NotFound)?;
        let history = services.lesson_history(lesson.classroom, id, user).await?;
        Ok(Self { lesson, history })
    }

    /// The same for who leads it.
    async fn led(services: &Services, id: LessonId, user: UserId) -> Result<Self, Problem> {
        let room = Self::of(services, id, user).await?;
        let leads = room.history.role.leads();
        if leads { Ok(room) } else { Err(Problem::Forbidden("Only a tutor of this class may do this.")) }
    }
}

fn lesson_of_path(context: &Context) -> Result<LessonId, Problem> {
    let text = context.request.match_info().get("u").ok_or(Problem::NotFound)?;
    LessonId::parse(text).map_err(|_| Problem::NotFound)
}

impl Argument for Room {
    async fn take(context: &mut Context) -> Result<Self, Problem> {
        let (id, user) = (lesson_of_path(context)?, context.signed().await?.user);
        Self::of(context.services()?, id, user).await
    }
}

/// The lesson that the path names, for who leads it.
struct LedRoom(Room);

impl Argument for LedRoom {
    fn describe(signature: &mut Signature) {
        signature.errors.insert("forbidden");
    }

    async fn take(context: &mut Context) -> Result<Self, Problem> {
        let (id, user) = (lesson_of_path(context)?, context.signed().await?.user);
        Room::led(context.services()?, id, user).await.map(Self)
    }
}

/// Notes what a request was about: the lesson's board and the lesson.
fn note(call: &Call, lesson: &RoomLesson) {
    call.audit.node(lesson.board.0);
    call.audit.note("session", json!(lesson.id));
}

#[cfg(test)]
mod tests {
    use crate::http::{MoreAreas, openapi, tests::traces};

    #[test]
    fn x1_x2_u1_the_clients_operations_are_described_and_traced_as_all_are() {
        let areas = || MoreAreas(crate::compat::areas).all();
        openapi::tests::assert_described(areas);
        openapi::tests::assert_complete(areas);
        traces::assert_traced(areas);
    }
}
