//! Functions that users bring: compiled by whoever can, taken into the catalogue, found by the next statement. A
//! run that goes on keeps the version with which it was planned, and whoever replaces a function is told so.

use std::path::Path;
use std::sync::Arc;

use millstream_plan::{Compiler, Uncompiled, UserFunction, UserFunctions};
use millstream_sql::statement::{FunctionDraft, Name};
use millstream_sql::{Span, SqlError, declare, functions};

use crate::fault::{Class, Fault};
use crate::session::Session;
use crate::workbook::{Change, Edit};

/// A function that was taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adopted {
    /// How it is called and what it gives.
    pub signature: String,
    /// Whether it takes the place of another version.
    pub replaces: bool,
    /// The runs that go on with the version before.
    pub kept_by: Vec<String>,
}

impl std::fmt::Display for Adopted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.signature)?;
        match &self.kept_by[..] {
            [] if self.replaces => f.write_str(" · replaces the one before"),
            [] => Ok(()),
            [run] => write!(f, " · replaces the one before, with which the run {run} goes on"),
            runs => write!(f, " · replaces the one before, with which the runs {} go on", runs.join(", ")),
        }
    }
}

impl Session {
    /// Who compiles functions. Compiling takes its time: whoever shares the session compiles without it and
    /// hands over what came of it ([`Session::adopt`]).
    pub fn compiler(&self) -> Result<Arc<dyn Compiler>, Fault> {
        self.compiler.clone().ok_or_else(|| {
            let fault = Fault::new(Class::Usage, "E0212", "this program cannot compile functions of users");
            fault.hint("the prompt and the notebook can")
        })
    }

    /// Takes functions in; from the next statement on they are there.
    pub fn adopt(&mut self, new: Vec<UserFunction>) -> Result<Vec<Adopted>, Fault> {
        if let Some(taken) = new.iter().find(|function| functions::is_taken(&function.name)) {
            let message = format!("SQL has a function {} of its own", taken.name.to_uppercase());
            return Err(Fault::from(SqlError::new("E0202", message))
                .hint("give yours another name: #[udf(name = \"…\")] before it"));
        }
        let names: Vec<&str> = new.iter().map(|function| function.name.as_str()).collect();
        let what = format!("function {}", names.join(", "));
        let (mut edits, mut adopted) = (Vec::new(), Vec::new());
        for function in new {
            let function = Arc::new(function);
            let before = self.catalog.functions().get(&function.name).cloned();
            let replaced = before.as_ref().filter(|before| **before != function);
            adopted.push(Adopted {
                signature: function.signature.clone(),
                replaces: replaced.is_some(),
                kept_by: replaced.map(|before| self.runs.calling(before)).unwrap_or_default(),
            });
            edits.push(Edit::Function { name: function.name.clone(), before, after: Some(function) });
        }
        self.workbook.make(Change { what, edits }, &mut self.catalog);
        Ok(adopted)
    }

    /// Compiles the functions that a text declares, and takes them in.
    pub fn define(&mut self, source: &str) -> Result<Vec<Adopted>, Fault> {
        let compiled = self.compiler()?.compile(source, &self.stop);
        let compiled = compiled.map_err(|error| Fault::from(error).within(&source.into(), 0))?;
        self.adopt(compiled)
    }

    /// The functions that users brought, each with its text.
    pub fn user_functions(&self) -> &UserFunctions {
        self.catalog.functions()
    }

    /// A function that a user brought.
    pub(crate) fn user_function(&self, name: &Name) -> Result<&Arc<UserFunction>, Fault> {
        let known = self.catalog.functions();
        known.get(&name.text).ok_or_else(|| {
            let error = SqlError::new("E0208", format!("no user has brought a function '{}'", name.text)).at(name.span);
            error.did_you_mean(&name.text, known.iter().map(|function| function.name.as_str())).into()
        })
    }
}

/// The function that a declaration names, compiled. A file is looked for in `base`.
pub fn of_draft(session: &Session, draft: &FunctionDraft, base: &Path) -> Result<UserFunction, Fault> {
    let read = |path: &str| std::fs::read_to_string(base.join(path));
    let compiler = session.compiler()?;
    declare::function(draft, &*compiler, &read, &session.stop).map_err(|error| match error.code {
        STOPPED => Fault { hints: error.hints, ..Fault::new(Class::Interrupted, STOPPED, error.message) },
        _ => error.into(),
    })
}

/// The code of what its user has stopped.
const STOPPED: &str = "E0600";

impl From<Uncompiled> for Fault {
    fn from(error: Uncompiled) -> Fault {
        let (class, code) = if error.stopped { (Class::Interrupted, STOPPED) } else { (Class::Query, "E0211") };
        let span = error.place.map(|(start, end)| Span::new(start, end));
        Fault { span, hints: error.hints, ..Fault::new(class, code, error.message) }
    }
}
