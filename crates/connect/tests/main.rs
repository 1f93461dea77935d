//! Stories of connectors that need only this crate. One binary, so that it is linked once.

mod browse;
mod generate;
mod tape;
mod topic;
