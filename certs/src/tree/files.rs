//! Writing several files so that all of them change or none does.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::TreeError;

/// Where files are written before they get their names. In the same directory, so that renaming is atomic.
const STAGING: &str = ".certs-staging";

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Secrecy {
    /// Everybody, as the umask allows.
    Public,
    /// The owner: it holds a private key.
    Secret,
}

/// A file to be written.
pub(super) struct Planned {
    /// Relative to the directory.
    pub(super) path: PathBuf,
    pub(super) contents: Vec<u8>,
    pub(super) secrecy: Secrecy,
}

impl Planned {
    pub(super) fn public(path: impl Into<PathBuf>, contents: impl Into<Vec<u8>>) -> Self {
        Self {
            path: path.into(),
            contents: contents.into(),
            secrecy: Secrecy::Public,
        }
    }

    pub(super) fn secret(path: impl Into<PathBuf>, contents: impl Into<Vec<u8>>) -> Self {
        Self {
            path: path.into(),
            contents: contents.into(),
            secrecy: Secrecy::Secret,
        }
    }
}

/// A directory that this process alone changes for as long as the value lives.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    /// Held for its lock: two `certs revoke` at once would lose an entry of the list.
    _lock: File,
}

impl Directory {
    /// Makes it if need be, and locks it.
    pub(super) fn create(path: &Path) -> Result<Self, TreeError> {
        fs::create_dir_all(path).map_err(failed("create directory", path))?;
        Self::lock(path)
    }

    /// Locks one that exists. Waits for whoever has it.
    pub(super) fn lock(path: &Path) -> Result<Self, TreeError> {
        let lock = File::open(path).map_err(failed("open", path))?;
        lock.lock().map_err(failed("lock", path))?;
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes all files under other names first, then renames them.
    pub(super) fn place(&self, files: &[Planned]) -> Result<(), TreeError> {
        let staging = Staging::new(self.path.join(STAGING))?;
        for (index, file) in files.iter().enumerate() {
            staging.write(index, file)?;
        }
        for file in files {
            if let Some(parent) = self.path.join(&file.path).parent() {
                fs::create_dir_all(parent).map_err(failed("create directory", parent))?;
            }
        }
        for (index, file) in files.iter().enumerate() {
            let target = self.path.join(&file.path);
            fs::rename(staging.name(index), &target).map_err(failed("write", &target))?;
            tracing::debug!(file = %target.display(), "written");
        }
        Ok(())
    }

    /// What lies beside `known`: anything in the directories of the tree, and pairs that `issue` wrote elsewhere.
    pub(super) fn others(&self, own: &[&str], known: &[PathBuf]) -> Result<Vec<PathBuf>, TreeError> {
        let mut found = Vec::new();
        for directory in entries(&self.path)?.into_iter().filter(|path| path.is_dir()) {
            let ours = directory
                .file_name()
                .is_some_and(|name| own.iter().any(|own| name == *own));
            for path in entries(&directory)? {
                let relative = path.strip_prefix(&self.path).unwrap_or(&path).to_owned();
                let issued = ISSUED.iter().any(|name| relative.ends_with(name));
                if (ours || issued) && !known.contains(&relative) {
                    found.push(relative);
                }
            }
        }
        found.sort();
        Ok(found)
    }
}

/// What `issue` writes below a directory of its own.
const ISSUED: [&str; 4] = ["server.pem", "server.key", "client.pem", "client.key"];

fn entries(directory: &Path) -> Result<Vec<PathBuf>, TreeError> {
    let listed = fs::read_dir(directory).map_err(failed("read", directory))?;
    let entries: Result<Vec<PathBuf>, io::Error> =
        listed.map(|entry| entry.map(|entry| entry.path())).collect();
    entries.map_err(failed("read", directory))
}

/// The staging directory; gone with the value, whatever happened.
struct Staging(PathBuf);

impl Staging {
    fn new(path: PathBuf) -> Result<Self, TreeError> {
        // We hold the lock, so what lies there is of a run that was killed.
        match fs::remove_dir_all(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed("remove", &path)(error)),
        }
        fs::create_dir(&path).map_err(failed("create directory", &path))?;
        Ok(Self(path))
    }

    fn name(&self, index: usize) -> PathBuf {
        self.0.join(index.to_string())
    }

    fn write(&self, index: usize, file: &Planned) -> Result<(), TreeError> {
        let path = self.name(index);
        // The mode is given at creation: a key must at no moment be readable by others.
        let mode = match file.secrecy {
            Secrecy::Public => 0o644,
            Secrecy::Secret => 0o600,
        };
        let mut out = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&path)
            .map_err(failed("write", &path))?;
        out.write_all(&file.contents).map_err(failed("write", &path))?;
        out.sync_all().map_err(failed("write", &path))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(directory = %self.0.display(), %error, "cannot remove; the next run will");
        }
    }
}

/// An I/O error with what was tried on which file.
pub(super) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> TreeError {
    move |source| TreeError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn nothing_changes_where_one_file_cannot_be_written() {
        let temporary = tempfile::tempdir().unwrap();
        let directory = Directory::create(temporary.path()).unwrap();
        fs::write(temporary.path().join("a"), "old").unwrap();
        fs::write(temporary.path().join("b"), "a file where a directory should be").unwrap();
        let files = [Planned::public("a", "new"), Planned::secret("b/key", "new")];
        assert!(matches!(directory.place(&files), Err(TreeError::Io { .. })));
        assert_eq!(fs::read_to_string(temporary.path().join("a")).unwrap(), "old");
        assert!(!temporary.path().join(STAGING).exists());
    }

    #[test]
    fn a_staging_directory_left_by_a_killed_run_is_no_obstacle_and_a_wide_mode_is_replaced() {
        let temporary = tempfile::tempdir().unwrap();
        let directory = Directory::create(temporary.path()).unwrap();
        fs::create_dir(temporary.path().join(STAGING)).unwrap();
        fs::write(temporary.path().join(STAGING).join("0"), "half").unwrap();
        fs::write(temporary.path().join("key"), "old").unwrap();
        fs::set_permissions(temporary.path().join("key"), fs::Permissions::from_mode(0o666)).unwrap();
        directory.place(&[Planned::secret("key", "new")]).unwrap();
        let key = temporary.path().join("key");
        assert_eq!(fs::read_to_string(&key).unwrap(), "new");
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
