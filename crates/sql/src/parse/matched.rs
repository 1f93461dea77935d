//! `(SELECT …) MATCH_RECOGNIZE (…)`. sqlparser reads a pattern behind the name of a table only, so a query before it
//! is handed on as the argument of a table that no user can name, and becomes a query again in the tree.

use std::collections::BTreeSet;

use datafusion::sql::sqlparser::ast::{Expr, FunctionArg, FunctionArgExpr, TableFactor};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::parse::cursor::is_word;

/// The name of that table.
pub const ROWS: &str = "@rows";

/// Which of these tokens are brackets that open a query with a pattern behind it.
pub fn queries(tokens: &[TokenWithSpan]) -> BTreeSet<usize> {
    let (mut found, mut open) = (BTreeSet::new(), Vec::new());
    // Where the bracket opened that closes at a token.
    let mut opened = vec![None; tokens.len()];
    for (at, TokenWithSpan { token, .. }) in tokens.iter().enumerate() {
        match token {
            Token::LParen => open.push(at),
            Token::RParen => opened[at] = open.pop(),
            word if is_word(word, "MATCH_RECOGNIZE") => {
                let before = |places: usize| at.checked_sub(places);
                let named = before(2).is_some_and(|before| !is_word(&tokens[before].token, "AS"));
                let ends = [before(1), before(2).filter(|_| named), before(3).filter(|_| !named)];
                found.extend(ends.into_iter().flatten().find_map(|end| opened[end]));
            }
            _ => {}
        }
    }
    let is_query = |at: &usize| {
        let first = tokens.get(at + 1).map(|token| &token.token);
        first.is_some_and(|token| *token == Token::LParen || is_word(token, "SELECT") || is_word(token, "WITH"))
    };
    found.retain(is_query);
    found
}

/// Makes a query of the table that [`ROWS`] names.
pub fn restore(factor: &mut TableFactor) {
    let TableFactor::Table { name, args: Some(args), alias, .. } = factor else { return };
    if name.0.last().and_then(|part| part.as_ident()).is_none_or(|name| name.value != ROWS) {
        return;
    }
    if let [FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Subquery(query)))] = args.args.as_slice() {
        let subquery = query.clone();
        *factor = TableFactor::Derived { lateral: false, subquery, alias: alias.take(), sample: None };
    }
}
