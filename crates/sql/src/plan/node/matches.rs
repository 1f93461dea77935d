//! `MATCH_RECOGNIZE` over a relation: the columns of `PARTITION BY`, then the measures. Its expressions are bound
//! when it is read, for they look at rows that no schema of the plan has; so the rules see only which columns of
//! the input it needs.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::FieldRef;
use datafusion::common::{DFSchema, DFSchemaRef, Result, plan_datafusion_err};
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, UserDefinedLogicalNodeCore};
use millstream_plan::{AfterMatch, Repeats};

use crate::plan::pattern::MatchRead;

/// A pattern that is searched in its input.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct MatchNode {
    pub(crate) input: LogicalPlan,
    /// The columns of the input that it reads, in the order of the pattern's names for them.
    pub(crate) columns: Vec<Expr>,
    pub(crate) pattern: Arc<MatchPattern>,
    schema: DFSchemaRef,
}

/// The pattern; its expressions call columns of the input by their plain names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct MatchPattern {
    /// The plain names of the columns that are read.
    pub(crate) names: Vec<String>,
    pub(crate) partition: Vec<String>,
    /// The event time, then the order of rows of one time: column, `DESC`, nulls first.
    pub(crate) order: Vec<(String, bool, bool)>,
    pub(crate) variables: Vec<MatchVariable>,
    pub(crate) after: AfterMatch,
    pub(crate) within: Option<i64>,
    pub(crate) reads: Vec<MatchRead>,
    pub(crate) measures: Vec<MatchMeasure>,
}

/// A variable with its definition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct MatchVariable {
    pub(crate) name: String,
    pub(crate) repeats: Repeats,
    pub(crate) condition: Option<Expr>,
}

/// A measure and the column it becomes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct MatchMeasure {
    pub(crate) expr: Expr,
    pub(crate) field: FieldRef,
}

impl MatchNode {
    /// The plan of a pattern whose rows have these fields.
    pub(crate) fn plan(
        input: LogicalPlan,
        columns: Vec<Expr>,
        pattern: MatchPattern,
        fields: Vec<FieldRef>,
    ) -> Result<LogicalPlan> {
        let fields = fields.into_iter().map(|field| (None, field)).collect();
        let schema = Arc::new(DFSchema::new_with_metadata(fields, HashMap::new())?);
        let node = MatchNode { input, columns, pattern: Arc::new(pattern), schema };
        Ok(LogicalPlan::Extension(Extension { node: Arc::new(node) }))
    }
}

impl PartialOrd for MatchNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self == other).then_some(Ordering::Equal)
    }
}

impl UserDefinedLogicalNodeCore for MatchNode {
    fn name(&self) -> &str {
        "MatchRecognize"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        self.columns.clone()
    }

    /// A match is found before a filter sees it.
    fn prevent_predicate_push_down_columns(&self) -> HashSet<String> {
        self.schema.fields().iter().map(|field| field.name().clone()).collect()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variables = self.pattern.variables.iter();
        let variables: Vec<String> =
            variables.map(|variable| format!("{}{}", variable.name, variable.repeats)).collect();
        write!(f, "MatchRecognize ({})", variables.join(" "))
    }

    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> Result<Self> {
        let input = inputs.pop().ok_or_else(|| plan_datafusion_err!("a pattern has one input"))?;
        Ok(MatchNode { input, columns: exprs, pattern: Arc::clone(&self.pattern), schema: Arc::clone(&self.schema) })
    }

    fn necessary_children_exprs(&self, _output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        let schema = self.input.schema();
        let index = |expr: &Expr| match expr {
            Expr::Column(column) => schema.maybe_index_of_column(column),
            _ => None,
        };
        let mut columns = self.columns.iter().map(index).collect::<Option<Vec<usize>>>()?;
        columns.sort_unstable();
        columns.dedup();
        Some(vec![columns])
    }
}
