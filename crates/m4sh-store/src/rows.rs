//! Between Postgres' signed numbers and names and the domain's types. Called by the rest of `store` only.
//! Never guesses: a row that cannot be read is an error.

use std::{collections::HashMap, sync::Arc};

use jiff::Timestamp;
use tokio_postgres::{Row, types::FromSql};
use uuid::Uuid;

use super::{LessonStatus, StoreError};
use m4sh_domain::{
    access::{BoardAssignment, Rights, Role, Rule, RuleSubject},
    board::Digest,
    ids::{Epoch, Rev, UserId},
};

/// A column's value.
pub(super) fn get<'a, T: FromSql<'a>>(row: &'a Row, column: &str) -> Result<T, StoreError> {
    // Not `?`: an error without the server's word would count as a lost connection, and this one is ours.
    row.try_get(column).map_err(StoreError::query)
}

/// A count that Postgres keeps signed and that is never negative.
pub(super) fn count(row: &Row, column: &str) -> Result<u64, StoreError> {
    get::<i64>(row, column)?.try_into().map_err(StoreError::query)
}

pub(super) fn rev(row: &Row) -> Result<Rev, StoreError> {
    count(row, "rev").map(Rev)
}

pub(super) fn epoch(row: &Row) -> Result<Epoch, StoreError> {
    count(row, "epoch").map(Epoch)
}

pub(super) fn pages(row: &Row) -> Result<u32, StoreError> {
    get::<i32>(row, "page_count")?.try_into().map_err(StoreError::query)
}

pub(super) fn digest(row: &Row) -> Result<Option<Digest>, StoreError> {
    get::<Option<&[u8]>>(row, "digest")?
        .map(|bytes| Ok(Digest(bytes.try_into().map_err(StoreError::query)?)))
        .transpose()
}

/// A word that is kept as text.
pub(super) fn word<T>(row: &Row, column: &str, read: fn(&str) -> Option<T>) -> Result<T, StoreError> {
    let text = get::<&str>(row, column)?;
    read(text).ok_or_else(|| StoreError::query(format!("{column} is {text:?}, which this program does not know")))
}

/// The rights on a board of a class: `status`, whose it is, members and rules as arrays.
pub(super) fn rights(row: &Row) -> Result<Rights, StoreError> {
    Ok(Rights {
        live: word(row, "status", LessonStatus::from_name)? == LessonStatus::Active,
        members: Arc::new(members(row)?),
        rules: Arc::new(rules(row)?),
        board: board_for(row)?,
    })
}

/// Whose a board of a class is: `pupil`, or `team` with its `mates`.
pub(super) fn board_for(row: &Row) -> Result<BoardAssignment, StoreError> {
    Ok(match (get::<Option<Uuid>>(row, "pupil")?, get::<Option<i32>>(row, "team")?) {
        (Some(pupil), _) => BoardAssignment::Pupil(UserId(pupil)),
        (None, Some(_)) => BoardAssignment::Group(list::<Uuid>(row, "mates")?.into_iter().map(UserId).collect()),
        (None, None) => BoardAssignment::Everybody,
    })
}

/// An array's elements; none when it is NULL.
pub(super) fn list<'a, T: FromSql<'a>>(row: &'a Row, column: &str) -> Result<Vec<T>, StoreError> {
    Ok(get::<Option<Vec<T>>>(row, column)?.unwrap_or_default())
}

/// Members as two arrays, `accounts` and `roles`.
pub(super) fn members(row: &Row) -> Result<HashMap<UserId, Role>, StoreError> {
    let roles = list::<&str>(row, "roles")?;
    let member = |(account, role)| {
        let role = Role::from_name(role).ok_or_else(|| StoreError::query(format!("unknown role {role:?}")))?;
        Ok((UserId(account), role))
    };
    list::<Uuid>(row, "accounts")?.into_iter().zip(roles).map(member).collect()
}

/// Rules as five arrays.
pub(super) fn rules(row: &Row) -> Result<Vec<Rule>, StoreError> {
    let (sessions, alloweds) = (list::<bool>(row, "rule_sessions")?, list::<bool>(row, "rule_alloweds")?);
    let (accounts, untils) =
        (list::<Option<Uuid>>(row, "rule_accounts")?, list::<Option<Timestamp>>(row, "rule_untils")?);
    let rest = sessions.into_iter().zip(accounts).zip(alloweds).zip(untils);
    let rule = |(what, (((session, who), allowed), until))| {
        let what = RuleSubject::from_name(what).ok_or_else(|| StoreError::query(format!("unknown right {what:?}")))?;
        Ok(Rule { session, who: Option::map(who, UserId), subject: what, allowed, until })
    };
    list::<&str>(row, "rule_whats")?.into_iter().zip(rest).map(rule).collect()
}

/// As Postgres keeps a revision or an epoch. Both count up from 0 by one and never reach the sign.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn signed_pages(pages: u32) -> i32 {
    i32::try_from(pages.max(1)).unwrap_or(i32::MAX)
}

/// A page and its total, from a query that always gives a row: past the end it has a `total` and no `id`.
pub(super) fn paged<T>(
    rows: &[Row],
    read: impl Fn(&Row) -> Result<T, StoreError>,
) -> Result<(u64, Vec<T>), StoreError> {
    let total = rows.first().map_or(Ok(0), |row| count(row, "total"))?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        if get::<Option<Uuid>>(row, "id")?.is_some() {
            found.push(read(row)?);
        }
    }
    Ok((total, found))
}
