//! Leading a class: `follow`, `bring`, `view_lock`, `page`, `present`, and the `laser`, which is never kept (SPEC F9, F15).

use uuid::Uuid;

use super::spec::{Decide, Event, EventColumns};
use super::{
    AllowedSenders, ClassAction, ClassState, DecisionContext, DecisionResult, FrameSpec, Recipients, RecordedEvent,
    Requester, Retention, happens, put, user_value,
};
use crate::fields::{flag, id, label, number, optional_id, users};
use crate::ids::{BoardId, UserId};
use crate::json::{Object, Value};
use crate::limits;
use crate::rate::Scope;
use crate::refusal::{Refusal, RefusalCode};

/// Let everybody follow somebody's view, or nobody's.
#[derive(Clone, PartialEq, Debug)]
pub struct Follow {
    /// Whether anybody is followed.
    pub on: bool,
    /// Who; the one who asks when nobody is named.
    pub user: Option<UserId>,
}

impl Decide for Follow {
    const SPEC: FrameSpec = FrameSpec {
        name: "follow",
        needs: "follow needs on, true or false; user is a user's id",
        example: r#"{"on":false}"#,
        decode: |frame| Some(Self { on: flag(frame, "on")?, user: optional_id(frame, "user")? }.into()),
        ..FrameSpec::COMMAND
    };

    fn decide(&self, _: &ClassState, by: &Requester, context: &DecisionContext<'_>) -> DecisionResult {
        let user = self.user.unwrap_or(by.user);
        context.check_member(user)?;
        happens(Following(self.on.then_some(user)))
    }
}

/// Whose view everybody follows.
#[derive(Clone, PartialEq, Debug)]
pub struct Following(pub Option<UserId>);

impl Event for Following {
    const KIND: &'static str = "follow";

    fn person(&self) -> Option<Uuid> {
        self.0.map(|user| user.0)
    }

    fn read(row: &EventColumns<'_>) -> Option<Self> {
        Some(Self(row.person.map(UserId)))
    }

    fn apply(&self, _: &RecordedEvent, state: &mut ClassState) {
        state.follow = self.0;
    }

    fn frames(&self, event: &RecordedEvent, _: &ClassState, _: Option<UserId>) -> Vec<(Recipients, Object)> {
        let mut frame = event.frame(Object::from([("on", self.0.is_some().into())]));
        put(&mut frame, "leader", self.0.map(user_value));
        vec![(Recipients::All, frame)]
    }
}

/// A part of a board that somebody looks at.
#[derive(Clone, PartialEq, Debug)]
pub struct Viewport {
    /// The page.
    pub page: Option<Box<str>>,
    /// The left edge, in board units.
    pub x: f64,
    /// The top edge, in board units.
    pub y: f64,
    /// The scale; 1 is natural size.
    pub zoom: f64,
}

impl Viewport {
    /// From a frame or a row; `None` unless x, y and zoom are numbers within bounds.
    #[must_use]
    pub fn read(fields: &Value) -> Option<Self> {
        let page = label(fields, "page");
        Some(Self { page, x: number(fields, "x")?, y: number(fields, "y")?, zoom: number(fields, "zoom")? })
    }

    /// As frames, rows and welcomes have it.
    #[must_use]
    pub fn fields(&self) -> Object {
        let mut fields = Object::from([("x", self.x.into()), ("y", self.y.into()), ("zoom", self.zoom.into())]);
        put(&mut fields, "page", self.page.as_deref().map(Value::from));
        fields
    }
}

/// Bring everybody, or some, to a part of a board.
#[derive(Clone, PartialEq, Debug)]
pub struct Bring {
    /// Where to.
    pub viewport: Viewport,
    /// The people who are brought; everybody when none are named.
    pub users: Vec<UserId>,
}

impl Decide for Bring {
    const SPEC: FrameSpec = FrameSpec {
        name: "bring",
        needs: "bring needs x, y and zoom, finite numbers; users is a list of up to 40 ids",
        example: r#"{"page":"p1","x":1,"y":2,"zoom":1}"#,
        decode: |frame| {
            let viewport = Viewport::read(frame)?;
            Some(Self { viewport, users: users(frame, "users", limits::SUMMONED_NAMES)? }.into())
        },
        ..FrameSpec::COMMAND
    };

    fn decide(&self, _: &ClassState, _: &Requester, context: &DecisionContext<'_>) -> DecisionResult {
        self.users.iter().try_for_each(|user| context.check_member(*user))?;
        happens(self.clone())
    }
}

impl Event for Bring {
    const KIND: &'static str = "bring";

    fn data(&self) -> Object {
        let mut data = self.viewport.fields();
        if !self.users.is_empty() {
            data.insert("users", self.users.iter().map(|user| user_value(*user)).collect::<Vec<_>>());
        }
        data
    }

    fn read(row: &EventColumns<'_>) -> Option<Self> {
        let data = Value::Object(row.data.clone());
        Some(Self { viewport: Viewport::read(&data)?, users: users(&data, "users", usize::MAX)? })
    }

    fn apply(&self, event: &RecordedEvent, state: &mut ClassState) {
        state.bring = Some((event.seq, self.clone()));
    }

    fn frames(&self, event: &RecordedEvent, _: &ClassState, _: Option<UserId>) -> Vec<(Recipients, Object)> {
        let all = self.users.is_empty();
        let recipients = if all { Recipients::All } else { Recipients::WithLeaders(self.users.clone()) };
        vec![(recipients, event.frame(self.data()))]
    }
}

/// Hold pupils' view, or let it go.
#[derive(Clone, PartialEq, Debug)]
pub struct ViewLock(pub bool);

impl Decide for ViewLock {
    const SPEC: FrameSpec = FrameSpec {
        name: "view_lock",
        needs: "view_lock needs on, true or false",
        example: r#"{"on":false}"#,
        decode: |frame| Some(Self(flag(frame, "on")?).into()),
        ..FrameSpec::COMMAND
    };

    fn decide(&self, _: &ClassState, _: &Requester, _: &DecisionContext<'_>) -> DecisionResult {
        happens(self.clone())
    }
}

impl Event for ViewLock {
    const KIND: &'static str = "view_lock";

    fn data(&self) -> Object {
        Object::from([("on", self.0.into())])
    }

    fn read(row: &EventColumns<'_>) -> Option<Self> {
        Some(Self(row.flag("on")?))
    }

    fn apply(&self, _: &RecordedEvent, state: &mut ClassState) {
        state.view_lock = self.0;
    }
}

/// Turn the page for all.
#[derive(Clone, PartialEq, Debug)]
pub struct SetPage(pub Box<str>);

impl Decide for SetPage {
    const SPEC: FrameSpec = FrameSpec {
        name: "page",
        needs: "page needs page, an id of at most 256 bytes",
        example: r#"{"page":"p1"}"#,
        decode: |frame| Some(Self(label(frame, "page")?).into()),
        ..FrameSpec::COMMAND
    };

    fn decide(&self, _: &ClassState, _: &Requester, _: &DecisionContext<'_>) -> DecisionResult {
        happens(self.clone())
    }
}

impl Event for SetPage {
    const KIND: &'static str = "page";

    fn data(&self) -> Object {
        Object::from([("page", (&*self.0).into())])
    }

    fn read(row: &EventColumns<'_>) -> Option<Self> {
        Some(Self(row.text("page")?.into()))
    }

    fn apply(&self, _: &RecordedEvent, state: &mut ClassState) {
        state.page = Some(self.0.clone());
    }
}

/// Show a board of the lesson to the class.
#[derive(Clone, PartialEq, Debug)]
pub struct PresentBoard(pub BoardId);

impl Decide for PresentBoard {
    const SPEC: FrameSpec = FrameSpec {
        name: "present",
        needs: "present needs board, a board's id",
        example: r#"{"board":"BOARD"}"#,
        decode: |frame| Some(Self(id(frame, "board")?).into()),
        ..FrameSpec::COMMAND
    };

    fn decide(&self, _: &ClassState, _: &Requester, context: &DecisionContext<'_>) -> DecisionResult {
        if !context.boards.contains(&self.0) {
            return Err(Refusal::new(RefusalCode::UnknownBoard, "this is no board of this lesson"));
        }
        happens(self.clone())
    }
}

impl Event for PresentBoard {
    const KIND: &'static str = "present";

    fn data(&self) -> Object {
        Object::from([("board", self.0.to_string().into())])
    }

    fn read(row: &EventColumns<'_>) -> Option<Self> {
        Some(Self(row.text("board")?.parse().ok()?))
    }

    fn apply(&self, _: &RecordedEvent, state: &mut ClassState) {
        state.present = Some(self.0);
    }
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

pub(super) const LASER: FrameSpec = FrameSpec {
    name: "laser",
    needs: "laser needs x and y, finite numbers; on is true or false",
    example: r#"{"on":false}"#,
    senders: AllowedSenders::Leaders,
    denied: "only those who lead this class point with a laser",
    cost: Some(Scope::WsCursor),
    retention: Retention::Latest,
    decode: |frame| {
        let on = frame.get("on").map_or(Some(true), Value::as_bool)?;
        let at = |key| if on { number(frame, key) } else { Some(number(frame, key).unwrap_or_default()) };
        Some(ClassAction::Laser(Laser { on, page: label(frame, "page"), x: at("x")?, y: at("y")? }))
    },
    ..FrameSpec::ACTION
};
