//! Functions of Rust for SQL. A cell of `#[udf]` items is read, the glue around it is written, the machine's own
//! rustc makes a library of both, and each function becomes one of a plan, computed in a process of its own
//! or in this one. A library that was compiled elsewhere serves as well: a job needs no compiler then.
//!
//! This crate knows no session, no terminal and no notebook, and neither SQL's text nor how a query runs.

mod cache;
mod cell;
mod declare;
mod glue;
mod last_words;
mod library;
mod process;
mod rustc;
mod share;
mod types;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use millstream_plan::{Argument, Compiler, Routine, Uncompiled, UserFunction, UserKind, Work, shown_row, sql_name};
use millstream_record::Stop;

pub use crate::cell::{Body, Cell, Kind, open, open_brackets, said};
use crate::declare::Declared;
use crate::library::Here;
use crate::process::Apart;
use crate::rustc::Rustc;

/// Where functions run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In processes of their own: what hangs or aborts there does so alone. For sessions.
    Apart,
    /// In this process: nothing is copied, and nothing is guarded but panics. For jobs.
    Here,
}

/// Makes functions for SQL of cells of Rust.
pub struct Functions {
    place: Place,
    cache: PathBuf,
    /// Where libraries are that somebody else has compiled.
    libraries: Option<PathBuf>,
    rustc: OnceLock<Result<Rustc, Uncompiled>>,
}

/// Work for a library.
struct Task<'t> {
    function: u32,
    work: u32,
    columns: &'t [ArrayRef],
    rows: usize,
    gives: &'t DataType,
}

/// Why a library gave no column.
struct Failed {
    row: Option<usize>,
    message: String,
}

impl Functions {
    /// Functions that run at this place; libraries are kept in the user's cache.
    pub fn new(place: Place) -> Functions {
        let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
        let caches = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let folder = caches.or_else(home).unwrap_or_else(std::env::temp_dir);
        Functions::kept_in(place, folder.join("millstream").join("functions"))
    }

    /// The same with the libraries in this folder.
    pub fn kept_in(place: Place, cache: PathBuf) -> Functions {
        Functions { place, cache, libraries: None, rustc: OnceLock::new() }
    }

    /// The same with libraries from this folder, if they are there: for them no compiler is needed.
    pub fn with_libraries(self, folder: PathBuf) -> Functions {
        Functions { libraries: Some(folder), ..self }
    }

    /// Compiles the functions that a text declares into `folder`, for [`Functions::with_libraries`].
    pub fn build(&self, source: &str, folder: &Path, stop: &Stop) -> Result<(), Uncompiled> {
        let written = Written::read(source)?;
        let made = written.compiled(self.rustc()?, stop)?;
        let place = folder.join(rustc::file_name(written.version));
        let copied = std::fs::create_dir_all(folder).and_then(|()| std::fs::copy(made, &place));
        copied.map(drop).map_err(|error| said(format!("{} cannot be written: {error}", place.display())))
    }

    /// Compiles what all functions are compiled against, so that the first cell need not wait for it. An error
    /// is said when a cell is compiled.
    pub fn prepare(&self) {
        if let Ok(rustc) = self.rustc() {
            drop(rustc.prepare());
        }
    }

    fn rustc(&self) -> Result<&Rustc, Uncompiled> {
        self.rustc.get_or_init(|| Rustc::find(&self.cache)).as_ref().map_err(Clone::clone)
    }
}

impl Compiler for Functions {
    fn compile(&self, source: &str, stop: &Stop) -> Result<Vec<UserFunction>, Uncompiled> {
        let written = Written::read(source)?;
        let there = self.libraries.as_ref().map(|folder| folder.join(rustc::file_name(written.version)));
        let computed = match (self.place, there.filter(|library| library.exists())) {
            (Place::Here, Some(library)) => written.opened(&library)?,
            (Place::Here, None) => written.opened(&written.compiled(self.rustc()?, stop)?)?,
            (Place::Apart, _) => {
                let rustc = self.rustc()?;
                Computed::Apart(Apart::new(rustc.host(), written.compiled(rustc, stop)?))
            }
        };
        let (computed, source): (Arc<Computed>, Arc<str>) = (Arc::new(computed), source.into());
        let Written { cell, declared, version, .. } = written;
        let function = |(number, declared)| function(number, declared, &computed, &source, version, &cell);
        Ok(declared.into_iter().enumerate().map(function).collect())
    }
}

/// A cell of functions, with the text around it.
struct Written {
    cell: Cell,
    declared: Vec<Declared>,
    glue: String,
    /// A hash of both, and of what they are compiled against: the same for every compiler.
    version: u64,
}

impl Written {
    fn read(source: &str) -> Result<Written, Uncompiled> {
        let cell = Cell::read(source)?;
        if cell.kind == Kind::Code {
            let refused = said("there is no function marked #[udf]".into());
            let hint = "for example: #[udf] fn shout(line: &str) -> String { line.to_uppercase() }";
            return Err(Uncompiled { hints: vec![hint.into()], ..refused });
        }
        let declared = declare::declared(&cell, source)?;
        let glue = glue::library(&cell, source, &declared);
        let version = hash([cell.text.as_bytes(), glue.as_bytes(), &rustc::support_version().to_le_bytes()[..]]);
        Ok(Written { cell, declared, glue, version })
    }

    fn compiled(&self, rustc: &Rustc, stop: &Stop) -> Result<PathBuf, Uncompiled> {
        let made = rustc.library(self.version, &self.cell.text, &self.glue, stop)?;
        made.map_err(|lines| rustc::complaint(&lines))
    }

    fn opened(&self, library: &Path) -> Result<Computed, Uncompiled> {
        let names: Vec<&str> = self.declared.iter().map(|function| function.name.as_str()).collect();
        let opened = Here::open(library, &names);
        opened.map(Computed::Here).map_err(|error| said(format!("the library {} {error}", library.display())))
    }
}

/// Who computes the functions of a library.
enum Computed {
    Apart(Apart),
    Here(Here),
}

/// One function of a library.
struct Compiled {
    computed: Arc<Computed>,
    number: u32,
    arguments: Vec<Argument>,
    gives: DataType,
}

impl fmt::Debug for Compiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match *self.computed {
            Computed::Apart(_) => Place::Apart,
            Computed::Here(_) => Place::Here,
        };
        write!(f, "function {} of a library, {place:?}", self.number)
    }
}

impl Routine for Compiled {
    fn run(&self, work: Work, columns: &[ArrayRef], rows: usize) -> Result<ArrayRef, String> {
        let (number, gives, first) = match work {
            Work::Rows => (glue::ROWS, &self.gives, 0),
            Work::Update => (glue::UPDATE, &DataType::Binary, 2),
            Work::Change => (glue::CHANGE, &DataType::Binary, 3),
            Work::Merge => (glue::MERGE, &DataType::Binary, 2),
            Work::Finish => (glue::FINISH, &self.gives, 1),
        };
        let task = Task { function: self.number, work: number, columns, rows, gives };
        let done = match &*self.computed {
            Computed::Apart(apart) => apart.run(&task),
            Computed::Here(here) => here.run(&task),
        };
        done.map_err(|Failed { row, message }| {
            let values = row.map(|row| shown_row(&self.arguments, columns.get(first..).unwrap_or(&[]), row));
            let values = values.filter(|values| !values.is_empty());
            values.map_or(message.clone(), |values| format!("{message} (where {values})"))
        })
    }
}

fn function(
    number: usize,
    declared: Declared,
    computed: &Arc<Computed>,
    source: &Arc<str>,
    version: u64,
    cell: &Cell,
) -> UserFunction {
    let Declared { name, ident, arguments, gives, nullable, kind, retracts, .. } = declared;
    let gives = if kind == UserKind::Table { types::list_of(gives) } else { gives };
    let layout = match kind {
        UserKind::Aggregate => layout(cell, &ident),
        UserKind::Scalar | UserKind::Table => 0,
    };
    let routine = Compiled {
        computed: computed.clone(),
        number: number as u32,
        arguments: arguments.clone(),
        gives: gives.clone(),
    };
    UserFunction {
        signature: signature(&name, &arguments, &gives, kind),
        name,
        arguments,
        gives,
        nullable,
        kind,
        language: "RUST",
        source: source.clone(),
        version,
        retracts,
        layout,
        routine: Arc::new(routine),
    }
}

/// `words(line STRING) -> table of STRING`
fn signature(name: &str, arguments: &[Argument], gives: &DataType, kind: UserKind) -> String {
    let argument = |argument: &Argument| format!("{} {}", argument.name, sql_name(&argument.data_type));
    let arguments: Vec<String> = arguments.iter().map(argument).collect();
    let gives = match (kind, gives) {
        (UserKind::Table, DataType::List(row)) => format!("table of {}", sql_name(row.data_type())),
        _ => sql_name(gives),
    };
    format!("{name}({}) -> {gives}", arguments.join(", "))
}

/// A hash of what an aggregate's cells look like: of the structs of its cell, whose fields are what is kept.
fn layout(cell: &Cell, ident: &str) -> u64 {
    let structs = cell.items.iter().filter_map(|item| match item {
        syn::Item::Struct(structure) => Some(structure),
        _ => None,
    });
    let text = |structure: &syn::ItemStruct| {
        use syn::spanned::Spanned;
        let field = |field: &syn::Field| {
            let written = field.ty.span().source_text().unwrap_or_default();
            format!(
                "{}:{}",
                field.ident.as_ref().map(ToString::to_string).unwrap_or_default(),
                written.replace(' ', "")
            )
        };
        format!("{}{{{}}}", structure.ident, structure.fields.iter().map(field).collect::<Vec<_>>().join(","))
    };
    let texts: Vec<String> = structs.map(text).collect();
    hash(std::iter::once(ident.as_bytes()).chain(texts.iter().map(String::as_bytes)))
}

/// 64 bits of FNV-1a over texts and the borders between them (Fowler, Noll, Vo 1991), the same in every build.
fn hash<'t>(texts: impl IntoIterator<Item = &'t [u8]>) -> u64 {
    let bytes = texts.into_iter().flat_map(|text| text.iter().copied().chain([0xff]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests;
