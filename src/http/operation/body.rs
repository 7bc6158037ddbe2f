//! Bodies of requests: each a struct whose fields are types that read themselves and know their schema, so that what is
//! described is what is read. Declared by the areas with `request!`. Every fault of a body is answered at once.

use bytes::Bytes;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{
    argument::Argument,
    context::Context,
    signature::{Schemas, Signature},
};
use crate::http::{fields::Fields, problem::Problem, states};
use m4sh_domain::ids::{BoardId, ClassroomId, UserId};

/// A field of a body.
pub trait Field {
    /// What is read.
    type Value;

    /// Whether it must be there.
    const IS_REQUIRED: bool = true;

    /// Takes the field; `None` with a fault.
    fn read(fields: &mut Fields, name: &'static str) -> Option<Self::Value>;

    /// The same for a field that is there, though it need not be.
    fn read_given(fields: &mut Fields, name: &'static str) -> Option<Self::Value> {
        Self::read(fields, name)
    }

    /// Its schema, or a reference to it.
    fn schema(schemas: &mut Schemas) -> Json;

    /// Adds it to the schema of a body. What is read of several members adds each of them.
    fn describe(schemas: &mut Schemas, body: &mut Json, name: &str, words: &str, example: Option<Json>) {
        let mut property = Self::schema(schemas);
        let described = if property["oneOf"].is_array() { &mut property["oneOf"][0] } else { &mut property };
        if !words.is_empty() {
            described["description"] = words.trim().into();
        }
        if let Some(example) = example {
            property["example"] = example;
        }
        body["properties"][name] = property;
        if Self::IS_REQUIRED {
            match &mut body["required"] {
                Json::Array(required) => required.push(name.into()),
                none => *none = json!([name]),
            }
        }
    }
}

/// A field that may be left out or `null`.
impl<T: Field> Field for Option<T> {
    type Value = Option<T::Value>;
    const IS_REQUIRED: bool = false;

    fn read(fields: &mut Fields, name: &'static str) -> Option<Self::Value> {
        if fields.is_nothing(name) { Some(None) } else { T::read_given(fields, name).map(Some) }
    }

    fn schema(schemas: &mut Schemas) -> Json {
        let mut schema = T::schema(schemas);
        match schema.get_mut("type") {
            Some(kind) => *kind = json!([kind, "null"]),
            None => schema = json!({"oneOf": [schema, {"type": "null"}]}),
        }
        schema
    }
}

/// A field that may be left out, but not `null`.
pub struct Omittable<T>(std::marker::PhantomData<T>);

impl<T: Field> Field for Omittable<T> {
    type Value = Option<T::Value>;
    const IS_REQUIRED: bool = false;

    fn read(fields: &mut Fields, name: &'static str) -> Option<Self::Value> {
        if fields.lacks(name) { Some(None) } else { T::read_given(fields, name).map(Some) }
    }

    fn schema(schemas: &mut Schemas) -> Json {
        T::schema(schemas)
    }
}

/// A field that may be left out, and `null` to remove what is there.
pub struct Nullable<T>(std::marker::PhantomData<T>);

impl<T: Field> Field for Nullable<T> {
    type Value = Option<Option<T::Value>>;
    const IS_REQUIRED: bool = false;

    fn read(fields: &mut Fields, name: &'static str) -> Option<Self::Value> {
        if fields.lacks(name) { Some(None) } else { Option::<T>::read(fields, name).map(Some) }
    }

    fn schema(schemas: &mut Schemas) -> Json {
        Option::<T>::schema(schemas)
    }
}

impl Fields {
    fn parsed<T: std::str::FromStr>(&mut self, name: &'static str, text: &str) -> Option<T> {
        let id = text.parse().ok();
        if id.is_none() {
            self.fault(name, "Must be a valid UUID.");
        }
        id
    }
}

macro_rules! ids {
    ($($id:ty),+) => {$(
        impl Field for $id {
            type Value = Self;

            fn read(fields: &mut Fields, name: &'static str) -> Option<Self> {
                let text = fields.required_name(name, 64);
                if fields.has_fault(name) { None } else { fields.parsed(name, &text) }
            }

            fn read_given(fields: &mut Fields, name: &'static str) -> Option<Self> {
                let text = fields.text(name, 64)?;
                fields.parsed(name, &text)
            }

            fn schema(_: &mut Schemas) -> Json {
                json!({"type": "string", "format": "uuid"})
            }
        }
    )+};
}

ids!(Uuid, UserId, BoardId, ClassroomId);

impl Field for bool {
    type Value = Self;

    fn read(fields: &mut Fields, name: &'static str) -> Option<Self> {
        let value = fields.required_value(name)?;
        if value.as_bool().is_none() {
            fields.fault(name, "Must be a valid boolean.");
        }
        value.as_bool()
    }

    fn schema(_: &mut Schemas) -> Json {
        json!({"type": "boolean"})
    }
}

/// A body that passed the gate.
pub struct RawBody {
    /// Its bytes, inflated.
    pub bytes: Bytes,
    /// Whether its `Content-Type` is JSON.
    pub is_json: bool,
    /// Whether webhooks may go to private addresses.
    pub private_hooks: bool,
}

impl RawBody {
    /// The members of its JSON object; an empty body has none.
    ///
    /// # Errors
    /// 400: not JSON, or not an object.
    pub async fn fields(self) -> Result<Fields, Problem> {
        let mut fields = Fields::from_value(states::parse(self.bytes).await?)?;
        fields.private_hooks = self.private_hooks;
        Ok(fields)
    }
}

/// The body of a request.
pub trait RequestBody: Sized + 'static {
    /// It as `requestBody`.
    fn describe(schemas: &mut Schemas) -> Json;

    /// Reads it.
    ///
    /// # Errors
    /// Every field that is wrong.
    fn read(raw: RawBody) -> impl Future<Output = Result<Self, Problem>>;
}

/// The body of the request, read after the rate is spent.
pub struct Body<T>(pub T);

impl<T: RequestBody> Argument for Body<T> {
    const HAS_BODY: bool = true;

    fn describe(signature: &mut Signature) {
        signature.body = Some(T::describe(&mut signature.schemas));
    }

    async fn take(context: &mut Context) -> Result<Self, Problem> {
        context.spend().await?;
        let private_hooks = context.services()?.webhooks.allows_private_addresses();
        let raw = RawBody { bytes: context.take_body().await?, is_json: context.is_json(), private_hooks };
        T::read(raw).await.map(Self)
    }
}

/// A body with the SHA-256 of its bytes, which tells a repeat from another request under the same key.
pub struct Fingerprinted<T> {
    /// What was read.
    pub body: T,
    /// The hash of what was sent, inflated.
    pub fingerprint: [u8; 32],
}

impl<T: RequestBody> RequestBody for Fingerprinted<T> {
    fn describe(schemas: &mut Schemas) -> Json {
        T::describe(schemas)
    }

    async fn read(raw: RawBody) -> Result<Self, Problem> {
        let fingerprint = Sha256::digest(&raw.bytes).into();
        Ok(Self { body: T::read(raw).await?, fingerprint })
    }
}

/// A JSON body as `requestBody`, with its schema under `name`.
pub fn describe_json(schemas: &mut Schemas, name: &str, schema: Json, is_required: bool) -> Json {
    let content = json!({"application/json": {"schema": schemas.named(name, schema)}});
    if is_required { json!({"content": content, "required": true}) } else { json!({"content": content}) }
}

/// Declares the body of a request. A field is written `name: Type`, where the type is a [`Field`]; the struct holds what it
/// reads. `name as "wire"` is a member that is called otherwise in JSON, `#[example(…)]` gives an example that the type does not
/// have. A `check |fields|` block at the end sees what was read, each an `Option`, and may note faults of fields that depend on
/// each other; a body that needs one cannot be left out.
macro_rules! request {
    (@name $field:ident) => { stringify!($field) };
    (@name $field:ident $wire:literal) => { $wire };
    (
        $(#[doc = $doc:literal])* $vis:vis struct $name:ident {
            $($(#[doc = $words:literal])* $(#[example($example:expr)])? $field:ident $(as $wire:literal)?: $kind:ty,)*
        }
        $(check |$fields:ident| $check:block)?
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug)]
        $vis struct $name {
            $($(#[doc = $words])* pub $field: <$kind as $crate::http::operation::body::Field>::Value,)*
        }

        impl $name {
            /// Reads every field; all faults are answered together.
            $vis fn of(mut fields: $crate::http::fields::Fields) -> Result<Self, $crate::http::problem::Problem> {
                $(let $field = <$kind as $crate::http::operation::body::Field>::read(
                    &mut fields,
                    $crate::http::operation::body::request!(@name $field $($wire)?),
                );)*
                $({
                    let $fields = &mut fields;
                    $check
                })?
                fields.finish()?;
                // What could not be read has a fault.
                let read = (|| Some(Self { $($field: $field?,)* }))();
                read.ok_or_else(|| $crate::http::problem::Problem::Internal("a field without a fault".to_owned()))
            }
        }

        impl $crate::http::operation::body::RequestBody for $name {
            fn describe(schemas: &mut $crate::http::operation::signature::Schemas) -> serde_json::Value {
                use $crate::http::operation::body::{Field, describe_json, request};
                let mut schema = serde_json::json!({"type": "object", "description": concat!($($doc),*).trim()});
                $({
                    #[allow(unused_mut, unused_assignments, reason = "few fields have an example")]
                    let mut example = None;
                    $(example = Some($example);)?
                    let name = request!(@name $field $($wire)?);
                    <$kind as Field>::describe(schemas, &mut schema, name, concat!($($words),*), example);
                })*
                let is_required = [$(<$kind as Field>::IS_REQUIRED),*].contains(&true) $(|| !stringify!($check).is_empty())?;
                describe_json(schemas, stringify!($name), schema, is_required)
            }

            async fn read(
                raw: $crate::http::operation::body::RawBody,
            ) -> Result<Self, $crate::http::problem::Problem> {
                Self::of(raw.fields().await?)
            }
        }
    };
}
pub(crate) use request;
