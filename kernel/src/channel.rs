//! A channel of the kernel as the rest of it sees one: something that sends signed messages about a request.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::wire::{Header, Message, Signer, Socket};

/// Sends messages on one socket. Clones share it.
#[derive(Clone)]
pub struct Channel {
    socket: Socket,
    signer: Arc<Signer>,
    session: Arc<str>,
}

impl Channel {
    /// A channel on a socket; `session` is the id of this kernel.
    pub fn new(socket: Socket, signer: Arc<Signer>, session: Arc<str>) -> Channel {
        Channel { socket, signer, session }
    }

    /// The socket.
    pub fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Answers a request: `execute_request` is answered with `execute_reply`.
    pub fn reply(&self, request: &Message, content: Value) {
        let asked = request.header.msg_type();
        let msg_type = format!("{}_reply", asked.strip_suffix("_request").unwrap_or(asked));
        self.send(&msg_type, request, content);
    }

    /// Sends a message about a request to whoever made it.
    pub fn send(&self, msg_type: &str, request: &Message, content: Value) {
        let mut message = Message::new(msg_type, &self.session, &request.header, content);
        message.identities = request.identities.clone();
        self.socket.send(&message.frames(&self.signer));
    }

    /// Tells everybody something about a request.
    pub fn publish(&self, msg_type: &str, parent: &Header, content: Value) {
        let mut message = Message::new(msg_type, &self.session, parent, content);
        message.identities = vec![format!("kernel.{}.{msg_type}", self.session).into_bytes()];
        self.socket.publish(&message.frames(&self.signer));
    }

    /// Tells everybody whether the kernel works on a request: `starting`, `busy` or `idle`.
    pub fn status(&self, parent: &Header, state: &str) {
        self.publish("status", parent, json!({ "execution_state": state }));
    }

    /// Greets a peer that has just subscribed, so that it knows from when on it hears everything.
    pub fn welcome(&self, peer: &[u8], topic: Vec<u8>) {
        let content = json!({ "subscription": String::from_utf8_lossy(&topic) });
        let mut message = Message::new("iopub_welcome", &self.session, &Header::default(), content);
        message.identities = vec![topic];
        self.socket.tell(peer, &message.frames(&self.signer));
    }
}
