//! What numbers look like, by their digits as they are written: a decimal loses its zeros once it is a
//! float, and a number of twenty digits is one no integer holds.

/// Numbers of one column.
#[derive(Clone, Debug)]
pub struct Numbers {
    /// Whole numbers, without point and exponent.
    pub whole: u64,
    /// The least of those that 64 bits hold.
    pub least: i64,
    /// The greatest of them.
    pub greatest: i64,
    /// The most digits of any whole number that 64 bits do not hold; 0 if they hold all.
    pub huge: u8,
    /// Numbers with a point or an exponent.
    pub broken: u64,
    /// Numbers with an exponent.
    pub scientific: u64,
    /// The fewest digits behind the point.
    pub least_scale: u8,
    /// The most digits behind the point.
    pub most_scale: u8,
    /// How many end in a zero behind the point, which no float would be written with.
    pub padded: u64,
    /// The most digits before the point.
    pub before: u8,
    /// The most digits that count, of the numbers with a point.
    pub significant: u8,
}

impl Default for Numbers {
    fn default() -> Self {
        Numbers {
            whole: 0,
            least: i64::MAX,
            greatest: i64::MIN,
            huge: 0,
            broken: 0,
            scientific: 0,
            least_scale: 0,
            most_scale: 0,
            padded: 0,
            before: 0,
            significant: 0,
        }
    }
}

impl Numbers {
    /// How many.
    pub fn count(&self) -> u64 {
        self.whole + self.broken
    }

    /// Takes note of a number, as written.
    pub fn add(&mut self, text: &[u8]) {
        let digits = text.strip_prefix(b"-").unwrap_or(text);
        if digits.iter().all(u8::is_ascii_digit) {
            return self.add_whole(text, digits.len());
        }
        let (mantissa, scientific) = match digits.iter().position(|byte| matches!(byte, b'e' | b'E')) {
            Some(at) => (&digits[..at], true),
            None => (digits, false),
        };
        let point = mantissa.iter().position(|byte| *byte == b'.').unwrap_or(mantissa.len());
        let scale = short(mantissa.len().saturating_sub(point + 1));
        self.least_scale = if self.broken == 0 { scale } else { self.least_scale.min(scale) };
        self.most_scale = self.most_scale.max(scale);
        self.broken += 1;
        self.scientific += u64::from(scientific);
        self.padded += u64::from(scale > 0 && mantissa.ends_with(b"0"));
        self.before = self.before.max(short(point));
        let leading = mantissa.iter().take_while(|byte| matches!(byte, b'0' | b'.')).count();
        let counted = mantissa[leading..].iter().filter(|byte| byte.is_ascii_digit()).count();
        self.significant = self.significant.max(short(counted));
    }

    fn add_whole(&mut self, text: &[u8], digits: usize) {
        self.whole += 1;
        self.before = self.before.max(short(digits));
        let parsed = std::str::from_utf8(text).ok().and_then(|text| text.parse::<i64>().ok());
        match parsed {
            Some(value) => {
                self.least = self.least.min(value);
                self.greatest = self.greatest.max(value);
            }
            None => self.huge = self.huge.max(short(digits)),
        }
    }

    /// Takes over what another list knows.
    pub fn merge(&mut self, other: &Numbers) {
        self.least_scale = match (self.broken, other.broken) {
            (0, _) => other.least_scale,
            (_, 0) => self.least_scale,
            _ => self.least_scale.min(other.least_scale),
        };
        self.whole += other.whole;
        self.least = self.least.min(other.least);
        self.greatest = self.greatest.max(other.greatest);
        self.huge = self.huge.max(other.huge);
        self.broken += other.broken;
        self.scientific += other.scientific;
        self.most_scale = self.most_scale.max(other.most_scale);
        self.padded += other.padded;
        self.before = self.before.max(other.before);
        self.significant = self.significant.max(other.significant);
    }
}

fn short(count: usize) -> u8 {
    count.min(u8::MAX as usize) as u8
}

/// Whether a text is a number as JSON writes one; with zeros in front it is a code, not a number.
pub fn is_number(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let run = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = run(digits);
    if whole == 0 || (whole > 1 && digits[0] == b'0') {
        return false;
    }
    let mut rest = &digits[whole..];
    if let Some(fraction) = rest.strip_prefix(b".") {
        let count = run(fraction);
        if count == 0 {
            return false;
        }
        rest = &fraction[count..];
    }
    if let Some(exponent) = rest.strip_prefix(b"e").or(rest.strip_prefix(b"E")) {
        let exponent = exponent.strip_prefix(b"-").or(exponent.strip_prefix(b"+")).unwrap_or(exponent);
        let count = run(exponent);
        return count > 0 && count == exponent.len();
    }
    rest.is_empty()
}

/// The unit in which a moment is counted since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Epoch {
    /// 1 767 225 600
    Seconds,
    /// 1 767 225 600 000
    Millis,
    /// 1 767 225 600 000 000
    Micros,
    /// 1 767 225 600 000 000 000
    Nanos,
}

impl Epoch {
    /// The unit in which numbers from `least` to `greatest` would be moments from 2000 to 2100; no number
    /// is that in two units.
    pub fn of(least: i64, greatest: i64) -> Option<Epoch> {
        const FROM: i64 = 946_684_800;
        const UNTIL: i64 = 4_102_444_800;
        let scales =
            [(Epoch::Seconds, 1), (Epoch::Millis, 1_000), (Epoch::Micros, 1_000_000), (Epoch::Nanos, 1_000_000_000)];
        let fits = |&(_, scale): &(Epoch, i64)| {
            least >= FROM * scale && i128::from(greatest) < i128::from(UNTIL) * i128::from(scale)
        };
        scales.into_iter().find(fits).map(|(unit, _)| unit)
    }

    /// Milliseconds of a number in this unit.
    pub fn millis(self, value: i64) -> i64 {
        match self {
            Epoch::Seconds => value.saturating_mul(1_000),
            Epoch::Millis => value,
            Epoch::Micros => value.div_euclid(1_000),
            Epoch::Nanos => value.div_euclid(1_000_000),
        }
    }

    /// The unit in words.
    pub fn word(self) -> &'static str {
        match self {
            Epoch::Seconds => "epoch seconds",
            Epoch::Millis => "epoch milliseconds",
            Epoch::Micros => "epoch microseconds",
            Epoch::Nanos => "epoch nanoseconds",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_what_json_writes() {
        for yes in ["0", "-1", "10.50", "1e9", "-0.1E-7"] {
            assert!(is_number(yes.as_bytes()), "{yes}");
        }
        for no in ["", "-", "01", "1.", ".5", "1e", "0x1", "1 ", "+1", "NaN", "1e5x"] {
            assert!(!is_number(no.as_bytes()), "{no}");
        }
    }

    #[test]
    fn digits_are_counted_as_written() {
        let mut numbers = Numbers::default();
        for text in ["187.20", "5.05", "-0.10"] {
            numbers.add(text.as_bytes());
        }
        let Numbers { least_scale, most_scale, padded, before, significant, .. } = numbers;
        assert_eq!((least_scale, most_scale, padded, before, significant), (2, 2, 2, 3, 5));
        numbers.add(b"18446744073709551615");
        assert_eq!((numbers.huge, numbers.whole, numbers.greatest), (20, 1, i64::MIN));
    }

    #[test]
    fn the_unit_of_a_moment_follows_from_its_size() {
        let at = 1_767_225_600;
        assert_eq!(Epoch::of(at, at), Some(Epoch::Seconds));
        assert_eq!(Epoch::of(at * 1_000, at * 1_000), Some(Epoch::Millis));
        assert_eq!(Epoch::of(at * 1_000_000, at * 1_000_000), Some(Epoch::Micros));
        assert_eq!(Epoch::of(at * 1_000_000_000, at * 1_000_000_000), Some(Epoch::Nanos));
        assert_eq!(Epoch::of(1, at), None);
        assert_eq!(Epoch::of(at, at * 1_000), None, "mixed units are no unit");
        assert_eq!(Epoch::Nanos.millis(-1), -1);
    }
}
