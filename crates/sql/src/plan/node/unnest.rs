//! A relation whose rows are unfolded along a list of their own: `CROSS JOIN UNNEST(list)`,
//! `LATERAL TABLE(f(x))`. In SQL it is the right side of a join; here it holds the left side as its input.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use datafusion::common::{DFSchema, DFSchemaRef, Result, plan_datafusion_err};
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, UserDefinedLogicalNodeCore};

/// Columns out: those of the input, then one or more for the element, then the ordinality if asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct UnnestNode {
    pub(crate) input: LogicalPlan,
    /// The list, over the input.
    pub(crate) list: Expr,
    /// Whether the place of the element is the last column.
    pub(crate) ordinality: bool,
    /// Whether a row without elements comes out once, padded.
    pub(crate) outer: bool,
    /// The element's columns and the ordinality, under the names that the query gave them.
    pub(crate) element: DFSchemaRef,
    schema: DFSchemaRef,
}

impl UnnestNode {
    /// The plan of an unfolding.
    pub(crate) fn plan(
        input: LogicalPlan,
        list: Expr,
        ordinality: bool,
        outer: bool,
        element: DFSchemaRef,
    ) -> Result<LogicalPlan> {
        let schema = Arc::new(input.schema().join(&element)?);
        let node = UnnestNode { input, list, ordinality, outer, element, schema };
        Ok(LogicalPlan::Extension(Extension { node: Arc::new(node) }))
    }

    /// How many columns stand before the element's.
    pub(crate) fn width(&self) -> usize {
        self.schema.fields().len() - self.element.fields().len()
    }
}

impl PartialOrd for UnnestNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self == other).then_some(Ordering::Equal)
    }
}

impl UserDefinedLogicalNodeCore for UnnestNode {
    fn name(&self) -> &str {
        "UnnestList"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        vec![self.list.clone()]
    }

    fn prevent_predicate_push_down_columns(&self) -> HashSet<String> {
        self.element.fields().iter().map(|field| field.name().clone()).collect()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UnnestList {}", self.list)
    }

    fn with_exprs_and_inputs(&self, mut exprs: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> Result<Self> {
        let wrong = || plan_datafusion_err!("an unfolding has one input and one list");
        let (input, list) = (inputs.pop().ok_or_else(wrong)?, exprs.pop().ok_or_else(wrong)?);
        let schema: DFSchema = input.schema().join(&self.element)?;
        Ok(UnnestNode { input, list, schema: Arc::new(schema), element: Arc::clone(&self.element), ..*self })
    }

    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        let width = self.width();
        Some(vec![output_columns.iter().copied().filter(|&column| column < width).collect()])
    }
}

/// A list to unfold that has not met the rows it belongs to: the right side of a lateral join, until
/// [`crate::plan`] joins the two.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LateralList {
    /// The list; columns of the left side are outer references.
    pub(crate) list: Expr,
    /// `WITH ORDINALITY`.
    pub(crate) ordinality: bool,
    schema: DFSchemaRef,
}

impl LateralList {
    /// The plan of a list whose elements have these columns.
    pub(crate) fn plan(list: Expr, ordinality: bool, schema: DFSchemaRef) -> LogicalPlan {
        LogicalPlan::Extension(Extension { node: Arc::new(LateralList { list, ordinality, schema }) })
    }
}

impl PartialOrd for LateralList {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self == other).then_some(Ordering::Equal)
    }
}

impl UserDefinedLogicalNodeCore for LateralList {
    fn name(&self) -> &str {
        "LateralList"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        Vec::new()
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        vec![self.list.clone()]
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LateralList {}", self.list)
    }

    fn with_exprs_and_inputs(&self, mut exprs: Vec<Expr>, _inputs: Vec<LogicalPlan>) -> Result<Self> {
        let list = exprs.pop().ok_or_else(|| plan_datafusion_err!("a lateral list has one list"))?;
        Ok(LateralList { list, schema: Arc::clone(&self.schema), ..*self })
    }
}
