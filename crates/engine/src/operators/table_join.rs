//! A stream joined with a table that stands still: the table is read to its end, then every row of the
//! stream is looked up in it.
//!
//! Rows of the stream that come before the table's end wait here, and so does the watermark. In a live run
//! there are none: the stream begins when the table has ended (`opening.rs`). The table itself is kept in one piece with a list of its
//! rows per key.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, UInt8Array, UInt32Array};
use arrow::compute::{concat_batches, take, take_record_batch};
use arrow::datatypes::{Int64Type, SchemaRef, UInt8Type};
use arrow::row::{OwnedRow, RowConverter, SortField};
use millstream_plan::{Join, JoinKind, RowType};
use millstream_record::{Batch, Kinds, Mark, Millis};

use crate::equality::{JoinKeys, LEFT, RIGHT};
use crate::error::{EngineError, Result};
use crate::inspect::{Detail, KeySample, Side};
use crate::keys::Interner;
use crate::operator::{Operator, Output};
use crate::residual::Residual;
use crate::state::Tables;

/// As many rows come out in one batch, at most.
const PIECE_ROWS: usize = 8192;

/// Looks rows up in a table.
pub struct TableJoinOperator {
    kind: JoinKind,
    keys: JoinKeys,
    residual: Option<Residual>,
    left: SchemaRef,
    right: SchemaRef,
    schema: SchemaRef,
    /// The rows of the table as they come, and then in one piece.
    coming: Vec<Batch>,
    table: Option<Table>,
    /// Rows of the stream that wait for the table, and the watermark behind them.
    waiting: Vec<Batch>,
    watermark: Millis,
    /// Keys of the first rows of both sides.
    samples: [KeySample; 2],
}

/// The table, with its rows by key.
struct Table {
    rows: RecordBatch,
    interner: Interner,
    /// The rows of key `k` are `order[starts[k]..starts[k + 1]]`.
    starts: Vec<u32>,
    order: Vec<u32>,
}

/// Pairs of a stream row and a table row, in the stream's order; `None` pads.
#[derive(Default)]
struct Pairs {
    left: Vec<u32>,
    right: Vec<Option<u32>>,
}

impl TableJoinOperator {
    /// The operator for a plan over a stream and a table; `schema` is what comes out.
    pub fn new(plan: &Join, left: &RowType, right: &RowType, schema: SchemaRef) -> Result<Self> {
        if matches!(plan.kind, JoinKind::Right | JoinKind::Full) {
            let reason = "a stream cannot be joined RIGHT or FULL with a table: its rows never end, so no row of the \
                          table is ever known to be without a partner";
            return Err(EngineError::Compute(reason.into()));
        }
        Ok(TableJoinOperator {
            kind: plan.kind,
            keys: JoinKeys::new(&plan.on, left, right)?,
            residual: Residual::new(plan.residual.as_ref(), &left.schema, &right.schema)?,
            left: left.schema.clone(),
            right: right.schema.clone(),
            schema,
            coming: Vec::new(),
            table: None,
            waiting: Vec::new(),
            watermark: Millis::MIN,
            samples: Default::default(),
        })
    }

    /// Joins a batch of the stream and emits what comes of it, in pieces.
    fn probe(&self, table: &Table, batch: &Batch, out: &mut Output) -> Result<()> {
        let (keys, partners) = self.keys.of(LEFT, &batch.rows);
        let mut groups = Vec::new();
        table.interner.find(&keys, batch.len(), &mut groups)?;
        let mut start = 0;
        while start < batch.len() {
            let mut pairs = Pairs::default();
            let mut end = start;
            while end < batch.len() && pairs.left.len() < PIECE_ROWS {
                let partner = partners.as_ref().is_none_or(|partners| partners.is_valid(end));
                let found = table.rows_of(groups[end]).iter().filter(|_| partner);
                pairs.right.extend(found.map(|&row| Some(row)));
                pairs.left.resize(pairs.right.len(), end as u32);
                end += 1;
            }
            self.settle(table, batch, pairs, start..end, out)?;
            start = end;
        }
        if batch.is_empty() {
            out.emit(Batch {
                marks: batch.marks.clone(),
                ..Batch::insert(RecordBatch::new_empty(self.schema.clone()))
            });
        }
        Ok(())
    }

    /// Tests the pairs of some stream rows, and emits what the kind of join makes of them.
    fn settle(
        &self,
        table: &Table,
        batch: &Batch,
        mut pairs: Pairs,
        rows: std::ops::Range<usize>,
        out: &mut Output,
    ) -> Result<()> {
        if let Some(residual) = &self.residual {
            pairs.keep(&residual.test(self.columns(table, batch, &pairs)?)?);
        }
        let pairs = self.shape(pairs, rows.clone());
        let columns = match self.kind {
            JoinKind::Semi | JoinKind::Anti => {
                take_record_batch(&batch.rows, &UInt32Array::from(pairs.left.clone()))?.columns().to_vec()
            }
            _ => self.columns(table, batch, &pairs)?,
        };
        let kinds = batch.kinds.as_ref().map(|kinds| Kinds::new(pairs.left.iter().map(|&row| kinds.get(row as usize))));
        let last = rows.end == batch.len();
        let here = |mark: &&Mark| {
            let after = mark.after as usize;
            (after > rows.start || rows.start == 0) && (after <= rows.end || last)
        };
        let marks: Vec<Mark> = batch.marks.iter().filter(here).copied().collect();
        let marks = Mark::replace(&marks, &pairs.left);
        out.emit(Batch { rows: RecordBatch::try_new(self.schema.clone(), columns)?, kinds, marks });
        Ok(())
    }

    /// What comes out for the stream rows `rows`, given their true partners.
    fn shape(&self, pairs: Pairs, rows: std::ops::Range<usize>) -> Pairs {
        if self.kind == JoinKind::Inner {
            return pairs;
        }
        let mut shaped = Pairs::default();
        let mut place = 0;
        for row in rows {
            let count = pairs.left[place..].iter().take_while(|&&left| left as usize == row).count();
            match self.kind {
                JoinKind::Semi => shaped.right.extend((count > 0).then_some(None)),
                JoinKind::Anti => shaped.right.extend((count == 0).then_some(None)),
                _ if count == 0 => shaped.right.push(None),
                _ => shaped.right.extend_from_slice(&pairs.right[place..place + count]),
            }
            shaped.left.resize(shaped.right.len(), row as u32);
            place += count;
        }
        shaped
    }

    fn columns(&self, table: &Table, batch: &Batch, pairs: &Pairs) -> Result<Vec<ArrayRef>> {
        let (left, right) = (UInt32Array::from(pairs.left.clone()), UInt32Array::from(pairs.right.clone()));
        let ours = batch.rows.columns().iter().map(|column| Ok(take(column, &left, None)?));
        ours.chain(table.rows.columns().iter().map(|column| Ok(take(column, &right, None)?))).collect()
    }

    /// The table is complete.
    fn close(&mut self) -> Result<()> {
        let batches = std::mem::take(&mut self.coming);
        let rows = concat_batches(&self.right, batches.iter().map(|batch| &batch.rows))?;
        let kinds: Vec<u8> =
            batches.iter().flat_map(|batch| (0..batch.len()).map(|row| batch.kind(row) as u8)).collect();
        let rows = if batches.iter().any(|batch| batch.kinds.is_some()) { fold(&rows, &kinds)? } else { rows };
        self.table = Some(Table::new(rows, &self.keys)?);
        Ok(())
    }
}

/// What is left of a table when its changes have been made: each retraction takes back one equal row.
fn fold(rows: &RecordBatch, kinds: &[u8]) -> Result<RecordBatch> {
    let fields = rows.schema().fields().iter().map(|field| SortField::new(field.data_type().clone())).collect();
    let encoded = RowConverter::new(fields)?.convert_columns(rows.columns())?;
    let mut present: HashMap<OwnedRow, Vec<u32>> = HashMap::new();
    for (row, &kind) in kinds.iter().enumerate() {
        let same = present.entry(encoded.row(row).owned()).or_default();
        match millstream_record::Kind::from_u8(kind) {
            Some(kind) if kind.is_retraction() => drop(same.pop()),
            _ => same.push(row as u32),
        }
    }
    let mut kept: Vec<u32> = present.into_values().flatten().collect();
    kept.sort_unstable();
    Ok(take_record_batch(rows, &UInt32Array::from(kept))?)
}

impl Table {
    fn new(rows: RecordBatch, keys: &JoinKeys) -> Result<Table> {
        let (columns, partners) = keys.of(RIGHT, &rows);
        let mut interner = Interner::new(keys.types())?;
        let mut groups = Vec::new();
        interner.intern(&columns, rows.num_rows(), &mut groups)?;
        let partner = |row: usize| partners.as_ref().is_none_or(|partners| partners.is_valid(row));
        let mut starts = vec![0u32; interner.len() + 1];
        (0..groups.len()).filter(|&row| partner(row)).for_each(|row| starts[groups[row] as usize + 1] += 1);
        for key in 1..starts.len() {
            starts[key] += starts[key - 1];
        }
        let mut next = starts.clone();
        let mut order = vec![0; starts.last().map_or(0, |&rows| rows as usize)];
        for row in (0..groups.len()).filter(|&row| partner(row)) {
            let place = &mut next[groups[row] as usize];
            order[*place as usize] = row as u32;
            *place += 1;
        }
        Ok(Table { rows, interner, starts, order })
    }

    fn rows_of(&self, key: u32) -> &[u32] {
        match self.starts.get(key as usize..) {
            Some([start, end, ..]) => &self.order[*start as usize..*end as usize],
            _ => &[],
        }
    }
}

impl Pairs {
    fn keep(&mut self, verdicts: &BooleanArray) {
        let mut verdict = verdicts.iter().map(|verdict| verdict == Some(true));
        self.left.retain(|_| verdict.next() == Some(true));
        let mut verdict = verdicts.iter().map(|verdict| verdict == Some(true));
        self.right.retain(|_| verdict.next() == Some(true));
    }
}

impl Operator for TableJoinOperator {
    fn on_batch(&mut self, port: usize, mut batch: Batch, out: &mut Output) -> Result<()> {
        if let Some(watermark) = batch.watermark() {
            self.watermark = watermark;
        }
        self.samples[port].look(&batch.rows, &self.keys.of(port, &batch.rows).0);
        match (&self.table, port) {
            (Some(table), LEFT) => self.probe(table, &batch, out),
            // The end of the table may come to light by the watermark that it lets go.
            (Some(_), _) => {
                out.watermark(self.watermark);
                Ok(())
            }
            (None, _) => {
                batch.marks.clear();
                let held = if port == LEFT { &mut self.waiting } else { &mut self.coming };
                held.extend((!batch.is_empty()).then_some(batch));
                Ok(())
            }
        }
    }

    fn on_end(&mut self, port: usize, out: &mut Output) -> Result<()> {
        if port == RIGHT {
            self.close()?;
            let table = self.table.take().expect("it has just been closed");
            let waiting = std::mem::take(&mut self.waiting);
            let probed = waiting.iter().try_for_each(|batch| self.probe(&table, batch, out));
            self.table = Some(table);
            out.watermark(self.watermark);
            return probed;
        }
        Ok(())
    }

    fn save(&mut self) -> Result<Tables> {
        let mut tables = Tables::new();
        match &self.table {
            Some(table) => drop(tables.insert("table".into(), table.rows.clone())),
            None => {
                save_batches(&self.right, "coming", &self.coming, &mut tables)?;
                save_batches(&self.left, "waiting", &self.waiting, &mut tables)?;
            }
        }
        let watermark: ArrayRef = Arc::new(Int64Array::from(vec![self.watermark.0]));
        tables.insert("watermark".into(), RecordBatch::try_from_iter([("watermark", watermark)])?);
        Ok(tables)
    }

    fn load(&mut self, mut tables: Tables) -> Result<()> {
        let Some(watermark) = tables.get("watermark") else { return Ok(()) };
        self.watermark = Millis(watermark.column(0).as_primitive::<Int64Type>().value(0));
        if let Some(rows) = tables.remove("table") {
            self.table = Some(Table::new(rows.with_schema(self.right.clone())?, &self.keys)?);
        }
        self.coming = load_batches(&self.right, "coming", &mut tables)?;
        self.waiting = load_batches(&self.left, "waiting", &mut tables)?;
        Ok(())
    }

    fn size(&self) -> usize {
        let size = |batch: &Batch| batch.rows.get_array_memory_size();
        let held = self.coming.iter().chain(&self.waiting).map(size).sum::<usize>();
        held + self.table.as_ref().map_or(0, Table::size)
    }

    fn inspect(&self) -> Detail {
        let rows = |batches: &[Batch]| batches.iter().map(|batch| batch.len() as u64).sum::<u64>();
        let table = self.table.as_ref().map_or(rows(&self.coming), |table| table.rows.num_rows() as u64);
        let side = |side: usize, held: u64| Side {
            held,
            times: None,
            keys: self.samples[side].shown(),
            whole: side == RIGHT && self.table.is_some(),
        };
        Detail::Join(Box::new([side(LEFT, rows(&self.waiting)), side(RIGHT, table)]))
    }
}

impl Table {
    fn size(&self) -> usize {
        self.rows.get_array_memory_size() + self.interner.size() + (self.starts.len() + self.order.len()) * 4
    }
}

/// Rows with their kinds, in two tables.
fn save_batches(schema: &SchemaRef, name: &str, batches: &[Batch], tables: &mut Tables) -> Result<()> {
    let kinds = batches.iter().flat_map(|batch| (0..batch.len()).map(|row| batch.kind(row) as u8));
    let kinds: ArrayRef = Arc::new(UInt8Array::from_iter_values(kinds));
    tables.insert(format!("{name}.kinds"), RecordBatch::try_from_iter([("kind", kinds)])?);
    tables.insert(name.into(), concat_batches(schema, batches.iter().map(|batch| &batch.rows))?);
    Ok(())
}

fn load_batches(schema: &SchemaRef, name: &str, tables: &mut Tables) -> Result<Vec<Batch>> {
    let Some((rows, kinds)) = tables.remove(name).zip(tables.remove(&format!("{name}.kinds"))) else {
        return Ok(Vec::new());
    };
    let rows = rows.with_schema(schema.clone())?;
    let numbers = kinds.column(0).as_primitive::<UInt8Type>().values();
    if rows.num_rows() == 0 {
        return Ok(Vec::new());
    }
    if numbers.iter().all(|&number| number == 0) {
        return Ok(vec![Batch::insert(rows)]);
    }
    let kinds = Kinds::from_numbers(numbers.to_vec())
        .ok_or_else(|| EngineError::Compute(format!("a saved row in {name} has a kind that does not exist")))?;
    Ok(vec![Batch::changes(rows, kinds)])
}
