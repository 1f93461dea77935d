//! The whole terminal, taken and given back: the other screen, keys one by one, the mouse. It is given back when this is
//! dropped, and by [`terminal`] when the program panics or ends in between.

use std::io::{self, Stdout, Write};
use std::time::Duration;

use crossterm::event::{self, Event, KeyEvent, KeyEventKind, MouseEvent};
use millstream_session::base64;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;

use super::frame;
use super::state::State;
use crate::terminal;

/// A text on the clipboard is cut behind so many bytes: terminals take no more.
const CLIPBOARD: usize = 64 * 1024;

/// The terminal while a screen has it.
pub struct Canvas {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    _taken: terminal::Whole,
}

/// What was heard.
pub enum Heard {
    /// A key.
    Key(KeyEvent),
    /// The mouse.
    Mouse(MouseEvent),
    /// The terminal has another size.
    Resized,
}

impl Canvas {
    /// Takes the terminal.
    pub fn take() -> io::Result<Canvas> {
        let taken = terminal::Whole::take()?;
        let mut terminal = Terminal::new(CrosstermBackend::new(io::stdout()))?;
        terminal.clear()?;
        Ok(Canvas { terminal, _taken: taken })
    }

    /// The size of the screen.
    pub fn area(&self) -> io::Result<Rect> {
        let size = self.terminal.size()?;
        Ok(Rect::new(0, 0, size.width, size.height))
    }

    /// Draws. Only what has changed is sent.
    pub fn draw(&mut self, state: &State) -> io::Result<()> {
        self.terminal.draw(|frame| {
            let area = frame.area();
            frame::draw(state, area, frame.buffer_mut());
        })?;
        Ok(())
    }

    /// Waits for a key or the mouse, at most so long.
    pub fn hear(&self, wait: Duration) -> io::Result<Option<Heard>> {
        if !event::poll(wait)? {
            return Ok(None);
        }
        Ok(match event::read()? {
            Event::Key(key) if key.kind != KeyEventKind::Release => Some(Heard::Key(key)),
            Event::Mouse(mouse) => Some(Heard::Mouse(mouse)),
            Event::Resize(..) => Some(Heard::Resized),
            _ => None,
        })
    }

    /// Puts a text on the clipboard of the terminal (OSC 52), also through a connection to another machine.
    pub fn copy(&mut self, text: &str) -> io::Result<()> {
        let end = text.floor_char_boundary(CLIPBOARD);
        let mut letters = String::new();
        base64(&mut letters, &text.as_bytes()[..end]);
        let mut out = io::stdout();
        write!(out, "\x1b]52;c;{letters}\x07")?;
        out.flush()
    }
}
