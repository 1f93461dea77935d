//! A listening socket of a kernel: a router (shell, control, stdin), a publisher that hears who subscribes
//! (iopub), or an echo (heartbeat). Sending never waits: each peer has a queue of its own, and a peer that
//! lets its queue grow beyond a limit is cut off.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout};

use super::frame::{self, Incoming, wrong};
use super::handshake;

/// How long a peer may take to greet.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// How many peers one socket serves.
const MOST_PEERS: usize = 64;
/// How many subscriptions a peer may have.
const MOST_SUBSCRIPTIONS: usize = 64;
/// How many bytes may wait for a peer that does not read.
const MOST_WAITING: usize = 64 << 20;
/// How many events may wait for us before peers do.
const EVENTS: usize = 64;

/// What a socket does with messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Answers each peer for itself.
    Router,
    /// Tells all peers what they subscribed to.
    Publisher,
    /// Sends back what comes.
    Echo,
}

/// What peers did.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// A message for a router: the peer's identity, then its frames.
    Message(Vec<Vec<u8>>),
    /// A peer of a publisher wants whatever begins with this topic.
    Subscribed {
        /// The peer's identity.
        peer: Vec<u8>,
        /// The topic.
        topic: Vec<u8>,
    },
}

/// A handle to send with; clones share the socket.
#[derive(Clone)]
pub struct Socket {
    kind: Kind,
    peers: Arc<Mutex<Peers>>,
}

#[derive(Default)]
struct Peers {
    known: HashMap<Vec<u8>, Peer>,
    next: u32,
}

struct Peer {
    queue: mpsc::UnboundedSender<Arc<Vec<u8>>>,
    waiting: Arc<AtomicUsize>,
    subscriptions: Vec<Vec<u8>>,
    /// Dropped with the peer; its connection ends then.
    _alive: oneshot::Sender<()>,
}

/// The far end of a peer's queue.
struct Queue {
    identity: Vec<u8>,
    messages: mpsc::UnboundedReceiver<Arc<Vec<u8>>>,
    waiting: Arc<AtomicUsize>,
    cut_off: oneshot::Receiver<()>,
}

impl Socket {
    /// Serves whoever connects, until the runtime ends.
    pub fn serve(listener: TcpListener, kind: Kind) -> (Socket, mpsc::Receiver<Event>) {
        let socket = Socket { kind, peers: Arc::default() };
        let (events, inbox) = mpsc::channel(EVENTS);
        tokio::spawn(socket.clone().accept(listener, events));
        (socket, inbox)
    }

    /// Sends frames to the peer that the first of them names. A peer that is gone misses them.
    pub fn send(&self, frames: &[Vec<u8>]) {
        if let Some((identity, frames)) = frames.split_first() {
            self.push(identity, &Arc::new(frame::encode(frames)));
        }
    }

    /// Sends frames to all who subscribed to what the first of them begins with.
    pub fn publish(&self, frames: &[Vec<u8>]) {
        let Some(topic) = frames.first() else { return };
        let wants = |peer: &&Peer| peer.subscriptions.iter().any(|prefix| topic.starts_with(prefix));
        let bytes = Arc::new(frame::encode(frames));
        let mut peers = self.lock();
        peers.known.values().filter(wants).for_each(|peer| peer.push(&bytes));
        peers.cut_off_the_slow();
    }

    /// Sends frames as they are to one peer.
    pub fn tell(&self, identity: &[u8], frames: &[Vec<u8>]) {
        self.push(identity, &Arc::new(frame::encode(frames)));
    }

    /// Waits until all has been written, at most so long.
    pub async fn drained(&self, most: Duration) {
        let end = Instant::now() + most;
        let waits = || self.lock().known.values().any(|peer| peer.waiting.load(Ordering::Acquire) > 0);
        while waits() && Instant::now() < end {
            sleep(Duration::from_millis(2)).await;
        }
    }

    fn push(&self, identity: &[u8], bytes: &Arc<Vec<u8>>) {
        let mut peers = self.lock();
        if let Some(peer) = peers.known.get(identity) {
            peer.push(bytes);
        }
        peers.cut_off_the_slow();
    }

    fn lock(&self) -> MutexGuard<'_, Peers> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn accept(self, listener: TcpListener, events: mpsc::Sender<Event>) {
        let serving = Arc::new(tokio::sync::Semaphore::new(MOST_PEERS));
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                // Out of file descriptors, for instance: peers that leave make room.
                sleep(Duration::from_millis(50)).await;
                continue;
            };
            let Ok(place) = serving.clone().try_acquire_owned() else { continue };
            let (socket, events) = (self.clone(), events.clone());
            tokio::spawn(async move {
                // A peer that breaks the protocol or goes away ends its own connection and nothing else.
                drop(socket.connection(stream, &events).await);
                drop(place);
            });
        }
    }

    async fn connection(&self, stream: TcpStream, events: &mpsc::Sender<Event>) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let (from, mut to) = stream.into_split();
        let mut from = BufReader::new(from);
        let (ours, theirs): (_, &[&str]) = match self.kind {
            Kind::Router => ("ROUTER", &["DEALER", "REQ", "ROUTER"]),
            Kind::Publisher => ("XPUB", &["SUB", "XSUB"]),
            Kind::Echo => ("REP", &["REQ", "DEALER"]),
        };
        let greeted = timeout(HANDSHAKE, handshake::greet(&mut from, &mut to, ours, theirs));
        let chosen = greeted.await.map_err(|_| wrong("a peer does not greet"))??;
        let mut queue = self.lock().join(chosen)?;
        let identity = queue.identity.clone();
        let done = tokio::select! {
            done = self.read(&mut from, &identity, events) => done,
            done = write(&mut to, &mut queue.messages, &queue.waiting) => done,
            _ = queue.cut_off => Ok(()),
        };
        self.lock().known.remove(&identity);
        done
    }

    async fn read(
        &self,
        from: &mut (impl AsyncRead + Unpin),
        identity: &[u8],
        events: &mpsc::Sender<Event>,
    ) -> io::Result<()> {
        loop {
            let Incoming::Message(mut frames) = frame::read(from).await? else { continue };
            let event = match self.kind {
                Kind::Router => {
                    frames.insert(0, identity.to_vec());
                    Some(Event::Message(frames))
                }
                Kind::Publisher => self.subscription(identity, &frames)?,
                Kind::Echo => {
                    self.tell(identity, &frames);
                    None
                }
            };
            if let Some(event) = event {
                events.send(event).await.map_err(|_| wrong("the kernel ends"))?;
            }
        }
    }

    fn subscription(&self, identity: &[u8], frames: &[Vec<u8>]) -> io::Result<Option<Event>> {
        let [frame] = frames else { return Ok(None) };
        let mut peers = self.lock();
        let Some(peer) = peers.known.get_mut(identity) else { return Ok(None) };
        match frame.split_first() {
            Some((1, _)) if peer.subscriptions.len() >= MOST_SUBSCRIPTIONS => Err(wrong("a peer subscribes too often")),
            Some((1, topic)) => {
                peer.subscriptions.push(topic.to_vec());
                Ok(Some(Event::Subscribed { peer: identity.to_vec(), topic: topic.to_vec() }))
            }
            Some((0, topic)) => {
                if let Some(place) = peer.subscriptions.iter().position(|known| known == topic) {
                    peer.subscriptions.remove(place);
                }
                Ok(None)
            }
            _ => Ok(None),
        }
    }
}

impl Peers {
    /// Takes a peer in. One that chose no identity gets one; one that chose another's is refused, so that
    /// nobody takes the answers of somebody else.
    fn join(&mut self, chosen: Vec<u8>) -> io::Result<Queue> {
        let identity = if chosen.is_empty() {
            self.next = self.next.wrapping_add(1);
            [&[0], &self.next.to_be_bytes()[..]].concat()
        } else {
            chosen
        };
        if self.known.contains_key(&identity) {
            return Err(wrong("a peer has the identity of another"));
        }
        let (queue, messages) = mpsc::unbounded_channel();
        let (alive, cut_off) = oneshot::channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let peer = Peer { queue, waiting: waiting.clone(), subscriptions: Vec::new(), _alive: alive };
        self.known.insert(identity.clone(), peer);
        Ok(Queue { identity, messages, waiting, cut_off })
    }

    fn cut_off_the_slow(&mut self) {
        self.known.retain(|_, peer| peer.waiting.load(Ordering::Acquire) <= MOST_WAITING);
    }
}

impl Peer {
    fn push(&self, bytes: &Arc<Vec<u8>>) {
        self.waiting.fetch_add(bytes.len(), Ordering::AcqRel);
        // A connection that has just ended takes nothing more; its peer is removed at once.
        drop(self.queue.send(bytes.clone()));
    }
}

async fn write(
    to: &mut (impl AsyncWrite + Unpin),
    messages: &mut mpsc::UnboundedReceiver<Arc<Vec<u8>>>,
    waiting: &AtomicUsize,
) -> io::Result<()> {
    while let Some(bytes) = messages.recv().await {
        to.write_all(&bytes).await?;
        to.flush().await?;
        waiting.fetch_sub(bytes.len(), Ordering::AcqRel);
    }
    Ok(())
}
