//! Stories across crates, against real servers.

mod cases;
mod checkpoints;
mod kafka;
#[path = "../../crates/shell/tests/naughty.rs"]
mod naughty;
mod owner;
#[path = "../../crates/shell/tests/program.rs"]
#[expect(dead_code, reason = "the tests of the shell use all of it")]
mod program;
#[path = "../../crates/shell/tests/pty.rs"]
#[expect(dead_code, reason = "the tests of the shell use all of it")]
mod pty;
#[path = "../../crates/shell/tests/stories.rs"]
mod stories;
mod subqueries;
mod tapes;
mod tidy;
mod tour;
