//! Steps on the whole screen: `WATCH`. This file is the rim: it takes the terminal, asks the feeds of the steps for
//! pictures, hears keys, and gives the terminal back. What is shown is decided by the state ([`state`], [`act`]), which
//! knows no terminal, and drawn by one file a view, which knows nothing but the state.

mod act;
mod aside;
mod canvas;
mod changes;
mod chart;
mod command;
mod flow;
mod frame;
mod grid;
mod help;
mod history;
pub mod keys;
mod spark;
mod state;
mod table;
#[cfg(test)]
mod tests;
pub mod theme;
mod timeline;

use std::io;
use std::time::{Duration, Instant};

use millstream_session::watch::Feed;
use millstream_session::{Fault, Finished, Watched, count};

use crate::desk;
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::screen::Screen;
use act::Effect;
use canvas::{Canvas, Heard};
use state::State;
use theme::Theme;

/// A picture is drawn anew so often while nothing is pressed.
const EVERY: Duration = Duration::from_millis(125);
/// Drawing takes at most this part of the time: a terminal that is slow is drawn less often.
const SHARE: u32 = 4;
/// For so long keys are waited for before signals are looked at.
const LOOK: Duration = Duration::from_millis(25);

/// Shows steps until the user wants the prompt back. What became of their records is said behind.
pub fn watch(watched: Vec<Watched>, screen: &mut Screen, interrupt: &Interrupt) -> io::Result<Result<Exit, Fault>> {
    let zone = screen.look.zone;
    let feeds = match watched.into_iter().map(|watched| Feed::start(watched, zone)).collect::<Result<Vec<_>, _>>() {
        Ok(feeds) => feeds,
        Err(fault) => return Ok(Err(fault)),
    };
    let mut state = State::new(feeds.iter().map(Feed::name), theme(screen), screen.keys.clone(), zone);
    screen.results()?;
    screen.flush()?;
    let shown = {
        let mut canvas = Canvas::take()?;
        show(&feeds, &mut state, &mut canvas, interrupt)?
    };
    feeds.iter().for_each(Feed::stop);
    let mut exit = shown.map(|()| Exit::Ok);
    for feed in feeds {
        let name = feed.name().to_string();
        let ended = desk::aside(interrupt, move || feed.finish())?.and_then(|ended| ended);
        match ended {
            Ok(finished) => tell(&name, &finished, screen)?,
            Err(fault) => exit = exit.and(Err(fault)),
        }
    }
    Ok(exit)
}

/// The theme that was chosen, or that fits the terminal. Without colour there is one.
fn theme(screen: &Screen) -> Theme {
    let ground = std::env::var("COLORFGBG").ok();
    let fitting = Theme::fitting(screen.look.color, ground.as_deref());
    screen.theme.filter(|_| screen.look.color).unwrap_or(fitting)
}

/// Says what became of the records of a step that is no longer watched.
fn tell(name: &str, finished: &Finished, screen: &mut Screen) -> io::Result<()> {
    for account in &finished.accounts {
        screen.aside(&format!("{name} · {}", account.line()))?;
    }
    for (table, number) in &finished.asides {
        let table = millstream_session::gate::shown(table);
        screen.note(&format!("{} set aside: SELECT * FROM `{table}`;", count(*number)))?;
    }
    Ok(())
}

/// The loop: pictures come in, keys are heard, the screen is drawn when something may have changed.
fn show(
    feeds: &[Feed],
    state: &mut State,
    canvas: &mut Canvas,
    interrupt: &Interrupt,
) -> io::Result<Result<(), Fault>> {
    let mut due = Instant::now();
    loop {
        if interrupt.raised() {
            return Ok(Ok(()));
        }
        if Instant::now() >= due {
            let began = Instant::now();
            if let Err(fault) = picture(feeds, state, canvas)? {
                return Ok(Err(fault));
            }
            due = began + EVERY.max(SHARE * began.elapsed());
        }
        let wait = due.saturating_duration_since(Instant::now()).min(LOOK);
        let Some(heard) = canvas.hear(wait)? else { continue };
        let effect = match heard {
            Heard::Key(key) => act::key(state, &key),
            Heard::Mouse(mouse) => {
                let area = canvas.area()?;
                act::mouse(state, &mouse, area);
                Effect::None
            }
            Heard::Resized => Effect::None,
        };
        match apply(effect, feeds, state, canvas)? {
            Ok(true) => return Ok(Ok(())),
            Ok(false) => due = Instant::now(),
            Err(fault) => return Ok(Err(fault)),
        }
    }
}

/// Asks for a picture and draws it.
fn picture(feeds: &[Feed], state: &mut State, canvas: &mut Canvas) -> io::Result<Result<(), Fault>> {
    let area = canvas.area()?;
    // A picture that begins elsewhere than where the cursor is asks for one more; the second begins where the first ended.
    for _ in 0..2 {
        let page = frame::page(state, area);
        let scene = match feeds[state.step].scene(&state.ask(page)) {
            Ok(scene) => scene,
            Err(error) => return Ok(Err(error.into())),
        };
        if state.take(scene, page) {
            break;
        }
    }
    canvas.draw(state)?;
    Ok(Ok(()))
}

/// Does what reaches beyond the state. `true` to leave.
fn apply(effect: Effect, feeds: &[Feed], state: &mut State, canvas: &mut Canvas) -> io::Result<Result<bool, Fault>> {
    let hold = |hold: bool| feeds.iter().try_for_each(|feed| feed.freeze(hold));
    match effect {
        Effect::None => {}
        Effect::Leave => return Ok(Ok(true)),
        Effect::Copy(text) => canvas.copy(&text)?,
        Effect::Hold(on) => {
            if let Err(error) = hold(on) {
                return Ok(Err(error.into()));
            }
        }
        Effect::Advance => {
            if let Err(error) = hold(true) {
                return Ok(Err(error.into()));
            }
        }
        Effect::Sketch(words) => match feeds[state.step].sketch(&words) {
            Ok(sketch) => state.shown_mut().sketch = Some(sketch),
            Err(fault) => state.said = Some(millstream_session::gate::shown(&fault.message).into_owned()),
        },
    }
    Ok(Ok(false))
}
