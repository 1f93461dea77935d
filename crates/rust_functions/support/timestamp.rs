//! A wall clock's reading, as SQL's `TIMESTAMP(3)` has it.

/// Milliseconds since 1970-01-01 00:00 on a wall clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Milliseconds since 1970-01-01 00:00.
    pub fn millis(self) -> i64 {
        self.0
    }

    /// The hour on the clock, 0 to 23.
    pub fn hour(self) -> u32 {
        (self.0.rem_euclid(86_400_000) / 3_600_000) as u32
    }

    /// The minute on the clock, 0 to 59.
    pub fn minute(self) -> u32 {
        (self.0.rem_euclid(3_600_000) / 60_000) as u32
    }

    /// Days since 1970-01-01.
    pub fn day(self) -> i64 {
        self.0.div_euclid(86_400_000)
    }
}

impl std::ops::Add<std::time::Duration> for Timestamp {
    type Output = Timestamp;

    fn add(self, length: std::time::Duration) -> Timestamp {
        Timestamp(self.0 + length.as_millis() as i64)
    }
}

impl std::ops::Sub for Timestamp {
    type Output = i64;

    /// The milliseconds between two readings.
    fn sub(self, other: Timestamp) -> i64 {
        self.0 - other.0
    }
}
