//! Java's patterns of dates and times (`yyyy-MM-dd HH:mm:ss.SSS`), compiled once and used to write or read
//! many. The letters are those of `DateTimeFormatter` that stand for numbers, names, halves of the day and
//! quoted text.

use std::fmt::Write;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike};
use datafusion::common::{Result, exec_err};

/// A compiled pattern.
pub(super) struct Format {
    pieces: Vec<Piece>,
    /// Whether it is Flink's usual one, whose texts may leave out the time and carry fractions.
    usual: bool,
}

enum Piece {
    Text(String),
    /// A letter and how often it stands.
    Field(char, usize),
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const LETTERS: &str = "yuMLdDEeHhkKmsSna";

impl Format {
    /// Compiles a pattern.
    pub(super) fn new(pattern: &str) -> Result<Format> {
        let mut pieces = Vec::new();
        let mut characters = pattern.chars().peekable();
        while let Some(letter) = characters.next() {
            if letter == '\'' {
                pieces.push(Piece::Text(quoted(&mut characters)));
            } else if letter.is_ascii_alphabetic() {
                if !LETTERS.contains(letter) {
                    return exec_err!("the letter '{letter}' of the time format '{pattern}' is not known");
                }
                let mut count = 1;
                while characters.next_if_eq(&letter).is_some() {
                    count += 1;
                }
                pieces.push(Piece::Field(letter, count));
            } else {
                pieces.push(Piece::Text(letter.to_string()));
            }
        }
        Ok(Format { pieces, usual: pattern == "yyyy-MM-dd HH:mm:ss" })
    }

    /// A wall clock's reading (milliseconds as if UTC) as text.
    pub(super) fn write(&self, wall: i64) -> String {
        let moment = DateTime::from_timestamp_millis(wall).unwrap_or_default().naive_utc();
        let mut out = String::with_capacity(24);
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Field(letter, count) => field(&moment, *letter, *count, &mut out),
            }
        }
        out
    }

    /// The reading that a text says; `None` if it does not fit the pattern.
    pub(super) fn read(&self, text: &str) -> Option<i64> {
        if self.usual {
            return usual(text.trim());
        }
        let mut read = Read::default();
        let mut rest = text;
        for (index, piece) in self.pieces.iter().enumerate() {
            match piece {
                Piece::Text(expected) => rest = rest.strip_prefix(expected.as_str())?,
                Piece::Field(letter, count) => {
                    let adjacent = matches!(self.pieces.get(index + 1), Some(Piece::Field(_, _)));
                    rest = read.field(*letter, *count, adjacent, rest)?;
                }
            }
        }
        if rest.is_empty() { read.finish() } else { None }
    }
}

fn quoted(characters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> String {
    let mut text = String::new();
    if characters.next_if_eq(&'\'').is_some() {
        return "'".into();
    }
    while let Some(character) = characters.next() {
        if character != '\'' {
            text.push(character);
        } else if characters.next_if_eq(&'\'').is_some() {
            text.push('\'');
        } else {
            break;
        }
    }
    text
}

fn field(moment: &NaiveDateTime, letter: char, count: usize, out: &mut String) {
    let number = match letter {
        'y' | 'u' if count == 2 => i64::from(moment.year().rem_euclid(100)),
        'y' | 'u' => i64::from(moment.year()),
        'M' | 'L' if count >= 3 => {
            let name = MONTHS[moment.month0() as usize];
            return out.push_str(if count == 3 { &name[..3] } else { name });
        }
        'M' | 'L' => i64::from(moment.month()),
        'd' => i64::from(moment.day()),
        'D' => i64::from(moment.ordinal()),
        'E' => {
            let name = DAYS[moment.weekday().num_days_from_monday() as usize];
            return out.push_str(if count <= 3 { &name[..3] } else { name });
        }
        'e' => i64::from(moment.weekday().num_days_from_sunday() + 1),
        'H' => i64::from(moment.hour()),
        'k' => i64::from((moment.hour() + 23) % 24 + 1),
        'h' => i64::from((moment.hour() + 11) % 12 + 1),
        'K' => i64::from(moment.hour() % 12),
        'm' => i64::from(moment.minute()),
        's' => i64::from(moment.second()),
        'S' => {
            let nanos = format!("{:09}", moment.nanosecond());
            out.push_str(&nanos[..count.min(9)]);
            return out.extend(std::iter::repeat_n('0', count.saturating_sub(9)));
        }
        'n' => i64::from(moment.nanosecond()),
        _ => return out.push_str(if moment.hour() < 12 { "AM" } else { "PM" }),
    };
    let _ = write!(out, "{number:0count$}");
}

/// What has been read so far.
#[derive(Default)]
struct Read {
    year: Option<i32>,
    month: Option<u32>,
    day: Option<u32>,
    ordinal: Option<u32>,
    hour: Option<u32>,
    half: Option<u32>,
    afternoon: Option<bool>,
    minute: u32,
    second: u32,
    nanos: u32,
}

impl Read {
    /// Reads a field and says what is left. Digits of a field that stands before another are counted.
    fn field<'t>(&mut self, letter: char, count: usize, adjacent: bool, text: &'t str) -> Option<&'t str> {
        match letter {
            'M' | 'L' if count >= 3 => {
                let (index, rest) = named(&MONTHS, count == 3, text)?;
                self.month = Some(index as u32 + 1);
                return Some(rest);
            }
            'E' => return named(&DAYS, count <= 3, text).map(|(_, rest)| rest),
            'a' => {
                let (half, rest) = text.split_at_checked(2)?;
                self.afternoon =
                    Some(if half.eq_ignore_ascii_case("PM") { true } else { !half.eq_ignore_ascii_case("AM") });
                return half.to_uppercase().ends_with('M').then_some(rest);
            }
            _ => {}
        }
        let most = if adjacent || letter == 'S' { count } else { 9.max(count) };
        let digits = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
        let (number, rest) = text.split_at(digits);
        if digits == 0 || (count >= 2 && digits < count) {
            return None;
        }
        let value: u32 = number.parse().ok()?;
        match letter {
            'y' | 'u' => self.year = Some(if count == 2 { 2000 + value as i32 } else { value as i32 }),
            'M' | 'L' => self.month = Some(value),
            'd' => self.day = Some(value),
            'D' => self.ordinal = Some(value),
            'H' => self.hour = Some(value),
            'k' => self.hour = Some(value % 24),
            'h' => self.half = Some(value % 12),
            'K' => self.half = Some(value),
            'm' => self.minute = value,
            's' => self.second = value,
            'S' => self.nanos = format!("{number:0<9}").get(..9)?.parse().ok()?,
            'n' => self.nanos = value,
            _ => {}
        }
        Some(rest)
    }

    fn finish(self) -> Option<i64> {
        let year = self.year.unwrap_or(1970);
        let date = match self.ordinal {
            Some(ordinal) => NaiveDate::from_yo_opt(year, ordinal)?,
            None => NaiveDate::from_ymd_opt(year, self.month.unwrap_or(1), self.day.unwrap_or(1))?,
        };
        let half = self.half.map(|hour| hour + if self.afternoon == Some(true) { 12 } else { 0 });
        let hour = self.hour.or(half).unwrap_or(0);
        let time = NaiveTime::from_hms_nano_opt(hour, self.minute, self.second, self.nanos)?;
        Some(date.and_time(time).and_utc().timestamp_millis())
    }
}

fn named<'t>(names: &[&str], short: bool, text: &'t str) -> Option<(usize, &'t str)> {
    names.iter().enumerate().find_map(|(index, name)| {
        let name = if short { &name[..3] } else { name };
        let head = text.get(..name.len())?;
        head.eq_ignore_ascii_case(name).then(|| (index, &text[name.len()..]))
    })
}

/// `yyyy-MM-dd[ HH:mm:ss[.fff]]`, with a blank or a `T` between.
fn usual(text: &str) -> Option<i64> {
    let (date, time) = text.split_once([' ', 'T']).unwrap_or((text, "00:00:00"));
    let mut parts = date.splitn(3, '-');
    let mut number = || parts.next()?.parse::<u32>().ok();
    let date = NaiveDate::from_ymd_opt(i32::try_from(number()?).ok()?, number()?, number()?)?;
    let time = NaiveTime::parse_from_str(time.trim(), "%H:%M:%S%.f")
        .or_else(|_| NaiveTime::parse_from_str(time.trim(), "%H:%M"));
    Some(date.and_time(time.ok()?).and_utc().timestamp_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WALL: i64 = 1_602_288_367_123; // 2020-10-10 00:06:07.123

    #[test]
    fn patterns_are_written() {
        let cases = [
            ("yyyy-MM-dd HH:mm:ss.SSS", "2020-10-10 00:06:07.123"),
            ("yy/M/d H:m:s", "20/10/10 0:6:7"),
            ("EEE, dd MMM yyyy hh:mm a", "Sat, 10 Oct 2020 12:06 AM"),
            ("yyyy'T''x'''", "2020T'x'"),
            ("DDD", "284"),
        ];
        for (pattern, text) in cases {
            assert_eq!(Format::new(pattern).expect("a pattern").write(WALL), text);
        }
        assert!(Format::new("yyyy-QQ").is_err());
    }

    #[test]
    fn patterns_are_read() {
        let read = |pattern: &str, text: &str| Format::new(pattern).expect("a pattern").read(text);
        assert_eq!(read("yyyy-MM-dd HH:mm:ss.SSS", "2020-10-10 00:06:07.123"), Some(WALL));
        assert_eq!(read("yyyyMMddHHmmssSSS", "20201010000607123"), Some(WALL));
        assert_eq!(read("yyyy-MM-dd HH:mm:ss", "2020-10-10 00:06:07.123"), Some(WALL));
        assert_eq!(read("yyyy-MM-dd HH:mm:ss", "2020-10-10"), Some(1_602_288_000_000));
        assert_eq!(read("dd MMM yyyy hh:mm a", "10 Oct 2020 01:00 PM"), Some(1_602_334_800_000));
        assert_eq!(read("yyyy-MM-dd", "2020-02-30"), None);
        assert_eq!(read("yyyy-MM-dd", "2020-1-1"), None);
        assert_eq!(read("yyyy-MM-dd HH:mm:ss", "nonsense"), None);
    }
}
