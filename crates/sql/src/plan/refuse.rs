//! What is not supported yet, found in the syntax tree, where the places are. Each construct has a name,
//! by which cases and documents count it.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Function, Query, SetExpr, SetOperator, TableFactor, Visit, Visitor,
};

use crate::SqlError;
use crate::error::Span;

/// The code of every refusal of something that Flink can do and we cannot yet.
pub const NOT_SUPPORTED: &str = "E0501";

/// A sentence that says what is not supported. The construct is the word in brackets at its end.
pub(super) fn unsupported(construct: &'static str, sentence: &str, span: Option<Span>) -> SqlError {
    SqlError::new(NOT_SUPPORTED, format!("{sentence} is not supported yet [{construct}]")).at(span)
}

/// The construct that an error refuses: `temporal-join`, `over`, …; `None` for every other error.
pub fn construct(error: &SqlError) -> Option<&str> {
    if error.code != NOT_SUPPORTED {
        return None;
    }
    error.message.rsplit_once('[').and_then(|(_, word)| word.strip_suffix(']'))
}

/// Refuses the first construct of a query that cannot be planned yet.
pub(super) fn query(query: &Query) -> Result<(), SqlError> {
    match query.visit(&mut Refusals) {
        ControlFlow::Break(error) => Err(*error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

struct Refusals;

type Found = ControlFlow<Box<SqlError>>;

fn found(construct: &'static str, sentence: &str, span: Option<Span>) -> Found {
    ControlFlow::Break(Box::new(unsupported(construct, sentence, span)))
}

impl Visitor for Refusals {
    type Break = Box<SqlError>;

    fn pre_visit_query(&mut self, query: &Query) -> Found {
        let place = Span::of(query);
        if let SetExpr::SetOperation { op, .. } = query.body.as_ref()
            && !matches!(op, SetOperator::Union)
        {
            return found("set-operation", &format!("{op}"), place);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> Found {
        match factor {
            TableFactor::Table { version: Some(_), .. } => {
                found("temporal-join", "FOR SYSTEM_TIME AS OF", Span::of(factor))
            }
            TableFactor::Pivot { .. } | TableFactor::Unpivot { .. } => found("pivot", "PIVOT", Span::of(factor)),
            _ => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> Found {
        let place = Span::of(expr);
        match expr {
            // A null among the values would empty the result, for ever and with hindsight.
            Expr::InSubquery { negated: true, .. } => {
                let error = unsupported("subquery", "NOT IN with a subquery", place);
                ControlFlow::Break(Box::new(error.hint("write NOT EXISTS (SELECT 1 FROM … WHERE … = …)")))
            }
            Expr::BinaryOp { op: BinaryOperator::Custom(_), .. } | Expr::Prefixed { .. } => ControlFlow::Continue(()),
            Expr::Function(function) if function.over.is_some() && AHEAD.iter().any(|name| named(function, name)) => {
                found("over", &format!("{} … OVER", function.name), place)
            }
            Expr::Function(function) => elsewhere(function, place),
            _ => ControlFlow::Continue(()),
        }
    }
}

/// Functions before `OVER` that look ahead, or need the whole partition: Flink has them over tables only.
const AHEAD: &[&str] = &["LEAD", "NTH_VALUE", "NTILE", "PERCENT_RANK", "CUME_DIST", "DENSE_RANK"];

/// Functions of Flink whose answer would be another one in every replay.
const CHANCE: &[&str] = &["RAND", "RAND_INTEGER", "RANDOM", "UUID"];

fn elsewhere(function: &Function, place: Option<Span>) -> Found {
    let name = function.name.to_string().to_uppercase();
    if CHANCE.contains(&name.as_str()) {
        let sentence = format!("{name}, which gives another answer whenever the rows are replayed,");
        return found("chance", &sentence, place);
    }
    if name == "PROCTIME" {
        return found("processing-time", "processing time (PROCTIME)", place);
    }
    ControlFlow::Continue(())
}

fn named(function: &Function, name: &str) -> bool {
    function.name.to_string().eq_ignore_ascii_case(name)
}
