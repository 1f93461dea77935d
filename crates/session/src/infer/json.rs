//! JSON texts into the tree: one pass that checks, one that takes note, neither building a value. Numbers
//! are noted as they are written.

use super::number::is_number;
use super::tree::{Kind, Node};

/// Deeper than this nobody nests.
const MOST_DEPTH: usize = 64;

/// Takes note of the record number `record`; false, and nothing noted, if it is no JSON.
pub fn observe(bytes: &[u8], record: u32, node: &mut Node) -> bool {
    if std::str::from_utf8(bytes).is_err() || check(bytes).is_none() {
        return false;
    }
    Walk { bytes, at: 0, record }.value(Some(node), 0).is_some()
}

/// The first byte of the JSON text that `bytes` hold, if they hold one and nothing else.
pub fn check(bytes: &[u8]) -> Option<u8> {
    let mut walk = Walk { bytes, at: 0, record: 0 };
    walk.blank();
    let first = *bytes.get(walk.at)?;
    walk.value(None, 0)?;
    walk.blank();
    (walk.at == bytes.len()).then_some(first)
}

struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    record: u32,
}

impl<'a> Walk<'a> {
    fn blank(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn takes(&mut self, byte: u8) -> bool {
        self.blank();
        let takes = self.bytes.get(self.at) == Some(&byte);
        self.at += usize::from(takes);
        takes
    }

    /// One value; into `node` if there is one.
    fn value(&mut self, node: Option<&mut Node>, depth: usize) -> Option<()> {
        self.blank();
        let start = self.at;
        match self.bytes.get(start)? {
            b'{' => self.object(node, depth),
            b'[' => self.array(node, depth),
            b'"' => {
                let text = self.text()?;
                if let Some(node) = node {
                    node.note(Kind::Text, self.record, text);
                    node.texts.add(text);
                }
                Some(())
            }
            b't' => self.word(b"true", node),
            b'f' => self.word(b"false", node),
            b'n' => self.word(b"null", node),
            _ => {
                let inside = |byte: &&u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
                let length = self.bytes[start..].iter().take_while(inside).count();
                let text = &self.bytes[start..start + length];
                self.at += length;
                if !is_number(text) {
                    return None;
                }
                if let Some(node) = node {
                    node.note(Kind::Number, self.record, text);
                    node.numbers.add(text);
                }
                Some(())
            }
        }
    }

    fn word(&mut self, word: &[u8], node: Option<&mut Node>) -> Option<()> {
        if !self.bytes[self.at..].starts_with(word) {
            return None;
        }
        self.at += word.len();
        match node {
            Some(node) if word == b"null" => {
                node.seen += 1;
                node.nulls += 1;
            }
            Some(node) => {
                node.note(Kind::Boolean, self.record, word);
                node.booleans += 1;
            }
            None => {}
        }
        Some(())
    }

    /// What stands between the quotes, as written.
    fn text(&mut self) -> Option<&'a [u8]> {
        if !self.takes(b'"') {
            return None;
        }
        let start = self.at;
        loop {
            match self.bytes.get(self.at)? {
                b'"' => {
                    self.at += 1;
                    return Some(&self.bytes[start..self.at - 1]);
                }
                b'\\' => self.at += self.escape()?,
                0..0x20 => return None,
                _ => self.at += 1,
            }
        }
    }

    /// The length of the escape that stands here.
    fn escape(&self) -> Option<usize> {
        match self.bytes.get(self.at + 1)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(2),
            b'u' => self.bytes.get(self.at + 2..self.at + 6)?.iter().all(u8::is_ascii_hexdigit).then_some(6),
            _ => None,
        }
    }

    fn object(&mut self, node: Option<&mut Node>, depth: usize) -> Option<()> {
        let start = self.at;
        self.at += 1;
        let (bytes, record) = (self.bytes, self.record);
        let mut object = node.map(|node| {
            node.note(Kind::Object, record, &bytes[start..]);
            let object = node.object.get_or_insert_default();
            object.count += 1;
            object
        });
        if depth == MOST_DEPTH {
            return None;
        }
        if self.takes(b'}') {
            return Some(());
        }
        let mut guess = 0;
        loop {
            self.blank();
            let name = self.text()?;
            if !self.takes(b':') {
                return None;
            }
            let place = match &mut object {
                Some(object) => object.place(&unescaped(name)?, guess),
                None => None,
            };
            let field = match (&mut object, place) {
                (Some(object), Some(place)) => {
                    object.has(place, record);
                    guess = place + 1;
                    Some(&mut object.fields[place].1)
                }
                _ => None,
            };
            self.value(field, depth + 1)?;
            if self.takes(b'}') {
                return Some(());
            }
            if !self.takes(b',') {
                return None;
            }
        }
    }

    fn array(&mut self, node: Option<&mut Node>, depth: usize) -> Option<()> {
        let start = self.at;
        self.at += 1;
        let (bytes, record) = (self.bytes, self.record);
        let mut elements = node.map(|node| {
            node.note(Kind::Array, record, &bytes[start..]);
            let array = node.array.get_or_insert_default();
            array.0 += 1;
            &mut array.1
        });
        if depth == MOST_DEPTH {
            return None;
        }
        if self.takes(b']') {
            return Some(());
        }
        loop {
            self.value(elements.as_deref_mut(), depth + 1)?;
            if self.takes(b']') {
                return Some(());
            }
            if !self.takes(b',') {
                return None;
            }
        }
    }
}

/// A name as it is meant. Most have no escape and are not copied.
fn unescaped(name: &[u8]) -> Option<std::borrow::Cow<'_, str>> {
    let text = std::str::from_utf8(name).ok()?;
    if !text.contains('\\') {
        return Some(text.into());
    }
    serde_json::from_str::<String>(&format!("\"{text}\"")).ok().map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_json_is_what_a_parser_takes() {
        for text in [
            "{}",
            "[1,2]",
            " {\"a\" : [ {\"b\":null} , true ] } ",
            "\"\\u00e4\\n\"",
            "-0.5e+3",
            "{\"a\":1,\"a\":2}",
            "{",
            "{\"a\"}",
            "{\"a\":01}",
            "[1,]",
            "{\"a\":1,}",
            "\"\n\"",
            "tru",
            "1 2",
            "",
            "\"\\x\"",
            "{\"a\":+1}",
            "nul",
            "[1 2]",
            "{1:2}",
        ] {
            let wanted = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
            assert_eq!(check(text.as_bytes()).is_some(), wanted, "{text}");
        }
        let deep = "[".repeat(200) + &"]".repeat(200);
        assert_eq!(check(deep.as_bytes()), None);
    }

    #[test]
    fn places_are_counted() {
        let mut node = Node::default();
        for (number, text) in
            ["{\"a\":1,\"b\":[{\"c\":\"x\"}]}", "{\"b\":null,\"a\":2.50}", "{\"a\":1,\"a\":3}"].iter().enumerate()
        {
            assert!(observe(text.as_bytes(), number as u32, &mut node));
        }
        assert!(!observe(b"{\"a\":", 3, &mut node), "a broken record leaves no trace");
        let object = node.object.expect("objects");
        assert_eq!(object.count, 3);
        let names: Vec<_> = object.fields.iter().map(|(name, node)| (name.as_str(), node.seen, node.nulls)).collect();
        assert_eq!(names, [("a", 4, 0), ("b", 2, 1)]);
        assert_eq!(object.twice, Some(("a".into(), 2)));
        assert_eq!((object.fields[0].1.numbers.whole, object.fields[0].1.numbers.padded), (3, 1));
    }
}
