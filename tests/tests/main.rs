//! Stories across crates, against real servers.

mod kafka;
mod owner;
mod tidy;
