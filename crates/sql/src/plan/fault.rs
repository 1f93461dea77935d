//! DataFusion's complaints in the house's words: the sentence, the code, and the place in the text if the
//! complaint carries one.

use datafusion::common::{DataFusionError, Diagnostic, SchemaError, Span as TextSpan};

use crate::SqlError;
use crate::error::Span;

/// A complaint of planning or analysis.
pub(super) fn from_datafusion(error: DataFusionError) -> SqlError {
    let span = error.diagnostic().and_then(place);
    plain(error).or_at(span)
}

/// An error of ours on its way through DataFusion.
pub(super) fn outside(error: SqlError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

fn plain(error: DataFusionError) -> SqlError {
    match error {
        DataFusionError::External(inner) => match inner.downcast::<SqlError>() {
            Ok(ours) => *ours,
            Err(other) => SqlError::new("E0401", other.to_string()),
        },
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => plain(*inner),
        DataFusionError::Collection(errors) => match errors.into_iter().next() {
            Some(first) => from_datafusion(first),
            None => SqlError::new("E0401", "the query cannot be planned"),
        },
        DataFusionError::Shared(inner) => SqlError::new("E0401", sentence(&inner.to_string())),
        DataFusionError::SchemaError(schema, _) => from_schema(&schema),
        DataFusionError::NotImplemented(text) => SqlError::new("E0501", format!("not supported: {}", sentence(&text))),
        other => from_text(&sentence(&other.strip_backtrace())),
    }
}

/// Complaints that DataFusion only has as text.
fn from_text(text: &str) -> SqlError {
    let quoted = || text.split('\'').nth(1).unwrap_or_default();
    if text.starts_with("Invalid function '") {
        let error = SqlError::new("E0208", format!("there is no function '{}'", quoted().to_uppercase()));
        return error.did_you_mean(quoted(), crate::functions::names());
    }
    if text.contains("must appear in the GROUP BY clause") {
        let column = text.split('"').nth(1).unwrap_or_default();
        return SqlError::new(
            "E0209",
            format!("'{column}' is neither a key of GROUP BY nor inside an aggregate function"),
        );
    }
    if let Some((_, reason)) = text.split_once("coercion failed with: ") {
        let reason = reason.split(". No function matches").next().unwrap_or(reason);
        return SqlError::new("E0206", sentence(reason));
    }
    SqlError::new("E0401", text)
}

fn from_schema(error: &SchemaError) -> SqlError {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => {
            let known: Vec<&str> = valid_fields.iter().map(|field| field.name.as_str()).collect();
            let error = SqlError::new("E0204", format!("there is no column '{}'", field.flat_name()));
            let error = error.did_you_mean(&field.name, known.iter().copied());
            if error.hints.is_empty() && !known.is_empty() {
                return error.hint(format!("the columns are {}", known[..known.len().min(12)].join(", ")));
            }
            error
        }
        SchemaError::AmbiguousReference { field } => {
            SqlError::new("E0205", format!("the column '{}' stands in more than one table", field.name))
                .hint("write the table's name or alias before it")
        }
        other => SqlError::new("E0401", sentence(&other.to_string())),
    }
}

/// Drops the prefixes that name DataFusion's inside, and everything behind the first line.
fn sentence(text: &str) -> String {
    let mut text = text;
    let prefixes =
        ["Error during planning: ", "Execution error: ", "Internal error: ", "Arrow error: ", "type_coercion"];
    while let Some(rest) = prefixes.iter().find_map(|prefix| text.strip_prefix(prefix)) {
        text = rest.trim_start();
    }
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("the query cannot be planned");
    line.trim_end_matches('.').to_string()
}

fn place(diagnostic: &Diagnostic) -> Option<Span> {
    diagnostic.span.and_then(span)
}

/// The bytes that DataFusion's place stands for: the parser writes byte offsets where lines and columns are.
pub(super) fn span(place: TextSpan) -> Option<Span> {
    let (start, end) = (place.start, place.end);
    (start.line > 0 && start.column > 0).then(|| {
        let from = start.column as usize - 1;
        Span::new(from, (end.column as usize).saturating_sub(1).max(from))
    })
}
