//! Accounts: who can sign in, and what is shown of them. Called by `identity` and `http`.
//! Never hashes a password and never sees one.

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    NewLogin, Store, StoreError,
    pool::Params,
    rows::{get, word},
};
use m4sh_domain::ids::UserId;
use m4sh_domain::limits;

m4sh_domain::named_enum! {
    /// What an account says it is at registration. A membership has its own role: a tutor can be a pupil elsewhere.
    #[derive(serde::Serialize, serde::Deserialize)]
    #[serde(rename_all = "snake_case")]
    pub enum AccountRole {
        /// A pupil.
        Student = "student",
        /// May make classrooms.
        Tutor = "tutor",
    }
}

/// An account as it is shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Account {
    /// Its id.
    pub id: UserId,
    /// As it was typed at registration; unique without regard to case.
    pub email: String,
    /// May be empty.
    pub first_name: String,
    /// May be empty.
    pub last_name: String,
    /// Pupil or tutor.
    pub role: AccountRole,
    /// Bytes it may store; 0 is unlimited.
    pub quota_bytes: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// Whether it may no longer sign in.
    pub disabled: bool,
}

/// An account to be made, with the login that its registration opens.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// A fresh id.
    pub id: UserId,
    /// At most `limits::EMAIL_BYTES`.
    pub email: String,
    /// PHC string.
    pub password_hash: String,
    /// May be empty.
    pub first_name: String,
    /// May be empty.
    pub last_name: String,
    /// Pupil or tutor.
    pub role: AccountRole,
    /// Opened in the same transaction.
    pub login: NewLogin,
}

/// Why an account was not made.
#[derive(Debug, thiserror::Error)]
pub enum CreateAccountError {
    /// Another account has that address, in whatever case.
    #[error("an account with this e-mail address exists")]
    EmailTaken,
    /// The store has no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Account {
    pub(super) fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: UserId(get(row, "id")?),
            email: get(row, "email")?,
            first_name: get(row, "first_name")?,
            last_name: get(row, "last_name")?,
            role: word(row, "role", AccountRole::from_name)?,
            quota_bytes: get(row, "quota_bytes")?,
            created_at: get(row, "created_at")?,
            disabled: get(row, "disabled")?,
        })
    }
}

/// One statement is one transaction and one round trip; foreign keys are checked at its end, when every row is there.
const CREATE: &str = "
    WITH made AS (
        INSERT INTO account (id, email, password_hash, first_name, last_name, role, quota_bytes)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        RETURNING id, email, first_name, last_name, role, quota_bytes, created_at, false AS disabled
    ), folder AS (
        INSERT INTO node (id, kind, owner, name, purpose) VALUES ($8, 'folder', $1, 'Boards', 'boards')
    ), login AS (
        INSERT INTO auth_session (id, account, created_at, expires_at, address, agent)
        VALUES ($9, $1, $10, $11, $12, $13)
    ), token AS (
        INSERT INTO refresh_token (hash, auth_session, expires_at) VALUES ($14, $9, $11)
    )
    SELECT * FROM made";

const BY_EMAIL: &str = "
    SELECT id, email, first_name, last_name, role, quota_bytes, created_at, false AS disabled, password_hash
    FROM account
    WHERE lower(email) = lower($1) AND disabled_at IS NULL";

const SET_PASSWORD: &str = "UPDATE account SET password_hash = $2 WHERE id = $1";

const BY_ID: &str = "
    SELECT id, email, first_name, last_name, role, quota_bytes, created_at, disabled_at IS NOT NULL AS disabled
    FROM account
    WHERE id = $1";

impl Store {
    /// Makes an account with its `Boards` folder and its first login, or nothing.
    ///
    /// # Errors
    /// `EmailTaken`, or as every query.
    pub async fn create_account(&self, new: &NewAccount) -> Result<Account, CreateAccountError> {
        let login = &new.login;
        let row: Params = &[
            &new.id.0,
            &new.email,
            &new.password_hash,
            &new.first_name,
            &new.last_name,
            &new.role.name(),
            &limits::DEFAULT_QUOTA_BYTES,
            &Uuid::now_v7(),
            &login.id.0,
            &login.at,
            &login.expires_at()?,
            &login.origin.address,
            &login.origin.agent(),
            &login.refresh.as_slice(),
        ];
        match self.pool.get().await?.query_one(CREATE, row).await {
            Ok(made) => Ok(Account::from_row(&made)?),
            Err(StoreError::Conflict("account_email")) => Err(CreateAccountError::EmailTaken),
            Err(error) => Err(error.into()),
        }
    }

    /// The account with that address, in whatever case, and its password's PHC string; `None` when there is none or
    /// it is disabled.
    ///
    /// # Errors
    /// As every query.
    pub async fn account_by_email(&self, email: &str) -> Result<Option<(Account, String)>, StoreError> {
        let row = self.pool.get().await?.query_opt(BY_EMAIL, &[&email]).await?;
        row.map(|row| Ok((Account::from_row(&row)?, get(&row, "password_hash")?))).transpose()
    }

    /// The account with that id, disabled or not.
    ///
    /// # Errors
    /// As every query.
    pub async fn account(&self, id: UserId) -> Result<Option<Account>, StoreError> {
        let row = self.pool.get().await?.query_opt(BY_ID, &[&id.0]).await?;
        row.as_ref().map(Account::from_row).transpose()
    }

    /// Whether anybody has an account.
    ///
    /// # Errors
    /// As every query.
    pub async fn has_accounts(&self) -> Result<bool, StoreError> {
        let row = self.pool.get().await?.query_one("SELECT EXISTS (SELECT FROM account) AS found", &[]).await?;
        get(&row, "found")
    }

    /// Replaces a password's hash: a rehash with new parameters, or a new password. `false`: no such account.
    ///
    /// # Errors
    /// As every query.
    pub async fn set_password_hash(&self, id: UserId, hash: &str) -> Result<bool, StoreError> {
        Ok(self.pool.get().await?.execute(SET_PASSWORD, &[&id.0, &hash]).await? == 1)
    }
}

/// What this file asks, for the test that looks at the plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[CREATE, BY_EMAIL, BY_ID, SET_PASSWORD];
