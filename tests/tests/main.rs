//! Stories across crates, against real servers.

mod cases;
mod checkpoints;
mod kafka;
mod owner;
mod tapes;
mod tidy;
