//! What the terminal is like, and leaving it as it was found.

use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::args::When;

/// Whether text on this stream may be coloured.
pub fn colored(when: When, stream: &impl IsTerminal) -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    match when {
        When::Always => true,
        When::Never => false,
        When::Auto if set("NO_COLOR") || is_dumb() => false,
        When::Auto => stream.is_terminal() || set("CLICOLOR_FORCE"),
    }
}

/// Whether the terminal knows no cursor movement.
pub fn is_dumb() -> bool {
    std::env::var("TERM").is_ok_and(|term| term == "dumb")
}

/// Columns and rows of the terminal, if there is one.
pub fn size() -> Option<(usize, usize)> {
    let (columns, rows) = crossterm::terminal::size().ok()?;
    (columns > 0 && rows > 0).then_some((usize::from(columns), usize::from(rows)))
}

/// Gives the terminal back when it is dropped, and when the program panics.
pub struct Restore(());

impl Restore {
    /// From here on a panic gives the terminal back before it speaks.
    pub fn on_leaving() -> Restore {
        let speak = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            give_back();
            speak(panic);
        }));
        Restore(())
    }
}

impl Drop for Restore {
    fn drop(&mut self) {
        give_back();
    }
}

/// The whole terminal: another screen than that of the shell, keys as they are pressed, the mouse. Given back when it is
/// dropped, and when the program panics.
pub struct Whole(());

/// Whether somebody has the whole terminal: giving back what was not taken would move the cursor.
static WHOLE: AtomicBool = AtomicBool::new(false);

impl Whole {
    /// Takes it.
    pub fn take() -> io::Result<Whole> {
        crossterm::terminal::enable_raw_mode()?;
        WHOLE.store(true, Ordering::SeqCst);
        let whole = Whole(());
        crossterm::execute!(
            io::stdout(),
            crossterm::terminal::EnterAlternateScreen,
            crossterm::event::EnableMouseCapture,
            crossterm::cursor::Hide
        )?;
        Ok(whole)
    }
}

impl Drop for Whole {
    fn drop(&mut self) {
        leave_whole();
        let _ = crossterm::terminal::disable_raw_mode();
    }
}

fn leave_whole() {
    if WHOLE.swap(false, Ordering::SeqCst) {
        // The terminal may be gone; there is nobody left to tell.
        let _ = crossterm::execute!(
            io::stdout(),
            crossterm::event::DisableMouseCapture,
            crossterm::terminal::LeaveAlternateScreen,
            crossterm::cursor::Show
        );
    }
}

fn give_back() {
    leave_whole();
    // The terminal may be gone; there is nobody left to tell.
    let _ = crossterm::terminal::disable_raw_mode();
    if std::io::stdout().is_terminal() && !is_dumb() {
        let _ = crossterm::execute!(
            std::io::stdout(),
            crossterm::event::DisableBracketedPaste,
            crossterm::cursor::Show,
            crossterm::style::ResetColor
        );
    }
}
