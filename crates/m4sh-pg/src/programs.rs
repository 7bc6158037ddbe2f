//! The PostgreSQL programs of this machine: where they are, their version, and how they are run.
//! Called by the rest of this crate. Never installs anything.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Output, Stdio},
};

use tokio::process::Command;

use super::{ClusterError, files::ClusterFiles, user::ServerUser};

/// The oldest supported major version.
const OLDEST: u32 = 14;

/// A folder of PostgreSQL's programs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Programs {
    folder: PathBuf,
    major: u32,
}

impl Programs {
    /// The programs of the major version `wanted` by a cluster that exists; for a new one, those of the search path,
    /// else of `pg_config`, else the newest that Debian keeps beside each other.
    pub(super) async fn find(wanted: Option<&str>) -> Result<Self, ClusterError> {
        let mut found = Vec::new();
        for folder in folders().await {
            if let Some(major) = major(&folder).await {
                found.push(Self { folder, major });
            }
        }
        let fits = |programs: &Self| match wanted {
            Some(version) => programs.major.to_string() == version,
            None => programs.major >= OLDEST,
        };
        let seen = found.iter().map(|one| one.major.to_string()).collect::<Vec<_>>().join(", ");
        found.into_iter().find(fits).ok_or_else(|| ClusterError::Programs(advice(wanted, &seen)))
    }

    /// Makes a cluster in an empty folder.
    pub(super) async fn make_cluster(&self, folder: &Path, user: &ServerUser) -> Result<(), ClusterError> {
        // Most systems have C.UTF-8; where it is missing, plain C sorts the same way.
        let mut output = self.initdb(folder, user, "C.UTF-8").await?;
        if !output.status.success() && String::from_utf8_lossy(&output.stderr).contains("locale") {
            output = self.initdb(folder, user, "C").await?;
        }
        checked("initdb", &output, "")
    }

    async fn initdb(&self, folder: &Path, user: &ServerUser, locale: &str) -> Result<Output, ClusterError> {
        let mut command = self.command("initdb", user);
        command.arg("--pgdata").arg(folder).arg("--username").arg(super::settings::ROLE);
        command.args(["--encoding=UTF8", "--data-checksums", "--auth-local=trust", "--auth-host=reject"]);
        command.arg(format!("--locale={locale}"));
        output("initdb", command).await
    }

    /// Whether a server holds the cluster, as far as its process id tells.
    pub(super) async fn is_running(&self, place: &ClusterFiles, user: &ServerUser) -> Result<bool, ClusterError> {
        Ok(self.pg_ctl(place, user, &["status"]).await?.status.success())
    }

    /// Starts or stops the server.
    pub(super) async fn control(
        &self,
        place: &ClusterFiles,
        user: &ServerUser,
        args: &[&str],
    ) -> Result<(), ClusterError> {
        let output = self.pg_ctl(place, user, args).await?;
        let log = if output.status.success() { String::new() } else { place.end_of_log() };
        checked("pg_ctl", &output, &log)
    }

    async fn pg_ctl(&self, place: &ClusterFiles, user: &ServerUser, args: &[&str]) -> Result<Output, ClusterError> {
        let mut command = self.command("pg_ctl", user);
        // The folder goes by environment and the log by a relative name: `pg_ctl` pastes arguments into a shell's
        // command line, where a `$` or a quote in a path would not stay what it is.
        command.args(args).env("PGDATA", place.cluster()).current_dir(place.cluster());
        output("pg_ctl", command).await
    }

    fn command(&self, program: &str, user: &ServerUser) -> Command {
        let mut command = Command::new(self.folder.join(program));
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG")) {
            command.env_remove(name);
        }
        // A folder that every user may enter, and messages in the language that is looked for.
        command.current_dir("/").env("LC_ALL", "C").stdin(Stdio::null());
        user.runs(&mut command);
        command
    }
}

async fn output(program: &'static str, mut command: Command) -> Result<Output, ClusterError> {
    command.output().await.map_err(|error| ClusterError::Failed { program, output: error.to_string() })
}

fn checked(program: &'static str, output: &Output, log: &str) -> Result<(), ClusterError> {
    if output.status.success() {
        return Ok(());
    }
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    let output = [said(&output.stderr), said(&output.stdout), log.trim().to_owned()].join("\n");
    Err(ClusterError::Failed { program, output: output.trim().to_owned() })
}

/// Folders that may hold the programs, the most wanted first.
async fn folders() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = env::var_os("PATH").iter().flat_map(env::split_paths).collect();
    if let Ok(output) = Command::new("pg_config").arg("--bindir").stderr(Stdio::null()).output().await {
        folders.extend(String::from_utf8(output.stdout).ok().map(|line| PathBuf::from(line.trim())));
    }
    let mut debian: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    debian.sort_unstable_by_key(|(version, _)| std::cmp::Reverse(*version));
    folders.extend(debian.into_iter().map(|(_, folder)| folder));
    folders.retain(|folder| {
        // An installation without a server (a client package) has some of them.
        folder.is_absolute() && ["initdb", "pg_ctl", "postgres"].iter().all(|program| folder.join(program).is_file())
    });
    folders.dedup();
    folders
}

/// The major version of the programs in a folder.
async fn major(folder: &Path) -> Option<u32> {
    let output = Command::new(folder.join("postgres")).arg("--version").output().await.ok()?;
    // "postgres (PostgreSQL) 15.18 (Debian …)", and "17beta1" before a release.
    let text = String::from_utf8(output.stdout).ok()?;
    let version = text.split_whitespace().find(|word| word.starts_with(|first: char| first.is_ascii_digit()))?;
    version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn advice(wanted: Option<&str>, seen: &str) -> String {
    let seen = if seen.is_empty() { "none was found".to_owned() } else { format!("found: {seen}") };
    let elsewhere = "or set DATABASE_URL to a PostgreSQL that runs elsewhere";
    match wanted {
        Some(version) => format!(
            "the local database was made by PostgreSQL {version}, whose programs are missing ({seen}): \
             apt-get install postgresql-{version}, {elsewhere}"
        ),
        None => format!("m4sh needs PostgreSQL {OLDEST} or newer ({seen}): apt-get install postgresql, {elsewhere}"),
    }
}
