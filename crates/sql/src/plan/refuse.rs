//! What is not supported yet, found in the syntax tree, where the places are. Each construct has a name,
//! by which cases and documents count it.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, Function, Query, TableFactor};

use crate::SqlError;
use crate::error::Span;
use crate::walk::{self, Inspect};

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
    walk::inspect(query, &mut Refusals)
}

struct Refusals;

type Found = Result<(), SqlError>;

fn found(construct: &'static str, sentence: &str, span: Option<Span>) -> Found {
    Err(unsupported(construct, sentence, span))
}

impl Inspect for Refusals {
    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> Found {
        match factor {
            TableFactor::Pivot { .. } | TableFactor::Unpivot { .. } => found("pivot", "PIVOT", Span::of(factor)),
            _ => Ok(()),
        }
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> Found {
        let place = Span::of(expr);
        match expr {
            Expr::BinaryOp { op: BinaryOperator::Custom(_), .. } | Expr::Prefixed { .. } => Ok(()),
            Expr::Function(function) if function.over.is_some() && AHEAD.iter().any(|name| named(function, name)) => {
                found("over", &format!("{} … OVER", function.name), place)
            }
            Expr::Function(function) => elsewhere(function, place),
            _ => Ok(()),
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
    Ok(())
}

fn named(function: &Function, name: &str) -> bool {
    function.name.to_string().eq_ignore_ascii_case(name)
}
