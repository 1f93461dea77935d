//! Bids in the shape of Nexmark, as lines of JSON of about 250 bytes: the input of benchmarks. The same
//! seed gives the same lines.

use std::fmt::Write;

/// 2026-01-01T00:00:00Z, when the first auction opens.
const START_MS: u64 = 1_767_225_600_000;

/// How many bids fall into one second of event time.
const PER_SECOND: u64 = 10_000;

/// Writes line after line.
#[derive(Clone, Debug)]
pub struct Bids {
    seed: u64,
    number: u64,
}

impl Bids {
    /// Bids from the first.
    pub fn new(seed: u64) -> Bids {
        Bids { seed, number: 0 }
    }

    /// A number below `limit`, by SplitMix64 (Steele, Lea and Flood 2014) over seed and state.
    fn below(&mut self, limit: u64) -> u64 {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.seed;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    /// The next bid, without a line end. Every fifth is up to 1.9 seconds late.
    pub fn next_line(&mut self, line: &mut String) {
        let reached = self.number * 1000 / PER_SECOND;
        let late = if self.below(5) == 0 { self.below(1900) } else { self.below(50) };
        let ms = START_MS + reached.saturating_sub(late);
        let auction = 1000 + reached * 20 / 1000 + self.below(2000);
        let (bidder, price, channel) = (1000 + self.below(100_000), 1 + self.below(100_000), self.below(1004));
        let (second, milli) = ((ms / 1000) % 86_400, ms % 1000);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        line.clear();
        write!(
            line,
            "{{\"auction\":{auction},\"bidder\":{bidder},\"price\":{price},\"channel\":\"channel-{channel}\",\
             \"url\":\"https://www.nexmark.com/item/{auction}.htm?query=1&channel_id={channel}\",\
             \"dateTime\":\"2026-01-01T{hour:02}:{minute:02}:{second:02}.{milli:03}Z\",\"extra\":\""
        )
        .expect("a string takes all");
        for word in 0..8 + self.below(5) {
            let word = WORDS[(self.below(WORDS.len() as u64) + word) as usize % WORDS.len()];
            line.push_str(word);
            line.push(' ');
        }
        line.pop();
        line.push_str("\"}");
        self.number += 1;
    }
}

const WORDS: [&str; 16] = [
    "river", "stone", "lamp", "harbour", "thread", "copper", "meadow", "signal", "winter", "ladder", "paper", "engine",
    "violet", "anchor", "summit", "garden",
];
