//! The script: what happens in the lesson, act by act, and what everybody must see of it. Played on `stage`.
//! Never measures: the books are `class`, the report is `verdict`.

use serde_json::{Value, json};

use super::{
    Restart,
    class::{Class, HIDDEN},
    stage::Stage,
};
use crate::{
    clock::{micros_of, stop_asked},
    problem::Outcome,
    wire,
};

/// Strokes a second of one pupil.
const STROKES: u64 = 4;
/// Cursor moves a second of one pupil, and points of a growing stroke.
const MOVES: u64 = 10;

/// Plays the whole lesson.
///
/// # Errors
/// When the server cannot be reached, or refuses what it must not.
pub fn play(stage: &mut Stage<'_>, seconds: f64, restart: Option<Restart<'_>>) -> Outcome<()> {
    let last = stage.people() - 1;
    // One pupil comes late.
    let early: Vec<_> = (0..last).map(|person| (person, 0)).collect();
    stage.come(&early)?;
    act("everybody draws together");
    draw(stage, seconds, "free", |_| true)?;
    strokes_grow(stage)?;
    act("work is hidden");
    isolated(stage, seconds)?;
    act("the pen is taken and given");
    locked(stage)?;
    act("the tutor leads, and one comes late");
    lead(stage, last)?;
    act("talk");
    talk(stage)?;
    act("undo");
    undo(stage)?;
    act("a board for each");
    own_boards(stage, seconds)?;
    act("all connections break at once");
    storm(stage, seconds / 2.0)?;
    if let Some(restart) = restart {
        act("the server is killed");
        killed(stage, restart, seconds / 2.0)?;
    }
    settle(stage)
}

fn act(name: &str) {
    eprintln!("act: {name}");
}

/// Everything sent is saved, and everybody stands at the same revision.
fn settle(stage: &mut Stage<'_>) -> Outcome<()> {
    stage.until("everything that was sent is saved", Class::is_saved)?;
    stage.until("everybody stands at the same revision", |class| class.is_level(0))
}

/// Pupils draw and move for a while; strokes are named by `mark` and their author.
fn draw(stage: &mut Stage<'_>, seconds: f64, mark: &str, who: impl Fn(usize) -> bool) -> Outcome<()> {
    let (began, mut drawn, mut moved) = (stage.clock.micros(), 0, 0);
    let people: Vec<usize> = stage.pupils().filter(|person| who(*person)).collect();
    while stage.clock.micros() < began + micros_of(seconds) && !stop_asked() {
        let now = stage.clock.micros() - began;
        if now >= drawn * 1_000_000 / STROKES {
            drawn += 1;
            for person in &people {
                stroke(stage, *person, 0, mark);
            }
        }
        if now >= moved * 1_000_000 / MOVES {
            moved += 1;
            for person in &people {
                let (x, y) = (moved % 1900, *person as u64 * 30);
                stage.say(*person, &json!({"t": "cursor", "x": x, "y": y, "page": "page-1", "tool": "pen"}));
            }
        }
        stage.listen(0.005)?;
    }
    settle(stage)
}

/// One stroke of somebody's at a board; its name.
fn stroke(stage: &mut Stage<'_>, person: usize, board: usize, mark: &str) {
    if stage.class.socket(person, board).is_none() {
        return;
    }
    let name = format!("{mark}-{person}-{}", stage.sent);
    let ops = wire::stroke_op(&name, stage.sent, Some("page-1"));
    let now = stage.clock.micros();
    stage.class.drawn.insert(name, (person, board, now));
    stage.batch(person, board, &ops);
}

/// Strokes grow on the others' screens while the pen is down.
fn strokes_grow(stage: &mut Stage<'_>) -> Outcome<()> {
    let pens: Vec<usize> = stage.pupils().take(3).collect();
    for step in 0..20_u64 {
        for person in &pens {
            let id = format!("grow-{person}");
            let point = json!([[100 + step * 5, 50 * person, 0.5, step * 50]]);
            let mut frame = json!({"t": "draw", "id": id, "points": point});
            if step == 0 {
                frame["page"] = json!("page-1");
                frame["head"] = json!({"tool": "pen", "color": "#123456", "size": 3});
            }
            let now = stage.clock.micros();
            stage.class.points.insert(id, now);
            stage.say(*person, &frame);
        }
        stage.listen(0.05)?;
    }
    stage.class.points.clear();
    for person in &pens {
        let id = format!("grow-{person}");
        stage.class.drawn.insert(id.clone(), (*person, 0, 0));
        stage.say(*person, &json!({"t": "draw", "id": id, "done": true}));
    }
    let tutor_has =
        |class: &Class, person: &usize| class.copy(0, 0).is_some_and(|copy| copy.count(&format!("grow-{person}")) == 1);
    let wanted = pens.clone();
    stage.until("each grown stroke is on the board", |class| wanted.iter().all(|person| tutor_has(class, person)))?;
    settle(stage)
}

/// What pupils draw is hidden from one another until the tutor reveals it: two of them first, then all.
fn isolated(stage: &mut Stage<'_>, seconds: f64) -> Outcome<()> {
    stage.say(0, &json!({"t": "isolate", "on": true}));
    heard_by_all(stage, "isolated", |frame| frame["on"] == true)?;
    stage.class.isolated = true;
    draw(stage, seconds, HIDDEN.trim_end_matches('-'), |_| true)?;
    let few: Vec<usize> = stage.pupils().take(2).collect();
    let ids: Vec<String> = few.iter().map(|person| stage.class.people[*person].id.to_string()).collect();
    // From here on it may come at any moment.
    stage.class.revealed.extend(&few);
    stage.say(0, &json!({"t": "reveal", "users": ids}));
    let shown = move |class: &Class| {
        let hidden = class.drawn.iter().filter(|(name, (author, ..))| name.starts_with(HIDDEN) && few.contains(author));
        let copies: Vec<_> = (1..class.people.len()).filter_map(|person| class.copy(person, 0)).collect();
        hidden.into_iter().all(|(name, _)| copies.iter().all(|copy| copy.count(name) == 1))
    };
    stage.until("the work of two is revealed to everybody", shown)?;
    let everybody = stage.pupils();
    stage.class.revealed.extend(everybody);
    stage.say(0, &json!({"t": "reveal", "users": "all"}));
    stage.say(0, &json!({"t": "isolate", "on": false}));
    heard_by_all(stage, "isolated", |frame| frame["on"] == false)?;
    stage.class.isolated = false;
    settle(stage)
}

/// Waits until everybody in class has heard a frame of which something holds.
fn heard_by_all(stage: &mut Stage<'_>, kind: &str, holds: impl Fn(&Value) -> bool) -> Outcome<()> {
    let here: Vec<usize> = (0..stage.people()).filter(|person| stage.class.socket(*person, 0).is_some()).collect();
    let heard = |class: &Class| here.iter().all(|person| class.people[*person].last.get(kind).is_some_and(&holds));
    stage.until(&format!("everybody hears `{kind}`"), heard)
}

/// All pens are taken, one is given for a while, all are given back.
fn locked(stage: &mut Stage<'_>) -> Outcome<()> {
    let (one, other) = (1, 2);
    stage.say(0, &json!({"t": "lock", "user": "all", "locked": true}));
    stage.until("nobody may draw", |class| {
        (1..class.people.len())
            .all(|person| class.people[person].can["can_draw"] == false || class.socket(person, 0).is_none())
    })?;
    let user = stage.class.people[one].id.to_string();
    stage.say(0, &json!({"t": "lock", "user": user, "locked": false, "seconds": 2}));
    stage.until("one has the pen", |class| class.people[one].can["can_draw"] == true)?;
    let before = stage.class.people[other].refused.get("forbidden").copied().unwrap_or(0);
    let ops = wire::stroke_op("never-drawn", 1, Some("page-1"));
    stage.batch(other, 0, &ops);
    stroke(stage, one, 0, "pen");
    stage.until("the other's stroke is refused", move |class| {
        class.people[other].refused.get("forbidden").copied().unwrap_or(0) > before
    })?;
    stage.until("the pen's time is over", |class| class.people[one].can["can_draw"] == false)?;
    stage.say(0, &json!({"t": "lock", "user": "all", "locked": false}));
    stage.until("everybody may draw again", |class| {
        (1..class.people.len())
            .all(|person| class.people[person].can["can_draw"] == true || class.socket(person, 0).is_none())
    })?;
    settle(stage)
}

/// The class is led, and whoever comes late lands where the others are.
fn lead(stage: &mut Stage<'_>, late: usize) -> Outcome<()> {
    stage.say(0, &json!({"t": "follow", "on": true}));
    heard_by_all(stage, "follow", |frame| frame["on"] == true)?;
    stage.say(0, &json!({"t": "bring", "page": "page-1", "x": 10, "y": 20, "zoom": 1.5}));
    heard_by_all(stage, "bring", |frame| frame["zoom"] == 1.5)?;
    stage.come(&[(late, 0)])?;
    let led = |class: &Class| {
        let told = class.people[late].last.get("class");
        told.is_some_and(|class| {
            class["follow"] != Value::Null && class["follow"] != false && class["bring"]["zoom"] == 1.5
        })
    };
    stage.until("the late one is told whom to follow and where", led)?;
    stage.say(0, &json!({"t": "follow", "on": false}));
    heard_by_all(stage, "follow", |frame| frame["on"] == false)
}

/// Hands, chat, a timer and a poll: the same for everybody, in the same order.
fn talk(stage: &mut Stage<'_>) -> Outcome<()> {
    for person in [3, 1, 2] {
        stage.say(person, &json!({"t": "hand", "up": true}));
    }
    for person in 1..stage.people().min(9) {
        let text = format!("question of {person}");
        stage.say(person, &json!({"t": "chat", "text": text, "id": format!("c{person}")}));
    }
    stage.say(0, &json!({"t": "timer", "seconds": 60}));
    let wanted = stage.people().min(9) - 1;
    let chats = move |class: &Class, person: usize| {
        class.people[person].heard.iter().filter(|(kind, _)| kind == "chat").count()
    };
    let everybody = stage.people();
    stage.until("everybody reads each question", move |class| {
        (0..everybody).all(|person| chats(class, person) >= wanted)
    })?;
    heard_by_all(stage, "timer", |_| true)?;
    let order = |class: &Class, person: usize| -> Vec<u64> {
        class.people[person].heard.iter().filter(|(kind, _)| kind == "chat").filter_map(|(_, seq)| *seq).collect()
    };
    let first = order(&stage.class, 0);
    for person in stage.pupils() {
        let own = order(&stage.class, person);
        if own != first {
            stage.class.fault("order", || format!("pupil {person} read the chat as {own:?}, the tutor as {first:?}"));
        }
    }
    Ok(())
}

/// A pupil takes back a stroke and brings it back; nobody else's work is touched.
fn undo(stage: &mut Stage<'_>) -> Outcome<()> {
    let pen = 2;
    let name = format!("undone-{pen}");
    let ops = wire::stroke_op(&name, 7, Some("page-1"));
    stage.batch(pen, 0, &ops);
    settle(stage)?;
    for (frame, count) in [("undo", 0), ("redo", 1), ("undo", 0)] {
        let id = format!("{frame}-{}", stage.sent);
        stage.say(pen, &json!({"t": frame, "id": id}));
        let name = name.clone();
        let everybody = stage.people();
        stage.until(&format!("everybody sees the {frame}"), move |class| {
            (0..everybody).all(|person| class.copy(person, 0).is_some_and(|copy| copy.count(&name) == count))
        })?;
    }
    settle(stage)
}

/// A board for each pupil from one call, on which they draw for a while under the tutor's eyes.
fn own_boards(stage: &mut Stage<'_>, seconds: f64) -> Outcome<()> {
    let path = stage.below("boards/");
    stage.rest(0, 201, "POST", &path, &json!({"for": "everybody"}))?;
    for person in stage.pupils() {
        let mine = stage.rest(person, 200, "GET", &stage.below("boards/mine/"), &json!({}))?.body;
        let id = mine["mine"]["board"].as_str().or_else(|| mine["mine"]["board_id"].as_str()).unwrap_or_default();
        stage.boards.push(uuid::Uuid::try_parse(id)?);
    }
    let seats: Vec<_> = stage.pupils().map(|person| (person, person)).collect();
    stage.come(&seats)?;
    let (began, fed, before) = (stage.clock.micros(), stage.class.feed_bytes, stage.arena.watched.now()?);
    let mut drawn = 0;
    while stage.clock.micros() < began + micros_of(seconds) && !stop_asked() {
        if stage.clock.micros() - began >= drawn * 1_000_000 / STROKES {
            drawn += 1;
            for person in stage.pupils() {
                stroke(stage, person, person, "own");
            }
        }
        stage.listen(0.005)?;
    }
    let (after, lasted) = (stage.arena.watched.now()?, (stage.clock.micros() - began) as f64 / 1e6);
    stage.report.add("own_boards_feed", (stage.class.feed_bytes - fed) as f64 / lasted / 1024.0, "KiB/s");
    if let Some(used) = after.server_seconds(&before) {
        stage.report.add("own_boards_server_cpu", used / lasted * 100.0, "% of a core");
    }
    settle(stage)
}

/// Everybody's connection breaks and comes back, with strokes under way.
fn storm(stage: &mut Stage<'_>, seconds: f64) -> Outcome<()> {
    draw(stage, seconds, "before", |_| true)?;
    for person in stage.pupils() {
        stroke(stage, person, 0, "storm");
    }
    let everybody = 0..stage.people();
    let (began, here) = (stage.clock.micros(), places(stage));
    stage.cut(everybody.clone());
    stage.come(&here)?;
    stage.report.add("storm_back_after", (stage.clock.micros() - began) as f64 / 1e6, "s");
    everybody.for_each(|person| stage.resend(person));
    settle(stage)
}

/// Where everybody is.
fn places(stage: &Stage<'_>) -> Vec<(usize, usize)> {
    stage.class.lines.iter().filter(|line| line.current).map(|line| (line.person, line.board)).collect()
}

/// The server dies without a word while everybody draws, and is started again.
fn killed(stage: &mut Stage<'_>, restart: Restart<'_>, seconds: f64) -> Outcome<()> {
    draw(stage, seconds, "dying", |_| true)?;
    for person in stage.pupils() {
        stroke(stage, person, 0, "killed");
    }
    stage.listen(0.02)?;
    let here = places(stage);
    stage.ended = Some((stage.arena.watched.now()?, stage.clock.micros()));
    restart()?;
    stage.cut(0..stage.people());
    stage.come(&here)?;
    (0..stage.people()).for_each(|person| stage.resend(person));
    settle(stage)
}
