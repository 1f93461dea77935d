//! A job without the workbench: reads it, runs it with checkpoints, recovers by itself, tells how it is.
//!
//! What decides is pure (`protocol`), what touches the world is thin: `store` is the disk, `work` performs
//! the protocol's actions, `http` answers whoever asks, `page` is what a browser sees, `rehearsal` plays a job over its
//! test input. This crate does not know sessions or terminals.

mod config;
mod fail;
mod fault;
mod functions;
mod http;
mod job;
pub mod launch;
mod metrics;
pub mod protocol;
pub mod rehearsal;
mod savepoint;
mod status;
pub mod store;
mod upgrade;
mod work;

pub use config::Config;
pub use fail::Point;
pub use fault::Fault;
pub use functions::Compiled;
pub use job::{Job, is_job};
pub use savepoint::savepoint;
