//! What DataFusion's SQL planner asks while it reads a query: tables, views, functions, types. It answers
//! from the catalogue and the function table alone, so that nothing has to be registered at start.

use std::cell::RefCell;
use std::sync::{Arc, OnceLock};

use arrow::datatypes::{DataType, FieldRef, TimeUnit};
use datafusion::common::{Result, TableReference};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::planner::{ContextProvider, ExprPlanner, RelationPlanner, TypePlanner};
use datafusion::logical_expr::{AggregateUDF, HigherOrderUDF, LogicalPlan, ScalarUDF, TableSource, WindowUDF};
use datafusion::sql::planner::{NullOrdering, ParserOptions, SqlToRel};
use datafusion::sql::sqlparser::ast;

use super::expression::FlinkExpressions;
use super::fault::{self, outside};
use super::relation::FlinkRelations;
use super::source::{TapSource, ViewSource};
use super::{Settings, hinted, refuse, rewrite};
use crate::catalog::{Catalog, Relation, View, key};
use crate::functions::Functions;
use crate::{SqlError, types};

/// Views that stand on views: deeper than this is a circle or an attack.
const DEEPEST_VIEW: usize = 64;

/// One planning's answers.
pub(super) struct Provider<'a> {
    catalog: &'a Catalog,
    functions: Functions,
    options: &'static ConfigOptions,
    expressions: Vec<Arc<dyn ExprPlanner>>,
    relations: Vec<Arc<dyn RelationPlanner>>,
    /// The views that are being planned, outermost first.
    views: RefCell<Vec<String>>,
}

/// The options of DataFusion that hold for all queries.
pub(super) fn options() -> &'static Arc<ConfigOptions> {
    static OPTIONS: OnceLock<Arc<ConfigOptions>> = OnceLock::new();
    OPTIONS.get_or_init(|| {
        let mut options = ConfigOptions::default();
        options.sql_parser.enable_subquery_sort_elimination = false;
        options.optimizer.skip_failed_rules = false;
        options.optimizer.max_passes = 3;
        options.optimizer.enable_physical_uncorrelated_scalar_subquery = false;
        Arc::new(options)
    })
}

impl<'a> Provider<'a> {
    pub(super) fn new(catalog: &'a Catalog, settings: &'a Settings) -> Self {
        let functions = Functions::new(&settings.zone, settings.now, settings.functions.clone());
        let expressions: Vec<Arc<dyn ExprPlanner>> = vec![
            Arc::new(FlinkExpressions::new(functions.clone())),
            Arc::new(datafusion::functions_nested::planner::NestedFunctionPlanner),
            Arc::new(datafusion::functions_nested::planner::FieldAccessPlanner),
            Arc::new(datafusion::functions::core::planner::CoreFunctionPlanner::default()),
        ];
        let relations: Vec<Arc<dyn RelationPlanner>> = vec![Arc::new(FlinkRelations::new(settings))];
        let options = options().as_ref();
        Provider { catalog, functions, options, expressions, relations, views: RefCell::default() }
    }

    /// DataFusion's planner over these answers.
    pub(super) fn planner(&self) -> SqlToRel<'_, Self> {
        let options = ParserOptions::new()
            .with_parse_float_as_decimal(true)
            .with_enable_ident_normalization(false)
            .with_map_string_types_to_utf8view(false)
            .with_collect_spans(true)
            // Flink holds null for the smallest value.
            .with_default_null_ordering(NullOrdering::NullsMin);
        SqlToRel::new_with_options(self, options)
    }

    /// The logical plan of a query, not yet analysed.
    pub(super) fn plan(&self, query: &ast::Query) -> Result<LogicalPlan, SqlError> {
        refuse::query(query)?;
        let mut query = rewrite::query(query)?;
        hinted::nest_renames(&mut query)?;
        self.planner().sql_statement_to_plan(ast::Statement::Query(Box::new(query))).map_err(fault::from_datafusion)
    }

    fn view(&self, view: &View) -> Result<LogicalPlan, SqlError> {
        let open = self.views.borrow().len();
        if open >= DEEPEST_VIEW || self.views.borrow().contains(&view.name) {
            return Err(SqlError::new("E0402", format!("the view '{}' stands on itself", view.name)));
        }
        self.views.borrow_mut().push(view.name.clone());
        let plan = self.plan(&view.query).and_then(|plan| rewrite::rename(plan, &view.columns));
        self.views.borrow_mut().pop();
        // The places in a view's text say nothing in the text of the query that uses it.
        plan.and_then(rewrite::without_places).map_err(|error| SqlError {
            message: format!("in the view '{}': {}", view.name, error.message),
            span: None,
            ..error
        })
    }
}

impl ContextProvider for Provider<'_> {
    fn get_table_source(&self, name: TableReference) -> Result<Arc<dyn TableSource>> {
        match self.catalog.lookup(&key(name.schema(), name.table()), None).map_err(outside)? {
            Relation::Table(table) => Ok(Arc::new(TapSource::new(Arc::clone(&table.tap)))),
            Relation::View(view) => Ok(Arc::new(ViewSource(self.view(view).map_err(outside)?))),
        }
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        &self.expressions
    }

    fn get_relation_planners(&self) -> &[Arc<dyn RelationPlanner>] {
        &self.relations
    }

    fn get_type_planner(&self) -> Option<Arc<dyn TypePlanner>> {
        Some(Arc::new(FlinkTypes))
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        self.functions.scalar(name)
    }

    fn get_higher_order_meta(&self, _name: &str) -> Option<Arc<HigherOrderUDF>> {
        None
    }

    fn get_aggregate_meta(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        self.functions.aggregate(name)
    }

    fn get_window_meta(&self, name: &str) -> Option<Arc<WindowUDF>> {
        self.functions.window(name)
    }

    fn get_variable_type(&self, _names: &[String]) -> Option<DataType> {
        None
    }

    fn options(&self) -> &ConfigOptions {
        self.options
    }

    fn udf_names(&self) -> Vec<String> {
        let users = self.functions.users().iter().map(|function| function.name.clone());
        crate::functions::names().map(str::to_string).chain(users).collect()
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn udaf_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn udwf_names(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Flink's type names, by the table of [`crate::types`].
#[derive(Debug)]
struct FlinkTypes;

impl TypePlanner for FlinkTypes {
    fn plan_type_field(&self, sql_type: &ast::DataType) -> Result<Option<FieldRef>> {
        let named = types::SqlType::of_tree(sql_type).map_err(outside)?;
        Ok(Some(Arc::new(named.to_field("").with_nullable(true))))
    }
}

/// The type of a wall clock's reading, as windows give it.
pub(super) const WALL_CLOCK: DataType = DataType::Timestamp(TimeUnit::Millisecond, None);
