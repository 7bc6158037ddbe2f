//! Rights of a class as rows hold them: members, rules and whose a board is. Called by the files that read such rows.
//! Never decides anything: `domain::access` does.

use std::{collections::HashMap, sync::Arc};

use jiff::Timestamp;
use m4sh_domain::{
    access::{BoardAssignment, Rights, Role, Rule, RuleSubject},
    ids::UserId,
};
use tokio_postgres::Row;

use crate::{
    LessonStatus, StoreError,
    sql::{FromRow, RowField, column},
};

/// `status`, whose board it is, members as `accounts` and `roles`, and rules as five arrays.
impl RowField for Rights {
    fn read(row: &Row, _: &'static str) -> Result<Self, StoreError> {
        Ok(Self {
            live: column::<LessonStatus>(row, "status")? == LessonStatus::Active,
            members: Arc::new(members(row)?),
            rules: Arc::new(rules(row)?),
            board: BoardAssignment::read(row, "board")?,
        })
    }
}

impl FromRow for Rights {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Self::read(row, "rights")
    }
}

/// `pupil`, or `team` with its `mates`.
impl RowField for BoardAssignment {
    fn read(row: &Row, _: &'static str) -> Result<Self, StoreError> {
        Ok(match (column::<Option<UserId>>(row, "pupil")?, column::<Option<i32>>(row, "team")?) {
            (Some(pupil), _) => Self::Pupil(pupil),
            (None, Some(_)) => Self::Group(column::<Vec<UserId>>(row, "mates")?.into_iter().collect()),
            (None, None) => Self::Everybody,
        })
    }
}

fn members(row: &Row) -> Result<HashMap<UserId, Role>, StoreError> {
    let roles: Vec<Role> = column(row, "roles")?;
    Ok(column::<Vec<UserId>>(row, "accounts")?.into_iter().zip(roles).collect())
}

fn rules(row: &Row) -> Result<Vec<Rule>, StoreError> {
    let (sessions, alloweds): (Vec<bool>, Vec<bool>) = (column(row, "rule_sessions")?, column(row, "rule_alloweds")?);
    let (accounts, untils): (Vec<Option<UserId>>, Vec<Option<Timestamp>>) =
        (column(row, "rule_accounts")?, column(row, "rule_untils")?);
    let subjects: Vec<RuleSubject> = column(row, "rule_subjects")?;
    let rules = sessions.into_iter().zip(accounts).zip(subjects).zip(alloweds).zip(untils);
    Ok(rules
        .map(|((((session, who), subject), allowed), until)| Rule { session, who, subject, allowed, until })
        .collect())
}
