//! Break-out groups of a lesson: divided by name or by number, each with a board; undone without losing work. Called by the
//! route table. Never draws: collecting their pages is `collect`'s.

use std::collections::{BTreeSet, HashMap};

use serde::Serialize;
use serde_json::{Value as Json, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    call::{Member, Tutor},
    paths::LessonPath,
};
use crate::http::{
    fields::{Fields, whole},
    operation::{
        Operation,
        answer::{self, NoContent},
        argument::Call,
        body::{Body, Field, request},
        delete, get,
        params::Path,
        put,
        schemas::Name,
        signature::Schemas,
    },
    problem::Problem,
};
use m4sh_domain::access::AccessCause;
use m4sh_domain::limits::NAME_CHARS;
use m4sh_domain::{
    access::Role,
    ids::{BoardId, UserId},
    json::Value,
};
use m4sh_store::{EventCategory::Classroom, LessonTeam};

/// Groups of one lesson.
const GROUPS: usize = 100;

pub(super) fn operations() -> [Operation; 3] {
    [
        get("/classrooms/{id}/sessions/{sid}/groups", "list_groups", list_groups)
            .about("Groups of a lesson", "")
            .answers(&["They."]),
        put("/classrooms/{id}/sessions/{sid}/groups", "divide_groups", divide_groups)
            .about(
                "Divide a lesson into groups",
                "By a tutor: `{count, by: random|order}`, or `{groups: [{name, users}]}`, in which a group that is named as one \
                 before goes on\nwith its board.",
            )
            .answers(&["Divided."])
            .audit(Classroom, "groups_made"),
        delete("/classrooms/{id}/sessions/{sid}/groups", "end_groups", end_groups)
            .about("End the groups", "Their boards stay for those who lead.")
            .answers(&["Ended."])
            .audit(Classroom, "groups_ended"),
    ]
}

request! {
    /// How a lesson is divided: `groups`, or `count` and `by`.
    struct DividingRequest {
        /// A board of which each group's begins as a copy.
        #[example(json!(null))]
        template_board_id: Option<BoardId>,
        division: Division,
    }
}

/// How pupils are dealt out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ToSchema)]
#[schema(rename_all = "lowercase")]
enum DealtBy {
    Random,
    Order,
}

/// A group.
#[derive(Serialize, ToSchema)]
pub(super) struct GroupResponse {
    #[schema(required = true)]
    board: Option<Uuid>,
    #[schema(example = "Red")]
    name: String,
    #[schema(value_type = u32, example = 1)]
    team: i32,
    users: Vec<Uuid>,
}

impl From<LessonTeam> for GroupResponse {
    fn from(team: LessonTeam) -> Self {
        Self {
            board: team.board.map(|board| board.0),
            name: team.name,
            team: team.team,
            users: team.members.into_iter().map(|user| user.0).collect(),
        }
    }
}

#[derive(Serialize, ToSchema)]
struct GroupsResponse {
    groups: Vec<GroupResponse>,
}

async fn list_groups(
    call: Call,
    Path(path): Path<LessonPath>,
    _: Member,
) -> Result<answer::Json<GroupsResponse>, Problem> {
    call.services.store.lesson(path.id, path.sid).await?.ok_or(Problem::NotFound)?;
    let teams = call.services.store.teams(path.sid).await?;
    Ok(answer::Json(GroupsResponse { groups: teams.into_iter().map(Into::into).collect() }))
}

async fn divide_groups(
    call: Call,
    Path(path): Path<LessonPath>,
    Body(DividingRequest { template_board_id: template, division }): Body<DividingRequest>,
    _: Tutor,
) -> Result<answer::Json<GroupsResponse>, Problem> {
    let lesson = path.lesson();
    call.open_lesson(lesson).await?;
    if let Some(template) = template {
        call.services.rights(template, call.user).await?;
    }
    // People who are dealt out anew must not find others' work: only a group that somebody names goes on.
    let same_by_name = matches!(division, Division::Named(_));
    let teams = match division {
        Division::Named(teams) => teams,
        Division::Counted { count, by } => {
            let people = call.services.store.lesson_people(path.id).await?;
            let mut pupils: Vec<UserId> =
                people.iter().filter(|person| person.role == Role::Student).map(|person| person.user).collect();
            if by == DealtBy::Random {
                shuffle(&mut pupils)?;
            }
            dealt(&pupils, count)
        }
    };
    let blank = call.services.directory.blank(template, None).await?;
    if !call.services.store.set_teams(lesson, &teams, same_by_name, &blank).await? {
        return Err(Problem::NotFound);
    }
    call.services.directory.session_changed(path.id, path.sid, AccessCause::Groups).await;
    let teams = call.services.store.teams(path.sid).await?;
    for team in &teams {
        let users: Vec<_> = team.members.iter().map(ToString::to_string).collect();
        let frame = json!({"t": "group", "team": team.team, "name": team.name, "board": team.board, "users": users});
        call.services.directory.broadcast_in_class(lesson, frame);
    }
    call.audit.data(json!({"session": path.sid, "groups": teams.len()}));
    Ok(answer::Json(GroupsResponse { groups: teams.into_iter().map(Into::into).collect() }))
}

/// Nobody is in a group any more; boards of groups stay for those who lead.
async fn end_groups(call: Call, Path(path): Path<LessonPath>, _: Tutor) -> Result<NoContent, Problem> {
    call.services.store.lesson(path.id, path.sid).await?.ok_or(Problem::NotFound)?;
    call.services.store.clear_teams(path.sid).await?;
    call.services.directory.session_changed(path.id, path.sid, AccessCause::Groups).await;
    call.audit.note("session", path.sid.to_string());
    Ok(NoContent)
}

/// Pupils dealt out like cards: groups differ by one at most, and none is empty.
fn dealt(pupils: &[UserId], count: usize) -> Vec<(String, Vec<UserId>)> {
    let count = count.min(pupils.len());
    let hand = |number: usize| pupils.iter().skip(number).step_by(count.max(1)).copied().collect();
    (0..count).map(|number| (format!("Group {}", number + 1), hand(number))).collect()
}

/// Fisher and Yates, with chance from the operating system.
fn shuffle(pupils: &mut [UserId]) -> Result<(), Problem> {
    let mut chance = vec![0_u8; pupils.len() * 8];
    getrandom::fill(&mut chance).map_err(|error| Problem::Internal(error.to_string()))?;
    for (at, bytes) in (1..pupils.len()).rev().zip(chance.chunks_exact(8)) {
        let number = bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        // The remainder favours early places by less than one in 2^50.
        pupils.swap(at, usize::try_from(number % (at as u64 + 1)).unwrap_or(0));
    }
    Ok(())
}

/// A division: the members `groups`, or `count` and `by`, of a body.
#[derive(Debug)]
enum Division {
    Named(Vec<(String, Vec<UserId>)>),
    Counted { count: usize, by: DealtBy },
}

impl Field for Division {
    type Value = Self;

    fn read(fields: &mut Fields, _: &'static str) -> Option<Self> {
        if let Some(groups) = fields.value("groups") {
            return named(&groups).map(Self::Named).map_err(|words| fields.fault("groups", words)).ok();
        }
        let by = match fields.name("by", 16).as_deref() {
            Some("random") => DealtBy::Random,
            Some("order") | None => DealtBy::Order,
            Some(_) => fields.wrong("by", "Choose `random` or `order`.").unwrap_or(DealtBy::Order),
        };
        let count = fields.required_value("count").and_then(|count| whole(&count));
        let count = count.and_then(|count| usize::try_from(count).ok()).filter(|count| (1..=GROUPS).contains(count));
        if count.is_none() && !fields.has_fault("count") {
            fields.fault("count", "A whole number from 1 to 100 is required.");
        }
        Some(Self::Counted { count: count?, by })
    }

    fn schema(schemas: &mut Schemas) -> Json {
        let group = json!({
            "type": "object",
            "description": "A group to be. Nobody is in two.",
            "required": ["users"],
            "properties": {
                "name": Name::schema(schemas),
                "users": {"type": "array", "items": {"type": "string", "format": "uuid"}},
            },
        });
        json!({
            "count": {"type": "integer", "format": "int64", "minimum": 1, "maximum": GROUPS, "example": 2},
            "by": schemas.of::<DealtBy>(),
            "groups": {"type": "array", "items": schemas.named("NamedGroup", group), "maxItems": GROUPS},
        })
    }

    fn describe(schemas: &mut Schemas, body: &mut Json, _: &str, _: &str, _: Option<Json>) {
        for (name, schema) in Self::schema(schemas).as_object().into_iter().flatten() {
            body["properties"][name] = schema.clone();
        }
    }
}

/// Groups by name; nobody is in two of them.
fn named(groups: &Value) -> Result<Vec<(String, Vec<UserId>)>, &'static str> {
    const WRONG: &str = "Must be a list of 1 to 100 {name, users}, with each user once.";
    let groups = groups.as_array().filter(|groups| (1..=GROUPS).contains(&groups.len())).ok_or(WRONG)?;
    let mut seen = BTreeSet::new();
    let mut names = HashMap::new();
    let mut read = Vec::with_capacity(groups.len());
    for (number, group) in groups.iter().enumerate() {
        let name = group.get("name").and_then(Value::as_str).map(str::trim).filter(|name| !name.is_empty());
        let name = name.map_or_else(|| format!("Group {}", number + 1), str::to_owned);
        if name.chars().count() > NAME_CHARS
            || name.chars().any(char::is_control)
            || names.insert(name.clone(), ()).is_some()
        {
            return Err(WRONG);
        }
        let users = group.get("users").and_then(Value::as_array).ok_or(WRONG)?;
        let users: Option<Vec<UserId>> = users.iter().map(|user| user.as_str()?.parse().ok()).collect();
        let users =
            users.filter(|users| users.len() <= 300 && users.iter().all(|user| seen.insert(*user))).ok_or(WRONG)?;
        read.push((name, users));
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn y9_pupils_are_dealt_out_evenly_and_nobody_twice() {
        let pupils: Vec<_> = (1..=7).map(|number| UserId(uuid::Uuid::from_u128(number))).collect();
        let groups = dealt(&pupils, 3);
        assert_eq!(groups.iter().map(|(_, members)| members.len()).collect::<Vec<_>>(), [3, 2, 2]);
        let everybody: BTreeSet<_> = groups.iter().flat_map(|(_, members)| members).collect();
        assert_eq!(everybody.len(), 7);
        assert_eq!(dealt(&pupils[..2], 5).len(), 2, "no group is empty");
        let mut shuffled = pupils.clone();
        shuffle(&mut shuffled).unwrap();
        shuffled.sort_unstable();
        assert_eq!(shuffled, pupils);
    }
}
