//! The workbench without a screen: a catalogue, settings and a workspace, and one file per verb. A text
//! goes in, a [`Reply`] per statement comes out, or a [`Fault`] with its place; a running query is a
//! [`Live`], whose rows are taken as they come. Tables as text are made here too, in one place for every
//! front end.
//!
//! This crate knows no terminal, no line editor and no notebook. It introduces the engine to the
//! connectors, which do not know each other.

mod aside;
pub mod chart;
pub mod check;
mod codes;
mod complete;
pub mod config;
#[cfg(test)]
mod conservation;
mod demo;
mod doors;
mod export;
mod fault;
mod fold;
mod functions;
mod infer;
mod judge;
mod key;
mod ledgers;
mod letters;
mod live;
mod memory;
mod pace;
mod place;
mod planning;
mod preview;
mod records;
mod remember;
mod render;
mod reply;
mod runs;
mod sample;
mod secrets;
mod session;
mod settings;
mod status;
mod strings;
mod tape;
pub mod topics;
mod types;
mod verbs;
mod view;
pub mod watch;
mod why;
mod workbook;

#[cfg(test)]
mod stories;

pub use codes::{CODES, Code, code};
pub use complete::{
    Candidate, CandidateKind, Fit, KEYWORDS, Mark, Ranker, STATEMENTS, STEPS, SeenTopics, Statement, Vocabulary,
    functions, is_keyword, statement,
};
pub use config::Config;
pub use export::Ways;
pub use fault::{Class, Fault};
pub use fold::Fold;
pub use functions::Adopted;
pub use live::{Finished, Live, Step};
pub use millstream_plan::{
    Changes, Compiler, Edge, Exchange, Explanation, Operator, Uncompiled, UserFunction, UserFunctions,
};
pub use millstream_record::{Batch, Clock, Kind, Millis, Stop, SystemClock, sounds_secret};
pub use millstream_sql::error::nearest;
pub use millstream_sql::statement::{Rate, StepUnit};
pub use millstream_sql::types::quoted;
pub use millstream_sql::{Completeness, Lexeme, Lexemes, Span, Unfinished, is_complete};
pub use pace::Pace;
pub use preview::{Counts, Dependent, Kind as CountKind, OPEN, Preview};
pub use render::{
    Cell, Columns, Excerpt, Format, Head, LiveTable, Look, Tone, Writer, Zone, base64, gate, time_text, to_text, width,
};
pub use reply::{Explained, Plotted, Reply, Table, Watched};
pub use runs::{Lent, Notice, Notices, RunReport, RunState, Said};
pub use sample::TableSample;
pub use secrets::Asker;
pub use session::{Manner, Replies, Script, Session, SessionOptions, check_syntax};
pub use settings::{SETTINGS, Settings};
pub use status::{Account, Status, count};
pub use tape::Taping;
pub use tape::player::{Happened, Phase, Player, Standing};
pub use view::{Keep, Picture, View};
