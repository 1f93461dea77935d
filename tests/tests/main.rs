//! Stories across crates, against real servers.

mod cases;
mod kafka;
mod owner;
mod tidy;
