//! How two peers of ZMTP 3.0 greet: 64 bytes of greeting from both sides, then a READY command with the
//! kind of socket and an identity. The mechanism is NULL: what secures a kernel is the signature of its
//! messages and the loopback address.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::frame::{self, Incoming, wrong};

/// The longest identity that a peer may choose.
const MOST_IDENTITY: usize = 255;

/// Greets a peer; answers with the identity that it chose, empty if it chose none.
pub async fn greet(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    ours: &str,
    theirs: &[&str],
) -> io::Result<Vec<u8>> {
    to.write_all(&greeting()).await?;
    to.flush().await?;
    let mut bytes = [0; 64];
    from.read_exact(&mut bytes).await?;
    check(&bytes)?;
    to.write_all(&frame::encode_command(&ready(ours))).await?;
    to.flush().await?;
    let Incoming::Command(command) = frame::read(from).await? else {
        return Err(wrong("a peer speaks before it is ready"));
    };
    let (kind, identity) = read_ready(&command).ok_or_else(|| wrong("a peer does not say READY"))?;
    if !theirs.iter().any(|name| name.as_bytes() == kind) {
        return Err(wrong("a peer is a socket of another kind"));
    }
    Ok(identity.to_vec())
}

fn greeting() -> [u8; 64] {
    let mut bytes = [0; 64];
    (bytes[0], bytes[9]) = (0xff, 0x7f);
    // Version 3.0: subscriptions come as messages and nobody sends heartbeats of his own.
    (bytes[10], bytes[11]) = (3, 0);
    bytes[12..16].copy_from_slice(b"NULL");
    bytes
}

fn check(bytes: &[u8; 64]) -> io::Result<()> {
    let null = bytes[12..16] == *b"NULL" && bytes[16..32].iter().all(|byte| *byte == 0);
    match bytes {
        _ if bytes[0] != 0xff || bytes[9] != 0x7f => Err(wrong("a peer does not speak ZMTP")),
        _ if bytes[10] < 3 => Err(wrong("a peer speaks a ZMTP older than 3.0")),
        _ if !null => Err(wrong("a peer wants a security mechanism that a kernel has not")),
        _ => Ok(()),
    }
}

fn ready(kind: &str) -> Vec<u8> {
    let mut body = b"\x05READY".to_vec();
    for (name, value) in [("Socket-Type", kind.as_bytes()), ("Identity", b"")] {
        body.push(name.len() as u8);
        body.extend(name.as_bytes());
        body.extend((value.len() as u32).to_be_bytes());
        body.extend(value);
    }
    body
}

/// The kind of socket and the identity in a READY command.
fn read_ready(command: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut rest = command.strip_prefix(b"\x05READY")?;
    let (mut kind, mut identity) = (None, &[][..]);
    while let Some((length, after)) = rest.split_first() {
        let (name, after) = after.split_at_checked(usize::from(*length))?;
        let (length, after) = after.split_first_chunk::<4>()?;
        let (value, after) = after.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        if name.eq_ignore_ascii_case(b"Socket-Type") {
            kind = Some(value);
        } else if name.eq_ignore_ascii_case(b"Identity") {
            identity = value;
        }
        rest = after;
    }
    (identity.len() <= MOST_IDENTITY).then_some((kind?, identity))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_understood() {
        assert_eq!(read_ready(&ready("ROUTER")), Some((&b"ROUTER"[..], &b""[..])));
        assert!(check(&greeting()).is_ok());
    }

    #[test]
    fn a_ready_that_is_cut_or_lies_about_its_lengths_is_none() {
        let whole = ready("DEALER");
        for end in 0..whole.len() {
            let cut = read_ready(&whole[..end]);
            assert!(cut.is_none() || cut == Some((&b"DEALER"[..], &b""[..])), "{end}: {cut:?}");
        }
        let mut lying = whole.clone();
        let at = b"\x05READY\x0bSocket-Type".len();
        lying[at..at + 4].copy_from_slice(&u32::MAX.to_be_bytes());
        assert_eq!(read_ready(&lying), None);
    }
}
