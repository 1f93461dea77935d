//! Chance without state. Every record throws its own dice, made of the seed, the stream and the number of
//! the record, so record 5 000 000 is the same whether the ones before it were made or not.

/// The finisher of SplitMix64 (Steele, Lea, Flood 2014): every bit of the input moves every bit of the
/// output.
#[inline]
pub(super) fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// A short row of random numbers (SplitMix64).
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    /// The dice of record `index` in `stream`.
    #[inline]
    pub fn new(seed: u64, stream: u64, index: u64) -> Dice {
        Dice(mix(mix(seed.wrapping_add(GOLDEN)) ^ stream.wrapping_mul(GOLDEN)).wrapping_add(mix(index ^ GOLDEN)))
    }

    /// The next 64 random bits.
    #[inline]
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        mix(self.0)
    }

    /// A number of `0..end`; 0 if `end` is 0.
    #[inline]
    pub fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(end)) >> 64) as u64
    }

    /// A number of `0.0..1.0`.
    #[inline]
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Whether something happens that happens `percent` times in a hundred.
    #[inline]
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// A number of `0..end`, small ones far more often than great ones.
    #[inline]
    pub fn skewed(&mut self, end: u64) -> u64 {
        let unit = self.unit();
        (unit * unit * unit * end as f64) as u64
    }

    /// One of `all`, which is not empty.
    #[inline]
    pub fn one_of<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len() as u64) as usize]
    }

    /// A number around 0 that is seldom beyond 2 (the sum of four even throws, scaled to a variance of 1).
    #[inline]
    pub fn bell(&mut self) -> f64 {
        let sum: f64 = (0..4).map(|_| self.unit()).sum();
        (sum - 2.0) * 3f64.sqrt()
    }
}

/// A smooth curve through random heights of `-1.0..=1.0` that stand one unit of `at` apart (value noise).
pub(super) fn noise(seed: u64, stream: u64, at: f64) -> f64 {
    let left = at.floor();
    let height = |place: f64| Dice::new(seed, stream, place as i64 as u64).unit() * 2.0 - 1.0;
    let within = at - left;
    let weight = within * within * (3.0 - 2.0 * within);
    height(left) * (1.0 - weight) + height(left + 1.0) * weight
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throws_are_even_and_repeatable() {
        let throw = |index| Dice::new(7, 1, index).below(10);
        let mut counts = [0; 10];
        (0..10_000).for_each(|index| counts[throw(index) as usize] += 1);
        assert!(counts.iter().all(|&count| (850..1150).contains(&count)), "{counts:?}");
        assert!((0..100).all(|index| throw(index) == throw(index)));
        let other: Vec<u64> = (0..100).map(|index| Dice::new(8, 1, index).bits()).collect();
        assert!((0..100).all(|index| Dice::new(7, 1, index).bits() != other[index as usize]));
    }

    #[test]
    fn noise_is_smooth_and_bounded() {
        let curve: Vec<f64> = (0..1000).map(|step| noise(3, 9, step as f64 / 100.0)).collect();
        assert!(curve.iter().all(|height| height.abs() <= 1.0));
        assert!(curve.windows(2).all(|pair| (pair[1] - pair[0]).abs() < 0.05));
        assert!(curve.iter().any(|height| height.abs() > 0.3));
    }
}
