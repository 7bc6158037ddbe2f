//! Class frames as they are read: whole, or with what is wrong; and the declarations against the table of SPEC.md.

use super::super::*;
use crate::access::{ChangeTarget, Permission, RightsChange};
use crate::json::Bounds;
use crate::limits;

const USER: &str = "018f3e2a-7b1c-7000-8000-000000000001";

/// The action of a frame; `None` when no frame has its name, `Err` with what is wrong.
fn read(text: &str) -> Option<Result<ClassAction, &'static str>> {
    let value = Value::parse(text.replace("USER", USER).as_bytes(), Bounds::default()).unwrap();
    let spec = ClassFrame::spec(value.get("t")?.as_str()?)?;
    Some(ClassFrame::decode(spec, &value).map(|frame| frame.action))
}

fn change(text: &str) -> RightsChange {
    match read(text) {
        Some(Ok(ClassAction::Rights(RightsFrame { change, .. }))) => change,
        other => panic!("{text}: {other:?}"),
    }
}

fn all_wrong(frames: &[&str]) {
    for text in frames {
        assert!(matches!(read(text), Some(Err(_))), "{text:.80}");
    }
}

#[test]
fn f17_every_declared_frame_has_its_own_name_reads_its_example_and_stands_in_the_specification() {
    let mut names: Vec<_> = FRAMES.iter().map(|spec| spec.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), FRAMES.len());
    for spec in FRAMES {
        let example = spec.example.replace("USER", USER).replace("BOARD", USER).replace("ID", "1");
        let example = Value::parse(example.as_bytes(), Bounds::default()).unwrap();
        assert!(ClassFrame::decode(spec, &example).is_ok(), "{}", spec.name);
    }
    let specification = include_str!("../../../../../docs/SPEC.md");
    let mut table: Vec<&str> = specification.lines().skip_while(|line| !line.starts_with("| Class frame")).collect();
    table.truncate(table.iter().position(|line| line.is_empty()).unwrap_or(table.len()));
    let rows: Vec<String> = FRAMES.iter().map(FrameSpec::table_row).collect();
    assert_eq!(table.get(2..).unwrap_or_default(), rows, "the rows should be\n{}", rows.join("\n"));
}

#[test]
fn p12_a_change_of_rights_asks_first_for_the_flag_that_its_frame_declares() {
    for spec in FRAMES {
        let example = spec.example.replace("USER", USER);
        let example = Value::parse(example.as_bytes(), Bounds::default()).unwrap();
        if let Some(ClassAction::Rights(rights)) = (spec.decode)(&example) {
            assert_eq!(AllowedSenders::With(rights.change.needs()), spec.senders, "{}", spec.name);
        }
    }
}

#[test]
fn f1_frames_of_talk_are_read_whole_or_said_to_be_wrong() {
    let long = "ї".repeat(1000);
    let chat = read(&format!(r#"{{"t":"chat","id":"a","text":"{long}"}}"#));
    let Some(Ok(ClassAction::Command(ClassCommand::SendChat(chat)))) = chat else { panic!("{chat:?}") };
    assert_eq!(chat.to, None);
    assert_eq!(read(r#"{"t":"timer","seconds":60}"#), Some(Ok(TimerCommand::Start(60).into())));
    assert_eq!(read(r#"{"t":"hands","clear":true}"#), Some(Ok(ClearHands.into())));
    all_wrong(&[
        &format!(r#"{{"t":"chat","id":"a","text":"{long}x"}}"#),
        r#"{"t":"chat","id":"","text":"x"}"#,
        r#"{"t":"chat","id":"a","text":" \n\t "}"#,
        r#"{"t":"chat","id":"a","text":"a\u0007b"}"#,
        r#"{"t":"chat","id":"a","text":"x","to":"Ann"}"#,
        r#"{"t":"hand"}"#,
        r#"{"t":"react","emoji":"hello"}"#,
        r#"{"t":"timer","seconds":0}"#,
        r#"{"t":"timer","seconds":5,"stop":true}"#,
        r#"{"t":"timer"}"#,
        r#"{"t":"chat_mode","mode":"slow"}"#,
        r#"{"t":"poll","question":"?","options":["one"]}"#,
        r#"{"t":"poll","question":"?","options":["one","one"]}"#,
        r#"{"t":"vote","poll":1,"choices":[300]}"#,
        r#"{"t":"vote","poll":1,"choices":[0,1,2,3,4,5,6,7,8,9,10]}"#,
    ]);
    assert_eq!(read(r#"{"t":"dance"}"#), None);
}

#[test]
fn w5_isolation_frames_are_read_whole_or_named_bad() {
    assert_eq!(read(r#"{"t":"isolate","on":true}"#), Some(Ok(ClassAction::Isolate(true))));
    assert_eq!(read(r#"{"t":"reveal","users":"all"}"#), Some(Ok(ClassAction::Reveal(PupilSelection::All))));
    let one = read(r#"{"t":"reveal","users":["USER"]}"#);
    assert_eq!(one, Some(Ok(ClassAction::Reveal(PupilSelection::Only(vec![USER.parse().unwrap()])))));
    let many = vec![r#""USER""#; limits::REVEALED_NAMES + 1].join(",");
    all_wrong(&[
        r#"{"t":"isolate"}"#,
        r#"{"t":"isolate","on":1}"#,
        r#"{"t":"reveal"}"#,
        r#"{"t":"reveal","users":[]}"#,
        r#"{"t":"reveal","users":["me"]}"#,
        r#"{"t":"reveal","users":"some"}"#,
        &format!(r#"{{"t":"reveal","users":[{many}]}}"#),
    ]);
    assert_eq!(read(r#"{"t":"hide"}"#), None);
}

#[test]
fn w5_a_template_that_is_no_board_is_named() {
    assert_eq!(read(r#"{"t":"pupil_boards"}"#), Some(Err("pupil_boards needs on: true or false")));
    let wrong = read(r#"{"t":"pupil_boards","on":true,"template":"mine"}"#);
    assert_eq!(wrong, Some(Err("pupil_boards: template is a board's id")));
}

#[test]
fn w5_frames_about_rights_say_what_is_asked_for_or_what_they_lack() {
    let user = USER.parse().unwrap();
    let timed = read(r#"{"t":"lock","id":"l1","user":"USER","locked":false,"seconds":120}"#);
    let lock = RightsChange::Lock { whom: ChangeTarget::One(user), locked: false, session: true, seconds: Some(120) };
    assert_eq!(timed, Some(Ok(ClassAction::Rights(RightsFrame { id: Some("l1".into()), change: lock }))));
    let given = change(r#"{"t":"can","user":"all","flags":{"can_export":null,"can_draw":true},"scope":"class"}"#);
    let flags = vec![(Permission::Draw, Some(true)), (Permission::Export, None)];
    assert_eq!(
        given,
        RightsChange::Permissions { whom: ChangeTarget::Everybody, flags, session: false, seconds: None }
    );
    let kicked = change(r#"{"t":"kick","user":"USER","on":false}"#);
    assert_eq!(kicked, change(r#"{"t":"unkick","user":"USER"}"#));
    all_wrong(&[
        r#"{"t":"lock","user":"all"}"#,
        r#"{"t":"lock","user":"everybody","locked":true}"#,
        r#"{"t":"lock","user":"all","locked":true,"seconds":0}"#,
        r#"{"t":"lock","user":"all","locked":true,"seconds":86401}"#,
        r#"{"t":"can","user":"all","flags":{}}"#,
        r#"{"t":"can","user":"all","flags":{"can_fly":true}}"#,
        r#"{"t":"can","user":"all","flags":{"can_draw":1}}"#,
        r#"{"t":"can","user":"all","flags":{"can_draw":true},"scope":"world"}"#,
        r#"{"t":"role","user":"USER","role":"owner"}"#,
        r#"{"t":"role","user":"all","role":"viewer"}"#,
        r#"{"t":"kick","user":"all"}"#,
        r#"{"t":"unkick"}"#,
    ]);
}
