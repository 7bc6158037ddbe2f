//! Reading small JSON bodies field by field, with the error shapes that clients of the old server know.
//! Called by every handler with a body. Never guesses a type: a number is not a string.

use std::borrow::Cow;

use serde_json::json;

use super::problem::Problem;
use m4sh_domain::json::{Object, Value};

const REQUIRED: &str = "This field is required.";
const NOT_NULL: &str = "This field may not be null.";
const NOT_BLANK: &str = "This field may not be blank.";

/// What is wrong with which field: `{field: [words…]}`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Faults(Vec<(Cow<'static, str>, serde_json::Value)>);

impl Faults {
    /// One fault of one field.
    #[must_use]
    pub fn one(field: &'static str, words: &str) -> Self {
        let mut faults = Self::default();
        faults.add(field, words);
        faults
    }

    /// A fault inside operation `index`: `ops` is a list with an empty object for each operation before it.
    #[must_use]
    pub fn in_op(index: usize, field: &str, words: &str) -> Self {
        let mut list = vec![json!({}); index];
        list.push(json!({ field: [words] }));
        Self(vec![("ops".into(), list.into()), ("index".into(), json!(index))])
    }

    /// Adds a fault of a field.
    pub fn add(&mut self, field: &'static str, words: &str) {
        self.0.push((field.into(), json!([words])));
    }

    /// The fields and what is wrong with them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &serde_json::Value)> {
        self.0.iter().map(|(field, words)| (field.as_ref(), words))
    }

    /// Passes when there is no fault.
    ///
    /// # Errors
    /// All faults in one answer.
    pub fn into_result(self) -> Result<(), Problem> {
        if self.0.is_empty() { Ok(()) } else { Err(Problem::Invalid(self)) }
    }
}

/// The members of a JSON body, taken out one by one; faults gather and are answered together.
pub struct Fields {
    members: Object,
    faults: Faults,
    /// Whether webhooks may go to private addresses.
    pub private_hooks: bool,
}

impl Fields {
    /// Reads a body. An empty one has no fields.
    ///
    /// # Errors
    /// Not JSON, or not an object.
    #[cfg(test)]
    pub fn parse(body: &[u8]) -> Result<Self, Problem> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::of(Object::default()));
        }
        Self::from_value(Value::parse(body, m4sh_domain::json::Bounds::default())?)
    }

    /// Reads a body that was parsed already.
    ///
    /// # Errors
    /// Not an object.
    pub fn from_value(body: Value) -> Result<Self, Problem> {
        match body {
            Value::Object(members) => Ok(Self::of(members)),
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::String(_) | Value::Array(_) => {
                Err(Problem::Invalid(Faults::one("non_field_errors", "Invalid data. Expected a dictionary.")))
            }
        }
    }

    fn of(members: Object) -> Self {
        Self { members, faults: Faults::default(), private_hooks: false }
    }

    /// Notes a fault that only the caller can see.
    pub fn fault(&mut self, field: &'static str, words: &str) {
        self.faults.add(field, words);
    }

    /// Notes a fault, in place of a value.
    pub fn wrong<T>(&mut self, field: &'static str, words: &str) -> Option<T> {
        self.fault(field, words);
        None
    }

    /// Whether something is wrong with the field already.
    #[must_use]
    pub fn has_fault(&self, field: &str) -> bool {
        self.faults.iter().any(|(named, _)| named == field)
    }

    /// Whether the field is absent.
    #[must_use]
    pub fn lacks(&self, field: &str) -> bool {
        self.members.get(field).is_none()
    }

    /// Whether the field is absent or `null`.
    #[must_use]
    pub fn is_nothing(&self, field: &str) -> bool {
        matches!(self.members.get(field), None | Some(Value::Null))
    }

    /// The raw value; `None` when the field is absent, a fault when it is `null`.
    pub fn value(&mut self, field: &'static str) -> Option<Value> {
        match self.members.remove(field) {
            Some(Value::Null) => {
                self.fault(field, NOT_NULL);
                None
            }
            value => value,
        }
    }

    /// The raw value, which must be there.
    pub fn required_value(&mut self, field: &'static str) -> Option<Value> {
        if self.members.get(field).is_none() {
            self.fault(field, REQUIRED);
            return None;
        }
        self.value(field)
    }

    /// The value as it is, `null` included, without a fault.
    pub fn any(&mut self, field: &'static str) -> Option<Value> {
        self.members.remove(field)
    }

    /// A text of at most `max` characters, trimmed, which may be blank; `None` when absent.
    pub fn text(&mut self, field: &'static str, max: usize) -> Option<String> {
        let value = self.value(field)?;
        let Some(text) = value.as_str() else {
            self.fault(field, "Not a valid string.");
            return None;
        };
        let text = text.trim();
        if text.chars().count() > max {
            self.fault(field, &format!("Ensure this field has no more than {max} characters."));
            return None;
        }
        if text.chars().any(char::is_control) {
            self.fault(field, "Control characters are not allowed.");
            return None;
        }
        Some(text.to_owned())
    }

    /// A text that must be there, and may be blank.
    pub fn required_text(&mut self, field: &'static str, max: usize) -> Option<String> {
        if self.lacks(field) { self.wrong(field, REQUIRED) } else { self.text(field, max) }
    }

    /// A text that is not blank; `None` when absent.
    pub fn name(&mut self, field: &'static str, max: usize) -> Option<String> {
        let text = self.text(field, max)?;
        if text.is_empty() {
            self.fault(field, NOT_BLANK);
            return None;
        }
        Some(text)
    }

    /// A text that must be there and not blank; empty when it is not, with a fault.
    pub fn required_name(&mut self, field: &'static str, max: usize) -> String {
        if self.members.get(field).is_none() {
            self.fault(field, REQUIRED);
            return String::new();
        }
        self.name(field, max).unwrap_or_default()
    }

    /// A text that must be there and not blank; `None` with a fault.
    pub fn needed_name(&mut self, field: &'static str, max: usize) -> Option<String> {
        let name = self.required_name(field, max);
        (!name.is_empty()).then_some(name)
    }

    /// A secret that must be there: neither trimmed nor looked into, at most `max` bytes.
    pub fn required_secret(&mut self, field: &'static str, max: usize) -> String {
        let Some(value) = self.required_value(field) else { return String::new() };
        match value {
            Value::String(text) if text.len() <= max => text,
            Value::String(_) => {
                self.fault(field, &format!("Ensure this field has no more than {max} bytes."));
                String::new()
            }
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Array(_) | Value::Object(_) => {
                self.fault(field, "Not a valid string.");
                String::new()
            }
        }
    }

    /// The answer's faults, if any.
    ///
    /// # Errors
    /// All of them together.
    pub fn finish(self) -> Result<(), Problem> {
        self.faults.into_result()
    }
}

/// A whole number of at least 0. `2.0` is one, too: JSON knows a single kind of number, and some clients write all of them
/// with a point.
#[must_use]
pub fn whole(value: &Value) -> Option<u64> {
    let of_float = |float: f64| {
        let exact = float.fract() == 0.0 && (0.0..=MOST_EXACT).contains(&float);
        // Within the range in which every whole number is exact.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
        exact.then_some(float as u64)
    };
    value.as_u64().or_else(|| if let Value::Float(float) = value { of_float(*float) } else { None })
}

/// The greatest number up to which a double holds every whole one: 2^53.
const MOST_EXACT: f64 = 9_007_199_254_740_992.0;

#[cfg(test)]
mod tests {
    use super::*;
    use m4sh_domain::json::Bounds;

    #[test]
    fn a6_a_whole_number_may_be_written_with_a_point() {
        let of = |text: &str| whole(&Value::parse(text.as_bytes(), Bounds::default()).unwrap());
        assert_eq!((of("7"), of("7.0"), of("0.0"), of("1e3")), (Some(7), Some(7), Some(0), Some(1_000)));
        for wrong in ["-1", "-1.0", "1.5", "1e300", "\"7\"", "true", "null", "[7]"] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
    }
}
