//! What operations act on. The kinds of items are declared here once; everything else iterates [`ItemKind::ALL`] or
//! matches without a wildcard, so that no kind can be left out. Called by everything that reads or writes operations.

use std::{borrow::Cow, sync::LazyLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::access::Permission;

crate::named_enum! {
    /// What an operation does.
    pub enum Action {
        /// Adds something new.
        Add = "add",
        /// Merges members into what is there.
        Update = "update",
        /// Removes what is there.
        Remove = "remove",
    }
}

/// How the renderer and thumbnails read an item, and in which layer of a picture it lies, the lowest first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Drawing {
    /// A picture or note at a place, ordered by `zIndex`.
    Asset,
    /// Ink between named ends or corners, else as a stroke.
    Shape,
    /// Ink through points.
    Stroke,
    /// Letters at a place.
    Text,
}

/// A row of the table of item kinds.
struct ItemSpec {
    /// Under `kind`.
    name: &'static str,
    /// The page's member that holds the items.
    list: &'static str,
    /// Whether every page has the list, even an empty one.
    is_required: bool,
    /// What adding and updating an item needs.
    change: Permission,
    /// What removing an item needs.
    remove: Permission,
    drawing: Drawing,
}

macro_rules! item_kinds {
    ($($(#[$doc:meta])* $kind:ident $spec:tt)+) => {
        /// The kind of an item: which list of a page it is in.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        pub enum ItemKind { $($(#[$doc])* $kind),+ }

        impl ItemKind {
            /// Every kind, in the order of declaration.
            pub const ALL: [Self; [$(Self::$kind),+].len()] = [$(Self::$kind),+];

            const fn spec(self) -> ItemSpec {
                match self { $(Self::$kind => ItemSpec $spec),+ }
            }
        }
    };
}

item_kinds! {
    /// A line by hand.
    Stroke {
        name: "stroke", list: "strokes", is_required: true, drawing: Drawing::Stroke,
        change: Permission::Draw, remove: Permission::Erase,
    }
    /// A picture, a note, or a link to a medium.
    Asset {
        name: "asset", list: "assets", is_required: true, drawing: Drawing::Asset,
        change: Permission::Draw, remove: Permission::Erase,
    }
    /// A line, arrow, rectangle or ellipse.
    Shape {
        name: "shape", list: "shapes", is_required: false, drawing: Drawing::Shape,
        change: Permission::Draw, remove: Permission::Erase,
    }
    /// Letters.
    Text {
        name: "text", list: "texts", is_required: false, drawing: Drawing::Text,
        change: Permission::Draw, remove: Permission::Erase,
    }
}

impl ItemKind {
    /// Every kind, in the order in which their lists stand in a page's canonical text.
    pub const BY_LIST: [Self; Self::ALL.len()] = by_list(Self::ALL);

    /// The name under `kind`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.spec().name
    }

    /// The page's member that holds items of this kind.
    #[must_use]
    pub const fn list(self) -> &'static str {
        self.spec().list
    }

    /// How items of this kind are drawn.
    #[must_use]
    pub const fn drawing(self) -> Drawing {
        self.spec().drawing
    }

    /// The kinds whose lists every page has.
    pub fn required() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|kind| kind.spec().is_required)
    }

    /// The kind whose items are in this member of a page.
    #[must_use]
    pub fn from_list(list: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.list() == list)
    }

    /// The kind of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Sorts by the names of lists; byte order is the order of keys in canonical text.
const fn by_list(mut kinds: [ItemKind; ItemKind::ALL.len()]) -> [ItemKind; ItemKind::ALL.len()] {
    let mut end = kinds.len();
    while end > 1 {
        let mut at = 1;
        while at < end {
            if is_before(kinds[at].list().as_bytes(), kinds[at - 1].list().as_bytes()) {
                (kinds[at - 1], kinds[at]) = (kinds[at], kinds[at - 1]);
            }
            at += 1;
        }
        end -= 1;
    }
    kinds
}

const fn is_before(one: &[u8], other: &[u8]) -> bool {
    let mut at = 0;
    while at < one.len() && at < other.len() {
        if one[at] != other[at] {
            return one[at] < other[at];
        }
        at += 1;
    }
    one.len() < other.len()
}

/// Stored by name: the journal keeps kinds for ever, and a number would change its meaning with the table.
impl Serialize for ItemKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for ItemKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Cow::<str>::deserialize(deserializer)?;
        Self::from_name(&name).ok_or_else(|| D::Error::custom("unknown item kind"))
    }
}

/// What an operation is about.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum OpKind {
    /// An item of a page.
    Item(ItemKind),
    /// A page.
    Page,
    /// The state's `meta`.
    Meta,
    /// The state itself: only the server writes it, for whole-state saves.
    State,
}

impl OpKind {
    /// The kinds that clients may send.
    pub fn for_clients() -> impl Iterator<Item = Self> {
        ItemKind::ALL.into_iter().map(Self::Item).chain([Self::Page, Self::Meta])
    }

    /// The name under `kind`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Item(kind) => kind.name(),
            Self::Page => "page",
            Self::Meta => "meta",
            Self::State => "state",
        }
    }

    /// The kind of item; `None` for what is no item.
    #[must_use]
    pub const fn item(self) -> Option<ItemKind> {
        match self {
            Self::Item(kind) => Some(kind),
            Self::Page | Self::Meta | Self::State => None,
        }
    }

    /// What a client is answered whose `kind` is none of these.
    pub(super) fn expected() -> &'static str {
        static EXPECTED: LazyLock<String> = LazyLock::new(|| {
            let names: Vec<_> = OpKind::for_clients().map(OpKind::name).collect();
            format!("one of {}", names.join(", "))
        });
        &EXPECTED
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::for_clients().chain([Self::State]).find(|kind| kind.name() == name)
    }

    /// What doing this to a thing of this kind needs (SPEC P6).
    #[must_use]
    pub const fn permission(self, action: Action) -> Permission {
        match (self, action) {
            (Self::Item(kind), Action::Add | Action::Update) => kind.spec().change,
            (Self::Item(kind), Action::Remove) => kind.spec().remove,
            (Self::Page, Action::Add) => Permission::AddPage,
            (Self::Page, Action::Remove) => Permission::DeletePage,
            (Self::Page, Action::Update) | (Self::Meta, _) => Permission::Draw,
            (Self::State, _) => Permission::Clear,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d7_a_kind_has_one_name_and_one_list() {
        for kind in OpKind::for_clients().chain([OpKind::State]) {
            assert_eq!(OpKind::from_name(kind.name()), Some(kind));
        }
        for kind in ItemKind::ALL {
            assert_eq!(ItemKind::from_list(kind.list()), Some(kind));
            assert_eq!(rmp_serde::to_vec(&kind).unwrap(), rmp_serde::to_vec(kind.name()).unwrap());
            assert_eq!(rmp_serde::from_slice::<ItemKind>(&rmp_serde::to_vec(kind.name()).unwrap()).unwrap(), kind);
        }
        assert!(ItemKind::BY_LIST.is_sorted_by_key(|kind| kind.list()));
    }
    #[test]
    fn d7_the_example_client_knows_every_kind_of_item() {
        let client = include_str!("../../../../examples/board.js");
        for kind in ItemKind::ALL {
            assert!(client.contains(&format!("{}: '{}'", kind.name(), kind.list())), "{kind:?}");
        }
    }
}
