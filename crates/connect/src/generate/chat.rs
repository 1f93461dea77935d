//! Chat: people in rooms who write lines of common words. A few people write most of it.

use super::demo::{Demo, Moment};
use super::dice::Dice;
use super::json::{number, text, time};
use super::rhythm::Rhythm;
use super::words::{FIRST_NAMES, ROOMS, TALK};

pub(super) const CHAT: Demo = Demo {
    topic: "chat",
    doc: "lines that people write in chat rooms",
    columns: &[("room", "STRING"), ("author", "STRING"), ("line", "STRING"), ("ts", "TIMESTAMP(3)")],
    time_column: "ts",
    watermark: "ts - INTERVAL '5' SECOND",
    partitions: 3,
    rhythm: Rhythm { world_per_second: 100, every: 1, of: 1, first: 0, disorder_ms: 5000 },
    write: line,
};

/// So many people.
const AUTHORS: u64 = 500;

fn line(moment: &Moment, dice: &mut Dice, key: &mut Vec<u8>, out: &mut Vec<u8>) {
    let room = ROOMS[dice.skewed(ROOMS.len() as u64) as usize];
    text(key, room);
    for piece in ["{\"room\":\"", room, "\",\"author\":\""] {
        text(out, piece);
    }
    author(out, dice.skewed(AUTHORS));
    text(out, "\",\"line\":\"");
    if dice.percent(15) {
        text(out, "@");
        author(out, dice.skewed(AUTHORS));
        text(out, " ");
    }
    let from = out.len();
    for word in 0..2 + dice.skewed(18) {
        if word > 0 {
            out.push(b' ');
        }
        TALK[dice.skewed(TALK.len() as u64) as usize].write(out);
    }
    out[from] = out[from].to_ascii_uppercase();
    text(out, [".", "!", "?", "", " :)"][dice.skewed(5) as usize]);
    text(out, "\",\"ts\":");
    time(out, moment.at);
    text(out, "}");
}

fn author(out: &mut Vec<u8>, author: u64) {
    let from = out.len();
    text(out, FIRST_NAMES[(author % FIRST_NAMES.len() as u64) as usize]);
    out[from..].make_ascii_lowercase();
    number(out, author);
}
