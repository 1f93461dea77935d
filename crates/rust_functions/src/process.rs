//! Functions in a process of their own: what loops for ever there is stopped, what aborts there ends that process
//! alone. Columns are written into a file in memory that both sides have open and read from there; a few numbers
//! over a socket say what lies where (`support/serve.rs` is the other side). A process that is idle is kept for
//! the next batch; each thread that calls has its own.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use arrow::array::ArrayRef;
use millstream_record::Stop;

use crate::share::{self, Described};
use crate::{Failed, Task};

/// How long a wait goes on before it looks whether it was stopped.
const LOOK: Duration = Duration::from_millis(20);
/// So many idle processes of one library are kept.
const KEPT: usize = 4;
/// Of what a process said before it died, so much is told.
const LAST_WORDS: usize = 300;
/// A file system in memory, where there is one.
const MEMORY: &str = "/dev/shm";

/// The processes of one library.
pub struct Apart {
    host: PathBuf,
    library: PathBuf,
    idle: Mutex<Vec<Worker>>,
}

/// A process that computes functions.
struct Worker {
    child: Child,
    socket: UnixStream,
    region: File,
    words: File,
}

/// Why a process gave no answer.
enum Broken {
    Stopped,
    Io(io::Error),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Broken::Io(error)
    }
}

impl Apart {
    /// Processes for this library; none is started yet.
    pub fn new(host: PathBuf, library: PathBuf) -> Apart {
        Apart { host, library, idle: Mutex::default() }
    }

    /// Does a task in an idle process, or in a new one.
    pub fn run(&self, task: &Task<'_>) -> Result<ArrayRef, Failed> {
        let stop = Stop::attended();
        let lock = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = lock().pop();
        let started = idle.map_or_else(|| Worker::start(&self.host, &self.library, &stop), Ok);
        let said = |message: String| Failed { row: None, message };
        let mut worker = started.map_err(|broken| match broken {
            Broken::Stopped => said("was stopped".into()),
            Broken::Io(error) => said(format!("cannot be started in a process of its own: {error}")),
        })?;
        match worker.ask(task, &stop) {
            Ok(answer) => {
                let mut idle = lock();
                if idle.len() < KEPT {
                    idle.push(worker);
                }
                answer
            }
            Err(Broken::Stopped) => Err(said("was stopped while it computed".into())),
            Err(Broken::Io(_)) => Err(said(worker.last_words())),
        }
    }
}

impl Worker {
    fn start(host: &Path, library: &Path, stop: &Stop) -> Result<Worker, Broken> {
        let memory = Path::new(MEMORY);
        let folder = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
        let named = tempfile::Builder::new().prefix("millstream-").tempfile_in(&folder)?;
        let words = tempfile::tempfile()?;
        let (socket, theirs) = UnixStream::pair()?;
        socket.set_read_timeout(Some(LOOK))?;
        socket.set_write_timeout(Some(LOOK))?;
        let mut command = Command::new(host);
        command.arg(library).arg(named.path()).stdin(Stdio::from(OwnedFd::from(theirs)));
        // Ctrl-C at a terminal is for the session, which decides what it means here.
        command.process_group(0);
        command.stdout(Stdio::null()).stderr(Stdio::from(words.try_clone()?));
        let mut worker = Worker { child: command.spawn()?, socket, region: named.reopen()?, words };
        // The name is needed until the other side has opened it too.
        worker.numbers(1, stop)?;
        drop(named);
        Ok(worker)
    }

    fn ask(&mut self, task: &Task<'_>, stop: &Stop) -> Result<Result<ArrayRef, Failed>, Broken> {
        let (described, length) = share::write(&self.region, task.columns)?;
        let head = [task.function.into(), task.work.into(), task.rows as u64, task.columns.len() as u64, length];
        self.send(head.into_iter().chain(described), stop)?;
        match self.numbers(2, stop)?[..] {
            [0, count] => {
                let numbers = self.numbers(count, stop)?;
                let read = Described::new(&numbers).read(&self.region, task.gives);
                Ok(read.map_err(|reason| Failed { row: None, message: format!("gave no column: {reason}") }))
            }
            [_, row] => {
                let length = self.numbers(1, stop)?[0];
                let text = self.bytes(length, stop)?;
                let message = String::from_utf8_lossy(&text).into_owned();
                Ok(Err(Failed { row: usize::try_from(row).ok().and_then(|row| row.checked_sub(1)), message }))
            }
            _ => Err(io::Error::from(io::ErrorKind::InvalidData).into()),
        }
    }

    fn send(&mut self, numbers: impl Iterator<Item = u64>, stop: &Stop) -> Result<(), Broken> {
        let bytes: Vec<u8> = numbers.flat_map(u64::to_le_bytes).collect();
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            match self.socket.write(rest) {
                Ok(0) => return Err(io::Error::from(io::ErrorKind::WriteZero).into()),
                Ok(written) => rest = &rest[written..],
                Err(error) => wait_on(error, stop)?,
            }
        }
        Ok(())
    }

    fn numbers(&mut self, count: u64, stop: &Stop) -> Result<Vec<u64>, Broken> {
        let bytes = self.bytes(count.saturating_mul(8), stop)?;
        let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("a chunk has eight bytes"));
        Ok(bytes.chunks_exact(8).map(number).collect())
    }

    fn bytes(&mut self, count: u64, stop: &Stop) -> Result<Vec<u8>, Broken> {
        // What is described here is small; more is no description.
        let count = usize::try_from(count).ok().filter(|count| *count < 1 << 24);
        let mut bytes = vec![0; count.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?];
        let mut filled = 0;
        while filled < bytes.len() {
            match self.socket.read(&mut bytes[filled..]) {
                Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                Ok(read) => filled += read,
                Err(error) => wait_on(error, stop)?,
            }
        }
        Ok(bytes)
    }

    /// How it ended, with what it said last.
    fn last_words(&mut self) -> String {
        // It is dead or about to be; if it is neither, it is ended.
        drop(self.child.kill());
        let status = self.child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
        let mut text = String::new();
        let read = self.words.rewind().and_then(|()| self.words.read_to_string(&mut text));
        let last = text.lines().rev().find(|line| !line.trim().is_empty()).filter(|_| read.is_ok()).unwrap_or("");
        let last: String = last.chars().take(LAST_WORDS).collect();
        let said = if last.is_empty() { String::new() } else { format!(", and said last: {last}") };
        format!("ended the process in which it ran ({status}){said}")
    }
}

/// Whether a wait goes on: it was only interrupted to look around.
fn wait_on(error: io::Error, stop: &Stop) -> Result<(), Broken> {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut if stop.raised() => Err(Broken::Stopped),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted => Ok(()),
        _ => Err(error.into()),
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may compute for ever; nobody waits for its answer any more.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
