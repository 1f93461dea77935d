//! A panic of a user's function is an error of the row it was working on, with the line it happened in.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use crate::{Built, Outcome};

/// Why a function gave nothing for a batch.
#[derive(Debug)]
pub struct Failure {
    /// The row it was working on, if it was one.
    pub row: Option<usize>,
    /// The end of a sentence that begins with the function's name.
    pub message: String,
}

thread_local! {
    static PANICKED: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Does work that says in the cell which row it is at.
pub fn guarded(work: impl FnOnce(&Cell<Option<usize>>) -> Result<Built, String>) -> Outcome {
    listen();
    let row = Cell::new(None);
    let done = catch_unwind(AssertUnwindSafe(|| work(&row)));
    let message = match done {
        Ok(Ok(built)) => return Ok(built),
        Ok(Err(message)) => message,
        Err(_) => PANICKED.take().unwrap_or_else(|| "panicked".to_string()),
    };
    Err(Failure { row: row.get(), message })
}

/// Keeps what a panic says, instead of writing it to a terminal that belongs to somebody else.
fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|panic| {
            let said = panic.payload_as_str().unwrap_or("without a word");
            let place = panic.location().filter(|place| place.file().ends_with("cell.rs"));
            let place = place.map(|place| format!(" at line {} of its cell", place.line())).unwrap_or_default();
            PANICKED.set(Some(format!("panicked{place}: {said}")));
        }));
    });
}
