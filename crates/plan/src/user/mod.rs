//! Functions that users bring. The plan knows what one is called, what it takes and gives, and somebody who
//! computes it over columns; in which language it was written and where it runs is the affair of whoever
//! made it. To DataFusion's planner it is a function like any other ([`UserFunction::scalar`],
//! [`UserFunction::aggregate`]).

mod aggregate;
mod call;
mod scalar;
mod uses;

use std::fmt;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use millstream_record::Stop;

pub use aggregate::UserAggregate;
pub use call::{RowFailed, shown_row, sql_name};

/// A function that a user brought, in one version.
pub struct UserFunction {
    /// How SQL calls it, in lower case.
    pub name: String,
    /// What it takes, in order.
    pub arguments: Vec<Argument>,
    /// What it gives: of a table function the `List` of its rows.
    pub gives: DataType,
    /// Whether it can give null where no argument is null.
    pub nullable: bool,
    /// What kind of function it is.
    pub kind: UserKind,
    /// How it is called and what it gives, in SQL's words.
    pub signature: String,
    /// The language it is written in.
    pub language: &'static str,
    /// The text in which it was written, whole.
    pub source: Arc<str>,
    /// Tells this version from others of the same name: a hash of the source and of what compiled it.
    pub version: u64,
    /// Whether an aggregate can take rows back ([`Work::Change`]).
    pub retracts: bool,
    /// Tells the layout of an aggregate's cells from others; 0 for other functions.
    pub layout: u64,
    /// Who computes it.
    pub routine: Arc<dyn Routine>,
}

/// What a function takes at one place.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Argument {
    /// Its name.
    pub name: String,
    /// Its type.
    pub data_type: DataType,
    /// Whether the function wants to see nulls; otherwise a null there gives null, or is passed over.
    pub sees_null: bool,
}

/// What kind of function it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UserKind {
    /// A value for each row.
    Scalar,
    /// Rows for each row: a list, which `LATERAL TABLE` unfolds.
    Table,
    /// A value for each group of rows.
    Aggregate,
}

/// What a routine is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// A value for each row. Columns in: the arguments. Column out: the values, or the lists.
    Rows,
    /// Adds rows to cells. Columns in: the cells as bytes (null: empty), the cell of each row (`UInt32`), the
    /// arguments. Column out: the cells.
    Update,
    /// The same of rows some of which are taken back. Columns in: the cells, the cell of each row (`UInt32`), which
    /// rows are taken back (`Boolean`), the arguments. Column out: the cells.
    Change,
    /// Joins cells. Columns in: the cells, and those to be added to them. Column out: the cells.
    Merge,
    /// The results of cells. Column in: the cells. Column out: the results.
    Finish,
}

/// Computes a function over columns.
pub trait Routine: fmt::Debug + Send + Sync {
    /// Does the work for `rows` rows; of [`Work::Update`], [`Work::Change`] and [`Work::Merge`] the result has as
    /// many as there are cells. It gives up when the [`Stop`] that the thread attends to is raised. The error is a sentence.
    fn run(&self, work: Work, columns: &[ArrayRef], rows: usize) -> Result<ArrayRef, String>;
}

/// Makes functions of a text in the language of their user.
pub trait Compiler: Send + Sync {
    /// The functions that a text declares. Gives up when `stop` is raised.
    fn compile(&self, source: &str, stop: &Stop) -> Result<Vec<UserFunction>, Uncompiled>;
}

/// Why a text gives no functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uncompiled {
    /// One sentence.
    pub message: String,
    /// The place in the text, as bytes.
    pub place: Option<(usize, usize)>,
    /// Ways out, a sentence each.
    pub hints: Vec<String>,
    /// Whether it was the user who stopped it.
    pub stopped: bool,
    /// Whether there is nobody here who could compile it.
    pub no_compiler: bool,
}

impl UserFunction {
    /// Two versions are one function if they compute the same.
    fn same(&self, other: &UserFunction) -> bool {
        self.name == other.name && self.version == other.version
    }
}

impl fmt::Debug for UserFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{:016x}", self.name, self.version)
    }
}

impl PartialEq for UserFunction {
    fn eq(&self, other: &Self) -> bool {
        self.same(other)
    }
}

impl Eq for UserFunction {}

/// The functions that users brought, by name. Clones are cheap and keep what they had.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UserFunctions(Arc<std::collections::BTreeMap<String, Arc<UserFunction>>>);

impl UserFunctions {
    /// The function with this name, in any case.
    pub fn get(&self, name: &str) -> Option<&Arc<UserFunction>> {
        self.0.get(name).or_else(|| self.0.get(&name.to_lowercase()))
    }

    /// Adds a function; the version it takes the place of.
    pub fn insert(&mut self, function: Arc<UserFunction>) -> Option<Arc<UserFunction>> {
        Arc::make_mut(&mut self.0).insert(function.name.clone(), function)
    }

    /// Takes a function away.
    pub fn remove(&mut self, name: &str) -> Option<Arc<UserFunction>> {
        Arc::make_mut(&mut self.0).remove(&name.to_lowercase())
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<UserFunction>> {
        self.0.values()
    }
}

#[cfg(test)]
mod tests;
