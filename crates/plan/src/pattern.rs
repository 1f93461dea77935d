//! `MATCH_RECOGNIZE`: rows of a partition that follow each other, in order of event time, as a pattern says.
//!
//! Conditions and measures are expressions over the columns of the row at hand and over *reads*: what they look
//! at in the rows that are matched already, each under a name of its own (`LAST(A.price, 1)`, `AVG(B.price)`).

use std::fmt;

use arrow::datatypes::DataType;
use datafusion::logical_expr::Expr;

use crate::{AggregateCall, Order};

/// One row for each match. Rows wait until the watermark reaches their time. Columns out: those of
/// `PARTITION BY`, then the measures.
#[derive(Clone, Debug, PartialEq)]
pub struct MatchRecognize {
    /// The columns of `PARTITION BY`.
    pub partition: Vec<usize>,
    /// The event-time column of `ORDER BY`, ascending.
    pub time: usize,
    /// The order of rows of one time; of those that stand alike, the one that came first is before the others.
    pub then: Vec<Order>,
    /// The pattern: its variables, one behind the other.
    pub variables: Vec<PatternVariable>,
    /// Where the search goes on behind a match.
    pub after: AfterMatch,
    /// The last row of a match is less than so many milliseconds younger than its first.
    pub within: Option<i64>,
    /// What conditions and measures read besides the row at hand.
    pub reads: Vec<MatchRead>,
    /// One expression over reads for each measure.
    pub measures: Vec<Expr>,
}

/// A variable of a pattern.
#[derive(Clone, Debug, PartialEq)]
pub struct PatternVariable {
    /// Its name.
    pub name: String,
    /// How many rows it takes.
    pub repeats: Repeats,
    /// What a row must fulfil to be one of them, over the columns of that row and over reads, which count the row
    /// as taken already; every row does, without one.
    pub condition: Option<Expr>,
}

/// A quantifier: `*`, `+`, `?`, `{n,m}`, each perhaps with a `?` behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Repeats {
    /// At least so many rows.
    pub least: u32,
    /// At most so many; any number, without one.
    pub most: Option<u32>,
    /// Whether it takes as many rows as it can get, or as few as will do.
    pub greedy: bool,
}

impl Repeats {
    /// No quantifier: one row.
    pub const ONCE: Repeats = Repeats { least: 1, most: Some(1), greedy: true };

    /// Whether one row or none is taken.
    pub fn is_option(self) -> bool {
        self.least == 0 && self.most == Some(1)
    }

    /// Whether it prefers to take a row where the variable behind it could take that row too. One that has no
    /// choice how often it repeats does not; nor does a plain `?`, in Flink's way.
    pub fn hoards(self) -> bool {
        self.greedy && !self.is_option() && self.most != Some(self.least)
    }
}

/// `AFTER MATCH SKIP …`: where the next match may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AfterMatch {
    /// `PAST LAST ROW`.
    PastLastRow,
    /// `TO NEXT ROW`: at the row behind the first one.
    ToNextRow,
    /// `TO FIRST variable`, by its place in the pattern.
    ToFirst(usize),
    /// `TO LAST variable`.
    ToLast(usize),
}

/// Something that an expression reads in the rows of a match.
#[derive(Clone, Debug, PartialEq)]
pub struct MatchRead {
    /// The name by which expressions call it; no column of the input has it.
    pub name: String,
    /// The type of the value, which may be null.
    pub data_type: DataType,
    /// In the rows of which variable, by its place in the pattern; of all, without one.
    pub of: Option<usize>,
    /// What is read there.
    pub value: MatchValue,
}

/// What is read in the rows of a variable.
#[derive(Clone, Debug, PartialEq)]
pub enum MatchValue {
    /// A column of the row so many behind the first; null if there is no such row.
    First {
        /// The column.
        column: usize,
        /// How many rows behind the first.
        offset: usize,
    },
    /// A column of the row so many before the last.
    Last {
        /// The column.
        column: usize,
        /// How many rows before the last.
        offset: usize,
    },
    /// An aggregate function over all of them.
    Aggregate(AggregateCall),
    /// `MATCH_ROWTIME()`: the time at which the match came out.
    Time,
}

impl MatchRecognize {
    /// Its conditions and measures.
    pub fn exprs(&self) -> impl Iterator<Item = &Expr> {
        self.variables.iter().filter_map(|variable| variable.condition.as_ref()).chain(&self.measures)
    }

    /// The aggregate functions that they read.
    pub fn aggregates(&self) -> impl Iterator<Item = &AggregateCall> {
        self.reads.iter().filter_map(|read| match &read.value {
            MatchValue::Aggregate(call) => Some(call),
            _ => None,
        })
    }

    /// Whether a match may take any number of rows.
    pub fn is_unbounded(&self) -> bool {
        self.variables.iter().any(|variable| variable.repeats.most.is_none())
    }
}

impl fmt::Display for Repeats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.least, self.most) {
            (1, Some(1)) => return Ok(()),
            (0, None) => f.write_str("*")?,
            (1, None) => f.write_str("+")?,
            (0, Some(1)) => f.write_str("?")?,
            (least, None) => write!(f, "{{{least},}}")?,
            (least, Some(most)) if least == most => write!(f, "{{{least}}}")?,
            (least, Some(most)) => write!(f, "{{{least},{most}}}")?,
        }
        if self.greedy { Ok(()) } else { f.write_str("?") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantifiers_are_written_as_in_sql() {
        let shown = |least, most, greedy| Repeats { least, most, greedy }.to_string();
        assert_eq!(Repeats::ONCE.to_string(), "");
        assert_eq!((shown(0, None, true), shown(1, None, false)), ("*".into(), "+?".into()));
        assert_eq!((shown(0, Some(1), true), shown(3, None, true)), ("?".into(), "{3,}".into()));
        assert_eq!((shown(2, Some(2), false), shown(2, Some(5), false)), ("{2}?".into(), "{2,5}?".into()));
    }

    #[test]
    fn who_has_no_choice_does_not_hoard() {
        let hoards = |least, most, greedy| Repeats { least, most, greedy }.hoards();
        assert!(hoards(0, None, true) && hoards(1, Some(3), true) && hoards(0, Some(2), true));
        assert!(!hoards(0, None, false) && !hoards(2, Some(2), true) && !hoards(0, Some(1), true));
    }
}
