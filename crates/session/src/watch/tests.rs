//! Steps over rows that are written out, watched to their end: what is asked is answered from what is held.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use millstream_plan::Changes;
use millstream_record::{Batch, Kind, Kinds, ManualClock, Millis};

use super::*;
use crate::reply::Reply;
use crate::session::{Session, SessionOptions};

const LOOKS: fn() -> Look = Look::plain;

fn rows(rows: &[(Kind, &str, i64)]) -> Batch {
    let names: ArrayRef = Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.1)));
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.2)));
    let batch = RecordBatch::try_from_iter([("symbol", names), ("volume", numbers)]).expect("fits");
    Batch::changes(batch, Kinds::new(rows.iter().map(|row| row.0)))
}

fn board(changes: Changes, room: usize) -> Board {
    Board::new(Columns::of(rows(&[]).rows.schema()), changes, vec![0], room).expect("all types are known")
}

fn shown(page: &Rows) -> Vec<String> {
    let row = |row: &Row| {
        let cells = row.cells.iter().enumerate();
        let cell = |(column, cell): (usize, &crate::render::Cell)| {
            format!("{}{}", if row.fresh.at(column) { "*" } else { "" }, cell.text)
        };
        let kind = row.kind.map(|kind| format!("{} ", kind.mark())).unwrap_or_default();
        kind + &cells.map(cell).collect::<Vec<_>>().join(" ")
    };
    page.rows.iter().map(row).collect()
}

fn ask() -> Ask {
    Ask { count: 100, ..Ask::default() }
}

#[test]
fn a_new_version_marks_the_cells_that_changed_and_stands_first() {
    use Kind::{Insert, UpdateAfter, UpdateBefore};
    let mut board = board(Changes::Retract, 10);
    board.take(&rows(&[(Insert, "A", 1), (Insert, "B", 1)]), Millis(0)).expect("fits");
    board.take(&rows(&[(UpdateBefore, "A", 1), (UpdateAfter, "A", 5)]), Millis(2_000)).expect("fits");
    let page = board.table(&ask(), &LOOKS(), Millis(2_100)).expect("text");
    assert_eq!(shown(&page), ["A *5", "B 1"]);
    assert_eq!((page.fit, page.held, page.total), (2, 2, 2));
    // The mark fades, the order stays.
    let page = board.table(&ask(), &LOOKS(), Millis(3_000)).expect("text");
    assert_eq!(shown(&page), ["A 5", "B 1"]);
    let page = board.table(&Ask { order: Order::Came, ..ask() }, &LOOKS(), Millis(9_000)).expect("text");
    assert_eq!(shown(&page), ["A 5", "B 1"]);
    let page = board.table(&Ask { order: Order::Column(1, false), ..ask() }, &LOOKS(), Millis(9_000)).expect("text");
    assert_eq!(shown(&page), ["B 1", "A 5"]);
}

#[test]
fn the_history_of_a_key_marks_what_changed_from_one_to_the_next() {
    use Kind::{Insert, UpdateAfter, UpdateBefore};
    let mut board = board(Changes::Retract, 10);
    let changes = [(Insert, "A", 1), (Insert, "B", 7), (UpdateBefore, "A", 1), (UpdateAfter, "A", 5)];
    board.take(&rows(&changes), Millis(0)).expect("fits");
    let page = board.log(&ask(), &LOOKS(), Millis(9_000)).expect("text");
    assert_eq!(shown(&page), ["+U A 5", "-U A 1", "+I B 7", "+I A 1"]);
    let of_a = Ask { key: vec![(0, "A".into())], ..ask() };
    let page = board.log(&of_a, &LOOKS(), Millis(9_000)).expect("text");
    assert_eq!(shown(&page), ["+U A *5", "-U A 1", "+I A 1"]);
    let frozen = board.frozen().expect("decodes");
    board.take(&rows(&[(UpdateBefore, "A", 5), (UpdateAfter, "A", 6)]), Millis(500)).expect("fits");
    assert_eq!(shown(&frozen.table(&ask(), &LOOKS(), Millis(600)).expect("text")), ["*B *7", "A *5"]);
    assert_eq!(shown(&board.table(&ask(), &LOOKS(), Millis(600)).expect("text")), ["A *6", "*B *7"]);
    let page = board.log(&Ask { filter: "volume:7".into(), ..ask() }, &LOOKS(), Millis(9_000)).expect("text");
    assert_eq!((shown(&page), page.fit, page.held), (vec!["+I B 7".into()], 1, 6));
}

#[test]
fn of_a_flood_the_newest_are_held_and_the_rest_is_counted() {
    let mut board = board(Changes::Append, 100);
    for number in 0..50 {
        let batch: Vec<_> = (0..30).map(|row| (Kind::Insert, "A", number * 30 + row)).collect();
        board.take(&rows(&batch), Millis(number)).expect("fits");
    }
    let page = board.table(&Ask { first: 98, count: 9, ..ask() }, &LOOKS(), Millis(9_000)).expect("text");
    assert_eq!((page.fit, page.held, page.total), (100, 100, 1_500));
    assert_eq!(shown(&page), ["A 1401", "A 1400"]);
}

fn watched(session: &mut Session, text: &str) -> Feed {
    let mut last = None;
    for reply in session.execute(text) {
        last = Some(reply.expect("it is answered"));
    }
    let Some(Reply::Watched(mut watched)) = last else { panic!("the last statement is a WATCH") };
    assert_eq!(watched.len(), 1);
    Feed::start(watched.remove(0), Zone::UTC).expect("a thread")
}

fn to_its_end(feed: &Feed) -> Scene {
    let began = Instant::now();
    loop {
        let scene = feed.scene(&ask()).expect("text");
        match scene.state {
            State::Runs => assert!(began.elapsed() < Duration::from_secs(60), "it does not end"),
            _ => return scene,
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_step_is_watched_to_its_end_in_every_way() {
    let folder = tempfile::tempdir().expect("there is room");
    let options =
        SessionOptions { clock: Arc::new(ManualClock::at(Millis(5_000))), ..SessionOptions::in_folder(folder.path()) };
    let mut session = Session::new(options).expect("starts");
    let feed = watched(
        &mut session,
        "CREATE VIEW sums AS SELECT name AS who, SUM(n) AS total FROM (VALUES ('a', 1), ('b', 2), ('a', 3)) AS t(name, n)
         GROUP BY name; WATCH sums;",
    );
    let scene = to_its_end(&feed);
    let Page::Rows(page) = &scene.page else { panic!("rows") };
    let mut all = shown(page);
    all.sort();
    assert_eq!((all, &page.key[..]), (vec!["*b *2".to_string(), "a *4".into()], &[0][..]));
    let Page::Flow(flow) = feed.scene(&Ask { show: Show::Flow, ..ask() }).expect("text").page else { panic!("a flow") };
    let given: Vec<u64> = flow
        .lines
        .iter()
        .filter_map(|line| match &line.of {
            Part::Operator(figures) => Some(figures.rows_out),
            _ => None,
        })
        .collect();
    assert!(given.contains(&3), "{flow:?}");
    let Page::Chart(Ok(chart)) = feed.scene(&Ask { show: Show::Chart, ..ask() }).expect("text").page else {
        panic!("a chart")
    };
    assert_eq!(chart.series[0].points.len(), 2);
    let none = feed.sketch("y who").expect_err("words are no numbers");
    assert!(none.message.contains("takes numbers"), "{none}");
    feed.finish().expect("a run ends").expect("it ended well");
}

#[test]
fn a_run_that_nobody_draws_goes_on_and_the_newest_picture_wins() {
    let folder = tempfile::tempdir().expect("there is room");
    let mut session = Session::new(SessionOptions::in_folder(folder.path())).expect("starts");
    let feed = watched(
        &mut session,
        "CREATE TABLE made (n BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '0', 'fields.n.kind' = 'sequence',
         'fields.n.start' = '1', 'fields.n.end' = '300000'); CREATE VIEW rows_of AS SELECT n FROM made; WATCH rows_of;",
    );
    let began = Instant::now();
    while feed.seen.told().state == State::Runs {
        assert!(began.elapsed() < Duration::from_secs(60), "it waits for somebody who draws it");
        std::thread::sleep(Duration::from_millis(2));
    }
    let Page::Rows(page) = feed.scene(&ask()).expect("text").page else { panic!("rows") };
    assert_eq!((page.total, shown(&page)[0].trim_start_matches('*')), (300_000, "300000"));
    assert!(page.held < 2 * ROOM, "what is held is bounded: {}", page.held);
}

#[test]
fn what_is_set_aside_is_shown_while_it_runs() {
    let folder = tempfile::tempdir().expect("there is room");
    let path = folder.path().join("rows.jsonl");
    std::fs::write(
        &path,
        "{\"at\":\"2026-01-01 12:00:20\",\"n\":1}\nno json\x1b\n{\"at\":\"2026-01-01 12:00:01\",\"n\":2}\n",
    )
    .expect("is written");
    let mut session = Session::new(SessionOptions::in_folder(folder.path())).expect("starts");
    let feed = watched(
        &mut session,
        &format!(
            "SET 'bad-records' = 'keep';
             CREATE TABLE t (`at` TIMESTAMP(3), n INT, WATERMARK FOR `at` AS `at`)
             WITH ('connector' = 'filesystem', 'path' = '{}', 'format' = 'json');
             CREATE VIEW counts AS SELECT window_start, COUNT(*) AS c FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(`at`), INTERVAL '10' SECOND))
             GROUP BY window_start, window_end; WATCH counts;",
            path.display()
        ),
    );
    to_its_end(&feed);
    let Page::Aside(aside) = feed.scene(&Ask { show: Show::Aside, ..ask() }).expect("text").page else {
        panic!("aside")
    };
    let names: Vec<(&str, u64)> = aside.iter().map(|table| (table.name.as_str(), table.count)).collect();
    assert_eq!(names, [("counts$late", 1), ("t$errors", 1)]);
    assert!(aside.iter().flat_map(|table| &table.rows).flatten().all(|cell| !cell.text.contains('\x1b')));
    let Page::Timeline(time) = feed.scene(&Ask { show: Show::Timeline, ..ask() }).expect("text").page else {
        panic!("time")
    };
    assert_eq!((time.late.len(), time.late_rows, time.partitions.len()), (1, 1, 1));
    assert_eq!(time.range().map(|(low, high)| high.0 - low.0), Some(19_000));
}
