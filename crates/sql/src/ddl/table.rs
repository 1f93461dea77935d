//! `CREATE TABLE`: columns of all kinds, watermark, key, options.

use datafusion::sql::sqlparser::tokenizer::Token;

use crate::error::SqlError;
use crate::parse::{Cursor, like_clause, read_expression, read_options, read_type};
use crate::statement::{ColumnDraft, ColumnKind, Expression, Name, TableDraft, WatermarkDraft};

/// Reads what follows `CREATE … TABLE`.
pub fn create(cursor: &mut Cursor<'_>, or_replace: bool, temporary: bool) -> Result<TableDraft, SqlError> {
    let if_not_exists = cursor.takes(&["IF", "NOT", "EXISTS"]);
    let name = cursor.path("the name of the table")?;
    let mut draft = TableDraft {
        name,
        temporary,
        if_not_exists,
        or_replace,
        columns: Vec::new(),
        watermark: None,
        primary_key: Vec::new(),
        partitioned_by: Vec::new(),
        comment: None,
        options: Vec::new(),
        like: None,
    };
    let has_body = cursor.takes_token(&Token::LParen);
    if has_body {
        body(cursor, &mut draft)?;
    }
    clauses(cursor, &mut draft)?;
    if !has_body && draft.like.is_none() {
        return Err(cursor.unexpected("a list of columns in brackets"));
    }
    if draft.like.is_none() {
        check(&draft)?;
    }
    Ok(draft)
}

fn body(cursor: &mut Cursor<'_>, draft: &mut TableDraft) -> Result<(), SqlError> {
    while !cursor.takes_token(&Token::RParen) {
        element(cursor, draft)?;
        if !cursor.takes_token(&Token::Comma) {
            cursor.expect_token(&Token::RParen)?;
            return Ok(());
        }
        if cursor.peek() == Some(&Token::RParen) {
            return Err(cursor.unexpected("a column"));
        }
    }
    Ok(())
}

fn element(cursor: &mut Cursor<'_>, draft: &mut TableDraft) -> Result<(), SqlError> {
    let place = cursor.here();
    if cursor.takes(&["WATERMARK", "FOR"]) {
        let column = cursor.name("the event-time column")?;
        if cursor.peek() == Some(&Token::Period) {
            let error = SqlError::new("E0301", "a watermark stands on a column of the table, not on a field of a row");
            return Err(error.at(cursor.here()).hint("declare a computed column for the field and use that"));
        }
        cursor.expect_words(&["AS"])?;
        let watermark = WatermarkDraft { column, expression: expression(cursor, &[])? };
        if draft.watermark.replace(watermark).is_some() {
            return Err(SqlError::new("E0301", "a table has one watermark only").at(place));
        }
        return Ok(());
    }
    if cursor.takes_word("CONSTRAINT") {
        cursor.name("the name of the constraint")?;
        if !cursor.sees(&["PRIMARY", "KEY"]) {
            return Err(cursor.unexpected("PRIMARY KEY"));
        }
    }
    if cursor.takes(&["PRIMARY", "KEY"]) {
        let key = cursor.names("a column of the key")?;
        not_enforced(cursor)?;
        return set_key(draft, key);
    }
    if cursor.sees(&["UNIQUE"]) && cursor.ahead(1) == Some(&Token::LParen) {
        return Err(SqlError::new("E0501", "UNIQUE is not supported, PRIMARY KEY … NOT ENFORCED is").at(place));
    }
    let column = column(cursor, draft)?;
    draft.columns.push(column);
    Ok(())
}

fn column(cursor: &mut Cursor<'_>, draft: &mut TableDraft) -> Result<ColumnDraft, SqlError> {
    let name = cursor.name("the name of a column")?;
    if cursor.takes_word("AS") {
        let kind = ColumnKind::Computed(expression(cursor, &["COMMENT"])?);
        let comment = comment(cursor)?;
        return Ok(ColumnDraft { name, kind, comment });
    }
    let mut data_type = read_type(cursor)?;
    let mut kind = None;
    let mut text = None;
    loop {
        if kind.is_none() && cursor.takes_word("METADATA") {
            let from =
                if cursor.takes_word("FROM") { Some(cursor.string("the metadata's key in quotes")?) } else { None };
            kind = Some((from, cursor.takes_word("VIRTUAL")));
        } else if cursor.takes_word("CONSTRAINT") {
            cursor.name("the name of the constraint")?;
        } else if cursor.takes(&["PRIMARY", "KEY"]) {
            not_enforced(cursor)?;
            set_key(draft, vec![name.clone()])?;
        } else if cursor.takes(&["NOT", "NULL"]) {
            data_type.nullable = false;
        } else if text.is_none() && cursor.sees(&["COMMENT"]) {
            text = comment(cursor)?;
        } else {
            break;
        }
    }
    let kind = match kind {
        Some((from, read_only)) => ColumnKind::Metadata { data_type, from, read_only },
        None => ColumnKind::Physical(data_type),
    };
    Ok(ColumnDraft { name, kind, comment: text })
}

fn expression(cursor: &mut Cursor<'_>, ends: &[&str]) -> Result<Expression, SqlError> {
    let mut part = cursor.until(ends);
    if part.is_done() {
        return Err(cursor.unexpected("an expression"));
    }
    let span = part.extent();
    let text = span.text(part.text()).to_string();
    let expr = Box::new(read_expression(&mut part)?);
    Ok(Expression { expr, text, span })
}

fn comment(cursor: &mut Cursor<'_>) -> Result<Option<String>, SqlError> {
    if cursor.takes_word("COMMENT") { cursor.string("a comment in quotes").map(Some) } else { Ok(None) }
}

fn not_enforced(cursor: &mut Cursor<'_>) -> Result<(), SqlError> {
    if cursor.takes(&["NOT", "ENFORCED"]) {
        return Ok(());
    }
    let error =
        SqlError::new("E0301", "a primary key is not enforced: write PRIMARY KEY (…) NOT ENFORCED").at(cursor.here());
    Err(error.hint("nobody checks the key while rows stream in; it tells how changes are applied"))
}

fn set_key(draft: &mut TableDraft, key: Vec<Name>) -> Result<(), SqlError> {
    if !draft.primary_key.is_empty() {
        return Err(SqlError::new("E0301", "a table has one primary key only").at(key[0].span));
    }
    draft.primary_key = key;
    Ok(())
}

fn clauses(cursor: &mut Cursor<'_>, draft: &mut TableDraft) -> Result<(), SqlError> {
    if cursor.sees(&["COMMENT"]) {
        draft.comment = comment(cursor)?;
    }
    if cursor.sees(&["DISTRIBUTED"]) {
        return Err(SqlError::new("E0501", "DISTRIBUTED is not supported").at(cursor.here()));
    }
    if cursor.takes(&["PARTITIONED", "BY"]) {
        draft.partitioned_by = cursor.names("a column")?;
    }
    if cursor.takes_word("WITH") {
        draft.options = read_options(cursor)?;
    }
    if cursor.takes_word("LIKE") {
        draft.like = Some(like_clause(cursor)?);
    }
    if cursor.sees(&["AS"]) {
        let error = SqlError::new("E0501", "CREATE TABLE … AS SELECT is not supported").at(cursor.here());
        return Err(error.hint("create the table with its columns, then INSERT INTO it"));
    }
    if cursor.is_done() { Ok(()) } else { Err(cursor.unexpected("COMMENT, PARTITIONED BY, WITH, LIKE or the end")) }
}

/// Checks that the names of a declaration fit together.
pub fn check(draft: &TableDraft) -> Result<(), SqlError> {
    let mut seen: Vec<&str> = Vec::with_capacity(draft.columns.len());
    let mut sorted: Vec<&Name> = draft.columns.iter().map(|column| &column.name).collect();
    sorted.sort_by(|a, b| (a.text.as_str(), a.span.start).cmp(&(b.text.as_str(), b.span.start)));
    for pair in sorted.windows(2) {
        if pair[0].text == pair[1].text {
            return Err(SqlError::new("E0301", format!("there are two columns '{}'", pair[1].text)).at(pair[1].span));
        }
    }
    seen.extend(sorted.iter().map(|name| name.text.as_str()));
    let known = |name: &Name, what: &str| match seen.binary_search(&name.text.as_str()) {
        Ok(_) => Ok(()),
        Err(_) => {
            let message = format!("{what} '{}' is not a column of the table", name.text);
            Err(SqlError::new("E0301", message).at(name.span).did_you_mean(&name.text, seen.iter().copied()))
        }
    };
    if let Some(watermark) = &draft.watermark {
        known(&watermark.column, "the event-time column")?;
    }
    for name in &draft.primary_key {
        known(name, "the key column")?;
        let physical = |column: &&ColumnDraft| matches!(column.kind, ColumnKind::Physical(_));
        if draft.columns.iter().filter(physical).all(|column| column.name.text != name.text) {
            let message = format!("the key column '{}' is not a physical column", name.text);
            return Err(SqlError::new("E0301", message).at(name.span));
        }
    }
    draft.partitioned_by.iter().try_for_each(|name| known(name, "the partition column"))
}
