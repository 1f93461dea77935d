//! The list of an operator's shards as it stands in a cut: which keys each of them has, how many pieces its
//! state lies in, and at which watermark it wants to be woken. The pieces follow in the order of the list.

use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{ArrayRef, Int64Array, RecordBatch, UInt32Array};
use arrow::datatypes::{Int64Type, UInt32Type};
use millstream_record::Millis;

use super::shard::{Prefix, Shard};
use crate::error::{EngineError, Result};
use crate::operator::Wake;
use crate::state::{Piece, Tables};

/// The name of the list among an operator's tables.
const NAME: &str = "@shards";

/// A list of shards.
pub struct Listed {
    /// The watermark that all of them have heard, or have still to hear.
    pub watermark: Millis,
    /// How far the output has come.
    pub said: Millis,
    shards: Vec<Line>,
}

struct Line {
    prefix: Prefix,
    pieces: usize,
    wake: Wake,
}

impl Listed {
    /// The list among an operator's tables, if its state is divided.
    pub fn of(tables: &Tables) -> Result<Option<Listed>> {
        let Some(table) = tables.get(NAME) else { return Ok(None) };
        let word = |column: usize| table.column(column).as_primitive::<UInt32Type>().values();
        let time = |column: usize| table.column(column).as_primitive::<Int64Type>().values();
        let line = |row: usize| -> Result<Line> {
            let wake = match (word(3)[row], Millis(time(4)[row])) {
                (0, _) => Wake::Never,
                (1, at) => Wake::At(at),
                (2, at) => Wake::Soon(at),
                _ => return Err(EngineError::Compute("a saved shard wakes in an unknown way".into())),
            };
            let prefix = Prefix { bits: word(0)[row], depth: word(1)[row] };
            Ok(Line { prefix, pieces: word(2)[row] as usize, wake })
        };
        let shards = (0..table.num_rows()).map(line).collect::<Result<Vec<_>>>()?;
        let same = |column: usize| time(column).first().copied().map_or(Millis::MIN, Millis);
        Ok(Some(Listed { watermark: same(5), said: same(6), shards }))
    }

    /// How many bits the longest prefix has.
    pub fn depth(&self) -> u32 {
        self.shards.iter().map(|line| line.prefix.depth).max().unwrap_or(0)
    }

    /// The shard of each piece.
    pub fn prefix_of_each_piece(&self) -> Vec<Prefix> {
        self.shards.iter().flat_map(|line| std::iter::repeat_n(line.prefix, line.pieces)).collect()
    }

    /// The shards with their pieces, all of them put away.
    pub fn shards(&self, pieces: Vec<Piece>) -> Result<Vec<Shard>> {
        let listed: usize = self.shards.iter().map(|line| line.pieces).sum();
        if listed != pieces.len() {
            let reason = format!("its shards lie in {listed} pieces, and {} are there", pieces.len());
            return Err(EngineError::Compute(reason));
        }
        let mut pieces = pieces.into_iter();
        let shard = |line: &Line| Shard::away(line.prefix, pieces.by_ref().take(line.pieces).collect(), line.wake);
        Ok(self.shards.iter().map(shard).collect())
    }

    /// Tables with the list of these shards, which have all heard `watermark` or will hear it next; their output
    /// has come as far as `said`.
    pub fn table<'a>(
        shards: impl Iterator<Item = (Prefix, usize, Wake)> + Clone + 'a,
        watermark: Millis,
        said: Millis,
    ) -> Result<Tables> {
        let words = |pick: fn((Prefix, usize, Wake)) -> u32| -> ArrayRef {
            Arc::new(UInt32Array::from_iter_values(shards.clone().map(pick)))
        };
        let times = |pick: &dyn Fn((Prefix, usize, Wake)) -> i64| -> ArrayRef {
            Arc::new(Int64Array::from_iter_values(shards.clone().map(pick)))
        };
        let kind = |(_, _, wake): (Prefix, usize, Wake)| match wake {
            Wake::Never => 0,
            Wake::At(_) => 1,
            Wake::Soon(_) => 2,
        };
        let at = |(_, _, wake): (Prefix, usize, Wake)| match wake {
            Wake::Never => i64::MAX,
            Wake::At(at) | Wake::Soon(at) => at.0,
        };
        let columns = [
            ("prefix", words(|(prefix, ..)| prefix.bits)),
            ("depth", words(|(prefix, ..)| prefix.depth)),
            ("pieces", words(|(_, pieces, _)| pieces as u32)),
            ("wakes", words(kind)),
            ("at", times(&at)),
            ("watermark", times(&|_| watermark.0)),
            ("said", times(&|_| said.0)),
        ];
        Ok([(NAME.to_string(), RecordBatch::try_from_iter(columns)?)].into())
    }

    /// The same for shards of which only the pieces are known.
    pub fn saved(shards: &[(Prefix, Vec<Piece>)], watermark: Millis) -> Result<Tables> {
        let unknown = Wake::Soon(Millis::MIN);
        Listed::table(shards.iter().map(|(prefix, pieces)| (*prefix, pieces.len(), unknown)), watermark, Millis::MIN)
    }
}
