//! From inserts to a job: what they read, through all views down to the tables, is taken out of the catalogue
//! in the order in which it has to be declared, under names that need no session.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use millstream_plan::Tap;
use millstream_sql::catalog::Table;
use millstream_sql::native::Native;
use millstream_sql::plan::{Settings, plan_statement_set};
use millstream_sql::statement::{self, ColumnKind, TableDraft};
use millstream_sql::{Catalog, Relation, SqlError, View, calls, calls_of, reads};

use crate::secret::{note, refer, reference};
use crate::{Function, Insert, Job, Policies, Secret, Step};

/// What is to become a job.
pub struct Wanted<'a> {
    /// What it is to be called; made to fit.
    pub name: &'a str,
    /// What it inserts.
    pub inserts: &'a [statement::Insert],
    /// Where its tables and views are declared.
    pub catalog: &'a Catalog,
    /// What planning needs.
    pub settings: &'a Settings,
    /// How it runs.
    pub policies: Policies,
}

/// Collects a job.
pub fn collect(wanted: Wanted<'_>) -> Result<Job, SqlError> {
    let Wanted { name, inserts, catalog, settings, policies } = wanted;
    let graph = plan_statement_set(catalog, settings, inserts)?;
    let mut order = Order { catalog, done: BTreeSet::new(), taps: Vec::new(), views: Vec::new() };
    for insert in inserts {
        reads(&insert.query).iter().try_for_each(|read| order.visit(read))?;
    }
    let mut sinks: Vec<&Table> = Vec::new();
    for insert in inserts {
        if let Relation::Table(table) = catalog.lookup(&insert.table.text, insert.table.span)?
            && !sinks.iter().any(|known| known.tap.name == table.tap.name)
            && !order.done.contains(&insert.table.text)
        {
            sinks.push(table);
        }
    }
    let Order { taps, views, .. } = order;
    let all = taps.iter().chain(&sinks).map(|table| table.tap.name.as_str());
    let names = names(all.chain(views.iter().map(|view| view.name.as_str())));
    let secrets = RefCell::new(Vec::new());
    let hide = |table: &str, key: &str, value: &str| {
        let reference = reference(table, key, value);
        note(table, key, reference.as_deref().unwrap_or(value), &mut secrets.borrow_mut());
        reference
    };
    let native = Native { catalog, settings, names: &names, hide: &hide };
    let declare = |tables: &[&Table]| -> Result<Vec<Table>, SqlError> {
        tables.iter().map(|table| declared(table, &native, &secrets)).collect()
    };
    let (taps, sinks) = (declare(&taps)?, declare(&sinks)?);
    let steps = views.iter().map(|view| step(view, &native)).collect::<Result<_, _>>()?;
    let functions = functions(catalog, &called(taps.iter().chain(&sinks), &views, inserts)?);
    let inserts = inserts.iter().map(|insert| inserted(insert, &native)).collect::<Result<_, _>>()?;
    let graph = renamed(graph, &names);
    let mut secrets = secrets.into_inner();
    secrets.sort();
    Ok(Job { name: label(name), functions, taps, steps, sinks, inserts, policies, secrets, graph, names })
}

/// The names of all functions that are called anywhere in the text of a job, in lower case.
fn called<'a>(
    tables: impl Iterator<Item = &'a Table>,
    views: &[&View],
    inserts: &[statement::Insert],
) -> Result<BTreeSet<String>, SqlError> {
    let mut names = BTreeSet::new();
    for table in tables {
        let computed = table.draft.columns.iter().filter_map(|column| match &column.kind {
            ColumnKind::Computed(expression) => Some(expression),
            _ => None,
        });
        for expression in computed.chain(table.draft.watermark.as_ref().map(|watermark| &watermark.expression)) {
            names.extend(calls_of(&expression.expr));
        }
    }
    names.extend(views.iter().flat_map(|view| calls(&view.query)));
    names.extend(inserts.iter().flat_map(|insert| calls(&insert.query)));
    Ok(names)
}

/// The user's functions among these names, by name. Those of one text stand in one file, which is called after the
/// first of them.
fn functions(catalog: &Catalog, called: &BTreeSet<String>) -> Vec<Function> {
    let mut all: Vec<Function> = Vec::new();
    for function in catalog.functions().iter().filter(|function| called.contains(&function.name)) {
        let shared = all.iter().find(|other| other.text == function.source).map(|other| other.file.clone());
        let letters = function.name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' });
        let name: String = letters.take(50).collect();
        let numbered = (2..).map(|number| format!("functions/{name}_{number}.rs"));
        let mut free = std::iter::once(format!("functions/{name}.rs")).chain(numbered);
        let own = || free.find(|file| all.iter().all(|other| other.file != *file)).expect("numbers do not end");
        let file = shared.unwrap_or_else(own);
        all.push(Function { name: function.name.clone(), file, text: function.source.clone() });
    }
    all
}

/// The graph with its taps and sinks under their new names.
fn renamed(mut graph: millstream_plan::Graph, names: &BTreeMap<String, String>) -> millstream_plan::Graph {
    let rename = |tap: &mut Arc<Tap>| {
        if let Some(new) = names.get(&tap.name) {
            Arc::make_mut(tap).name = new.clone();
        }
    };
    for node in &mut graph.nodes {
        if let millstream_plan::Op::Scan { tap, .. } = &mut node.op {
            rename(tap);
        }
    }
    for output in &mut graph.outputs {
        if let millstream_plan::Target::Sink(tap) = &mut output.target {
            rename(tap);
        }
    }
    graph
}

/// A name as Kubernetes, Docker and Kafka take it.
fn label(name: &str) -> String {
    let letters = name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' });
    let words: String = letters.collect();
    let label: Vec<&str> = words.split('-').filter(|word| !word.is_empty()).collect();
    let label: String = label.join("-").chars().take(50).collect();
    match label.trim_matches('-') {
        "" => "job".into(),
        digit if digit.starts_with(|c: char| c.is_ascii_digit()) => format!("job-{digit}"),
        label => label.into(),
    }
}

struct Order<'a> {
    catalog: &'a Catalog,
    done: BTreeSet<String>,
    taps: Vec<&'a Table>,
    views: Vec<&'a View>,
}

impl Order<'_> {
    /// Takes a relation behind all that it reads.
    fn visit(&mut self, name: &str) -> Result<(), SqlError> {
        if !self.done.insert(name.to_string()) {
            return Ok(());
        }
        match self.catalog.lookup(name, None)? {
            Relation::Table(table) if table.tap.connector == "session" => {
                let message =
                    format!("'{name}' is what this session has set aside, and a job runs without the session");
                return Err(SqlError::new("E0430", message).hint("read the table itself and filter there"));
            }
            Relation::Table(table) => self.taps.push(table),
            Relation::View(view) => {
                reads(&view.query).iter().try_for_each(|read| self.visit(read))?;
                self.views.push(view);
            }
        }
        Ok(())
    }
}

/// New names for those that only a session has: `demo.bids`, `bars@2`.
fn names<'a>(all: impl Iterator<Item = &'a str>) -> BTreeMap<String, String> {
    let (plain, special): (BTreeSet<&str>, BTreeSet<&str>) = all.partition(|name| !name.contains(['.', '@']));
    let mut taken: BTreeSet<String> = plain.into_iter().map(str::to_string).collect();
    let mut names = BTreeMap::new();
    for name in special {
        let short = name.rsplit('.').next().unwrap_or(name).replace('@', "_v");
        let long = name.replace('.', "_").replace('@', "_v");
        let numbered = (2..).map(|number| format!("{long}_{number}"));
        let free = [short, long.clone()].into_iter().chain(numbered).find(|name| !taken.contains(name));
        let free = free.expect("numbers do not end");
        taken.insert(free.clone());
        names.insert(name.to_string(), free);
    }
    names
}

fn declared(table: &Table, native: &Native<'_>, secrets: &RefCell<Vec<Secret>>) -> Result<Table, SqlError> {
    let mut draft = refer(TableDraft::clone(&table.draft), &mut secrets.borrow_mut());
    let mut tap = Tap::clone(&table.tap);
    if let Some(new) = native.names.get(&tap.name) {
        tap.name.clone_from(new);
    }
    draft.name.text.clone_from(&tap.name);
    (draft.or_replace, draft.if_not_exists, draft.temporary, draft.like) = (false, false, false, None);
    for column in &mut draft.columns {
        if let ColumnKind::Computed(expression) = &mut column.kind {
            expression.text = native.expression(&expression.text)?;
        }
    }
    if let Some(watermark) = &mut draft.watermark {
        watermark.expression.text = native.expression(&watermark.expression.text)?;
    }
    tap.options = draft.options.iter().map(|option| (option.key.clone(), option.value.clone())).collect();
    tap.options.remove("connector");
    Ok(Table { tap: Arc::new(tap), draft: Arc::new(draft) })
}

fn step(view: &View, native: &Native<'_>) -> Result<Step, SqlError> {
    let name = native.names.get(&view.name).unwrap_or(&view.name).clone();
    Ok(Step { name, columns: view.columns.clone(), query: native.query(&view.text)? })
}

fn inserted(insert: &statement::Insert, native: &Native<'_>) -> Result<Insert, SqlError> {
    if insert.overwrite {
        let error = SqlError::new("E0430", "INSERT OVERWRITE replaces once; a job runs on").at(insert.table.span);
        return Err(error.hint("write INSERT INTO"));
    }
    if !insert.options.is_empty() {
        let error = SqlError::new("E0430", "options behind the table of an INSERT are not exported");
        return Err(error.at(insert.table.span).hint("declare them in the WITH of the table"));
    }
    let columns = insert.columns.iter().map(|column| column.text.clone()).collect();
    let table = native.names.get(&insert.table.text).unwrap_or(&insert.table.text).clone();
    Ok(Insert { table, columns, query: native.tree(&insert.query)? })
}

#[cfg(test)]
mod tests {
    use millstream_sql::plan::resolve_table;
    use proptest::prelude::*;

    use super::*;
    use crate::{Evidence, Folder};

    /// The job of a script, whose connectors nobody looks up.
    fn job(script: &str) -> Job {
        let (settings, mut catalog, mut inserts) = (Settings::default(), Catalog::new(), Vec::new());
        for statement in millstream_sql::parse(script).expect("reads") {
            let relation = match statement.value {
                millstream_sql::Statement::CreateTable(draft) => {
                    let tap = Arc::new(resolve_table(&draft, &settings).expect("resolves"));
                    Relation::Table(Table { tap, draft: Arc::new(*draft) })
                }
                millstream_sql::Statement::CreateView(draft) => {
                    Relation::View(Arc::new(millstream_sql::declare::view(&catalog, &settings, *draft).expect("plans")))
                }
                millstream_sql::Statement::Insert(insert) => {
                    inserts.push(*insert);
                    continue;
                }
                other => panic!("{other:?}"),
            };
            catalog.register(relation, false, None).expect("free");
        }
        let policies = Policies::default();
        collect(Wanted { name: "bars", inserts: &inserts, catalog: &catalog, settings: &settings, policies })
            .expect("a job")
    }

    proptest! {
        /// A canary in every place where a secret can stand never gets into any file.
        #[test]
        fn a_secret_is_in_no_file(canary in "[a-zA-Z0-9'\"$ {}]{12,30}", key in 0..5usize) {
            let keys = ["sasl.password", "sasl.jaas.config", "ssl.key.pem", "ssl.key.password", "sasl.oauthbearer.config"];
            let secret = format!("'properties.{}' = {}", keys[key], millstream_sql::types::literal(&canary));
            let job = job(&format!(
                "CREATE TABLE t (k STRING, v INT) WITH ('connector' = 'kafka', 'topic' = 't', \
                 'properties.sasl.username' = 'me', 'properties.bootstrap.servers' = 'a:1', 'format' = 'json', {secret});\
                 CREATE VIEW s AS SELECT * FROM t /*+ OPTIONS({secret}) */;\
                 CREATE TABLE u (k STRING, v INT) WITH ('connector' = 'kafka', 'topic' = 'u', \
                 'properties.bootstrap.servers' = 'a:1', 'format' = 'json', {secret});\
                 INSERT INTO u SELECT * FROM s"
            ));
            prop_assert_eq!(job.secrets.len(), 2);
            let folder = Folder::of(&job, &Evidence::default(), true);
            prop_assert!(folder.files().count() > 10);
            for (path, bytes) in folder.files() {
                prop_assert!(!String::from_utf8_lossy(bytes).contains(&canary), "{}", path.display());
            }
            let again = Folder::of(&job, &Evidence::default(), true);
            prop_assert!(folder.files().eq(again.files()), "the same job gives the same bytes");
        }
    }

    #[test]
    fn what_flink_cannot_say_is_known_before_anything_is_written() {
        let of = |script: &str| crate::flink::obstacles(&job(script));
        let table = |name: &str, options: &str| format!("CREATE TABLE {name} (k STRING, v INT) WITH ({options});");
        let (tap, sink) = (table("t", "'connector' = 'x'"), table("u", "'connector' = 'x'"));
        assert_eq!(of(&format!("{tap}{sink}INSERT INTO u SELECT * FROM t")), []);
        let limited = of(&format!("{tap}{sink}INSERT INTO u SELECT * FROM t LIMIT 3"));
        assert_eq!(limited.len(), 1);
        assert!(limited[0].why.contains("LIMIT") && !limited[0].way_out.is_empty(), "{limited:?}");
        let timed =
            "CREATE TABLE t (k STRING, v INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'x');";
        let uneven =
            "INSERT INTO u SELECT k, MAX(v) FROM t GROUP BY k, HOP(ts, INTERVAL '4' SECOND, INTERVAL '5' SECOND)";
        let wider = "INSERT INTO u SELECT k, v FROM TABLE(SESSION(TABLE t PARTITION BY k, DESCRIPTOR(ts), INTERVAL '5' SECOND)) \
                     GROUP BY k, v, window_start, window_end";
        for (query, why) in
            [(uneven, "no multiple of their slide"), (wider, "more is grouped by than sessions are cut by")]
        {
            let found = of(&format!("{timed}{sink}{query}"));
            assert!(found.len() == 1 && found[0].why.contains(why), "{found:?}");
        }
        let joined = "INSERT INTO u SELECT a.k, b.v FROM t AS a, t AS b WHERE a.k = b.k AND a.ts BETWEEN b.ts - INTERVAL '1' SECOND AND b.ts";
        assert_eq!(of(&format!("{timed}{sink}{joined}")), []);
        let header =
            table("t", "'connector' = 'filesystem', 'path' = 'd*/x.csv', 'format' = 'csv', 'csv.header' = 'true'");
        let places: Vec<String> =
            of(&format!("{header}{sink}INSERT INTO u SELECT * FROM t")).into_iter().map(|one| one.uid).collect();
        assert_eq!(places, ["t", "t"]);
    }

    #[test]
    fn names_of_the_session_become_plain_ones_that_are_free() {
        let names = names(["demo.bids", "bids", "bars@2", "demo.chat"].into_iter());
        let wanted = [("bars@2", "bars_v2"), ("demo.bids", "demo_bids"), ("demo.chat", "chat")];
        assert_eq!(names.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect::<Vec<_>>(), wanted);
    }

    #[test]
    fn a_job_is_called_as_kubernetes_wants() {
        for (typed, wanted) in [("Bars_Job", "bars-job"), ("--", "job"), ("2nd", "job-2nd"), ("Größe 1", "gr-e-1")] {
            assert_eq!(label(typed), wanted);
        }
        assert!(label(&"a".repeat(80)).len() <= 50);
    }
}
