//! How fast a replay goes: which time of the tape is due at which time of the machine. It decides about waiting
//! and about nothing else.

use millstream_record::Millis;
use millstream_sql::statement::Rate;

/// The pace of a replay that goes on.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    rate: Rate,
    /// The time of the machine, and of the tape, at which it went on.
    since: (Millis, Millis),
}

impl Pace {
    /// A replay that goes on at `tape` when the machine's clock shows `now`.
    pub fn new(rate: Rate, now: Millis, tape: Millis) -> Pace {
        Pace { rate, since: (now, tape) }
    }

    /// Up to which time of the tape records are due when the machine's clock shows `now`.
    pub fn due(&self, now: Millis) -> Millis {
        match self.rate {
            Rate::Max => Millis::MAX,
            Rate::Times(times) => {
                let gone = now.0.saturating_sub(self.since.0.0).max(0) as f64 * times;
                self.since.1.plus(gone as i64)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twice_the_rate_is_twice_as_fast() {
        let due = |rate, now| Pace::new(rate, Millis(1_000), Millis(50_000)).due(Millis(now)).0;
        assert_eq!(due(Rate::Times(1.0), 1_000), 50_000);
        assert_eq!(due(Rate::Times(1.0), 3_000), 52_000);
        assert_eq!(due(Rate::Times(2.0), 3_000), 54_000);
        assert_eq!(due(Rate::Times(0.5), 3_000), 51_000);
        assert_eq!(due(Rate::Times(10.0), 900), 50_000, "a clock that goes back moves nothing");
        assert_eq!(due(Rate::Max, 0), i64::MAX);
    }
}
