//! The signature of a message: HMAC-SHA-256 over its four parts, in hexadecimal. A message that is unsigned,
//! wrongly signed or comes a second time is refused; the comparison takes the same time whatever is wrong.

use std::collections::{HashSet, VecDeque};

use ring::hmac;

/// How many signatures are remembered, to refuse a message that is sent again.
const REMEMBERED: usize = 1 << 16;

/// Signs and checks. Without a key nothing is signed and everything is believed.
pub struct Signer {
    key: Option<hmac::Key>,
    seen: HashSet<[u8; 32]>,
    order: VecDeque<[u8; 32]>,
}

/// Why a message is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It has no delimiter, no signature or fewer than four parts.
    Cut,
    /// Its signature is not that of its parts.
    Forged,
    /// It was here before.
    Replayed,
    /// A part is not what the protocol says.
    Unreadable,
}

impl Signer {
    /// A signer with the key of the connection file; with an empty one it believes everything.
    pub fn new(key: &str) -> Signer {
        let key = (!key.is_empty()).then(|| hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()));
        Signer { key, seen: HashSet::new(), order: VecDeque::new() }
    }

    /// The signature of these parts.
    pub fn sign(&self, parts: &[impl AsRef<[u8]>]) -> String {
        let Some(key) = &self.key else { return String::new() };
        let mut context = hmac::Context::with_key(key);
        parts.iter().for_each(|part| context.update(part.as_ref()));
        context.sign().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Checks the signature of these parts.
    pub fn check(&mut self, parts: &[impl AsRef<[u8]>], signature: &[u8]) -> Result<(), Refused> {
        let Some(key) = &self.key else { return Ok(()) };
        let tag = from_hex(signature).ok_or(Refused::Forged)?;
        let whole: Vec<u8> = parts.iter().flat_map(|part| part.as_ref()).copied().collect();
        hmac::verify(key, &whole, &tag).map_err(|_| Refused::Forged)?;
        if !self.seen.insert(tag) {
            return Err(Refused::Replayed);
        }
        self.order.push_back(tag);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        Ok(())
    }
}

fn from_hex(text: &[u8]) -> Option<[u8; 32]> {
    let digit = |byte: u8| (byte as char).to_digit(16).map(|digit| digit as u8);
    let mut out = [0; 32];
    if text.len() != 64 {
        return None;
    }
    for (byte, pair) in out.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, case 2: key "Jefe", the text cut into the four parts of a message.
    const PARTS: [&str; 4] = ["what do ya", " want ", "for ", "nothing?"];
    const TAG: &str = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";

    #[test]
    fn signatures_are_those_of_the_standard() {
        assert_eq!(Signer::new("Jefe").sign(&PARTS), TAG);
        assert_eq!(Signer::new("Jefe").check(&PARTS, TAG.as_bytes()), Ok(()));
        assert_eq!(Signer::new("Jefe").check(&PARTS, TAG.to_uppercase().as_bytes()), Ok(()));
    }

    #[test]
    fn whatever_is_not_the_signature_is_refused() {
        let mut signer = Signer::new("Jefe");
        let long = TAG.to_string() + "00";
        let not_hex = TAG.replace('5', "g");
        let other = TAG.replacen('5', "6", 1);
        for wrong in ["", "00", &TAG[..63], &TAG[..62], &long, &not_hex, &other, "\u{e9}", " "] {
            assert_eq!(signer.check(&PARTS, wrong.as_bytes()), Err(Refused::Forged), "{wrong}");
        }
        assert_eq!(signer.check(&["what do ya", " want ", "for ", "nothing!"], TAG.as_bytes()), Err(Refused::Forged));
        assert_eq!(Signer::new("jefe").check(&PARTS, TAG.as_bytes()), Err(Refused::Forged));
    }

    #[test]
    fn a_message_that_comes_again_is_refused_and_memory_stays_bounded() {
        let mut signer = Signer::new("Jefe");
        assert_eq!(signer.check(&PARTS, TAG.as_bytes()), Ok(()));
        assert_eq!(signer.check(&PARTS, TAG.as_bytes()), Err(Refused::Replayed));
        for number in 0..REMEMBERED + 10 {
            let parts = [number.to_string()];
            let tag = signer.sign(&parts);
            assert_eq!(signer.check(&parts, tag.as_bytes()), Ok(()));
        }
        assert_eq!((signer.seen.len(), signer.order.len()), (REMEMBERED, REMEMBERED));
    }
}
