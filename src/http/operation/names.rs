//! Domain values that go over the wire by a name: one declaration gives the schema, the writing and the reading.
//! Declared by the areas with `names!`. Never has a name of its own: the domain's `name` and `from_name` do.

/// Declares a type that holds a domain value and is known by its name: `Type(domain::Type) = [values], 16, "words"`, where
/// a name has at most 16 characters and the words are the fault of one that there is not. Without them it is only written. `as` gives its schema
/// another name.
macro_rules! names {
    ($($(#[doc = $doc:literal])* $vis:vis $name:ident($value:ty) $(as $schema:literal)? = $all:expr $(, $most:literal, $fault:literal)?;)+) => {$(
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug)]
        $vis struct $name(pub $value);

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.0.name())
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                let text = utoipa::openapi::ObjectBuilder::new().schema_type(utoipa::openapi::schema::Type::String);
                let words = [$($doc),*].concat();
                let text = text.description(Some(words.trim()).filter(|words| !words.is_empty()));
                utoipa::openapi::RefOr::T(text.enum_values(Some($all.iter().map(|value| value.name()))).into())
            }
        }

        impl utoipa::ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                [$($schema,)? stringify!($name)][0].into()
            }
        }

        $(
            impl $crate::http::operation::body::Field for $name {
                type Value = $value;

                fn read(fields: &mut $crate::http::fields::Fields, name: &'static str) -> Option<$value> {
                    let given = fields.required_name(name, $most);
                    let value = <$value>::from_name(&given).filter(|value| $all.contains(value));
                    if fields.has_fault(name) { None } else { value.or_else(|| fields.wrong(name, $fault)) }
                }

                fn schema(schemas: &mut $crate::http::operation::signature::Schemas) -> serde_json::Value {
                    schemas.of::<$name>()
                }
            }
        )?
    )+};
}
pub(crate) use names;
