//! A query that runs, on the screen. Over bounded input its final rows are shown at the end; over a live
//! topic rows are shown as they come. A status line says how far it is; Ctrl-C stops it.

use std::io;
use std::time::{Duration, Instant};

use millstream_session::{
    Batch, Changes, Class, Columns, Fault, Finished, Fold, Format, Live, LiveTable, Pace, Step, Writer, count, gate,
};

use crate::desk;
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::screen::Screen;

/// How long to wait for rows before looking around: the bound on how fast Ctrl-C is felt.
const LOOK: Duration = Duration::from_millis(10);
/// How long rows that are ready are still taken after Ctrl-C.
const LAST_ROWS: Duration = Duration::from_millis(25);
/// Rows in a batch of final rows.
const BATCH: usize = 8192;

/// What is done with rows.
enum Taker {
    /// An `INSERT` has none.
    Nothing,
    /// Written as they come, in any format.
    Written(Box<dyn Writer>),
    /// A table without a known end.
    Rolling(LiveTable),
    /// Kept until the end, because rows are taken back; then written.
    Folded(Box<Fold>, Box<dyn Writer>),
}

/// Runs a query to its end or to Ctrl-C.
pub fn watch(
    mut live: Live,
    changelog: bool,
    screen: &mut Screen,
    interrupt: &Interrupt,
) -> io::Result<Result<Exit, Fault>> {
    screen.measure();
    let mut taker = match taker(&live, changelog, screen) {
        Ok(taker) => taker,
        Err(fault) => {
            live.stop();
            return Ok(Err(fault));
        }
    };
    let (began, mut pace, mut sent) = (Instant::now(), Pace::default(), Sent(Instant::now()));
    let mut stopped = None;
    loop {
        let enough = !live.bounded && screen.stop_after.is_some_and(|most| began.elapsed() >= most);
        if (interrupt.raised() || enough) && stopped.is_none() {
            live.stop();
            stopped = Some(Instant::now());
        }
        match live.next(LOOK) {
            Step::Rows(batch) => {
                // A batch may be large: between two pieces of it Ctrl-C is heard.
                for piece in pieces(&batch).take_while(|_| !over(interrupt)) {
                    if let Err(fault) = taker.take(&piece, screen)? {
                        live.stop();
                        return Ok(Err(fault));
                    }
                }
            }
            Step::Quiet => screen.flush()?,
            Step::End => break,
        }
        if stopped.is_some_and(|since: Instant| since.elapsed() > LAST_ROWS) || over(interrupt) {
            break;
        }
        if screen.wants_status() {
            let line = pace.line(&live.status(), began.elapsed(), screen.look.zone);
            screen.draw_status(&line)?;
        }
        if sent.is_due() {
            screen.flush()?;
        }
    }
    screen.clear_status()?;
    let (changes, inserts) = (live.rows(), live.columns.is_none());
    // A source that does not let go must not hold the prompt: then the ledger comes above the next line.
    let late = move |ended| told_later(ended, inserts);
    let ended = desk::aside(interrupt, screen.later.clone(), move || live.finish(), late)?;
    let finished = match ended.and_then(Option::transpose) {
        Ok(None) if screen.later.is_none() => return Ok(Err(desk::left())),
        Ok(finished) => finished,
        // What was worked out so far is no answer; only a table that is on the screen is closed.
        Err(fault) => {
            if matches!(taker, Taker::Rolling(_)) {
                taker.end(screen)?;
            }
            // A query that fails because it was stopped has not failed; rows on their way into a table are another matter.
            let stopped = interrupt.raised() && !inserts;
            return Ok(Err(if stopped { Fault::new(Class::Interrupted, "E0600", fault.message) } else { fault }));
        }
    };
    let rows = taker.end(screen)?;
    let what = match (rows, &finished) {
        (_, Some(finished)) if inserts => format!("{} written", counted(finished.written, "row")),
        (_, None) if inserts => "what it has written is told when it has let go".into(),
        (Some(rows), _) => format!("{} from {}", counted(rows, "row"), counted(changes, "change")),
        (None, _) => counted(changes, "row"),
    };
    // The run itself heeds Ctrl-C, so it may have ended before anybody here asked it to.
    let stopped = interrupt.raised();
    let word = if stopped { "stopped: " } else { "" };
    screen.aside(&format!("{word}{what} in {:.2} s", began.elapsed().as_secs_f64()))?;
    if let Some(finished) = finished {
        close("", &finished, screen)?;
    }
    Ok(Ok(if stopped { Exit::Interrupted } else { Exit::Ok }))
}

/// Whether Ctrl-C was pressed so long ago that no more rows are taken.
fn over(interrupt: &Interrupt) -> bool {
    interrupt.since().is_some_and(|since| since.elapsed() > LAST_ROWS)
}

/// A batch in pieces that are shown in no time.
fn pieces(batch: &Batch) -> impl Iterator<Item = Batch> + '_ {
    let starts = (0..batch.len().max(1)).step_by(BATCH);
    starts.map(|start| batch.slice(start, BATCH.min(batch.len() - start)))
}

/// `1 row`, `2 rows`.
fn counted(number: u64, what: &str) -> String {
    format!("{} {what}{}", count(number), if number == 1 { "" } else { "s" })
}

/// The ledger, with something before each line of it, and where to look for what was set aside.
pub fn close(before: &str, finished: &Finished, screen: &mut Screen) -> io::Result<()> {
    for account in &finished.accounts {
        screen.aside(&format!("{before}{}", account.line()))?;
    }
    set_aside(finished).try_for_each(|line| screen.note(&line))
}

/// Where to look for what a query set aside.
fn set_aside(finished: &Finished) -> impl Iterator<Item = String> + '_ {
    let line = |(name, number): &(String, u64)| {
        format!("{} set aside: SELECT * FROM `{}`;", count(*number), gate::shown(name))
    };
    finished.asides.iter().map(line)
}

/// The end of a query that was stopped, when the prompt is back already.
pub fn told_later(ended: Result<Finished, Fault>, inserts: bool) -> String {
    let finished = match ended {
        Ok(finished) => finished,
        Err(fault) => return format!("the query that was stopped: {}", gate::shown_lines(&fault.message)),
    };
    let written = inserts.then(|| format!(": {} written", counted(finished.written, "row")));
    let first = format!("the query that was stopped has let go{}", written.unwrap_or_default());
    let ledger = finished.accounts.iter().map(|account| account.line());
    std::iter::once(first).chain(ledger).chain(set_aside(&finished)).collect::<Vec<_>>().join("\n")
}

fn taker(live: &Live, changelog: bool, screen: &mut Screen) -> Result<Taker, Fault> {
    let Some(columns) = live.columns.clone() else { return Ok(Taker::Nothing) };
    if screen.format.is_binary() && screen.look.terminal {
        let name = screen.format.name();
        let fault = Fault::usage(format!("{name} is no text for a terminal"));
        return Err(fault.hint(format!("send it to a file or a program: millstream … -o {name} > rows.{name}")));
    }
    let retracts = live.changes == Changes::Retract;
    let kinds = changelog || (retracts && !live.bounded);
    let columns = if kinds { columns.with_kinds() } else { columns };
    screen.last.begin(columns.clone());
    let writer = |columns: Columns| screen.format.writer(columns, screen.look.clone());
    Ok(match (screen.format, live.bounded) {
        (_, true) if retracts && !kinds => {
            let fold = Fold::new(columns.schema.clone()).map_err(Fault::from)?;
            Taker::Folded(Box::new(fold), writer(columns))
        }
        (Format::Table, false) => Taker::Rolling(LiveTable::new(columns, screen.look.clone(), screen.page_rows())),
        _ => Taker::Written(writer(columns)),
    })
}

impl Taker {
    fn take(&mut self, batch: &Batch, screen: &mut Screen) -> io::Result<Result<(), Fault>> {
        if batch.is_empty() {
            return Ok(Ok(()));
        }
        match self {
            Taker::Nothing => {}
            Taker::Written(writer) => {
                screen.last.keep(batch);
                writer.rows(screen.results()?, batch)?;
            }
            Taker::Rolling(table) => {
                screen.last.keep(batch);
                table.rows(screen.results()?, batch)?;
            }
            Taker::Folded(fold, _) => return Ok(fold.take(batch).map_err(Fault::from)),
        }
        Ok(Ok(()))
    }

    /// Writes what is left. Says how many rows stand in the end, where rows were taken back.
    fn end(self, screen: &mut Screen) -> io::Result<Option<u64>> {
        match self {
            Taker::Nothing => {}
            Taker::Written(mut writer) => screen.page(|out| writer.end(out))?,
            Taker::Rolling(mut table) => table.end(screen.results()?)?,
            Taker::Folded(fold, writer) => {
                let rows: Vec<Batch> =
                    fold.batches(BATCH).map_err(io::Error::other)?.into_iter().map(Batch::insert).collect();
                rows.iter().for_each(|batch| screen.last.keep(batch));
                screen.rows(writer, &rows)?;
                return Ok(Some(fold.len() as u64));
            }
        }
        Ok(None)
    }
}

/// When output was last sent on.
struct Sent(Instant);

impl Sent {
    /// Whether it is time to send on what was written, so that a reader in a pipe sees rows as they come.
    fn is_due(&mut self) -> bool {
        let due = self.0.elapsed() > Duration::from_millis(100);
        if due {
            self.0 = Instant::now();
        }
        due
    }
}
