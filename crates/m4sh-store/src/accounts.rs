//! Accounts: who can sign in, and what is shown of them. Called by `identity` and `http`.
//! Never hashes a password and never sees one.

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::{
    NewLogin, Store, StoreError,
    query::{One, queries, row, text_enum},
    sql::{FromRow, column},
};
use m4sh_domain::ids::UserId;
use m4sh_domain::limits;

text_enum! {
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

row! {
    /// An account as it is shown.
    #[derive(Clone, PartialEq, Eq, Debug)]
    pub struct Account {
        pub id: UserId,
        /// As it was typed at registration; unique without regard to case.
        pub email: String,
        /// May be empty.
        pub first_name: String,
        /// May be empty.
        pub last_name: String,
        pub role: AccountRole,
        /// Bytes it may store; 0 is unlimited.
        pub quota_bytes: i64,
        pub created_at: Timestamp,
        /// Whether it may no longer sign in.
        pub disabled: bool,
    }
}

impl FromRow for (Account, String) {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok((Account::from_row(row)?, column(row, "password_hash")?))
    }
}

/// An account to be made, with the login that its registration opens.
#[derive(Clone, Debug)]
pub struct NewAccount {
    pub id: UserId,
    /// At most `limits::EMAIL_BYTES`.
    pub email: String,
    /// PHC string.
    pub password_hash: String,
    /// May be empty.
    pub first_name: String,
    /// May be empty.
    pub last_name: String,
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
    #[error(transparent)]
    Store(#[from] StoreError),
}

queries! {
    /// One statement is one transaction and one round trip; foreign keys are checked at its end, when every row is there.
    fn create(new: &NewAccount, expires_at: Timestamp) -> One<Account> = "
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
        SELECT * FROM made", [
        new.id, &new.email, &new.password_hash, &new.first_name, &new.last_name, new.role, limits::DEFAULT_QUOTA_BYTES,
        Uuid::now_v7(), new.login.id, new.login.at, expires_at, new.login.origin.address, new.login.origin.agent(),
        &new.login.refresh,
    ];

    /// The account with that address, in whatever case, and its password's PHC string; `None` when there is none or it is
    /// disabled.
    pub fn account_by_email(email: &str) -> Option<(Account, String)> = "
        SELECT id, email, first_name, last_name, role, quota_bytes, created_at, false AS disabled, password_hash
        FROM account
        WHERE lower(email) = lower($1) AND disabled_at IS NULL";

    /// The account with that id, disabled or not.
    pub fn account(id: UserId) -> Option<Account> = "
        SELECT id, email, first_name, last_name, role, quota_bytes, created_at, disabled_at IS NOT NULL AS disabled
        FROM account
        WHERE id = $1";

    /// Whether anybody has an account.
    pub fn has_accounts() -> One<bool> = "SELECT EXISTS (SELECT FROM account)";

    /// Replaces a password's hash: a rehash with new parameters, or a new password. `false`: no such account.
    pub fn set_password_hash(id: UserId, hash: &str) -> bool = "UPDATE account SET password_hash = $2 WHERE id = $1";
}

impl Store {
    /// Makes an account with its `Boards` folder and its first login, or nothing.
    ///
    /// # Errors
    /// `EmailTaken`, or `Store`.
    pub async fn create_account(&self, new: &NewAccount) -> Result<Account, CreateAccountError> {
        match create(&self.pool.get().await?, new, new.login.expires_at()?).await {
            Err(StoreError::Conflict("account_email")) => Err(CreateAccountError::EmailTaken),
            made => Ok(made?),
        }
    }
}
