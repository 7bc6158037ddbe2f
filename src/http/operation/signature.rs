//! What the types of a handler's arguments and answer tell of it. Filled by their `describe` functions, read by `openapi`.
//! Never known at run time.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use utoipa::ToSchema;

use m4sh_domain::rate::Scope;

/// What a handler's signature says about requests and answers.
#[derive(Default)]
pub struct Signature {
    /// Path, query and header parameters.
    pub parameters: Vec<Value>,
    /// The request's body.
    pub body: Option<Value>,
    /// The successes, in the order of the answer's type.
    pub successes: Vec<Success>,
    /// Who may ask.
    pub access: Authentication,
    /// Rates that are spent beside the operation's own.
    pub scopes: Vec<Scope>,
    /// The codes of errors that an argument brings.
    pub errors: BTreeSet<&'static str>,
    /// The schemas that the rest refers to.
    pub schemas: Schemas,
}

/// Who may ask for an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Authentication {
    /// Everybody.
    #[default]
    Anybody,
    /// Everybody; who is signed in is known.
    Either,
    /// Those who are signed in.
    Signed,
}

/// One way in which an operation succeeds.
pub struct Success {
    /// Its status.
    pub status: u16,
    /// Media type and schema of its body, and an example where the schema has none.
    pub content: Option<(&'static str, Value, Option<Value>)>,
    /// Its headers with what they mean and the type of their value.
    pub headers: Vec<(&'static str, &'static str, &'static str)>,
}

impl Success {
    /// 200 with a body of that type, and an example of it.
    #[must_use]
    pub fn of(media_type: &'static str, schema: Value, example: Value) -> Self {
        Self { status: 200, content: Some((media_type, schema, Some(example))), headers: Vec::new() }
    }
}

/// Named schemas.
#[derive(Default)]
pub struct Schemas(pub BTreeMap<String, Value>);

impl Schemas {
    /// The schema of `T`, which is kept under its name, as a reference; without a name in full.
    pub fn of<T: ToSchema>(&mut self) -> Value {
        let mut found = Vec::new();
        T::schemas(&mut found);
        found.push((T::name().into_owned(), T::schema()));
        for (name, schema) in found {
            // Only our own types are in them, and their keys are texts.
            self.0.entry(name).or_insert_with(|| serde_json::to_value(schema).unwrap_or_default());
        }
        reference(&T::name())
    }

    /// Keeps a schema under a name, and refers to it.
    pub fn named(&mut self, name: &str, schema: Value) -> Value {
        self.0.insert(name.to_owned(), schema);
        reference(name)
    }
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}
