//! Traffic cameras: which number plates one sees in a picture, and how sure it is. Nested rows and arrays,
//! sometimes empty ones.

use super::demo::{Demo, Moment};
use super::dice::Dice;
use super::json::{decimal, number, padded, text, time};
use super::rhythm::Rhythm;

pub(super) const CAMERA: Demo = Demo {
    topic: "camera",
    doc: "traffic cameras: nested rows and arrays of number plates",
    columns: &[
        ("camera", "ROW<id STRING, zip STRING>"),
        ("sightings", "ARRAY<ROW<plate STRING, confidence DOUBLE>>"),
        ("ts", "TIMESTAMP(3)"),
    ],
    time_column: "ts",
    watermark: "ts - INTERVAL '3' SECOND",
    partitions: 2,
    rhythm: Rhythm { world_per_second: 100, every: 1, of: 1, first: 0, disorder_ms: 3000 },
    write: picture,
};

/// So many cameras and so many cars.
const CAMERAS: u64 = 40;
const CARS: u64 = 3000;

fn picture(moment: &Moment, dice: &mut Dice, key: &mut Vec<u8>, out: &mut Vec<u8>) {
    let camera = dice.below(CAMERAS);
    text(key, "cam-");
    padded(key, camera, 2);
    text(out, "{\"camera\":{\"id\":\"cam-");
    padded(out, camera, 2);
    text(out, "\",\"zip\":\"");
    padded(out, 10_000 + camera * 37 % 90_000, 5);
    text(out, "\"},\"sightings\":[");
    for sighting in 0..dice.skewed(6) {
        text(out, if sighting == 0 { "{\"plate\":\"" } else { ",{\"plate\":\"" });
        plate(out, Dice::new(moment.seed, 1, dice.below(CARS)));
        text(out, "\",\"confidence\":");
        let unsure = dice.unit();
        decimal(out, 1.0 - 0.6 * unsure * unsure, 3);
        text(out, "}");
    }
    text(out, "],\"ts\":");
    time(out, moment.at);
    text(out, "}");
}

/// The plate of a car: the same each time it is seen.
fn plate(out: &mut Vec<u8>, mut car: Dice) {
    for _ in 0..3 {
        out.push(b'A' + car.below(26) as u8);
    }
    text(out, "-");
    number(out, 100 + car.below(900));
}
