//! The accelerometers of phones, in m/s²: people sit, walk or run, and now and then one falls (weightless
//! for a moment, a blow, then stillness) or a car crashes (a much harder blow). Lying still, a phone feels
//! 9.81.

use std::f64::consts::TAU;

use super::demo::{Demo, Moment};
use super::dice::{Dice, noise};
use super::json::{decimal, padded, text, time};
use super::rhythm::Rhythm;

pub(super) const ACCELEROMETER: Demo = Demo {
    topic: "accelerometer",
    doc: "phones' accelerometers at 50 Hz, with a few falls and crashes",
    columns: &[("device", "STRING"), ("x", "DOUBLE"), ("y", "DOUBLE"), ("z", "DOUBLE"), ("ts", "TIMESTAMP(3)")],
    time_column: "ts",
    watermark: "ts - INTERVAL '1' SECOND",
    partitions: 4,
    rhythm: Rhythm { world_per_second: 1000, every: 1, of: 1, first: 0, disorder_ms: 1000 },
    write: sample,
};

/// So many phones, each with every so-manieth sample.
const PHONES: u64 = 20;
/// A phone does one thing for so many milliseconds.
const SCENE_MS: u64 = 20_000;
/// In so many scenes of a hundred somebody falls.
const FALLS_PERCENT: u64 = 6;
/// Of so many falls one is a crash.
const CRASH_EVERY: u64 = 4;
const GRAVITY: f64 = 9.81;

fn sample(moment: &Moment, dice: &mut Dice, key: &mut Vec<u8>, out: &mut Vec<u8>) {
    let phone = moment.index % PHONES;
    text(key, "phone-");
    padded(key, phone, 2);
    text(out, "{\"device\":\"phone-");
    padded(out, phone, 2);
    let force = force(moment, phone);
    // How the phone lies in the pocket turns slowly; the force stays the same.
    let tilt = 1.2 * noise(moment.seed, 100 + phone, moment.at.0 as f64 / 30_000.0);
    let turn = TAU * noise(moment.seed, 200 + phone, moment.at.0 as f64 / 90_000.0);
    let axes = [tilt.sin() * turn.cos(), tilt.sin() * turn.sin(), tilt.cos()];
    for (name, axis) in ["\",\"x\":", ",\"y\":", ",\"z\":"].into_iter().zip(axes) {
        text(out, name);
        decimal(out, axis * force + 0.15 * dice.bell(), 3);
    }
    text(out, ",\"ts\":");
    time(out, moment.at);
    text(out, "}");
}

/// The force that the phone feels at the moment.
fn force(moment: &Moment, phone: u64) -> f64 {
    let since = (moment.at.0 - moment.start.0).max(0) as u64;
    let (scene, into) = (since / SCENE_MS, since % SCENE_MS);
    let mut scenery = Dice::new(moment.seed, 300 + phone, scene);
    let falls = scenery.percent(FALLS_PERCENT);
    let crash = scenery.below(CRASH_EVERY) == 0;
    let fall_at = 4_000 + scenery.below(SCENE_MS - 8_000);
    if falls && into >= fall_at {
        let blow = if crash { 90.0 } else { 35.0 } * (1.0 + 0.2 * scenery.bell());
        return falling(into - fall_at, crash, blow);
    }
    // Steps a second, and how hard they are: sitting, walking, running.
    let (steps, hard) = [(0.0, 0.0), (1.8, 2.5), (2.8, 6.0)][scenery.below(3) as usize];
    GRAVITY + hard * (TAU * steps * into as f64 / 1000.0).sin()
}

/// The force `since` milliseconds after a fall began.
fn falling(since: u64, crash: bool, blow: f64) -> f64 {
    let weightless = if crash { 0 } else { 450 };
    match since {
        _ if since < weightless => 0.6,
        // The blow dies away within a fifth of a second.
        _ if since < weightless + 200 => GRAVITY + blow * (-((since - weightless) as f64) / 60.0).exp(),
        _ => GRAVITY,
    }
}
