//! Conversions between the database and the program: parameters of queries (`SqlParam`), columns (`SqlColumn`) and rows
//! (`FromRow`). Called by the code that `queries!` makes. A value that cannot be read is an error, never a default.

use std::net::IpAddr;

use bytes::Bytes;
use jiff::Timestamp;
use m4sh_domain::{
    access::{Role, RuleSubject},
    board::Digest,
    hooks::HookEvent,
    ids::{BoardId, ClassroomId, ClientId, Epoch, HookId, LessonId, LinkId, LoginId, Rev, UserId},
};
use tokio_postgres::{
    Row,
    types::{FromSql, ToSql},
};
use uuid::Uuid;

use crate::StoreError;

/// A type that one column holds.
pub trait SqlColumn: Sized {
    /// The driver's type of the column.
    type Sql<'r>: FromSql<'r>;

    /// # Errors
    /// `Query` when the database holds what this program does not know.
    fn from_sql(value: Self::Sql<'_>) -> Result<Self, StoreError>;
}

/// A type that a query takes as a parameter.
pub trait SqlParam {
    /// The driver's type of the parameter.
    type Sql: ToSql + Sync;

    fn to_sql(self) -> Self::Sql;
}

/// A type that a whole row holds.
pub trait FromRow: Sized {
    /// # Errors
    /// `Query` when a column is missing or holds what this program does not know.
    fn from_row(row: &Row) -> Result<Self, StoreError>;

    /// Why rows with these columns cannot be read.
    #[cfg(test)]
    fn check(_: &[tokio_postgres::Column]) -> Result<(), String> {
        Ok(())
    }
}

/// A field of a row's struct: the column of that name, or several columns that the type itself names.
pub trait RowField: Sized {
    /// # Errors
    /// As [`FromRow::from_row`].
    fn read(row: &Row, name: &'static str) -> Result<Self, StoreError>;

    /// Why the field cannot be read from these columns.
    #[cfg(test)]
    fn check(_: &[tokio_postgres::Column], _: &'static str) -> Result<(), String> {
        Ok(())
    }
}

/// The value of the column `name`.
pub(crate) fn column<T: SqlColumn>(row: &Row, name: &str) -> Result<T, StoreError> {
    // Not `?`: an error without the server's word would count as a lost connection, and this one is ours.
    T::from_sql(row.try_get(name).map_err(StoreError::query)?)
}

impl<T: SqlColumn> RowField for T {
    fn read(row: &Row, name: &'static str) -> Result<Self, StoreError> {
        column(row, name)
    }

    #[cfg(test)]
    fn check(columns: &[tokio_postgres::Column], name: &'static str) -> Result<(), String> {
        let found = columns.iter().find(|column| column.name() == name).ok_or(format!("there is no column {name}"))?;
        accepts::<T>(found)
    }
}

#[cfg(test)]
fn accepts<T: SqlColumn>(column: &tokio_postgres::Column) -> Result<(), String> {
    if <T::Sql<'_> as FromSql>::accepts(column.type_()) {
        return Ok(());
    }
    Err(format!("{} is {} and not {}", column.name(), column.type_(), std::any::type_name::<T>()))
}

impl<T: SqlColumn> FromRow for T {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        T::from_sql(row.try_get(0).map_err(StoreError::query)?)
    }

    #[cfg(test)]
    fn check(columns: &[tokio_postgres::Column]) -> Result<(), String> {
        columns.first().ok_or("there is no column".to_owned()).and_then(accepts::<T>)
    }
}

macro_rules! tuple_rows {
    ($(($($of:ident $at:tt),+))+) => {$(
        impl<$($of: SqlColumn),+> FromRow for ($($of,)+) {
            fn from_row(row: &Row) -> Result<Self, StoreError> {
                Ok(($($of::from_sql(row.try_get($at).map_err(StoreError::query)?)?,)+))
            }

            #[cfg(test)]
            fn check(columns: &[tokio_postgres::Column]) -> Result<(), String> {
                $(columns.get($at).ok_or("a column is missing".to_owned()).and_then(accepts::<$of>)?;)+
                Ok(())
            }
        }
    )+};
}

tuple_rows! { (A 0, B 1) (A 0, B 1, C 2) (A 0, B 1, C 2, D 3) }

/// Types that the driver reads and writes as they are.
macro_rules! plain {
    ($($ty:ty),+) => {$(
        impl SqlColumn for $ty {
            type Sql<'r> = Self;
            fn from_sql(value: Self) -> Result<Self, StoreError> {
                Ok(value)
            }
        }

        impl SqlParam for $ty {
            type Sql = Self;
            fn to_sql(self) -> Self {
                self
            }
        }

        impl<'a> SqlParam for &'a $ty {
            type Sql = Self;
            fn to_sql(self) -> Self {
                self
            }
        }
    )+};
}

plain!(i16, i32, i64, f64, bool, String, Vec<u8>, Uuid, Timestamp, IpAddr);

/// Types that are kept as another: how it becomes theirs, and theirs becomes it.
macro_rules! kept_as {
    ($($ty:ty as $sql:ty: $to:expr, $from:expr;)+) => {$(
        impl SqlColumn for $ty {
            type Sql<'r> = $sql;
            fn from_sql(value: $sql) -> Result<Self, StoreError> {
                $from(value)
            }
        }

        impl SqlParam for $ty {
            type Sql = $sql;
            fn to_sql(self) -> $sql {
                $to(self)
            }
        }

        impl SqlParam for &$ty {
            type Sql = $sql;
            fn to_sql(self) -> $sql {
                $to(*self)
            }
        }
    )+};
}

macro_rules! ids {
    ($($id:ident),+) => { kept_as! { $($id as Uuid: |id: $id| id.0, |id| Ok($id(id));)+ } };
}

ids!(BoardId, ClassroomId, ClientId, HookId, LessonId, LinkId, LoginId, UserId);

/// PostgreSQL's numbers are signed; what is counted here never reaches the sign.
macro_rules! unsigned {
    ($($ty:ty as $sql:ty),+) => { kept_as! { $($ty as $sql:
        |number: $ty| <$sql>::try_from(number).unwrap_or(<$sql>::MAX),
        |number: $sql| number.try_into().map_err(StoreError::query);
    )+ } };
}

unsigned!(u16 as i16, u32 as i32, u64 as i64, usize as i64);

kept_as! {
    Rev as i64: |rev: Rev| rev.0.to_sql(), |rev| u64::from_sql(rev).map(Rev);
    Epoch as i64: |epoch: Epoch| epoch.0.to_sql(), |epoch| u64::from_sql(epoch).map(Epoch);
}

/// Not a column type of its own, so that `Vec<u8>` is bytes and no array.
impl RowField for u8 {
    fn read(row: &Row, name: &'static str) -> Result<Self, StoreError> {
        column::<i16>(row, name)?.try_into().map_err(StoreError::query)
    }
}

/// Types that are kept as text: `name` and `from_name` of the type.
macro_rules! names {
    ($($ty:ty),+ $(,)?) => {$(
        impl $crate::sql::SqlColumn for $ty {
            type Sql<'r> = &'r str;
            fn from_sql(name: &str) -> Result<Self, $crate::StoreError> {
                let unknown = || $crate::StoreError::query(format!(concat!("unknown ", stringify!($ty), " {:?}"), name));
                Self::from_name(name).ok_or_else(unknown)
            }
        }

        impl $crate::sql::SqlParam for $ty {
            type Sql = &'static str;
            fn to_sql(self) -> &'static str {
                self.name()
            }
        }

        impl $crate::sql::SqlParam for &$ty {
            type Sql = &'static str;
            fn to_sql(self) -> &'static str {
                self.name()
            }
        }
    )+};
}
pub(crate) use names;

names!(Role, RuleSubject);

impl SqlParam for &HookEvent {
    type Sql = &'static str;
    fn to_sql(self) -> &'static str {
        self.name()
    }
}

/// Events that only another version of this program knows are left out.
impl SqlColumn for Vec<HookEvent> {
    type Sql<'r> = Vec<&'r str>;
    fn from_sql(names: Vec<&str>) -> Result<Self, StoreError> {
        Ok(names.into_iter().filter_map(HookEvent::from_name).collect())
    }
}

impl SqlColumn for Box<str> {
    type Sql<'r> = &'r str;
    fn from_sql(text: &str) -> Result<Self, StoreError> {
        Ok(text.into())
    }
}

impl SqlColumn for Bytes {
    type Sql<'r> = Vec<u8>;
    fn from_sql(bytes: Vec<u8>) -> Result<Self, StoreError> {
        Ok(bytes.into())
    }
}

impl SqlColumn for [u8; 32] {
    type Sql<'r> = &'r [u8];
    fn from_sql(bytes: &[u8]) -> Result<Self, StoreError> {
        bytes.try_into().map_err(StoreError::query)
    }
}

impl SqlColumn for Digest {
    type Sql<'r> = &'r [u8];
    fn from_sql(bytes: &[u8]) -> Result<Self, StoreError> {
        <[u8; 32]>::from_sql(bytes).map(Self)
    }
}

/// JSON goes over the wire as text: `params::text` in what is read, `$1::text::jsonb` in what is written.
impl SqlColumn for serde_json::Value {
    type Sql<'r> = &'r str;
    fn from_sql(text: &str) -> Result<Self, StoreError> {
        serde_json::from_str(text).map_err(StoreError::query)
    }
}

impl<T: SqlColumn> SqlColumn for Option<T> {
    type Sql<'r> = Option<T::Sql<'r>>;
    fn from_sql(value: Self::Sql<'_>) -> Result<Self, StoreError> {
        value.map(T::from_sql).transpose()
    }
}

/// NULL is an array without elements, which is what `array_agg` says of no rows.
impl<T: SqlColumn> SqlColumn for Vec<T> {
    type Sql<'r> = Option<Vec<T::Sql<'r>>>;
    fn from_sql(values: Self::Sql<'_>) -> Result<Self, StoreError> {
        values.unwrap_or_default().into_iter().map(T::from_sql).collect()
    }
}

impl<'a> SqlParam for &'a str {
    type Sql = &'a str;
    fn to_sql(self) -> &'a str {
        self
    }
}

impl<'a> SqlParam for &&'a str {
    type Sql = &'a str;
    fn to_sql(self) -> &'a str {
        self
    }
}

impl<'a> SqlParam for &'a [u8] {
    type Sql = &'a [u8];
    fn to_sql(self) -> &'a [u8] {
        self
    }
}

impl<'a> SqlParam for &'a [u8; 32] {
    type Sql = &'a [u8];
    fn to_sql(self) -> &'a [u8] {
        self
    }
}

impl SqlParam for std::time::Duration {
    type Sql = f64;
    fn to_sql(self) -> f64 {
        self.as_secs_f64()
    }
}

impl<T: SqlParam> SqlParam for Option<T> {
    type Sql = Option<T::Sql>;
    fn to_sql(self) -> Self::Sql {
        self.map(T::to_sql)
    }
}

impl<T: SqlParam> SqlParam for Vec<T> {
    type Sql = Vec<T::Sql>;
    fn to_sql(self) -> Self::Sql {
        self.into_iter().map(T::to_sql).collect()
    }
}

impl<'a, T> SqlParam for &'a [T]
where
    &'a T: SqlParam,
{
    type Sql = Vec<<&'a T as SqlParam>::Sql>;
    fn to_sql(self) -> Self::Sql {
        self.iter().map(<&T>::to_sql).collect()
    }
}

/// One column of many rows, as `unnest` takes them.
pub(crate) fn each<'a, T, U>(rows: &'a [T], of: impl Fn(&'a T) -> U) -> Vec<U> {
    rows.iter().map(of).collect()
}
