//! The key that signs access tokens: generated once, then read from the data directory.
//! Called by `app` at start when no secret is configured. Never prints or logs the key.

use std::{
    fs,
    io::{ErrorKind, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// Bytes of a generated key: the block that HS256 can use fully.
const KEY_BYTES: usize = 32;
/// Bound of a key file, so that a wrong path cannot fill memory.
const KEY_FILE_BYTES: u64 = 4_096;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file could not be created or read.
    #[error("the token secret {} cannot be used: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The file has no usable key.
    #[error("the token secret {} holds {got} bytes, fewer than {KEY_BYTES}: delete it to have a new one made", path.display())]
    TooShort {
        /// The file.
        path: PathBuf,
        /// Its length in bytes.
        got: usize,
    },
    /// The operating system has no randomness.
    #[error("no randomness for a token secret: {0}")]
    Randomness(#[from] getrandom::Error),
}

/// The key in `<data_dir>/jwt-secret`, generated on first use and readable by its owner only. Two processes that start at
/// once get the same key.
///
/// # Errors
/// [`SecretError`] names the file and its fault.
pub fn load_or_create(data_dir: &Path) -> Result<Vec<u8>, SecretError> {
    let path = data_dir.join("jwt-secret");
    let failed = |source| SecretError::File { path: path.clone(), source };
    fs::create_dir_all(data_dir).map_err(failed)?;
    if !path.exists() {
        let mut key = [0_u8; KEY_BYTES];
        getrandom::fill(&mut key)?;
        // Written to a temporary file and linked, so that readers find a complete key or none.
        let aside = data_dir.join(format!(".jwt-secret.{}", uuid::Uuid::new_v4()));
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside).map_err(failed)?;
        let written = file.write_all(&key).and_then(|()| file.sync_all());
        let linked = written.and_then(|()| fs::hard_link(&aside, &path));
        fs::remove_file(&aside).map_err(failed)?;
        match linked {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(failed(error)),
            Ok(()) | Err(_) => {}
        }
    }
    let mut key = Vec::with_capacity(KEY_BYTES);
    fs::File::open(&path).and_then(|file| file.take(KEY_FILE_BYTES).read_to_end(&mut key)).map_err(failed)?;
    if key.len() < KEY_BYTES {
        return Err(SecretError::TooShort { path, got: key.len() });
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a9_the_secret_is_made_once_and_readable_by_its_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        let first = load_or_create(&data).unwrap();
        assert_eq!(first.len(), KEY_BYTES);
        assert_eq!(load_or_create(&data).unwrap(), first);
        let mode = fs::metadata(data.join("jwt-secret")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(&data).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a9_a_cut_off_secret_is_refused_instead_of_signing_with_it() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("jwt-secret"), b"short").unwrap();
        assert!(matches!(load_or_create(dir.path()), Err(SecretError::TooShort { got: 5, .. })));
    }

    #[test]
    fn a9_processes_that_start_together_agree_on_one_secret() {
        let dir = tempfile::tempdir().unwrap();
        let keys: Vec<_> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..8).map(|_| scope.spawn(|| load_or_create(dir.path()).unwrap())).collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });
        assert!(keys.windows(2).all(|pair| pair[0] == pair[1]));
    }
}
