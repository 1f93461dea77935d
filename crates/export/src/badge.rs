//! The badge of a step: whether Flink gives the same answer to it as Millstream, with which settings, or why
//! not. It is a function of the plan alone, so that a step carries it from the moment it is written.

use std::collections::BTreeSet;
use std::fmt;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::Expr;
use millstream_plan::{
    AggregateKind, AssignWindow, Graph, JoinKind, Node, Op, Tap, Window, WindowAggregate, WindowInput,
};

/// How a step exports to Flink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Badge {
    /// The same answer on both engines.
    Exact,
    /// The same answer, if these are set there.
    With(Vec<Setting>),
    /// Not the same answer, or none.
    NotToFlink(Vec<Obstacle>),
}

/// Something that must be set on Flink's side.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Setting {
    /// The option.
    pub key: String,
    /// Its value.
    pub value: String,
    /// The table whose `WITH` it belongs to; `None` for a `SET` of the whole job.
    pub table: Option<String>,
    /// Why.
    pub why: String,
}

/// Why a step cannot go to Flink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// The operator's uid: the place.
    pub uid: String,
    /// The reason, as a sentence without a dot.
    pub why: String,
    /// A way out.
    pub way_out: String,
}

/// The badge of a plan. `unknown` says of a function, by its name in the plan, that Flink has none like it.
pub fn badge(graph: &Graph, unknown: impl Fn(&str) -> bool) -> Badge {
    let mut obstacles = Vec::new();
    for node in &graph.nodes {
        if let Some((why, way_out)) = obstacle(graph, node, &unknown) {
            obstacles.push(Obstacle { uid: node.uid.clone(), why, way_out });
        }
    }
    if !obstacles.is_empty() {
        return Badge::NotToFlink(obstacles);
    }
    let settings: BTreeSet<Setting> = graph.nodes.iter().flat_map(|node| settings(graph, node)).collect();
    if settings.is_empty() { Badge::Exact } else { Badge::With(settings.into_iter().collect()) }
}

/// Why a node cannot be said to Flink, and a way out.
fn obstacle(graph: &Graph, node: &Node, unknown: &impl Fn(&str) -> bool) -> Option<(String, String)> {
    let said = |why: &str, way_out: &str| Some((why.to_string(), way_out.to_string()));
    if let Some(function) = node.user_functions().first() {
        return Some(brought(&function.name));
    }
    match &node.op {
        Op::Scan { tap, .. } if tap.connector == "session" => said(
            "it reads what this session has set aside, which no other engine has",
            "read the table itself and filter there",
        ),
        Op::Limit { .. } => said("LIMIT keeps the rows that come first, which are others each time", "leave LIMIT out"),
        Op::TableJoin(join) if join.lookup => said(
            "Flink looks rows up only in stores that it can ask, like a database, and a file or a topic is none",
            "join with the table itself, without FOR SYSTEM_TIME AS OF",
        ),
        Op::TableJoin(join) if join.kind != JoinKind::Inner && join.kind != JoinKind::Semi => said(
            "Flink does not read the table to its end first: it pads rows and takes them back when a partner comes",
            "write JOIN instead of LEFT JOIN, or join within an interval of time",
        ),
        Op::Filter(condition) => function(std::slice::from_ref(condition), unknown),
        Op::Project(exprs) => function(exprs, unknown),
        Op::Expand(lists) => lists.iter().find_map(|list| function(list, unknown)),
        Op::GroupAggregate(group) => aggregate(&group.aggregates, unknown),
        Op::WindowAggregate(window) => {
            odd_window(graph, node, window).or_else(|| aggregate(&window.aggregates, unknown))
        }
        Op::MatchRecognize(matches) => {
            let exprs: Vec<_> = matches.exprs().cloned().collect();
            let called = || matches.aggregates().find_map(|call| aggregate(std::slice::from_ref(call), unknown));
            function(&exprs, unknown).or_else(called)
        }
        Op::Over(over) => over.calls.iter().find_map(|call| aggregate(std::slice::from_ref(&call.call), unknown)),
        _ => None,
    }
}

/// The windows that the rows of an aggregation carry, if they were put into them just below.
fn assigned<'g>(graph: &'g Graph, node: &Node) -> Option<&'g AssignWindow> {
    let below = graph.node(*node.inputs.first()?);
    match &below.op {
        Op::AssignWindow(assign) => Some(assign),
        Op::Filter(_) | Op::Project(_) => assigned(graph, below),
        _ => None,
    }
}

/// What Flink does otherwise with the windows of an aggregation.
fn odd_window(graph: &Graph, node: &Node, aggregate: &WindowAggregate) -> Option<(String, String)> {
    let said = |why: &str, way_out: &str| Some((why.to_string(), way_out.to_string()));
    let assigned = assigned(graph, node);
    let window = match &aggregate.input {
        WindowInput::Time { window, .. } => window,
        WindowInput::Attached { .. } => &assigned?.window,
    };
    match window {
        Window::Hop { size, slide, .. } if size % slide != 0 => said(
            "it aggregates windows whose size is no multiple of their slide, and Flink's HOP knows no such ones",
            "choose a size that is a multiple of the slide",
        ),
        Window::Session { .. } if assigned.is_some_and(|assign| aggregate.keys.len() > assign.partition.len()) => said(
            "more is grouped by than sessions are cut by, and Flink takes rows back there that are final here",
            "name all columns of GROUP BY behind PARTITION BY, or group by the window and those only",
        ),
        _ => None,
    }
}

/// A function that a user has brought.
pub fn brought(name: &str) -> (String, String) {
    let why = format!("{name} is a function of Rust, and Flink runs those of Java and Python only");
    (why, "say it in SQL; or run the job with millstream, where the function goes along".into())
}

fn no_function(name: &str) -> (String, String) {
    (format!("Flink has no function {}", name.to_uppercase()), "SHOW FUNCTIONS; lists those that both have".into())
}

/// The first function of these expressions that Flink does not have.
fn function(exprs: &[Expr], unknown: &impl Fn(&str) -> bool) -> Option<(String, String)> {
    let mut found = None;
    for expr in exprs {
        let walked = expr.apply(|expr| {
            if let Expr::ScalarFunction(call) = expr
                && unknown(call.name())
            {
                found = Some(no_function(call.name()));
                return Ok(TreeNodeRecursion::Stop);
            }
            Ok(TreeNodeRecursion::Continue)
        });
        walked.expect("looking at an expression cannot fail");
    }
    found
}

fn aggregate(calls: &[millstream_plan::AggregateCall], unknown: &impl Fn(&str) -> bool) -> Option<(String, String)> {
    let strange = |call: &&millstream_plan::AggregateCall| match &call.kind {
        AggregateKind::Borrowed(function) => unknown(function.name()),
        _ => false,
    };
    calls.iter().find(strange).map(|call| no_function(call.kind.name()))
}

/// What must be set on Flink's side for one node.
fn settings(graph: &Graph, node: &Node) -> Vec<Setting> {
    match &node.op {
        Op::Scan { tap, .. } => of_scan(graph, tap),
        Op::AssignWindow(assign) => zone(&assign.zone),
        Op::WindowAggregate(aggregate) => match &aggregate.input {
            WindowInput::Time { zone: local, .. } | WindowInput::Attached { zone: local, .. } => zone(local),
        },
        _ => Vec::new(),
    }
}

fn of_scan(graph: &Graph, tap: &Tap) -> Vec<Setting> {
    let mut all = Vec::new();
    let mut add = |key: &str, value: &str, table: Option<&str>, why: &str| {
        let table = table.map(str::to_string);
        all.push(Setting { key: key.into(), value: value.into(), table, why: why.into() });
    };
    let own = matches!(tap.connector.as_str(), "topic" | "demo");
    if own {
        add(
            "connector",
            "kafka",
            Some(&tap.name),
            "its records are Millstream's own; give Flink a topic that holds them",
        );
    }
    let kafka = own || tap.connector == "kafka";
    if tap.watermark.is_some() && judges_lateness(graph) {
        let why = "Flink moves the watermark on by a timer unless it is told to follow every row";
        if kafka {
            add("scan.watermark.emit.strategy", "on-event", Some(&tap.name), why);
        } else {
            add("pipeline.auto-watermark-interval", "0 ms", None, why);
        }
    }
    if let Some(timeout) = tap.options.get("scan.watermark.idle-timeout").filter(|_| !kafka) {
        add("table.exec.source.idle-timeout", timeout, None, "only Kafka takes it as an option of the table");
    }
    all
}

/// Whether any answer depends on where the watermark stands between two rows.
fn judges_lateness(graph: &Graph) -> bool {
    graph.nodes.iter().any(|node| match &node.op {
        Op::WindowAggregate(_) | Op::IntervalJoin(_) | Op::TemporalJoin(_) => true,
        Op::AssignWindow(assign) => matches!(assign.window, Window::Session { .. }),
        _ => false,
    })
}

fn zone(zone: &Option<String>) -> Vec<Setting> {
    let setting = |zone: &String| Setting {
        key: "table.local-time-zone".into(),
        value: zone.clone(),
        table: None,
        why: "the windows are cut by the wall clock of this zone".into(),
    };
    zone.iter().map(setting).collect()
}

impl fmt::Display for Badge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |items: Vec<String>| items.join(", ");
        match self {
            Badge::Exact => f.write_str("exact"),
            Badge::With(settings) => write!(f, "with {}", list(settings.iter().map(Setting::to_string).collect())),
            Badge::NotToFlink(obstacles) => match obstacles.first() {
                Some(first) => write!(f, "not to Flink: {} ({}); {}", first.why, first.uid, first.way_out),
                None => f.write_str("not to Flink"),
            },
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' = '{}'", self.key, self.value)?;
        self.table.as_ref().map_or(Ok(()), |table| write!(f, " for {table}"))
    }
}
