//! Tables for tests, declared in a line.

use std::sync::Arc;

use datafusion::sql::sqlparser::ast;
use millstream_plan::TapChanges;

use crate::catalog::{Catalog, Relation, Table, View};
use crate::error::Span;
use crate::plan::{Settings, resolve_table};
use crate::statement::{ColumnDraft, ColumnKind, Expression, Name, TableDraft, TableOption, WatermarkDraft};

/// What a table is declared by.
#[derive(Clone, Debug, Default)]
pub(super) struct Declared<'a> {
    pub(super) name: &'a str,
    /// Name and type; `AS expression` for a computed column.
    pub(super) columns: Vec<(String, String)>,
    pub(super) watermark: Option<(String, String)>,
    pub(super) key: Vec<String>,
    pub(super) options: Vec<(&'a str, &'a str)>,
    pub(super) changes: Option<TapChanges>,
}

pub(super) fn name(text: &str) -> Name {
    Name { text: text.to_string(), span: Span::default() }
}

fn expression(text: &str) -> Expression {
    let expr: Box<ast::Expr> = Box::new(crate::expression(text).expect("an expression"));
    Expression { expr, text: text.to_string(), span: Span::default() }
}

pub(super) fn draft(declared: &Declared<'_>) -> TableDraft {
    let column = |(column, data_type): &(String, String)| {
        let kind = match data_type.strip_prefix("AS ") {
            Some(text) => ColumnKind::Computed(expression(text)),
            None => ColumnKind::Physical(data_type.parse().expect("a type")),
        };
        ColumnDraft { name: name(column), kind, comment: None }
    };
    let option = |&(key, value): &(&str, &str)| TableOption {
        key: key.to_string(),
        value: value.to_string(),
        span: Span::default(),
    };
    TableDraft {
        name: name(declared.name),
        temporary: false,
        if_not_exists: false,
        or_replace: false,
        columns: declared.columns.iter().map(column).collect(),
        watermark: declared
            .watermark
            .as_ref()
            .map(|(column, text)| WatermarkDraft { column: name(column), expression: expression(text) }),
        primary_key: declared.key.iter().map(|key| name(key)).collect(),
        partitioned_by: Vec::new(),
        comment: None,
        options: declared.options.iter().map(option).collect(),
        like: None,
    }
}

pub(super) fn register(catalog: &mut Catalog, declared: &Declared<'_>) -> Result<(), crate::SqlError> {
    let draft = draft(declared);
    let mut tap = resolve_table(&draft, &Settings::default())?;
    if let Some(changes) = declared.changes {
        tap.changes = changes;
    }
    let table = Table { tap: Arc::new(tap), draft: Arc::new(draft) };
    catalog.register(Relation::Table(table), false, None)
}

pub(super) fn view(catalog: &mut Catalog, name: &str, text: &str) {
    let view = View {
        name: name.to_string(),
        columns: Vec::new(),
        text: text.to_string(),
        query: crate::query(text).expect("a query"),
        temporary: false,
        comment: None,
    };
    catalog.register(Relation::View(Arc::new(view)), false, None).expect("the name is free");
}

/// Bids, auctions, and a table of each kind that plans tell apart.
pub(super) fn market() -> Catalog {
    let mut catalog = Catalog::new();
    let columns = |text: &str| -> Vec<(String, String)> {
        text.split(';').filter_map(|column| column.trim().split_once(' ')).map(|(n, t)| (n.into(), t.into())).collect()
    };
    let time = |column: &str, delay: &str| Some((column.to_string(), format!("{column} - INTERVAL '{delay}' SECOND")));
    let topic = vec![("connector", "topic"), ("format", "json")];
    let bid = columns(
        "auction BIGINT; bidder BIGINT; price INT; channel STRING; tags ARRAY<STRING>; cost DECIMAL(10, 2); ts TIMESTAMP(3)",
    );
    let tables = [
        Declared {
            name: "bids",
            columns: bid.clone(),
            watermark: time("ts", "2"),
            options: topic.clone(),
            ..Default::default()
        },
        Declared {
            name: "auctions",
            columns: columns(
                "id BIGINT; seller STRING; item ROW<name STRING, maker ROW<land STRING> >; words MAP<STRING, INT>; opened TIMESTAMP(3)",
            ),
            watermark: time("opened", "5"),
            options: topic.clone(),
            ..Default::default()
        },
        Declared {
            name: "local_bids",
            columns: columns("auction BIGINT; price INT; at TIMESTAMP_LTZ(3)"),
            watermark: time("at", "2"),
            options: topic.clone(),
            ..Default::default()
        },
        Declared {
            name: "untimed",
            columns: columns("k STRING; v INT; ts TIMESTAMP(3)"),
            options: topic.clone(),
            ..Default::default()
        },
        Declared {
            name: "sellers",
            columns: columns("name STRING; land STRING"),
            options: vec![("connector", "filesystem"), ("path", "sellers.csv"), ("format", "csv")],
            ..Default::default()
        },
        Declared {
            name: "rates",
            columns: columns("currency STRING; rate INT; since TIMESTAMP(3)"),
            watermark: time("since", "0"),
            key: vec!["currency".into()],
            options: vec![("connector", "upsert-kafka"), ("topic", "rates"), ("value.format", "json")],
            ..Default::default()
        },
        Declared {
            name: "stamped",
            columns: columns("raw BIGINT; v INT; ts AS TO_TIMESTAMP_LTZ(raw, 3)"),
            watermark: time("ts", "1"),
            options: topic.clone(),
            ..Default::default()
        },
        Declared {
            name: "out",
            columns: columns("auction BIGINT NOT NULL; total BIGINT; label STRING"),
            options: topic,
            ..Default::default()
        },
    ];
    for table in tables {
        register(&mut catalog, &table).unwrap_or_else(|error| panic!("{}: {error}", table.name));
    }
    view(&mut catalog, "dear", "SELECT auction, price * 2 AS twice, ts FROM bids WHERE price > 100");
    catalog
}
