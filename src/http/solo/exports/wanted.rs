//! The body of `POST …/export/`. Called by the handler; never looks at the board.

use sha2::{Digest, Sha256};

use crate::{
    http::{
        fields::{self, Faults, Fields},
        problem::Problem,
    },
    jobs::ExportFormat,
};
use m4sh_domain::json::Value;

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Wanted {
    pub format: ExportFormat,
    /// `None`: the newest that is saved.
    pub rev: Option<u64>,
    /// Counted from 0.
    pub page: Option<u32>,
}

impl Wanted {
    pub(super) fn read(body: &[u8]) -> Result<Self, Problem> {
        let mut fields = Fields::parse(body)?;
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

    /// Of what was asked, not of what it came to: "the newest" is the same wish tomorrow.
    pub(super) fn fingerprint(self) -> [u8; 32] {
        Sha256::digest(format!("{} {:?} {:?}", self.format.name(), self.rev, self.page)).into()
    }

    pub(super) fn no_such_page(pages: u32) -> Problem {
        Problem::Invalid(Faults::one("page", &format!("The board has {pages} pages, counted from 0.")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e30_a_wish_is_read_with_png_and_the_newest_revision_as_defaults() {
        let read = |body: &str| Wanted::read(body.as_bytes());
        let png = Wanted { format: ExportFormat::Png, rev: None, page: None };
        for body in ["", "{}", r#"{"format":"png"}"#, r#"{"format":null,"rev":null,"page":null,"more":1}"#] {
            assert_eq!(read(body), Ok(png), "{body}");
        }
        let pdf = Wanted { format: ExportFormat::Pdf, rev: Some(7), page: Some(0) };
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
        let wish = |format, rev, page| Wanted { format, rev, page }.fingerprint();
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
