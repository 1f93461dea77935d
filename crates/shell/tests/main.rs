//! The program as a user meets it: the real binary, started from outside, judged by what it writes, by its
//! exit code and by what a real terminal would show.

mod cancel;
mod compat;
mod editing;
mod exits;
mod export;
mod functions;
mod generated;
mod guide;
mod hostile;
mod naughty;
mod nexmark;
mod program;
mod prompt;
mod pty;
mod reference;
mod rows;
mod sharing;
mod stories;
mod tapes;
mod transcripts;
mod watch;
