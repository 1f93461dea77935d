//! The parts of a condition that are joined by `AND`, each watched by itself: how many rows it would let
//! through, and what values it saw. Only while nothing has passed at all, so that a filter that works costs
//! nothing more, and one that drops everything can say why.

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::functions_aggregate::min_max::{MaxAccumulator, MinAccumulator};
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Accumulator, Between, BinaryExpr, Expr, ExprSchemable, Like, Operator};

use crate::error::Result;
use crate::expression::Expression;

/// One part of a condition: the how-manyth of `datafusion::logical_expr::utils::split_conjunction`.
#[derive(Clone, Debug, Default)]
pub struct Conjunct {
    /// Rows that it was asked about.
    pub rows: u64,
    /// Rows for which it holds by itself.
    pub passed: u64,
    /// Rows for which it is null, which counts as not holding.
    pub null: u64,
    /// What it compares, if it compares something with a constant.
    pub seen: Option<Seen>,
}

/// The values of an expression that was compared.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Rows in which it was null.
    pub nulls: u64,
    /// The lowest and the highest of the others.
    pub extremes: Option<(ScalarValue, ScalarValue)>,
    /// Some of them, each once, in the order of their coming.
    pub examples: Vec<ScalarValue>,
}

/// So many different values are kept as examples.
const EXAMPLES: usize = 4;
/// So many rows are searched for examples.
const SEARCHED: usize = 64;

impl Conjunct {
    /// Adds what another lane saw.
    pub(super) fn absorb(&mut self, other: Conjunct) {
        self.rows += other.rows;
        self.passed += other.passed;
        self.null += other.null;
        match (&mut self.seen, other.seen) {
            (Some(ours), Some(theirs)) => ours.absorb(theirs),
            (ours @ None, theirs) => *ours = theirs,
            _ => {}
        }
    }
}

impl Seen {
    fn absorb(&mut self, other: Seen) {
        self.nulls += other.nulls;
        self.extremes = match (self.extremes.take(), other.extremes) {
            (Some((low, high)), Some((lower, higher))) => {
                let low = if lower < low { lower } else { low };
                Some((low, if higher > high { higher } else { high }))
            }
            (ours, theirs) => ours.or(theirs),
        };
        for example in other.examples {
            self.example(example);
        }
    }

    fn example(&mut self, value: ScalarValue) {
        if self.examples.len() < EXAMPLES && !self.examples.contains(&value) {
            self.examples.push(value);
        }
    }
}

/// The expression that a condition compares with constants, if there is one; `a = 1 OR a = 2` compares `a`.
pub fn compared(condition: &Expr) -> Option<&Expr> {
    let varies = |expr: &Expr| !expr.column_refs().is_empty();
    let alone = |expr: &Expr, others: &[&Expr]| varies(expr) && !others.iter().any(|other| varies(other));
    match condition {
        Expr::Not(inner) | Expr::IsTrue(inner) | Expr::IsNotTrue(inner) => compared(inner),
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            compared(left).filter(|expr| compared(right) == Some(expr))
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if op.supports_propagation() => {
            match (varies(left), varies(right)) {
                (true, false) => Some(left),
                (false, true) => Some(right),
                _ => None,
            }
        }
        Expr::Between(Between { expr, low, high, .. }) => alone(expr, &[low, high]).then_some(expr),
        Expr::InList(InList { expr, list, .. }) => alone(expr, &list.iter().collect::<Vec<_>>()).then_some(expr),
        Expr::Like(Like { expr, pattern, .. }) | Expr::SimilarTo(Like { expr, pattern, .. }) => {
            alone(expr, &[pattern]).then_some(expr)
        }
        Expr::IsNotNull(expr) | Expr::IsNull(expr) => Some(expr),
        _ => None,
    }
}

/// Watches one part of a condition.
pub struct Probe {
    condition: Expression,
    compared: Option<Compared>,
    told: Conjunct,
}

/// Watches the values of an expression.
struct Compared {
    expression: Expression,
    data_type: DataType,
    lowest: MinAccumulator,
    highest: MaxAccumulator,
}

impl Probe {
    /// A probe for every part of a condition over rows of this schema. A part that cannot be watched by itself
    /// has a probe that sees nothing.
    pub fn of(condition: &Expr, schema: &SchemaRef) -> Result<Vec<Probe>> {
        let probe = |part: &Expr| -> Result<Probe> {
            let compared = compared(part).and_then(|expr| Compared::new(expr, schema).ok());
            let seen = compared.as_ref().map(|_| Seen { nulls: 0, extremes: None, examples: Vec::new() });
            let told = Conjunct { seen, ..Conjunct::default() };
            Ok(Probe { condition: Expression::bind(part, schema)?, compared, told })
        };
        split_conjunction(condition).into_iter().map(probe).collect()
    }

    /// Looks at rows. A part may fail on rows that another part would have kept from it: it is not counted then.
    pub fn look(&mut self, rows: &RecordBatch) {
        let Ok(verdicts) = self.condition.test(rows) else { return };
        self.told.rows += rows.num_rows() as u64;
        self.told.passed += verdicts.true_count() as u64;
        self.told.null += verdicts.null_count() as u64;
        if let (Some(compared), Some(seen)) = (&mut self.compared, &mut self.told.seen)
            && compared.look(rows, seen).is_err()
        {
            self.compared = None;
        }
    }

    /// What it has seen.
    pub fn told(&self) -> Conjunct {
        self.told.clone()
    }
}

impl Compared {
    fn new(expr: &Expr, schema: &SchemaRef) -> Result<Compared> {
        let typed = datafusion::common::DFSchema::try_from(schema.as_ref().clone())?;
        let data_type = expr.get_type(&typed)?;
        Ok(Compared {
            expression: Expression::bind(expr, schema)?,
            lowest: MinAccumulator::try_new(&data_type)?,
            highest: MaxAccumulator::try_new(&data_type)?,
            data_type,
        })
    }

    fn look(&mut self, rows: &RecordBatch, seen: &mut Seen) -> Result<()> {
        let values: ArrayRef = self.expression.evaluate(rows, &self.data_type)?;
        seen.nulls += values.logical_null_count() as u64;
        let some = (0..values.len().min(SEARCHED)).filter(|&row| values.is_valid(row));
        for row in some {
            if seen.examples.len() < EXAMPLES {
                seen.example(ScalarValue::try_from_array(&values, row)?);
            }
        }
        self.lowest.update_batch(std::slice::from_ref(&values))?;
        self.highest.update_batch(std::slice::from_ref(&values))?;
        let (lowest, highest) = (self.lowest.evaluate()?, self.highest.evaluate()?);
        seen.extremes = (!lowest.is_null()).then_some((lowest, highest));
        Ok(())
    }
}
