//! The answer as lines of text.

use std::fmt::Write;

use super::moment::{rows, stretch};
use super::{Answer, Scene};

impl Answer {
    /// The answer for people: what comes out or not, then each cause with its ways out. `basis` says what was
    /// looked at.
    pub fn text(&self, scene: &Scene<'_>, basis: &str) -> String {
        let mut out = String::new();
        match (&self.spoken, self.causes.as_slice()) {
            (Some((number, last)), _) => {
                let ago = last.and_then(|last| scene.since(last).map(|ms| (last, ms)));
                let last = ago.map(|(at, ms)| format!(", the last at {}, {} ago", scene.wall().at(at), stretch(ms)));
                write!(out, "{basis}: it does speak, {}{}", rows(*number), last.unwrap_or_default())
            }
            (None, []) => write!(out, "{basis}: no row yet, and nothing has come that could make one"),
            (None, [_]) => write!(out, "{basis}: no row yet, because"),
            (None, causes) => write!(out, "{basis}: no row yet, for {} reasons", causes.len()),
        }
        .expect("a string takes everything");
        for (number, cause) in (1..).zip(&self.causes) {
            let mark = if self.causes.len() > 1 { format!("{number}. ") } else { String::new() };
            let indent = mark.len();
            for (place, line) in cause.text.lines().enumerate() {
                let mark = if place == 0 { mark.as_str() } else { "" };
                let indent = if place == 0 { 0 } else { indent };
                write!(out, "\n  {mark}{:indent$}{line}", "").expect("a string takes everything");
            }
            for (place, way) in cause.ways.iter().enumerate() {
                let word = if place == 0 { "try: " } else { " or: " };
                write!(out, "\n  {:indent$}{word}{way}", "").expect("a string takes everything");
            }
        }
        out
    }
}
