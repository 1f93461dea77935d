//! `millstream topic …`: embedded topics without SQL.

use std::io::{self, BufRead, Write};

use millstream_session::topics::{Record, as_table, values};
use millstream_session::{Batch, Fault, Format, LiveTable, Reply, Session, Stop, Writer};

use crate::args::TopicVerb;
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::play;
use crate::screen::Screen;

/// Runs one of the commands.
pub fn run(session: &Session, verb: TopicVerb, screen: &mut Screen, interrupt: &Interrupt) -> io::Result<Exit> {
    let done = match verb {
        TopicVerb::Create { name, partitions } => create(session, &name, partitions, screen)?,
        TopicVerb::List => list(session, screen)?,
        TopicVerb::Delete { name } => delete(session, &name, screen)?,
        TopicVerb::Produce { name, key_separator, partition, headers } => {
            let plan = Plan { separator: key_separator, partition, headers };
            produce(session, &name, &plan, screen, interrupt)?
        }
        TopicVerb::Consume { name, follow, limit, raw } => {
            let limit = limit.unwrap_or(u64::MAX);
            if raw {
                consume_raw(session, &name, follow, limit, screen, interrupt)?
            } else {
                consume(session, &name, follow, limit, screen, interrupt)?
            }
        }
    };
    match done {
        Ok(exit) => Ok(exit),
        Err(fault) => {
            screen.fault(&fault)?;
            Ok(Exit::from(&fault))
        }
    }
}

type Done = io::Result<Result<Exit, Fault>>;

/// Takes the value out of a result inside of `Done`.
macro_rules! or_fault {
    ($result:expr) => {
        match $result {
            Ok(value) => value,
            Err(fault) => return Ok(Err(fault.into())),
        }
    };
}

fn create(session: &Session, name: &str, partitions: u32, screen: &mut Screen) -> Done {
    or_fault!(session.topics().create(name, partitions));
    screen.note(&format!("topic '{name}' with {partitions} partition{}", if partitions == 1 { "" } else { "s" }))?;
    Ok(Ok(Exit::Ok))
}

fn delete(session: &Session, name: &str, screen: &mut Screen) -> Done {
    or_fault!(session.topics().delete(name));
    screen.note(&format!("topic '{name}' is gone"))?;
    Ok(Ok(Exit::Ok))
}

fn list(session: &Session, screen: &mut Screen) -> Done {
    if let Reply::Table(table) = or_fault!(session.topics().table(|_| true)) {
        play::write_table(&table, screen)?;
    }
    Ok(Ok(Exit::Ok))
}

struct Plan {
    separator: Option<String>,
    partition: Option<u32>,
    headers: Vec<String>,
}

fn produce(session: &Session, name: &str, plan: &Plan, screen: &mut Screen, interrupt: &Interrupt) -> Done {
    let topics = session.topics();
    if !or_fault!(topics.exists(name)) {
        or_fault!(topics.create(name, 1));
        screen.note(&format!("made topic '{name}' with 1 partition"))?;
    }
    let mut headers = Vec::new();
    for header in &plan.headers {
        let Some((name, value)) = header.split_once('=') else {
            return Ok(Err(Fault::usage(format!("--header '{header}' is not NAME=VALUE"))));
        };
        headers.push((name, Some(value.as_bytes())));
    }
    let mut producer = or_fault!(topics.producer(name));
    let (mut line, mut count) = (Vec::new(), 0u64);
    let mut input = io::stdin().lock();
    while !interrupt.raised() && input.read_until(b'\n', &mut line)? > 0 {
        let text = line.strip_suffix(b"\n").map(|text| text.strip_suffix(b"\r").unwrap_or(text)).unwrap_or(&line);
        let (key, value) = match &plan.separator {
            Some(separator) => split(text, separator.as_bytes()),
            None => (None, text),
        };
        let record =
            Record { partition: plan.partition, key, value: Some(value), headers: &headers, ..Record::default() };
        or_fault!(producer.send(&record).map_err(Fault::from));
        count += 1;
        line.clear();
    }
    or_fault!(producer.flush().map_err(Fault::from));
    screen.note(&format!("{} records in '{name}'", millstream_session::count(count)))?;
    Ok(Ok(if interrupt.raised() { Exit::Interrupted } else { Exit::Ok }))
}

/// Key and value of a line; without the separator it is all value.
fn split<'a>(line: &'a [u8], separator: &[u8]) -> (Option<&'a [u8]>, &'a [u8]) {
    let place = line.windows(separator.len().max(1)).position(|window| window == separator);
    match place {
        Some(at) => (Some(&line[..at]), &line[at + separator.len()..]),
        None => (None, line),
    }
}

/// Shows records as they come, or writes them in another format.
enum Shown {
    Rolling(LiveTable),
    Written(Box<dyn Writer>),
}

fn consume(
    session: &Session,
    name: &str,
    follow: bool,
    limit: u64,
    screen: &mut Screen,
    interrupt: &Interrupt,
) -> Done {
    let mut records = or_fault!(session.topics().records(name, follow));
    let (stop, mut left, mut shown) = (Stop::default(), limit, None);
    while left > 0 && !records.ended() && !interrupt.raised() {
        let Some(received) = or_fault!(records.next(&stop)) else {
            screen.flush()?;
            continue;
        };
        let table = as_table(&received, usize::try_from(left).unwrap_or(usize::MAX));
        left -= table.len() as u64;
        let (look, format, page) = (screen.look.clone(), screen.format, screen.page_rows());
        let shown = shown.get_or_insert_with(|| match (format, follow) {
            (Format::Table, true) => Shown::Rolling(LiveTable::new(table.columns.clone(), look, page)),
            _ => Shown::Written(format.writer(table.columns.clone(), look)),
        });
        let out = screen.results()?;
        for batch in &table.rows {
            write(shown, out, batch)?;
        }
        if follow {
            screen.flush()?;
        }
    }
    match shown {
        Some(Shown::Rolling(mut table)) => table.end(screen.results()?)?,
        Some(Shown::Written(mut writer)) => writer.end(screen.results()?)?,
        None => screen.note(&format!("'{name}' is empty"))?,
    }
    Ok(Ok(if interrupt.raised() { Exit::Interrupted } else { Exit::Ok }))
}

fn write(shown: &mut Shown, out: &mut dyn Write, batch: &Batch) -> io::Result<()> {
    match shown {
        Shown::Rolling(table) => table.rows(out, batch),
        Shown::Written(writer) => writer.rows(out, batch),
    }
}

/// Values as they are. A terminal still gets them through the gate.
fn consume_raw(
    session: &Session,
    name: &str,
    follow: bool,
    limit: u64,
    screen: &mut Screen,
    interrupt: &Interrupt,
) -> Done {
    let mut records = or_fault!(session.topics().records(name, follow));
    let (stop, mut left) = (Stop::default(), limit);
    while left > 0 && !records.ended() && !interrupt.raised() {
        if let Some(received) = or_fault!(records.next(&stop)) {
            let terminal = screen.look.terminal;
            let out = screen.results()?;
            for value in values(&received).take(usize::try_from(left).unwrap_or(usize::MAX)) {
                if terminal {
                    out.write_all(millstream_session::gate::shown_bytes(value).as_bytes())?;
                } else {
                    out.write_all(value)?;
                }
                out.write_all(b"\n")?;
                left -= 1;
            }
        }
        screen.flush()?;
    }
    Ok(Ok(if interrupt.raised() { Exit::Interrupted } else { Exit::Ok }))
}
