//! `DIFF a b`: two versions of a step over the tape that is replayed: rows that only one of them gives, rows
//! that both give with other values, and the record at which they part.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use arrow::array::RecordBatch;
use arrow::row::{OwnedRow, RowConverter, SortField};
use millstream_plan::Graph;
use millstream_record::{Batch, Kind, Kinds};
use millstream_sql::SqlError;
use millstream_sql::statement::Version;

use crate::fault::{Class, Fault};
use crate::fold::Fold;
use crate::key;
use crate::render::{Columns, Format, Look, timestamp_text, to_text};
use crate::reply::Reply;
use crate::session::Session;
use crate::status::count;
use crate::tape::Seat;
use crate::tape::player::nothing_replayed;

/// So many rows of a difference are shown.
const SHOWN: usize = 20;
/// Records between two comparisons of what came out.
const STRIDE: u64 = 1024;

/// `DIFF a b`.
pub fn diff(session: &mut Session, left: &Version, right: &Version) -> Result<Reply, Fault> {
    let replaying = session.replaying.clone().ok_or_else(nothing_replayed)?;
    let names = [name(session, left)?, name(session, right)?];
    let mut seats = Vec::new();
    for name in &names {
        seats.push(Seat::new(session, name, &replaying)?);
    }
    let [mut left, mut right]: [Seat; 2] = seats.try_into().unwrap_or_else(|_| unreachable!("there are two names"));
    let common = Common::of(&left, &right)?;
    let parts = part(&mut left, &mut right, &common, replaying.from, replaying.to)?;
    let (ours, theirs) =
        (common.left(&whole(&mut left, replaying.to)?)?, common.right(&whole(&mut right, replaying.to)?)?);
    let compared = compare(&ours, &theirs, &common.keys)?;
    let mut text = format!(
        "{} and {} over {}: {} and {} rows · {} added, {} removed, {} changed",
        names[0],
        names[1],
        replaying.tape.name(),
        count(ours.num_rows() as u64),
        count(theirs.num_rows() as u64),
        count(compared.added),
        count(compared.removed),
        count(compared.changed),
    );
    for (what, columns) in [("only in the first", &common.only_left), ("only in the second", &common.only_right)] {
        if !columns.is_empty() {
            let _ = write!(text, "\ncolumns {what}, not compared: {}", columns.join(", "));
        }
    }
    if let Some(record) = parts {
        let at = timestamp_text(replaying.tape.time_of(record), session.settings.zone());
        let place = place_of(&replaying.tape, record).map(|place| format!(" ({place})")).unwrap_or_default();
        let _ = write!(text, "\nthey part at record {}{place}, {at}", count(record));
    }
    if !compared.rows.is_empty() {
        let look = Look { zone: session.settings.zone(), rows: SHOWN, ..Look::plain() };
        let drawn = to_text(Format::Table, Columns::of(ours.schema()).with_kinds(), &compared.rows, &look);
        let _ = write!(text, "\n{}", drawn.trim_end());
    }
    Ok(Reply::Plan(text))
}

/// The name of a version, if there is one.
fn name(session: &Session, version: &Version) -> Result<String, Fault> {
    let name = match version.number {
        Some(number) => format!("{}@{number}", version.name.text),
        None => version.name.text.clone(),
    };
    if session.catalog.contains(&name) {
        return Ok(name);
    }
    let error = SqlError::new("E0201", format!("there is no '{name}'")).at(version.name.span);
    Err(match session.workbook.step(&version.name.text) {
        Some(step) => {
            let known: Vec<String> = step.versions().iter().map(|version| version.label()).collect();
            error.hint(format!("there are {}", known.join(", "))).into()
        }
        None => error.hint("SHOW STEPS; lists all steps").into(),
    })
}

/// Topic, partition and offset of a record.
fn place_of(tape: &millstream_connect::tape::Tape, record: u64) -> Option<String> {
    let chunk = tape.chunk(tape.chunk_of(record)).ok()?;
    let (part, index) = chunk.find(record)?;
    let record = chunk.record(part, index);
    Some(format!("{} offset {}", record.partition, record.offset.0))
}

/// The columns that both sides have, under one name and with one type.
struct Common {
    left: Vec<usize>,
    right: Vec<usize>,
    only_left: Vec<String>,
    only_right: Vec<String>,
    /// Which of the common columns tell rows apart, if that is known.
    keys: Option<Vec<usize>>,
}

impl Common {
    fn of(left: &Seat, right: &Seat) -> Result<Common, Fault> {
        let (ours, theirs) = (left.row().schema, right.row().schema);
        let (mut common, mut only_left) = ((Vec::new(), Vec::new()), Vec::new());
        for (index, field) in ours.fields().iter().enumerate() {
            match theirs
                .fields()
                .iter()
                .position(|other| other.name() == field.name() && other.data_type() == field.data_type())
            {
                Some(other) => {
                    common.0.push(index);
                    common.1.push(other);
                }
                None => only_left.push(field.name().clone()),
            }
        }
        let missing = theirs.fields().iter().enumerate().filter(|(index, _)| !common.1.contains(index));
        let only_right: Vec<String> = missing.map(|(_, field)| field.name().clone()).collect();
        if common.0.is_empty() {
            let message = "they have no column in common: none has the same name and type in both";
            return Err(Fault::new(Class::Query, "E0915", message));
        }
        let keys = keys(left.graph()).zip(keys(right.graph()));
        let place = |columns: &[usize], key: &usize| columns.iter().position(|column| column == key);
        let keys = keys.and_then(|(ours, theirs)| {
            let ours: Option<Vec<usize>> = ours.iter().map(|key| place(&common.0, key)).collect();
            let theirs: Option<Vec<usize>> = theirs.iter().map(|key| place(&common.1, key)).collect();
            ours.zip(theirs).filter(|(ours, theirs)| ours == theirs).map(|(keys, _)| keys)
        });
        Ok(Common { left: common.0, right: common.1, only_left, only_right, keys })
    }

    fn left(&self, rows: &RecordBatch) -> Result<RecordBatch, Fault> {
        Ok(rows.project(&self.left)?)
    }

    fn right(&self, rows: &RecordBatch) -> Result<RecordBatch, Fault> {
        Ok(rows.project(&self.right)?)
    }
}

/// The columns of a graph's result that tell its rows apart, if they tell all of them.
fn keys(graph: &Graph) -> Option<Vec<usize>> {
    let key = key::of(graph, graph.outputs.first()?.node);
    key.whole.then_some(key.columns)
}

/// The final rows of a step over the whole stretch.
fn whole(seat: &mut Seat, to: u64) -> Result<RecordBatch, Fault> {
    let mut fold = Fold::new(seat.row().schema)?;
    seat.seek(0)?;
    for batch in seat.play(to)?.into_iter().chain(seat.finish()?) {
        fold.take(&batch)?;
    }
    let schema = seat.row().schema;
    Ok(arrow::compute::concat_batches(&schema, &fold.batches(usize::MAX)?)?)
}

/// The first record behind which the two have not given the same changes.
fn part(left: &mut Seat, right: &mut Seat, common: &Common, from: u64, to: u64) -> Result<Option<u64>, Fault> {
    let mut at = from;
    while at < to {
        let end = to.min(at + STRIDE);
        if given(left, &common.left, end)? == given(right, &common.right, end)? {
            at = end;
            continue;
        }
        left.seek(at)?;
        right.seek(at)?;
        for record in at..end {
            if given(left, &common.left, record + 1)? != given(right, &common.right, record + 1)? {
                return Ok(Some(record));
            }
        }
        at = end;
    }
    let same = rows(&left.finish()?, &common.left)? == rows(&right.finish()?, &common.right)?;
    Ok((!same).then(|| to.saturating_sub(1)))
}

/// The changes up to a record, in a form that can be compared.
fn given(seat: &mut Seat, columns: &[usize], to: u64) -> Result<Vec<(Kind, OwnedRow)>, Fault> {
    rows(&seat.play(to)?, columns)
}

fn rows(batches: &[Batch], columns: &[usize]) -> Result<Vec<(Kind, OwnedRow)>, Fault> {
    let mut all = Vec::new();
    for batch in batches {
        let rows = batch.rows.project(columns)?;
        let kinds = (0..rows.num_rows()).map(|row| batch.kinds.as_ref().map_or(Kind::Insert, |kinds| kinds.get(row)));
        all.extend(kinds.zip(owned(&rows, &(0..columns.len()).collect::<Vec<_>>())?));
    }
    Ok(all)
}

fn owned(rows: &RecordBatch, columns: &[usize]) -> Result<Vec<OwnedRow>, Fault> {
    let fields = columns.iter().map(|&column| SortField::new(rows.column(column).data_type().clone())).collect();
    let converter = RowConverter::new(fields)?;
    let columns: Vec<_> = columns.iter().map(|&column| rows.column(column).clone()).collect();
    if columns.is_empty() {
        return Ok(Vec::new());
    }
    Ok(converter.convert_columns(&columns)?.iter().map(|row| row.owned()).collect())
}

/// What comes of laying two sets of rows side by side.
#[derive(Default)]
struct Compared {
    added: u64,
    removed: u64,
    changed: u64,
    /// Some of the differences, with kinds: `+I` added, `-D` removed, `-U` and `+U` changed.
    rows: Vec<Batch>,
}

/// Lays rows side by side, by their keys if there are any, as multisets otherwise.
fn compare(left: &RecordBatch, right: &RecordBatch, keys: &Option<Vec<usize>>) -> Result<Compared, Fault> {
    let all: Vec<usize> = (0..left.num_columns()).collect();
    let (ours, theirs) = (owned(left, &all)?, owned(right, &all)?);
    // Equal rows cancel each other out.
    let mut balance: BTreeMap<&OwnedRow, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
    ours.iter().enumerate().for_each(|(row, bytes)| balance.entry(bytes).or_default().0.push(row));
    theirs.iter().enumerate().for_each(|(row, bytes)| balance.entry(bytes).or_default().1.push(row));
    let (mut gone, mut new) = (Vec::new(), Vec::new());
    for (ours, theirs) in balance.into_values() {
        let same = ours.len().min(theirs.len());
        gone.extend_from_slice(&ours[same..]);
        new.extend_from_slice(&theirs[same..]);
    }
    gone.sort_unstable();
    new.sort_unstable();
    let mut partners: BTreeMap<OwnedRow, usize> = BTreeMap::new();
    let (left_keys, right_keys) = match keys.as_ref().filter(|keys| !keys.is_empty()) {
        Some(keys) => (owned(left, keys)?, owned(right, keys)?),
        None => (Vec::new(), Vec::new()),
    };
    for &row in new.iter().filter(|row| **row < right_keys.len()) {
        partners.insert(right_keys[row].clone(), row);
    }
    let (mut compared, mut matched) = (Compared::default(), BTreeSet::new());
    for row in gone {
        match left_keys.get(row).and_then(|key| partners.remove(key)) {
            Some(partner) => {
                compared.changed += 1;
                compared.show(left, row, Kind::UpdateBefore);
                compared.show(right, partner, Kind::UpdateAfter);
                matched.insert(partner);
            }
            None => {
                compared.removed += 1;
                compared.show(left, row, Kind::Delete);
            }
        }
    }
    for row in new.into_iter().filter(|row| !matched.contains(row)) {
        compared.added += 1;
        compared.show(right, row, Kind::Insert);
    }
    Ok(compared)
}

impl Compared {
    fn show(&mut self, rows: &RecordBatch, row: usize, kind: Kind) {
        if self.rows.len() < SHOWN {
            self.rows.push(Batch::changes(rows.slice(row, 1), Kinds::new([kind])));
        }
    }
}
