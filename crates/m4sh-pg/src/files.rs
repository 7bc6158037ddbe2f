//! The files of the cluster. A cluster is created beside its place and moved there when it is complete.
//! Called by the rest of this crate. Never removes anything but leftovers of its own unfinished attempts.

use std::{
    fs::{self, DirBuilder, File},
    io::{Read, Seek, SeekFrom, Write},
    os::unix::{
        ffi::OsStrExt,
        fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use tokio::process::Command;

use super::{ClusterError, programs::Programs, settings, user::ServerUser};

/// Log of a server that is starting; relative to the cluster.
pub(super) const LOG: &str = "start.log";
/// The cluster's folder within its home.
const CLUSTER: &str = "postgres";
/// Prefix of a cluster that is being created.
const UNFINISHED: &str = "postgres.unfinished-";
/// File in the data directory with the path of a cluster that is elsewhere.
const ELSEWHERE: &str = "postgres.elsewhere";
/// Name of the socket. Its whole path may have at most 107 bytes.
const SOCKET: &str = ".s.PGSQL.5432";
const SOCKET_PATH_BYTES: usize = 107;

/// The cluster's folder and its socket's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ClusterFiles {
    cluster: PathBuf,
    /// `None`: the socket is in the cluster's folder.
    sockets: Option<PathBuf>,
}

/// The cluster that was created for this data directory earlier.
pub(super) fn known_cluster(data_dir: &Path) -> Result<Option<PathBuf>, ClusterError> {
    let here = data_dir.join(CLUSTER);
    if here.join("PG_VERSION").exists() {
        return Ok(Some(here));
    }
    let pointer = data_dir.join(ELSEWHERE);
    match fs::read(&pointer) {
        Ok(path) => Ok(Some(PathBuf::from(<std::ffi::OsStr as OsStrExt>::from_bytes(path.trim_ascii_end())))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ClusterError::file("cannot read", &pointer)(error)),
    }
}

impl ClusterFiles {
    /// Where the cluster is, or where a new one should be.
    pub(super) async fn find(data_dir: &Path, user: &ServerUser) -> Result<Self, ClusterError> {
        let cluster = match known_cluster(data_dir)? {
            Some(cluster) if !cluster.exists() => {
                return Err(ClusterError::Place(format!(
                    "{} says that the database is in {}, where there is nothing: bring it back, or remove that file \
                     to begin with an empty one",
                    data_dir.join(ELSEWHERE).display(),
                    cluster.display()
                )));
            }
            Some(cluster) if !may_enter(user, &cluster).await => {
                return Err(ClusterError::Place(format!(
                    "{} cannot be entered by the user that runs PostgreSQL: allow it on every folder above it \
                     (chmod o+x)",
                    cluster.display()
                )));
            }
            Some(cluster) => cluster,
            None if may_enter(user, data_dir).await => data_dir.join(CLUSTER),
            None => elsewhere(data_dir),
        };
        let sockets = sockets(data_dir, &cluster, user)?;
        Ok(Self { cluster, sockets })
    }

    pub(super) fn cluster(&self) -> &Path {
        &self.cluster
    }

    /// The major version of the cluster; `None` when there is none yet.
    pub(super) fn version(&self) -> Result<Option<String>, ClusterError> {
        let path = self.cluster.join("PG_VERSION");
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text.trim().to_owned())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ClusterError::file("cannot read", &path)(error)),
        }
    }

    /// Creates the cluster beside its place and moves it there when it is complete.
    pub(super) async fn make(&self, programs: &Programs, user: &ServerUser) -> Result<(), ClusterError> {
        let home = self.cluster.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(home).map_err(ClusterError::file("cannot make", home))?;
        remove_unfinished(home);
        // A new name: a program that outlived a killed m4sh may still write to the folder of the last attempt.
        let unfinished = home.join(format!("{UNFINISHED}{}", uuid::Uuid::now_v7().simple()));
        user.owns(&private_folder(&unfinished)?, &unfinished)?;
        programs.make_cluster(&unfinished, user).await?;
        let conf = unfinished.join("postgresql.conf");
        let cannot = || ClusterError::file("cannot write", &conf);
        let mut file = File::options().append(true).open(&conf).map_err(cannot())?;
        file.write_all(b"\ninclude 'm4sh.conf'\n").and_then(|()| file.sync_all()).map_err(cannot())?;
        // The entries must be on disk before the name.
        sync_folder(&unfinished)?;
        // Replaces a folder of that name only when it is empty.
        fs::rename(&unfinished, &self.cluster)
            .map_err(ClusterError::file("cannot move the new cluster to", &self.cluster))?;
        sync_folder(home)
    }

    /// Writes `m4sh.conf`, at each start, so that a new version's settings and a moved folder take effect.
    pub(super) fn write_settings(&self, user: &ServerUser) -> Result<(), ClusterError> {
        let sockets = self.sockets.as_deref().map_or(settings::HERE.into(), Path::to_string_lossy);
        write_whole(&self.cluster.join("m4sh.conf"), settings::text(&sockets).as_bytes(), Some(user))
    }

    /// Records the path in the data directory when the cluster is elsewhere, so that it is found even if the directory is
    /// moved. Only when the cluster exists: a recorded path without a cluster is an error.
    pub(super) fn write_down(&self, data_dir: &Path) -> Result<(), ClusterError> {
        let pointer = data_dir.join(ELSEWHERE);
        if self.cluster == data_dir.join(CLUSTER) || pointer.exists() {
            return Ok(());
        }
        write_whole(&pointer, self.cluster.as_os_str().as_bytes(), None)
    }

    /// The folder of the socket of the running server, which an earlier start may have chosen.
    pub(super) fn socket_folder(&self) -> Result<PathBuf, ClusterError> {
        let path = self.cluster.join("postmaster.pid");
        let text = fs::read_to_string(&path).map_err(ClusterError::file("cannot read", &path))?;
        match text.lines().nth(4) {
            Some(settings::HERE) => Ok(self.cluster.clone()),
            Some(folder) if folder.starts_with('/') => Ok(folder.into()),
            _ => Err(ClusterError::Place(format!("{} does not name a socket yet", path.display()))),
        }
    }

    /// Removes the pid file of a server that is gone when its number is another program's now: PostgreSQL itself
    /// cannot tell the two apart when both are of the same user, as they may well be in a container.
    pub(super) fn forget_dead_server(&self) {
        let path = self.cluster.join("postmaster.pid");
        let Ok(text) = fs::read_to_string(&path) else { return };
        let Some(pid) = text.lines().next().and_then(|line| line.trim().parse::<u32>().ok()) else { return };
        let Ok(name) = fs::read_to_string(format!("/proc/{pid}/comm")) else { return };
        if !name.starts_with("post") {
            tracing::warn!(pid, "pid file of the private PostgreSQL names another program, removing it");
            // A failure appears as a failed start.
            let _ = fs::remove_file(&path);
        }
    }

    /// The end of the server's log, for an error message.
    pub(super) fn end_of_log(&self) -> String {
        let mut logs = vec![self.cluster.join(LOG)];
        logs.extend(fs::read_dir(self.cluster.join("log")).into_iter().flatten().flatten().map(|entry| entry.path()));
        logs.sort_by_key(|path| path.metadata().and_then(|found| found.modified()).ok());
        let ends = logs.iter().rev().take(2).rev().filter_map(|path| end_of(path).ok());
        ends.collect::<Vec<_>>().join("\n")
    }
}

/// Whether the user can enter a folder: asked of the system, which knows modes, lists of rights and mounts.
async fn may_enter(user: &ServerUser, folder: &Path) -> bool {
    let mut command = Command::new("sh");
    command.args(["-c", r#"cd "$1""#, "sh"]).arg(folder).current_dir("/").stderr(std::process::Stdio::null());
    user.runs(&mut command).status().await.is_ok_and(|status| status.success())
}

/// The folder of homes of clusters whose user cannot enter the data directory.
pub(super) fn system_homes() -> PathBuf {
    if cfg!(test) { std::env::temp_dir().join("m4sh-test-homes") } else { "/var/lib/m4sh".into() }
}

/// A place outside the data directory.
fn elsewhere(data_dir: &Path) -> PathBuf {
    let cluster = system_homes().join(name_of(data_dir)).join(CLUSTER);
    tracing::info!(
        data_dir = %data_dir.display(),
        cluster = %cluster.display(),
        "the user of PostgreSQL cannot enter the data directory, using another folder"
    );
    cluster
}

/// The folder of the socket: the cluster's own, which nobody else can enter, else a private one with a shorter path.
fn sockets(data_dir: &Path, cluster: &Path, user: &ServerUser) -> Result<Option<PathBuf>, ClusterError> {
    let fits = |folder: &Path| folder.join(SOCKET).as_os_str().len() <= SOCKET_PATH_BYTES;
    if fits(cluster) {
        return Ok(None);
    }
    // The runtime folder is this process' user's; another user cannot enter it.
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|_| user.other.is_none()).map(PathBuf::from);
    let plain = |folder: &PathBuf| folder.to_str().is_some_and(|text| !text.contains(['"', '\'', '\\', '\n']));
    let folder = [runtime, Some(std::env::temp_dir())]
        .into_iter()
        .flatten()
        .map(|base| base.join(format!("m4sh-{}", name_of(data_dir))))
        .find(|folder| folder.is_absolute() && fits(folder) && plain(folder))
        .ok_or_else(|| ClusterError::Place("no folder has a path short enough for a socket: set TMPDIR".into()))?;
    if let Ok(made) = private_folder(&folder) {
        user.owns(&made, &folder)?;
    }
    // Made now or found: a folder in a shared place is only good if nobody else made it.
    let found = fs::symlink_metadata(&folder).map_err(ClusterError::file("cannot look at", &folder))?;
    if !found.is_dir() || found.uid() != user.number || found.mode() & 0o077 != 0 {
        return Err(ClusterError::Place(format!(
            "{} is not a private folder of the user that runs PostgreSQL: remove it",
            folder.display()
        )));
    }
    Ok(Some(folder))
}

/// A name for what belongs to a data directory: short, and another for each.
fn name_of(data_dir: &Path) -> String {
    let digest: [u8; 32] = Sha256::digest(data_dir.as_os_str().as_bytes()).into();
    let [a, b, c, d, e, f, g, h, ..] = digest;
    format!("{:016x}", u64::from_be_bytes([a, b, c, d, e, f, g, h]))
}

fn private_folder(path: &Path) -> Result<File, ClusterError> {
    let made = DirBuilder::new().mode(0o700).create(path).and_then(|()| File::open(path));
    made.map_err(ClusterError::file("cannot make", path))
}

/// Attempts that a kill cut short. The lock on the data directory says that they are nobody's.
fn remove_unfinished(home: &Path) {
    for entry in fs::read_dir(home).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            // A leftover that cannot be removed only wastes disk space.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Writes a file so that a reader, or a crash, sees the old one or the new one.
fn write_whole(path: &Path, bytes: &[u8], owner: Option<&ServerUser>) -> Result<(), ClusterError> {
    let new = path.with_extension("new");
    let cannot = || ClusterError::file("cannot write", path);
    // Made anew, so that root never writes through a link that another user has put there.
    let _ = fs::remove_file(&new);
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(&new).map_err(cannot())?;
    if let Some(owner) = owner {
        owner.owns(&file, &new)?;
    }
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(cannot())?;
    fs::rename(&new, path).map_err(cannot())
}

fn sync_folder(path: &Path) -> Result<(), ClusterError> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(ClusterError::file("cannot flush", path))
}

fn end_of(path: &Path) -> std::io::Result<String> {
    const BYTES: u64 = 2_000;
    let mut file = File::open(path)?;
    let from = file.metadata()?.len().saturating_sub(BYTES);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
