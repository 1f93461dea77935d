//! `SHOW TOPICS`, `PEEK`, `ADVISE WATERMARK` and the refusals of `TAP`, over embedded topics, demos and files.

use std::time::Instant;

use super::{fill, room, said};

const TRADES: &str = "0 1767225600000 {\"symbol\":\"A\",\"ts\":1767225600000}\n\
                      1 1767225601000 {\"symbol\":\"B\",\"ts\":1767225601000}\n\
                      0 1767225602000 {\"symbol\":\"C\",\"ts\":1767225600600}\n\
                      0 1767225603000 {\"symbol\":\"D\",\"ts\":1767225603000}\n";

#[test]
fn topics_are_listed_with_what_they_look_like() {
    let mut room = room();
    fill(&room, "trades", TRADES);
    fill(&room, "quotes", "0 1767225600000 \\x00\\x00\\x00\\x00\\x07\\x02\\x0c\\x01\n");
    let table = said(&mut room.session, "SHOW TOPICS");
    assert!(table.contains("looks like"), "{table}");
    let line = |name: &str| table.lines().find(|line| line.contains(name)).unwrap_or_default().to_string();
    assert!(line("trades").contains("json") && line("trades").contains("2026-01-01 00:00:03.000"), "{table}");
    assert!(line("quotes").contains("avro or protobuf (registry id 7)"), "{table}");
    assert!(line("demo.bids").contains("json"), "{table}");
    let one = said(&mut room.session, "SHOW TOPICS LIKE 'trad%'");
    assert!(one.contains("trades") && !one.contains("quotes"));
}

#[test]
fn peek_shows_records_as_they_are() {
    let mut room = room();
    fill(&room, "trades", TRADES);
    let newest = said(&mut room.session, "PEEK trades LIMIT 2");
    assert!(newest.contains("\"D\"") && newest.contains("\"B\"") && !newest.contains("\"A\""), "{newest}");
    let first = said(&mut room.session, "PEEK 'trades' FROM EARLIEST LIMIT 1");
    assert!(first.contains("\"A\"") && !first.contains("\"B\""), "{first}");
    let partition = said(&mut room.session, "PEEK trades PARTITION 1");
    assert!(partition.contains("\"B\"") && !partition.contains("\"A\""), "{partition}");
    let offset = said(&mut room.session, "PEEK trades FROM OFFSET 2 PARTITION 0");
    assert!(offset.contains("\"D\"") && !offset.contains("\"C\""), "{offset}");
    let time = said(&mut room.session, "PEEK trades FROM TIMESTAMP '2026-01-01 00:00:02'");
    assert!(time.contains("\"C\"") && !time.contains("\"B\""), "{time}");
    assert!(said(&mut room.session, "PEEK demo.trades LIMIT 3").contains("\"symbol\""));
    let missing = said(&mut room.session, "PEEK tradse");
    assert!(
        missing.contains("there is no topic, file or table 'tradse'") && missing.contains("did you mean 'trades'"),
        "{missing}"
    );
    assert!(said(&mut room.session, "PEEK trades PARTITION 7").contains("has no partition 7"));
}

#[test]
fn hostile_bytes_reach_no_screen() {
    let mut room = room();
    fill(&room, "evil", "0 1767225600000 \\x1b]0;owned\\x07\\xe2\\x80\\xae\\x1b[2J\n0 1767225600000 \\xff\\x1b[31m\n");
    let shown = said(&mut room.session, "PEEK evil; TAP evil AS t; SHOW CREATE TABLE t");
    let harmless = |c: char| c == '\n' || !(c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c));
    assert!(shown.chars().all(harmless), "{shown:?}");
    assert!(shown.contains("\\x1b"), "{shown}");
}

#[test]
fn a_place_is_named_in_many_ways_and_refused_with_a_way_out() {
    let mut room = room();
    for (text, wanted) in [
        ("TAP 'kafka://user:secret@host:9092/t'", "user and password do not belong into a place"),
        ("TAP 'kafka://host:9092'", "the place names no topic to tap"),
        ("TAP 'mqtt://host/t'", "nothing here reads mqtt://"),
        ("TAP 'no/such/file.jsonl'", "there is no file or folder 'no/such/file.jsonl'"),
        ("TAP", "the statement ends too early"),
        ("PEEK trades LIMIT x", "how many records is expected"),
        ("ADVISE WATERMARK nothing", "there is no table or view 'nothing'"),
    ] {
        let said = said(&mut room.session, text);
        assert!(said.contains(wanted), "{text}: {said}");
        assert!(!said.contains("secret") || said.contains("LINE 1"), "{said}");
    }
    fill(&room, "trades", TRADES);
    assert!(
        said(&mut room.session, "TAP trades")
            .starts_with("tapped trades · json, 2 columns · event time ts (epoch milliseconds")
    );
    assert!(said(&mut room.session, "TAP trades").starts_with("tapped trades"), "the same place is tapped anew");
    let clash =
        said(&mut room.session, "CREATE TABLE other (a INT) WITH ('connector' = 'datagen'); TAP trades AS other");
    assert!(clash.contains("a table 'other' exists already"), "{clash}");
    assert!(said(&mut room.session, "TAP demo.bids").starts_with("tapped bids · json"));
}

#[test]
fn advice_counts_rows_that_a_bound_leaves_late() {
    let mut room = room();
    fill(&room, "trades", TRADES);
    let table = said(&mut room.session, "TAP trades; ADVISE WATERMARK trades");
    let row =
        |bound: &str| table.lines().find(|line| line.contains(&format!(" {bound} "))).unwrap_or_default().to_string();
    // 'A' then 'C' go forward in their partition; only the sizes of the steps matter.
    assert!(table.contains("rows late") && table.contains("added latency"), "{table}");
    assert!(row("1 s").contains("advised"), "{table}");
}

#[test]
fn a_tap_answers_from_its_sample_at_once() {
    let mut room = room();
    assert!(said(&mut room.session, "TAP demo.trades").contains("of 20 000 sampled records"));
    let began = Instant::now();
    let sample = room.session.sample("trades").expect("kept by the tap");
    assert_eq!(sample.len(), 20_000);
    assert!(began.elapsed().as_millis() < 1_000, "it was not drawn again");
}
