//! What formats of text share: a first pass notes where the wanted values of every record stand
//! ([`Span`]), and a second pass turns them into Arrow columns, column by column. Between the two no
//! value is copied; a value that must be rewritten first (escapes, doubled quotes) goes to a side buffer.
//! The verdict on each record is collected beside the columns, so that a record is refused as a whole,
//! once, with the first reason.

/// What a span holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum What {
    /// The record does not have the field.
    Missing = 0,
    /// A null.
    Null = 1,
    /// A number as written.
    Number = 2,
    /// Text as it is meant.
    Text = 3,
    /// Text as it is meant, in the side buffer.
    SideText = 4,
    True = 5,
    False = 6,
    /// A JSON object with its braces.
    Object = 7,
    /// A JSON array with its brackets.
    Array = 8,
    /// The record or the object around is absent or refused: nothing is asked of the field.
    Skipped = 9,
}

const KIND_SHIFT: u32 = 28;
const LENGTH_MASK: u32 = (1 << KIND_SHIFT) - 1;
const KINDS: [What; 16] = {
    let mut kinds = [What::Missing; 16];
    kinds[1] = What::Null;
    kinds[2] = What::Number;
    kinds[3] = What::Text;
    kinds[4] = What::SideText;
    kinds[5] = What::True;
    kinds[6] = What::False;
    kinds[7] = What::Object;
    kinds[8] = What::Array;
    kinds[9] = What::Skipped;
    kinds
};

/// Where a value stands in its buffer, and what it is. Eight bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    tagged: u32,
}

impl Span {
    /// The longest value that a span can describe; records are held below it.
    pub(crate) const MOST_BYTES: usize = LENGTH_MASK as usize;

    pub(crate) const MISSING: Span = Span { start: 0, tagged: 0 };
    pub(crate) const SKIPPED: Span = Span { start: 0, tagged: (What::Skipped as u32) << KIND_SHIFT };

    #[inline]
    pub(crate) fn new(what: What, start: usize, end: usize) -> Span {
        debug_assert!(end - start <= Self::MOST_BYTES && start <= u32::MAX as usize);
        Span { start: start as u32, tagged: (end - start) as u32 & LENGTH_MASK | (what as u32) << KIND_SHIFT }
    }

    #[inline]
    pub(crate) fn what(self) -> What {
        KINDS[(self.tagged >> KIND_SHIFT) as usize]
    }

    #[inline]
    pub(crate) fn start(self) -> usize {
        self.start as usize
    }

    #[inline]
    pub(crate) fn length(self) -> usize {
        (self.tagged & LENGTH_MASK) as usize
    }

    #[inline]
    pub(crate) fn end(self) -> usize {
        self.start() + self.length()
    }
}

/// The bytes of a value, with whatever follows it in the buffer: `tail` begins with the value. The tail
/// lets a parser load eight bytes at once.
#[derive(Clone, Copy)]
pub(crate) struct Piece<'a> {
    pub(crate) tail: &'a [u8],
    pub(crate) length: usize,
}

impl<'a> Piece<'a> {
    #[inline]
    pub(crate) fn bytes(self) -> &'a [u8] {
        &self.tail[..self.length]
    }
}

/// Why there is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Absent {
    Missing,
    Null,
    Skipped,
}

/// One value of a column.
pub(crate) enum Cell<'a> {
    Absent(Absent),
    Number(Piece<'a>),
    Text(Piece<'a>),
    Bool(bool),
    /// An object or array as written.
    Nested(&'a [u8]),
}

/// The values of one column, in row order.
#[derive(Clone, Copy)]
pub(crate) struct Cells<'a> {
    /// The buffer of the records.
    pub(crate) main: &'a [u8],
    /// The buffer of rewritten text.
    pub(crate) side: &'a [u8],
    pub(crate) spans: &'a [Span],
    /// The row to which each value belongs; `None` where value `i` is row `i`.
    pub(crate) owners: Option<&'a [u32]>,
}

impl<'a> Cells<'a> {
    pub(crate) fn len(&self) -> usize {
        self.spans.len()
    }

    /// The row to which value `index` belongs.
    pub(crate) fn owner(&self, index: usize) -> u32 {
        self.owners.map_or(index as u32, |owners| owners[index])
    }

    #[inline]
    pub(crate) fn get(&self, index: usize) -> Cell<'a> {
        let span = self.spans[index];
        let piece = |buffer: &'a [u8]| Piece { tail: &buffer[span.start()..], length: span.length() };
        match span.what() {
            What::Number => Cell::Number(piece(self.main)),
            What::Text => Cell::Text(piece(self.main)),
            What::Missing => Cell::Absent(Absent::Missing),
            What::Null => Cell::Absent(Absent::Null),
            What::Skipped => Cell::Absent(Absent::Skipped),
            What::SideText => Cell::Text(piece(self.side)),
            What::True => Cell::Bool(true),
            What::False => Cell::Bool(false),
            What::Object | What::Array => Cell::Nested(&self.main[span.start()..span.end()]),
        }
    }

    /// The value as it is written, for a reason; cut to what fits a line.
    pub(crate) fn shown(&self, index: usize) -> String {
        match self.get(index) {
            Cell::Absent(_) => "null".into(),
            Cell::Bool(value) => value.to_string(),
            Cell::Number(piece) => excerpt(piece.bytes()),
            Cell::Text(piece) => format!("'{}'", excerpt(piece.bytes())),
            Cell::Nested(bytes) => excerpt(bytes),
        }
    }
}

/// The first 40 characters of hostile bytes, for a reason.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]);
    let mut short: String = text.chars().take(40).collect();
    if short.len() < text.len() || bytes.len() > 200 {
        short.push('…');
    }
    short
}

/// Which rows are refused, with the first reason for each.
#[derive(Default)]
pub(crate) struct Verdict {
    refused: Vec<bool>,
    reasons: Vec<(u32, String)>,
}

impl Verdict {
    /// No row refused yet, of `rows`.
    pub(crate) fn of(rows: usize) -> Self {
        Verdict { refused: vec![false; rows], reasons: Vec::new() }
    }

    /// Refuses a row, unless it is refused already.
    pub(crate) fn refuse(&mut self, row: u32, reason: impl FnOnce() -> String) {
        let refused = &mut self.refused[row as usize];
        if !*refused {
            *refused = true;
            self.reasons.push((row, reason()));
        }
    }

    /// Whether the row is refused.
    pub(crate) fn is_refused(&self, row: usize) -> bool {
        self.refused[row]
    }

    /// Whether no row is refused.
    pub(crate) fn is_clean(&self) -> bool {
        self.reasons.is_empty()
    }

    /// The refused rows, rising, with their reasons.
    pub(crate) fn into_reasons(mut self) -> Vec<(u32, String)> {
        self.reasons.sort_by_key(|(row, _)| *row);
        self.reasons
    }
}
