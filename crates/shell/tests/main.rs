//! The program as a user meets it: the real binary, started from outside, judged by what it writes, by its
//! exit code and by what a real terminal would show.

mod editing;
mod exits;
mod export;
mod generated;
mod guide;
mod hostile;
mod program;
mod prompt;
mod pty;
mod reference;
mod tapes;
mod transcripts;
mod watch;
