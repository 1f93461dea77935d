//! What of Flink's grammar sqlparser can be told through its dialect. It stands on the generic dialect
//! (whose switches it repeats, as far as they fit Flink) and adds back-quotes, versioned tables, and
//! `TABLE name` as an argument of a table function.

use std::any::TypeId;
use std::cell::Cell;

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, Ident, UnaryOperator, Value};
use datafusion::sql::sqlparser::dialect::{Dialect, GenericDialect};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::plan::call;

/// Flink SQL, as far as a dialect goes, for one statement.
#[derive(Clone, Debug)]
pub struct FlinkDialect {
    budget: Cell<usize>,
}

impl FlinkDialect {
    /// A dialect for a statement of so many tokens. sqlparser goes back and tries again where a bracket can
    /// mean several things; in nested brackets with an error inside the tries multiply. Honest statements
    /// need about one look per token, so one that uses up its budget is given up.
    pub fn new(tokens: usize) -> FlinkDialect {
        FlinkDialect { budget: Cell::new(20 * tokens + 10_000) }
    }

    fn spend(&self) -> Result<(), ParserError> {
        let left = self.budget.get().checked_sub(1).ok_or(ParserError::RecursionLimitExceeded)?;
        self.budget.set(left);
        Ok(())
    }
}

/// The operator by which `TABLE t PARTITION BY k` stands in the tree: left the table, right a tuple.
pub const PARTITION_BY: &str = "PARTITION BY";

macro_rules! yes {
    ($($name:ident)*) => { $(fn $name(&self) -> bool { true })* };
}

impl Dialect for FlinkDialect {
    // sqlparser asks by type whether something belongs to a dialect; what belongs to the generic one is ours.
    fn dialect(&self) -> TypeId {
        TypeId::of::<GenericDialect>()
    }

    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        ch == '`' || ch == '"'
    }

    fn identifier_quote_style(&self, _identifier: &str) -> Option<char> {
        Some('`')
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        ch.is_alphabetic() || ch == '_'
    }

    // `$` belongs to the names of side tables: t$errors, step$late; `@` to those of versions: bars@2.
    fn is_identifier_part(&self, ch: char) -> bool {
        ch.is_alphanumeric() || ch == '_' || ch == '$' || ch == '@'
    }

    yes! {
        supports_unicode_string_literal supports_group_by_expr supports_left_associative_joins_without_parens
        supports_match_recognize supports_pipe_operator supports_window_function_null_treatment_arg
        supports_window_clause_named_window_reference supports_select_wildcard_except supports_select_wildcard_replace
        supports_select_wildcard_exclude supports_select_wildcard_rename allow_extract_custom
        supports_parens_around_table_factor supports_values_as_table_factor supports_limit_comma
        supports_from_first_select supports_try_convert supports_filter_during_aggregation supports_table_versioning
        supports_named_fn_args_with_rarrow_operator
    }

    fn parse_infix(&self, parser: &mut Parser, expr: &Expr, _precedence: u8) -> Option<Result<Expr, ParserError>> {
        let negated = match () {
            () if parser.parse_keywords(&[Keyword::IS, Keyword::JSON]) => false,
            () if parser.parse_keywords(&[Keyword::IS, Keyword::NOT, Keyword::JSON]) => true,
            () => return None,
        };
        let call = is_json(parser, expr.clone());
        Some(Ok(if negated { Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(call) } } else { call }))
    }

    fn parse_prefix(&self, parser: &mut Parser) -> Option<Result<Expr, ParserError>> {
        if let Err(error) = self.spend() {
            return Some(Err(error));
        }
        match &parser.peek_token_ref().token {
            Token::Word(word) if word.keyword == Keyword::TABLE => Some(table_argument(parser)),
            Token::Word(word) if word.keyword == Keyword::PARTITION => partition_argument(parser),
            _ => None,
        }
    }
}

/// `expr IS JSON [VALUE | SCALAR | ARRAY | OBJECT]`, as a call.
fn is_json(parser: &mut Parser, expr: Expr) -> Expr {
    let kind = match &parser.peek_token_ref().token {
        Token::Word(word) => word.value.to_uppercase(),
        _ => String::new(),
    };
    let mut args = vec![expr];
    if ["VALUE", "SCALAR", "ARRAY", "OBJECT"].contains(&kind.as_str()) {
        parser.next_token();
        args.push(Expr::Value(Value::SingleQuotedString(kind).into()));
    }
    call("IS_JSON", args)
}

/// `TABLE name` or `TABLE (query)`, with `PARTITION BY` behind it. See [`crate::window`] for the shape.
fn table_argument(parser: &mut Parser) -> Result<Expr, ParserError> {
    let prefix = parser.parse_identifier()?;
    let value = if parser.consume_token(&Token::LParen) {
        let query = parser.parse_query()?;
        parser.expect_token(&Token::RParen)?;
        Expr::Subquery(query)
    } else {
        let mut parts = vec![parser.parse_identifier()?];
        while parser.consume_token(&Token::Period) {
            parts.push(parser.parse_identifier()?);
        }
        if parts.len() == 1 { Expr::Identifier(parts.remove(0)) } else { Expr::CompoundIdentifier(parts) }
    };
    let table = Expr::Prefixed { prefix, value: Box::new(value) };
    if !parser.parse_keywords(&[Keyword::PARTITION, Keyword::BY]) {
        return Ok(table);
    }
    let keys = keys(parser)?;
    let op = BinaryOperator::Custom(PARTITION_BY.into());
    Ok(Expr::BinaryOp { left: Box::new(table), op, right: Box::new(keys) })
}

/// `PARTITION BY k` in front of the arguments of a piped `CALL SESSION(…)`.
fn partition_argument(parser: &mut Parser) -> Option<Result<Expr, ParserError>> {
    let mut prefix = match parser.peek_token_ref() {
        TokenWithSpan { token: Token::Word(word), span } => word.clone().into_ident(*span),
        _ => return None,
    };
    if !parser.parse_keywords(&[Keyword::PARTITION, Keyword::BY]) {
        return None;
    }
    prefix.value = PARTITION_BY.into();
    Some(keys(parser).map(|keys| Expr::Prefixed { prefix, value: Box::new(keys) }))
}

/// `k`, `k1, k2` or `(k1, k2)`, as a tuple.
fn keys(parser: &mut Parser) -> Result<Expr, ParserError> {
    let keys = if parser.consume_token(&Token::LParen) {
        let keys = parser.parse_comma_separated(Parser::parse_identifier)?;
        parser.expect_token(&Token::RParen)?;
        keys
    } else {
        partition_keys(parser)?
    };
    Ok(Expr::Tuple(keys.into_iter().map(Expr::Identifier).collect()))
}

/// Names up to the next argument: a name behind a comma is a key unless it calls or names something.
fn partition_keys(parser: &mut Parser) -> Result<Vec<Ident>, ParserError> {
    let mut keys = vec![parser.parse_identifier()?];
    loop {
        let [comma, name, behind] = parser.peek_tokens();
        let is_name = matches!(name, Token::Word(_)) && !matches!(behind, Token::LParen | Token::RArrow);
        let interval = matches!(&name, Token::Word(word) if word.keyword == Keyword::INTERVAL);
        if comma != Token::Comma || !is_name || interval {
            return Ok(keys);
        }
        parser.next_token();
        keys.push(parser.parse_identifier()?);
    }
}
