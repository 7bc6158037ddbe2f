//! The small schemas that others are made of, with the bounds of `limits` as values and not as copies.
//! Used by the areas for the fields of their bodies; `reading` says how each is read. Never describes a whole body.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::json;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        KnownFormat, ObjectBuilder, RefOr, SchemaFormat,
        schema::{AnyOfBuilder, ArrayBuilder, OneOfBuilder, Schema, SchemaType, Type},
    },
};

use super::{names::names, op_schemas::OpRequest};
use m4sh_domain::board::OpKind;
use m4sh_domain::classroom::PupilSelection;
use m4sh_domain::hooks::HookEvent;
use m4sh_domain::limits::{
    BATCH_ID_BYTES, BOARD_PAGES, CHAT_CHARS, CLIENT_WORD_CHARS, EMAIL_BYTES, FEED_BOARDS, ITEM_ID_BYTES, JSON_DEPTH,
    LINK_DAYS, LINK_VIEWS, NAME_CHARS, NOTE_CHARS, OPS_PER_BATCH, PASSWORD_BYTES, PERSON_NAME_CHARS, REVEALED_NAMES,
    URL_CHARS,
};
use m4sh_domain::times;

/// One line of text: no control characters.
pub const LINE: &str = r"^[^\u0000-\u001f\u007f-\u009f]*$";
/// The same, and not blank.
const NAME: &str = r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$";
/// Lines of text, and not blank.
const WRITTEN: &str = r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*$";
/// A safe underestimate of "one @ with something fit on both sides".
const EMAIL: &str = r"^[A-Za-z0-9_+-]+(\.[A-Za-z0-9_+-]+)*@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$";

macro_rules! schemas {
    ($($(#[doc = $doc:literal])* $name:ident $(as $shown:literal)? = $schema:expr;)+) => {$(
        $(#[doc = $doc])*
        pub struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                RefOr::T($schema.description(Some(concat!($($doc),*).trim())).into())
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                [$($shown,)? stringify!($name)][0].into()
            }
        }
    )+};
}

names! {
    /// What a webhook can be told.
    pub HookEventName(HookEvent) = HookEvent::ALL;
}

schemas! {
    /// What an operation is about.
    OperationKind = text().enum_values(Some(OpKind::for_clients().map(OpKind::name)));
    /// The name of a board, a classroom or a lesson: not blank, without control characters. White space around it is cut off.
    Name = name(NAME_CHARS).examples(["7-B Geometry"]);
    /// A first or last name, perhaps empty. White space around it is cut off.
    PersonName = line(PERSON_NAME_CHARS).examples(["Anna"]);
    /// What a client calls something that happened.
    Happening = name(CLIENT_WORD_CHARS).examples(["media_toggle"]);
    /// What somebody wrote: not blank; of control characters only line ends and tabs.
    ChatText =
        text()
            .min_length(Some(1))
            .max_length(Some(CHAT_CHARS))
            .pattern(Some(WRITTEN))
            .examples(["Which side is the hypotenuse?"]);
    /// A client's own id of what it says.
    MessageKey = text().min_length(Some(1)).max_length(Some(BATCH_ID_BYTES)).pattern(Some("^[!-~]+$")).examples(["m-1"]);
    /// A file's name, perhaps empty.
    Line = line(NAME_CHARS).examples(["triangle.png"]);
    /// A line about something, perhaps empty.
    Note = line(NOTE_CHARS).examples(["Before the test"]);
    /// Where a picture is.
    Url = line(URL_CHARS).examples(["https://school.example/board.png"]);
    /// An address that is reached from the open internet: https or http, without a user or a password.
    HookUrl =
        text()
            .max_length(Some(URL_CHARS))
            .pattern(Some(r"^https?://[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]{2,}(/[!-~]*)?$"))
            .examples(["https://school.example/hook"]);
    /// An e-mail address as somebody types it to sign in.
    LoginName = name(EMAIL_BYTES).examples(["anna@school.example"]);
    /// A refresh token.
    RefreshTokenText as "RefreshToken" = name(128).examples(["3q2-7w9oLJ0b5kqGZzYw4m1nXc8vTtRrEeWwQqAaSsD"]);
    /// An e-mail address.
    Email =
        text().max_length(Some(EMAIL_BYTES)).pattern(Some(EMAIL)).examples(["anna@school.example"]);
    /// A password. Its length counts in bytes of UTF-8.
    Password =
        text()
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)))
            .min_length(Some(*PASSWORD_BYTES.start()))
            .max_length(Some(*PASSWORD_BYTES.end()))
            .examples(["correct horse battery"]);
    /// The id of an item, a page or a key of `meta`: text without outer white space, counted in bytes.
    ItemId =
        name(ITEM_ID_BYTES).examples(["stroke-1"]);
    /// A board's document: any JSON object. Keys that the server does not know survive at every level. The operations know
    /// `pages` (each with `id`, `strokes`, `assets`, `shapes`, `texts`), `activePageId` and `meta`.
    State =
        object()
            .extensions(Some([("x-m4sh-max-depth", json!(JSON_DEPTH))].into_iter().collect()))
            .examples([json!({
                "activePageId": "page-1",
                "pages": [{"id": "page-1", "strokes": [], "assets": []}],
            })]);
    /// The state of a new board. Old clients send `null`, `[]` and other falsy values for an empty one.
    FirstState = AnyOfBuilder::new()
        .item(RefOr::<Schema>::Ref(utoipa::openapi::Ref::from_schema_name(State::name())))
        .item(falsy());
    /// In how many days a link expires: 7 unless said otherwise; 0 or anything falsy means never.
    LinkDays = amount(LINK_DAYS);
    /// How often a link can be opened; 0 or anything falsy means without a bound.
    LinkViews = amount(LINK_VIEWS);
    /// Always `true`.
    IsTrue = ObjectBuilder::new().schema_type(Type::Boolean).enum_values(Some([true]));
    /// Always `false`.
    IsFalse = ObjectBuilder::new().schema_type(Type::Boolean).enum_values(Some([false]));
    /// A whole state to save, which cannot be empty: no board is cleared by accident.
    NonEmptyState =
        object().min_properties(Some(1)).examples([json!({
            "activePageId": "page-1",
            "pages": [{"id": "page-1", "strokes": [], "assets": []}],
        })]);
    /// How many pages a board has.
    PageCount =
        ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(1))
            .maximum(Some(BOARD_PAGES as u64))
            .examples([1]);
    /// Signed URLs by what they stand for.
    Addresses = object().additional_properties(Some(text())).examples([json!({})]);
    /// Members to add or to replace.
    Members = object().min_properties(Some(1)).examples([json!({"color": "#c0392b"})]);
    /// Events of a webhook, each once.
    HookEvents =
        ArrayBuilder::new()
            .items(RefOr::<Schema>::Ref(utoipa::openapi::Ref::from_schema_name(HookEventName::name())))
            .min_items(Some(1))
            .max_items(Some(HookEvent::ALL.len()))
            .unique_items(true)
            .examples([json!(["session.started", "board.saved"])]);
    /// `everybody`, which holds for those who come later, too, or these.
    Everybody = whom(&["everybody"], FEED_BOARDS);
    /// `all`, or these.
    All = whom(&["all"], FEED_BOARDS);
    /// `all`, `groups`, or these.
    AllOrGroups = whom(&["all", "groups"], FEED_BOARDS);
    /// The operations of one batch, in order.
    Batch =
        ArrayBuilder::new()
            .items(RefOr::<Schema>::Ref(utoipa::openapi::Ref::from_schema_name(OpRequest::name())))
            .min_items(Some(1))
            .max_items(Some(OPS_PER_BATCH));
}

/// `all`, or these.
#[derive(Clone, Debug)]
pub struct RevealedUsers(pub PupilSelection);

impl Serialize for RevealedUsers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            PupilSelection::All => serializer.serialize_str("all"),
            PupilSelection::Only(users) => users.serialize(serializer),
        }
    }
}

impl PartialSchema for RevealedUsers {
    fn schema() -> RefOr<Schema> {
        RefOr::T(whom(&["all"], REVEALED_NAMES).description(Some("`all`, or these.")).into())
    }
}

impl ToSchema for RevealedUsers {
    fn name() -> Cow<'static, str> {
        "Revealed".into()
    }
}

/// A new password: described as any other.
pub struct NewPassword;

impl PartialSchema for NewPassword {
    fn schema() -> RefOr<Schema> {
        Password::schema()
    }
}

impl ToSchema for NewPassword {
    fn name() -> Cow<'static, str> {
        Password::name()
    }
}

/// A cursor or a time.
#[derive(ToSchema)]
#[schema(as = ReplayStart)]
#[serde(untagged)]
#[allow(dead_code, reason = "read by hand, since a cursor may be written with a point")]
pub enum HookReplayStart {
    /// After this event.
    Cursor(u64),
    /// From this moment on.
    Time(Moment),
}

/// A moment in UTC, with microseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
pub struct Moment(pub Timestamp);

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&times::utc_field(self.0))
    }
}

impl PartialSchema for Moment {
    fn schema() -> RefOr<Schema> {
        let text = text().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
        let text = text.examples(["2026-01-31T12:00:00.000000Z"]);
        RefOr::T(text.description(Some("A moment in UTC, with microseconds.")).into())
    }
}

impl ToSchema for Moment {}

/// A moment as saves answer it: with `+00:00` in place of `Z`.
#[derive(Clone, Copy, Debug)]
pub struct ServerMoment(pub Timestamp);

impl Serialize for ServerMoment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&times::server_ts(self.0))
    }
}

impl PartialSchema for ServerMoment {
    fn schema() -> RefOr<Schema> {
        Moment::schema()
    }
}

impl ToSchema for ServerMoment {
    fn name() -> Cow<'static, str> {
        Moment::name()
    }
}

fn whom(words: &[&str], most: usize) -> OneOfBuilder {
    let id = text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)));
    let list = ArrayBuilder::new().items(id).min_items(Some(1)).max_items(Some(most));
    let word = text().enum_values(Some(words.iter().copied()));
    OneOfBuilder::new().item(word).item(list).examples([words[0]])
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn line(most: usize) -> ObjectBuilder {
    text().max_length(Some(most)).pattern(Some(LINE))
}

fn name(most: usize) -> ObjectBuilder {
    text().min_length(Some(1)).max_length(Some(most)).pattern(Some(NAME))
}

/// What means "none" since ever.
fn falsy() -> ObjectBuilder {
    let values = [json!(null), json!([]), json!(0), json!(""), json!(false)];
    ObjectBuilder::new().schema_type(SchemaType::AnyValue).enum_values(Some(values))
}

fn amount(most: u64) -> AnyOfBuilder {
    let number = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).maximum(Some(most)).examples([30]);
    AnyOfBuilder::new().item(number).item(falsy())
}

fn object() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::Type(Type::Object))
}
