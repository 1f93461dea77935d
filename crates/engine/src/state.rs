//! Where operators keep what must survive: plain tables, behind one interface, in memory or in RocksDB.
//!
//! An operator works on its own structures and knows no store. `save` turns them into named Arrow tables,
//! `load` takes them back; a store keeps the tables under the operator's uid. A table is written as one
//! Arrow IPC stream, so a checkpoint can be read by any Arrow tool.

use std::collections::BTreeMap;
use std::path::Path;

use arrow::array::RecordBatch;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;

use crate::error::{EngineError, Result};

/// The state of one operator: tables by name.
pub type Tables = BTreeMap<String, RecordBatch>;

/// Keeps the state of operators by uid.
pub trait StateStore: Send {
    /// Replaces the state of `uid`.
    fn put(&mut self, uid: &str, tables: &Tables) -> Result<()>;

    /// The state of `uid`; empty if there is none.
    fn get(&self, uid: &str) -> Result<Tables>;

    /// Every uid that has state.
    fn uids(&self) -> Result<Vec<String>>;
}

/// State in memory, in the same encoded form as on disk.
#[derive(Debug, Default)]
pub struct MemoryStore(BTreeMap<String, BTreeMap<String, Vec<u8>>>);

impl StateStore for MemoryStore {
    fn put(&mut self, uid: &str, tables: &Tables) -> Result<()> {
        let encoded = tables.iter().map(|(name, table)| Ok((name.clone(), encode(table)?)));
        self.0.insert(uid.into(), encoded.collect::<Result<_>>()?);
        Ok(())
    }

    fn get(&self, uid: &str) -> Result<Tables> {
        let tables = self.0.get(uid).into_iter().flatten();
        tables.map(|(name, bytes)| Ok((name.clone(), decode(uid, bytes)?))).collect()
    }

    fn uids(&self) -> Result<Vec<String>> {
        Ok(self.0.keys().cloned().collect())
    }
}

/// Key and value.
type Entry = (Box<[u8]>, Box<[u8]>);

/// State in RocksDB: one key per table, `uid NUL name`.
pub struct RocksStore(rocksdb::DB);

impl RocksStore {
    /// Opens or creates the store in a folder of its own.
    pub fn open(path: &Path) -> Result<Self> {
        let mut options = rocksdb::Options::default();
        options.create_if_missing(true);
        options.set_compression_type(rocksdb::DBCompressionType::Lz4);
        rocksdb::DB::open(&options, path).map(RocksStore).map_err(|error| broken(&path.display().to_string(), &error))
    }

    fn tables_of<'a>(
        &'a self,
        prefix: &'a [u8],
    ) -> impl Iterator<Item = Result<(String, Box<[u8]>), rocksdb::Error>> + 'a {
        let from = rocksdb::IteratorMode::From(prefix, rocksdb::Direction::Forward);
        let inside = move |entry: &Result<Entry, _>| entry.as_ref().map_or(true, |(key, _)| key.starts_with(prefix));
        let named = move |entry: Result<Entry, _>| {
            entry.map(|(key, value)| (String::from_utf8_lossy(&key[prefix.len()..]).into_owned(), value))
        };
        self.0.iterator(from).take_while(inside).map(named)
    }
}

impl StateStore for RocksStore {
    fn put(&mut self, uid: &str, tables: &Tables) -> Result<()> {
        let prefix = [uid.as_bytes(), &[0]].concat();
        let mut batch = rocksdb::WriteBatch::default();
        for entry in self.tables_of(&prefix) {
            let (name, _) = entry.map_err(|error| broken(uid, &error))?;
            batch.delete([prefix.as_slice(), name.as_bytes()].concat());
        }
        for (name, table) in tables {
            batch.put([prefix.as_slice(), name.as_bytes()].concat(), encode(table)?);
        }
        self.0.write(batch).map_err(|error| broken(uid, &error))
    }

    fn get(&self, uid: &str) -> Result<Tables> {
        let prefix = [uid.as_bytes(), &[0]].concat();
        let read = |entry: Result<(String, Box<[u8]>), rocksdb::Error>| {
            let (name, bytes) = entry.map_err(|error| broken(uid, &error))?;
            Ok((name, decode(uid, &bytes)?))
        };
        self.tables_of(&prefix).map(read).collect()
    }

    fn uids(&self) -> Result<Vec<String>> {
        let mut uids = Vec::new();
        for entry in self.0.iterator(rocksdb::IteratorMode::Start) {
            let (key, _) = entry.map_err(|error| broken("the store", &error))?;
            let uid = key.split(|&byte| byte == 0).next().unwrap_or_default();
            uids.push(String::from_utf8_lossy(uid).into_owned());
        }
        uids.dedup();
        Ok(uids)
    }
}

fn broken(uid: &str, error: &rocksdb::Error) -> EngineError {
    EngineError::State { uid: uid.into(), reason: error.to_string() }
}

fn encode(table: &RecordBatch) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut writer = StreamWriter::try_new(&mut bytes, &table.schema())?;
    writer.write(table)?;
    writer.finish()?;
    drop(writer);
    Ok(bytes)
}

fn decode(uid: &str, bytes: &[u8]) -> Result<RecordBatch> {
    let damaged = |reason: String| EngineError::State { uid: uid.into(), reason };
    let mut reader = StreamReader::try_new(bytes, None).map_err(|error| damaged(error.to_string()))?;
    let table = reader.next().ok_or_else(|| damaged("a table is empty".into()))?;
    table.map_err(|error| damaged(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::Int64Array;

    use super::*;

    fn table(values: Vec<i64>) -> RecordBatch {
        RecordBatch::try_from_iter([("v", Arc::new(Int64Array::from(values)) as _)]).expect("one column")
    }

    fn keeps_what_it_is_given(store: &mut dyn StateStore) {
        store
            .put(
                "bars/window-aggregate/0",
                &[("groups".into(), table(vec![1, 2])), ("rest".into(), table(vec![]))].into(),
            )
            .expect("puts");
        store.put("bars/window-aggregate/00", &[("groups".into(), table(vec![9]))].into()).expect("puts");
        store.put("bars/window-aggregate/0", &[("groups".into(), table(vec![3]))].into()).expect("replaces");
        assert_eq!(store.get("bars/window-aggregate/0").expect("reads"), [("groups".into(), table(vec![3]))].into());
        assert_eq!(store.get("unknown").expect("reads"), Tables::new());
        assert_eq!(store.uids().expect("lists"), ["bars/window-aggregate/0", "bars/window-aggregate/00"]);
    }

    #[test]
    fn both_stores_keep_what_they_are_given() {
        keeps_what_it_is_given(&mut MemoryStore::default());
        let folder = tempfile::tempdir().expect("a folder");
        keeps_what_it_is_given(&mut RocksStore::open(folder.path()).expect("opens"));
        let reopened = RocksStore::open(folder.path()).expect("opens again");
        assert_eq!(
            reopened.get("bars/window-aggregate/00").expect("reads"),
            [("groups".into(), table(vec![9]))].into()
        );
    }
}
