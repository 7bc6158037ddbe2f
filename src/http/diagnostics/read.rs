//! From a body to events: one object, a list, or a list in a wrapper (SPEC M). Called by the handlers.
//! Best effort within what is JSON: a field of another type stays with the rest, and only what is no object is left out.

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use crate::http::{
    fields::Faults,
    operation::{
        body::{RawBody, RequestBody, describe_json},
        signature::Schemas,
    },
    problem::Problem,
};
use m4sh_domain::limits::{CLIENT_EVENT_DEPTH, CLIENT_EVENT_NODES, CLIENT_EVENTS_PER_BODY, CLIENT_WORD_CHARS};
use m4sh_domain::{
    ids::UserId,
    json::{Bounds, Object, Value},
};
use m4sh_store::{ClientEvent, ClientEventKind, ClientMetrics};

const BOUNDS: Bounds = Bounds { depth: CLIENT_EVENT_DEPTH, nodes: CLIENT_EVENT_NODES };

/// The board metrics of a body.
pub struct MetricsRequest(pub Vec<Object>);

impl RequestBody for MetricsRequest {
    fn describe(schemas: &mut Schemas) -> Json {
        let mut properties = json!({
            "session_id": {"type": "string", "example": "0190b2c4-7d1e-7f6a-9b3c-2f5d8e7a1c40"},
            "version": {"type": "string", "description": "Of the client.", "example": "0.31.2"},
        });
        for (name, example) in [
            ("save_rtt_ms", json!(42.5)),
            ("input_latency_ms", json!(7.25)),
            ("main_thread_block_ms", json!(11)),
            ("overlay_copy_ms", json!(1.5)),
            ("extra_draws_during_save", json!(0)),
        ] {
            properties[name] = json!({"type": "number", "format": "double", "minimum": 0, "example": example});
        }
        let words = "What a board measured. Fields of another type or name are kept as they are.";
        let one = json!({"type": "object", "description": words, "properties": properties});
        let words = "One measurement, a list of them, or a list under `metrics`.";
        alone_listed_or_wrapped(schemas, ("BoardMetric", one), "metrics", ("Measurements", words))
    }

    async fn read(raw: RawBody) -> Result<Self, Problem> {
        objects(&raw.bytes, "metrics").map(Self)
    }
}

/// The telemetry of a body.
pub struct TelemetryRequest(pub Vec<Object>);

impl RequestBody for TelemetryRequest {
    fn describe(schemas: &mut Schemas) -> Json {
        let one = json!({
            "type": "object",
            "description": "Something that happened in a client. Other fields are kept as they are.",
            "properties": {
                "event_type": {
                    "type": "string",
                    "description": "Its name; `event` and `name` are the same.",
                    "example": "solo_save",
                },
                "session_id": {"type": "string", "example": "0190b2c4-7d1e-7f6a-9b3c-2f5d8e7a1c40"},
                "version": {"type": "string", "example": "0.31.2"},
            },
        });
        let words = "One event, a list of them, or a list under `events`.";
        alone_listed_or_wrapped(schemas, ("TelemetryEvent", one), "events", ("TelemetryEvents", words))
    }

    async fn read(raw: RawBody) -> Result<Self, Problem> {
        objects(&raw.bytes, "events").map(Self)
    }
}

/// A body of one object, of a list, or of a list under a name.
fn alone_listed_or_wrapped(
    schemas: &mut Schemas,
    (name, one): (&str, Json),
    wrapper: &str,
    (body, words): (&str, &str),
) -> Json {
    let one = schemas.named(name, one);
    let list = json!({"type": "array", "items": one, "maxItems": CLIENT_EVENTS_PER_BODY});
    let wrapped = json!({"type": "object", "required": [wrapper], "properties": {wrapper: list}});
    describe_json(schemas, body, json!({"description": words, "anyOf": [one, list, wrapped]}), true)
}

/// A measurement as it is kept.
pub fn metric(mut rest: Object, account: Option<UserId>, at: Timestamp) -> ClientEvent {
    let figures = ClientMetrics {
        extra_draws_during_save: figure(&mut rest, "extra_draws_during_save"),
        main_thread_block_ms: figure(&mut rest, "main_thread_block_ms"),
        input_latency_ms: figure(&mut rest, "input_latency_ms"),
        save_rtt_ms: figure(&mut rest, "save_rtt_ms"),
        overlay_copy_ms: figure(&mut rest, "overlay_copy_ms"),
    };
    let (session, version) = (word(&mut rest, "session_id"), word(&mut rest, "version"));
    let kind = ClientEventKind::BoardMetric;
    ClientEvent { at, kind, account, session, name: None, version, figures, data: text(rest) }
}

/// Something that happened, as it is kept.
pub fn event(mut rest: Object, account: Option<UserId>, at: Timestamp) -> ClientEvent {
    let name = ["event_type", "event", "name"].into_iter().find_map(|key| word(&mut rest, key));
    let (session, version) = (word(&mut rest, "session_id"), word(&mut rest, "version"));
    let kind = ClientEventKind::Telemetry;
    ClientEvent { at, kind, account, session, name, version, figures: ClientMetrics::default(), data: text(rest) }
}

fn objects(body: &[u8], wrapper: &'static str) -> Result<Vec<Object>, Problem> {
    let list = match Value::parse(body, BOUNDS)? {
        Value::Array(list) => list,
        Value::Object(mut one) => match one.remove(wrapper) {
            Some(Value::Array(list)) => list,
            Some(other) => {
                // No list, so not a wrapper: a field of that name.
                one.insert(wrapper, other);
                vec![Value::Object(one)]
            }
            None => vec![Value::Object(one)],
        },
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::String(_) => {
            return Err(Problem::Invalid(Faults::one(
                "non_field_errors",
                "An object or a list of objects is required.",
            )));
        }
    };
    if list.len() > CLIENT_EVENTS_PER_BODY {
        let words = format!("At most {CLIENT_EVENTS_PER_BODY} in one body.");
        return Err(Problem::Invalid(Faults::one(wrapper, &words)));
    }
    Ok(list
        .into_iter()
        .filter_map(|each| if let Value::Object(members) = each { Some(members) } else { None })
        .collect())
}

/// A number of at least 0; anything else stays where it is.
fn figure(rest: &mut Object, key: &str) -> Option<f64> {
    let figure = rest.get(key).and_then(Value::as_f64).filter(|figure| *figure >= 0.0)?;
    rest.remove(key);
    Some(figure)
}

/// A text, cut to what is kept; anything else stays where it is.
fn word(rest: &mut Object, key: &str) -> Option<String> {
    let word: String = rest.get(key)?.as_str()?.chars().take(CLIENT_WORD_CHARS).collect();
    rest.remove(key);
    Some(word)
}

fn text(rest: Object) -> Option<String> {
    // Canonical text is ASCII.
    (!rest.is_empty()).then(|| String::from_utf8_lossy(&Value::Object(rest).to_canonical()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Vec<ClientEvent>, Problem> {
        let each = objects(body.as_bytes(), "metrics")?;
        Ok(each.into_iter().map(|rest| metric(rest, None, Timestamp::UNIX_EPOCH)).collect())
    }

    fn heard(body: &str) -> Vec<ClientEvent> {
        let each = objects(body.as_bytes(), "events").unwrap();
        each.into_iter().map(|rest| event(rest, None, Timestamp::UNIX_EPOCH)).collect()
    }

    #[test]
    fn m2_metrics_come_alone_in_a_list_or_wrapped() {
        let one = r#"{"session_id":"s","version":"v1","save_rtt_ms":12,"input_latency_ms":3.5,"extra":{"a":1}}"#;
        let list = read(one).unwrap();
        let metric = &list[0];
        assert_eq!((metric.session.as_deref(), metric.version.as_deref()), (Some("s"), Some("v1")));
        assert_eq!((metric.figures.save_rtt_ms, metric.figures.input_latency_ms), (Some(12.0), Some(3.5)));
        assert_eq!(metric.data.as_deref(), Some(r#"{"extra":{"a":1}}"#));
        assert_eq!(read(&format!("[{one}]")).unwrap(), list);
        assert_eq!(read(&format!(r#"{{"metrics":[{one}]}}"#)).unwrap(), list);
        assert_eq!(read("[]").unwrap(), []);
        assert_eq!(read(&format!("[7,{one},null,\"x\"]")).unwrap(), list, "what is no object is left out");
    }

    #[test]
    fn m2_a_field_of_another_type_costs_neither_the_metric_nor_itself() {
        let read = read(r#"{"save_rtt_ms":"fast","input_latency_ms":-1,"version":7,"session_id":null}"#).unwrap();
        assert_eq!((read[0].figures, read[0].version.as_deref()), (ClientMetrics::default(), None));
        let data = r#"{"input_latency_ms":-1,"save_rtt_ms":"fast","session_id":null,"version":7}"#;
        assert_eq!(read[0].data.as_deref(), Some(data));
        let long = format!(r#"{{"version":"{}"}}"#, "я".repeat(CLIENT_WORD_CHARS + 5));
        let version =
            super::metric(objects(long.as_bytes(), "metrics").unwrap().remove(0), None, Timestamp::UNIX_EPOCH)
                .version
                .clone()
                .unwrap();
        assert_eq!(version.chars().count(), CLIENT_WORD_CHARS);
    }

    #[test]
    fn m3_telemetry_has_its_name_under_any_of_three_keys() {
        for body in [
            r#"{"event":"solo_save","payload":{"status":200},"session_id":"s"}"#,
            r#"{"event_type":"solo_save","payload":{"status":200},"session_id":"s"}"#,
            r#"[{"name":"solo_save","payload":{"status":200},"session_id":"s"}]"#,
            r#"{"events":[{"event_type":"solo_save","payload":{"status":200},"session_id":"s"}]}"#,
        ] {
            let heard = heard(body);
            assert_eq!(
                (heard[0].name.as_deref(), heard[0].session.as_deref()),
                (Some("solo_save"), Some("s")),
                "{body}"
            );
            assert_eq!(heard[0].data.as_deref(), Some(r#"{"payload":{"status":200}}"#));
        }
    }

    #[test]
    fn m4_what_is_no_json_or_beyond_a_bound_is_refused_with_a_reason() {
        let many = format!("[{}]", vec!["{}"; CLIENT_EVENTS_PER_BODY + 1].join(","));
        let deep = format!("{}1{}", "[".repeat(CLIENT_EVENT_DEPTH + 1), "]".repeat(CLIENT_EVENT_DEPTH + 1));
        for wrong in
            ["", "nope", "7", "\"x\"", "null", r#"{"a":NaN}"#, r#"{"a":"\ud800"}"#, r#"{"a":"\u0000"}"#, &many, &deep]
        {
            let refused = read(wrong).unwrap_err();
            assert_eq!(refused.status(), 400, "{wrong}");
            assert!(refused.to_string().len() > 10, "{refused}");
        }
        assert_eq!(
            read(&format!("[{}]", vec!["{}"; CLIENT_EVENTS_PER_BODY].join(","))).map(|list| list.len()),
            Ok(500)
        );
    }
}
