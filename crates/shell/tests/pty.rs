//! A terminal for the program: a pseudo-terminal with vt100 behind it, which says what a human would see.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::program;

/// How long anything on the screen may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The program on a terminal.
pub struct Terminal {
    keyboard: File,
    screen: Arc<Mutex<vt100::Parser<Heard>>>,
    child: Child,
    reader: Option<JoinHandle<()>>,
}

/// What a terminal is asked to do besides drawing.
#[derive(Default)]
pub struct Heard {
    /// Titles that were set.
    pub titles: Vec<String>,
    /// Texts that were put on the clipboard.
    pub clipboard: Vec<String>,
}

impl vt100::Callbacks for Heard {
    fn set_window_title(&mut self, _: &mut vt100::Screen, title: &[u8]) {
        self.titles.push(String::from_utf8_lossy(title).into());
    }

    fn copy_to_clipboard(&mut self, _: &mut vt100::Screen, _: &[u8], data: &[u8]) {
        self.clipboard.push(String::from_utf8_lossy(data).into());
    }
}

impl Terminal {
    /// Starts the program on a terminal of this size.
    pub fn start(folder: &Path, arguments: &[&str], rows: u16, columns: u16, term: &str) -> Terminal {
        Terminal::with(folder, arguments, rows, columns, &[("TERM", term)])
    }

    /// The same with these variables in the environment.
    pub fn with(folder: &Path, arguments: &[&str], rows: u16, columns: u16, environment: &[(&str, &str)]) -> Terminal {
        Terminal::program(&program::binary(), folder, arguments, (rows, columns), environment)
    }

    /// Another program, or the same, on a terminal of so many rows and columns.
    pub fn program(
        program: &Path,
        folder: &Path,
        arguments: &[&str],
        (rows, columns): (u16, u16),
        environment: &[(&str, &str)],
    ) -> Terminal {
        let (master, slave) = open(rows, columns);
        let mut command = Command::new(program);
        program::clean(&mut command, folder);
        command.args(arguments).envs(environment.iter().copied());
        let stream = || Stdio::from(slave.try_clone().expect("can be doubled"));
        command.stdin(stream()).stdout(stream()).stderr(stream());
        // SAFETY: both calls are allowed between fork and exec, and touch nothing of the parent.
        unsafe {
            command.pre_exec(|| {
                if libc::setsid() < 0 || libc::ioctl(0, libc::TIOCSCTTY, 0) < 0 {
                    return Err(std::io::Error::last_os_error());
                }
                Ok(())
            });
        }
        let child = command.spawn().expect("the binary is there");
        drop(slave);
        let screen =
            Arc::new(Mutex::new(vt100::Parser::new_with_callbacks(size(rows), size(columns), 2000, Heard::default())));
        let (mut source, target) = (master.try_clone().expect("can be doubled"), screen.clone());
        let mut answers = master.try_clone().expect("can be doubled");
        let reader = std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count) = source.read(&mut bytes) {
                if count == 0 {
                    break;
                }
                let mut screen = target.lock().expect("nobody panics with it");
                screen.process(&bytes[..count]);
                // A line editor asks where the cursor is; a terminal answers.
                if bytes[..count].windows(4).any(|four| four == b"\x1b[6n") {
                    let (row, column) = screen.screen().cursor_position();
                    let _ = write!(answers, "\x1b[{};{}R", row + 1, column + 1);
                }
            }
        });
        Terminal { keyboard: master, screen, child, reader: Some(reader) }
    }

    /// Types.
    pub fn keys(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("the terminal is open");
    }

    /// What the screen shows, line by line.
    pub fn shown(&self) -> String {
        self.screen.lock().expect("nobody panics with it").screen().contents()
    }

    /// Looks at the screen with its attributes and at what else was heard.
    pub fn look<T>(&self, at: impl FnOnce(&vt100::Parser<Heard>) -> T) -> T {
        at(&self.screen.lock().expect("nobody panics with it"))
    }

    /// Waits until the screen shows this.
    pub fn wait_for(&self, text: &str) {
        self.wait_until(text, |shown| shown.contains(text));
    }

    /// Waits until the editor waits for keys: its mark stands on the last line that is not empty.
    pub fn wait_for_prompt(&self) {
        self.wait_until("the prompt", ends_in_mark);
    }

    /// Waits until keys go to the editor and no longer to whatever runs: not only its mark is there.
    pub fn wait_for_editor(&self) {
        self.wait_until("the editor", |shown| self.edits(shown));
    }

    /// Whether keys go to the editor.
    pub fn is_editing(&self) -> bool {
        self.edits(&self.shown())
    }

    fn edits(&self, shown: &str) -> bool {
        ends_in_mark(shown) && !self.is_cooked() && !self.is_whole()
    }

    /// Ctrl-D, once it goes to the editor: a key that comes before is lost when the terminal changes its ways.
    pub fn leave(&mut self) {
        self.wait_for_editor();
        self.keys("\x04");
    }

    /// Clears the screen but for the prompt; above the mark there may be a line about what runs.
    pub fn clear(&mut self) {
        self.keys("\x0c");
        self.wait_until("a clear screen", |shown| self.edits(shown) && shown.trim().lines().count() <= 2);
    }

    /// Types a line on a clear screen and waits until it is taken: before that Ctrl-C is a key of the editor, from then
    /// on it is a signal, or a key of the screen that is watched.
    pub fn submit(&mut self, line: &str) {
        self.clear();
        let cleared = self.shown();
        self.keys(&format!("{line}\r"));
        self.wait_until("the line to be taken", |shown| {
            self.is_whole() || self.is_cooked() || (ends_in_mark(shown) && *shown != *cleared)
        });
    }

    /// Whether something fills the whole screen.
    pub fn is_whole(&self) -> bool {
        self.look(|parser| parser.screen().alternate_screen())
    }

    /// Waits until the screen is as wanted.
    pub fn wait_until(&self, what: &str, wanted: impl Fn(&str) -> bool) {
        let began = Instant::now();
        while !wanted(&self.shown()) {
            assert!(began.elapsed() < PATIENCE, "waited in vain for {what}:\n{}", self.shown());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for the end of the program, and until the screen shows all that it has written.
    pub fn exit_code(&mut self) -> Option<i32> {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait().expect("a child") {
                // Reading ends when nobody holds the other side of the terminal any more.
                if let Some(reader) = self.reader.take() {
                    reader.join().expect("no panic");
                }
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("the program does not end:\n{}", self.shown());
    }

    /// Sends a signal to the program.
    pub fn signal(&self, signal: i32) {
        let id = i32::try_from(self.child.id()).expect("a process has a small number");
        // SAFETY: kill takes any number; the child has not been waited for, so its number is still its own.
        assert_eq!(unsafe { libc::kill(id, signal) }, 0, "{}", std::io::Error::last_os_error());
    }

    /// Whether the terminal is in the state in which a shell leaves it: lines are edited and echoed by it.
    pub fn is_cooked(&self) -> bool {
        use std::os::fd::AsRawFd;
        let mut settings = std::mem::MaybeUninit::<libc::termios>::zeroed();
        // SAFETY: the descriptor is open, and tcgetattr fills the structure when it returns 0.
        let settings = unsafe {
            assert_eq!(libc::tcgetattr(self.keyboard.as_raw_fd(), settings.as_mut_ptr()), 0);
            settings.assume_init()
        };
        settings.c_lflag & (libc::ICANON | libc::ECHO) == libc::ICANON | libc::ECHO
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended long ago.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether the mark of the prompt stands on the last line that is not empty.
fn ends_in_mark(shown: &str) -> bool {
    shown.lines().map(str::trim_end).rfind(|line| !line.is_empty()) == Some(">")
}

fn size(cells: u16) -> std::num::NonZeroU16 {
    cells.try_into().expect("a screen has cells")
}

fn open(rows: u16, columns: u16) -> (File, OwnedFd) {
    let size = libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    let (mut master, mut slave) = (-1, -1);
    // SAFETY: openpty fills both numbers when it returns 0, and they are descriptors that nobody else owns.
    unsafe {
        let opened = libc::openpty(&mut master, &mut slave, std::ptr::null_mut(), std::ptr::null(), &size);
        assert_eq!(opened, 0, "{}", std::io::Error::last_os_error());
        (File::from_raw_fd(master), OwnedFd::from_raw_fd(slave))
    }
}
