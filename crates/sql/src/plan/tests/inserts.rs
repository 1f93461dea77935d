//! Inserts: order, types and nulls of the sink, and whether it takes rows back.

use super::snapshots::shown;
use super::tables::{Declared, market, register};
use crate::plan::{Settings, plan_insert, plan_statement_set};
use crate::statement::{Insert, Statement};

fn inserts(sql: &str) -> Vec<Insert> {
    let statements = crate::parse(sql).unwrap_or_else(|error| panic!("{}", shown(&error, sql)));
    let inserts = statements.into_iter().map(|statement| match statement.value {
        Statement::Insert(insert) => vec![*insert],
        Statement::StatementSet(inserts) => inserts,
        other => panic!("{other:?} is no insert"),
    });
    inserts.flatten().collect()
}

fn plan(sql: &str) -> Result<String, String> {
    let mut catalog = market();
    let keyed = Declared {
        name: "totals",
        columns: vec![("channel".into(), "STRING".into()), ("n".into(), "BIGINT".into())],
        key: vec!["channel".into()],
        options: vec![("connector", "upsert-kafka"), ("value.format", "json")],
        ..Default::default()
    };
    register(&mut catalog, &keyed).expect("the table makes sense");
    let settings = Settings::default();
    let inserts = inserts(sql);
    let graph = match inserts.as_slice() {
        [insert] => plan_insert(&catalog, &settings, insert),
        inserts => plan_statement_set(&catalog, &settings, inserts),
    };
    graph.map(|graph| graph.to_string()).map_err(|error| shown(&error, sql))
}

fn refused(sql: &str) -> String {
    plan(sql).expect_err("is refused")
}

#[test]
fn columns_come_in_the_sinks_order_and_types() {
    let graph = plan("INSERT INTO out (label, auction) SELECT channel, price FROM bids").expect("plans");
    let top = graph.lines().nth(1).expect("a projection");
    assert!(graph.starts_with("insert into out\n"), "{graph}");
    assert!(top.ends_with("→ append [auction, total, label]"), "{graph}");
    assert!(top.contains("not_null(CAST(price AS Int64)), Int64(NULL), channel"), "{graph}");
}

#[test]
fn whole_numbers_and_small_ones_fit_wider_columns() {
    assert!(plan("INSERT INTO out SELECT 1, 2, 'x'").is_ok());
    assert!(plan("INSERT INTO out VALUES (1, 2, 'x'), (2, 3, 'y')").is_ok());
}

#[test]
fn what_does_not_fit_is_refused_with_its_place() {
    let wrong = refused("INSERT INTO out SELECT auction, channel, channel FROM bids");
    assert!(wrong.contains("column 2 of the query is STRING, 'total' of the sink is BIGINT"), "{wrong}");
    assert!(wrong.contains("CAST(… AS BIGINT)"), "{wrong}");
    let few = refused("INSERT INTO out SELECT auction FROM bids");
    assert!(few.contains("the query has 1 columns, 'out' takes 3"), "{few}");
    let unknown = refused("INSERT INTO out (auction, totl) SELECT auction, price FROM bids");
    assert!(unknown.contains("has no column 'totl'") && unknown.contains("did you mean 'total'"), "{unknown}");
    let unfilled = refused("INSERT INTO out (total) SELECT auction FROM bids");
    assert!(unfilled.contains("'auction' of 'out' cannot be null"), "{unfilled}");
    let view = refused("INSERT INTO dear SELECT 1, 2, TIMESTAMP '2020-01-01 00:00:00'");
    assert!(view.contains("'dear' is a view"), "{view}");
}

#[test]
fn a_result_that_changes_needs_a_sink_that_takes_rows_back() {
    let changing = "SELECT channel, COUNT(*) FROM bids GROUP BY channel";
    assert!(plan(&format!("INSERT INTO totals {changing}")).is_ok());
    let wrong = refused("INSERT INTO out SELECT COUNT(*), MAX(price), channel FROM bids GROUP BY channel");
    assert!(wrong.contains("takes rows back"), "{wrong}");
}

#[test]
fn a_statement_set_is_one_graph_of_several_sinks() {
    let sql = "EXECUTE STATEMENT SET BEGIN \
        INSERT INTO out SELECT auction, price, channel FROM bids; \
        INSERT INTO totals SELECT channel, COUNT(*) FROM bids GROUP BY channel; END";
    let graph = plan(sql).expect("plans");
    assert_eq!(graph.matches("insert into").count(), 2, "{graph}");
    assert!(graph.contains("insert into out") && graph.contains("insert into totals"), "{graph}");
}
