//! Where operators keep what must survive: plain tables, behind one interface.
//!
//! An operator works on its own structures and knows no store. `save` turns them into named Arrow tables,
//! `load` takes them back; a store keeps the tables under the operator's uid. A table is written as one
//! Arrow IPC stream, so a checkpoint can be read by any Arrow tool.
//!
//! What does not fit into memory lies on a [`Shelf`], in pieces that are written once and never changed. A
//! cut names them, so a piece that stays as it is costs the next checkpoint nothing.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

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

    /// Replaces the pieces that belong to the state of `uid`. A store that knows no pieces refuses them.
    fn put_pieces(&mut self, uid: &str, pieces: Vec<Piece>) -> Result<()> {
        let reason = "a part of it lies on a shelf, and this store keeps tables only".to_string();
        if pieces.is_empty() { Ok(()) } else { Err(EngineError::State { uid: uid.into(), reason }) }
    }

    /// The pieces that belong to the state of `uid`, in the order in which they were put.
    fn pieces(&self, _uid: &str) -> Vec<Piece> {
        Vec::new()
    }
}

/// Keeps what does not fit into memory. Several threads write at a time.
pub trait Shelf: Send + Sync {
    /// Writes tables down.
    fn write(&self, tables: &Tables) -> Result<Piece>;
}

/// Tables that were written down. Its room is given back when the last handle is dropped.
pub trait Written: Send + Sync {
    /// The name by which its shelf knows it.
    fn name(&self) -> &str;

    /// How many bytes it has, encoded.
    fn bytes(&self) -> u64;

    /// Reads it. Damage is told with the name.
    fn read(&self) -> Result<Tables>;
}

/// A handle to tables on a shelf.
#[derive(Clone)]
pub struct Piece(Arc<dyn Written>);

impl Piece {
    /// A handle to what was written.
    pub fn new(written: impl Written + 'static) -> Piece {
        Piece(Arc::new(written))
    }
}

impl std::ops::Deref for Piece {
    type Target = dyn Written;

    fn deref(&self) -> &Self::Target {
        self.0.as_ref()
    }
}

impl fmt::Debug for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.name(), self.bytes())
    }
}

impl PartialEq for Piece {
    fn eq(&self, other: &Piece) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// A shelf in memory, in the same encoded form as on disk: it saves no room, and shows what a shelf must do.
#[derive(Debug, Default)]
pub struct MemoryShelf;

impl Shelf for MemoryShelf {
    fn write(&self, tables: &Tables) -> Result<Piece> {
        let encoded = tables.iter().map(|(name, table)| Ok((name.clone(), encode_table(table)?)));
        Ok(Piece::new(Encoded(encoded.collect::<Result<_>>()?)))
    }
}

/// Encoded tables by name.
struct Encoded(BTreeMap<String, Vec<u8>>);

impl Written for Encoded {
    fn name(&self) -> &str {
        "a piece in memory"
    }

    fn bytes(&self) -> u64 {
        self.0.values().map(|bytes| bytes.len() as u64).sum()
    }

    fn read(&self) -> Result<Tables> {
        self.0.iter().map(|(name, bytes)| Ok((name.clone(), decode_table(self.name(), bytes)?))).collect()
    }
}

/// The state of some operators: their tables, and what of it lies on a shelf, both by uid.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// Tables in memory.
    pub tables: BTreeMap<String, Tables>,
    /// Pieces on a shelf.
    pub pieces: BTreeMap<String, Vec<Piece>>,
}

impl State {
    /// Takes the state of other operators in.
    pub fn extend(&mut self, other: State) {
        self.tables.extend(other.tables);
        self.pieces.extend(other.pieces);
    }
}

impl StateStore for State {
    fn put(&mut self, uid: &str, tables: &Tables) -> Result<()> {
        self.tables.insert(uid.into(), tables.clone());
        Ok(())
    }

    fn get(&self, uid: &str) -> Result<Tables> {
        Ok(self.tables.get(uid).cloned().unwrap_or_default())
    }

    fn uids(&self) -> Result<Vec<String>> {
        Ok(self.tables.keys().cloned().collect())
    }

    fn put_pieces(&mut self, uid: &str, pieces: Vec<Piece>) -> Result<()> {
        self.pieces.remove(uid);
        if !pieces.is_empty() {
            self.pieces.insert(uid.into(), pieces);
        }
        Ok(())
    }

    fn pieces(&self, uid: &str) -> Vec<Piece> {
        self.pieces.get(uid).cloned().unwrap_or_default()
    }
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
        keeps_what_it_is_given(&mut State::default());
    }
}
