//! When the events of a demo happen and when they arrive. Arrival advances evenly; an event happened a
//! little before it arrived, and now and then much longer before, which puts it behind others.

use millstream_record::Millis;

use super::dice::Dice;

/// The beat of a demo. Several demos may tell of one world (Nexmark): of every `every` events of that
/// world, this demo has `of`, beginning with number `first`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rhythm {
    /// Events of the world in a second.
    pub world_per_second: u64,
    /// The length of a round.
    pub every: u64,
    /// How many events of a round are in this demo.
    pub of: u64,
    /// The first of them.
    pub first: u64,
    /// An event is less than so many milliseconds old when it arrives.
    pub disorder_ms: u64,
}

/// So many of a hundred events come at once; the others take their time.
const PROMPT_PERCENT: u64 = 85;
/// How old those at most are: milliseconds.
const PROMPT_MS: u64 = 40;

impl Rhythm {
    /// The number of record `index` among the events of the world.
    #[inline]
    pub fn event(&self, index: u64) -> u64 {
        index / self.of * self.every + self.first + index % self.of
    }

    /// When record `index` arrives, if the first event of the world does at `start`. It does not fall.
    #[inline]
    pub fn arrival(&self, start: Millis, index: u64) -> Millis {
        let event = self.event(index);
        let (seconds, rest) = (event / self.world_per_second, event % self.world_per_second);
        start.plus((seconds * 1000 + rest * 1000 / self.world_per_second) as i64)
    }

    /// When the event happened that arrives at `arrival`: not before `start`, less than `disorder_ms`
    /// before `arrival`.
    #[inline]
    pub fn happened(&self, start: Millis, arrival: Millis, dice: &mut Dice) -> Millis {
        let most = if dice.percent(PROMPT_PERCENT) { PROMPT_MS.min(self.disorder_ms) } else { self.disorder_ms };
        arrival.plus(-(dice.below(most) as i64)).max(start)
    }

    /// Records of this demo in a second of event time.
    pub fn per_second(&self) -> u64 {
        self.world_per_second * self.of / self.every
    }
}
