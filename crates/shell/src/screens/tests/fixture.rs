//! A step that is always the same: thirty rows of three symbols, their changes, a chart, a graph, event time.

use millstream_session::chart::{Axis, AxisKind, Chart, Mark, Series};
use millstream_session::watch::{
    Aside, Ask, Figures, Flow, FlowLine, Fresh, Order, Page, Part, Partition, Row, Rows, Scene, Show, State, Timeline,
    Window,
};
use millstream_session::{Cell, Head, Kind, Millis, Phase, Rate, Standing, Status, Tone};

/// 2026-01-01 12:00:00.
const NOON: i64 = 1_767_268_800_000;
const SYMBOLS: [&str; 3] = ["AAPL", "MSFT", "漢字\\x1b[31m"];

fn head(name: &str, kind: &str, right: bool) -> Head {
    Head { name: name.into(), kind: kind.into(), right }
}

fn cell(text: String) -> Cell {
    let tone = if text == "NULL" { Tone::Dim } else { Tone::Plain };
    Cell { text, tone }
}

fn row(number: usize, kind: Option<Kind>) -> Row {
    let symbol = SYMBOLS[number % 3];
    let high = if number == 7 { "NULL".into() } else { format!("{}.5", 100 + number) };
    let cells = [symbol.into(), (number * 10).to_string(), high, format!("12:{:02}:00.000", 59 - number)];
    let fresh = match number {
        0 => Fresh::Row,
        1 => Fresh::Cells(vec![false, true, true, false]),
        _ => Fresh::None,
    };
    Row { at: Millis(NOON - number as i64 * 1_500), kind, cells: cells.map(cell).to_vec(), fresh }
}

fn rows(ask: &Ask) -> Rows {
    let kind = |number: usize| match number % 4 {
        _ if ask.show == Show::Table => None,
        0 => Some(Kind::Insert),
        1 => Some(Kind::UpdateAfter),
        2 => Some(Kind::UpdateBefore),
        _ => Some(Kind::Delete),
    };
    let word = ask.filter.split(':').next_back().unwrap_or_default().to_lowercase();
    let fits = |row: &Row| {
        let of_key = |(column, text): &(usize, String)| row.cells[*column].text == *text;
        ask.key.iter().all(of_key) && row.cells[0].text.to_lowercase().contains(&word)
    };
    let mut all: Vec<Row> = (0..30).map(|number| row(number, kind(number))).filter(fits).collect();
    if ask.order == Order::Came {
        all.reverse();
    }
    Rows {
        heads: vec![
            head("symbol", "STRING", false),
            head("volume", "BIGINT", true),
            head("high", "DOUBLE", true),
            head("window_end", "TIMESTAMP(3)", false),
        ],
        key: vec![0],
        first: ask.first.min(all.len().saturating_sub(1)),
        fit: all.len(),
        held: 30,
        total: 12_345,
        rows: all.into_iter().skip(ask.first).take(ask.count).collect(),
    }
}

fn chart() -> Chart {
    let points = |factor: f64| (0..20).map(|x| ((NOON + x * 60_000) as f64, (x as f64 * 0.7).sin() * factor)).collect();
    let series = ["AAPL", "MSFT"].iter().zip([10.0, 25.0]);
    Chart {
        title: "bars".into(),
        mark: Mark::Line,
        x: Axis { name: "window_end".into(), kind: AxisKind::Time },
        y: "volume".into(),
        legend: Some("symbol".into()),
        series: series.map(|(name, factor)| Series { name: (*name).into(), points: points(factor) }).collect(),
        note: Some("7 of 47 rows are not drawn".into()),
    }
}

fn flow() -> Flow {
    let line = |text: &str, of: Part| FlowLine { text: text.into(), of };
    let figures = |rate: f64, waiting: u64, holds: &str| Figures {
        rate,
        rows_in: 40_000,
        rows_out: 20_000,
        watermark: Some(Millis(NOON)),
        state: 123_456,
        late: 3,
        waiting,
        held: None,
        holds: holds.into(),
    };
    Flow {
        lines: vec![
            line("result", Part::Output(Some(2_400))),
            line("│  append [symbol, volume] · time window_end", Part::Edge),
            line("└─ WindowAggregate sum(qty) by [symbol]", Part::Operator(figures(12.4, 1_500, "2 windows open"))),
            line("   │  append [symbol, qty, ts] · spread by symbol", Part::Edge),
            line("   └─ Scan trades", Part::Operator(figures(20_000.0, 0, ""))),
        ],
    }
}

fn timeline() -> Timeline {
    let at = |seconds: i64| Millis(NOON + seconds * 1000);
    let partition = |number: i64| Partition {
        name: format!("trades/{number}"),
        times: Some((at(0), at(40 - 3 * number))),
        watermark: Some(at(38 - 3 * number)),
        idle: number == 2,
        ended: false,
        holds: number == 3,
    };
    let window =
        |start: i64| Window { step: "bars".into(), start: at(start), closes: at(start + 10), rows: 812, keys: 3 };
    Timeline {
        partitions: (0..4).map(partition).collect(),
        windows: vec![window(20), window(30)],
        open: 2,
        late: vec![at(3), at(4), at(17)],
        late_rows: 3,
        watermark: Some(at(29)),
    }
}

fn aside() -> Vec<Aside> {
    let late = Aside {
        name: "bars$late".into(),
        count: 3,
        heads: vec![head("symbol", "STRING", false), head("qty", "BIGINT", true)],
        rows: (1..=3).map(|number| vec![cell("AAPL".into()), cell(number.to_string())]).collect(),
    };
    let bad = Aside {
        name: "trades$errors".into(),
        count: 1_204,
        heads: vec![head("offset", "BIGINT", true), head("reason", "STRING", false)],
        rows: (1..=40).map(|number| vec![cell(number.to_string()), cell("no \\x1b JSON".into())]).collect(),
    };
    vec![late, bad]
}

/// What is asked for, of the step that is always the same.
pub fn scene(ask: &Ask) -> Scene {
    let page = match ask.show {
        Show::Table | Show::Changes => Page::Rows(rows(ask)),
        Show::Chart => Page::Chart(Ok(chart())),
        Show::Flow => Page::Flow(flow()),
        Show::Timeline => Page::Timeline(timeline()),
        Show::Aside => Page::Aside(aside()),
    };
    let status = Status {
        records: 40_000,
        rows: 12_345,
        lag: Some(17),
        watermark: Some(Millis(NOON + 29_000)),
        late: 3,
        bad: 1_204,
        ..Status::default()
    };
    let rates = (0..60).map(|second| second * second % 97).collect();
    Scene {
        name: "bars".into(),
        at: Millis(NOON),
        elapsed: 12_300,
        state: State::Runs,
        status,
        rate: 1_204.4,
        rates,
        page,
    }
}

/// A tape of which a third has been played.
pub fn tape() -> Standing {
    Standing {
        tape: "monday".into(),
        position: 2_000,
        stretch: (0, 6_000),
        at: Millis(NOON),
        times: (Millis(NOON - 60_000), Millis(NOON + 120_000)),
        rate: Rate::Times(10.0),
        phase: Phase::Playing,
    }
}
