//! `millstream demo`: a guided tour on topics that live in a folder of their own for as long as it lasts.
//! On a terminal the user turns the pages and may ask questions in between; without one it plays itself.

mod steps;

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use millstream_session::{Format, Session, SessionOptions, Tone, Vocabulary};

use crate::desk::Desk;
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::play::{self, Way};
use crate::prompt::{self, After, Line, Prompt};
use crate::screen::Screen;
use steps::{STOPS, Sql, Stop};

/// Plays the tour.
pub fn run(screen: &mut Screen, interrupt: &Interrupt, asked_format: bool) -> io::Result<Exit> {
    if !asked_format {
        screen.format = Format::Table;
        screen.look.rows = ROWS;
    }
    let folder = Folder::new()?;
    let session = match Session::new(SessionOptions::in_folder(&folder.0)) {
        Ok(session) => session,
        Err(fault) => {
            screen.fault(&fault)?;
            return Ok(Exit::from(&fault));
        }
    };
    let names = session.vocabulary();
    let (closing, desk) = Desk::new(session)?;
    let exit = if io::stdin().is_terminal() {
        guided(&desk, names, screen, interrupt)
    } else {
        alone(&desk, screen, interrupt)
    };
    // A reader who has gone away is told by an error; the folder is removed all the same.
    drop(desk);
    drop(closing);
    exit
}

/// A tour shows less of a table than a prompt does.
const ROWS: usize = 12;

const WELCOME: &str = "\
Millstream is a workbench for streams: tap a live topic, ask windowed questions in SQL, watch the answers.
This tour takes two minutes. All of it runs in this program, on topics in a folder that goes when the tour ends.";

const FAREWELL: &str = "\
That was the tour. Go on with:
  millstream                          the prompt; \\help helps, SHOW TABLES shows the demo topics
  millstream -c 'SELECT …' -o csv     one question, in a script
  millstream topic produce NAME       a topic of your own, from stdin
With a Kafka broker: CREATE TABLE t (…) WITH ('connector' = 'kafka', 'topic' = '…',
  'properties.bootstrap.servers' = 'host:9092', 'format' = 'json');";

/// Plays all stops in a row; the first failure ends it.
fn alone(desk: &Desk, screen: &mut Screen, interrupt: &Interrupt) -> io::Result<Exit> {
    say(WELCOME, screen)?;
    for (number, stop) in STOPS.iter().enumerate() {
        let exit = show(number, stop, desk, screen, interrupt)?;
        if exit != Exit::Ok {
            return Ok(exit);
        }
    }
    say(&format!("\n{FAREWELL}"), screen)?;
    Ok(Exit::Ok)
}

/// Waits for the user between the stops.
fn guided(desk: &Desk, names: Vocabulary, screen: &mut Screen, interrupt: &Interrupt) -> io::Result<Exit> {
    say(WELCOME, screen)?;
    screen.asks = true;
    let mut prompt = Prompt::new(names, screen)?;
    for (number, stop) in STOPS.iter().enumerate() {
        if number > 0 && pause(&mut prompt, desk, screen, interrupt)? == After::Leave {
            return Ok(Exit::Ok);
        }
        show(number, stop, desk, screen, interrupt)?;
        prompt.learn(desk, interrupt);
    }
    say(&format!("\n{FAREWELL}\n"), screen)?;
    screen.note("The topics of the tour are still there. Ask on, or leave with Ctrl-D.")?;
    while let Line::Text(_) | Line::Nothing | Line::Watch = prompt::ask(&mut prompt, desk, screen, interrupt)? {}
    Ok(Exit::Ok)
}

/// Takes questions until the user presses Enter alone.
fn pause(prompt: &mut Prompt, desk: &Desk, screen: &mut Screen, interrupt: &Interrupt) -> io::Result<After> {
    screen.note("\nEnter goes on · type SQL to ask yourself · Ctrl-D leaves")?;
    loop {
        match prompt::ask(prompt, desk, screen, interrupt)? {
            Line::Text(text) if text.trim().is_empty() => return Ok(After::GoOn),
            Line::Leave => return Ok(After::Leave),
            _ => {}
        }
    }
}

fn show(number: usize, stop: &Stop, desk: &Desk, screen: &mut Screen, interrupt: &Interrupt) -> io::Result<Exit> {
    let mut title = String::new();
    Tone::Head.paint(&mut title, &format!("\n── {}. {} ", number + 1, stop.title), &screen.look);
    Tone::Dim.paint(&mut title, &"─".repeat(100usize.saturating_sub(stop.title.len())), &screen.look);
    say(&title, screen)?;
    say(&format!("{}\n", stop.words), screen)?;
    for sql in stop.sql {
        let exit = ask_and_answer(sql, desk, screen, interrupt)?;
        if exit != Exit::Ok {
            return Ok(exit);
        }
    }
    Ok(Exit::Ok)
}

/// Shows a statement as it would be typed, and then its answer.
fn ask_and_answer(sql: &Sql, desk: &Desk, screen: &mut Screen, interrupt: &Interrupt) -> io::Result<Exit> {
    let mut typed = String::new();
    for (number, line) in sql.text.lines().enumerate() {
        Tone::Dim.paint(&mut typed, if number == 0 { "> " } else { "· " }, &screen.look);
        Tone::Fresh.paint(&mut typed, &millstream_session::gate::shown(line), &screen.look);
        typed.push('\n');
    }
    say(typed.trim_end(), screen)?;
    let before = std::mem::replace(&mut screen.changelog, sql.changelog);
    screen.stop_after = sql.stop_after;
    screen.measure();
    let way = Way { keep_going: false, chatty: false };
    let exit = play::play(desk, sql.text, way, screen, interrupt);
    (screen.changelog, screen.stop_after) = (before, None);
    exit
}

fn say(text: &str, screen: &mut Screen) -> io::Result<()> {
    writeln!(screen.results()?, "{text}")?;
    screen.flush()
}

/// A folder that is removed when the tour ends.
struct Folder(PathBuf);

impl Folder {
    fn new() -> io::Result<Folder> {
        let own = format!("millstream-demo-{}", std::process::id());
        let path = std::env::temp_dir().join(own);
        remove(&path)?;
        fs::create_dir_all(&path)?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed lies in the system's folder for temporary files, which is where it belongs.
        let _ = remove(&self.0);
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
