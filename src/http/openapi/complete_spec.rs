//! What every operation has in common, added once: the errors that follow from its security, path, body and rate, the
//! `X-Request-ID` of each answer, and examples. Called by `openapi` when the document is made. Never knows a route.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{
    example,
    failures::{self, Failure},
};
use m4sh_domain::rate::Scope;

/// The scope whose rate an operation spends.
pub const RATE: &str = "x-m4sh-rate";
/// The bytes that its body may have after inflation.
pub const BODY_LIMIT: &str = "x-m4sh-body-limit";
/// The codes of its errors; those that follow from the rest need not be listed.
pub const ERRORS: &str = "x-m4sh-errors";

/// Completes the document.
pub fn complete(document: &mut Value) {
    let failures = failures::by_code();
    add_components(document, &failures);
    // Examples are looked up in the document while it is changed.
    let known = document.clone();
    for (path, item) in document["paths"].as_object_mut().into_iter().flatten() {
        for operation in item.as_object_mut().into_iter().flatten().map(|(_, operation)| operation) {
            if operation.is_object() {
                complete_operation(path, operation, &known, &failures);
            }
        }
    }
}

fn add_components(document: &mut Value, failures: &BTreeMap<&str, Failure>) {
    let components = &mut document["components"];
    components["schemas"]["Problem"] = failures::problem_schema();
    components["headers"]["X-Request-ID"] = json!({
        "description": "The request's id: the client's own, when it sent a fit one, else a new one.",
        "required": true,
        "schema": {"type": "string", "example": "0190b2c4-7d1e-4f6a-9b3c-2f5d8e7a1c40"},
    });
    for (code, failure) in failures {
        components["schemas"][schema_name(code)] = failure.schema();
        components["examples"][*code] = json!({"summary": failure.words, "value": failure.body});
        components["responses"][*code] = response(&[(*code, failure)]);
    }
}

fn complete_operation(path: &str, operation: &mut Value, document: &Value, failures: &BTreeMap<&str, Failure>) {
    let codes = codes(path, operation, failures);
    let mut by_status = BTreeMap::<u16, Vec<(&str, &Failure)>>::new();
    for code in &codes {
        if let Some(failure) = failures.get(code.as_str()) {
            by_status.entry(failure.status).or_default().push((code, failure));
        }
    }
    for (status, known) in by_status {
        operation["responses"][status.to_string()] = match known[..] {
            [(code, _)] => json!({"$ref": format!("#/components/responses/{code}")}),
            _ => response(&known),
        };
    }
    operation[ERRORS] = codes.into_iter().collect();
    if let Some(scope) = scope(operation) {
        operation[RATE] = json!({"scope": scope.name(), "default": scope.default_rate().to_string()});
    }
    if let Some(body) = operation.get_mut("requestBody") {
        may_be_left_out(body);
        add_examples(body, document);
    }
    if let (Some(limit), Some(body)) = (operation[BODY_LIMIT].as_u64(), operation.get_mut("requestBody")) {
        let words = body["description"].as_str().unwrap_or_default();
        let bound = format!("At most {limit} bytes after inflation; `Content-Encoding: gzip` is read.");
        body["description"] = format!("{words}\n\n{bound}").trim().into();
    }
    for answer in operation["responses"].as_object_mut().into_iter().flatten().map(|(_, answer)| answer) {
        if answer.get("$ref").is_none() {
            answer["headers"]["X-Request-ID"] = request_id();
            add_examples(answer, document);
        }
    }
}

/// The codes of an operation: its own, and those that follow from what it is.
fn codes(path: &str, operation: &Value, failures: &BTreeMap<&str, Failure>) -> BTreeSet<String> {
    // Public operations say so with a list of their own.
    let is_signed = operation["security"].as_array().is_none_or(|ways| ways.iter().any(|way| way["bearer"].is_array()));
    let has_rate = scope(operation).is_some();
    let is_queried = operation["parameters"].as_array().is_some_and(|list| list.iter().any(|one| one["in"] == "query"));
    let own: BTreeSet<_> = operation[ERRORS].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let has_own_404 = own.iter().any(|code| failures.get(code).is_some_and(|failure| failure.status == 404));
    let body = ["validation_error", "invalid_gzip", "incomplete_body", "request_timeout"];
    let is_json = operation.pointer("/requestBody/content/application~1json").is_some();
    let implied = [
        (is_signed, &["unauthorized"][..]),
        (has_rate, &["rate_limited"]),
        (is_signed || has_rate, &["unavailable"]),
        (path.contains('{') && !has_own_404, &["not_found"]),
        (is_queried, &["validation_error"]),
        (is_json, &["parse_error"]),
        (operation.get("requestBody").is_some(), &body),
        (operation.get("requestBody").is_some(), &["payload_too_large", "unsupported_media_type"]),
    ];
    let implied = implied.into_iter().filter(|(holds, _)| *holds).flat_map(|(_, codes)| codes.iter().copied());
    implied.chain(own).map(str::to_owned).collect()
}

fn scope(operation: &Value) -> Option<Scope> {
    let name = operation[RATE].as_str()?;
    Scope::ALL.iter().copied().find(|scope| scope.name() == name)
}

/// The response of one status with these codes.
fn response(known: &[(&str, &Failure)]) -> Value {
    let refer = |code: &str| json!({"$ref": format!("#/components/schemas/{}", schema_name(code))});
    let schemas: Vec<_> = known.iter().map(|(code, _)| refer(code)).collect();
    let examples =
        known.iter().map(|(code, _)| ((*code).to_owned(), json!({"$ref": format!("#/components/examples/{code}")})));
    // Only headers that come with each of the codes are promised.
    let mut headers = known.iter().map(|(_, failure)| failure.headers()).reduce(common).unwrap_or(json!({}));
    headers["X-Request-ID"] = request_id();
    let words: Vec<_> = known.iter().map(|(code, failure)| format!("`{code}`: {}", failure.words)).collect();
    json!({
        "description": words.join("\n\n"),
        "headers": headers,
        "content": {"application/json": {
            "schema": if schemas.len() == 1 { schemas[0].clone() } else { json!({"anyOf": schemas}) },
            "examples": examples.collect::<Map<_, _>>(),
        }},
    })
}

fn common(one: Value, other: Value) -> Value {
    let both = one.as_object().into_iter().flatten().filter(|(name, _)| other.get(name.as_str()).is_some());
    both.map(|(name, header)| (name.clone(), header.clone())).collect::<Map<_, _>>().into()
}

fn request_id() -> Value {
    json!({"$ref": "#/components/headers/X-Request-ID"})
}

/// `request_body = Option<…>` means a body that may be missing, and not one that may be `null`.
fn may_be_left_out(body: &mut Value) {
    for (_, content) in body["content"].as_object_mut().into_iter().flatten() {
        let choices = content["schema"]["oneOf"].as_array().filter(|choices| choices.len() == 2);
        let shape = choices.and_then(|choices| choices.iter().find(|choice| choice["type"] != "null"));
        if let Some(shape) = shape.cloned() {
            content["schema"] = shape;
        }
    }
}

/// An example for each JSON content that brings none.
fn add_examples(body: &mut Value, document: &Value) {
    for (kind, content) in body.get_mut("content").and_then(Value::as_object_mut).into_iter().flatten() {
        let has_one = content.get("example").is_some() || content.get("examples").is_some();
        if !has_one && kind.contains("json") {
            content["example"] = example::of(&content["schema"], document);
        }
    }
}

/// `rev_mismatch` as `RevMismatch`.
fn schema_name(code: &str) -> String {
    code.split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}
