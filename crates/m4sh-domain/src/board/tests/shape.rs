//! Faults of shape, and ids: rules D2, D3, D7.

use super::super::{testing::*, *};
use super::with_strokes;
use crate::board::draft::{Draft, OpsWriter};

#[test]
fn d3_faults_of_shape_are_told_with_the_operation_and_the_field() {
    assert_eq!(parse("{}"), Err(OpsError::NotAList));
    assert_eq!(parse("[]"), Err(OpsError::Empty));
    for (op, field) in [
        (r"7", "ops"),
        (r"{}", "op"),
        (r#"{"op":"upsert","kind":"stroke"}"#, "op"),
        (r#"{"op":1,"kind":"stroke"}"#, "op"),
        (r#"{"op":"add"}"#, "kind"),
        (r#"{"op":"add","kind":"Stroke","value":1}"#, "kind"),
        (r#"{"op":"add","kind":"state","value":{}}"#, "kind"),
        (r#"{"op":"add","kind":"stroke"}"#, "value"),
        (r#"{"op":"add","kind":"stroke","value":null}"#, "value"),
        (r#"{"op":"add","kind":"stroke","value":{},"patch":null}"#, "patch"),
        (r#"{"op":"update","kind":"stroke","patch":{}}"#, "id"),
        (r#"{"op":"update","kind":"stroke","id":"  ","patch":{}}"#, "id"),
        (r#"{"op":"update","kind":"stroke","id":true,"patch":{}}"#, "id"),
        (r#"{"op":"update","kind":"stroke","id":[1],"patch":{}}"#, "id"),
        (r#"{"op":"update","kind":"stroke","id":"a"}"#, "patch"),
        (r#"{"op":"update","kind":"page","id":"a"}"#, "patch"),
        (r#"{"op":"remove","kind":"asset"}"#, "id"),
        (r#"{"op":"remove","kind":"meta"}"#, "id"),
        (r#"{"op":"remove","kind":"text","id":"a","page_id":{}}"#, "page_id"),
        (r#"{"op":"add","kind":"meta","patch":{"a":1}}"#, "value"),
        (r#"{"op":"add","kind":"meta","value":{}}"#, "value"),
        (r#"{"op":"add","kind":"meta","value":[1]}"#, "value"),
        (r#"{"op":"update","kind":"meta","id":"m","patch":{}}"#, "value"),
        (r#"{"op":"update","kind":"meta","id":"m","patch":"x","value":{"a":1}}"#, "value"),
    ] {
        let fine = r#"{"op":"remove","kind":"text","id":"a"}"#;
        match parse(&format!("[{fine},{op}]")) {
            Err(OpsError::Malformed { index: 1, field: at, .. }) => assert_eq!(at, field, "{op}"),
            other => panic!("{op}: {other:?}"),
        }
    }
}

#[test]
fn d2_a_hundred_operations_pass_and_a_fault_of_shape_is_told_before_the_count() {
    let many = |count: usize, last: &str| {
        let op = r#"{"op":"remove","kind":"text","id":"a"},"#.repeat(count - 1);
        parse(&format!("[{op}{last}]"))
    };
    let fine = r#"{"op":"remove","kind":"text","id":"a"}"#;
    assert_eq!(many(100, fine).unwrap().len(), 100);
    assert_eq!(many(101, fine), Err(OpsError::TooMany { max: 100, got: 101 }));
    assert!(matches!(many(101, "{}"), Err(OpsError::Malformed { index: 100, .. })));
}

#[test]
fn d7_ids_are_text_without_outer_space_and_numbers_become_text() {
    let ops = parse(
        r#"[{"op":"remove","kind":"text","id":" a b ","page_id":7,"other":1},{"op":"remove","kind":"text","id":12345678901234567890},
            {"op":"remove","kind":"text","id":1.50},{"op":"add","kind":"text","value":{"id":5}}]"#,
    )
    .unwrap();
    assert_eq!((ops[0].id.as_deref(), ops[0].page_id.as_deref()), (Some("a b"), Some("7")));
    assert_eq!(ops[1].id.as_deref(), Some("12345678901234567890"));
    assert_eq!(ops[2].id.as_deref(), Some("1.5"));
    assert_eq!(ops[3].value, Some(json(r#"{"id":"5"}"#)));
    let named = |len: usize| parse(&format!(r#"[{{"op":"remove","kind":"text","id":"{}"}}]"#, "x".repeat(len)));
    assert!(named(256).is_ok());
    assert!(matches!(named(257), Err(OpsError::Malformed { field: "id", .. })));

    let mut board = board(&with_strokes(r#"{"id":5},{"id":" six "}"#));
    board.say(r#"[{"op":"update","kind":"stroke","id":5,"patch":{"n":1}},{"op":"update","kind":"stroke","id":"six","patch":{"n":2}}]"#).unwrap();
    assert_eq!(board.state(), with_strokes(r#"{"id":5,"n":1},{"id":" six ","n":2}"#));
}

#[test]
fn an_operation_reads_back_from_its_own_json() {
    let ops = parse(
        r#"[{"op":"add","kind":"stroke","page_id":"p","value":{"id":"a"}},{"op":"update","kind":"page","id":"p","patch":{"a":1}}]"#,
    )
    .unwrap();
    let mut text = OpsWriter::new(256);
    Draft::new(ops.clone()).ops().for_each(|op| text.push(&op.map(|payload| payload.text)));
    assert_eq!(parse(std::str::from_utf8(&text.finish()).unwrap()), Ok(ops));
}

#[test]
fn refusals_have_names_of_their_own() {
    let refusals = [
        BoardRefusal::InvalidOp { index: 1, message: String::new() },
        BoardRefusal::BoardTooLarge { got: 2, limit: 1 },
        BoardRefusal::TooManyPages { limit: 1 },
        BoardRefusal::InvalidState { message: String::new() },
        BoardRefusal::KeyReused,
    ];
    let codes: std::collections::HashSet<_> = refusals.iter().map(BoardRefusal::code).collect();
    assert_eq!(codes.len(), refusals.len());
    assert_eq!(refusals.each_ref().map(BoardRefusal::index), [Some(1), None, None, None, None]);
}
