//! Asks for a value that a declaration only names, `${ask:…}`: a line on the terminal that shows nothing of what is
//! typed. The session asks while the prompt waits for it, so nobody else reads the keys.

use std::io::{self, Write};
use std::time::Duration;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, poll, read};
use crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use millstream_session::{Asker, Class, Fault, Stop, gate};

/// How long one waits for a key before looking whether anybody still wants the answer.
const LOOK: Duration = Duration::from_millis(50);

/// Asks whoever sits at the terminal.
pub struct Terminal;

impl Asker for Terminal {
    fn ask(&self, prompt: &str) -> Result<String, Fault> {
        let shown = gate::shown(prompt);
        let failed = |error: io::Error| Fault::usage(format!("{shown} cannot be asked for: {error}"));
        let given = || Fault::new(Class::Interrupted, "E0709", format!("{shown} was not given"));
        let mut out = io::stderr();
        write!(out, "{shown}: ").and_then(|()| out.flush()).map_err(failed)?;
        enable_raw_mode().map_err(failed)?;
        let typed = typed(&Stop::attended());
        disable_raw_mode().map_err(failed)?;
        writeln!(out).map_err(failed)?;
        typed.map_err(failed)?.ok_or_else(given)
    }
}

/// The line that is typed; `None` if it is given up.
fn typed(stop: &Stop) -> io::Result<Option<String>> {
    let mut text = String::new();
    while !stop.raised() {
        if !poll(LOOK)? {
            continue;
        }
        match read()? {
            Event::Paste(pasted) => text.push_str(pasted.trim_end_matches(['\r', '\n'])),
            Event::Key(KeyEvent { code, modifiers, kind: KeyEventKind::Press | KeyEventKind::Repeat, .. }) => {
                let control = modifiers.contains(KeyModifiers::CONTROL);
                match code {
                    KeyCode::Enter => return Ok(Some(text)),
                    KeyCode::Char('j' | 'm') if control => return Ok(Some(text)),
                    KeyCode::Esc => return Ok(None),
                    KeyCode::Char('c' | 'd') if control => return Ok(None),
                    KeyCode::Char('u') if control => text.clear(),
                    KeyCode::Backspace => drop(text.pop()),
                    KeyCode::Char(c) if !control => text.push(c),
                    _ => {}
                }
            }
            _ => {}
        }
    }
    Ok(None)
}
