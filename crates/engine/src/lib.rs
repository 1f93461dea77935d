//! Runs a plan: operators, their laws, lanes and state.
//!
//! An operator is synchronous and deterministic: rows and watermarks in, rows out. A [`Pipeline`] wires
//! the operators of a graph into lanes and pushes batches through them on one thread; given the same
//! batches in the same order it does the same. A [`Run`] feeds such lanes from live sources on threads.
//!
//! This crate does not know Kafka, files, SQL text, terminals or notebooks: sources and sinks come in as
//! opened [`Doors`].

mod aggregate;
mod align;
mod attached;
mod build;
mod doors;
mod equality;
mod error;
mod exchange;
mod expression;
mod feed;
mod gate;
mod input;
pub mod inspect;
mod intake;
mod keys;
mod lane;
mod layout;
mod ledger;
mod opening;
mod operator;
mod operators;
mod order;
mod pairs;
mod pane;
mod pipeline;
mod progress;
mod replay;
mod residual;
mod rows;
mod run;
mod same;
mod slices;
mod spill;
mod spread;
mod stage;
mod state;
mod take;
mod time;
mod timers;
mod values;
mod watermark;
mod woven;

pub use doors::{BadRecords, Doors, MAX_FUTURE, Options};
pub use error::{EngineError, Result};
pub use intake::physical_schema;
pub use ledger::{Account, Ledger};
pub use opening::first as begin_first;
pub use operator::{Operator, Output, Spilled, Wake};
pub use pipeline::{Emit, Pipeline};
pub use progress::{Counters, OperatorProgress, OutputProgress, Progress, SourceProgress};
pub use replay::{Replay, Snapshot};
pub use run::{Cut, Event, Purpose, Run, Standing, resume, start, watermarks_key};
pub use spill::Memory;
pub use state::{
    MemoryShelf, MemoryStore, Piece, Shelf, State, StateStore, Tables, Written, decode_table, encode_table,
};
pub use woven::{Order, Stretch, Tally, Woven};
