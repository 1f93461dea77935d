//! What a preview costs: milliseconds of processor time for a stage over 20 000 sampled records, the columns
//! decoded before, and the first preview, which draws and decodes the sample. Medians of several runs.
//! `cargo bench --profile dev --workspace --bench preview`.

use millstream_session::{Manner, Reply, Session, SessionOptions};

const RUNS: usize = 9;

const STAGES: &[(&str, &str)] = &[
    ("rows", "PREVIEW FROM demo.bids"),
    ("filter", "PREVIEW FROM demo.bids |> WHERE price * 2 > 10000 AND channel LIKE '%a%'"),
    (
        "window",
        "PREVIEW SELECT channel, window_start, COUNT(*) AS n, MAX(price) AS high FROM TABLE(TUMBLE(TABLE demo.bids, \
         DESCRIPTOR(`dateTime`), INTERVAL '10' SECOND)) GROUP BY channel, window_start, window_end",
    ),
    ("groups", "PREVIEW SELECT bidder, COUNT(*) AS n FROM demo.bids GROUP BY bidder"),
];

/// Milliseconds of processor time that this thread has spent.
fn spent() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("the benchmarks run on Linux");
    let nanos = text.split_whitespace().next().and_then(|word| word.parse::<f64>().ok());
    nanos.expect("processor time comes first") / 1e6
}

/// What one preview takes, and the sentence below it.
fn preview(session: &mut Session, text: &str) -> (f64, String) {
    let began = spent();
    let reply = session.execute(text).next().expect("a statement");
    let took = spent() - began;
    match reply {
        Ok(Reply::Preview(preview)) => (took, preview.counts.sentence(preview.table.len() as u64)),
        Ok(_) => panic!("{text} is no preview"),
        Err(fault) => panic!("{text}: {fault}"),
    }
}

fn main() {
    let folder = std::env::temp_dir().join(format!("millstream-bench-{}", std::process::id()));
    let options = SessionOptions::in_folder(&folder).used_by(Manner::Notebook);
    let mut session = Session::new(options).expect("a session");
    let (first, _) = preview(&mut session, STAGES[0].1);
    println!("{:<8} {first:7.1} ms", "first");
    for (name, text) in STAGES {
        let mut times: Vec<f64> = (0..RUNS).map(|_| preview(&mut session, text).0).collect();
        times.sort_by(f64::total_cmp);
        println!("{name:<8} {:7.1} ms   {}", times[RUNS / 2], preview(&mut session, text).1);
    }
}
