//! `\last` and `\save`: the newest result in another format, and into a file.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use millstream_session::{Batch, Columns, Format, Look, Stop, Zone, count, gate};

use crate::desk;
use crate::interrupt::Interrupt;
use crate::play;
use crate::screen::Screen;

/// `\last [FORMAT]`.
pub fn last(argument: &str, screen: &mut Screen) -> io::Result<()> {
    let Some((columns, rows, dropped)) = screen.last.get() else { return screen.note("there is no result yet") };
    let format = match Format::parse(argument) {
        Some(format) => format,
        None if argument.is_empty() => screen.format,
        None => return screen.note(&format!("there is no format '{}'", gate::shown(argument))),
    };
    if format.is_binary() {
        return screen.note(&format!("{} is no text for a terminal: \\save FILE writes it into a file", format.name()));
    }
    let before = std::mem::replace(&mut screen.format, format);
    let done = play::write_again(columns, &rows, screen);
    screen.format = before;
    done?;
    said_dropped(dropped, screen)
}

/// `\save FILE`: written beside it first, so that there is the old file or the new one and never a half.
pub fn save(argument: &str, screen: &mut Screen, interrupt: &Interrupt) -> io::Result<()> {
    let path = PathBuf::from(argument);
    let Some((columns, rows, dropped)) = screen.last.get() else { return screen.note("there is no result yet") };
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or("");
    let Some(format) = Format::of_ending(ending) else {
        let known: Vec<&str> = Format::ENDINGS.iter().map(|(ending, _)| *ending).collect();
        return screen.note(&format!("\\save tells the format by the file's ending: {}", known.join(", ")));
    };
    let number: usize = rows.iter().map(Batch::len).sum();
    let shown = gate::shown(argument).into_owned();
    let (zone, stop) = (screen.look.zone, interrupt.stop());
    let told = move |written: io::Result<()>| match written {
        Ok(()) => format!("{} rows written to {shown}", count(number as u64)),
        Err(error) => format!("cannot write {shown}: {error}"),
    };
    let (say, work) = (told.clone(), move || write(&path, format, columns, &rows, zone, &stop));
    match desk::aside(interrupt, screen.later.clone(), work, told)? {
        Ok(Some(written)) => screen.note(&say(written))?,
        Ok(None) => return screen.fault(&desk::left()),
        Err(fault) => return screen.fault(&fault),
    }
    said_dropped(dropped, screen)
}

fn write(path: &Path, format: Format, columns: Columns, rows: &[Batch], zone: Zone, stop: &Stop) -> io::Result<()> {
    let name = path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "it names no file"))?;
    let half = path.with_file_name(format!(".{}.{}.half", name.to_string_lossy(), std::process::id()));
    let look = Look { zone, rows: usize::MAX, ..Look::plain() };
    let written = File::create(&half).and_then(|file| {
        let mut out = BufWriter::new(file);
        let mut writer = format.writer(columns, look);
        for batch in rows {
            if stop.raised() {
                return Err(io::Error::other("stopped, and nothing is changed"));
            }
            writer.rows(&mut out, batch)?;
        }
        writer.end(&mut out)?;
        out.flush()
    });
    let done = written.and_then(|()| fs::rename(&half, path));
    if done.is_err() {
        // What is half written is nobody's.
        let _ = fs::remove_file(&half);
    }
    done
}

fn said_dropped(dropped: u64, screen: &mut Screen) -> io::Result<()> {
    if dropped == 0 {
        return Ok(());
    }
    screen.aside(&format!("the first {} rows were not kept: the newest ones are", count(dropped)))
}
