//! Trades at an exchange: a few symbols, many small orders and few large ones, prices that wander. A price
//! is a sum of noise over days, hours, minutes and seconds around the symbol's own level, so it looks like
//! a random walk and can still be computed for any moment without the ones before it.

use super::demo::{Demo, Moment};
use super::dice::{Dice, noise};
use super::json::{decimal, number, text, time};
use super::rhythm::Rhythm;
use super::words::SYMBOLS;

pub(super) const TRADES: Demo = Demo {
    topic: "trades",
    doc: "trades at an exchange: symbols with wandering prices",
    columns: &[("symbol", "STRING"), ("price", "DOUBLE"), ("qty", "INT"), ("side", "STRING"), ("ts", "TIMESTAMP(3)")],
    time_column: "ts",
    watermark: "ts - INTERVAL '1' SECOND",
    partitions: 4,
    rhythm: Rhythm { world_per_second: 500, every: 1, of: 1, first: 0, disorder_ms: 1000 },
    write: trade,
};

/// The parts of a price: how many milliseconds one swing takes, and how far it goes.
const SWINGS: [(f64, f64); 4] = [(43_200_000.0, 0.08), (1_800_000.0, 0.02), (60_000.0, 0.005), (2_000.0, 0.001)];

fn trade(moment: &Moment, dice: &mut Dice, key: &mut Vec<u8>, out: &mut Vec<u8>) {
    let symbol = dice.skewed(SYMBOLS.len() as u64) as usize;
    text(key, SYMBOLS[symbol]);
    text(out, "{\"symbol\":\"");
    text(out, SYMBOLS[symbol]);
    text(out, "\",\"price\":");
    decimal(out, price(moment, symbol as u64) * (1.0 + 0.0002 * dice.bell()), 2);
    text(out, ",\"qty\":");
    let lots = 1 + dice.skewed(20);
    number(out, if dice.percent(30) { lots } else { lots * 100 });
    text(out, if dice.percent(50) { ",\"side\":\"buy\",\"ts\":" } else { ",\"side\":\"sell\",\"ts\":" });
    time(out, moment.at);
    text(out, "}");
}

fn price(moment: &Moment, symbol: u64) -> f64 {
    let level = 20.0 + 380.0 * Dice::new(moment.seed, 1, symbol).unit();
    let swing = |(number, &(period, height)): (usize, &(f64, f64))| {
        height * noise(moment.seed, 16 * symbol + number as u64 + 2, moment.at.0 as f64 / period)
    };
    level * SWINGS.iter().enumerate().map(swing).sum::<f64>().exp()
}
