//! The statements by which a query is built step by step: lines that begin with `|>`, a name at their end,
//! and the verbs around steps (`PREVIEW`, `START`, `STOP`, `UNDO`, `REDO`).

use datafusion::sql::sqlparser::ast::{Ident, ObjectName, ObjectNamePart, Query, SetExpr};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::error::{Span, SqlError};
use crate::parse::cursor::is_word;
use crate::parse::tokens::span_of;
use crate::parse::{Cursor, insert, query};
use crate::shape;
use crate::statement::{Asked, Insert, Name, Stage, Start, Statement, ViewDraft};

/// Reads `|> … [|> AS name]`. What stands between is read together with the draft it goes on with.
pub fn stage(cursor: &mut Cursor<'_>) -> Result<Stage, SqlError> {
    let tokens = cursor.rest();
    let (length, name) = without_name(tokens);
    let text = match (tokens.first(), length.checked_sub(1).and_then(|last| tokens.get(last))) {
        (Some(first), Some(last)) => span_of(first).to(span_of(last)).text(cursor.text()).to_string(),
        _ => String::new(),
    };
    cursor.remainder();
    Ok(Stage { text, name })
}

/// A query that ends in `|> AS name`: the step of that name, and whether it was written in a foreign spelling.
pub fn named(cursor: &mut Cursor<'_>) -> Result<Option<(ViewDraft, bool)>, SqlError> {
    let tokens = cursor.rest();
    let (length, Some(name)) = without_name(tokens) else { return Ok(None) };
    let mut front = Cursor::new(cursor.text(), &tokens[..length]);
    let text = front.extent().text(cursor.text()).to_string();
    let read = query::query(&mut front)?;
    cursor.remainder();
    let draft = ViewDraft {
        name,
        temporary: false,
        if_not_exists: false,
        or_replace: true,
        columns: Vec::new(),
        comment: None,
        query: read.query,
        text,
    };
    Ok(Some((draft, read.foreign)))
}

/// How many tokens stand before `|> AS name` at the end, and the name.
fn without_name(tokens: &[TokenWithSpan]) -> (usize, Option<Name>) {
    let Some(keep) = tokens.len().checked_sub(3) else { return (tokens.len(), None) };
    match &tokens[keep..] {
        [pipe, word, name]
            if pipe.token == Token::VerticalBarRightAngleBracket
                && is_word(&word.token, "AS")
                && matches!(name.token, Token::Word(_)) =>
        {
            let Token::Word(word) = &name.token else { unreachable!("it was matched as a word") };
            (keep, Some(Name { text: word.value.clone(), span: span_of(name) }))
        }
        _ => (tokens.len(), None),
    }
}

/// Reads `UNDO`, `REDO`, `PREVIEW …`, `START …`, `STOP …` and `WHY …`.
pub fn verb(cursor: &mut Cursor<'_>, verb: &str) -> Result<Statement, SqlError> {
    cursor.next();
    Ok(match verb {
        "UNDO" => Statement::Undo,
        "REDO" => Statement::Redo,
        "PREVIEW" => Statement::Preview(Box::new(asked(cursor, "a step or a query")?)),
        "START" => Statement::Start(Box::new(start(cursor)?)),
        "WHY" if cursor.is_done() => Statement::Why(None),
        "WHY" => Statement::Why(Some(Box::new(asked(cursor, "a step, a table or a query")?))),
        _ if cursor.takes_word("ALL") => Statement::Stop(None),
        _ => Statement::Stop(Some(cursor.path("the name of a run, or ALL")?)),
    })
}

fn start(cursor: &mut Cursor<'_>) -> Result<Start, SqlError> {
    if cursor.sees(&["INSERT"]) {
        return Ok(Start::Insert { step: None, insert: insert::insert(cursor)? });
    }
    if !begins_query(cursor) {
        let step = cursor.path("a step, a query or an INSERT INTO")?;
        let query = rows_of(&step);
        if cursor.is_done() {
            return Ok(Start::Query(Asked { step: Some(step), query }));
        }
        cursor.expect_words(&["INTO"])?;
        let table = cursor.path("the name of a table")?;
        let insert = Insert { table, columns: Vec::new(), query, overwrite: false, options: Vec::new() };
        return Ok(Start::Insert { step: Some(step), insert });
    }
    asked(cursor, "a step, a query or an INSERT INTO").map(Start::Query)
}

/// Reads a query, or the name of a step.
pub fn asked(cursor: &mut Cursor<'_>, wanted: &str) -> Result<Asked, SqlError> {
    if begins_query(cursor) {
        return Ok(Asked { step: None, query: query::query(cursor)?.query });
    }
    let step = cursor.path(wanted)?;
    let query = rows_of(&step);
    Ok(Asked { step: Some(step), query })
}

fn begins_query(cursor: &Cursor<'_>) -> bool {
    let verbs = ["SELECT", "WITH", "FROM", "VALUES"];
    cursor.peek() == Some(&Token::LParen) || verbs.iter().any(|verb| cursor.sees(&[verb]))
}

/// `SELECT * FROM name`, at the place of the name.
fn rows_of(name: &Name) -> Box<Query> {
    let ident = |text: &str, span: Span| Ident {
        value: text.to_string(),
        quote_style: Some('`'),
        span: crate::parse::tokens::byte_span(span),
    };
    let parts = match name.text.split_once('.') {
        Some((database, table)) if database == crate::catalog::DEMO => vec![database, table],
        _ => vec![name.text.as_str()],
    };
    let parts = parts.into_iter().map(|part| ObjectNamePart::Identifier(ident(part, name.span)));
    let select = shape::select(vec![shape::wildcard()], shape::from(shape::table(ObjectName(parts.collect()))));
    Box::new(shape::query(SetExpr::Select(Box::new(select))))
}
