//! The relations of Flink's `FROM` that DataFusion does not know: windowing table functions, and lists
//! unfolded into rows by `UNNEST` or a table function.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Column, DFSchema, DFSchemaRef, Result, TableReference, plan_datafusion_err};
use datafusion::logical_expr::planner::{PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan};
use datafusion::sql::sqlparser::ast::{self, FunctionArg, FunctionArgExpr, TableFactor};
use millstream_plan::Window;

use super::fault::outside;
use super::node::{LateralList, VersionedNode, WindowNode};
use super::settings::Settings;
use super::source::TapSource;
use super::{hinted, pattern};
use crate::SqlError;
use crate::error::Span;
use crate::interval::milliseconds;
use crate::parse::is_rowtime;
use crate::shape;
use crate::window::{WindowCall, WindowFunction};

/// Plans them; everything else stays DataFusion's.
#[derive(Debug)]
pub(super) struct FlinkRelations {
    settings: Settings,
}

impl FlinkRelations {
    /// With the session's settings.
    pub(super) fn new(settings: &Settings) -> Self {
        FlinkRelations { settings: settings.clone() }
    }
}

impl RelationPlanner for FlinkRelations {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        if let Some(call) = WindowCall::of(&relation).map_err(outside)? {
            let alias = call.alias.clone();
            let plan = window(call, &self.settings.zone, context)?;
            return Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, alias))));
        }
        if matches!(relation, TableFactor::MatchRecognize { .. }) {
            let (plan, alias) = pattern::plan(relation, &self.settings, context)?;
            return Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, alias))));
        }
        let mut relation = relation;
        if let Some(at) = take_version(&mut relation) {
            let alias = take_alias(&mut relation);
            let place = Span::of(&at).or(Span::of(&relation));
            let column = version_column(&at).ok_or_else(|| outside(no_version(place)))?;
            let plan = VersionedNode::plan(context.plan(relation)?, column, place);
            return Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, alias))));
        }
        if let Some(mappings) = hinted::take_rename(&mut relation) {
            let alias = take_alias(&mut relation);
            let plan = hinted::renamed(context.plan(relation)?, &mappings)?;
            return Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, alias))));
        }
        let options = shape::options(&relation);
        if !options.is_empty() {
            let place = Span::of(&relation);
            let alias = take_alias(&mut relation);
            if let TableFactor::Table { with_hints, .. } = &mut relation {
                with_hints.clear();
            }
            let plan = hinted::with_options(context.plan(relation)?, options, place)?;
            return Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, alias))));
        }
        match relation {
            TableFactor::UNNEST { alias, array_exprs, with_ordinality, with_offset: false, .. } => {
                let [list] = <[ast::Expr; 1]>::try_from(array_exprs)
                    .map_err(|_| plan_datafusion_err!("UNNEST takes one array or map"))?;
                lateral(list, with_ordinality, alias, context)
            }
            TableFactor::Function { name, args, alias, with_ordinality, .. }
                if name.to_string().eq_ignore_ascii_case("TABLE") =>
            {
                lateral(only_argument(args)?, with_ordinality, alias, context)
            }
            TableFactor::TableFunction { expr, alias } => lateral(expr, false, alias, context),
            other => Ok(RelationPlanning::Original(Box::new(other))),
        }
    }
}

/// Takes `FOR SYSTEM_TIME AS OF …` from a table.
fn take_version(factor: &mut TableFactor) -> Option<ast::Expr> {
    match factor {
        TableFactor::Table { version, .. } => match version.take()? {
            ast::TableVersion::ForSystemTimeAsOf(at) => Some(at),
            _ => None,
        },
        _ => None,
    }
}

/// The column that the version is asked for by; which side it belongs to shows at the join.
fn version_column(at: &ast::Expr) -> Option<Column> {
    let names: Vec<&str> = match at {
        ast::Expr::Identifier(name) => vec![name.value.as_str()],
        ast::Expr::CompoundIdentifier(parts) => parts.iter().map(|part| part.value.as_str()).collect(),
        _ => Vec::new(),
    };
    match names.as_slice() {
        [column] => Some(Column::new_unqualified(*column)),
        [table, column] => Some(Column::new(Some(TableReference::bare(*table)), *column)),
        [database, table, column] => Some(Column::new(Some(TableReference::partial(*database, *table)), *column)),
        _ => None,
    }
}

fn no_version(place: Option<Span>) -> SqlError {
    SqlError::new("E0416", "FOR SYSTEM_TIME AS OF takes a column of the left table, as Flink has it")
        .at(place)
        .hint("an event-time column for the version that held then: FOR SYSTEM_TIME AS OF o.ts")
        .hint(
            "for a table as it is now, a column that is PROCTIME() below the join: (SELECT *, PROCTIME() AS p FROM o)",
        )
}

fn take_alias(factor: &mut TableFactor) -> Option<ast::TableAlias> {
    match factor {
        TableFactor::Table { alias, .. } | TableFactor::Derived { alias, .. } => alias.take(),
        _ => None,
    }
}

fn only_argument(args: Vec<FunctionArg>) -> Result<ast::Expr> {
    match <[FunctionArg; 1]>::try_from(args) {
        Ok([FunctionArg::Unnamed(FunctionArgExpr::Expr(expr))]) => Ok(expr),
        _ => Err(plan_datafusion_err!("LATERAL TABLE takes one call of a function")),
    }
}

fn lateral(
    list: ast::Expr,
    ordinality: bool,
    alias: Option<ast::TableAlias>,
    context: &mut dyn RelationPlannerContext,
) -> Result<RelationPlanning> {
    let place = Span::of(&list);
    let empty = DFSchema::empty();
    let list = context.sql_to_expr(list, &empty)?;
    let elements = elements(&list.get_type(&empty)?, ordinality).map_err(|error| outside(error.at(place)))?;
    let plan = LateralList::plan(list, ordinality, elements);
    Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, alias))))
}

/// The columns that an element becomes, under names that hold until an alias gives others.
fn elements(list: &DataType, ordinality: bool) -> Result<DFSchemaRef, SqlError> {
    let nullable = |field: &FieldRef| Arc::new(field.as_ref().clone().with_nullable(true));
    let mut fields: Vec<FieldRef> = match list {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => match item.data_type() {
            DataType::Struct(fields) => fields.iter().map(nullable).collect(),
            other => vec![Arc::new(Field::new("EXPR$0", other.clone(), true))],
        },
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(pair) => pair.iter().map(nullable).collect(),
            _ => return Err(not_a_list(list)),
        },
        _ => return Err(not_a_list(list)),
    };
    if ordinality {
        fields.push(Arc::new(Field::new("ORDINALITY", DataType::Int32, true)));
    }
    let fields = fields.into_iter().map(|field| (None, field)).collect();
    let schema = DFSchema::new_with_metadata(fields, Default::default());
    schema.map(Arc::new).map_err(super::fault::from_datafusion)
}

fn not_a_list(data_type: &DataType) -> SqlError {
    let name =
        crate::types::SqlType::from_arrow(data_type, true).map_or_else(|_| data_type.to_string(), |t| t.to_string());
    SqlError::new("E0206", format!("only an ARRAY or a MAP can be unfolded into rows, this is {name}"))
}

fn window(call: WindowCall, zone: &str, context: &mut dyn RelationPlannerContext) -> Result<LogicalPlan> {
    let input = context.plan(call.input.clone())?;
    let window = sizes(&call).map_err(|error| outside(error.or_at(call.span)))?;
    let checked = if call.legacy { Ok(()) } else { window.check() };
    checked.map_err(|error| outside(SqlError::new("E0410", error.to_string()).at(call.span)))?;
    let column = |ident: &ast::Ident| column(&input, ident).map_err(outside);
    let time = match is_rowtime(&call.time) {
        true => column(&ast::Ident::new(rowtime(&input).ok_or_else(|| outside(no_rowtime(&call)))?))?,
        false => column(&call.time)?,
    };
    let partition = call.partition.iter().map(column).collect::<Result<Vec<_>>>()?;
    let place = Span::at(call.time.span).or(call.span);
    WindowNode::plan(input, window, time, partition, zone, call.legacy, place)
}

/// The event-time column of rows that come from one tap, if it is still among them.
fn rowtime(input: &LogicalPlan) -> Option<String> {
    match input {
        LogicalPlan::TableScan(scan) => {
            let source: &dyn std::any::Any = scan.source.as_ref();
            let tap = &source.downcast_ref::<TapSource>()?.tap;
            Some(tap.columns[tap.watermark.as_ref()?.column].name().to_string())
        }
        LogicalPlan::SubqueryAlias(alias) => rowtime(&alias.input),
        LogicalPlan::Filter(filter) => rowtime(&filter.input),
        LogicalPlan::Projection(projection) => {
            let name = rowtime(&projection.input)?;
            projection.schema.fields().iter().any(|field| *field.name() == name).then_some(name)
        }
        _ => None,
    }
}

fn no_rowtime(call: &WindowCall) -> SqlError {
    let error = SqlError::new("E0404", "it cannot be told which column the window goes by").at(call.span);
    error.hint(format!("say it in native form: {}(TABLE t, DESCRIPTOR(ts), …)", call.function.name()))
}

fn column(input: &LogicalPlan, ident: &ast::Ident) -> Result<Expr, SqlError> {
    let found = input.schema().qualified_field_with_unqualified_name(&ident.value);
    let found = found.map_err(|error| super::fault::from_datafusion(error).or_at(Span::at(ident.span)))?;
    Ok(Expr::Column(found.into()))
}

fn sizes(call: &WindowCall) -> Result<Window, SqlError> {
    let name = call.function.name();
    let size = |expr: &Option<ast::Expr>, what: &str| match expr {
        Some(expr) => milliseconds(expr),
        None => Err(SqlError::new("E0411", format!("{name} needs a {what}"))),
    };
    let offset = call.offset.as_ref().map_or(Ok(0), milliseconds)?;
    Ok(match call.function {
        WindowFunction::Tumble => Window::Tumble { size: size(&call.size, "size")?, offset },
        WindowFunction::Hop => {
            Window::Hop { size: size(&call.size, "size")?, slide: size(&call.slide, "slide")?, offset }
        }
        WindowFunction::Cumulate => {
            Window::Cumulate { size: size(&call.size, "size")?, step: size(&call.step, "step")?, offset }
        }
        WindowFunction::Session => Window::Session { gap: size(&call.gap, "gap")? },
    })
}
