//! The kernel at work: what comes on each channel goes to whoever answers it. Cells are answered one after
//! the other on their thread, everything else on another, so that completion and inspection never wait for a
//! cell; interrupt and shutdown come on a channel of their own.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio::sync::mpsc::Receiver;

use crate::channel::Channel;
use crate::connection::{Connection, Listeners};
use crate::kernel::Kernel;
use crate::wire::{Event, Header, Kind, Message, Signer, Socket};
use crate::{answers, cell};

/// How long what was said may take to reach its readers at the end.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How long queries in the background may take to write what they have.
const CLOSING: Duration = Duration::from_secs(2);
/// How often to look whether whoever started the kernel still lives.
const PARENT: Duration = Duration::from_secs(1);
/// Set by Jupyter to the process that must outlive the kernel.
const PARENT_PID: &str = "JPY_PARENT_PID";

/// Where the messages of each channel go.
struct Desk {
    kernel: Arc<Kernel>,
    shell: Channel,
    control: Channel,
    cells: Sender<Message>,
    others: Sender<Message>,
    end: Notify,
}

/// Serves until the end of the kernel.
pub async fn serve(connection: &Connection, listeners: Listeners, workspace: PathBuf) -> Result<(), String> {
    let signer = Arc::new(Signer::new(&connection.key));
    let session: Arc<str> = uuid::Uuid::new_v4().to_string().into();
    let open = |listener, kind| {
        let (socket, inbox) = Socket::serve(listener, kind);
        (Channel::new(socket, signer.clone(), session.clone()), inbox)
    };
    let (shell, shell_inbox) = open(listeners.shell, Kind::Router);
    let (control, control_inbox) = open(listeners.control, Kind::Router);
    let (stdin, stdin_inbox) = open(listeners.stdin, Kind::Router);
    let (iopub, iopub_inbox) = open(listeners.iopub, Kind::Publisher);
    let (_heartbeat, _) = open(listeners.heartbeat, Kind::Echo);
    tokio::spawn(greet(iopub.clone(), iopub_inbox));

    let kernel = Kernel::new(workspace, iopub.clone(), stdin).map_err(|fault| fault.to_string())?;
    iopub.status(&Header::default(), "starting");
    let desk = Arc::new(Desk::open(Arc::new(kernel), shell, control)?);
    let key = &connection.key;
    tokio::spawn(hear(shell_inbox, Signer::new(key), desk.clone(), Desk::on_shell));
    tokio::spawn(hear(control_inbox, Signer::new(key), desk.clone(), Desk::on_control));
    tokio::spawn(hear(stdin_inbox, Signer::new(key), desk.clone(), Desk::on_stdin));
    tokio::select! {
        () = desk.end.notified() => {}
        () = orphaned() => {}
        ended = terminated() => ended.map_err(|error| format!("cannot listen for signals: {error}"))?,
    }
    desk.kernel.interrupt();
    let kernel = desk.kernel.clone();
    let closing = tokio::task::spawn_blocking(move || kernel.close());
    // A broker that does not answer must not keep the process.
    drop(tokio::time::timeout(CLOSING, closing).await);
    for channel in [&desk.shell, &desk.control, &iopub] {
        channel.socket().drained(LAST_WORDS).await;
    }
    Ok(())
}

/// Greets whoever subscribes.
async fn greet(iopub: Channel, mut inbox: Receiver<Event>) {
    while let Some(event) = inbox.recv().await {
        if let Event::Subscribed { peer, topic } = event {
            iopub.welcome(&peer, topic);
        }
    }
}

/// Hands signed messages on. What is forged, cut or comes again is dropped without a word: whoever sent it is
/// not one of ours.
async fn hear(mut inbox: Receiver<Event>, mut signer: Signer, desk: Arc<Desk>, take: fn(&Desk, Message)) {
    while let Some(event) = inbox.recv().await {
        if let Event::Message(frames) = event
            && let Ok(message) = Message::read(frames, &mut signer)
        {
            take(&desk, message);
        }
    }
}

impl Desk {
    fn open(kernel: Arc<Kernel>, shell: Channel, control: Channel) -> Result<Desk, String> {
        let ((cells, waiting_cells), (others, waiting_others)) = (channel(), channel());
        let threads = [
            spawn("cells", {
                let (kernel, shell) = (kernel.clone(), shell.clone());
                move || cell::work(&kernel, &shell, &waiting_cells)
            }),
            spawn("answers", {
                let (kernel, shell) = (kernel.clone(), shell.clone());
                move || waiting_others.iter().for_each(|request| attend(&kernel, &shell, &request))
            }),
        ];
        threads.into_iter().collect::<Result<(), String>>()?;
        Ok(Desk { kernel, shell, control, cells, others, end: Notify::new() })
    }

    fn on_shell(&self, message: Message) {
        match message.header.msg_type() {
            "execute_request" => drop(self.cells.send(message)),
            // Clients of old protocols end a kernel here.
            "shutdown_request" => self.shut_down(&self.shell, &message),
            _ => drop(self.others.send(message)),
        }
    }

    fn on_control(&self, message: Message) {
        match message.header.msg_type() {
            "interrupt_request" => {
                self.kernel.iopub.status(&message.header, "busy");
                self.kernel.interrupt();
                self.control.reply(&message, json!({ "status": "ok" }));
                self.kernel.iopub.status(&message.header, "idle");
            }
            "shutdown_request" => self.shut_down(&self.control, &message),
            _ => attend(&self.kernel, &self.control, &message),
        }
    }

    fn on_stdin(&self, message: Message) {
        if message.header.msg_type() == "input_reply" {
            self.kernel.questions.answered(&message);
        }
    }

    fn shut_down(&self, channel: &Channel, message: &Message) {
        let restart = message.content.get("restart").and_then(Value::as_bool).unwrap_or(false);
        let said = json!({ "status": "ok", "restart": restart });
        self.kernel.iopub.status(&message.header, "busy");
        self.kernel.interrupt();
        channel.reply(message, said.clone());
        self.kernel.iopub.publish("shutdown_reply", &message.header, said);
        self.kernel.iopub.status(&message.header, "idle");
        self.end.notify_one();
    }
}

/// Answers a request that is no cell. A front end takes the last status for that of the kernel, so while a
/// cell runs, that is said again.
fn attend(kernel: &Kernel, channel: &Channel, request: &Message) {
    kernel.iopub.status(&request.header, "busy");
    if let Some(content) = answers::answer(kernel, request) {
        channel.reply(request, content);
    }
    kernel.iopub.status(&request.header, "idle");
    if let Some(running) = kernel.running() {
        kernel.iopub.status(&running.parent, "busy");
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), String> {
    let thread = std::thread::Builder::new().name(name.into()).spawn(work);
    thread.map(drop).map_err(|error| format!("cannot start a thread for {name}: {error}"))
}

/// Ends when whoever started the kernel is gone: nobody else would end it.
async fn orphaned() {
    let parent = std::env::var(PARENT_PID).ok().and_then(|pid| pid.parse::<u32>().ok());
    // Started by a shell script or a debugger, the parent may be another process from the beginning.
    if parent != Some(std::os::unix::process::parent_id()) {
        return std::future::pending().await;
    }
    while parent == Some(std::os::unix::process::parent_id()) {
        tokio::time::sleep(PARENT).await;
    }
}

/// Ends on SIGTERM. Ctrl-C in the terminal of a server reaches its kernels, too; it is not meant for them.
async fn terminated() -> std::io::Result<()> {
    let mut interrupts = signal(SignalKind::interrupt())?;
    let mut end = signal(SignalKind::terminate())?;
    loop {
        tokio::select! {
            _ = end.recv() => return Ok(()),
            _ = interrupts.recv() => {}
        }
    }
}
