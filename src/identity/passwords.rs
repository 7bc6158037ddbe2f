//! Password hashes: Argon2id, on threads of their own, a few at a time.
//! Called by registration, login and the demo school. Never on a reactor thread, never unbounded: a class that logs in
//! at once waits.

use std::{num::NonZero, sync::Arc, thread, time::Duration};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use tokio::sync::{mpsc, oneshot};

/// Callers that may wait for a hash; a hash takes about 25 ms, so the last of them waits some seconds.
const WAITING: usize = 512;
/// How long a caller waits before it is told to retry.
const PATIENCE: Duration = Duration::from_secs(10);
/// 12 MiB and 3 passes, one of the settings recommended by OWASP: a thread keeps the memory of its last hash.
const MEMORY_KIB: u32 = 12 * 1024;
const PASSES: u32 = 3;

/// Why a password could not be hashed or checked.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Too many wait; retry in a moment.
    #[error("too many passwords are being checked")]
    Busy,
    /// The hasher failed: no randomness, or a stored hash that is none.
    #[error("the password hasher failed: {0}")]
    Failed(String),
}

/// Hashes and checks passwords.
pub struct Passwords {
    // Dedicated threads and not the blocking pool, which is large: each thread that ever hashed keeps its memory.
    hashers: mpsc::Sender<HashingTask>,
    /// A real hash, so that unknown addresses take as long as wrong passwords.
    nobody: Arc<str>,
}

/// A task of a hashing thread.
enum HashingTask {
    Hash { password: String, answer: oneshot::Sender<Result<String, PasswordError>> },
    Verify { password: String, stored: Arc<str>, answer: oneshot::Sender<Result<bool, PasswordError>> },
}

impl HashingTask {
    fn run(self) {
        // A caller that gave up needs no answer.
        match self {
            Self::Hash { password, answer } if !answer.is_closed() => {
                let _ = answer.send(hash(password.as_bytes()));
            }
            Self::Verify { password, stored, answer } if !answer.is_closed() => {
                let _ = answer.send(verify(password.as_bytes(), &stored));
            }
            Self::Hash { .. } | Self::Verify { .. } => {}
        }
    }
}

impl Passwords {
    /// Starts the hashing threads, one for every two cores, and hashes one throw-away password, so it takes about as
    /// long as a login. The threads end when this is dropped.
    ///
    /// # Errors
    /// When the operating system has no randomness or no threads to give.
    pub fn new() -> Result<Self, PasswordError> {
        let failed = |error: &dyn std::fmt::Display| PasswordError::Failed(error.to_string());
        let mut random = [0_u8; 32];
        getrandom::fill(&mut random).map_err(|error| failed(&error))?;
        let nobody = hash(&random)?.into();
        let (hashers, work) = mpsc::channel::<HashingTask>(WAITING);
        let work = Arc::new(std::sync::Mutex::new(work));
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get).div_ceil(2) {
            let work = Arc::clone(&work);
            let next = move || work.lock().ok()?.blocking_recv();
            let hasher = thread::Builder::new().name("password".to_owned());
            hasher
                .spawn(move || {
                    while let Some(work) = next() {
                        work.run()
                    }
                })
                .map_err(|error| failed(&error))?;
        }
        Ok(Self { hashers, nobody })
    }

    /// The PHC string to store for `password`.
    ///
    /// # Errors
    /// [`PasswordError::Busy`] when too many are waiting.
    pub async fn hash(&self, password: String) -> Result<String, PasswordError> {
        self.ask(|answer| HashingTask::Hash { password, answer }).await
    }

    /// Whether `password` is the one behind `stored`. Without a stored hash the same work is done and the answer is no.
    ///
    /// # Errors
    /// [`PasswordError::Busy`] when too many are waiting.
    pub async fn matches(&self, password: String, stored: Option<&str>) -> Result<bool, PasswordError> {
        let known = stored.is_some();
        let stored: Arc<str> = stored.map_or_else(|| Arc::clone(&self.nobody), Arc::from);
        let same = self.ask(|answer| HashingTask::Verify { password, stored, answer }).await?;
        Ok(same && known)
    }

    async fn ask<T>(
        &self,
        work: impl FnOnce(oneshot::Sender<Result<T, PasswordError>>) -> HashingTask,
    ) -> Result<T, PasswordError> {
        let (answer, heard) = oneshot::channel();
        self.hashers.try_send(work(answer)).map_err(|_| PasswordError::Busy)?;
        match tokio::time::timeout(PATIENCE, heard).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => Err(PasswordError::Busy),
        }
    }
}

fn argon2() -> Result<Argon2<'static>, PasswordError> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).map_err(|error| PasswordError::Failed(error.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(password: &[u8]) -> Result<String, PasswordError> {
    let hash = argon2()?.hash_password(password).map_err(|error| PasswordError::Failed(error.to_string()))?;
    Ok(hash.to_string())
}

fn verify(password: &[u8], stored: &str) -> Result<bool, PasswordError> {
    let parsed = PasswordHash::new(stored).map_err(|error| PasswordError::Failed(error.to_string()))?;
    Ok(argon2()?.verify_password(password, &parsed).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a8_a_password_matches_its_own_hash_only_and_nobody_matches_nothing() {
        let passwords = Passwords::new().unwrap();
        let stored = passwords.hash("correct horse".to_owned()).await.unwrap();
        assert!(stored.starts_with("$argon2id$"));
        assert!(passwords.matches("correct horse".to_owned(), Some(&stored)).await.unwrap());
        assert!(!passwords.matches("correct  horse".to_owned(), Some(&stored)).await.unwrap());
        assert!(!passwords.matches("correct horse".to_owned(), None).await.unwrap());
    }

    #[tokio::test]
    async fn a2_an_unknown_account_is_checked_against_a_hash_of_the_same_cost() {
        let passwords = Passwords::new().unwrap();
        let stored = passwords.hash("x".repeat(8)).await.unwrap();
        let cost = |hash: &str| hash.split('$').take(4).collect::<Vec<_>>().join("$");
        assert_eq!(cost(&passwords.nobody), cost(&stored));
    }

    #[tokio::test]
    async fn a8_a_full_queue_is_told_to_come_back_instead_of_growing() {
        let passwords = Passwords::new().unwrap();
        let _all = passwords.hashers.reserve_many(WAITING).await.unwrap();
        assert!(matches!(passwords.hash("password".to_owned()).await, Err(PasswordError::Busy)));
    }
}
