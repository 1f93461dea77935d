//! `MATCH_RECOGNIZE` from the tree to the plan: the pattern is checked for what Flink can search, and the
//! expressions of `DEFINE` and `MEASURES` are bound to what they look at.

mod quantifier;
mod reads;

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::common::{Column, Result};
use datafusion::logical_expr::planner::RelationPlannerContext;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::sql::sqlparser::ast::{self, AfterMatchSkip, RowsPerMatch, TableFactor};
use millstream_plan::AfterMatch;

use self::quantifier::Written;
pub(super) use self::reads::{Look as MatchLook, Read as MatchRead};
use self::reads::{Reader, Role};
use super::bind::{bind_expression, type_of};
use super::fault::{from_datafusion, outside};
use super::node::{MatchMeasure, MatchNode, MatchPattern, MatchVariable};
use super::settings::Settings;
use crate::SqlError;
use crate::error::Span;
use crate::interval::milliseconds;
use crate::shape;

/// The code of every refusal of a pattern that Flink refuses too.
const REFUSED: &str = "E0417";

/// The plan of a `MATCH_RECOGNIZE`, and its alias.
pub(super) fn plan(
    factor: TableFactor,
    settings: &Settings,
    context: &mut dyn RelationPlannerContext,
) -> Result<(LogicalPlan, Option<ast::TableAlias>)> {
    let within = shape::within(&factor).cloned();
    let TableFactor::MatchRecognize { table, .. } = &factor else { return Err(outside(refused("this is no pattern"))) };
    let input = context.plan(table.as_ref().clone())?;
    let clause = Clause { factor: &factor, within, settings, input: &input };
    let (columns, pattern, fields) = clause.read(context)?;
    let TableFactor::MatchRecognize { alias, .. } = factor else { return Err(outside(refused("this is no pattern"))) };
    Ok((MatchNode::plan(input, columns, pattern, fields)?, alias))
}

fn refused(message: impl Into<String>) -> SqlError {
    SqlError::new(REFUSED, message)
}

/// A `MATCH_RECOGNIZE` that is being read.
struct Clause<'c> {
    factor: &'c TableFactor,
    within: Option<ast::Expr>,
    settings: &'c Settings,
    input: &'c LogicalPlan,
}

type Parts = (Vec<Expr>, MatchPattern, Vec<FieldRef>);

impl Clause<'_> {
    fn read(&self, context: &mut dyn RelationPlannerContext) -> Result<Parts> {
        let TableFactor::MatchRecognize {
            partition_by,
            order_by,
            measures,
            rows_per_match,
            after_match_skip,
            pattern,
            symbols,
            ..
        } = self.factor
        else {
            return Err(outside(refused("this is no pattern")));
        };
        if let Some(RowsPerMatch::AllRows(_)) = rows_per_match {
            let error = refused("ALL ROWS PER MATCH is not supported").at(Span::of(self.factor));
            return Err(outside(error.hint("write ONE ROW PER MATCH")));
        }
        let written = quantifier::variables(pattern).map_err(|error| outside(error.or_at(Span::of(self.factor))))?;
        let partition = partition_by.iter().map(|key| self.column(key, context)).collect::<Result<Vec<_>>>()?;
        let order = self.order(order_by, context)?;
        let after = after(after_match_skip.as_ref(), &written).map_err(outside)?;
        let within = self.within.as_ref().map(within).transpose().map_err(outside)?;
        let definitions = &symbols[usize::from(self.within.is_some())..];
        let bound = self.bind(&written, definitions, measures, &order[0].0).map_err(outside)?;
        let mut names: BTreeSet<String> = partition.iter().cloned().collect();
        names.extend(order.iter().map(|(name, ..)| name.clone()));
        names.extend(bound.columns(&self.schema()));
        let fields = self.fields(&partition, &bound.measures)?;
        // The time keeps its place in the text, for what is wrong with it.
        let time = context.sql_to_expr(order_by[0].expr.clone(), self.input.schema())?;
        let column = |name: &String| if *name == order[0].0 { Ok(time.clone()) } else { self.qualified(name) };
        let columns = names.iter().map(column).collect::<Result<Vec<_>>>()?;
        let names = names.into_iter().collect();
        let Bound { variables, measures, reads } = bound;
        Ok((columns, MatchPattern { names, partition, order, variables, after, within, reads, measures }, fields))
    }

    /// What comes out.
    fn fields(&self, partition: &[String], measures: &[MatchMeasure]) -> Result<Vec<FieldRef>> {
        let input = self.input.schema();
        let mut fields = Vec::with_capacity(partition.len() + measures.len());
        for key in partition {
            let (_, field) = input.qualified_field_with_unqualified_name(key)?;
            fields.push(Arc::clone(field));
        }
        fields.extend(measures.iter().map(|measure| Arc::clone(&measure.field)));
        distinct(&fields).map_err(|error| outside(error.at(Span::of(self.factor))))?;
        Ok(fields)
    }

    /// The columns of the input under their plain names.
    fn schema(&self) -> Schema {
        let nullable = |field: &FieldRef| field.as_ref().clone().with_nullable(true);
        Schema::new(self.input.schema().fields().iter().map(nullable).collect::<Vec<_>>())
    }

    fn qualified(&self, name: &str) -> Result<Expr> {
        let found = self.input.schema().qualified_field_with_unqualified_name(name);
        found.map(|found| Expr::Column(found.into())).map_err(|error| outside(from_datafusion(error)))
    }

    /// The name of a column that stands alone.
    fn column(&self, expr: &ast::Expr, context: &mut dyn RelationPlannerContext) -> Result<String> {
        match context.sql_to_expr(expr.clone(), self.input.schema())? {
            Expr::Column(Column { name, .. }) => Ok(name),
            _ => {
                let error = refused("PARTITION BY and ORDER BY of MATCH_RECOGNIZE take columns").at(Span::of(expr));
                Err(outside(error.hint("compute it in a query below: FROM (SELECT …) MATCH_RECOGNIZE (…)")))
            }
        }
    }

    /// Event time first, ascending; then whatever tells rows of one time apart.
    fn order(
        &self,
        order: &[ast::OrderByExpr],
        context: &mut dyn RelationPlannerContext,
    ) -> Result<Vec<(String, bool, bool)>> {
        let mut columns = Vec::with_capacity(order.len());
        for by in order {
            let descending = by.options.asc == Some(false);
            let nulls_first = by.options.nulls_first.unwrap_or(!descending);
            columns.push((self.column(&by.expr, context)?, descending, nulls_first));
        }
        match columns.first() {
            Some((_, false, _)) => Ok(columns),
            Some(_) => Err(outside(
                refused("MATCH_RECOGNIZE goes through rows in ascending order of event time")
                    .at(Span::of(&order[0].expr)),
            )),
            None => Err(outside(
                refused("MATCH_RECOGNIZE needs ORDER BY with the event-time column first").at(Span::of(self.factor)),
            )),
        }
    }

    /// Binds the conditions and the measures.
    fn bind(
        &self,
        written: &[Written],
        definitions: &[ast::SymbolDefinition],
        measures: &[ast::Measure],
        time: &str,
    ) -> Result<Bound, SqlError> {
        let names: Vec<&str> = written.iter().map(|written| written.name.value.as_str()).collect();
        let mut reader = Reader::new(self.schema(), &names, time, self.settings);
        let mut conditions: Vec<Option<Expr>> = vec![None; names.len()];
        for definition in definitions {
            let variable = names.iter().position(|name| *name == definition.symbol.value);
            let place = Span::at(definition.symbol.span);
            let condition = reader.bind(&definition.definition, Role::Define(variable)).map_err(|e| e.or_at(place))?;
            let schema = reader.schema();
            if *type_of(&condition, &schema)?.data_type() != DataType::Boolean {
                let message = format!("the definition of '{}' is no condition", definition.symbol.value);
                return Err(refused(message).at(Span::of(&definition.definition).or(place)));
            }
            if let Some(variable) = variable {
                conditions[variable] = Some(condition);
            }
        }
        let mut bound = Vec::with_capacity(measures.len());
        for measure in measures {
            let expr = reader.bind(&measure.expr, Role::Measure).map_err(|e| e.or_at(Span::at(measure.alias.span)))?;
            let field = type_of(&expr, &reader.schema())?;
            let counts = reader.never_null(&expr);
            let field = Field::new(&measure.alias.value, field.data_type().clone(), field.is_nullable() && !counts);
            bound.push(MatchMeasure { expr, field: Arc::new(field) });
        }
        if bound.is_empty() {
            let error = refused("MATCH_RECOGNIZE needs MEASURES").at(Span::of(self.factor));
            return Err(error.hint("for example MEASURES FIRST(A.ts) AS began"));
        }
        let variable = |(written, condition): (&Written, Option<Expr>)| MatchVariable {
            name: written.name.value.clone(),
            repeats: written.repeats,
            condition,
        };
        let variables = written.iter().zip(conditions).map(variable).collect();
        Ok(Bound { variables, measures: bound, reads: reader.into_reads() })
    }
}

/// What was bound.
struct Bound {
    variables: Vec<MatchVariable>,
    measures: Vec<MatchMeasure>,
    reads: Vec<MatchRead>,
}

impl Bound {
    /// The columns of the input that conditions and reads look at.
    fn columns(&self, input: &Schema) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        let mut add = |expr: &Expr| names.extend(expr.column_refs().into_iter().map(|column| column.name.clone()));
        self.variables.iter().filter_map(|variable| variable.condition.as_ref()).for_each(&mut add);
        for read in &self.reads {
            match &read.look {
                MatchLook::First(column, _) | MatchLook::Last(column, _) => {
                    add(&Expr::Column(Column::new_unqualified(column)))
                }
                MatchLook::Aggregate(call, _) => add(call),
                MatchLook::Time => {}
            }
        }
        names.retain(|name| input.column_with_name(name).is_some());
        names
    }
}

fn distinct(fields: &[FieldRef]) -> Result<(), SqlError> {
    for (index, field) in fields.iter().enumerate() {
        if fields[..index].iter().any(|other| other.name() == field.name()) {
            let message = format!("two columns of MATCH_RECOGNIZE are called '{}'", field.name());
            return Err(
                refused(message).hint("the columns of PARTITION BY come out too: give the measure another name")
            );
        }
    }
    Ok(())
}

/// Flink goes on at the next row where nothing is said.
fn after(skip: Option<&AfterMatchSkip>, written: &[Written]) -> Result<AfterMatch, SqlError> {
    let place = |name: &ast::Ident| {
        let found = written.iter().position(|written| written.name.value == name.value);
        found.ok_or_else(|| {
            let error = refused(format!("the pattern has no variable '{}'", name.value)).at(Span::at(name.span));
            error.did_you_mean(&name.value, written.iter().map(|written| written.name.value.as_str()))
        })
    };
    Ok(match skip {
        None | Some(AfterMatchSkip::ToNextRow) => AfterMatch::ToNextRow,
        Some(AfterMatchSkip::PastLastRow) => AfterMatch::PastLastRow,
        Some(AfterMatchSkip::ToFirst(name)) => AfterMatch::ToFirst(place(name)?),
        Some(AfterMatchSkip::ToLast(name)) => AfterMatch::ToLast(place(name)?),
    })
}

fn within(interval: &ast::Expr) -> Result<i64, SqlError> {
    let length = milliseconds(interval)?;
    if length > 0 {
        return Ok(length);
    }
    Err(refused("WITHIN needs an interval longer than nothing").at(Span::of(interval)))
}
