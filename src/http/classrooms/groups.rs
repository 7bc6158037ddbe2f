//! Break-out groups of a lesson: divided by name or by number, each with a board; undone without losing work. Called by the
//! route table. Never draws: collecting their pages is `collect`'s.

use std::collections::{BTreeSet, HashMap};

use actix_web::HttpResponse;
use serde_json::json;

use super::{
    boards::{LessonPath, board},
    call::Call,
};
use crate::http::{
    fields::{Fields, whole},
    problem::Problem,
};
use m4sh_domain::limits::NAME_CHARS;
use m4sh_domain::{
    access::Role,
    ids::{BoardId, UserId},
    json::Value,
};
use m4sh_store::LessonTeam;

/// Groups of one lesson.
const GROUPS: usize = 100;

/// `GET /classrooms/{id}/sessions/{sid}/groups/`.
pub async fn list(call: Call, path: LessonPath) -> Result<HttpResponse, Problem> {
    let (id, session) = *path;
    call.require_member(id).await?;
    call.services.store.lesson(id, session).await?.ok_or(Problem::NotFound)?;
    let teams = call.services.store.teams(session).await?;
    Ok(HttpResponse::Ok().json(json!({"groups": teams.iter().map(shown).collect::<Vec<_>>()})))
}

/// `PUT …/groups/`: `{groups: [{name, users}]}` or `{count, by: "random" | "order"}`, `template_board_id?`, by a tutor.
pub async fn divide(call: Call, path: LessonPath) -> Result<HttpResponse, Problem> {
    let lesson = *path;
    let Wanted { how, template } = Wanted::read(call.fields()?)?;
    call.require_tutor(lesson.0).await?;
    call.open_lesson(lesson).await?;
    if let Some(template) = template {
        call.services.rights(template, call.user).await?;
    }
    // People who are dealt out anew must not find others' work: only a group that somebody names goes on.
    let same_by_name = matches!(how, How::Named(_));
    let teams = match how {
        How::Named(teams) => teams,
        How::Counted { count, shuffled } => {
            let people = call.services.store.lesson_people(lesson.0).await?;
            let mut pupils: Vec<UserId> =
                people.iter().filter(|person| person.role == Role::Student).map(|person| person.user).collect();
            if shuffled {
                shuffle(&mut pupils)?;
            }
            dealt(&pupils, count)
        }
    };
    let blank = call.services.directory.blank(template, None).await?;
    if !call.services.store.set_teams(lesson, &teams, same_by_name, &blank).await? {
        return Err(Problem::NotFound);
    }
    call.services.directory.session_changed(lesson.0, lesson.1, "groups").await;
    let teams = call.services.store.teams(lesson.1).await?;
    for team in &teams {
        let users: Vec<_> = team.members.iter().map(ToString::to_string).collect();
        let frame = json!({"t": "group", "team": team.team, "name": team.name, "board": team.board, "users": users});
        call.services.directory.broadcast_in_class(lesson, frame);
    }
    call.trail.data(json!({"session": lesson.1, "groups": teams.len()}));
    Ok(HttpResponse::Ok().json(json!({"groups": teams.iter().map(shown).collect::<Vec<_>>()})))
}

/// `DELETE …/groups/`: nobody is in a group any more; boards of groups stay for those who lead.
pub async fn end(call: Call, path: LessonPath) -> Result<HttpResponse, Problem> {
    let (id, session) = *path;
    call.require_tutor(id).await?;
    call.services.store.lesson(id, session).await?.ok_or(Problem::NotFound)?;
    call.services.store.clear_teams(session).await?;
    call.services.directory.session_changed(id, session, "groups").await;
    call.trail.note("session", session.to_string());
    Ok(HttpResponse::NoContent().finish())
}

fn shown(team: &LessonTeam) -> serde_json::Value {
    json!({"team": team.team, "name": team.name, "board": team.board, "users": team.members})
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

enum How {
    Named(Vec<(String, Vec<UserId>)>),
    Counted { count: usize, shuffled: bool },
}

struct Wanted {
    how: How,
    template: Option<BoardId>,
}

impl Wanted {
    fn read(mut fields: Fields) -> Result<Self, Problem> {
        let template = board(&mut fields, "template_board_id");
        let how = match fields.value("groups") {
            Some(groups) => named(&groups).map(How::Named).map_err(|words| fields.fault("groups", words)).ok(),
            None => {
                let by = fields.name("by", 16).unwrap_or_else(|| "order".to_owned());
                if !matches!(&*by, "random" | "order") {
                    fields.fault("by", "Choose `random` or `order`.");
                }
                let count = fields
                    .required_value("count")
                    .and_then(|count| whole(&count))
                    .and_then(|count| usize::try_from(count).ok());
                match count.filter(|count| (1..=GROUPS).contains(count)) {
                    Some(count) => Some(How::Counted { count, shuffled: by == "random" }),
                    None => {
                        if !fields.has_fault("count") {
                            fields.fault("count", "A whole number from 1 to 100 is required.");
                        }
                        None
                    }
                }
            }
        };
        fields.finish()?;
        // Whoever has none had a fault.
        Ok(Self { how: how.unwrap_or(How::Named(Vec::new())), template })
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
