//! JSON as the boards need it: any integer survives, `1.0` stays `1.0`, and one canonical text per value.
//! Called by `board`, by the frame codecs and by `http` for bodies that hold board content.
//! Never keeps the order of keys, and never accepts what strict JSON does not.

mod indent;
mod number;
mod parse;
mod scan;
mod serde;
mod slices;
#[cfg(test)]
mod tests;
mod utf8;
mod write;

pub use indent::indent;
pub use parse::{Bounds, JsonError};
pub use slices::NotCanonical;
pub(crate) use slices::{elements, members, unquote};
pub use utf8::to_utf8;
pub(crate) use write::{string_len, write_string};

/// Any JSON value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number written without fraction and exponent.
    Int(Int),
    /// A number written with a fraction or an exponent; always finite.
    Float(f64),
    /// Text without U+0000.
    String(String),
    /// An ordered list.
    Array(Vec<Value>),
    /// Members, sorted by key.
    Object(Object),
}

/// An integer of any size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Int {
    /// One that fits 64 bits.
    Small(i64),
    /// Its decimal digits, with a leading `-` when negative; never one that fits `Small`.
    Big(Box<str>),
}

/// Members sorted by key (by code point, which is the byte order of UTF-8), each key once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object(Vec<(String, Value)>);

impl Value {
    /// The member `key`; `None` when there is none or this is not an object.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.as_object()?.get(key)
    }

    /// The text of a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// A boolean.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(value) = self { Some(*value) } else { None }
    }

    /// An integer of at least 0 that fits 64 bits; a float never is one.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Int(Int::Small(value)) => u64::try_from(*value).ok(),
            Self::Int(Int::Big(digits)) => digits.parse().ok(),
            _ => None,
        }
    }

    /// An integer that fits 64 bits with its sign; a float never is one.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        if let Self::Int(Int::Small(value)) = self { Some(*value) } else { None }
    }

    /// Any number, rounded to the nearest double; `None` for an integer beyond every double.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "rounding to a double is what is asked for")]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Float(value) => Some(*value),
            Self::Int(Int::Small(value)) => Some(*value as f64),
            Self::Int(Int::Big(digits)) => digits.parse().ok().filter(|value: &f64| value.is_finite()),
            _ => None,
        }
    }

    /// The elements of an array.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Self]> {
        if let Self::Array(elements) = self { Some(elements) } else { None }
    }

    /// The members of an object.
    #[must_use]
    pub fn as_object(&self) -> Option<&Object> {
        if let Self::Object(members) = self { Some(members) } else { None }
    }

    /// Falsy in Python's sense: `null`, `false`, any zero, `""`, `[]` and `{}`.
    #[must_use]
    pub fn is_falsy(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Bool(value) => !value,
            Self::Int(value) => *value == Int::Small(0),
            Self::Float(value) => *value == 0.0,
            Self::String(text) => text.is_empty(),
            Self::Array(elements) => elements.is_empty(),
            Self::Object(members) => members.is_empty(),
        }
    }

    /// The canonical text (see [`Value::write_canonical`]) as new bytes.
    #[must_use]
    pub fn to_canonical(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(128);
        self.write_canonical(&mut out);
        out
    }
}

impl Object {
    /// The member `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.position(key).ok().map(|at| &self.0[at].1)
    }

    /// The member `key`, to be changed.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.position(key).ok().map(|at| &mut self.0[at].1)
    }

    /// Sets a member and gives back the one it replaces.
    pub fn insert(&mut self, key: impl Into<String>, value: impl Into<Value>) -> Option<Value> {
        let key = key.into();
        match self.position(&key) {
            Ok(at) => Some(std::mem::replace(&mut self.0[at].1, value.into())),
            Err(at) => {
                self.0.insert(at, (key, value.into()));
                None
            }
        }
    }

    /// Takes a member out.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        self.position(key).ok().map(|at| self.0.remove(at).1)
    }

    /// Members in the order of their keys.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &Value)> + ExactSizeIterator {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// How many members there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn position(&self, key: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(own, _)| own.as_str().cmp(key))
    }

    /// Members as they came: sorted here, and of equal keys the last one stays.
    fn from_unsorted(mut members: Vec<(String, Value)>) -> Self {
        if !members.is_sorted_by(|one, next| one.0 < next.0) {
            members.sort_by(|one, next| one.0.cmp(&next.0));
            // `dedup_by` keeps the first of a run, so the run's last value is moved into it.
            members.dedup_by(|later, kept| {
                let same = later.0 == kept.0;
                if same {
                    std::mem::swap(&mut later.1, &mut kept.1);
                }
                same
            });
        }
        Self(members)
    }
}

impl IntoIterator for Object {
    type Item = (String, Value);
    type IntoIter = std::vec::IntoIter<(String, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<const N: usize> From<[(&str, Value); N]> for Object {
    fn from(members: [(&str, Value); N]) -> Self {
        Self::from_unsorted(members.map(|(key, value)| (key.to_owned(), value)).into())
    }
}

impl FromIterator<(String, Value)> for Object {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(members: I) -> Self {
        Self::from_unsorted(members.into_iter().collect())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(Int::Small(value))
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Int(i64::try_from(value).map_or_else(|_| Int::Big(value.to_string().into()), Int::Small))
    }
}

impl From<f64> for Value {
    /// A number that JSON cannot write (NaN, infinities) becomes `null`.
    fn from(value: f64) -> Self {
        if value.is_finite() { Self::Float(value) } else { Self::Null }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<Vec<Value>> for Value {
    fn from(elements: Vec<Value>) -> Self {
        Self::Array(elements)
    }
}

impl From<Object> for Value {
    fn from(members: Object) -> Self {
        Self::Object(members)
    }
}
