//! JSON objects whose last member is a board's `state`, of which the canonical bytes are at hand: they are copied once.
//! Answered by the handlers that show whole boards. Never parses a state.

use bytes::Bytes;
use serde::Serialize;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{Ref, RefOr, schema::Schema},
};

use super::{answer::JsonBody, schemas::State};
use crate::http::problem::Problem;

/// Bytes of an object beside its state.
const HEAD_BYTES: usize = 512;

/// The members of `head` and, as the last, `state`.
pub struct WithState<T> {
    /// An object with at least one member.
    pub head: T,
    /// Canonical JSON.
    pub state: Bytes,
}

impl<T: Serialize + ToSchema + 'static> JsonBody for WithState<T> {
    fn write(self) -> Result<Vec<u8>, Problem> {
        splice(&self.head, &self.state).map_err(|error| Problem::Internal(error.to_string()))
    }
}

/// The members of `head` and, as the last, `state`.
///
/// # Errors
/// A `head` that JSON cannot hold.
pub fn splice(head: &impl Serialize, state: &[u8]) -> Result<Vec<u8>, serde_json::Error> {
    let mut body = Vec::with_capacity(state.len() + HEAD_BYTES);
    serde_json::to_writer(&mut body, head)?;
    body.pop();
    body.extend_from_slice(b",\"state\":");
    body.extend_from_slice(state);
    body.push(b'}');
    Ok(body)
}

impl<T: ToSchema> PartialSchema for WithState<T> {
    fn schema() -> RefOr<Schema> {
        let RefOr::T(Schema::Object(mut object)) = T::schema() else { return T::schema() };
        object.properties.insert("state".to_owned(), RefOr::Ref(Ref::from_schema_name(State::name())));
        object.required.push("state".to_owned());
        RefOr::T(Schema::Object(object))
    }
}

impl<T: ToSchema> ToSchema for WithState<T> {
    fn name() -> std::borrow::Cow<'static, str> {
        T::name()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        T::schemas(schemas);
        schemas.push((State::name().into_owned(), State::schema()));
    }
}
