//! A proxy before a broker that can be told to be a bad network: it knows the frames of Kafka's protocol,
//! so that exactly one request can be lost, or its answer, or half of it.
//!
//! The broker has a listener that names the proxy's port to all who ask, so every client that comes in by the
//! proxy stays with it.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use kafka_protocol::messages::ApiKey;

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The connection breaks before the broker has seen it.
    DropRequest,
    /// The broker does as it is asked; its answer is lost with the connection.
    DropAnswer,
    /// Half of the answer arrives.
    CutAnswer,
    /// The answer comes so much later.
    DelayAnswer(Duration),
    /// The client is cut off at once; the broker gets the request so much later.
    DeliverLate(Duration),
}

/// A fate for the next requests of a kind.
#[derive(Debug)]
struct Rule {
    api: ApiKey,
    fate: Fate,
    /// How many requests of the kind pass before, and how many it is for.
    skip: usize,
    times: usize,
}

/// Listens where the broker says that it does. Dropped, it lets nobody in any more.
pub struct Proxy {
    address: String,
    shared: Arc<Shared>,
    listening: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    broker: String,
    rules: Mutex<Vec<Rule>>,
    /// What has happened to whom.
    met: Mutex<Vec<(ApiKey, Fate)>>,
    closed: AtomicBool,
}

impl Shared {
    fn met(&self) -> MutexGuard<'_, Vec<(ApiKey, Fate)>> {
        self.met.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The fate of a request, if it has one.
    fn fate(&self, api: ApiKey) -> Option<Fate> {
        let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        let rule = rules.iter_mut().find(|rule| rule.api == api && rule.times > 0)?;
        if rule.skip > 0 {
            rule.skip -= 1;
            return None;
        }
        rule.times -= 1;
        self.met().push((api, rule.fate));
        Some(rule.fate)
    }
}

impl Proxy {
    /// Lets in whoever calls at `door`, on the way to the broker at `broker`. A door serves one proxy after the other.
    pub fn start(door: &TcpListener, broker: String) -> Proxy {
        let listener = door.try_clone().expect("a socket can be doubled");
        let address = listener.local_addr().expect("it is bound").to_string();
        let shared =
            Arc::new(Shared { broker, rules: Mutex::default(), met: Mutex::default(), closed: AtomicBool::new(false) });
        let for_all = shared.clone();
        let listening = std::thread::spawn(move || {
            for client in listener.incoming() {
                if for_all.closed.load(Ordering::Relaxed) {
                    return;
                }
                let (Ok(client), Ok(broker)) = (client, TcpStream::connect(&for_all.broker)) else { continue };
                carry(client, broker, for_all.clone());
            }
        });
        Proxy { address, shared, listening: Some(listening) }
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        self.address.clone()
    }

    /// So many requests of a kind meet a fate, when `skip` more of them have passed.
    pub fn arm(&self, api: ApiKey, fate: Fate, skip: usize, times: usize) {
        let mut rules = self.shared.rules.lock().unwrap_or_else(PoisonError::into_inner);
        rules.push(Rule { api, fate, skip, times });
    }

    /// How many requests have met a fate.
    pub fn met(&self) -> usize {
        self.shared.met().len()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Relaxed);
        // Wakes the listener, which then sees that it is closed.
        drop(TcpStream::connect(&self.address));
        if let Some(listening) = self.listening.take() {
            // It never panics, and nobody else may listen before it has left the door.
            let _ = listening.join();
        }
    }
}

/// What becomes of answers, by the correlation number of the request.
type Doomed = Arc<Mutex<HashMap<i32, Fate>>>;

/// Carries frames between a client and the broker, one thread for each direction.
fn carry(client: TcpStream, broker: TcpStream, shared: Arc<Shared>) {
    let doomed = Doomed::default();
    let pair = || Some((client.try_clone().ok()?, broker.try_clone().ok()?));
    let Some(((up_from, up_to), (down_to, down_from))) = pair().zip(pair()) else { return };
    let dooms = doomed.clone();
    std::thread::spawn(move || {
        ask(&up_from, &up_to, &shared, &dooms);
        close(&up_from, &up_to);
    });
    std::thread::spawn(move || {
        answer(&down_from, &down_to, &doomed);
        close(&down_from, &down_to);
    });
}

fn close(one: &TcpStream, other: &TcpStream) {
    // Whoever is gone already needs no closing.
    let _ = one.shutdown(Shutdown::Both);
    let _ = other.shutdown(Shutdown::Both);
}

/// Requests to the broker, until one of them breaks the connection.
fn ask(client: &TcpStream, broker: &TcpStream, shared: &Shared, doomed: &Doomed) {
    while let Some(frame) = read(client) {
        // Behind the length: the kind of request (2 bytes), its version (2), its correlation number (4).
        let api = frame.get(4..6).map(|bytes| i16::from_be_bytes([bytes[0], bytes[1]]));
        let fate = api.and_then(|api| ApiKey::try_from(api).ok()).and_then(|api| shared.fate(api));
        match fate {
            Some(Fate::DropRequest) => return,
            Some(Fate::DeliverLate(wait)) => {
                let _ = client.shutdown(Shutdown::Both);
                std::thread::sleep(wait);
                let _ = write(broker, &frame);
                // The broker works on it; nobody waits for what it says.
                drop(read(broker));
                return;
            }
            Some(fate) => drop(doomed.lock().unwrap_or_else(PoisonError::into_inner).insert(number(&frame[8..]), fate)),
            None => {}
        }
        if write(broker, &frame).is_err() {
            return;
        }
    }
}

/// Answers to the client, until one of them is lost.
fn answer(broker: &TcpStream, client: &TcpStream, doomed: &Doomed) {
    while let Some(frame) = read(broker) {
        let fate = doomed.lock().unwrap_or_else(PoisonError::into_inner).remove(&number(&frame[4..]));
        let sent = match fate {
            Some(Fate::CutAnswer) => {
                let _ = write(client, &frame[..frame.len() / 2]);
                return;
            }
            Some(Fate::DelayAnswer(wait)) => {
                std::thread::sleep(wait);
                write(client, &frame)
            }
            Some(_) => return,
            None => write(client, &frame),
        };
        if sent.is_err() {
            return;
        }
    }
}

fn write(mut to: &TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    to.write_all(bytes)
}

fn number(bytes: &[u8]) -> i32 {
    bytes.first_chunk().map_or(-1, |bytes| i32::from_be_bytes(*bytes))
}

/// A whole frame with its length before it; `None` at the end of the connection.
fn read(mut from: &TcpStream) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length).ok()?;
    let size = usize::try_from(i32::from_be_bytes(length)).ok()?;
    let mut frame = vec![0; 4 + size];
    frame[..4].copy_from_slice(&length);
    from.read_exact(&mut frame[4..]).ok()?;
    Some(frame)
}
