//! A function that aborts, overflows its stack or touches memory that is not its own takes the process of its job
//! along. What can be done is to say whose fault it was, and to end with the code of a query that failed: each
//! thread notes the library in whose code it is, and whoever brings the process down is found by that note.

use std::cell::Cell;
use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::sync::{Once, OnceLock};

thread_local! {
    /// The sentence about the library in which this thread computes; empty outside.
    static RUNNING: Cell<&'static str> = const { Cell::new("") };
}

/// The code of a query that failed.
const FAILED: c_int = 1;
/// The signals of a process that cannot go on.
const FATAL: [c_int; 5] = [libc::SIGABRT, libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE];

/// What answered these signals before: std's own, which tells of an overflow of the stack.
static BEFORE: OnceLock<[libc::sigaction; FATAL.len()]> = OnceLock::new();

/// Computes with `sentence` as what is said if the process ends meanwhile.
pub fn computing<T>(sentence: &'static str, work: impl FnOnce() -> T) -> T {
    listen();
    let outer = RUNNING.replace(sentence);
    let done = work();
    RUNNING.set(outer);
    done
}

fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let mut before: [MaybeUninit<libc::sigaction>; FATAL.len()] = [const { MaybeUninit::zeroed() }; FATAL.len()];
        // SAFETY: both actions are valid; all of zero is one that does nothing, and the handler does only what a
        // handler may.
        unsafe {
            let mut action: libc::sigaction = MaybeUninit::zeroed().assume_init();
            action.sa_sigaction = told as extern "C" fn(c_int) as libc::sighandler_t;
            // A stack that has overflowed cannot be stood on.
            action.sa_flags = libc::SA_ONSTACK | libc::SA_NODEFER;
            for (signal, before) in FATAL.iter().zip(&mut before) {
                libc::sigaction(*signal, &action, before.as_mut_ptr());
            }
            // Set once, here. Whoever is told before it is set finds none and ends the process.
            let _ = BEFORE.set(before.map(|before| before.assume_init()));
            libc::atexit(left);
        }
    });
}

/// The process cannot go on.
extern "C" fn told(signal: c_int) {
    say();
    let before = FATAL.iter().position(|fatal| *fatal == signal).zip(BEFORE.get());
    // SAFETY: an action that was there goes back; the signal comes again when the handler returns, or is raised.
    unsafe {
        match before {
            Some((at, before)) => libc::sigaction(signal, &before[at], std::ptr::null_mut()),
            None => libc::_exit(FAILED),
        };
        if signal == libc::SIGABRT {
            libc::raise(signal);
        }
    }
}

/// The process is left by `exit`.
extern "C" fn left() {
    say();
}

/// If a function runs on this thread: says so, and ends the process. Writes and leaves, which a handler may.
fn say() {
    let sentence = RUNNING.get();
    if !sentence.is_empty() {
        // SAFETY: the text lives for ever.
        unsafe {
            libc::write(libc::STDERR_FILENO, sentence.as_ptr().cast(), sentence.len());
            libc::_exit(FAILED);
        }
    }
}
