//! What is known of somebody who is there, beside who they are: where they look, what they hold, how well they are
//! connected. Made from clients' frames and from pings, encoded by `server` and `tick`. Never stored.

use std::time::Duration;

use crate::client::View;
use crate::server::{ConnectedUser, id, put};
use m4sh_domain::access::EffectiveRights;
use m4sh_domain::fields::label;
use m4sh_domain::json::{Object, Value};
use m4sh_domain::limits;
use m4sh_domain::times;

m4sh_domain::named_enum! {
    /// How well somebody is connected, by the time that a ping takes to them and back.
    #[derive(PartialOrd, Ord)]
    pub enum Quality {
        /// Half a second or more, or no answer.
        Poor = "poor",
        /// Strokes come visibly late.
        Fair = "fair",
        /// Good enough to draw together.
        Good = "good",
        /// Nobody notices a distance.
        Excellent = "excellent",
    }
}

impl Quality {
    /// The quality of a connection with that round trip.
    #[must_use]
    pub fn of(round_trip: Duration) -> Self {
        match round_trip.as_millis() {
            0..100 => Self::Excellent,
            100..250 => Self::Good,
            250..500 => Self::Fair,
            _ => Self::Poor,
        }
    }
}

/// What somebody has selected.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Selection {
    /// The items; none when nothing is selected any more.
    pub ids: Box<[Box<str>]>,
    /// The page they are on.
    pub page: Option<Box<str>>,
}

impl Selection {
    /// Reads a `select` frame; `None` when it is none.
    pub(super) fn read(value: &Value) -> Option<Self> {
        let ids = value.get("ids")?.as_array().filter(|ids| ids.len() <= limits::SELECTED_ITEMS)?;
        let fits = |id: &&str| (1..=limits::ITEM_ID_BYTES).contains(&id.len());
        let ids = ids.iter().map(|id| id.as_str().filter(fits).map(Box::from)).collect::<Option<_>>()?;
        Some(Self { ids, page: label(value, "page") })
    }

    pub(super) fn fields(&self) -> Object {
        let ids = Value::Array(self.ids.iter().map(|id| Value::from(&**id)).collect());
        let page = self.page.as_deref().map(|page| ("page".to_owned(), Value::from(page)));
        std::iter::once(("ids".to_owned(), ids)).chain(page).collect()
    }
}

/// Somebody who is there, with as much of where they are as the reader may know.
pub struct RosterEntry<'a> {
    /// Who.
    pub person: &'a ConnectedUser,
    /// What they look at.
    pub view: Option<&'a View>,
    /// What they have selected.
    pub selection: Option<&'a Selection>,
    /// The page that they were last on.
    pub page: Option<&'a str>,
}

impl RosterEntry<'_> {
    /// Adds where they are to their entry of a roster.
    pub(super) fn write_places(&self, entry: &mut Object) {
        if let Some(view) = self.view {
            let mut fields = Object::default();
            for (key, number) in [("x", view.x), ("y", view.y), ("zoom", view.zoom)] {
                fields.insert(key, number);
            }
            if let Some(page) = view.page.as_deref() {
                fields.insert("page", page);
            }
            entry.insert("view", fields);
        }
        if let Some(selection) = self.selection.filter(|selection| !selection.ids.is_empty()) {
            entry.insert("selection", selection.fields());
        }
        if let Some(page) = self.page {
            entry.insert("page", page);
        }
    }
}

pub(super) fn user_fields(person: &ConnectedUser) -> Object {
    let mut fields = Object::default();
    put(&mut fields, "user", Some(id(person.user)));
    put(&mut fields, "name", Some((&*person.name).into()));
    put(&mut fields, "role", Some(person.role.name().into()));
    put(&mut fields, "status", Some(person.status.name().into()));
    put(&mut fields, "color", Some((&*person.color).into()));
    put(&mut fields, "quality", person.quality.map(|quality| quality.name().into()));
    fields
}

/// A roster's entry: who is there, and where.
pub(super) fn entry_fields(one: &RosterEntry<'_>) -> Object {
    let mut fields = user_fields(one.person);
    one.write_places(&mut fields);
    fields
}

/// What somebody may do, whether their pen was taken, and until when all that holds.
pub(super) fn put_standing(fields: &mut Object, standing: EffectiveRights) {
    let can = standing.can.named().map(|(name, value)| (name.to_owned(), Value::from(value)));
    put(fields, "can", Some(Value::Object(can.collect())));
    put(fields, "locked", standing.locked.then(|| true.into()));
    put(fields, "until", standing.until.map(|until| times::utc_field(until).into()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use m4sh_domain::json::Bounds;

    #[test]
    fn j13_a_selection_is_bounded() {
        let read = |text: &str| Selection::read(&Value::parse(text.as_bytes(), Bounds::default()).unwrap());
        let some = read(r#"{"ids":["a","b"],"page":"p1"}"#).unwrap();
        assert_eq!((some.ids.len(), some.page.as_deref()), (2, Some("p1")));
        assert_eq!(read(r#"{"ids":[]}"#), Some(Selection::default()));
        let many = |count: usize| format!(r#"{{"ids":[{}]}}"#, vec!["\"i\""; count].join(","));
        assert!(read(&many(limits::SELECTED_ITEMS)).is_some());
        for wrong in [&*many(limits::SELECTED_ITEMS + 1), "{}", r#"{"ids":[1]}"#, r#"{"ids":[""]}"#, r#"{"ids":"a"}"#] {
            assert!(read(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn j14_quality_is_told_by_the_round_trip() {
        let of = |ms| Quality::of(Duration::from_millis(ms)).name();
        assert_eq!([of(0), of(99), of(100), of(250), of(499)], ["excellent", "excellent", "good", "fair", "fair"]);
        assert_eq!([of(500), of(60_000)], ["poor", "poor"]);
    }
}
