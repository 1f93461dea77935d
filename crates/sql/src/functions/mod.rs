//! The functions of Flink SQL under their own names. Each is declared once, in the table of its family,
//! with signature and one line of doc; `SHOW FUNCTIONS`, completion and the reference read the same
//! tables. What Flink and DataFusion mean alike is taken from DataFusion, by name, when it is first asked for.

mod aggregate;
mod arithmetic;
mod borrowed;
mod call;
mod cast;
mod choice;
mod codec;
mod json;
mod list;
mod math;
mod not_null;
mod regex;
mod replicate;
mod spec;
mod split;
mod text;
mod time;
mod window;
mod zone;

use std::sync::Arc;

use datafusion::logical_expr::{AggregateUDF, ScalarUDF, WindowUDF};
use millstream_plan::UserFunctions;
use millstream_record::Millis;

pub(crate) use self::aggregate::single_value;
pub(crate) use self::arithmetic::{Operation, checked};
pub(crate) use self::cast::cast_function;
pub(crate) use self::not_null::not_null;
pub(crate) use self::replicate::replicate;
use self::spec::Spec;
pub(crate) use self::time::{CURRENT_WATERMARK, PROCTIME};
use self::zone::Zone;

/// A function as users see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name, in upper case.
    pub name: &'static str,
    /// How it is called.
    pub signature: &'static str,
    /// What it gives, in one line.
    pub doc: &'static str,
    /// What kind of function it is.
    pub kind: FunctionKind,
}

/// What kind of function it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FunctionKind {
    /// A value for each row.
    Scalar,
    /// A value for each group of rows.
    Aggregate,
    /// Windows for each row.
    Window,
}

/// Every family of scalar functions.
const FAMILIES: &[&[Spec]] = &[
    text::FUNCTIONS,
    regex::FUNCTIONS,
    time::FUNCTIONS,
    math::FUNCTIONS,
    choice::FUNCTIONS,
    codec::FUNCTIONS,
    list::FUNCTIONS,
    json::FUNCTIONS,
];

/// The windowing table functions, which the planner knows itself.
const WINDOWS: &[Function] = &[
    Function {
        name: "TUMBLE",
        signature: "TABLE(TUMBLE(TABLE t, DESCRIPTOR(time), size [, offset]))",
        doc: "Windows of one size, side by side.",
        kind: FunctionKind::Window,
    },
    Function {
        name: "HOP",
        signature: "TABLE(HOP(TABLE t, DESCRIPTOR(time), slide, size [, offset]))",
        doc: "Windows of one size, a new one every slide.",
        kind: FunctionKind::Window,
    },
    Function {
        name: "CUMULATE",
        signature: "TABLE(CUMULATE(TABLE t, DESCRIPTOR(time), step, size [, offset]))",
        doc: "Windows that start together every size and end one step after the other.",
        kind: FunctionKind::Window,
    },
    Function {
        name: "SESSION",
        signature: "TABLE(SESSION(TABLE t [PARTITION BY key], DESCRIPTOR(time), gap))",
        doc: "Rows of one key that follow each other within the gap.",
        kind: FunctionKind::Window,
    },
];

/// Every function with its signature and doc, by name.
pub fn functions() -> Vec<Function> {
    let scalar = FAMILIES.iter().flat_map(|family| family.iter()).map(|spec| spec.shown());
    let mut all: Vec<Function> =
        scalar.chain(borrowed::shown()).chain(aggregate::shown()).chain(WINDOWS.iter().copied()).collect();
    all.sort_by_key(|function| function.name);
    all
}

/// The names of all functions, for "did you mean".
pub fn names() -> impl Iterator<Item = &'static str> {
    functions().into_iter().map(|function| function.name)
}

/// Whether a function, by its name in a plan, is one that Flink does not have. Those of this crate are all
/// Flink's; of DataFusion's, those that the list of functions names.
pub fn is_foreign(name: &str) -> bool {
    let own = FAMILIES.iter().flat_map(|family| family.iter()).any(|spec| spec.is_called(name));
    let known = borrowed::scalar(name).is_some() || aggregate::find(name).is_some();
    !own && known && !borrowed::is_shared(name) && !aggregate::is_shared(name)
}

/// Whether SQL has a function of this name, so that no user can bring one.
pub fn is_taken(name: &str) -> bool {
    let own = FAMILIES.iter().flat_map(|family| family.iter()).any(|spec| spec.is_called(name));
    let window = WINDOWS.iter().any(|function| function.name.eq_ignore_ascii_case(name));
    own || window || borrowed::scalar(name).is_some() || aggregate::find(name).is_some() || window::find(name).is_some()
}

/// What functions may know of the session that calls them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Session {
    /// Where `TIMESTAMP_LTZ` becomes a wall clock's reading.
    pub(crate) zone: Zone,
    /// What `CURRENT_TIMESTAMP` says, in milliseconds since the epoch.
    pub(crate) now: i64,
}

/// Finds functions by name for one session.
#[derive(Clone, Debug)]
pub struct Functions {
    session: Arc<Session>,
    users: UserFunctions,
}

impl Functions {
    /// The functions of a session in this zone, at this moment. A zone that is not known counts as UTC:
    /// settings are checked where they are set.
    pub fn new(zone: &str, now: Millis, users: UserFunctions) -> Self {
        Functions { session: Arc::new(Session { zone: Zone::named(zone), now: now.0 }), users }
    }

    /// The functions that users brought.
    pub fn users(&self) -> &UserFunctions {
        &self.users
    }

    /// The scalar function with this name, in any case.
    pub fn scalar(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        let own = FAMILIES.iter().flat_map(|family| family.iter()).find(|spec| spec.is_called(name));
        match own {
            Some(spec) => Some(spec::function(spec, &self.session)),
            None => borrowed::scalar(name).or_else(|| self.users.get(name)?.scalar()),
        }
    }

    /// The aggregate function with this name, in any case.
    pub fn aggregate(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        aggregate::find(name).or_else(|| self.users.get(name)?.aggregate())
    }

    /// The function that only stands before `OVER` with this name, in any case.
    pub fn window(&self, name: &str) -> Option<Arc<WindowUDF>> {
        window::find(name)
    }
}

#[cfg(test)]
mod tests;
