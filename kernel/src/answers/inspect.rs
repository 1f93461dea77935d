//! `inspect`: what stands under the cursor. A table or view with its columns, its watermark, a few of its records and
//! what a sample says of each column; a column with its type and the same; a function with its signature.

use std::time::{Duration, Instant};

use millstream_session::{Excerpt, Keep, Look, Reply, Script, Session, Step, View, functions, gate, quoted};
use serde_json::{Value, json};

use super::cursor;
use crate::bundle::Bundle;
use crate::kernel::Kernel;

/// How long to wait for records of a sample.
const SAMPLE: Duration = Duration::from_millis(400);
/// How long to wait for a session that is busy.
const PATIENCE: Duration = Duration::from_millis(300);
/// Of so many columns the statistics are told.
const MOST_COLUMNS: usize = 40;
/// Rows of a sample.
const ROWS: usize = 5;

/// The answer to `inspect_request`.
pub fn inspect(kernel: &Kernel, asked: &Value) -> Value {
    let (code, at) = cursor(asked);
    let deep = asked.get("detail_level").and_then(Value::as_u64).unwrap_or(0) > 0;
    let found = word(code, at).and_then(|word| look_up(kernel, code, word, deep));
    let data = found.as_ref().map_or(json!({}), |text| Bundle::text(&gate::shown_lines(text)).data());
    json!({ "status": "ok", "found": found.is_some(), "data": data, "metadata": {} })
}

fn look_up(kernel: &Kernel, code: &str, word: &str, deep: bool) -> Option<String> {
    if let Some(mut session) = kernel.session_within(PATIENCE) {
        let known: Vec<String> = session.relations().map(str::to_string).collect();
        let named = |name: &&String| name.eq_ignore_ascii_case(word);
        if let Some(name) = known.iter().find(named) {
            return Some(describe(&mut session, name, deep));
        }
        if let Some(function) = session.user_functions().get(word) {
            return Some(format!("{}\n\n{}", function.signature, function.source.trim()));
        }
        let column = column(&mut session, &known, code, word);
        if column.is_some() {
            return column;
        }
    }
    let function = functions().iter().find(|function| function.name.eq_ignore_ascii_case(word))?;
    Some(format!("{}\n{}", function.signature, function.doc))
}

/// The name around a place; a name in back-quotes without them.
fn word(code: &str, at: usize) -> Option<&str> {
    let inside = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '.');
    let start =
        code[..at].rfind(|c| !inside(c)).map_or(0, |end| end + code[end..].chars().next().map_or(1, char::len_utf8));
    let end = code[at..].find(|c| !inside(c)).map_or(code.len(), |length| at + length);
    let word = code[start..end].trim_matches('.');
    (!word.is_empty()).then_some(word)
}

fn describe(session: &mut Session, name: &str, deep: bool) -> String {
    let mut text = format!("{name}\n");
    if let Some(columns) = rows(session, &format!("DESCRIBE {}", quoted(name))) {
        text.push_str(&columns);
    }
    if let Some(sample) = rows(session, &format!("SELECT * FROM {}", quoted(name))) {
        text.push_str(&format!("sample\n{sample}"));
    }
    let columns = session.columns_of(name);
    if let Some(statistics) = statistics(session, name, &columns) {
        text.push_str(&format!("statistics\n{statistics}"));
    }
    if deep {
        for kind in ["TABLE", "VIEW"] {
            let declared = session.next(&mut Script::new(&format!("SHOW CREATE {kind} {}", quoted(name))));
            if let Some(Ok(Reply::Plan(declared))) = declared {
                text.push_str(&format!("\n{declared}\n"));
            }
        }
    }
    text
}

/// What the sample that is kept of a table says of its columns, a line each: how many values, how many different
/// ones, the least and the greatest. Columns of nested types have no order and are left out.
fn statistics(session: &mut Session, name: &str, columns: &[(String, String)]) -> Option<String> {
    let nested = |kind: &str| ["ARRAY", "ROW", "MAP", "BYTES"].iter().any(|nested| kind.starts_with(nested));
    let columns: Vec<String> =
        columns.iter().filter(|(_, kind)| !nested(kind)).take(MOST_COLUMNS).map(|(name, _)| name.clone()).collect();
    let asked = |column: &String| {
        let column = quoted(column);
        format!("COUNT({column}), COUNT(DISTINCT {column}), MIN({column}), MAX({column})")
    };
    let asked: Vec<String> = columns.iter().map(asked).collect();
    if asked.is_empty() {
        return None;
    }
    let query = format!("PREVIEW SELECT COUNT(*), {} FROM {}", asked.join(", "), quoted(name));
    let Reply::Preview(preview) = session.next(&mut Script::new(&query))?.ok()? else { return None };
    let look = Look { zone: session.settings().zone(), ..Look::plain() };
    let (table, total) = (&preview.table, preview.table.len() as u64);
    let excerpt = Excerpt::of(&table.columns, &table.rows, None, total, &look);
    let cells: Vec<&str> = excerpt.rows.last()?.iter().map(|cell| cell.text.as_str()).collect();
    let (all, values) = cells.split_first()?;
    let line = |(column, values): (&String, &[&str])| match values {
        [count, different, least, greatest] => {
            format!("  {column}: {count} of {all} are not null, {different} different, from {least} to {greatest}\n")
        }
        _ => String::new(),
    };
    Some(columns.iter().zip(values.chunks_exact(4)).map(line).collect())
}

/// The first rows of a statement as a table; of a query that is slow to begin, none.
fn rows(session: &mut Session, statement: &str) -> Option<String> {
    let look = Look { rows: ROWS.max(30), zone: session.settings().zone(), ..Look::plain() };
    match session.next(&mut Script::new(statement))?.ok()? {
        Reply::Table(table) => {
            let total = table.len() as u64;
            Some(Excerpt::of(&table.columns, &table.rows, None, total, &look).text(&look))
        }
        Reply::Live(mut live) => {
            let mut view = View::new(live.columns.clone()?, live.changes, Keep::Newest, ROWS).ok()?;
            let end = Instant::now() + SAMPLE;
            while view.total() < ROWS as u64 && Instant::now() < end {
                match live.next(Duration::from_millis(20)) {
                    Step::Rows(batch) => view.take(&batch).ok()?,
                    Step::Quiet => {}
                    Step::End => break,
                }
            }
            let status = live.status();
            live.stop();
            let excerpt = view.excerpt(&look).ok()?;
            // Closing a connection may take its time; nobody waits for it here.
            std::thread::spawn(move || drop(live.finish()));
            let line = status.line(Duration::ZERO, 0.0, look.zone);
            let watermark =
                line.split(" · ").find(|part| part.starts_with("watermark")).map(|part| format!("{part}\n"));
            Some(excerpt.text(&look) + &watermark.unwrap_or_default())
        }
        _ => None,
    }
}

/// A column of the tables that the code names.
fn column(session: &mut Session, known: &[String], code: &str, word: &str) -> Option<String> {
    let last = word.rsplit('.').next().unwrap_or(word);
    let mut lines = String::new();
    for table in known.iter().filter(|table| code.contains(table.as_str())) {
        let columns = session.columns_of(table);
        let Some((name, kind)) = columns.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(last)) else {
            continue;
        };
        lines.push_str(&format!("{name} {kind}, column of {table}\n"));
        lines.push_str(&statistics(session, table, &[(name, kind)]).unwrap_or_default());
    }
    (!lines.is_empty()).then_some(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_around_the_cursor_is_found_at_every_place() {
        let code = "SELECT größe FROM `demo.bids` WHERE 🦀";
        let at = |part: &str| code.find(part).expect("it is there");
        assert_eq!(word(code, at("röße")), Some("größe"));
        assert_eq!(word(code, at(" FROM")), Some("größe"));
        assert_eq!(word(code, at("bids")), Some("demo.bids"));
        assert_eq!(word(code, code.len()), None);
        assert_eq!(word("", 0), None);
        for (place, _) in code.char_indices() {
            word(code, place);
        }
    }
}
