//! Questions to the user while a statement is answered: a password that is not to stand in the notebook. The
//! question goes to the front end that runs the cell, on the stdin channel; the answer never reaches an
//! output, a history or a log.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use millstream_session::{Asker, Class, Fault, Stop};
use serde_json::json;

use crate::channel::Channel;
use crate::wire::Message;

/// How long to wait before looking whether the cell was interrupted.
const LOOK: Duration = Duration::from_millis(20);

/// Asks, and hands answers to whoever asked.
pub struct Questions {
    stdin: Channel,
    open: Mutex<Open>,
}

/// Who may be asked at the moment.
struct Open {
    cell: Option<(Message, Stop)>,
    answers: Sender<String>,
    inbox: Option<Receiver<String>>,
}

impl Questions {
    /// Nobody may be asked yet.
    pub fn new(stdin: Channel) -> Questions {
        let (answers, inbox) = channel();
        Questions { stdin, open: Mutex::new(Open { cell: None, answers, inbox: Some(inbox) }) }
    }

    /// From now on questions go to whoever sent this request; `None` if they can't be asked.
    pub fn ask_of(&self, cell: Option<(Message, Stop)>) {
        self.open().cell = cell;
    }

    /// An answer came.
    pub fn answered(&self, reply: &Message) {
        if let Some(value) = reply.content.get("value").and_then(|value| value.as_str()) {
            // Without an open question nobody listens; the next question empties the box first.
            drop(self.open().answers.send(value.to_string()));
        }
    }

    fn open(&self) -> std::sync::MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Asker for Questions {
    fn ask(&self, prompt: &str) -> Result<String, Fault> {
        let (cell, inbox) = {
            let mut open = self.open();
            (open.cell.clone(), open.inbox.take())
        };
        let (Some((request, stop)), Some(inbox)) = (cell, inbox) else {
            let message = format!("this notebook cannot be asked for {prompt}");
            let hint = "run it where somebody can answer, or take the value from the environment: '${env:NAME}'";
            return Err(Fault::new(Class::Query, "E0708", message).hint(hint));
        };
        while inbox.try_recv().is_ok() {}
        self.stdin.send("input_request", &request, json!({ "prompt": format!("{prompt}: "), "password": true }));
        let answer = loop {
            match inbox.recv_timeout(LOOK) {
                Ok(answer) => break Ok(answer),
                Err(RecvTimeoutError::Timeout) if !stop.raised() => {}
                Err(_) => break Err(Fault::new(Class::Interrupted, "E0709", format!("{prompt} was not given"))),
            }
        };
        self.open().inbox = Some(inbox);
        answer
    }
}
