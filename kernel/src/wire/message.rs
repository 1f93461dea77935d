//! A Jupyter message: identities, a delimiter, a signature, then header, parent header, metadata and content
//! as JSON, then buffers. Headers are echoed as they came, with whatever fields a client has put there.

use serde_json::{Map, Value, json};

use super::signature::{Refused, Signer};

const DELIMITER: &[u8] = b"<IDS|MSG>";
/// The version of the messaging protocol that is spoken.
pub const VERSION: &str = "5.4";

/// The header of a message.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Header(Map<String, Value>);

/// A message.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Whom it is from or for; on iopub, its topic.
    pub identities: Vec<Vec<u8>>,
    /// Its header.
    pub header: Header,
    /// The header of the request that it answers.
    pub parent: Header,
    /// What goes with it; hardly ever anything.
    pub metadata: Value,
    /// What it says.
    pub content: Value,
}

impl Header {
    /// A new header of this type in a session.
    pub fn new(msg_type: &str, session: &str) -> Header {
        let fields = json!({
            "msg_id": uuid::Uuid::new_v4().to_string(),
            "session": session,
            "username": "kernel",
            "date": now(),
            "msg_type": msg_type,
            "version": VERSION,
        });
        match fields {
            Value::Object(fields) => Header(fields),
            _ => unreachable!("an object was written"),
        }
    }

    /// The type of the message.
    pub fn msg_type(&self) -> &str {
        self.0.get("msg_type").and_then(Value::as_str).unwrap_or("")
    }
}

impl Message {
    /// A message of this type about a request.
    pub fn new(msg_type: &str, session: &str, parent: &Header, content: Value) -> Message {
        let header = Header::new(msg_type, session);
        Message { identities: Vec::new(), header, parent: parent.clone(), metadata: json!({}), content }
    }

    /// Reads frames. Whatever they hold, the answer is a message or a reason.
    pub fn read(mut frames: Vec<Vec<u8>>, signer: &mut Signer) -> Result<Message, Refused> {
        let delimiter = frames.iter().position(|frame| frame == DELIMITER).ok_or(Refused::Cut)?;
        let rest = frames.split_off(delimiter);
        let [_, signature, header, parent, metadata, content, ..] = rest.as_slice() else { return Err(Refused::Cut) };
        signer.check(&[header, parent, metadata, content], signature)?;
        let object = |part: &[u8]| serde_json::from_slice::<Map<String, Value>>(part).map_err(|_| Refused::Unreadable);
        let message = Message {
            identities: frames,
            header: Header(object(header)?),
            parent: Header(object(parent)?),
            metadata: Value::Object(object(metadata)?),
            content: Value::Object(object(content)?),
        };
        if message.header.msg_type().is_empty() { Err(Refused::Unreadable) } else { Ok(message) }
    }

    /// Its frames, signed.
    pub fn frames(&self, signer: &Signer) -> Vec<Vec<u8>> {
        let parts = [json!(self.header.0), json!(self.parent.0), self.metadata.clone(), self.content.clone()];
        let parts = parts.map(|part| part.to_string().into_bytes());
        let signature = signer.sign(&parts).into_bytes();
        let head = self.identities.iter().cloned().chain([DELIMITER.to_vec(), signature]);
        head.chain(parts).collect()
    }
}

/// The moment, as the protocol writes it: ISO 8601 in UTC with microseconds.
fn now() -> String {
    chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames() -> Vec<Vec<u8>> {
        let parent = Header::default();
        let mut message = Message::new("kernel_info_request", "s", &parent, json!({"größe": "🦀"}));
        message.identities = vec![b"client".to_vec()];
        message.frames(&Signer::new("key"))
    }

    #[test]
    fn a_message_is_read_as_it_was_written() {
        let message = Message::read(frames(), &mut Signer::new("key")).expect("it is signed");
        assert_eq!(message.identities, [b"client".to_vec()]);
        assert_eq!(message.header.msg_type(), "kernel_info_request");
        assert_eq!(message.content, json!({"größe": "🦀"}));
        assert_eq!(message.parent, Header::default());
    }

    #[test]
    fn frames_that_are_cut_swapped_or_changed_are_refused() {
        let whole = frames();
        for end in 0..whole.len() {
            assert_eq!(Message::read(whole[..end].to_vec(), &mut Signer::new("key")), Err(Refused::Cut), "{end}");
        }
        for (one, other) in [(2, 3), (3, 4), (5, 6)] {
            let mut swapped = whole.clone();
            swapped.swap(one, other);
            assert!(Message::read(swapped, &mut Signer::new("key")).is_err(), "{one} {other}");
        }
        for frame in 3..whole.len() {
            let mut changed = whole.clone();
            changed[frame].push(b' ');
            assert_eq!(Message::read(changed, &mut Signer::new("key")), Err(Refused::Forged), "{frame}");
        }
    }

    #[test]
    fn signed_parts_that_are_no_objects_are_refused() {
        let deep = "[".repeat(100_000);
        for part in ["", "null", "[]", "{", "\"text\"", "\u{0}", &deep] {
            for place in 0..4 {
                let mut parts = ["{\"msg_type\":\"x\"}", "{}", "{}", "{}"].map(str::to_string);
                parts[place] = part.to_string();
                let signature = Signer::new("key").sign(&parts);
                let mut frames = vec![DELIMITER.to_vec(), signature.into_bytes()];
                frames.extend(parts.map(String::into_bytes));
                assert_eq!(Message::read(frames, &mut Signer::new("key")), Err(Refused::Unreadable), "{place}");
            }
        }
    }
}
