//! The conditions of `DEFINE`. What of a condition looks at the row alone is computed for all rows of a batch
//! before the search; the rest is asked when a run comes to it, for all partitions at once.
//!
//! A condition that cannot be computed (a division by zero) breaks the run only if the search asks for it, as it
//! does where rows are taken one by one.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::utils::{conjunction, split_conjunction};
use millstream_plan::{MatchRead, PatternVariable};

use crate::error::{EngineError, Result};
use crate::expression::Expression;

/// An expression over columns of the row at hand and reads.
pub struct Bound {
    sources: Vec<Source>,
    schema: SchemaRef,
    expression: Expression,
}

/// Where a column of an expression comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A column of the row at hand.
    Row(usize),
    /// A read.
    Read(usize),
}

impl Bound {
    /// Binds an expression to what it looks at.
    pub fn new(expr: &Expr, input: &SchemaRef, reads: &[MatchRead]) -> Result<Bound> {
        let mut names: Vec<&str> = expr.column_refs().into_iter().map(|column| column.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let (mut sources, mut fields) = (Vec::new(), Vec::new());
        for name in names {
            if let Some(read) = reads.iter().position(|read| read.name == name) {
                sources.push(Source::Read(read));
                fields.push(Field::new(name, reads[read].data_type.clone(), true));
            } else {
                let column = input.index_of(name)?;
                sources.push(Source::Row(column));
                fields.push(input.field(column).clone().with_nullable(true));
            }
        }
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        Ok(Bound { expression: Expression::bind(expr, &schema)?, schema, sources })
    }

    /// What it looks at.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// Its values over these columns, which stand in the order of its sources.
    pub fn evaluate(
        &self,
        columns: Vec<ArrayRef>,
        rows: usize,
        promised: &arrow::datatypes::DataType,
    ) -> Result<ArrayRef> {
        self.expression.evaluate(&self.batch(columns, rows)?, promised)
    }

    /// Whether it holds, row by row; what is not known does not.
    pub fn test(&self, columns: Vec<ArrayRef>, rows: usize) -> Result<BooleanArray> {
        self.expression.test(&self.batch(columns, rows)?)
    }

    fn batch(&self, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)?)
    }
}

/// The condition of a variable.
pub struct Condition {
    /// What looks at the row alone.
    pub plain: Option<Bound>,
    /// The rest.
    pub rest: Option<Bound>,
}

impl Condition {
    /// The condition of a variable; without one every row fulfils it.
    pub fn new(variable: &PatternVariable, input: &SchemaRef, reads: &[MatchRead]) -> Result<Condition> {
        let parts = variable.condition.iter().flat_map(split_conjunction).cloned();
        let reads_rows =
            |expr: &Expr| expr.column_refs().iter().any(|column| reads.iter().any(|read| read.name == column.name));
        let (rest, plain): (Vec<Expr>, Vec<Expr>) = parts.partition(reads_rows);
        let bind = |parts: Vec<Expr>| conjunction(parts).map(|expr| Bound::new(&expr, input, reads)).transpose();
        Ok(Condition { plain: bind(plain)?, rest: bind(rest)? })
    }
}

/// What is known of a condition.
#[derive(Clone, Debug)]
pub enum Answer {
    No,
    Yes,
    /// It could not be computed.
    Failed(Arc<str>),
}

impl Answer {
    /// Whether it holds; an error if that could not be computed.
    pub fn holds(&self) -> Result<bool> {
        match self {
            Answer::No => Ok(false),
            Answer::Yes => Ok(true),
            Answer::Failed(reason) => Err(EngineError::Compute(reason.to_string())),
        }
    }
}

/// The answers of a condition that is computed by `test` for a stretch of rows: for all at once, or one by one where
/// that fails.
pub fn answers(rows: usize, test: &mut dyn FnMut(usize, usize) -> Result<BooleanArray>) -> Vec<Answer> {
    let read = |verdicts: &BooleanArray, row: usize| match verdicts.is_valid(row) && verdicts.value(row) {
        true => Answer::Yes,
        false => Answer::No,
    };
    match test(0, rows) {
        Ok(verdicts) => (0..rows).map(|row| read(&verdicts, row)).collect(),
        Err(_) => (0..rows)
            .map(|row| match test(row, 1) {
                Ok(verdicts) => read(&verdicts, 0),
                Err(error) => Answer::Failed(error.to_string().into()),
            })
            .collect(),
    }
}
