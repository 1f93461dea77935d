//! Declarations back to text, in the form of Flink's `SHOW CREATE`. What is shown parses to what was declared,
//! except that secrets are redacted.

use std::fmt::Write as _;

use millstream_record::{reference, sounds_secret};

use crate::catalog::View;
use crate::statement::{ColumnDraft, ColumnKind, Feature, Like, Merge, Name, TableDraft};
use crate::types::{literal, quoted};

/// The declaration of a function that a user brought. Its text stands as it was written, if that is possible.
pub fn create_function(function: &millstream_plan::UserFunction) -> String {
    let source = &function.source;
    let text = if source.contains("$$") || source.ends_with('$') {
        literal(source)
    } else {
        format!("$$\n{}\n$$", source.trim())
    };
    format!("CREATE FUNCTION {} AS {text} LANGUAGE {}", quoted(&function.name), function.language)
}

/// The declaration of a function whose text stands in a file.
pub fn create_function_in(name: &str, path: &str) -> String {
    format!("CREATE FUNCTION {} LANGUAGE RUST USING FILE {}", quoted(name), literal(path))
}

/// What stands in the place of a secret.
pub const REDACTED: &str = "[redacted]";

/// `CREATE TABLE`, over several lines, without a semicolon.
pub fn create_table(draft: &TableDraft) -> String {
    declaration(draft, shown_options(draft))
}

/// The same of a declaration that holds no secrets, but says where they are to be taken from.
pub fn create_table_as_given(draft: &TableDraft) -> String {
    declaration(draft, draft.options.iter().map(|option| (option.key.as_str(), option.value.as_str())))
}

fn declaration<'a>(draft: &'a TableDraft, options: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = String::from("CREATE ");
    text += if draft.or_replace { "OR REPLACE " } else { "" };
    text += if draft.temporary { "TEMPORARY " } else { "" };
    text += "TABLE ";
    text += if draft.if_not_exists { "IF NOT EXISTS " } else { "" };
    text += &quoted(&draft.name.text);
    let mut lines: Vec<String> = draft.columns.iter().map(column).collect();
    if let Some(watermark) = &draft.watermark {
        lines.push(format!("WATERMARK FOR {} AS {}", quoted(&watermark.column.text), watermark.expression.text));
    }
    if !draft.primary_key.is_empty() {
        lines.push(format!("PRIMARY KEY ({}) NOT ENFORCED", names(&draft.primary_key)));
    }
    if !lines.is_empty() {
        let _ = write!(text, " (\n  {}\n)", lines.join(",\n  "));
    }
    if let Some(comment) = &draft.comment {
        let _ = write!(text, "\nCOMMENT {}", literal(comment));
    }
    if !draft.partitioned_by.is_empty() {
        let _ = write!(text, "\nPARTITIONED BY ({})", names(&draft.partitioned_by));
    }
    if !draft.options.is_empty() {
        let option = |(key, value): (&str, &str)| format!("{} = {}", literal(key), literal(value));
        let options: Vec<String> = options.map(option).collect();
        let _ = write!(text, "\nWITH (\n  {}\n)", options.join(",\n  "));
    }
    if let Some(other) = &draft.like {
        let _ = write!(text, "\nLIKE {}", like(other));
    }
    text
}

/// The options of a table as they may be shown: secrets redacted, unless they only say where the secret is kept.
pub fn shown_options(draft: &TableDraft) -> impl Iterator<Item = (&str, &str)> {
    let shown =
        |option: &'_ crate::statement::TableOption| sounds_secret(&option.key) && reference(&option.value).is_none();
    draft
        .options
        .iter()
        .map(move |option| (option.key.as_str(), if shown(option) { REDACTED } else { option.value.as_str() }))
}

/// `CREATE VIEW`, without a semicolon.
pub fn create_view(view: &View) -> String {
    let mut text = String::from(if view.temporary { "CREATE TEMPORARY VIEW " } else { "CREATE VIEW " });
    text += &quoted(&view.name);
    if !view.columns.is_empty() {
        let columns: Vec<String> = view.columns.iter().map(|name| quoted(name)).collect();
        let _ = write!(text, " ({})", columns.join(", "));
    }
    if let Some(comment) = &view.comment {
        let _ = write!(text, "\nCOMMENT {}", literal(comment));
    }
    let _ = write!(text, "\nAS {}", view.text);
    text
}

/// A column as it is declared.
pub fn column(column: &ColumnDraft) -> String {
    let mut text = quoted(&column.name.text);
    match &column.kind {
        ColumnKind::Physical(data_type) => {
            let _ = write!(text, " {data_type}");
        }
        ColumnKind::Metadata { data_type, from, read_only } => {
            let _ = write!(text, " {data_type} METADATA");
            if let Some(key) = from {
                let _ = write!(text, " FROM {}", literal(key));
            }
            text += if *read_only { " VIRTUAL" } else { "" };
        }
        ColumnKind::Computed(expression) => {
            let _ = write!(text, " AS {}", expression.text);
        }
    }
    if let Some(comment) = &column.comment {
        let _ = write!(text, " COMMENT {}", literal(comment));
    }
    text
}

fn names(names: &[Name]) -> String {
    names.iter().map(|name| quoted(&name.text)).collect::<Vec<_>>().join(", ")
}

fn like(like: &Like) -> String {
    let mut text = quoted(&like.table.text);
    if like.rules.is_empty() {
        return text;
    }
    text += " (";
    for rule in &like.rules {
        let merge = match rule.merge {
            Merge::Including => "INCLUDING",
            Merge::Excluding => "EXCLUDING",
            Merge::Overwriting => "OVERWRITING",
        };
        let feature = match rule.feature {
            Feature::All => "ALL",
            Feature::Constraints => "CONSTRAINTS",
            Feature::Distribution => "DISTRIBUTION",
            Feature::Generated => "GENERATED",
            Feature::Metadata => "METADATA",
            Feature::Options => "OPTIONS",
            Feature::Partitions => "PARTITIONS",
            Feature::Watermarks => "WATERMARKS",
        };
        let _ = write!(text, "\n  {merge} {feature}");
    }
    text + "\n)"
}
