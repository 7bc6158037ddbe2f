//! Isolation: hiding pupils' work from one another, and revealing it. Read by `class`, carried out by
//! `actors::classroom`. Never judges who may.

use m4sh_domain::ids::UserId;
use m4sh_domain::json::Value;
use m4sh_domain::limits;

/// One frame of this kind.
#[derive(Clone, PartialEq, Debug)]
pub enum IsolationFrame {
    /// From now on what pupils draw is hidden from one another, or not any more.
    Isolate {
        /// Which of the two.
        on: bool,
    },
    /// Hidden work becomes everybody's.
    Reveal {
        /// Whose; `None` is everybody's.
        users: Option<Vec<UserId>>,
    },
}

impl IsolationFrame {
    /// The frame with that name; `None` when it is none of these.
    pub(super) fn read(kind: &str, value: &Value) -> Option<Result<Self, &'static str>> {
        match kind {
            "isolate" => Some(match value.get("on") {
                Some(Value::Bool(on)) => Ok(Self::Isolate { on: *on }),
                _ => Err("isolate needs on: true or false"),
            }),
            "reveal" => {
                let users = value.get("users").and_then(Self::users);
                Some(users.map(|users| Self::Reveal { users }).ok_or("reveal needs users: ids of pupils, or all"))
            }
            _ => None,
        }
    }

    /// The people whose work is to be revealed: `"all"`, or a list of at least one id.
    #[must_use]
    pub fn users(value: &Value) -> Option<Option<Vec<UserId>>> {
        match value {
            Value::String(all) if all == "all" => Some(None),
            Value::Array(ids) if !ids.is_empty() && ids.len() <= limits::REVEALED_NAMES => {
                ids.iter().map(|id| id.as_str()?.parse().ok()).collect::<Option<Vec<UserId>>>().map(Some)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use m4sh_domain::json::Bounds;

    fn read(text: &str) -> Option<Result<IsolationFrame, &'static str>> {
        let value = Value::parse(text.as_bytes(), Bounds::default()).unwrap();
        IsolationFrame::read(value.get("t")?.as_str()?, &value)
    }

    #[test]
    fn w5_isolation_frames_are_read_whole_or_named_bad() {
        assert_eq!(read(r#"{"t":"isolate","on":true}"#), Some(Ok(IsolationFrame::Isolate { on: true })));
        assert_eq!(read(r#"{"t":"reveal","users":"all"}"#), Some(Ok(IsolationFrame::Reveal { users: None })));
        let one = r#"{"t":"reveal","users":["018f3e2a-7b1c-7000-8000-000000000001"]}"#;
        assert!(matches!(read(one), Some(Ok(IsolationFrame::Reveal { users: Some(users) })) if users.len() == 1));
        let wrong = [
            r#"{"t":"isolate"}"#,
            r#"{"t":"isolate","on":1}"#,
            r#"{"t":"reveal"}"#,
            r#"{"t":"reveal","users":[]}"#,
            r#"{"t":"reveal","users":["me"]}"#,
            r#"{"t":"reveal","users":"some"}"#,
        ];
        for text in wrong {
            assert!(matches!(read(text), Some(Err(_))), "{text}");
        }
        let many = vec![r#""018f3e2a-7b1c-7000-8000-000000000001""#; limits::REVEALED_NAMES + 1].join(",");
        assert!(matches!(read(&format!(r#"{{"t":"reveal","users":[{many}]}}"#)), Some(Err(_))));
        assert_eq!(read(r#"{"t":"hide"}"#), None);
    }
}
