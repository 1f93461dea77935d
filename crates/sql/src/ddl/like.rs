//! `CREATE TABLE t (…) LIKE other (INCLUDING … EXCLUDING … OVERWRITING …)`: what the new table takes from the
//! other one. Rules and defaults as in Flink: everything is taken, options written here win.

use crate::ddl::check;
use crate::error::SqlError;
use crate::statement::{ColumnDraft, ColumnKind, Feature, Like, Merge, TableDraft};

/// Works the other table into a declaration that has a `LIKE`, and checks the outcome.
pub fn apply_like(draft: &TableDraft, other: &TableDraft) -> Result<TableDraft, SqlError> {
    let Some(like) = &draft.like else { return Ok(draft.clone()) };
    let mut merged = draft.clone();
    merged.like = None;
    merged.columns = columns(draft, other, like)?;
    merged.options = other.options.clone();
    match rule(like, Feature::Options) {
        Merge::Excluding => merged.options.clear(),
        Merge::Including => {
            if let Some(clash) = draft.options.iter().find(|option| has_option(other, &option.key)) {
                return Err(clashes(like, &format!("the option '{}'", clash.key)));
            }
        }
        Merge::Overwriting => merged.options.retain(|option| !has_option(draft, &option.key)),
    }
    merged.options.extend(draft.options.iter().cloned());
    if draft.watermark.is_none() && rule(like, Feature::Watermarks) != Merge::Excluding {
        merged.watermark = other.watermark.clone();
    } else if draft.watermark.is_some()
        && other.watermark.is_some()
        && rule(like, Feature::Watermarks) == Merge::Including
    {
        return Err(clashes(like, "the watermark"));
    }
    if rule(like, Feature::Constraints) != Merge::Excluding && !other.primary_key.is_empty() {
        if !draft.primary_key.is_empty() {
            return Err(clashes(like, "the primary key"));
        }
        merged.primary_key = other.primary_key.clone();
    }
    if rule(like, Feature::Partitions) != Merge::Excluding && !other.partitioned_by.is_empty() {
        if !draft.partitioned_by.is_empty() {
            return Err(clashes(like, "PARTITIONED BY"));
        }
        merged.partitioned_by = other.partitioned_by.clone();
    }
    check(&merged).map_err(|error| error.at(like.table.span))?;
    Ok(merged)
}

fn has_option(table: &TableDraft, key: &str) -> bool {
    table.options.iter().any(|option| option.key == key)
}

fn clashes(like: &Like, what: &str) -> SqlError {
    let message = format!("{what} is in '{}' already", like.table.text);
    SqlError::new("E0303", message)
        .at(like.table.span)
        .hint("EXCLUDING leaves it out, OVERWRITING replaces it where it can")
}

/// Physical columns always come; computed and metadata columns by their rule; the new ones follow.
fn columns(draft: &TableDraft, other: &TableDraft, like: &Like) -> Result<Vec<ColumnDraft>, SqlError> {
    let mut columns: Vec<ColumnDraft> = Vec::new();
    for column in &other.columns {
        let feature = match column.kind {
            ColumnKind::Physical(_) => None,
            ColumnKind::Computed(_) => Some(Feature::Generated),
            ColumnKind::Metadata { .. } => Some(Feature::Metadata),
        };
        let merge = feature.map_or(Merge::Including, |feature| rule(like, feature));
        let again = draft.columns.iter().any(|own| own.name.text == column.name.text);
        match merge {
            Merge::Excluding => {}
            Merge::Including if again => return Err(clashes(like, &format!("the column '{}'", column.name.text))),
            Merge::Overwriting if again => {}
            Merge::Including | Merge::Overwriting => columns.push(column.clone()),
        }
    }
    columns.extend(draft.columns.iter().cloned());
    Ok(columns)
}

/// The rule for a feature: its own if there is one, else that for ALL, else the default.
fn rule(like: &Like, feature: Feature) -> Merge {
    let of = |wanted: Feature| like.rules.iter().find(|rule| rule.feature == wanted).map(|rule| rule.merge);
    let default = if feature == Feature::Options { Merge::Overwriting } else { Merge::Including };
    of(feature).or(of(Feature::All)).unwrap_or(default)
}
