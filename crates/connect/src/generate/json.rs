//! Writing JSON by hand, straight into the buffer of a batch: no tree, no allocation, no escaping, because
//! the generators use only characters that need none.

use millstream_record::Millis;

const DAY_MS: i64 = 86_400_000;

/// Appends text as it is.
#[inline]
pub(super) fn text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

/// A short word that is appended with one store of 16 bytes, whatever its length.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word {
    bytes: [u8; 16],
    length: usize,
}

impl Word {
    /// A word of at most 16 bytes; a longer one does not compile in a constant.
    pub const fn new(text: &str) -> Word {
        let (text, mut bytes) = (text.as_bytes(), [0; 16]);
        let mut at = 0;
        while at < text.len() {
            bytes[at] = text[at];
            at += 1;
        }
        Word { bytes, length: text.len() }
    }

    /// Appends the word.
    #[inline]
    pub fn write(self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        out.truncate(start + self.length);
    }
}

/// Appends a whole number.
#[inline]
pub(super) fn number(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends a number with leading zeros, `width` digits long.
#[inline]
pub(super) fn padded(out: &mut Vec<u8>, mut number: u64, width: usize) {
    let start = out.len();
    out.resize(start + width, b'0');
    for digit in out[start..].iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// Appends `value` with `digits` digits behind the point, rounded.
#[inline]
pub(super) fn decimal(out: &mut Vec<u8>, value: f64, digits: usize) {
    let scale = 10u64.pow(digits as u32);
    let scaled = (value.abs() * scale as f64).round() as u64;
    if value < 0.0 && scaled > 0 {
        out.push(b'-');
    }
    number(out, scaled / scale);
    out.push(b'.');
    padded(out, scaled % scale, digits);
}

/// Appends a time as SQL writes it, `2026-01-01 00:00:00.000` (UTC), in quotes. Years 1 to 9999.
pub(super) fn time(out: &mut Vec<u8>, at: Millis) {
    let (year, month, day) = civil(at.0.div_euclid(DAY_MS));
    let ms = at.0.rem_euclid(DAY_MS) as u64;
    let mut text = *b"\"0000-00-00 00:00:00.000\"";
    let pairs = [(1, year / 100), (3, year), (6, month), (9, day), (12, ms / 3_600_000), (15, ms / 60_000 % 60)];
    for (place, pair) in pairs.into_iter().chain([(18, ms / 1000 % 60), (21, ms % 1000 / 10)]) {
        text[place] += (pair / 10 % 10) as u8;
        text[place + 1] += (pair % 10) as u8;
    }
    text[23] += (ms % 10) as u8;
    out.extend_from_slice(&text);
}

/// Year, month and day of a day since 1970-01-01 (Howard Hinnant, "chrono-compatible low-level date
/// algorithms").
fn civil(day: i64) -> (u64, u64, u64) {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day_of_month = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year as u64, month as u64, day_of_month as u64)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn numbers() {
        assert_eq!(written(|out| number(out, 0)), "0");
        assert_eq!(written(|out| number(out, u64::MAX)), u64::MAX.to_string());
        assert_eq!(written(|out| padded(out, 42, 5)), "00042");
        assert_eq!(written(|out| decimal(out, -9.805, 2)), "-9.81");
        assert_eq!(written(|out| decimal(out, 0.996, 2)), "1.00");
        assert_eq!(written(|out| decimal(out, -0.001, 2)), "0.00");
    }

    #[test]
    fn times_are_those_of_chrono() {
        for ms in (-5_000_000_000_000..10_000_000_000_000i64).step_by(86_399_999_999 / 7) {
            let wanted = DateTime::from_timestamp_millis(ms).expect("in range").format("\"%Y-%m-%d %H:%M:%S%.3f\"");
            assert_eq!(written(|out| time(out, Millis(ms))), wanted.to_string());
        }
    }
}
