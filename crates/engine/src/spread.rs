//! State over another number of lanes than the one it was saved in. A row goes to the lane of its key, as
//! the exchange would send it; groups get new numbers, and all tables that speak of them follow.
//!
//! What lanes know together (watermarks) stands the same in all of them at a barrier, so it is copied.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{Array, ArrayRef, Int64Array, RecordBatch, RecordBatchOptions, UInt32Array, new_empty_array};
use arrow::compute::{cast, interleave};
use arrow::datatypes::{Field, Int64Type, Schema, UInt32Type};
use millstream_plan::{Graph, Op};
use millstream_record::Millis;

use crate::error::{EngineError, Result};
use crate::exchange::Division;
use crate::keys::hash_rows;
use crate::lane::state_key;
use crate::slices::Span;
use crate::spill::{Listed, Memory, Prefix};
use crate::state::{Piece, State, StateStore, Tables};

/// The state of a cut for so many worker lanes, whatever number it was saved in. What lies on a shelf stays
/// there, if the run has one; otherwise it comes into memory.
pub fn spread(graph: &Graph, state: &State, lanes: usize, memory: Option<&Memory>) -> Result<State> {
    let mut spread = state.clone();
    for node in graph.nodes.iter().filter(|node| node.op.partition(0).is_some_and(|key| !key.is_empty())) {
        let keys = (0..).map(|lane| state_key(&node.uid, lane));
        let keys: Vec<String> = keys.take_while(|key| state.tables.contains_key(key)).collect();
        let is_spilled = keys.iter().any(|key| state.pieces.contains_key(key));
        if keys.is_empty() || keys.len() == lanes && (!is_spilled || memory.is_some()) {
            continue;
        }
        let old = keys.iter().map(|key| (spread.tables.remove(key).unwrap_or_default(), spread.pieces.remove(key)));
        let old: Vec<_> = old.map(|(tables, pieces)| (tables, pieces.unwrap_or_default())).collect();
        let anew = match memory {
            Some(memory) if is_spilled => on_shelf(&node.op, old, lanes, memory),
            _ => in_memory(&node.op, old, lanes),
        };
        let anew = anew.map_err(|error| error.within(&node.uid))?;
        for (lane, (tables, pieces)) in anew.into_iter().enumerate() {
            spread.put(&state_key(&node.uid, lane), &tables)?;
            spread.put_pieces(&state_key(&node.uid, lane), pieces)?;
        }
    }
    Ok(spread)
}

/// The state of one operator in one lane: tables, and what of it lies on a shelf.
type Saved = (Tables, Vec<Piece>);

/// All of it in memory.
fn in_memory(op: &Op, old: Vec<Saved>, lanes: usize) -> Result<Vec<Saved>> {
    let mut parts = Vec::new();
    for (tables, pieces) in old {
        let Some(listed) = Listed::of(&tables)? else {
            parts.push(tables);
            continue;
        };
        for piece in &pieces {
            parts.push(heard(piece.read()?, listed.watermark)?);
        }
        if let (Some(inputs), Some(first)) = (tables.get("@inputs"), parts.last_mut()) {
            first.insert("@inputs".into(), inputs.clone());
        }
    }
    Ok(regroup(op, parts, Division::Lanes(lanes))?.into_iter().map(|tables| (tables, Vec::new())).collect())
}

/// Piece by piece, from the shelf to the shelf.
fn on_shelf(op: &Op, old: Vec<Saved>, lanes: usize, memory: &Memory) -> Result<Vec<Saved>> {
    let listed = old.iter().map(|(tables, _)| Listed::of(tables)).collect::<Result<Vec<_>>>()?;
    let depth = listed.iter().flatten().map(Listed::depth).max().unwrap_or(0);
    let watermark = listed.iter().flatten().map(|listed| listed.watermark).min().unwrap_or(Millis::MIN);
    let mut anew: Vec<BTreeMap<u32, Vec<Piece>>> = vec![BTreeMap::new(); lanes];
    let inputs = old.iter().find_map(|(tables, _)| tables.get("@inputs")).cloned();
    for ((tables, pieces), listed) in old.into_iter().zip(listed) {
        let whole = Prefix { bits: 0, depth: 0 };
        let places: Vec<Prefix> = listed.map_or_else(|| vec![whole], |listed| listed.prefix_of_each_piece());
        let written = pieces.iter().map(|piece| piece.read());
        let in_one_piece = places.len() > pieces.len();
        for (tables, prefix) in written.chain(in_one_piece.then(|| Ok(tables))).zip(places) {
            for (lane, part) in regroup(op, vec![tables?], Division::Lanes(lanes))?.into_iter().enumerate() {
                let division = Division::Bits { skip: prefix.depth, bits: depth - prefix.depth };
                for (number, mut part) in (0..).zip(regroup(op, vec![part], division)?) {
                    part.remove("@inputs");
                    let home = prefix.child(number, depth - prefix.depth).bits;
                    anew[lane].entry(home).or_default().push(memory.shelf().write(&part)?);
                }
            }
        }
    }
    let lane = |shards: BTreeMap<u32, Vec<Piece>>| -> Result<Saved> {
        let shards: Vec<_> = shards.into_iter().map(|(bits, pieces)| (Prefix { bits, depth }, pieces)).collect();
        let mut tables = Listed::saved(&shards, watermark)?;
        tables.extend(inputs.clone().map(|inputs| ("@inputs".to_string(), inputs)));
        Ok((tables, shards.into_iter().flat_map(|(_, pieces)| pieces).collect()))
    };
    anew.into_iter().map(lane).collect()
}

/// The tables of an operator that has heard this watermark, and had nothing to do at it.
fn heard(mut tables: Tables, watermark: Millis) -> Result<Tables> {
    if let Some(table) = tables.get("watermark") {
        let mut words = table.column(0).as_primitive::<Int64Type>().values().to_vec();
        words[0] = words[0].max(watermark.0);
        let table = with_column(table, 0, Arc::new(Int64Array::from(words)))?;
        tables.insert("watermark".into(), table);
    }
    Ok(tables)
}

/// The state of an operator, saved in these parts, divided in another way.
pub fn regroup(op: &Op, parts: Vec<Tables>, division: Division) -> Result<Vec<Tables>> {
    Parts { parts, division }.spread(op)
}

/// What the old lanes of one operator saved, and how it is divided now.
struct Parts {
    parts: Vec<Tables>,
    division: Division,
}

/// A row of a table: the old lane, and the row there.
type Place = (usize, usize);

/// For each new lane the groups that it gets, by old lane and number; its own numbers count them.
type Owners = Vec<Vec<Place>>;

impl Parts {
    fn spread(&self, op: &Op) -> Result<Vec<Tables>> {
        let mut out = self.copied("@inputs");
        match op {
            Op::WindowAggregate(plan) if !self.has("sessions") => self.windows(plan.keys.len(), &mut out)?,
            Op::WindowAggregate(plan) => self.sessions(plan.keys.len(), &[], &mut out)?,
            Op::AssignWindow(plan) => self.sessions(plan.partition.len(), &plan.partition, &mut out)?,
            Op::GroupAggregate(plan) => self.groups(plan.keys.len(), &mut out)?,
            Op::Over(plan) => {
                let partitions = self.parts.iter().find_map(|part| part.get("partitions"));
                let number = partitions.map_or(0, |table| table.num_columns() - 1);
                let owners = self.numbered("partitions", plan.partition.len(), number, &mut out)?;
                self.cells("", &owners, &mut out)?;
                self.rows("rows", &plan.partition, &["waiting"], &mut out)?;
            }
            Op::Rank(plan) => {
                self.rows("rows", &plan.partition, &[], &mut out)?;
                self.rows("done", &(0..plan.partition.len()).collect::<Vec<_>>(), &[], &mut out)?;
            }
            Op::MatchRecognize(plan) => {
                self.rows("rows", &plan.partition, &["places"], &mut out)?;
                self.rows("runs", &(0..plan.partition.len()).collect::<Vec<_>>(), &[], &mut out)?;
            }
            Op::Normalize { key } => self.rows("rows", key, &[], &mut out)?,
            Op::IntervalJoin(_) | Op::WindowJoin(_) | Op::TemporalJoin(_) | Op::Join(_) => {
                for (port, name) in ["left", "right"].into_iter().enumerate() {
                    let key = op.partition(port).unwrap_or_default();
                    let beside = ["timers", "partners", "words"].map(|word| format!("{name}.{word}"));
                    let beside: Vec<&str> = beside.iter().map(String::as_str).filter(|name| self.has(name)).collect();
                    self.rows(name, &key, &beside, &mut out)?;
                }
            }
            Op::Scan { .. }
            | Op::Values { .. }
            | Op::Filter(_)
            | Op::Project(_)
            | Op::Expand(_)
            | Op::Unnest(_)
            | Op::Union
            | Op::Sort(_)
            | Op::TableJoin(_)
            | Op::CurrentWatermark
            | Op::Limit { .. } => {}
        }
        self.watermark(&mut out)?;
        Ok(out)
    }

    fn has(&self, name: &str) -> bool {
        self.parts.iter().any(|part| part.contains_key(name))
    }

    /// A table that stands the same in all lanes.
    fn copied(&self, name: &str) -> Vec<Tables> {
        let table = self.parts.iter().find_map(|part| part.get(name));
        vec![table.map(|table| (name.to_string(), table.clone())).into_iter().collect(); self.division.count()]
    }

    /// The watermark, and the numbers behind it, which count what has been: they go on from the highest.
    fn watermark(&self, out: &mut [Tables]) -> Result<()> {
        let words = self.parts.iter().filter_map(|part| part.get("watermark"));
        let words: Vec<&Int64Array> = words.map(|table| table.column(0).as_primitive::<Int64Type>()).collect();
        let Some(first) = words.first() else { return Ok(()) };
        let lowest = words.iter().map(|words| words.value(0)).min().unwrap_or(i64::MIN);
        let highest = |row: usize| words.iter().map(|words| words.value(row)).max().unwrap_or(0);
        let all: ArrayRef =
            Arc::new(std::iter::once(lowest).chain((1..first.len()).map(highest)).map(Some).collect::<Int64Array>());
        for tables in out {
            // Sessions have counted theirs anew.
            if !tables.contains_key("watermark") {
                tables.insert("watermark".into(), RecordBatch::try_from_iter([("watermark", all.clone())])?);
            }
        }
        Ok(())
    }

    /// Rows that carry their key in these columns, and tables that have a row beside each of theirs.
    fn rows(&self, name: &str, keys: &[usize], beside: &[&str], out: &mut [Tables]) -> Result<()> {
        let places = self.places(name, keys)?;
        for name in std::iter::once(&name).chain(beside) {
            for (tables, places) in out.iter_mut().zip(&places) {
                tables.extend(self.take(name, places)?.map(|table| (name.to_string(), table)));
            }
        }
        Ok(())
    }

    /// The rows of each new lane, by the key in these columns.
    fn places(&self, name: &str, keys: &[usize]) -> Result<Owners> {
        let mut places = vec![Vec::new(); self.division.count()];
        for (part, tables) in self.parts.iter().enumerate() {
            let Some(table) = tables.get(name) else { continue };
            let keys: Vec<ArrayRef> = keys.iter().map(|&key| table.column(key).clone()).collect();
            for (row, hash) in hash_rows(&keys, table.num_rows())?.into_iter().enumerate() {
                places[self.division.part_of(hash)].push((part, row));
            }
        }
        Ok(places)
    }

    /// These rows of a table; `None` if no lane has saved it.
    fn take(&self, name: &str, places: &[Place]) -> Result<Option<RecordBatch>> {
        let tables: Vec<Option<&RecordBatch>> = self.parts.iter().map(|part| part.get(name)).collect();
        let Some(first) = tables.iter().flatten().next() else { return Ok(None) };
        let column = |(index, field): (usize, &Arc<Field>)| -> Result<(Field, ArrayRef)> {
            let none = new_empty_array(field.data_type());
            let columns: Vec<&dyn Array> =
                tables.iter().map(|table| table.map_or(none.as_ref(), |table| table.column(index).as_ref())).collect();
            let nullable = tables.iter().flatten().any(|table| table.schema().field(index).is_nullable());
            Ok((field.as_ref().clone().with_nullable(nullable), interleave(&columns, places)?))
        };
        let columns = first.schema().fields().iter().enumerate().map(column).collect::<Result<Vec<_>>>()?;
        let (fields, columns): (Vec<Field>, Vec<ArrayRef>) = columns.into_iter().unzip();
        let options = RecordBatchOptions::new().with_row_count(Some(places.len()));
        Ok(Some(RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)?))
    }

    /// A table of keys, in its first columns, with the number of each key's group in another; whose groups
    /// go where.
    fn numbered(&self, name: &str, keys: usize, number: usize, out: &mut [Tables]) -> Result<Owners> {
        let places = self.places(name, &(0..keys).collect::<Vec<_>>())?;
        let mut owners = Vec::with_capacity(self.division.count());
        for (tables, places) in out.iter_mut().zip(places) {
            let Some(table) = self.take(name, &places)? else {
                owners.push(Vec::new());
                continue;
            };
            let numbers = cast(table.column(number), &arrow::datatypes::DataType::UInt32)?;
            let numbers = numbers.as_primitive::<UInt32Type>().values();
            owners.push(places.iter().zip(numbers).map(|(&(part, _), &number)| (part, number as usize)).collect());
            tables.insert(name.into(), counted(&table, number)?);
        }
        Ok(owners)
    }

    /// The cells of groups: the tables with this prefix and a number behind it.
    fn cells(&self, prefix: &str, owners: &Owners, out: &mut [Tables]) -> Result<()> {
        let is_cells = |name: &&String| {
            name.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
        };
        let names: BTreeSet<&String> = self.parts.iter().flat_map(BTreeMap::keys).filter(is_cells).collect();
        for name in names {
            let table = self.parts.iter().find_map(|part| part.get(name));
            match table.filter(|table| table.schema().field(0).name() == "group") {
                Some(_) => self.owned(name, owners, out)?,
                None => {
                    for (tables, owned) in out.iter_mut().zip(owners) {
                        tables.extend(self.take(name, owned)?.map(|table| (name.clone(), table)));
                    }
                }
            }
        }
        Ok(())
    }

    /// A table whose first column says to which group each row belongs; the rows' places.
    fn owned(&self, name: &str, owners: &Owners, out: &mut [Tables]) -> Result<()> {
        let places = self.owned_places(name, owners)?;
        for (tables, places) in out.iter_mut().zip(&places) {
            let rows: Vec<Place> = places.iter().map(|&(place, _)| place).collect();
            let Some(table) = self.take(name, &rows)? else { continue };
            let groups = UInt32Array::from_iter_values(places.iter().map(|&(_, group)| group));
            tables.insert(name.into(), with_column(&table, 0, Arc::new(groups))?);
        }
        Ok(())
    }

    /// For each new lane the rows of its groups, with the groups' new numbers.
    fn owned_places(&self, name: &str, owners: &Owners) -> Result<Vec<Vec<(Place, u32)>>> {
        let mut homes: BTreeMap<Place, (usize, u32)> = BTreeMap::new();
        for (lane, owned) in owners.iter().enumerate() {
            homes.extend((0u32..).zip(owned).map(|(group, &old)| (old, (lane, group))));
        }
        let mut places = vec![Vec::new(); self.division.count()];
        for (part, tables) in self.parts.iter().enumerate() {
            let Some(table) = tables.get(name) else { continue };
            for (row, &group) in table.column(0).as_primitive::<UInt32Type>().values().iter().enumerate() {
                let &(lane, group) = homes
                    .get(&(part, group as usize))
                    .ok_or_else(|| EngineError::Compute(format!("saved table {name} speaks of a group without key")))?;
                places[lane].push(((part, row), group));
            }
        }
        Ok(places)
    }

    /// Groups without a window.
    fn groups(&self, keys: usize, out: &mut [Tables]) -> Result<()> {
        let owners = self.numbered("keys", keys, keys, out)?;
        self.cells("", &owners, out)
    }

    /// The panes of windows: the same pane may be open in all lanes, under different numbers.
    fn windows(&self, keys: usize, out: &mut [Tables]) -> Result<()> {
        let mut panes: BTreeMap<Span, (Vec<Tables>, i64)> = BTreeMap::new();
        for (part, tables) in self.parts.iter().enumerate() {
            let Some(table) = tables.get("panes") else { continue };
            let word = |column: usize, row: usize| table.column(column).as_primitive::<Int64Type>().value(row);
            for number in 0..table.num_rows() {
                let span = Span { start: word(0, number), end: word(1, number) };
                let fresh = || (vec![Tables::new(); self.parts.len()], 0);
                let (parts, rows) = panes.entry(span).or_insert_with(fresh);
                let prefix = format!("pane{number}.");
                let own =
                    tables.iter().filter_map(|(name, table)| Some((name.strip_prefix(&prefix)?.into(), table.clone())));
                parts[part] = own.collect();
                *rows += word(2, number);
            }
        }
        let mut listed: Vec<Vec<(Span, i64)>> = vec![Vec::new(); self.division.count()];
        for (span, (parts, mut rows)) in panes {
            let mut pane = vec![Tables::new(); self.division.count()];
            Parts { parts, division: self.division }.groups(keys, &mut pane)?;
            for ((lane, tables), listed) in pane.into_iter().enumerate().zip(&mut listed) {
                if tables.get("keys").is_some_and(|keys| keys.num_rows() > 0) {
                    let number = listed.len();
                    out[lane].extend(tables.into_iter().map(|(name, table)| (format!("pane{number}.{name}"), table)));
                    // How many rows a pane has taken is told as a whole, by the first lane that has it.
                    listed.push((span, std::mem::take(&mut rows)));
                }
            }
        }
        for (tables, listed) in out.iter_mut().zip(listed) {
            let column = |pick: fn(&(Span, i64)) -> i64| -> ArrayRef {
                Arc::new(Int64Array::from_iter_values(listed.iter().map(pick)))
            };
            let columns = [("start", column(|p| p.0.start)), ("end", column(|p| p.0.end)), ("rows", column(|p| p.1))];
            tables.insert("panes".into(), RecordBatch::try_from_iter(columns)?);
        }
        Ok(())
    }

    /// Sessions: keys, then start, end, cell, rows and the number by which sessions are told apart. What is in
    /// a session lies in its cell: the cells of aggregates, or rows.
    fn sessions(&self, keys: usize, partition: &[usize], out: &mut [Tables]) -> Result<()> {
        let owners = self.numbered("sessions", keys, keys + 2, out)?;
        self.cells("cells.", &owners, out)?;
        if !partition.is_empty() && self.has("cells") {
            let places = self.owned_places("cells", &owners)?;
            let rows: Owners = places.iter().map(|places| places.iter().map(|&(place, _)| place).collect()).collect();
            self.owned("cells", &owners, out)?;
            for (tables, rows) in out.iter_mut().zip(&rows) {
                tables.extend(self.take("rows", rows)?.map(|table| ("rows".to_string(), table)));
            }
        }
        self.watermark(out)?;
        for (tables, owned) in out.iter_mut().zip(&owners) {
            let Some((sessions, words)) = tables.get("sessions").zip(tables.get("watermark")) else { continue };
            let sessions = counted(sessions, keys + 4)?;
            let lowest = words.column(0).as_primitive::<Int64Type>().value(0);
            let words: ArrayRef = Arc::new(Int64Array::from(vec![lowest, owned.len() as i64, owned.len() as i64]));
            tables.insert("watermark".into(), RecordBatch::try_from_iter([("watermark", words)])?);
            tables.insert("sessions".into(), sessions);
        }
        Ok(())
    }
}

/// A table with the numbers of its rows in this column.
fn counted(table: &RecordBatch, column: usize) -> Result<RecordBatch> {
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..table.num_rows() as i64));
    with_column(table, column, cast(&numbers, table.column(column).data_type())?)
}

fn with_column(table: &RecordBatch, index: usize, column: ArrayRef) -> Result<RecordBatch> {
    let mut columns = table.columns().to_vec();
    columns[index] = column;
    Ok(RecordBatch::try_new(table.schema(), columns)?)
}
