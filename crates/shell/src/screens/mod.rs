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
mod scrub;
mod spark;
mod state;
mod table;
#[cfg(test)]
mod tests;
pub mod theme;
mod timeline;

use std::io;
use std::time::{Duration, Instant};

use millstream_session::watch::{Control, Deck, Feed};
use millstream_session::{Fault, RunState, Session, Watched, Zone};
use ratatui::layout::Rect;

use crate::desk::{self, Desk};
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::live;
use crate::screen::Screen;
use act::Effect;
use canvas::{Canvas, Heard};
use state::State;
use theme::Theme;

/// A picture is drawn anew so often while nothing is pressed.
const EVERY: Duration = Duration::from_millis(125);
/// Drawing takes at most this part of the time: a terminal that is slow is drawn less often.
const SHARE: u32 = 4;
/// A tape is played for at most so long before the screen is drawn.
const PLAYED: Duration = Duration::from_millis(80);
/// For so long keys are waited for before signals are looked at.
const LOOK: Duration = Duration::from_millis(25);

/// Shows steps until the user wants the prompt back. What became of their records is said behind.
pub fn watch(
    watched: Vec<Watched>,
    desk: &Desk,
    screen: &mut Screen,
    interrupt: &Interrupt,
) -> io::Result<Result<Exit, Fault>> {
    let zone = screen.look.zone;
    let stage = match Stage::of(watched, desk, interrupt, zone) {
        Ok(stage) => stage,
        Err(fault) => return Ok(Err(fault)),
    };
    let mut state = State::new(stage.feeds.iter().map(Feed::name), theme(screen), screen.keys.clone(), zone);
    screen.results()?;
    screen.flush()?;
    let shown = {
        let mut canvas = Canvas::take()?;
        stage.show(&mut state, &mut canvas, interrupt)?
    };
    stage.feeds.iter().for_each(Feed::stop);
    stage.deck.iter().for_each(Deck::leave);
    let mut exit = shown.map(|()| Exit::Ok);
    for feed in stage.feeds {
        let name = feed.name().to_string();
        let late = move |ended: Option<_>| ended.map_or_else(String::new, |ended| live::told_later(ended, false));
        match desk::aside(interrupt, screen.later.clone(), move || feed.finish(), late)? {
            Ok(Some(Some(Ok(finished)))) => live::close(&format!("{name} · "), &finished, screen)?,
            Ok(Some(Some(Err(fault)))) | Err(fault) => exit = exit.and(Err(fault)),
            Ok(Some(None) | None) => {}
        }
    }
    Ok(exit)
}

/// What is shown: the feeds of the steps, and the play-head if they are over a tape.
struct Stage<'a> {
    feeds: Vec<Feed>,
    deck: Option<Deck>,
    desk: &'a Desk,
}

/// The theme that was chosen, or that fits the terminal. Without colour there is one.
fn theme(screen: &Screen) -> Theme {
    let ground = std::env::var("COLORFGBG").ok();
    let fitting = Theme::fitting(screen.look.color, ground.as_deref());
    screen.theme.filter(|_| screen.look.color).unwrap_or(fitting)
}

impl<'a> Stage<'a> {
    /// In a replay one play-head moves all steps; else each has its run.
    fn of(watched: Vec<Watched>, desk: &'a Desk, interrupt: &Interrupt, zone: Zone) -> Result<Stage<'a>, Fault> {
        let steps = watched.iter().map(|watched| watched.step.clone()).collect();
        let Some(deck) = desk.ask(interrupt, move |session| session.deck(steps))?? else {
            let feeds = watched.into_iter().map(|watched| Feed::start(watched, zone)).collect::<Result<_, _>>()?;
            return Ok(Stage { feeds, deck: None, desk });
        };
        for Watched { run, live, .. } in watched {
            live.stop();
            run.end(RunState::Stopped);
        }
        let feeds = deck.feeds(zone)?;
        Ok(Stage { feeds, deck: Some(deck), desk })
    }

    /// The loop: pictures come in, keys are heard, the screen is drawn when something may have changed.
    fn show(&self, state: &mut State, canvas: &mut Canvas, interrupt: &Interrupt) -> io::Result<Result<(), Fault>> {
        let mut due = Instant::now();
        loop {
            if interrupt.raised() {
                return Ok(Ok(()));
            }
            if Instant::now() >= due {
                if let Err(fault) = self.play(state) {
                    return Ok(Err(fault));
                }
                let began = Instant::now();
                if let Err(fault) = self.picture(state, canvas.area()?) {
                    return Ok(Err(fault));
                }
                canvas.draw(state)?;
                due = began + EVERY.max(SHARE * began.elapsed());
            }
            let wait = due.saturating_duration_since(Instant::now()).min(LOOK);
            let Some(heard) = canvas.hear(wait)? else { continue };
            let effect = match heard {
                Heard::Key(key) => act::key(state, &key),
                Heard::Mouse(mouse) => act::mouse(state, &mouse, canvas.area()?),
                Heard::Resized => Effect::None,
            };
            match effect {
                Effect::Leave => return Ok(Ok(())),
                Effect::Copy(text) => canvas.copy(&text)?,
                effect => {
                    if let Err(fault) = self.apply(effect, state, interrupt) {
                        return Ok(Err(fault));
                    }
                }
            }
            due = Instant::now();
        }
    }

    /// Plays what is due of the tape.
    fn play(&self, state: &mut State) -> Result<(), Fault> {
        if let Some(deck) = &self.deck {
            let began = Instant::now();
            while deck.advance(&self.feeds)? && began.elapsed() < PLAYED {}
            state.tape = Some(deck.standing());
        }
        Ok(())
    }

    /// Asks for a picture of the step that is shown.
    fn picture(&self, state: &mut State, area: Rect) -> Result<(), Fault> {
        // A picture that begins elsewhere than where the cursor is asks for one more, which begins where this one ended.
        for _ in 0..2 {
            let page = frame::page(state, area);
            let scene = self.feeds[state.step].scene(&state.ask(page))?;
            if state.take(scene, page) {
                break;
            }
        }
        Ok(())
    }

    /// Does what reaches beyond the state and the terminal.
    fn apply(&self, effect: Effect, state: &mut State, interrupt: &Interrupt) -> Result<(), Fault> {
        match (effect, &self.deck) {
            (Effect::Hold(hold), _) => self.feeds.iter().try_for_each(|feed| feed.freeze(hold))?,
            (Effect::Advance, _) => self.feeds.iter().try_for_each(|feed| feed.freeze(true))?,
            (Effect::Sketch(words), _) => match self.feeds[state.step].sketch(&words) {
                Ok(sketch) => state.shown_mut().sketch = Some(sketch),
                Err(fault) => state.said = Some(shown(&fault)),
            },
            (Effect::Tape(control), Some(deck)) => deck.control(&self.feeds, &control)?,
            (Effect::Statement(text), Some(deck)) => {
                let work = move |session: &mut Session| session.execute(&text).next().transpose().map(drop);
                match self.desk.ask(interrupt, work)? {
                    Ok(()) => deck.control(&self.feeds, &Control::Moved)?,
                    Err(fault) => state.said = Some(shown(&fault)),
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn shown(fault: &Fault) -> String {
    millstream_session::gate::shown(&fault.message).into_owned()
}
