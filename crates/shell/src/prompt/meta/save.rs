//! `\last` and `\save`: the newest result in another format, and into a file.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use millstream_session::{Batch, Columns, Format, Look, count, gate};

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
pub fn save(argument: &str, screen: &mut Screen) -> io::Result<()> {
    let path = Path::new(argument);
    let Some((columns, rows, dropped)) = screen.last.get() else { return screen.note("there is no result yet") };
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or("");
    let Some(format) = Format::of_ending(ending) else {
        let known: Vec<&str> = Format::ENDINGS.iter().map(|(ending, _)| *ending).collect();
        return screen.note(&format!("\\save tells the format by the file's ending: {}", known.join(", ")));
    };
    let number: usize = rows.iter().map(Batch::len).sum();
    let shown = gate::shown(argument).into_owned();
    match write(path, format, columns, &rows, screen) {
        Ok(()) => screen.note(&format!("{} rows written to {shown}", count(number as u64)))?,
        Err(error) => return screen.note(&format!("cannot write {shown}: {error}")),
    }
    said_dropped(dropped, screen)
}

fn write(path: &Path, format: Format, columns: Columns, rows: &[Batch], screen: &Screen) -> io::Result<()> {
    let name = path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "it names no file"))?;
    let half = path.with_file_name(format!(".{}.{}.half", name.to_string_lossy(), std::process::id()));
    let look = Look { zone: screen.look.zone, rows: usize::MAX, ..Look::plain() };
    let written = File::create(&half).and_then(|file| {
        let mut out = BufWriter::new(file);
        let mut writer = format.writer(columns, look);
        rows.iter().try_for_each(|batch| writer.rows(&mut out, batch))?;
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
