//! The body of `POST …/export/`. Called by the handler; never looks at the board.

use serde_json::json;
use sha2::{Digest, Sha256};

use super::ExportFormatResponse;
use crate::{
    http::{
        fields::{self, Faults, Fields},
        operation::{
            body::{RawBody, RequestBody, describe_json},
            signature::Schemas,
        },
        problem::Problem,
    },
    jobs::ExportFormat,
};
use m4sh_domain::{json::Value, limits::BOARD_PAGES};

/// What is requested.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct RequestedExport {
    pub format: ExportFormat,
    /// `None`: the newest that is saved.
    pub rev: Option<u64>,
    /// Counted from 0.
    pub page: Option<u32>,
}

impl RequestedExport {
    fn of(mut fields: Fields) -> Result<Self, Problem> {
        let format = match fields.any("format") {
            None | Some(Value::Null) => ExportFormat::Png,
            Some(named) => named.as_str().and_then(ExportFormat::from_name).ok_or(Problem::InvalidFormat)?,
        };
        let mut whole = |field: &'static str| match fields.any(field) {
            None | Some(Value::Null) => None,
            // As Postgres keeps it: signed.
            Some(value) => match fields::whole(&value).filter(|number| i64::try_from(*number).is_ok()) {
                Some(number) => Some(number),
                None => {
                    fields.fault(field, "A whole number of at least 0 is required.");
                    None
                }
            },
        };
        let rev = whole("rev");
        let page = whole("page").map(|page| u32::try_from(page).unwrap_or(u32::MAX));
        if page.is_some() && format == ExportFormat::Json {
            fields.fault("page", "A JSON export has every page.");
        }
        fields.finish()?;
        Ok(Self { format, rev, page })
    }

    /// Of what was requested, not of what it led to: "the newest" is the same request tomorrow.
    pub(super) fn fingerprint(self) -> [u8; 32] {
        Sha256::digest(format!("{} {:?} {:?}", self.format.name(), self.rev, self.page)).into()
    }

    pub(super) fn no_such_page(pages: u32) -> Problem {
        Problem::Invalid(Faults::one("page", &format!("The board has {pages} pages, counted from 0.")))
    }
}

impl RequestBody for RequestedExport {
    fn describe(schemas: &mut Schemas) -> serde_json::Value {
        let format = schemas.of::<ExportFormatResponse>();
        let schema = json!({
            "type": "object",
            "description": "What to export.",
            "properties": {
                "format": {
                    "oneOf": [format, {"type": "null"}],
                    "description": "A PNG unless said otherwise.",
                    "example": "pdf",
                },
                "rev": {
                    "type": ["integer", "null"],
                    "format": "int64",
                    "minimum": 0,
                    "maximum": 9_007_199_254_740_992_u64,
                    "description": "A revision that the board ever had; the newest that is saved unless said otherwise.",
                    "example": null,
                },
                "page": {
                    "type": ["integer", "null"],
                    "format": "int32",
                    "minimum": 0,
                    "maximum": BOARD_PAGES - 1,
                    "description": "A page, counted from 0; not for JSON. Unless said otherwise a PDF has every page, a PNG and \
                                    an SVG the open one.",
                    "example": null,
                },
            },
        });
        describe_json(schemas, "ExportWish", schema, false)
    }

    async fn read(raw: RawBody) -> Result<Self, Problem> {
        Self::of(raw.fields().await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e30_a_wish_is_read_with_png_and_the_newest_revision_as_defaults() {
        let read = |body: &str| RequestedExport::of(Fields::parse(body.as_bytes())?);
        let png = RequestedExport { format: ExportFormat::Png, rev: None, page: None };
        for body in ["", "{}", r#"{"format":"png"}"#, r#"{"format":null,"rev":null,"page":null,"more":1}"#] {
            assert_eq!(read(body), Ok(png), "{body}");
        }
        let pdf = RequestedExport { format: ExportFormat::Pdf, rev: Some(7), page: Some(0) };
        assert_eq!(read(r#"{"format":"pdf","rev":7,"page":0}"#), Ok(pdf));
        for body in [r#"{"format":"docx"}"#, r#"{"format":7}"#, r#"{"format":""}"#, r#"{"format":"PNG"}"#] {
            assert_eq!(read(body), Err(Problem::InvalidFormat), "{body}");
        }
        for body in [
            "[]",
            "{",
            r#"{"rev":-1}"#,
            r#"{"rev":1.5}"#,
            r#"{"rev":"1"}"#,
            r#"{"rev":9223372036854775808}"#,
            r#"{"page":-1}"#,
            r#"{"page":true}"#,
            r#"{"format":"json","page":0}"#,
        ] {
            assert_eq!(read(body).unwrap_err().status(), 400, "{body}");
        }
    }

    #[test]
    fn e35_different_wishes_have_different_fingerprints() {
        let wish = |format, rev, page| RequestedExport { format, rev, page }.fingerprint();
        let all = [
            wish(ExportFormat::Png, None, None),
            wish(ExportFormat::Svg, None, None),
            wish(ExportFormat::Png, Some(1), None),
            wish(ExportFormat::Png, None, Some(1)),
        ];
        for (at, one) in all.iter().enumerate() {
            assert!(!all[at + 1..].contains(one));
        }
        assert_eq!(all[0], wish(ExportFormat::Png, None, None));
    }
}
