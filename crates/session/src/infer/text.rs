//! What texts look like: timestamps, dates, times of day, numbers, truth values. Only the shape is looked
//! at; whether the 31st of February is a day is the decoder's business.

/// What may stand behind a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ZoneText {
    /// Nothing.
    None,
    /// `Z`.
    Utc,
    /// `+02:00`.
    Offset,
}

/// The shape of a text that tells a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeText {
    /// `2026-01-31`.
    Date,
    /// `12:30:00`.
    Clock,
    /// `2026-01-31T12:30:00.5Z`, or with a blank.
    Timestamp {
        /// Whether a `T` stands between day and clock.
        iso: bool,
        /// What stands behind.
        zone: ZoneText,
        /// How many digits behind the point.
        digits: u8,
    },
}

/// Whether each `d` of the pattern is a digit in `text` and every other byte itself.
fn fits(text: &[u8], pattern: &[u8]) -> bool {
    text.len() == pattern.len()
        && text
            .iter()
            .zip(pattern)
            .all(|(byte, wanted)| if *wanted == b'd' { byte.is_ascii_digit() } else { byte == wanted })
}

/// The shape of `text`, if it tells a time.
pub fn time_text(text: &[u8]) -> Option<TimeText> {
    if !text.first()?.is_ascii_digit() || text.len() > 35 {
        return None;
    }
    if fits(text, b"dddd-dd-dd") {
        return Some(TimeText::Date);
    }
    let (clock, iso) = match text.get(10) {
        Some(b'T') if fits(&text[..10], b"dddd-dd-dd") => (&text[11..], Some(true)),
        Some(b' ') if fits(&text[..10], b"dddd-dd-dd") => (&text[11..], Some(false)),
        _ => (text, None),
    };
    if !fits(clock.get(..8)?, b"dd:dd:dd") {
        return None;
    }
    let (digits, rest) = match &clock[8..] {
        [b'.', rest @ ..] => {
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            (digits, &rest[digits..])
        }
        rest => (0, rest),
    };
    if digits > 9 || (digits == 0 && clock.get(8) == Some(&b'.')) {
        return None;
    }
    let zone = match rest {
        [] => ZoneText::None,
        b"Z" => ZoneText::Utc,
        [b'+' | b'-', offset @ ..] if fits(offset, b"dd:dd") => ZoneText::Offset,
        _ => return None,
    };
    match iso {
        Some(iso) => Some(TimeText::Timestamp { iso, zone, digits: digits as u8 }),
        None if zone == ZoneText::None => Some(TimeText::Clock),
        None => None,
    }
}

/// Texts of one column.
#[derive(Clone, Debug, Default)]
pub struct Texts {
    /// How many.
    pub count: u64,
    /// How many of them tell a timestamp.
    pub timestamps: u64,
    /// How many tell a day.
    pub dates: u64,
    /// How many tell a time of day.
    pub clocks: u64,
    /// Of the timestamps: how many have a `T`.
    pub iso: u64,
    /// How many end in `Z`.
    pub utc: u64,
    /// How many end in an offset.
    pub offset: u64,
    /// The most digits behind the second.
    pub digits: u8,
    /// The first text that tells no time, cut.
    pub plain: Option<String>,
}

impl Texts {
    /// Takes note of a text.
    pub fn add(&mut self, text: &[u8]) {
        self.count += 1;
        match time_text(text) {
            Some(TimeText::Date) => self.dates += 1,
            Some(TimeText::Clock) => self.clocks += 1,
            Some(TimeText::Timestamp { iso, zone, digits }) => {
                self.timestamps += 1;
                self.iso += u64::from(iso);
                self.utc += u64::from(zone == ZoneText::Utc);
                self.offset += u64::from(zone == ZoneText::Offset);
                self.digits = self.digits.max(digits);
            }
            None if self.plain.is_none() => {
                let cut = String::from_utf8_lossy(&text[..text.len().min(40)]).into_owned();
                self.plain = Some(cut);
            }
            None => {}
        }
    }

    /// Takes over what another list knows.
    pub fn merge(&mut self, other: &Texts) {
        self.count += other.count;
        self.timestamps += other.timestamps;
        self.dates += other.dates;
        self.clocks += other.clocks;
        self.iso += other.iso;
        self.utc += other.utc;
        self.offset += other.offset;
        self.digits = self.digits.max(other.digits);
        self.plain = self.plain.take().or(other.plain.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_of_times() {
        let stamp = |iso, zone, digits| Some(TimeText::Timestamp { iso, zone, digits });
        for (text, shape) in [
            ("2026-01-31", Some(TimeText::Date)),
            ("12:30:00", Some(TimeText::Clock)),
            ("2026-01-31 12:30:00", stamp(false, ZoneText::None, 0)),
            ("2026-01-31T12:30:00.5Z", stamp(true, ZoneText::Utc, 1)),
            ("2026-01-31T12:30:00.123456+02:00", stamp(true, ZoneText::Offset, 6)),
            ("2026-01-31T12:30", None),
            ("2026-01-31T12:30:00.", None),
            ("2026-01-31T12:30:00.1234567890", None),
            ("12:30:00Z", None),
            ("1767225600", None),
            ("v1.2", None),
            ("", None),
        ] {
            assert_eq!(time_text(text.as_bytes()), shape, "{text}");
        }
    }
}
