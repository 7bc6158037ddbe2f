//! The user of the cluster's programs: PostgreSQL refuses to run as root, so root runs them as another user.
//! Called by `Cluster::start`. Never changes the user of this process.

use std::{
    fs::File,
    io::ErrorKind,
    os::unix::fs::{MetadataExt, fchown},
    path::Path,
};

use tokio::process::Command;

use super::ClusterError;

/// The user of the cluster's programs and files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ServerUser {
    /// Its number.
    pub(super) number: u32,
    /// Its group's number when it is another user than this process'.
    pub(super) other: Option<u32>,
}

impl ServerUser {
    /// The user of this process, or, for root, the one to whom `cluster` belongs, else `postgres`, else `nobody`.
    pub(super) async fn find(cluster: Option<&Path>) -> Result<Self, ClusterError> {
        let owner = match cluster {
            Some(path) => match path.metadata() {
                Ok(found) => Some((found.uid(), found.gid())),
                // `ClusterFiles` reports a missing cluster.
                Err(error) if error.kind() == ErrorKind::NotFound => None,
                Err(error) => return Err(ClusterError::file("cannot look at", path)(error)),
            },
            None => None,
        };
        let me = id(&["-u"]).await.ok_or_else(|| ClusterError::Programs("cannot run `id -u`".into()))?;
        match (me, owner) {
            (0, Some((0, _))) => Err(ClusterError::Place(format!(
                "{} belongs to root, as whom PostgreSQL does not run: give it to another user with chown -R",
                cluster.unwrap_or("the cluster".as_ref()).display()
            ))),
            (0, Some((number, group))) => Ok(Self { number, other: Some(group) }),
            (0, None) => {
                for name in ["postgres", "nobody"] {
                    if let (Some(number), Some(group)) = (id(&["-u", name]).await, id(&["-g", name]).await) {
                        return Ok(Self { number, other: Some(group) });
                    }
                }
                Err(ClusterError::Place(
                    "PostgreSQL does not run as root, and there is neither a user `postgres` nor `nobody` to run it: \
                     start m4sh as another user"
                        .into(),
                ))
            }
            (_, Some((owner, _))) if owner != me => Err(ClusterError::Place(format!(
                "{} belongs to the user with number {owner}, but m4sh runs as {me}: start it as that user, or as root",
                cluster.unwrap_or("the cluster".as_ref()).display()
            ))),
            _ => Ok(Self { number: me, other: None }),
        }
    }

    /// Lets a program run as this user. The standard library drops root's other groups on the way.
    pub(super) fn runs(self, command: &mut Command) -> &mut Command {
        match self.other {
            Some(group) => command.uid(self.number).gid(group),
            None => command,
        }
    }

    /// Gives an open file or folder to this user, whatever its name refers to by now.
    pub(super) fn owns(self, file: &File, path: &Path) -> Result<(), ClusterError> {
        match self.other {
            Some(group) => {
                fchown(file, Some(self.number), Some(group)).map_err(ClusterError::file("cannot give away", path))
            }
            None => Ok(()),
        }
    }
}

/// The output of `id`, which knows users of every source.
async fn id(args: &[&str]) -> Option<u32> {
    let output = Command::new("id").args(args).output().await.ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
