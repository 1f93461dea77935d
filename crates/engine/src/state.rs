//! Where operators keep what must survive: plain tables, behind one interface.
//!
//! An operator works on its own structures and knows no store. `save` turns them into named Arrow tables,
//! `load` takes them back; a store keeps the tables under the operator's uid. A table is written as one
//! Arrow IPC stream, so a checkpoint can be read by any Arrow tool.

use std::collections::BTreeMap;

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
        let encoded = tables.iter().map(|(name, table)| Ok((name.clone(), encode_table(table)?)));
        self.0.insert(uid.into(), encoded.collect::<Result<_>>()?);
        Ok(())
    }

    fn get(&self, uid: &str) -> Result<Tables> {
        let tables = self.0.get(uid).into_iter().flatten();
        tables.map(|(name, bytes)| Ok((name.clone(), decode_table(uid, bytes)?))).collect()
    }

    fn uids(&self) -> Result<Vec<String>> {
        Ok(self.0.keys().cloned().collect())
    }
}

/// A table as an Arrow IPC stream.
pub fn encode_table(table: &RecordBatch) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut writer = StreamWriter::try_new(&mut bytes, &table.schema())?;
    writer.write(table)?;
    writer.finish()?;
    drop(writer);
    Ok(bytes)
}

/// Reads what `encode_table` gave; `uid` is whose it is, for the error.
pub fn decode_table(uid: &str, bytes: &[u8]) -> Result<RecordBatch> {
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
    fn stores_keep_what_they_are_given() {
        keeps_what_it_is_given(&mut MemoryStore::default());
        keeps_what_it_is_given(&mut BTreeMap::<String, Tables>::new());
    }
}
