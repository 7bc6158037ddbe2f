//! Holds a JSON value against a schema of the API's description, closed: a key that is not described is a fault, so that
//! answers cannot grow in silence. Knows the keywords that the description uses. Never fetches anything.

use serde_json::{Map, Value};

/// What of `value` is not as `schema` says; references are found in `document`. Empty when all is well.
pub fn faults(schema: &Value, value: &Value, document: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(schema, value, document, "", &mut found);
    found
}

fn check(schema: &Value, value: &Value, document: &Value, at: &str, found: &mut Vec<String>) {
    for choices in ["anyOf", "oneOf"].into_iter().filter_map(|key| schema[key].as_array()) {
        let tried: Vec<_> = choices.iter().map(|choice| faults(choice, value, document)).collect();
        if !tried.iter().any(Vec::is_empty) {
            found.push(format!("{at}: fits no choice: {tried:?}"));
        }
    }
    let mut all = Parts::default();
    all.gather(schema, document);
    for part in &all.parts {
        let mut must = |holds: bool, what: &str| {
            if !holds {
                found.push(format!("{at}: {what}, not {value}"));
            }
        };
        must(part.get("type").is_none_or(|kinds| is_one_of(kinds, value)), &format!("is {}", part["type"]));
        must(part["enum"].as_array().is_none_or(|fit| fit.contains(value)), &format!("is one of {}", part["enum"]));
        must(part.get("const").is_none_or(|only| only == value), &format!("is {}", part["const"]));
        let least = part["minimum"].as_f64().zip(value.as_f64());
        must(least.is_none_or(|(least, number)| number >= least), &format!("is at least {}", part["minimum"]));
        must(part["format"] != "uuid" || value.as_str().is_none_or(is_uuid), "is a UUID");
        if let (Some(items), Some(list)) = (part.get("items"), value.as_array()) {
            for (index, item) in list.iter().enumerate() {
                check(items, item, document, &format!("{at}/{index}"), found);
            }
        }
    }
    let Some(members) = value.as_object() else { return };
    found.extend(all.required.iter().filter(|key| !members.contains_key(*key)).map(|key| format!("{at}: lacks {key}")));
    for (key, member) in members {
        match all.properties.get(key) {
            Some(schema) => check(schema, member, document, &format!("{at}/{key}"), found),
            // An object of which nothing is described is free.
            None if all.properties.is_empty() => {}
            None => found.push(format!("{at}: {key} is not described")),
        }
    }
}

/// A schema with those that it refers to or is made of.
#[derive(Default)]
struct Parts {
    parts: Vec<Value>,
    properties: Map<String, Value>,
    required: Vec<String>,
}

impl Parts {
    fn gather(&mut self, schema: &Value, document: &Value) {
        if let Some(path) = schema["$ref"].as_str() {
            let target = document.pointer(path.trim_start_matches('#')).unwrap_or_else(|| panic!("{path} is nowhere"));
            self.gather(target, document);
            // What stands behind a reference may offer choices, too.
            for choices in ["anyOf", "oneOf"] {
                assert!(target.get(choices).is_none() || schema.get(choices).is_none(), "{path} beside {choices}");
            }
        }
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.gather(part, document);
        }
        self.properties.extend(schema["properties"].as_object().cloned().unwrap_or_default());
        let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        self.required.extend(required.map(str::to_owned));
        self.parts.push(schema.clone());
    }
}

fn is_one_of(kinds: &Value, value: &Value) -> bool {
    let is = |kind: &str| match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("no type {other}"),
    };
    match kinds {
        Value::String(kind) => is(kind),
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).any(is),
        _ => true,
    }
}

fn is_uuid(text: &str) -> bool {
    uuid::Uuid::try_parse(text).is_ok()
}
