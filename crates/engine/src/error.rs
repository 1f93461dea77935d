//! What can go wrong while a graph runs: the operator or tap it happened in, and why.

use arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use millstream_plan::RowFailed;

/// The result of whatever the engine does.
pub type Result<T, E = EngineError> = std::result::Result<T, E>;

/// A run that cannot go on, or cannot start.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A source or sink failed.
    #[error("{name}: {source}")]
    Door {
        /// The tap.
        name: String,
        /// What it said.
        source: millstream_record::Error,
    },
    /// An operator failed.
    #[error("{uid}: {reason}")]
    Operator {
        /// The operator's uid.
        uid: String,
        /// Why.
        reason: String,
    },
    /// A row cannot be computed: division by zero, overflow, an impossible cast.
    #[error("{0}")]
    Compute(String),
    /// A user's function gave nothing for a row. Where the policy is to go on, the row is left out and counted.
    #[error("{0}")]
    Row(String),
    /// A record cannot be read (or has no event time) and the policy is to fail.
    #[error("{tap}: unreadable record at {place}: {reason}")]
    Unreadable {
        /// The tap.
        tap: String,
        /// Partition and offset.
        place: String,
        /// Why it was refused.
        reason: String,
    },
    /// State that was saved by another version or another graph.
    #[error("the state of {uid} does not fit: {reason}")]
    State {
        /// The operator's uid.
        uid: String,
        /// What does not fit.
        reason: String,
    },
    /// A thread of the run panicked.
    #[error("the run broke in {0}; this is a bug in Millstream")]
    Panicked(String),
}

impl EngineError {
    /// The same error with the operator it happened in, if it does not name one yet.
    pub fn within(self, uid: &str) -> EngineError {
        match self {
            EngineError::Compute(reason) | EngineError::Row(reason) => {
                EngineError::Operator { uid: uid.into(), reason }
            }
            other => other,
        }
    }
}

impl From<ArrowError> for EngineError {
    fn from(error: ArrowError) -> Self {
        if let ArrowError::ExternalError(source) = &error
            && let Some(RowFailed(reason)) = source.downcast_ref()
        {
            return EngineError::Row(reason.clone());
        }
        EngineError::Compute(match error {
            ArrowError::ArithmeticOverflow(what) => format!("arithmetic overflow: {what}"),
            ArrowError::DivideByZero => "division by zero".into(),
            ArrowError::ComputeError(what) | ArrowError::CastError(what) | ArrowError::InvalidArgumentError(what) => {
                what
            }
            other => other.to_string(),
        })
    }
}

impl From<DataFusionError> for EngineError {
    fn from(error: DataFusionError) -> Self {
        match error.find_root() {
            DataFusionError::ArrowError(_, _) => match error {
                DataFusionError::ArrowError(arrow, _) => (*arrow).into(),
                other => EngineError::Compute(other.strip_backtrace()),
            },
            root => EngineError::Compute(root.strip_backtrace()),
        }
    }
}
