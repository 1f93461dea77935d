//! Exit codes, the same for every command.

use std::process::ExitCode;

use millstream_session::{Class, Fault};

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// All went well, or the reader of our output has gone.
    Ok = 0,
    /// A query failed.
    Query = 1,
    /// The command line or the command makes no sense.
    Usage = 2,
    /// The other side cannot be reached.
    Connection = 3,
    /// A comparison found a difference.
    Comparison = 4,
    /// Ctrl-C.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

impl From<&Fault> for Exit {
    fn from(fault: &Fault) -> Self {
        match fault.class {
            Class::Query => Exit::Query,
            Class::Usage => Exit::Usage,
            Class::Connection => Exit::Connection,
            Class::Comparison => Exit::Comparison,
            Class::Interrupted => Exit::Interrupted,
        }
    }
}
