//! The areas' operations as parts of the document. Called by `openapi` when the document is made.
//! Never knows what an operation does: it writes down what the declaration and the handler's types say.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::complete_spec::{BODY_LIMIT, ERRORS, RATE};
use crate::http::operation::{
    Area, Mount, Operation,
    signature::{Authentication, Schemas, Signature},
};

/// Adds the areas to the document.
pub fn add(document: &mut Value, areas: Vec<Area>) {
    let mut schemas = Schemas::default();
    for area in areas {
        let is_known = |tags: &[Value]| tags.iter().any(|tag| tag["name"] == area.tag);
        if let Some(tags) = document["tags"].as_array_mut().filter(|tags| !is_known(tags)) {
            tags.push(json!({"name": area.tag, "description": area.about}));
        }
        for operation in &area.operations {
            let prefix = if area.mount == Mount::Api { "/api/v1" } else { "" };
            let path = format!("{prefix}{}", public_path(operation.pattern));
            let mut signature = operation.signature();
            schemas.0.append(&mut signature.schemas.0);
            document["paths"][path][operation.method.to_lowercase()] = described(area.tag, operation, signature);
        }
    }
    for (name, schema) in schemas.0 {
        document["components"]["schemas"][name] = schema;
    }
    shorten_names(document);
}

/// The path that clients see: with a slash at its end, but for files, and without what a parameter must look like.
fn public_path(pattern: &str) -> String {
    if pattern.ends_with(".json") {
        return pattern.to_owned();
    }
    match pattern.split_once(':') {
        Some((head, _)) => format!("{head}}}"),
        None => format!("{pattern}/"),
    }
}

fn described(tag: &str, operation: &Operation, signature: Signature) -> Value {
    let mut value = json!({"tags": [tag], "summary": operation.summary, "operationId": operation.id});
    if !operation.description.is_empty() {
        value["description"] = operation.description.into();
    }
    if !signature.parameters.is_empty() {
        value["parameters"] = signature.parameters.into();
    }
    if let Some(mut body) = signature.body {
        for (_, content) in body["content"].as_object_mut().into_iter().flatten() {
            if let Some(example) = operation.example {
                content["example"] = example();
            }
        }
        value["requestBody"] = body;
        value[BODY_LIMIT] = operation.limits.body.into();
    }
    let mut links = operation.links.map(|links| links());
    debug_assert_eq!(operation.answers.len(), signature.successes.len(), "{}", operation.id);
    for (success, words) in signature.successes.iter().zip(operation.answers) {
        value["responses"][success.status.to_string()] = success.described(words, links.take());
    }
    match signature.access {
        Authentication::Signed => {}
        Authentication::Either => value["security"] = json!([{"bearer": []}, {}]),
        Authentication::Anybody => value["security"] = json!([{}]),
    }
    if let Some(scope) = operation.limits.rate {
        value[RATE] = scope.name().into();
    }
    let codes: Vec<_> = signature.errors.iter().chain(operation.errors).collect();
    if !codes.is_empty() {
        value[ERRORS] = json!(codes);
    }
    value
}

/// Schemas lose the `Response` or `Request` of their type's name: in the document their place says it.
fn shorten_names(document: &mut Value) {
    let Some(schemas) = document["components"]["schemas"].as_object_mut() else { return };
    let mut names = BTreeMap::new();
    for (name, schema) in std::mem::take(schemas) {
        let short = name.strip_suffix("Response").or_else(|| name.strip_suffix("Request")).unwrap_or(&name).to_owned();
        let earlier = schemas.insert(short.clone(), schema);
        debug_assert!(earlier.is_none(), "two schemas are called {short}");
        names.insert(reference(&name), reference(&short));
    }
    rename(document, &names);
}

fn reference(name: &str) -> String {
    format!("#/components/schemas/{name}")
}

fn rename(value: &mut Value, names: &BTreeMap<String, String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(target)) = members.get_mut("$ref")
                && let Some(short) = names.get(target.as_str())
            {
                target.clone_from(short);
            }
            members.values_mut().for_each(|member| rename(member, names));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, names)),
        _ => {}
    }
}
