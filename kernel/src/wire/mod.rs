//! The wire: ZMTP 3.0 over loopback TCP, as far as a Jupyter kernel needs it, and signed messages on top.
//!
//! It is written here because a kernel listens where every process of the machine can knock, before any
//! signature is checked. So nothing is reserved before its bytes are there, a frame, a message, a handshake
//! and the number of peers are limited, and whoever does not read is cut off instead of holding up the rest.

mod frame;
mod handshake;
mod message;
mod signature;
mod socket;

pub use message::{Header, Message, VERSION};
pub use signature::Signer;
pub use socket::{Event, Kind, Socket};
