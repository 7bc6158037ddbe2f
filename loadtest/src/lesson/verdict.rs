//! The end of a lesson: what each saw is compared with what the server has for them, and everything is reported.
//! Called once. Never sends anything but reads.

use serde_json::json;

use super::{board::Copy, class::HIDDEN, stage::Stage};
use crate::{problem::Outcome, report::Report};

/// Ends the lesson and makes its report.
///
/// # Errors
/// When a board cannot be read.
pub fn of(mut stage: Stage<'_>) -> Outcome<Report> {
    let end = stage.clock.micros();
    let (used, worked) = match stage.ended {
        Some(ended) => ended,
        None => (stage.arena.watched.now()?, end),
    };
    let since = |at: u64| (at - stage.began.1) as f64 / 1e6;
    let (seconds, worked) = (since(end), since(worked));
    println!("{:>7} {:>8} {:>9} {:>8} {:>6} {:>6}", "who", "strokes", "missing", "doubled", "frames", "KiB");
    for person in 0..stage.people() {
        judge(&mut stage, person)?;
    }
    let path = stage.below("end/");
    stage.rest(0, 200, "POST", &path, &json!({}))?;
    let gone = |class: &super::class::Class| class.lines.iter().all(|line| !line.current);
    stage.until("everybody is sent home when the lesson ends", gone)?;
    for person in 0..stage.people() {
        if stage.class.people[person].closed != Some(4410) {
            let code = stage.class.people[person].closed;
            stage.class.fault("goodbye", || format!("person {person} was closed with {code:?} at the end"));
        }
    }
    let mut report = std::mem::take(&mut stage.report);
    let class = &stage.class;
    report.add("strokes", class.drawn.len() as f64, "");
    report.add("hidden_strokes", class.drawn.keys().filter(|name| name.starts_with(HIDDEN)).count() as f64, "");
    report.add("frames_sent", stage.sent as f64, "");
    report.add("frames_received", class.people.iter().map(|person| person.frames).sum::<u64>() as f64, "");
    report.add_latency("stroke_seen", &class.seen);
    report.add_latency("growing_stroke_seen", &class.grown);
    report.add("tutor_feed", class.feed_bytes as f64 / seconds / 1024.0, "KiB/s");
    report.add("tutor_feed_boards", class.feed_boards.len() as f64, "");
    report.add_cpu(&stage.began.0, &used, worked, 0, "");
    for kind in ["missing", "doubled", "leaked", "gaps", "unknown", "order", "different", "goodbye", "unreadable"] {
        let count = class.faults.get(kind).copied().unwrap_or(0);
        report.add(kind, count as f64, "");
        report.forbid(count, kind);
    }
    report.failures.extend(class.words.iter().cloned());
    Ok(report)
}

/// Compares one participant's copies with what REST gives them, and counts.
fn judge(stage: &mut Stage<'_>, person: usize) -> Outcome<()> {
    let boards: Vec<usize> = stage.class.people[person].copies.keys().copied().collect();
    for board in boards {
        let detail = stage.state(person, board)?;
        let served = Copy::read(0, detail["rev"].as_u64().unwrap_or(0), &detail["state"]);
        let difference = stage.class.copy(person, board).and_then(|copy| copy.difference(&served));
        if let Some(difference) = difference {
            stage.class.fault("different", || format!("person {person}, board {board}: {difference}"));
        }
    }
    let class = &stage.class;
    let (mut missing, mut doubled, mut strokes) = (Vec::new(), 0_usize, 0);
    for (board, copy) in &class.people[person].copies {
        for (name, _) in class.drawn.iter().filter(|(_, (_, at, _))| at == board) {
            match copy.count(name) {
                0 => missing.push(name.clone()),
                1 => strokes += 1,
                _ => doubled += 1,
            }
        }
    }
    let own = &class.people[person];
    let who = if person == 0 { "tutor".to_owned() } else { format!("pupil {person}") };
    println!("{who:>8} {strokes:>7} {:>9} {doubled:>8} {:>6} {:>6}", missing.len(), own.frames, own.bytes / 1024);
    for name in missing {
        stage.class.fault("missing", || format!("{who} does not see {name}"));
    }
    for _ in 0..doubled {
        stage.class.fault("doubled", || format!("{who} sees something twice"));
    }
    Ok(())
}
