//! Queries as declarations: `queries!` makes a typed function of each and lists them for the tests of the schema and of
//! the plans; `row!` makes a struct that is read from a row. Used by the files of this crate.

use tokio_postgres::{
    Row,
    types::{FromSql, ToSql, Type},
};

use crate::{
    StoreError,
    pool::{Executor, Params},
    sql::FromRow,
};

/// Declares queries. Each `fn` becomes a function over a connection or a transaction, and a `pub fn` also a method of `Store`
/// on a connection of the pool. The parameters `$1`, `$2` … are the arguments, or the expressions in brackets.
/// The result is one of [`QueryOutput`]'s types. `#[plan(…)]` says which plan the tests accept: see [`Plan`].
///
/// ```ignore
/// queries! {
///     /// The account with that id, disabled or not.
///     pub fn account(id: UserId) -> Option<Account> = "SELECT … FROM account WHERE id = $1";
///
///     #[plan(batch)]
///     fn purge(before: Timestamp) -> u64 = "DELETE FROM job … LIMIT $2", [before, limits::CLEANING_ROWS];
/// }
/// ```
macro_rules! queries {
    (@list [$($known:tt)*]) => {
        #[cfg(test)]
        pub(crate) const QUERIES: &[$crate::query::CheckedQuery] = &[$($known)*];
    };
    (@list [$($known:tt)*] $(#[doc = $doc:literal])* $(#[plan($plan:ident)])?
        pub fn $name:ident($($arg:ident: $ty:ty),* $(,)?) -> $output:ty = $sql:expr $(, [$($param:expr),* $(,)?])?;
        $($rest:tt)*
    ) => {
        impl $crate::Store {
            $(#[doc = $doc])*
            ///
            /// # Errors
            /// [`StoreError`](crate::StoreError).
            #[allow(clippy::too_many_arguments)]
            pub async fn $name(
                &self,
                $($arg: $ty),*
            ) -> Result<<$output as $crate::query::QueryOutput>::Value, $crate::StoreError> {
                $name(&self.pool.get().await?, $($arg),*).await
            }
        }
        $crate::query::queries!(@fn [pub(crate)] [$($known)*] $(#[plan($plan)])?
            fn $name($($arg: $ty),*) -> $output = $sql $(, [$($param),*])?;
            $($rest)*
        );
    };
    (@list $known:tt $(#[doc = $doc:literal])* $(#[plan($plan:ident)])? pub(crate) fn $($rest:tt)*) => {
        $crate::query::queries!(@fn [pub(crate)] $known $(#[doc = $doc])* $(#[plan($plan)])? fn $($rest)*);
    };
    (@list $known:tt $(#[doc = $doc:literal])* $(#[plan($plan:ident)])? fn $($rest:tt)*) => {
        $crate::query::queries!(@fn [] $known $(#[doc = $doc])* $(#[plan($plan)])? fn $($rest)*);
    };
    (@fn [$($vis:tt)*] [$($known:tt)*] $(#[doc = $doc:literal])* $(#[plan($plan:ident)])?
        fn $name:ident($($arg:ident: $ty:ty),* $(,)?) -> $output:ty = $sql:expr $(, [$($param:expr),* $(,)?])?;
        $($rest:tt)*
    ) => {
        $(#[doc = $doc])*
        #[allow(clippy::too_many_arguments)]
        $($vis)* async fn $name<'db>(
            db: impl Into<$crate::pool::Executor<'db>>,
            $($arg: $ty),*
        ) -> Result<<$output as $crate::query::QueryOutput>::Value, $crate::StoreError> {
            let params = $crate::query::queries!(@params [$($arg),*] $([$($param),*])?);
            let params = $crate::query::ParamList::refs(&params);
            <$output as $crate::query::QueryOutput>::run(db.into(), $sql, &params).await
        }
        $crate::query::queries!(@list [$($known)* $crate::query::CheckedQuery {
            name: concat!(module_path!(), "::", stringify!($name)),
            sql: $sql,
            plan: $crate::query::queries!(@plan $($plan)?),
            params: $crate::query::param_types(|| {
                $(let $arg: $ty = $crate::query::never();)*
                $crate::query::queries!(@params [$($arg),*] $([$($param),*])?)
            }),
            check: <$output as $crate::query::QueryOutput>::check,
        },] $($rest)*);
    };
    (@params [$($arg:ident),*]) => { ($($crate::sql::SqlParam::to_sql($arg),)*) };
    (@params [$($arg:ident),*] [$($param:expr),*]) => { ($($crate::sql::SqlParam::to_sql($param),)*) };
    (@plan) => { $crate::query::Plan::Index };
    (@plan batch) => { $crate::query::Plan::Batch };
    (@plan scan) => { $crate::query::Plan::Scan };
    (@ $($unknown:tt)*) => { compile_error!(concat!("not a query: ", stringify!($($unknown)*))); };
    ($($all:tt)*) => { $crate::query::queries!(@list [] $($all)*); };
}
pub(crate) use queries;

/// Declares a struct whose fields are columns of the same name, or several columns where the field's type says so.
macro_rules! row {
    ($(#[$meta:meta])* $vis:vis struct $name:ident { $($(#[$doc:meta])* $field_vis:vis $field:ident: $ty:ty),* $(,)? }) => {
        $(#[$meta])*
        $vis struct $name { $($(#[$doc])* $field_vis $field: $ty),* }

        impl $crate::sql::FromRow for $name {
            fn from_row(row: &tokio_postgres::Row) -> Result<Self, $crate::StoreError> {
                Ok(Self { $($field: $crate::sql::RowField::read(row, stringify!($field))?),* })
            }

            #[cfg(test)]
            fn check(columns: &[tokio_postgres::Column]) -> Result<(), String> {
                $(<$ty as $crate::sql::RowField>::check(columns, stringify!($field))?;)*
                Ok(())
            }
        }

        impl $crate::sql::RowField for $name {
            fn read(row: &tokio_postgres::Row, _: &'static str) -> Result<Self, $crate::StoreError> {
                $crate::sql::FromRow::from_row(row)
            }

            #[cfg(test)]
            fn check(columns: &[tokio_postgres::Column], _: &'static str) -> Result<(), String> {
                <Self as $crate::sql::FromRow>::check(columns)
            }
        }
    };
}
pub(crate) use row;

/// Declares an enum that is kept as text, by its names.
macro_rules! text_enum {
    ($(#[$meta:meta])* pub enum $name:ident { $($variants:tt)+ }) => {
        m4sh_domain::named_enum! { $(#[$meta])* pub enum $name { $($variants)+ } }
        $crate::sql::names!($name);
    };
}
pub(crate) use text_enum;

/// What a query answers.
pub trait QueryOutput {
    /// What its caller gets.
    type Value;

    fn run(
        db: Executor<'_>,
        sql: &'static str,
        params: Params<'_>,
    ) -> impl Future<Output = Result<Self::Value, StoreError>> + Send;

    /// Why rows with these columns cannot be read.
    #[cfg(test)]
    fn check(_: &[tokio_postgres::Column]) -> Result<(), String> {
        Ok(())
    }
}

/// How many rows were touched or found is of no interest.
impl QueryOutput for () {
    type Value = ();
    async fn run(db: Executor<'_>, sql: &'static str, params: Params<'_>) -> Result<(), StoreError> {
        db.execute(sql, params).await.map(drop)
    }
}

/// How many rows were touched or found.
impl QueryOutput for u64 {
    type Value = Self;
    async fn run(db: Executor<'_>, sql: &'static str, params: Params<'_>) -> Result<Self, StoreError> {
        db.execute(sql, params).await
    }
}

/// Whether any row was touched or found.
impl QueryOutput for bool {
    type Value = Self;
    async fn run(db: Executor<'_>, sql: &'static str, params: Params<'_>) -> Result<Self, StoreError> {
        Ok(db.execute(sql, params).await? > 0)
    }
}

/// The first row, where there is at most one.
impl<T: FromRow> QueryOutput for Option<T> {
    type Value = Self;
    async fn run(db: Executor<'_>, sql: &'static str, params: Params<'_>) -> Result<Self, StoreError> {
        db.query(sql, params).await?.first().map(T::from_row).transpose()
    }

    #[cfg(test)]
    fn check(columns: &[tokio_postgres::Column]) -> Result<(), String> {
        T::check(columns)
    }
}

/// Every row.
impl<T: FromRow> QueryOutput for Vec<T> {
    type Value = Self;
    async fn run(db: Executor<'_>, sql: &'static str, params: Params<'_>) -> Result<Self, StoreError> {
        db.query(sql, params).await?.iter().map(T::from_row).collect()
    }

    #[cfg(test)]
    fn check(columns: &[tokio_postgres::Column]) -> Result<(), String> {
        T::check(columns)
    }
}

/// The row of a query that always has one.
pub struct One<T>(std::marker::PhantomData<T>);

impl<T: FromRow> QueryOutput for One<T> {
    type Value = T;
    async fn run(db: Executor<'_>, sql: &'static str, params: Params<'_>) -> Result<T, StoreError> {
        let rows = db.query(sql, params).await?;
        T::from_row(rows.first().ok_or_else(|| StoreError::query("a row is missing"))?)
    }

    #[cfg(test)]
    fn check(columns: &[tokio_postgres::Column]) -> Result<(), String> {
        T::check(columns)
    }
}

/// A page of a list and its total. The first column is `total`, in every row; past the end there is one row, in which all
/// other columns are NULL.
pub struct Paged<T>(std::marker::PhantomData<T>);

impl<T: FromRow> QueryOutput for Paged<T> {
    type Value = (u64, Vec<T>);
    async fn run(db: Executor<'_>, sql: &'static str, params: Params<'_>) -> Result<Self::Value, StoreError> {
        let rows = db.query(sql, params).await?;
        let total = rows.first().map_or(Ok(0), u64::from_row)?;
        let mut found = Vec::with_capacity(rows.len());
        for row in &rows {
            if !is_past_the_end(row)? {
                found.push(T::from_row(row)?);
            }
        }
        Ok((total, found))
    }

    #[cfg(test)]
    fn check(columns: &[tokio_postgres::Column]) -> Result<(), String> {
        <u64 as FromRow>::check(columns)?;
        T::check(columns)
    }
}

pub(crate) fn is_past_the_end(row: &Row) -> Result<bool, StoreError> {
    row.try_get::<_, IsNull>(1).map(|it| it.0).map_err(StoreError::query)
}

/// Whether a column of any type is NULL.
struct IsNull(bool);

impl<'r> FromSql<'r> for IsNull {
    fn from_sql(_: &Type, _: &'r [u8]) -> Result<Self, crate::Cause> {
        Ok(Self(false))
    }

    fn from_sql_null(_: &Type) -> Result<Self, crate::Cause> {
        Ok(Self(true))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// The parameters of a query, a tuple of the driver's types.
pub trait ParamList {
    fn refs(&self) -> Vec<&(dyn ToSql + Sync)>;

    /// For each parameter whether its type fits that of the schema.
    #[cfg(test)]
    fn accepts() -> Vec<fn(&Type) -> bool>;
}

macro_rules! param_lists {
    (@ [$($of:ident $at:tt)*]) => {
        impl<$($of: ToSql + Sync),*> ParamList for ($($of,)*) {
            fn refs(&self) -> Vec<&(dyn ToSql + Sync)> {
                vec![$(&self.$at),*]
            }

            #[cfg(test)]
            fn accepts() -> Vec<fn(&Type) -> bool> {
                vec![$($of::accepts),*]
            }
        }
    };
    (@ [$($known:tt)*] $of:ident $at:tt $($rest:tt)*) => {
        param_lists!(@ [$($known)*]);
        param_lists!(@ [$($known)* $of $at] $($rest)*);
    };
    ($($all:tt)*) => { param_lists!(@ [] $($all)*); };
}

param_lists! { A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11 M 12 N 13 O 14 P 15 Q 16 }

/// How a query may find its rows.
#[cfg(test)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Plan {
    /// By an index, at the price of a few look-ups: everything that a request waits for.
    Index,
    /// By an index, but many rows at once.
    Batch,
    /// By reading a whole table, on purpose.
    Scan,
}

/// A query as the tests know it.
#[cfg(test)]
pub struct CheckedQuery {
    pub name: &'static str,
    pub sql: &'static str,
    pub plan: Plan,
    pub params: fn() -> Vec<fn(&Type) -> bool>,
    pub check: fn(&[tokio_postgres::Column]) -> Result<(), String>,
}

/// The types of the parameters that `of` would make; it is not called.
#[cfg(test)]
pub const fn param_types<P: ParamList>(_of: fn() -> P) -> fn() -> Vec<fn(&Type) -> bool> {
    P::accepts
}

/// A value of any type for code that is not run.
#[cfg(test)]
pub fn never<T>() -> T {
    unreachable!("only the types are of interest")
}
