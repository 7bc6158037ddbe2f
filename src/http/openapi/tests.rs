//! The description against the table of routes, and against itself.

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;
use crate::http::{
    areas, endpoints,
    operation::{Area, Mount},
    route::Endpoint,
};

/// Every operation: path, method, description.
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let items = document["paths"].as_object().unwrap().iter();
    let of_item = |(path, item): (&String, &Value)| -> Vec<_> {
        let operations = item.as_object().unwrap().iter().filter(|(_, operation)| operation.is_object());
        operations.map(|(method, operation)| (path.clone(), method.clone(), operation.clone())).collect()
    };
    items.flat_map(of_item).collect()
}

/// What the tables of routes have, without `HEAD`, which goes with each `GET`.
fn routes(areas: fn() -> Vec<Area>) -> BTreeSet<(String, String)> {
    let named = |prefix: &'static str, endpoints: Vec<Endpoint>| {
        endpoints.into_iter().flat_map(move |endpoint| {
            let (pattern, methods) = endpoint.described();
            // What a part of the path must look like is no matter of the description.
            let pattern = pattern.split_once(':').map_or(pattern.to_owned(), |(head, _)| format!("{head}}}"));
            methods.into_iter().map(move |(method, _)| (format!("{prefix}{pattern}"), method.to_lowercase()))
        })
    };
    named("/api/v1", endpoints(areas(), Mount::Api))
        .chain(named("", endpoints(areas(), Mount::Root)))
        .filter(|(_, method)| method != "head")
        .collect()
}

#[test]
fn x1_the_table_of_routes_and_the_description_have_the_same_operations() {
    assert_described(areas);
}

#[test]
fn x2_every_operation_says_what_a_client_needs_to_know() {
    assert_complete(areas);
}

/// The document has the operations of the table, both ways.
pub fn assert_described(areas: fn() -> Vec<Area>) {
    let described = operations(&build(areas())).into_iter();
    let described: BTreeSet<_> =
        described.map(|(path, method, _)| (path.trim_end_matches('/').to_owned(), method)).collect();
    let routed = routes(areas);
    let missing: Vec<_> = routed.difference(&described).collect();
    let invented: Vec<_> = described.difference(&routed).collect();
    assert!(missing.is_empty() && invented.is_empty(), "not described: {missing:#?}\nno route: {invented:#?}");
    assert!(routed.len() > 25);
}

/// Every operation says what a client needs to know.
pub fn assert_complete(areas: fn() -> Vec<Area>) {
    let document = build(areas());
    let tags: BTreeSet<_> = document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].to_string()).collect();
    let (mut ids, mut wrong) = (BTreeSet::new(), Vec::new());
    for (path, method, operation) in operations(&document) {
        let mut must = |holds: bool, what: &str| {
            if !holds {
                wrong.push(format!("{method} {path}: {what}"));
            }
        };
        let filled = |key: &str| operation[key].as_str().is_some_and(|text| !text.is_empty());
        must(filled("summary"), "no summary");
        must(filled("operationId") && ids.insert(operation["operationId"].to_string()), "no operationId of its own");
        must(
            operation["tags"].as_array().is_some_and(|own| own.iter().all(|tag| tags.contains(&tag.to_string()))),
            "tag",
        );
        let answers = operation["responses"].as_object().unwrap();
        let has = |status: &str| answers.contains_key(status);
        let is_signed = operation.get("security").is_none();
        must(!is_signed || has("401"), "no 401");
        must(!is_signed || operation.get(complete_spec::RATE).is_some(), "no rate");
        must(operation.get(complete_spec::RATE).is_none_or(|rate| rate["default"].is_string()), "an unknown rate");
        must(operation.get(complete_spec::RATE).is_none() || has("429"), "no 429");
        must(!path.contains('{') || has("404"), "no 404");
        let body = operation.get("requestBody");
        must(body.is_none() || ["400", "413", "415"].into_iter().all(has), "no 400, 413 or 415");
        must(body.is_none() || operation[complete_spec::BODY_LIMIT].is_u64(), "no limit of the body");
        let contents = body.into_iter().chain(answers.values()).filter_map(|part| part["content"].as_object());
        // Of bytes there is no example that says anything.
        let texts = contents.flatten().filter(|(kind, _)| kind.contains("json") || kind.contains("text"));
        for (_, content) in texts {
            must(content.get("example").or(content.get("examples")).is_some(), "no example");
        }
        let success = answers.keys().find(|status| status.starts_with(['2', '3']));
        must(success.is_some(), "no success");
        for code in operation[complete_spec::ERRORS].as_array().unwrap() {
            must(failures::by_code().contains_key(code.as_str().unwrap()), "an unknown error code");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every reference within the document.
fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|member| references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[test]
fn x1_the_description_is_whole_and_always_the_same() {
    let document = build(areas());
    assert_eq!(document, build(areas()));
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 100);
    for reference in found {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference} leads nowhere");
    }
    for (path, method, operation) in operations(&document) {
        let named: BTreeSet<_> = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let told: BTreeSet<_> =
            parameters.filter(|one| one["in"] == "path").filter_map(|one| one["name"].as_str()).collect();
        assert_eq!(named, told, "{method} {path}");
    }
}

#[test]
fn x4_limits_and_rates_are_those_of_the_server() {
    use m4sh_domain::limits;
    use m4sh_domain::rate::Scope;
    let document = build(areas());
    let diff = &document["paths"]["/api/v1/solo/sessions/{id}/diff/"]["patch"];
    assert_eq!(diff[complete_spec::BODY_LIMIT], limits::DIFF_BODY);
    assert_eq!(diff[complete_spec::RATE]["default"], Scope::SoloDiff.default_rate().to_string());
    let schemas = &document["components"]["schemas"];
    assert_eq!(schemas["Batch"]["maxItems"], limits::OPS_PER_BATCH);
    assert_eq!(schemas["PageCount"]["maximum"], limits::BOARD_PAGES);
    assert_eq!(schemas["Name"]["maxLength"], limits::NAME_CHARS);
    let six = schemas["PayloadTooLarge"]["required"].as_array().unwrap().len()
        + schemas["Problem"]["required"].as_array().unwrap().len();
    // `error` is in both.
    assert_eq!(six - 1, 6);
}

#[test]
fn dump() {
    if let Ok(path) = std::env::var("M4SH_OPENAPI_OUT") {
        std::fs::write(path, serde_json::to_string_pretty(&build(areas())).unwrap()).unwrap();
    }
}
