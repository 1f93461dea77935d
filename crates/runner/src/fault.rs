//! What ends a job: an exit code, a sentence and ways out.

use std::fmt;

use millstream_engine::EngineError;
use millstream_record::Error;
use millstream_sql::SqlError;

use crate::protocol::Exit;

/// Why a job cannot start or go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The exit code of the process.
    pub code: u8,
    /// What is wrong, in a sentence.
    pub message: String,
    /// Ways out.
    pub hints: Vec<String>,
}

impl std::error::Error for Fault {}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.hints.iter().try_for_each(|hint| write!(f, "; {hint}"))
    }
}

impl Fault {
    /// The exit code of a job that makes no sense as it is written.
    pub const PLAN: u8 = 2;

    /// A fault of this kind.
    pub fn new(exit: Exit, message: impl Into<String>) -> Fault {
        Fault { code: exit.code(), message: message.into(), hints: Vec::new() }
    }

    /// A job that makes no sense.
    pub fn plan(message: impl Into<String>) -> Fault {
        Fault { code: Fault::PLAN, message: message.into(), hints: Vec::new() }
    }

    /// Adds a way out.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Fault {
        self.hints.push(hint.into());
        self
    }

    /// An error in a script, with line and column; `start` is where the statement begins in it.
    pub fn sql(file: &str, text: &str, start: usize, error: SqlError) -> Fault {
        let place = error.span.map_or(String::new(), |span| {
            let (line, column) = millstream_sql::error::line_column(text, start + span.start);
            format!("{file}:{line}:{column}: ")
        });
        Fault { code: Fault::PLAN, message: format!("{place}[{}] {}", error.code, error.message), hints: error.hints }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let exit = match &error {
            Error::DataLoss { .. } => Exit::DataLoss,
            Error::Io { .. } => Exit::Disk,
            _ => Exit::Configuration,
        };
        Fault::new(exit, error.to_string())
    }
}

impl From<EngineError> for Fault {
    fn from(error: EngineError) -> Self {
        let exit = match &error {
            EngineError::Door { source: Error::DataLoss { .. }, .. } => Exit::DataLoss,
            EngineError::Door { source: Error::Io { .. }, .. } => Exit::Disk,
            EngineError::Door { source: Error::Connection { .. }, .. } => Exit::Sink,
            EngineError::Door { .. } => Exit::Configuration,
            EngineError::State { .. } => Exit::State,
            _ => Exit::Query,
        };
        Fault::new(exit, error.to_string())
    }
}
