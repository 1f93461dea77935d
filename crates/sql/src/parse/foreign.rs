//! Spellings of the neighbours: which of them a query used, so that the native form can be shown, and those
//! that stand in a whole `SELECT` and not in one table function.

use datafusion::sql::sqlparser::ast::{Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Select, TableFactor};

use crate::error::{Span, SqlError};

/// Whether a windowing table function is written as RisingWave does: bare names instead of `TABLE t` and
/// `DESCRIPTOR(ts)`.
pub fn is_foreign(factor: &TableFactor) -> bool {
    let args = match factor {
        TableFactor::TableFunction { expr: Expr::Function(call), .. } => match &call.args {
            FunctionArguments::List(list) => list.args.as_slice(),
            _ => return false,
        },
        TableFactor::Table { args: Some(args), .. } => args.args.as_slice(),
        _ => return false,
    };
    let bare = |arg: &FunctionArg| {
        let expr = match arg {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => expr,
            _ => return false,
        };
        matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_))
    };
    args.iter().take(2).any(bare)
}

/// Spark's `window(ts, '10 minutes')` and its relatives name a column that Flink has not: they are refused with
/// the native form.
pub fn windows(select: &Select) -> Result<bool, SqlError> {
    let datafusion::sql::sqlparser::ast::GroupByExpr::Expressions(keys, _) = &select.group_by else {
        return Ok(false);
    };
    for key in keys {
        let Expr::Function(call) = key else { continue };
        let name = call.name.to_string().to_lowercase();
        if name == "window" || name == "session_window" {
            let native = if name == "window" {
                "FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '10' MINUTE)) … GROUP BY window_start, window_end"
            } else {
                "FROM TABLE(SESSION(TABLE t PARTITION BY k, DESCRIPTOR(ts), gap)) … GROUP BY k, window_start, window_end"
            };
            let error = SqlError::new("E0503", format!("{name}(…) is Spark's spelling of a window")).at(Span::of(key));
            return Err(error.hint(format!("the native form is {native}")));
        }
    }
    Ok(false)
}
