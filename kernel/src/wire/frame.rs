//! Frames of ZMTP 3.0 (RFC 23): a byte of flags, a length of one or eight bytes, the body. A message is one
//! frame or several; a command is one frame with its own flag.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

const MORE: u8 = 0b001;
const LONG: u8 = 0b010;
const COMMAND: u8 = 0b100;

/// The most bytes of one message: a notebook cell of this size is none.
pub const MOST_BYTES: u64 = 64 << 20;
/// The most frames of one message: identities, a delimiter, a signature, four parts and buffers.
pub const MOST_FRAMES: usize = 256;

/// What a peer said.
#[derive(Debug, PartialEq, Eq)]
pub enum Incoming {
    /// All frames of a message.
    Message(Vec<Vec<u8>>),
    /// The body of a command.
    Command(Vec<u8>),
}

/// The bytes of a message.
pub fn encode(frames: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let size: usize = frames.iter().map(|frame| frame.as_ref().len() + 9).sum();
    let mut out = Vec::with_capacity(size);
    for (number, frame) in frames.iter().enumerate() {
        put(&mut out, if number + 1 < frames.len() { MORE } else { 0 }, frame.as_ref());
    }
    out
}

/// The bytes of a command.
pub fn encode_command(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len() + 9);
    put(&mut out, COMMAND, body);
    out
}

fn put(out: &mut Vec<u8>, flags: u8, body: &[u8]) {
    match u8::try_from(body.len()) {
        Ok(length) => out.extend([flags, length]),
        Err(_) => {
            out.push(flags | LONG);
            out.extend((body.len() as u64).to_be_bytes());
        }
    }
    out.extend(body);
}

/// Reads the next message or command. Memory grows with the bytes that come, not with what is announced.
pub async fn read(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Incoming> {
    let mut frames = Vec::new();
    let mut left = MOST_BYTES;
    loop {
        let flags = from.read_u8().await?;
        if flags & !(MORE | LONG | COMMAND) != 0 || (flags & COMMAND != 0 && (flags & MORE != 0 || !frames.is_empty()))
        {
            return Err(wrong("a frame has flags that do not exist"));
        }
        let length = if flags & LONG != 0 { from.read_u64().await? } else { u64::from(from.read_u8().await?) };
        left = left.checked_sub(length).ok_or_else(|| wrong("a message is too long"))?;
        let body = body(from, length).await?;
        if flags & COMMAND != 0 {
            return Ok(Incoming::Command(body));
        }
        frames.push(body);
        if flags & MORE == 0 {
            return Ok(Incoming::Message(frames));
        }
        if frames.len() >= MOST_FRAMES {
            return Err(wrong("a message has too many frames"));
        }
    }
}

async fn body(from: &mut (impl AsyncRead + Unpin), length: u64) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    let read = from.take(length).read_to_end(&mut body).await?;
    if read as u64 == length { Ok(body) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// A peer that does not keep to the protocol.
pub fn wrong(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
    }

    #[test]
    fn a_message_is_read_as_it_was_written() {
        let frames = vec![b"".to_vec(), b"short".to_vec(), vec![7; 255], vec![8; 256], vec![9; 70_000]];
        let bytes = encode(&frames);
        assert_eq!(run(read(&mut bytes.as_slice())).expect("reads"), Incoming::Message(frames));
        let bytes = encode_command(b"\x05READY");
        assert_eq!(run(read(&mut bytes.as_slice())).expect("reads"), Incoming::Command(b"\x05READY".to_vec()));
    }

    #[test]
    fn a_frame_that_announces_more_than_there_may_be_is_refused_before_it_is_read() {
        let mut bytes = vec![LONG];
        bytes.extend(u64::MAX.to_be_bytes());
        assert_eq!(run(read(&mut bytes.as_slice())).expect_err("is refused").kind(), io::ErrorKind::InvalidData);
        let mut bytes = vec![LONG];
        bytes.extend(MOST_BYTES.to_be_bytes());
        bytes.extend([1; 10]);
        assert_eq!(run(read(&mut bytes.as_slice())).expect_err("ends").kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn endless_messages_and_strange_flags_are_refused() {
        let bytes = [MORE, 0].repeat(MOST_FRAMES + 1);
        assert!(run(read(&mut bytes.as_slice())).is_err());
        for flags in 0..=255u8 {
            let read = run(read(&mut [flags, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0].as_slice()));
            assert_eq!(read.is_ok(), matches!(flags, 0..=6 if flags != 5 && flags != 7), "{flags:#b}: {read:?}");
        }
    }
}
