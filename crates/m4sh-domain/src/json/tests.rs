//! What JSON is here, by example and by property. The float fixture was printed by CPython's `json`.

use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use super::*;

fn parse(text: &str) -> Result<Value, JsonError> {
    Value::parse(text.as_bytes(), Bounds::default())
}

fn canonical(text: &str) -> String {
    String::from_utf8(parse(text).unwrap().to_canonical()).unwrap()
}

#[test]
fn d1_the_digest_vectors_of_the_contract_hold() {
    let vectors = [
        ("{}", "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"),
        (
            r#"{"pages":[{"id":"p1","strokes":[],"assets":[]}],"activePageId":"p1"}"#,
            "6de6df6a45d46a84d9e3627811c469c3dec6520859fb5b3e3641f09398bea689",
        ),
        (
            r##"{"pages":[{"id":"p1","strokes":[{"id":"stroke-1","points":[{"x":0,"y":0}],"color":"#111"}],"assets":[]}],"activePageId":"p1"}"##,
            "14c93124111a390c3394be2d40d29b4a8541b23eb526d6847c778889394babd5",
        ),
        (
            r#"{"x":1.0,"y":1,"z":-0,"w":-0.0,"v":1e3,"u":1E-7,"t":0.00001,"s":1e16,"r":123456789012345678901234567890}"#,
            "b02058a8e212fab5f8de2a68e32ea90cfa3165ee48a83bfa24649df78bec97db",
        ),
        (
            r#"{"name":"Дошка","e":"😀","c":"\u0007\u007f/\"\\"}"#,
            "d39162b460b750ba241c503be897051db21df769b16593374e4d0932d3ac5109",
        ),
        (
            r#"{"\ud83d\ude00":1,"\uffff":2,"a":3,"B":4}"#,
            "087f262f282873768f16cbee2aba2b1f189456267443022bf55d5cd322932997",
        ),
    ];
    for (text, digest) in vectors {
        let hash = Sha256::digest(parse(text).unwrap().to_canonical());
        let hex = hash.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
        assert_eq!(hex, digest, "{text}");
    }
}

#[test]
fn d1_floats_are_written_as_python_writes_them() {
    let fixture = include_str!("../../tests/fixtures/python-floats.txt");
    assert!(fixture.lines().count() > 1_000);
    for line in fixture.lines() {
        let (bits, repr) = line.split_once(' ').unwrap();
        let value = f64::from_bits(u64::from_str_radix(bits, 16).unwrap());
        assert_eq!(String::from_utf8(Value::Float(value).to_canonical()).unwrap(), repr);
        let Value::Float(back) = parse(repr).unwrap() else { panic!("{repr} is a float") };
        assert_eq!(back.to_bits(), value.to_bits(), "{repr}");
    }
}

#[test]
fn d1_keys_are_sorted_and_the_last_of_equal_keys_stays() {
    assert_eq!(
        canonical(r#" { "b" : 1 , "a" : [ ] , "b" : 2, "a": {"z":0,"z":9}, "b": 3 } "#),
        r#"{"a":{"z":9},"b":3}"#
    );
}

#[test]
fn d1_numbers_keep_their_kind_and_their_size() {
    for (text, written) in [
        ("-0", "0"),
        ("-0.0", "-0.0"),
        ("1.0", "1.0"),
        ("1e3", "1000.0"),
        ("0.00001", "1e-05"),
        ("1E16", "1e+16"),
        ("1e-400", "0.0"),
        ("9223372036854775807", "9223372036854775807"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("9223372036854775808", "9223372036854775808"),
        ("-123456789012345678901234567890", "-123456789012345678901234567890"),
    ] {
        assert_eq!(canonical(text), written);
    }
}

#[test]
fn b3_what_is_not_strict_json_is_refused_with_its_place() {
    let refused = [
        "",
        " ",
        "nul",
        "tru",
        "NaN",
        "Infinity",
        "-Infinity",
        "-",
        "+1",
        "01",
        "-01",
        "1.",
        ".5",
        "1e",
        "1e+",
        "1e999",
        "-1e999",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{",
        "}",
        "[",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{'a':1}",
        "\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u+123\"",
        "\"\\ud800\"",
        "\"\\ud800\\u0041\"",
        "\"\\udc00\"",
        "\"\\u0000\"",
        "\"a\u{1}\"",
        "\"tab\there\"",
        "1 2",
        "{} x",
        "\u{feff}{}",
        "// no\n1",
        "[1]]",
    ];
    for text in refused {
        assert!(matches!(parse(text), Err(JsonError::Syntax { .. })), "{text:?}");
    }
    assert_eq!(parse("[1, x]"), Err(JsonError::Syntax { what: "a value was expected", offset: 4 }));
    assert_eq!(Value::parse(b"\"ab\xff\"", Bounds::default()), Err(JsonError::Syntax { what: "not UTF-8", offset: 3 }));
    assert!(parse(&"9".repeat(400)).is_ok());
    assert!(parse(&"9".repeat(401)).is_err());
}

#[test]
fn b3_depth_and_nodes_are_bounded() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let bounds = Bounds { depth: 3, nodes: 5 };
    assert!(Value::parse(nested(3).as_bytes(), bounds).is_ok());
    assert_eq!(Value::parse(nested(4).as_bytes(), bounds), Err(JsonError::TooDeep { limit: 3, offset: 3 }));
    assert!(Value::parse(b"[1,2,3,4]", bounds).is_ok());
    assert_eq!(Value::parse(b"[1,2,3,4,5]", bounds), Err(JsonError::TooManyNodes { limit: 5, offset: 9 }));
    assert!(Value::parse(br#"{"a":1,"b":2}"#, bounds).is_ok());
    assert!(Value::parse(br#"{"a":1,"b":2,"c":3}"#, bounds).is_err());
    assert!(matches!(parse(&nested(100_000)), Err(JsonError::TooDeep { .. })));
}

#[test]
fn strings_of_every_length_meet_the_word_wise_scan() {
    for len in 0..40 {
        for special in ["\"", "\\", "\u{1f}", "\u{7f}", "\u{80}", "😀", " ", ""] {
            let text = format!("{}{special}{}", "x".repeat(len), "y".repeat(11));
            let value = Value::String(text.clone());
            let written = value.to_canonical();
            assert_eq!(written.len(), string_len(&text));
            assert_eq!(Value::parse(&written, Bounds::default()).unwrap(), value);
            assert_eq!(unquote(&written).unwrap(), text);
        }
    }
}

#[test]
fn falsy_is_what_python_calls_falsy() {
    for text in ["null", "false", "0", "-0", "0.0", "-0.0", "\"\"", "[]", "{}"] {
        assert!(parse(text).unwrap().is_falsy(), "{text}");
    }
    for text in ["true", "1", "0.1", "\"0\"", "[0]", "{\"a\":0}"] {
        assert!(!parse(text).unwrap().is_falsy(), "{text}");
    }
}

#[test]
fn b3_messagepack_that_no_json_could_be_is_refused() {
    let refused: &[&[u8]] = &[
        &[0xca, 0x7f, 0xc0, 0, 0],                   // NaN
        &[0xcb, 0x7f, 0xf0, 0, 0, 0, 0, 0, 0],       // infinity
        &[0xa1, 0],                                  // U+0000
        &[0x81, 1, 1],                               // a key that is a number
        &[0xc4, 1, 1],                               // bytes
        &[0xd4, 1, 1],                               // an extension
        &[0xdd, 0xff, 0xff, 0xff, 0xff, 1],          // a list that claims 4 billion elements
        &[0xdf, 0xff, 0xff, 0xff, 0xff, 0xa1, b'a'], // a map that does
        &[0xa1, 0xff],                               // not UTF-8
        &[0xc1],
        &[],
    ];
    for bytes in refused {
        assert!(rmp_serde::from_slice::<Value>(bytes).is_err(), "{bytes:x?}");
    }
    let deep = [vec![0x91; 65], vec![1]].concat();
    assert!(rmp_serde::from_slice::<Value>(&deep).is_err());
    assert!(rmp_serde::from_slice::<Value>(&deep[1..]).is_ok());
}

#[test]
fn w1_integers_beyond_messagepack_become_doubles_there() {
    let big = parse("[18446744073709551615,123456789012345678901234567890]").unwrap();
    let back: Value = rmp_serde::from_slice(&rmp_serde::to_vec(&big).unwrap()).unwrap();
    assert_eq!(back, parse("[18446744073709551615,123456789012345678901234567890.0]").unwrap());
    let huge: Value = rmp_serde::from_slice(&rmp_serde::to_vec(&parse(&"9".repeat(400)).unwrap()).unwrap()).unwrap();
    assert_eq!(huge, Value::Float(f64::MAX));
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{0,6}", "[^\u{0}]{0,12}"]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("JSON has finite numbers", |value| value.is_finite()).prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((text(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn d1_canonical_text_reads_back_as_the_same_value(value in value()) {
        let written = value.to_canonical();
        prop_assert!(written.is_ascii());
        let back = Value::parse(&written, Bounds::default()).unwrap();
        prop_assert_eq!(&back.to_canonical(), &written);
        prop_assert_eq!(back, value);
    }

    #[test]
    fn d1_every_double_reads_back_bit_for_bit(bits in any::<u64>()) {
        let value = f64::from_bits(bits);
        prop_assume!(value.is_finite());
        let Value::Float(back) = Value::parse(&Value::Float(value).to_canonical(), Bounds::default()).unwrap() else {
            return Err(TestCaseError::fail("a float stays a float"));
        };
        prop_assert_eq!(back.to_bits(), bits);
    }

    #[test]
    fn w1_a_value_is_the_same_in_both_dialects(value in value()) {
        let text = Value::parse(&value.to_canonical(), Bounds::default()).unwrap();
        let binary: Value = rmp_serde::from_slice(&rmp_serde::to_vec(&text).unwrap()).unwrap();
        prop_assert_eq!(binary, text);
    }

    #[test]
    fn slices_are_the_canonical_texts_of_the_parts(value in value()) {
        let written = value.to_canonical();
        match &value {
            Value::Array(parts) => {
                let cut: Vec<_> = elements(&written).unwrap().map(|part| part.unwrap().to_vec()).collect();
                prop_assert_eq!(cut, parts.iter().map(Value::to_canonical).collect::<Vec<_>>());
            }
            Value::Object(parts) => {
                let cut: Vec<_> = members(&written).unwrap().map(Result::unwrap).collect();
                prop_assert_eq!(cut.len(), parts.len());
                for ((key, text), (own, part)) in cut.iter().zip(parts.iter()) {
                    prop_assert_eq!(key.as_ref(), own);
                    prop_assert_eq!(text.to_vec(), part.to_canonical());
                }
            }
            _ => prop_assert!(elements(&written).is_err() && members(&written).is_err()),
        }
    }

    #[test]
    fn b1_garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), json in "[\\[\\]{}\",:0-9eE.tfn\\\\u \\-+]{0,60}") {
        for garbage in [bytes.as_slice(), json.as_bytes()] {
            let _ = Value::parse(garbage, Bounds::default());
            let _ = rmp_serde::from_slice::<Value>(garbage);
            let _ = unquote(garbage);
            let _ = members(garbage).map(|cut| cut.take(1_000).count());
            let _ = elements(garbage).map(|cut| cut.take(1_000).count());
        }
    }
}
