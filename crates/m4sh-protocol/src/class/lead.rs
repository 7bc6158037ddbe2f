//! Leading: follow me, bring everybody here, lock the view, laser, pages. Read by `class`, carried out by
//! `actors::classroom`. Never judges who may.

use super::words::{flag, id, person, users};
use crate::client::{label, number};
use m4sh_domain::classroom::{ClassCommand, Viewport};
use m4sh_domain::json::Value;
use m4sh_domain::limits;

/// One frame of this kind.
#[derive(Clone, PartialEq, Debug)]
pub enum LeadFrame {
    /// Something that is kept, and told in order.
    Ask(ClassCommand),
    /// Where a laser points: shown, not kept.
    Laser(Laser),
}

/// A laser pointer.
#[derive(Clone, PartialEq, Debug)]
pub struct Laser {
    /// Whether it shines.
    pub on: bool,
    /// The page.
    pub page: Option<Box<str>>,
    /// Horizontally, in board units.
    pub x: f64,
    /// Vertically.
    pub y: f64,
}

impl LeadFrame {
    /// The frame with that name; `None` when it is none of these.
    pub(super) fn read(kind: &str, value: &Value) -> Option<Result<Self, &'static str>> {
        Some(match kind {
            "follow" => follow(value).ok_or("follow needs on, true or false; user is a user's id"),
            "bring" => bring(value).ok_or("bring needs x, y and zoom, finite numbers; users is a list of up to 40 ids"),
            "view_lock" => flag(value, "on").map(ClassCommand::ViewLock).ok_or("view_lock needs on, true or false"),
            "page" => label(value, "page").map(ClassCommand::Page).ok_or("page needs page, an id of at most 256 bytes"),
            "present" => id(value, "board").map(ClassCommand::Present).ok_or("present needs board, a board's id"),
            "laser" => {
                let laser = laser(value).ok_or("laser needs x and y, finite numbers; on is true or false");
                return Some(laser.map(Self::Laser));
            }
            _ => return None,
        })
        .map(|ask| ask.map(Self::Ask))
    }
}

fn follow(value: &Value) -> Option<ClassCommand> {
    Some(ClassCommand::Follow { on: flag(value, "on")?, user: person(value, "user")? })
}

fn bring(value: &Value) -> Option<ClassCommand> {
    let place = Viewport {
        page: label(value, "page"),
        x: number(value, "x")?,
        y: number(value, "y")?,
        zoom: number(value, "zoom")?,
    };
    Some(ClassCommand::Bring { place, users: users(value, "users", limits::SUMMONED_NAMES)? })
}

fn laser(value: &Value) -> Option<Laser> {
    let on = value.get("on").map_or(Some(true), Value::as_bool)?;
    let at = |key| if on { number(value, key) } else { Some(number(value, key).unwrap_or_default()) };
    Some(Laser { on, page: label(value, "page"), x: at("x")?, y: at("y")? })
}
