//! What can go wrong at the rim, in the classes by which callers decide: whether to ask for another
//! setting, to wait and try again, or to give up. The text of each is a whole sentence with place and
//! reason; secrets never enter it.

use arrow::error::ArrowError;

use crate::OptionError;

/// The result of whatever touches the outside world.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure at the rim of the engine.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A server does not answer or refuses.
    #[error("cannot reach {address}: {reason}")]
    Connection {
        /// Whom we called, as the user wrote it.
        address: String,
        /// What the other side or the system said.
        reason: String,
    },
    /// An option of a `WITH (…)` block does not fit.
    #[error(transparent)]
    Option(#[from] OptionError),
    /// What was asked for does not exist or does not fit what is there.
    #[error("{0}")]
    Invalid(String),
    /// Records that should be there are gone (expired, truncated, recreated topic).
    #[error("records are missing in {place}: {reason}")]
    DataLoss {
        /// Topic and partition.
        place: String,
        /// What was expected and what is there.
        reason: String,
    },
    /// A record cannot be read and the policy is to fail.
    #[error("unreadable record at {place}: {reason}")]
    Unreadable {
        /// Topic, partition and offset, or file and line.
        place: String,
        /// Why the decoder refused it.
        reason: String,
    },
    /// Somebody asked to stop before it was done.
    #[error("stopped before it was open")]
    Interrupted,
    /// The file system said no.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: String,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The user did not want to wait any longer.
    #[error("stopped")]
    Stopped,
    /// Arrow refused a column operation.
    #[error(transparent)]
    Arrow(#[from] ArrowError),
}

impl Error {
    /// An I/O error with the path it speaks of.
    pub fn io(path: impl AsRef<std::path::Path>, source: std::io::Error) -> Self {
        Error::Io { path: path.as_ref().display().to_string(), source }
    }
}
