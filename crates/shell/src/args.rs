//! The command line: what can be asked for, in the words of its help.

use std::path::PathBuf;

use clap::{Args as ClapArgs, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum, parser::ValueSource};
use millstream_runner::launch::Overrides;
use millstream_session::{Config, Fault};

/// A workbench for streams: tap a live topic, ask windowed questions in SQL, watch the answers.
#[derive(Debug, Parser)]
#[command(name = "millstream", version, max_term_width = 100, after_help = AFTER, disable_help_subcommand = true)]
#[command(args_conflicts_with_subcommands = false, subcommand_negates_reqs = true)]
pub struct Args {
    /// Run this SQL and leave; may be given several times
    #[arg(short = 'c', long = "command", value_name = "SQL")]
    pub command: Vec<String>,
    /// Run this script and leave; -c and -f run in the order in which they stand
    #[arg(short = 'f', long = "file", value_name = "FILE")]
    pub file: Vec<PathBuf>,
    /// How everything is shown and run
    #[command(flatten)]
    pub manner: Manner,
    /// What to do instead of SQL
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

const AFTER: &str = "\
Without -c, -f and a command, SQL is read from the terminal (a prompt) or from a pipe (a script).
Results go to stdout, all else to stderr. Scripts stop at the first error.

Exit codes: 0 ok, 1 a query failed, 2 usage, 3 no connection, 4 a comparison failed, 130 interrupted.";

/// Options that hold everywhere.
#[derive(Clone, Debug, ClapArgs)]
#[command(next_help_heading = "How it is shown and run")]
pub struct Manner {
    /// Format of results [default: table on a terminal, ndjson in a pipe]
    #[arg(short, long, global = true, value_name = "FORMAT", value_parser = FORMATS)]
    pub output: Option<String>,
    /// Print every change with its kind (+I, -U, +U, -D) instead of the final rows
    #[arg(long, global = true)]
    pub changelog: bool,
    /// When to colour; NO_COLOR, CLICOLOR_FORCE and TERM=dumb are heeded
    /// [default: auto]
    #[arg(long, global = true, value_name = "WHEN")]
    pub color: Option<When>,
    /// Where embedded topics and the history of the prompt live
    /// [default: $MILLSTREAM_WORKSPACE, else .millstream]
    #[arg(long, global = true, value_name = "DIR")]
    pub workspace: Option<PathBuf>,
    /// Go on with the next statement after an error
    #[arg(long, global = true)]
    pub keep_going: bool,
    /// How many lanes a query runs on [default: the number of cores]
    #[arg(short = 'j', long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub parallelism: Option<u16>,
    /// What to do with records that cannot be read [default: keep at the prompt, fail in scripts]
    #[arg(long, global = true, value_name = "POLICY")]
    pub on_bad_record: Option<BadRecord>,
    /// The topic to which --on-bad-record dead-letter writes
    #[arg(long, global = true, value_name = "TOPIC", requires = "on_bad_record")]
    pub dead_letter: Option<String>,
    /// How many rows of a table are shown; of more, the first and the last [default: 40]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u32).range(2..))]
    pub rows: Option<u32>,
    /// Say nothing beside results and errors
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

impl Manner {
    /// The folder of embedded topics and history.
    pub fn workspace(&self) -> PathBuf {
        self.named_workspace().unwrap_or_else(|| ".millstream".into())
    }

    /// That folder, if somebody named one.
    pub fn named_workspace(&self) -> Option<PathBuf> {
        let named = std::env::var_os("MILLSTREAM_WORKSPACE").filter(|folder| !folder.is_empty()).map(PathBuf::from);
        self.workspace.clone().or(named)
    }
}

impl Manner {
    /// What the command line leaves open, as config.toml has it.
    ///
    /// # Errors
    /// The line of a value that is none.
    pub fn configured(self, config: &Config) -> Result<Manner, Fault> {
        let wrong = |name: &str, wanted: &str| {
            let value = &config.shell[name];
            Fault::usage(format!("{}: '{name}' = '{}' is not {wanted}", value.origin, value.text))
        };
        let output = match config.shell("output") {
            Some(format) if !FORMATS.contains(&format) => return Err(wrong("output", &FORMATS.join(", "))),
            format => format.map(str::to_string),
        };
        let rows = config.shell("rows").map(|rows| rows.parse().ok().filter(|rows| *rows >= 2));
        if rows == Some(None) {
            return Err(wrong("rows", "a number from 2"));
        }
        let color = config.shell("color").and_then(|when| When::from_str(when, true).ok());
        Ok(Manner {
            output: self.output.or(output),
            rows: self.rows.or(rows.flatten()),
            color: self.color.or(color),
            ..self
        })
    }
}

const FORMATS: [&str; 9] = ["table", "csv", "tsv", "json", "ndjson", "markdown", "vertical", "arrow", "parquet"];

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What to do with records that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BadRecord {
    /// Set them aside in TABLE$errors and go on
    Keep,
    /// Stop at the first one
    Fail,
    /// Write them to the topic of --dead-letter and go on
    DeadLetter,
    /// Count them and go on
    Skip,
}

impl BadRecord {
    /// The word for it in `SET 'bad-records' = …`.
    pub fn word(self) -> &'static str {
        match self {
            BadRecord::Keep => "keep",
            BadRecord::Fail => "fail",
            BadRecord::DeadLetter => "dead-letter",
            BadRecord::Skip => "skip",
        }
    }
}

/// Everything that is not a piece of SQL.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// A guided tour on embedded topics; plays by itself when stdin is no terminal
    Demo,
    /// Run a job with checkpoints; a script that asks questions runs to its end
    Run {
        /// A folder with job.sql and millstream.toml, or a script
        #[arg(value_name = "JOB")]
        job: PathBuf,
        /// What holds instead of the job's own settings
        #[command(flatten)]
        overrides: Overrides,
    },
    /// Plan a job and call its topics without running it
    Check {
        /// A folder with job.sql and millstream.toml, or a script
        #[arg(value_name = "JOB")]
        job: PathBuf,
        /// What holds instead of the job's own settings
        #[command(flatten)]
        overrides: Overrides,
    },
    /// Keep the state of a job, running or stopped, so that a job can begin with it
    Savepoint {
        /// A folder with job.sql and millstream.toml, or a script
        #[arg(value_name = "JOB")]
        job: PathBuf,
        /// Where to; without it, in the job's state folder
        #[arg(value_name = "DIR")]
        to: Option<PathBuf>,
        /// Where the job's checkpoints are, instead of where the job says
        #[arg(long, value_name = "DIR")]
        state: Option<PathBuf>,
    },
    /// Play a job's own input through it and compare the answer; 4 if it differs
    Test {
        /// A folder that EXPORT or millstream export has written
        #[arg(value_name = "JOB")]
        job: PathBuf,
        /// Compare what Flink has written to this folder, instead of test/answer
        #[arg(long, value_name = "DIR")]
        answer: Option<PathBuf>,
    },
    /// Write a script of declarations and inserts as a job that runs by itself
    Export {
        /// The script
        #[arg(value_name = "FILE")]
        script: PathBuf,
        /// The folder of the job
        #[arg(long, value_name = "DIR")]
        into: PathBuf,
        /// Replace a job that stands there
        #[arg(long)]
        replace: bool,
        /// Write nothing unless the job can be said to Flink
        #[arg(long)]
        flink: bool,
        /// Compare prototype, job and the Flink in FLINK_HOME first
        #[arg(long)]
        verify: bool,
        /// The recorded tape that becomes the job's test, instead of what is kept of its tables
        #[arg(long, value_name = "TAPE")]
        tape: Option<String>,
    },
    /// Embedded topics: make, list, write, read and delete them
    #[command(subcommand)]
    Topic(TopicVerb),
    /// Recorded stretches of topics: list them, and carry them as files
    #[command(subcommand)]
    Tape(TapeVerb),
    /// The kernel for Jupyter: install, uninstall, doctor
    #[command(disable_help_flag = true)]
    Kernel {
        /// What millstream-kernel is to do; --help lists it
        #[arg(value_name = "WHAT", trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        arguments: Vec<std::ffi::OsString>,
    },
    /// What config.toml says, and where each value came from
    Config,
    /// Completions for a shell of the operating system, to be sourced by it
    Completions {
        /// The shell
        #[arg(value_name = "SHELL", value_enum)]
        shell: clap_complete::Shell,
    },
    /// The manual page; with a folder, those of all commands, a file each
    Man {
        /// The folder
        #[arg(value_name = "FOLDER")]
        folder: Option<PathBuf>,
    },
}

/// What can be done with embedded topics.
#[derive(Debug, Subcommand)]
pub enum TopicVerb {
    /// Make a topic
    Create {
        /// Its name
        name: String,
        /// How many partitions
        #[arg(short, long, default_value_t = 1)]
        partitions: u32,
    },
    /// List all topics
    List,
    /// Write a record per line of stdin
    Produce {
        /// The topic; it is made if it does not exist
        name: String,
        /// Take the text before this as the key
        #[arg(short, long, value_name = "TEXT")]
        key_separator: Option<String>,
        /// Write to this partition instead of the key's
        #[arg(short, long, value_name = "N")]
        partition: Option<u32>,
        /// A header of every record
        #[arg(short = 'H', long = "header", value_name = "NAME=VALUE")]
        headers: Vec<String>,
    },
    /// Read records from the first to the last
    Consume {
        /// The topic
        name: String,
        /// Wait for more behind the last record
        #[arg(short, long)]
        follow: bool,
        /// Stop after so many records
        #[arg(short = 'n', long, value_name = "N")]
        limit: Option<u64>,
        /// Write the values only, as they are, a line each
        #[arg(long, conflicts_with = "output")]
        raw: bool,
    },
    /// Delete a topic with all its records
    Delete {
        /// The topic
        name: String,
    },
}

/// What can be done with tapes.
#[derive(Debug, Subcommand)]
pub enum TapeVerb {
    /// List all tapes
    List,
    /// Write a tape into a file: JSON lines (.jsonl) or Parquet (.parquet), with a checksum
    Export {
        /// The tape
        name: String,
        /// The file
        file: PathBuf,
    },
    /// Make a tape of a file that export wrote
    Import {
        /// The file
        file: PathBuf,
        /// The name of the tape [default: the file's]
        name: Option<String>,
    },
}

/// A piece of SQL from the command line.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// `-c`.
    Text(String),
    /// `-f`.
    File(PathBuf),
}

impl Args {
    /// Reads the command line; ends the program with its usage where it makes no sense.
    pub fn read() -> (Args, Vec<Piece>) {
        let mut command = Args::command();
        if matches!(std::env::var("TERM").as_deref(), Ok("dumb")) || std::env::var_os("NO_COLOR").is_some() {
            command = command.color(clap::ColorChoice::Never);
        }
        let matches = command.get_matches();
        let args = Args::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
        let places = |id: &str| match matches.value_source(id) {
            Some(ValueSource::CommandLine) => matches.indices_of(id).into_iter().flatten().collect(),
            _ => Vec::new(),
        };
        let commands = places("command").into_iter().zip(args.command.iter().cloned().map(Piece::Text));
        let files = places("file").into_iter().zip(args.file.iter().cloned().map(Piece::File));
        let mut pieces: Vec<(usize, Piece)> = commands.chain(files).collect();
        pieces.sort_by_key(|(place, _)| *place);
        (args, pieces.into_iter().map(|(_, piece)| piece).collect())
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        super::Args::command().debug_assert();
    }

    #[test]
    fn every_format_of_results_can_be_asked_for() {
        let known: Vec<_> = millstream_session::Format::ALL.iter().map(|(name, _)| *name).collect();
        assert_eq!(known, super::FORMATS);
    }
}
