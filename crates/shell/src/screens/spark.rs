//! Small lines of block characters, one a value.

const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The values as blocks between these two ends, or between the least and the largest of them.
pub fn line(values: &[f64], ends: Option<(f64, f64)>) -> String {
    let ends = ends.unwrap_or_else(|| {
        let all = || values.iter().copied();
        (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max))
    });
    values.iter().map(|value| BLOCKS[step(*value, ends, BLOCKS.len())]).collect()
}

/// On which of `count` steps between two ends a value stands; on the first if the ends are one.
pub fn step(value: f64, (low, high): (f64, f64), count: usize) -> usize {
    let part = if high > low { (value - low) / (high - low) } else { 0.0 };
    // A cast takes what is not finite as an end.
    ((part * (count - 1) as f64).round() as usize).min(count - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_between_their_ends() {
        assert_eq!(line(&[0.0, 7.0, 3.0], None), "▁█▄");
        assert_eq!(line(&[0.0, 0.0], Some((0.0, 0.0))), "▁▁");
        assert_eq!(line(&[f64::NAN, f64::INFINITY, -1e300], Some((0.0, 1.0))), "▁█▁");
        assert_eq!(line(&[], None), "");
    }
}
