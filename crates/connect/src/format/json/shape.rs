//! Records of one topic look alike, so the decoder predicts. From the end of one value to the beginning
//! of the next there is a *token*: comma, blanks, key, colon. Each token remembers which one followed it
//! last time; if the bytes at hand are that token again, which one comparison tells, then grammar, key and
//! column are known at once. Only what was scanned strictly becomes a token, so a match is as good as a scan.

use std::collections::HashMap;

use super::scan::{Key, unescape};

/// No column wants the value.
pub(super) const UNWANTED: u32 = u32::MAX;

/// A longer token is scanned each time.
const MOST_TOKEN_BYTES: usize = 32;
/// When so many different tokens have been seen, learning starts over.
const MOST_TOKENS: usize = 2_048;

/// What stands between two values.
struct Token {
    /// The bytes as two words of sixteen, padded with zeros; and which bits of them count.
    words: [u128; 2],
    masks: [u128; 2],
    length: u32,
    /// The column that the value behind it belongs to.
    column: u32,
    /// The token that followed last time.
    follower: u32,
}

/// The tokens that have been seen in objects of one kind.
pub(super) struct Shape {
    columns: HashMap<Box<[u8]>, u32>,
    tokens: Vec<Token>,
    known: HashMap<Box<[u8]>, u32>,
}

/// The place before the first token of an object. Only tokens that open an object follow it, and they
/// follow nothing else; so a match at any place keeps JSON's grammar.
pub(super) const START: u32 = 0;
/// Stands for every token that is too long to be remembered.
const LONG: u32 = 1;

impl Shape {
    /// For objects of which the fields `names` are wanted, as columns by index.
    pub(super) fn new<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let columns = names.enumerate().map(|(index, name)| (name.as_bytes().into(), index as u32)).collect();
        let mut shape = Shape { columns, tokens: Vec::new(), known: HashMap::new() };
        shape.forget();
        shape
    }

    fn forget(&mut self) {
        self.known.clear();
        self.tokens.clear();
        // START and LONG match nothing: their length is beyond every record.
        for _ in [START, LONG] {
            let (words, masks) = ([0; 2], [0; 2]);
            self.tokens.push(Token { words, masks, length: u32::MAX, column: UNWANTED, follower: START });
        }
    }

    /// If what stands at `at` is what followed `token` last time: that token, its column, and where the
    /// value begins.
    #[inline]
    pub(super) fn predicted(&self, bytes: &[u8], at: usize, end: usize, token: u32) -> Option<(u32, u32, usize)> {
        let follower = self.tokens[token as usize].follower;
        let expected = &self.tokens[follower as usize];
        let behind = at + expected.length as usize;
        if behind > end {
            return None;
        }
        // At the very end of the buffer there are no 32 bytes; the scan takes over.
        let here: &[u8; MOST_TOKEN_BYTES] = bytes.get(at..)?.first_chunk()?;
        let (low, high) = here.split_at(16);
        let word = |half: &[u8]| u128::from_le_bytes(half.try_into().expect("half of 32 bytes"));
        let mut differ = (word(low) ^ expected.words[0]) & expected.masks[0];
        if expected.masks[1] != 0 {
            differ |= (word(high) ^ expected.words[1]) & expected.masks[1];
        }
        (differ == 0).then_some((follower, expected.column, behind))
    }

    /// Remembers that the scanned token `bytes[at..key.value]` followed `before`; the token (or the stand-in
    /// for long ones) and its column.
    pub(super) fn learn(&mut self, bytes: &[u8], at: usize, key: &Key, before: u32) -> (u32, u32) {
        let text = &bytes[at..key.value];
        let token = match self.known.get(text) {
            Some(&token) => token,
            None => {
                let column = self.column(bytes, key);
                if text.len() > MOST_TOKEN_BYTES {
                    return (LONG, column);
                }
                if self.tokens.len() >= MOST_TOKENS {
                    self.forget();
                }
                self.add(text, column)
            }
        };
        if let Some(before) = self.tokens.get_mut(before as usize) {
            before.follower = token;
        }
        (token, self.tokens[token as usize].column)
    }

    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.tokens.len()
    }

    fn column(&self, bytes: &[u8], key: &Key) -> u32 {
        let name = &bytes[key.start..key.end];
        if !key.escaped {
            return self.columns.get(name).copied().unwrap_or(UNWANTED);
        }
        let mut plain = Vec::with_capacity(name.len());
        unescape(name, &mut plain);
        self.columns.get(plain.as_slice()).copied().unwrap_or(UNWANTED)
    }

    fn add(&mut self, text: &[u8], column: u32) -> u32 {
        let mut padded = [0u8; MOST_TOKEN_BYTES];
        padded[..text.len()].copy_from_slice(text);
        let mut counted = [0u8; MOST_TOKEN_BYTES];
        counted[..text.len()].fill(0xff);
        let words = |bytes: &[u8; MOST_TOKEN_BYTES]| {
            let (low, high) = bytes.split_at(16);
            [low, high].map(|half| u128::from_le_bytes(half.try_into().expect("half of 32 bytes")))
        };
        let token = self.tokens.len() as u32;
        let (words, masks) = (words(&padded), words(&counted));
        self.tokens.push(Token { words, masks, length: text.len() as u32, column, follower: START });
        self.known.insert(text.into(), token);
        token
    }
}
