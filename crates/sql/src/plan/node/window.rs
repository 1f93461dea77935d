//! A windowing table function over a relation: its rows, once for each of their windows, with
//! `window_start`, `window_end` and `window_time` behind their own columns.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, TimeUnit};
use datafusion::common::{DFSchema, DFSchemaRef, ExprSchema, Result, plan_datafusion_err};
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, UserDefinedLogicalNodeCore};
use millstream_plan::Window;

use crate::error::Span;

/// The names of the three columns that a window adds.
pub(crate) const WINDOW_COLUMNS: [&str; 3] = ["window_start", "window_end", "window_time"];

/// `TABLE(TUMBLE(TABLE input, DESCRIPTOR(time), …))` and its sisters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct WindowNode {
    pub(crate) input: LogicalPlan,
    pub(crate) window: Window,
    /// The event-time column.
    pub(crate) time: Expr,
    /// The columns of a session's `PARTITION BY`.
    pub(crate) partition: Vec<Expr>,
    /// The zone whose wall clock cuts the windows, for `TIMESTAMP_LTZ`.
    pub(crate) zone: Option<String>,
    /// Whether it came from `GROUP BY HOP(…)`, which aggregates with any slide and size.
    pub(crate) legacy: bool,
    /// Where the time column stands in the text.
    pub(crate) place: Option<Span>,
    schema: DFSchemaRef,
}

impl WindowNode {
    /// The plan of a table function; `zone` is the session's.
    pub(crate) fn plan(
        input: LogicalPlan,
        window: Window,
        time: Expr,
        partition: Vec<Expr>,
        zone: &str,
        legacy: bool,
        place: Option<Span>,
    ) -> Result<LogicalPlan> {
        let Expr::Column(column) = &time else {
            return Err(plan_datafusion_err!("the time column of {} must be a plain column", window.name()));
        };
        let data_type = input.schema().field_from_column(column)?.data_type().clone();
        let zone = matches!(data_type, DataType::Timestamp(_, Some(_))).then(|| zone.to_string());
        let schema = with_window_columns(input.schema(), &data_type)?;
        let node = WindowNode { input, window, time, partition, zone, legacy, place, schema };
        Ok(LogicalPlan::Extension(Extension { node: Arc::new(node) }))
    }

    /// The same, with no place in a text.
    pub(crate) fn without_place(&self) -> WindowNode {
        WindowNode { place: None, ..self.clone() }
    }

    /// How many columns stand before the window's.
    pub(crate) fn width(&self) -> usize {
        self.schema.fields().len() - WINDOW_COLUMNS.len()
    }

    /// What the time column must look like for `window_time`.
    pub(crate) fn time_type(&self) -> DataType {
        self.schema.field(self.width() + 2).data_type().clone()
    }

    fn own(&self) -> Vec<String> {
        self.schema.fields().iter().skip(self.width()).map(|field| field.name().clone()).collect()
    }
}

/// The columns of the input, then the window's; a name that is taken gets a number, as in Flink.
fn with_window_columns(input: &DFSchema, time: &DataType) -> Result<DFSchemaRef> {
    let taken: HashSet<&String> = input.fields().iter().map(|field| field.name()).collect();
    let free = |name: &str| {
        let mut numbered = (0..).map(|number| format!("{name}{number}"));
        let plain = name.to_string();
        if taken.contains(&plain) {
            numbered.find(|name| !taken.contains(name)).expect("a number is always free")
        } else {
            plain
        }
    };
    let zone = match time {
        DataType::Timestamp(_, zone) => zone.clone(),
        _ => None,
    };
    let wall = DataType::Timestamp(TimeUnit::Millisecond, None);
    let types = [wall.clone(), wall, DataType::Timestamp(TimeUnit::Millisecond, zone)];
    let mut fields: Vec<_> = input.iter().map(|(qualifier, field)| (qualifier.cloned(), Arc::clone(field))).collect();
    let own = WINDOW_COLUMNS.iter().zip(types).map(|(name, data_type)| Field::new(free(name), data_type, false));
    fields.extend(own.map(|field| (None, Arc::new(field))));
    Ok(Arc::new(DFSchema::new_with_metadata(fields, input.inner().metadata.clone())?))
}

impl PartialOrd for WindowNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self == other).then_some(Ordering::Equal)
    }
}

impl UserDefinedLogicalNodeCore for WindowNode {
    fn name(&self) -> &str {
        self.window.name()
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        std::iter::once(&self.time).chain(&self.partition).cloned().collect()
    }

    /// A filter on a row's own columns may run before its windows are found. Not so for a session: it
    /// would change who follows whom, unless it takes away whole sessions.
    fn prevent_predicate_push_down_columns(&self) -> HashSet<String> {
        let mut held: HashSet<String> = self.own().into_iter().collect();
        if let Window::Session { .. } = self.window {
            let keys: HashSet<String> = self.partition.iter().map(|key| key.schema_name().to_string()).collect();
            let others = self.schema.iter().filter(|(qualifier, field)| {
                let name = qualifier.map_or_else(|| field.name().clone(), |table| format!("{table}.{}", field.name()));
                !keys.contains(&name)
            });
            held.extend(others.map(|(_, field)| field.name().clone()));
        }
        held
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.window, self.time)
    }

    fn with_exprs_and_inputs(&self, mut exprs: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> Result<Self> {
        let wrong = || plan_datafusion_err!("a window has one input and one time column");
        let input = inputs.pop().ok_or_else(wrong)?;
        if exprs.is_empty() {
            return Err(wrong());
        }
        let partition = exprs.split_off(1);
        let time = exprs.pop().ok_or_else(wrong)?;
        let mut fields: Vec<_> =
            input.schema().iter().map(|(qualifier, field)| (qualifier.cloned(), Arc::clone(field))).collect();
        let own = self.schema.iter().skip(self.width());
        fields.extend(own.map(|(qualifier, field)| (qualifier.cloned(), Arc::clone(field))));
        let metadata = input.schema().inner().metadata.clone();
        let schema = Arc::new(DFSchema::new_with_metadata(fields, metadata)?);
        Ok(WindowNode { input, time, partition, schema, zone: self.zone.clone(), ..*self })
    }

    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        let width = self.width();
        Some(vec![output_columns.iter().copied().filter(|&column| column < width).collect()])
    }
}
