//! What was typed before, for the line editor: searched in memory, kept in a file that only its owner can read,
//! with the time, the duration and the outcome of each. Lines that speak of secrets are not kept at all.

mod file;
mod search;
mod secret;

use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use reedline::{FileBackedHistory, History, HistoryItem, HistoryItemId, HistorySessionId, Result, SearchQuery};

use file::Entry;

pub use file::folder;
pub use search::Search;

/// All that was typed, the oldest first; shared with the search.
pub type Entries = Arc<Mutex<Vec<Entry>>>;

/// The history of the user, made if there is none.
pub fn open() -> io::Result<(Kept, Entries)> {
    let (file, entries) = file::open()?;
    let mut memory = FileBackedHistory::new(file::MOST).map_err(io::Error::other)?;
    for entry in &entries {
        memory.save(HistoryItem::from_command_line(&entry.text)).map_err(io::Error::other)?;
    }
    let entries = Entries::new(Mutex::new(entries));
    Ok((Kept { memory, file, entries: entries.clone() }, entries))
}

/// A history in memory that writes down what may be written down.
pub struct Kept {
    memory: FileBackedHistory,
    file: File,
    entries: Entries,
}

impl Kept {
    fn write(&mut self, entry: &Entry) -> Result<()> {
        // A full disk must not keep anybody from asking on.
        let _ = file::write(&mut self.file, entry);
        Ok(())
    }
}

impl History for Kept {
    fn save(&mut self, item: HistoryItem) -> Result<HistoryItem> {
        if secret::is_secret(&item.command_line) {
            return Ok(item);
        }
        let saved = self.memory.save(item)?;
        let entry = Entry { text: saved.command_line.clone(), at: now(), took: None, status: None };
        self.write(&entry)?;
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
        // The last text typed again is not a new one to the memory; it has its answer all the same.
        let last = self.memory.count_all()?.checked_sub(1).map(HistoryItemId::new);
        Ok(HistoryItem { id: saved.id.or(last), ..saved })
    }

    /// Notes how the newest text was answered.
    fn update(&mut self, id: HistoryItemId, updater: &dyn Fn(HistoryItem) -> HistoryItem) -> Result<()> {
        let item = updater(self.memory.load(id)?);
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(entry) = entries.last_mut().filter(|entry| entry.text == item.command_line) else { return Ok(()) };
        (entry.took, entry.status) = (item.duration, item.exit_status);
        let entry = entry.clone();
        drop(entries);
        self.write(&entry)
    }

    fn load(&self, id: HistoryItemId) -> Result<HistoryItem> {
        self.memory.load(id)
    }

    fn count(&self, query: SearchQuery) -> Result<i64> {
        self.memory.count(query)
    }

    fn search(&self, query: SearchQuery) -> Result<Vec<HistoryItem>> {
        self.memory.search(query)
    }

    fn clear(&mut self) -> Result<()> {
        self.memory.clear()
    }

    fn delete(&mut self, id: HistoryItemId) -> Result<()> {
        self.memory.delete(id)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn session(&self) -> Option<HistorySessionId> {
        self.memory.session()
    }
}

/// Milliseconds since 1970; 0 on a clock that stands before.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
