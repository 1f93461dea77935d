//! What was typed before, in a file that only its owner can read. Lines that speak of secrets are not kept.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;

use reedline::{FileBackedHistory, History, HistoryItem, HistoryItemId, HistorySessionId, Result, SearchQuery};

/// How many texts are kept.
const MOST: usize = 10_000;

/// Words that make a line a secret.
const SECRET: &[&str] =
    &["password", "passwd", "secret", "token", "jaas.config", "private key", "key.pem", "credential"];

/// The history of the user, made if there is none.
pub fn open() -> io::Result<Box<dyn History>> {
    let path = path().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "there is no home directory"))?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    OpenOptions::new().create(true).append(true).mode(0o600).open(&path)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    let history = FileBackedHistory::with_file(MOST, path).map_err(io::Error::other)?;
    Ok(Box::new(Discreet(history)))
}

/// `$XDG_STATE_HOME/millstream/history`.
fn path() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|folder| folder.is_absolute());
    let state = folder("XDG_STATE_HOME").or_else(|| folder("HOME").map(|home| home.join(".local/state")))?;
    Some(state.join("millstream/history"))
}

/// Whether a line says something that must not be written down.
fn is_secret(line: &str) -> bool {
    let line = line.to_lowercase();
    SECRET.iter().any(|word| line.contains(word))
}

/// A history that forgets secrets at once.
struct Discreet(FileBackedHistory);

impl History for Discreet {
    fn save(&mut self, item: HistoryItem) -> Result<HistoryItem> {
        if is_secret(&item.command_line) { Ok(item) } else { self.0.save(item) }
    }

    fn load(&self, id: HistoryItemId) -> Result<HistoryItem> {
        self.0.load(id)
    }

    fn count(&self, query: SearchQuery) -> Result<i64> {
        self.0.count(query)
    }

    fn search(&self, query: SearchQuery) -> Result<Vec<HistoryItem>> {
        self.0.search(query)
    }

    fn update(&mut self, id: HistoryItemId, updater: &dyn Fn(HistoryItem) -> HistoryItem) -> Result<()> {
        self.0.update(id, updater)
    }

    fn clear(&mut self) -> Result<()> {
        self.0.clear()
    }

    fn delete(&mut self, id: HistoryItemId) -> Result<()> {
        self.0.delete(id)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync()
    }

    fn session(&self) -> Option<HistorySessionId> {
        self.0.session()
    }
}

#[cfg(test)]
mod tests {
    use super::is_secret;

    #[test]
    fn secrets_are_told_by_their_names() {
        assert!(is_secret("CREATE TABLE t (a INT) WITH ('properties.sasl.password' = 'hunter2')"));
        assert!(is_secret("SET 'x.Token' = 'y'"));
        assert!(!is_secret("SELECT key FROM t"));
    }
}
