//! The auction house of the Nexmark benchmark (Tucker, Tufte, Papadimos, Maier 2002): of fifty events one
//! is a new person, three are new auctions, forty-six are bids. Bids name auctions and persons that are
//! there already, mostly young ones, so the three topics can be joined.

use super::demo::{Demo, Moment};
use super::dice::Dice;
use super::json::{number, padded, text, time};
use super::rhythm::Rhythm;
use super::words::{CHANNELS, CITIES, FIRST_NAMES, GOODS, LAST_NAMES, QUALITIES, TALK};

/// The numbers of the first person and the first auction.
const FIRST_ID: u64 = 1000;
/// Bids go to one of so many young auctions, bidders are one of so many young persons.
const YOUNG_AUCTIONS: u64 = 100;
const YOUNG_PERSONS: u64 = 1000;

const fn rhythm(first: u64, of: u64) -> Rhythm {
    Rhythm { world_per_second: 1000, every: 50, of, first, disorder_ms: 2000 }
}

pub(super) const PERSONS: Demo = Demo {
    topic: "persons",
    doc: "Nexmark: people who register at an auction house",
    columns: &[
        ("id", "BIGINT"),
        ("name", "STRING"),
        ("emailAddress", "STRING"),
        ("creditCard", "STRING"),
        ("city", "STRING"),
        ("state", "STRING"),
        ("dateTime", "TIMESTAMP(3)"),
        ("extra", "STRING"),
    ],
    time_column: "dateTime",
    watermark: "dateTime - INTERVAL '2' SECOND",
    partitions: 2,
    rhythm: rhythm(0, 1),
    write: person,
};

pub(super) const AUCTIONS: Demo = Demo {
    topic: "auctions",
    doc: "Nexmark: things put up for auction",
    columns: &[
        ("id", "BIGINT"),
        ("itemName", "STRING"),
        ("description", "STRING"),
        ("initialBid", "BIGINT"),
        ("reserve", "BIGINT"),
        ("dateTime", "TIMESTAMP(3)"),
        ("expires", "TIMESTAMP(3)"),
        ("seller", "BIGINT"),
        ("category", "BIGINT"),
        ("extra", "STRING"),
    ],
    time_column: "dateTime",
    watermark: "dateTime - INTERVAL '2' SECOND",
    partitions: 2,
    rhythm: rhythm(1, 3),
    write: auction,
};

pub(super) const BIDS: Demo = Demo {
    topic: "bids",
    doc: "Nexmark: bids for the things on auction, about 250 bytes each",
    columns: &[
        ("auction", "BIGINT"),
        ("bidder", "BIGINT"),
        ("price", "BIGINT"),
        ("channel", "STRING"),
        ("url", "STRING"),
        ("dateTime", "TIMESTAMP(3)"),
        ("extra", "STRING"),
    ],
    time_column: "dateTime",
    watermark: "dateTime - INTERVAL '2' SECOND",
    partitions: 4,
    rhythm: rhythm(4, 46),
    write: bid,
};

/// A person who registered before event `event`.
fn known_person(event: u64, dice: &mut Dice) -> u64 {
    let newest = event.saturating_sub(1) / 50;
    FIRST_ID + newest - dice.skewed(YOUNG_PERSONS).min(newest)
}

/// An auction that was open before event `event`, which is past the auctions of its round.
fn known_auction(event: u64, dice: &mut Dice) -> u64 {
    let newest = event / 50 * 3 + 2;
    FIRST_ID + newest - dice.skewed(YOUNG_AUCTIONS).min(newest)
}

fn person(moment: &Moment, dice: &mut Dice, key: &mut Vec<u8>, out: &mut Vec<u8>) {
    let id = FIRST_ID + moment.index;
    number(key, id);
    text(out, "{\"id\":");
    number(out, id);
    let (first, last) = (dice.one_of(FIRST_NAMES), dice.one_of(LAST_NAMES));
    for piece in [",\"name\":\"", first, " ", last, "\",\"emailAddress\":\""] {
        text(out, piece);
    }
    let from = out.len();
    for piece in [first, ".", last] {
        text(out, piece);
    }
    out[from..].make_ascii_lowercase();
    number(out, id);
    text(out, "@example.com\",\"creditCard\":\"");
    for group in 0..4 {
        padded(out, dice.below(10_000), 4);
        text(out, if group < 3 { " " } else { "" });
    }
    let (city, state) = CITIES[dice.below(CITIES.len() as u64) as usize];
    for piece in ["\",\"city\":\"", city, "\",\"state\":\"", state, "\",\"dateTime\":"] {
        text(out, piece);
    }
    time(out, moment.at);
    extra(dice, out, 8);
}

fn auction(moment: &Moment, dice: &mut Dice, key: &mut Vec<u8>, out: &mut Vec<u8>) {
    let id = FIRST_ID + moment.index;
    number(key, id);
    text(out, "{\"id\":");
    number(out, id);
    let (quality, good) = (dice.one_of(QUALITIES), dice.one_of(GOODS));
    for piece in [",\"itemName\":\"", quality, " ", good, "\",\"description\":\""] {
        text(out, piece);
    }
    talk(dice, out, 6);
    let initial = 1 + dice.skewed(10_000);
    text(out, "\",\"initialBid\":");
    number(out, initial);
    text(out, ",\"reserve\":");
    number(out, initial + dice.below(1 + initial));
    text(out, ",\"dateTime\":");
    time(out, moment.at);
    text(out, ",\"expires\":");
    time(out, moment.at.plus(2_000 + dice.below(20_000) as i64));
    text(out, ",\"seller\":");
    number(out, known_person(moment.event, dice));
    text(out, ",\"category\":");
    number(out, 10 + dice.below(5));
    extra(dice, out, 8);
}

fn bid(moment: &Moment, dice: &mut Dice, key: &mut Vec<u8>, out: &mut Vec<u8>) {
    let auction = known_auction(moment.event, dice);
    number(key, auction);
    text(out, "{\"auction\":");
    number(out, auction);
    text(out, ",\"bidder\":");
    number(out, known_person(moment.event, dice));
    text(out, ",\"price\":");
    number(out, (dice.bell() * 1.2 + 8.0).exp() as u64 + 1);
    text(out, ",\"channel\":\"");
    let channel = dice.below(1000);
    if dice.percent(50) {
        text(out, CHANNELS[(channel % 4) as usize]);
    } else {
        text(out, "channel-");
        number(out, channel);
    }
    text(out, "\",\"url\":\"https://www.nexmark.com/item/");
    number(out, auction);
    text(out, ".htm?query=1&channel_id=");
    number(out, channel);
    text(out, "\",\"dateTime\":");
    time(out, moment.at);
    extra(dice, out, 12);
}

/// The last field and the end of the record.
fn extra(dice: &mut Dice, out: &mut Vec<u8>, words: u64) {
    text(out, ",\"extra\":\"");
    talk(dice, out, words);
    text(out, "\"}");
}

/// Some words, at least `words` and less than twice as many.
fn talk(dice: &mut Dice, out: &mut Vec<u8>, words: u64) {
    for word in 0..words + dice.below(words) {
        if word > 0 {
            out.push(b' ');
        }
        TALK[dice.skewed(TALK.len() as u64) as usize].write(out);
    }
}
