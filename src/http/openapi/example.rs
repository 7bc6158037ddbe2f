//! Examples made of schemas: a body's example is put together from those of its fields, so that each is written once.
//! Used by `complete_spec` for media types without an example of their own. Never random.

use serde_json::{Map, Value, json};

/// Deeper schemas refer to themselves.
const DEEPEST: usize = 12;

/// An example of `schema`, whose references are found in `document`.
pub fn of(schema: &Value, document: &Value) -> Value {
    at(schema, document, DEEPEST)
}

fn at(schema: &Value, document: &Value, left: usize) -> Value {
    if left == 0 {
        return Value::Null;
    }
    let deeper = |schema: &Value| at(schema, document, left - 1);
    if let Some(example) = schema.get("example") {
        return example.clone();
    }
    if let Some(target) = schema["$ref"].as_str().and_then(|path| document.pointer(path.trim_start_matches('#'))) {
        return deeper(target);
    }
    for first_of in ["enum", "examples"] {
        if let Some(value) = schema[first_of].get(0) {
            return value.clone();
        }
    }
    if let Some(value) = schema.get("const") {
        return value.clone();
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let own = json!({"type": "object", "properties": schema["properties"]});
        let members = parts.iter().chain([&own]).map(deeper);
        return members.filter_map(|part| part.as_object().cloned()).flatten().collect::<Map<_, _>>().into();
    }
    for choices in ["oneOf", "anyOf"] {
        // What is there tells more than `null`.
        let choice = schema[choices].as_array().and_then(|all| all.iter().find(|one| one["type"] != "null"));
        if let Some(choice) = choice {
            return deeper(choice);
        }
    }
    match kind(schema) {
        "object" => {
            let properties = schema["properties"].as_object().into_iter().flatten();
            properties.map(|(name, schema)| (name.clone(), deeper(schema))).collect::<Map<_, _>>().into()
        }
        "array" => json!([deeper(&schema["items"])]),
        "integer" | "number" => schema.get("minimum").cloned().unwrap_or(json!(1)),
        "boolean" => json!(true),
        "string" if schema["format"] == "uuid" => json!("0190b2c4-7d1e-7f6a-9b3c-2f5d8e7a1c40"),
        "string" => json!("text"),
        _ => Value::Null,
    }
}

/// The schema's type; of several the first that says something.
fn kind(schema: &Value) -> &str {
    match &schema["type"] {
        Value::String(kind) => kind,
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or("null"),
        _ if schema.get("properties").is_some() => "object",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x3_an_example_is_put_together_from_its_fields() {
        let document = json!({"components": {"schemas": {
            "Id": {"type": "string", "format": "uuid"},
            "Loop": {"type": "array", "items": {"$ref": "#/components/schemas/Loop"}},
        }}});
        let schema = json!({"type": "object", "properties": {
            "id": {"$ref": "#/components/schemas/Id"},
            "name": {"type": ["string", "null"], "example": "7-B"},
            "count": {"type": "integer", "minimum": 0},
            "kind": {"enum": ["a", "b"]},
            "other": {"oneOf": [{"type": "null"}, {"type": "boolean"}]},
            "list": {"type": "array", "items": {"const": 7}},
        }});
        let id = "0190b2c4-7d1e-7f6a-9b3c-2f5d8e7a1c40";
        let expected = json!({"id": id, "name": "7-B", "count": 0, "kind": "a", "other": true, "list": [7]});
        assert_eq!(of(&schema, &document), expected);
        assert!(of(&json!({"$ref": "#/components/schemas/Loop"}), &document).is_array());
    }
}
