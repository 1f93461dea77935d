//! Looks at a text while it is typed, in the background: a thread waits until the typing rests, plans what is
//! there and keeps what it found wrong. The keys never wait for it; it asks for a redraw when it has news.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::names::Names;
use millstream_session::{Mark, Span};

/// So long the typing rests before it is looked at.
const REST: Duration = Duration::from_millis(150);
/// Longer texts are not looked at while they are typed.
const LONGEST: usize = 20_000;

/// Asks the line editor to draw its line anew.
pub type Redraw = Arc<dyn Fn() + Send + Sync>;

/// What was typed last and what was found wrong last.
pub struct Review {
    desk: Mutex<Desk>,
    bell: Condvar,
}

#[derive(Default)]
struct Desk {
    /// The newest text with its cursor.
    typed: Option<(String, usize)>,
    /// Counts the texts, so that one sees whether there is a newer one.
    number: u64,
    /// The text that was looked at, and what is wrong with it.
    found: (String, Vec<Mark>),
    ended: bool,
}

impl Review {
    /// Starts the thread. It ends when the returned keeper is dropped.
    pub fn start(names: Arc<Names>, redraw: Redraw) -> Keeper {
        let review = Arc::new(Review { desk: Mutex::default(), bell: Condvar::new() });
        let own = review.clone();
        // Without the thread nothing is marked while typing; the statement says it all the same.
        let thread = std::thread::Builder::new().name("review".into()).spawn(move || own.run(&names, &redraw));
        Keeper { review, thread: thread.ok() }
    }

    /// Takes the newest text, and says what is wrong with as much of it as was looked at.
    pub fn look(&self, text: &str, cursor: usize) -> Vec<Mark> {
        let mut desk = self.desk.lock().unwrap_or_else(PoisonError::into_inner);
        let same = desk.typed.as_ref().is_some_and(|(known, at)| known == text && *at == cursor);
        if !same && text.len() <= LONGEST {
            desk.typed = Some((text.to_string(), cursor));
            desk.number += 1;
            self.bell.notify_one();
        }
        // What stands before the first change is as it was.
        let unchanged = desk.found.0.bytes().zip(text.bytes()).take_while(|(old, new)| old == new).count();
        let holds = |span: Span| span.end < unchanged || (desk.found.0 == text);
        desk.found.1.iter().filter(|mark| holds(mark.span)).cloned().collect()
    }

    fn run(&self, names: &Names, redraw: &Redraw) {
        let mut seen = 0;
        while let Some((number, text, cursor)) = self.next(seen) {
            seen = number;
            let marks =
                if text.trim_start().starts_with('\\') { Vec::new() } else { names.now().review(&text, cursor) };
            let mut desk = self.desk.lock().unwrap_or_else(PoisonError::into_inner);
            let news = desk.found.1 != marks;
            desk.found = (text, marks);
            drop(desk);
            if news {
                redraw();
            }
        }
    }

    /// The next text, once the typing rests; `None` at the end.
    fn next(&self, seen: u64) -> Option<(u64, String, usize)> {
        let mut desk = self.desk.lock().unwrap_or_else(PoisonError::into_inner);
        desk = self
            .bell
            .wait_while(desk, |desk| desk.number == seen && !desk.ended)
            .unwrap_or_else(PoisonError::into_inner);
        loop {
            let number = desk.number;
            let changed = |desk: &mut Desk| desk.number == number && !desk.ended;
            let waited = self.bell.wait_timeout_while(desk, REST, changed);
            let (now, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            desk = now;
            if desk.ended {
                return None;
            }
            if timeout.timed_out() {
                let (text, cursor) = desk.typed.clone()?;
                return Some((desk.number, text, cursor));
            }
        }
    }
}

/// Ends the thread when it is dropped.
pub struct Keeper {
    review: Arc<Review>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Keeper {
    /// The review, to be asked.
    pub fn review(&self) -> Arc<Review> {
        self.review.clone()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.review.desk.lock().unwrap_or_else(PoisonError::into_inner).ended = true;
        self.review.bell.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic in it has been reported by the hook; there is nothing to add.
            let _ = thread.join();
        }
    }
}
