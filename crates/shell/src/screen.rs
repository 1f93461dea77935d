//! Where output goes: results to stdout, all else to stderr, with a status line there that is redrawn in
//! place while a query runs. When the reader of our output goes away, that is an end and not an error.

use std::borrow::Cow;
use std::io::{self, BufWriter, IsTerminal, Stderr, Stdout, Write};
use std::time::{Duration, Instant};

use millstream_session::{Batch, Config, Fault, Format, Look, Writer, Zone, width};

use crate::args::{Manner, When};
use crate::desk::Later;
use crate::interrupt::Interrupt;
use crate::last::Last;
use crate::pager::Pager;
use crate::screens::keys::Keys;
use crate::screens::theme::Theme;
use crate::terminal;

/// How often the status line is drawn.
const STATUS_EVERY: Duration = Duration::from_millis(250);
/// Behind Ctrl-C rows are still written for so long.
const WRITING: Duration = Duration::from_millis(60);
/// Bytes that are written between two looks at Ctrl-C.
const PIECE: usize = 1 << 14;

/// What is said where a result was not written to its end.
const LEFT_OUT: &str = "the rest is left out; \\last and \\save have it";

fn is_enough(interrupt: &Interrupt) -> bool {
    interrupt.since().is_some_and(|since| since.elapsed() >= WRITING)
}

/// Both output streams, and how each is written to.
pub struct Screen {
    out: BufWriter<Stdout>,
    err: Stderr,
    /// How results look.
    pub look: Look,
    /// How messages look.
    pub err_look: Look,
    /// The format of results.
    pub format: Format,
    /// Whether the format was asked for, and is not what fits the place.
    pub formatted: bool,
    /// Whether every change is shown with its kind.
    pub changelog: bool,
    /// Whether the time that each statement takes is shown.
    pub timing: bool,
    /// A query without end is stopped after so long; never, if it does not say.
    pub stop_after: Option<Duration>,
    /// The newest result.
    pub last: Last,
    /// What shows texts that are higher than the screen.
    pub pager: Pager,
    /// What texts are edited with, if config.toml says.
    pub editor: Option<String>,
    /// What keys do while steps are watched.
    pub keys: Keys,
    /// How that looks, if the user said so.
    pub theme: Option<Theme>,
    /// Whether somebody sits there who can turn pages.
    pub asks: bool,
    /// Where to say what comes when the prompt is back already.
    pub later: Option<Later>,
    /// Long texts are written until the user has seen enough.
    pub interrupt: Interrupt,
    quiet: bool,
    status: Option<Instant>,
    status_shown: bool,
}

impl Screen {
    /// The screen that the command line asks for, and with what it leaves open as config.toml has it.
    pub fn new(manner: &Manner, config: &Config) -> Screen {
        let (out, err) = (io::stdout(), io::stderr());
        let to_terminal = out.is_terminal();
        let format = manner.output.as_deref().and_then(Format::parse);
        let color = manner.color.unwrap_or(When::Auto);
        let look = Look {
            color: terminal::colored(color, &out),
            ascii: terminal::is_dumb(),
            width: terminal::size().filter(|_| to_terminal).map(|(columns, _)| columns),
            rows: manner.rows.unwrap_or(40) as usize,
            zone: Zone::UTC,
            terminal: to_terminal,
        };
        let err_look = Look {
            color: terminal::colored(color, &err),
            terminal: err.is_terminal(),
            width: terminal::size().filter(|_| err.is_terminal()).map(|(columns, _)| columns),
            ..look.clone()
        };
        Screen {
            out: BufWriter::with_capacity(1 << 16, out),
            err,
            format: format.unwrap_or(if to_terminal { Format::Table } else { Format::Ndjson }),
            formatted: format.is_some(),
            changelog: manner.changelog,
            timing: false,
            stop_after: None,
            last: Last::default(),
            pager: Pager::new(config.shell("pager")),
            editor: config.shell("editor").map(str::to_string),
            keys: Keys::configured(config).unwrap_or_default(),
            theme: config.shell("theme").and_then(Theme::parse),
            asks: false,
            later: None,
            interrupt: Interrupt::default(),
            quiet: manner.quiet,
            status: None,
            status_shown: false,
            look,
            err_look,
        }
    }

    /// Takes the size that the terminal has now.
    pub fn measure(&mut self) {
        let columns = terminal::size().map(|(columns, _)| columns);
        self.look.width = columns.filter(|_| self.look.terminal);
        self.err_look.width = columns.filter(|_| self.err_look.terminal);
    }

    /// Whether a view may fill the screen: somebody sits at a terminal that can, and no other format was asked for.
    pub fn whole(&self) -> bool {
        let table = !self.formatted || self.format == Format::Table;
        table && self.look.terminal && io::stdin().is_terminal() && !terminal::is_dumb()
    }

    /// Rows after which a table that goes on repeats its names.
    pub fn page_rows(&self) -> usize {
        match terminal::size() {
            Some((_, rows)) if self.look.terminal => rows.saturating_sub(6),
            _ => usize::MAX,
        }
    }

    /// Where results are written. The status line is out of the way.
    pub fn results(&mut self) -> io::Result<&mut BufWriter<Stdout>> {
        self.clear_status()?;
        Ok(&mut self.out)
    }

    /// Writes something that is known as a whole: through the pager if it is higher than the screen.
    pub fn page(&mut self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        let rows = terminal::size().filter(|_| self.asks && self.look.terminal).map(|(_, rows)| rows);
        let Some(rows) = rows else { return write(self.results()?) };
        let mut text = Vec::new();
        write(&mut text)?;
        let lines = text.iter().filter(|byte| **byte == b'\n').count();
        self.results()?.flush()?;
        if self.pager.takes(lines, rows) && self.pager.show(&text)? {
            return Ok(());
        }
        let mut rest = text.as_slice();
        while !rest.is_empty() {
            let piece = rest.iter().skip(PIECE).position(|byte| *byte == b'\n').map_or(rest.len(), |at| PIECE + at + 1);
            self.results()?.write_all(&rest[..piece])?;
            rest = &rest[piece..];
            if !rest.is_empty() && self.seen_enough() {
                return self.aside(LEFT_OUT);
            }
        }
        Ok(())
    }

    /// Writes rows that are known as a whole, as many as the user wants to see; whether all were written.
    pub fn rows(&mut self, mut writer: Box<dyn Writer>, rows: &[Batch]) -> io::Result<()> {
        let (interrupt, mut all) = (self.interrupt.clone(), true);
        self.page(|out| {
            for batch in rows {
                all &= !is_enough(&interrupt);
                if !all {
                    break;
                }
                writer.rows(out, batch)?;
            }
            writer.end(out)
        })?;
        if all { Ok(()) } else { self.aside(LEFT_OUT) }
    }

    /// Whether the user has wanted the prompt back for so long that nothing more is written.
    fn seen_enough(&self) -> bool {
        is_enough(&self.interrupt)
    }

    /// Sends on what has been written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// A line for the user that is no result.
    pub fn note(&mut self, text: &str) -> io::Result<()> {
        if self.quiet {
            return Ok(());
        }
        let fitting = self.fitting(text);
        self.say(&format!("{fitting}\n"))
    }

    /// A text with its lines broken between words where they are longer than the terminal is wide.
    fn fitting<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.err_look.width {
            Some(columns) if !self.err_look.ascii => width::wrap(text, columns),
            _ => Cow::Borrowed(text),
        }
    }

    /// A note in the background.
    pub fn aside(&mut self, text: &str) -> io::Result<()> {
        if self.quiet {
            return Ok(());
        }
        let mut painted = String::new();
        millstream_session::Tone::Dim.paint(&mut painted, &self.fitting(text), &self.err_look);
        self.say(&format!("{painted}\n"))
    }

    /// A failure, with its place and hints.
    pub fn fault(&mut self, fault: &Fault) -> io::Result<()> {
        let text = match self.format {
            Format::Json | Format::Ndjson if self.formatted => format!("{}\n", fault.json()),
            _ => fault.render(&self.err_look),
        };
        self.say(&text)
    }

    fn say(&mut self, text: &str) -> io::Result<()> {
        self.clear_status()?;
        self.out.flush()?;
        self.err.write_all(text.as_bytes())?;
        self.err.flush()
    }

    /// Whether it is time to draw the status line: stderr is a terminal that can, and the last one is old.
    pub fn wants_status(&self) -> bool {
        let can = self.err_look.terminal && !self.err_look.ascii && !self.quiet;
        can && self.status.is_none_or(|drawn| drawn.elapsed() >= STATUS_EVERY)
    }

    /// Draws the status line in place of the last one.
    pub fn draw_status(&mut self, text: &str) -> io::Result<()> {
        self.out.flush()?;
        let room = self.err_look.width.unwrap_or(80).saturating_sub(1);
        let mut painted = String::new();
        millstream_session::Tone::Dim.paint(&mut painted, &width::cut(text, room), &self.err_look);
        write!(self.err, "\r\x1b[K{painted}")?;
        self.status = Some(Instant::now());
        self.status_shown = true;
        self.err.flush()
    }

    /// Takes the status line away.
    pub fn clear_status(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.status_shown) {
            self.status = None;
            self.err.write_all(b"\r\x1b[K")?;
            self.err.flush()?;
        }
        Ok(())
    }
}
