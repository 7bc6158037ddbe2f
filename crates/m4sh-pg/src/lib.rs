//! A private PostgreSQL cluster: created, started, adopted and stopped. Called by `app` without a `DATABASE_URL`.
//! It listens on a Unix socket only, runs as an unprivileged user, outlives a killed m4sh and is adopted by the
//! next one. Never deletes or overwrites a cluster.

#![warn(missing_docs)]

mod files;
mod programs;
mod settings;
#[cfg(test)]
mod tests;
mod user;

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use tokio_postgres::{Client, NoTls};

use self::{files::ClusterFiles, programs::Programs, user::ServerUser};

/// How long a server may fail to start or refuse connections before this is an error. Recovery after a
/// crash is not counted: `pg_ctl` waits for it.
const START_WITHIN: Duration = Duration::from_secs(60);
/// Interval of checks of a server that is starting or stopping.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// How long to wait for the lock of a process that is ending.
const LOCK_PATIENCE: Duration = Duration::from_secs(3);

/// Why there is no running cluster, as messages for the operator.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// No PostgreSQL programs, or none of the right version.
    #[error("{0}")]
    Programs(String),
    /// Another process uses the data directory.
    #[error("the data directory {0} is in use by another m4sh{1}: stop it, or give this one its own M4SH_DATA_DIR")]
    InUse(PathBuf, String),
    /// The data directory or its content cannot be used.
    #[error("{0}")]
    Place(String),
    /// A file cannot be created, read or written.
    #[error("{what} {path}: {source}")]
    File {
        /// The attempted operation.
        what: &'static str,
        /// The path.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A PostgreSQL program failed.
    #[error("{program} failed: {output}")]
    Failed {
        /// Which.
        program: &'static str,
        /// Its output, and the end of the server's log.
        output: String,
    },
    /// The cluster runs but does not answer as expected.
    #[error("the local database cluster does not answer: {0}")]
    Silent(String),
}

impl ClusterError {
    fn file(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { what, path, source }
    }
}

/// A running private cluster and the lock on its data directory. Dropping it releases the lock and leaves the server
/// running; only `stop` stops it.
#[derive(Debug)]
pub struct Cluster {
    url: String,
    place: ClusterFiles,
    programs: Programs,
    user: ServerUser,
    /// Held while this process uses the cluster; the system releases it when the process ends.
    _lock: File,
}

impl Cluster {
    /// Creates the cluster below `data_dir` when there is none, and starts it or adopts a running one.
    ///
    /// # Errors
    /// [`ClusterError`], whose message tells an operator what to do.
    pub async fn start(data_dir: &Path) -> Result<Self, ClusterError> {
        std::fs::create_dir_all(data_dir).map_err(ClusterError::file("cannot make the data directory", data_dir))?;
        let data_dir = data_dir.canonicalize().map_err(ClusterError::file("cannot find", data_dir))?;
        let lock = lock(&data_dir).await?;
        let user = ServerUser::find(files::known_cluster(&data_dir)?.as_deref()).await?;
        let place = ClusterFiles::find(&data_dir, &user).await?;
        let programs = Programs::find(place.version()?.as_deref()).await?;
        if place.version()?.is_none() {
            place.make(&programs, &user).await?;
        }
        place.write_down(&data_dir)?;
        place.write_settings(&user)?;
        let mut cluster = Self { url: String::new(), place, programs, user, _lock: lock };
        let admin = cluster.run().await?;
        cluster.make_database(&admin).await?;
        cluster.url = settings::url(&cluster.place.socket_folder()?, settings::DATABASE);
        Ok(cluster)
    }

    /// The URL of the database, which exists.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The folder of the cluster.
    #[must_use]
    pub fn data_directory(&self) -> &Path {
        self.place.cluster()
    }

    /// Stops the server: connections are ended, everything is on disk, and the next start needs no recovery.
    ///
    /// # Errors
    /// When it does not stop within a minute, not even immediately.
    pub async fn stop(self) -> Result<(), ClusterError> {
        if let Err(error) = self.control(&["stop", "-m", "fast", "-w", "-t", "60"]).await {
            // Committed data is safe either way; the next start replays it from the write-ahead log.
            tracing::warn!(%error, "the private PostgreSQL did not stop in time, stopping it immediately");
            self.control(&["stop", "-m", "immediate", "-w", "-t", "60"]).await?;
        }
        Ok(())
    }

    async fn control(&self, args: &[&str]) -> Result<(), ClusterError> {
        self.programs.control(&self.place, &self.user, args).await
    }

    /// Starts the server unless it runs, and waits until it answers.
    async fn run(&self) -> Result<Client, ClusterError> {
        let begun = Instant::now();
        loop {
            self.place.forget_dead_server();
            let trouble = if self.programs.is_running(&self.place, &self.user).await? {
                match self.connect().await {
                    Ok(client) => return Ok(client),
                    // Starting, or still stopping for an m4sh that was killed meanwhile.
                    Err(error) => ClusterError::Silent(error),
                }
            } else {
                match self.control(&["start", "-w", "-t", "600", "-l", files::LOG]).await {
                    Ok(()) => continue,
                    // Right after a crash the last processes of the dead server may still hold its memory.
                    Err(error) => error,
                }
            };
            if begun.elapsed() > START_WITHIN {
                return Err(trouble);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    async fn connect(&self) -> Result<Client, String> {
        let folder = self.place.socket_folder().map_err(|error| error.to_string())?;
        let url = settings::url(&folder, "postgres");
        let attempt = tokio_postgres::connect(&url, NoTls);
        let (client, connection) = tokio::time::timeout(Duration::from_secs(3), attempt)
            .await
            .map_err(|_| "it accepts no connection".to_owned())?
            .map_err(|error| in_full(&error))?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// Not a part of creating the cluster, which would need a server in a folder that is about to move.
    async fn make_database(&self, admin: &Client) -> Result<(), ClusterError> {
        let silent = |error: tokio_postgres::Error| ClusterError::Silent(in_full(&error));
        let there = admin
            .query_opt("SELECT FROM pg_database WHERE datname = $1", &[&settings::DATABASE])
            .await
            .map_err(silent)?
            .is_some();
        if !there {
            admin.batch_execute(&format!("CREATE DATABASE {}", settings::DATABASE)).await.map_err(silent)?;
        }
        Ok(())
    }
}

/// An error with its causes: the driver's own text names only the outermost.
fn in_full(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

/// One m4sh for each data directory: two would write to the same boards as if each were alone.
/// A process that was killed a moment ago holds its lock until the kernel has taken all of its threads down, so a
/// quick restart waits for that.
async fn lock(data_dir: &Path) -> Result<File, ClusterError> {
    let began = Instant::now();
    loop {
        match lock_at_once(data_dir) {
            Err(ClusterError::InUse(..)) if began.elapsed() < LOCK_PATIENCE => tokio::time::sleep(LOOK_AGAIN).await,
            outcome => return outcome,
        }
    }
}

fn lock_at_once(data_dir: &Path) -> Result<File, ClusterError> {
    let path = data_dir.join("m4sh.lock");
    let cannot = || ClusterError::file("cannot lock", &path);
    let mut file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(cannot())?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // Only for the message, so a failure does not matter. A process id has few digits.
            let _ = (&file).take(20).read_to_string(&mut holder);
            let holder = holder.trim();
            let holder = if holder.is_empty() { String::new() } else { format!(" (process {holder})") };
            return Err(ClusterError::InUse(data_dir.to_owned(), holder));
        }
        Err(TryLockError::Error(error)) => return Err(cannot()(error)),
    }
    file.set_len(0).map_err(cannot())?;
    file.rewind().map_err(cannot())?;
    writeln!(file, "{}", std::process::id()).map_err(cannot())?;
    Ok(file)
}
