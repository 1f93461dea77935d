//! Stories across crates, against real servers.

mod kafka;
mod tidy;
