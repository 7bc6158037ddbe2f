//! What a handler answers when all is well: a status with a body whose schema is that of its type.
//! Called by `handler`. Never an error: those are `Problem`s.

use std::io;

use actix_web::{
    HttpResponse,
    cookie::Cookie,
    http::{
        StatusCode,
        header::{self, HeaderValue},
    },
};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, schema::Schema},
};

use super::signature::{Schemas, Success};
use crate::http::problem::Problem;
use m4sh_domain::ids::Rev;

/// One of the successes of an operation.
pub trait Answer: 'static {
    /// What it may be.
    fn describe(schemas: &mut Schemas) -> Vec<Success>;

    /// The response.
    ///
    /// # Errors
    /// A body that cannot be written.
    fn respond(self) -> Result<HttpResponse, Problem>;
}

/// A JSON body: how it is written, beside how it is described.
pub trait JsonBody: ToSchema + Sized + 'static {
    /// Its bytes.
    ///
    /// # Errors
    /// A value that JSON cannot hold.
    fn write(self) -> Result<Vec<u8>, Problem>;
}

impl<T: Serialize + ToSchema + 'static> JsonBody for T {
    fn write(self) -> Result<Vec<u8>, Problem> {
        serde_json::to_vec(&self).map_err(|error| Problem::Internal(error.to_string()))
    }
}

/// A body in the canonical form of `m4sh_domain::json`: keys sorted, all of it ASCII.
pub struct Canonical<T>(pub T);

impl<T: Serialize + ToSchema + 'static> JsonBody for Canonical<T> {
    fn write(self) -> Result<Vec<u8>, Problem> {
        let failed = |error: serde_json::Error| Problem::Internal(error.to_string());
        // A map of `serde_json` is sorted.
        let value = serde_json::to_value(&self.0).map_err(failed)?;
        let mut bytes = Vec::with_capacity(256);
        value.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, Ascii)).map_err(failed)?;
        Ok(bytes)
    }
}

/// A body with its keys sorted at every level, as `serde_json::Value` writes it.
pub struct Sorted<T>(pub T);

impl<T: Serialize + ToSchema + 'static> JsonBody for Sorted<T> {
    fn write(self) -> Result<Vec<u8>, Problem> {
        let value = serde_json::to_value(&self.0).map_err(|error| Problem::Internal(error.to_string()))?;
        Ok(value.to_string().into_bytes())
    }
}

/// The last field of a body whose JSON is given as bytes and not read again: see [`Spliced`].
#[derive(Clone, Copy, Debug)]
pub struct Slot;

impl Serialize for Slot {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

/// A body `T` whose last field is a [`Slot`], with the bytes in it.
pub struct Spliced<T>(Vec<u8>, std::marker::PhantomData<T>);

impl<T: Serialize> Spliced<T> {
    /// Writes the body.
    ///
    /// # Errors
    /// A value that JSON cannot hold, or one whose last field is no slot.
    pub fn new(head: &T, bytes: &[u8]) -> Result<Self, Problem> {
        let mut body = Vec::with_capacity(bytes.len() + 512);
        serde_json::to_writer(&mut body, head).map_err(|error| Problem::Internal(error.to_string()))?;
        if !body.ends_with(b"null}") {
            return Err(Problem::Internal("a body without a slot at its end".to_owned()));
        }
        body.truncate(body.len() - b"null}".len());
        body.extend_from_slice(bytes);
        body.push(b'}');
        Ok(Self(body, std::marker::PhantomData))
    }
}

impl<T: ToSchema + 'static> JsonBody for Spliced<T> {
    fn write(self) -> Result<Vec<u8>, Problem> {
        Ok(self.0)
    }
}

/// Wrappers have the schema of what they wrap.
macro_rules! transparent_schemas {
    ($($name:ident)+) => {$(
        impl<T: ToSchema> PartialSchema for $name<T> {
            fn schema() -> RefOr<Schema> {
                T::schema()
            }
        }

        impl<T: ToSchema> ToSchema for $name<T> {
            fn name() -> std::borrow::Cow<'static, str> {
                T::name()
            }

            fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
                T::schemas(schemas);
            }
        }
    )+};
}

transparent_schemas!(Canonical Sorted Spliced);

/// Writes what is no printable ASCII as `\uXXXX`.
struct Ascii;

impl serde_json::ser::Formatter for Ascii {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        fragment.chars().try_for_each(|character| match character {
            ' '..='~' => writer.write_all(&[u8::try_from(character).unwrap_or_default()]),
            _ => character.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(writer, "\\u{unit:04x}")),
        })
    }
}

fn json_success<T: JsonBody>(status: u16, schemas: &mut Schemas) -> Success {
    Success { status, content: Some(("application/json", schemas.of::<T>(), None)), headers: Vec::new() }
}

fn json_response(status: StatusCode, body: impl JsonBody) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::build(status).content_type("application/json").body(body.write()?))
}

macro_rules! json_answers {
    ($($(#[$doc:meta])* $name:ident = $status:literal;)+) => {$(
        $(#[$doc])*
        pub struct $name<T>(pub T);

        impl<T: JsonBody> Answer for $name<T> {
            fn describe(schemas: &mut Schemas) -> Vec<Success> {
                vec![json_success::<T>($status, schemas)]
            }

            fn respond(self) -> Result<HttpResponse, Problem> {
                let status = StatusCode::from_u16($status).map_err(|error| Problem::Internal(error.to_string()))?;
                json_response(status, self.0)
            }
        }
    )+};
}

json_answers! {
    /// 200 with a JSON body.
    Json = 200;
    /// 201 with a JSON body.
    Created = 201;
    /// 202 with a JSON body.
    Accepted = 202;
}

/// 200 with a list.
pub struct JsonList<T>(pub Vec<T>);

impl<T: Serialize + ToSchema + 'static> Answer for JsonList<T> {
    fn describe(schemas: &mut Schemas) -> Vec<Success> {
        let list = json!({"type": "array", "items": schemas.of::<T>()});
        vec![Success { status: 200, content: Some(("application/json", list, None)), headers: Vec::new() }]
    }

    fn respond(self) -> Result<HttpResponse, Problem> {
        Ok(HttpResponse::Ok().json(self.0))
    }
}

/// 201 for what is new, 200 for what was there already.
pub enum CreatedOrFound<T> {
    /// New.
    Created(T),
    /// There already.
    Found(T),
}

impl<T: JsonBody> Answer for CreatedOrFound<T> {
    fn describe(schemas: &mut Schemas) -> Vec<Success> {
        vec![json_success::<T>(201, schemas), json_success::<T>(200, schemas)]
    }

    fn respond(self) -> Result<HttpResponse, Problem> {
        match self {
            Self::Created(body) => json_response(StatusCode::CREATED, body),
            Self::Found(body) => json_response(StatusCode::OK, body),
        }
    }
}

/// 204.
pub struct NoContent;

impl Answer for NoContent {
    fn describe(_: &mut Schemas) -> Vec<Success> {
        vec![Success { status: 204, content: None, headers: Vec::new() }]
    }

    fn respond(self) -> Result<HttpResponse, Problem> {
        Ok(HttpResponse::NoContent().finish())
    }
}

/// 302 to an address.
pub struct Redirect(pub String);

impl Answer for Redirect {
    fn describe(_: &mut Schemas) -> Vec<Success> {
        let location = ("Location", "Where it is, for a while.", "string");
        vec![Success { status: 302, content: None, headers: vec![location] }]
    }

    fn respond(self) -> Result<HttpResponse, Problem> {
        Ok(HttpResponse::Found().insert_header((header::LOCATION, self.0)).finish())
    }
}

/// An answer with a board's revision as its `ETag`.
pub struct AtRevision<A>(pub Rev, pub A);

impl<A: Answer> Answer for AtRevision<A> {
    fn describe(schemas: &mut Schemas) -> Vec<Success> {
        let mut successes = A::describe(schemas);
        for success in &mut successes {
            success.headers.push(("ETag", "The revision, as `W/\"rev:N\"`.", "string"));
        }
        successes
    }

    fn respond(self) -> Result<HttpResponse, Problem> {
        let mut response = self.1.respond()?;
        response.headers_mut().insert(header::ETAG, etag(self.0));
        Ok(response)
    }
}

/// An answer that sets a cookie.
pub struct WithCookie<A>(pub Cookie<'static>, pub A);

impl<A: Answer> Answer for WithCookie<A> {
    fn describe(schemas: &mut Schemas) -> Vec<Success> {
        A::describe(schemas)
    }

    fn respond(self) -> Result<HttpResponse, Problem> {
        let mut response = self.1.respond()?;
        response.add_cookie(&self.0).map_err(|error| Problem::Internal(error.to_string()))?;
        Ok(response)
    }
}

/// `W/"rev:N"`, which the next save sends back in `If-Match`.
#[must_use]
pub fn etag(rev: Rev) -> HeaderValue {
    // The text is ASCII by construction.
    HeaderValue::from_str(&format!("W/\"rev:{rev}\"")).unwrap_or(HeaderValue::from_static("*"))
}

impl Success {
    /// As a response of the description, with what it means.
    #[must_use]
    pub fn described(&self, words: &str, links: Option<Value>) -> Value {
        let mut response = json!({"description": words});
        if let Some((media, schema, example)) = &self.content {
            response["content"][*media]["schema"] = schema.clone();
            if let Some(example) = example {
                response["content"][*media]["example"] = example.clone();
            }
        }
        for (name, words, kind) in &self.headers {
            response["headers"][*name] = json!({"description": words, "schema": {"type": kind}});
        }
        if let Some(links) = links {
            response["links"] = links;
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use m4sh_domain::json::{Bounds, Value as Canon};

    #[test]
    fn a_canonical_answer_has_the_bytes_of_the_canonical_value() {
        let value = json!({"b": "Ї \"q\" \u{7f}\n\u{1} 🖊", "a": [1, null, true], "c": {}});
        let mut bytes = Vec::new();
        value.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, Ascii)).unwrap();
        let canonical = Canon::parse(value.to_string().as_bytes(), Bounds::default()).unwrap().to_canonical();
        assert_eq!(String::from_utf8(bytes).unwrap(), String::from_utf8(canonical).unwrap());
    }
}
