//! Incomplete files of interrupted writes to the local store: `name#1` beside `name`.
//! Called by `Blobs::clear_staged`. Never touches a file whose name could be an object's: keys have no `#`.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use super::BlobError;

/// Depth of the folders: keys have no more parts.
const DEPTH: usize = 16;

pub(super) async fn clear(root: PathBuf, grace: Duration) -> Result<u64, BlobError> {
    let before = SystemTime::now().checked_sub(grace).unwrap_or(SystemTime::UNIX_EPOCH);
    let cleared = tokio::task::spawn_blocking(move || clear_below(&root, before, DEPTH)).await;
    Ok(cleared.map_err(|error| BlobError::Unavailable(error.to_string()))??)
}

fn clear_below(folder: &Path, before: SystemTime, depth: usize) -> io::Result<u64> {
    let mut cleared = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let about = match entry.metadata() {
            Ok(about) => about,
            // Another write has just renamed it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if about.is_dir() && depth > 0 {
            cleared += clear_below(&entry.path(), before, depth - 1)?;
        } else if is_staged(&entry.file_name().to_string_lossy()) && about.modified()? <= before {
            fs::remove_file(entry.path())?;
            cleared += 1;
        }
    }
    Ok(cleared)
}

fn is_staged(name: &str) -> bool {
    name.rsplit_once('#').is_some_and(|(_, number)| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}
