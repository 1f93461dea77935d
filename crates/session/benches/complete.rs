//! What completion costs with 10,000 names: processor milliseconds from the text to the ranked candidates, for names of
//! tables and of columns, at the first letter, in the middle and for letters that nearly nothing holds. The first look
//! after a change pays for the columns of the table; it is measured by itself.
//! `cargo bench --profile dev --workspace --bench complete`.

use millstream_session::{Manner, Session, SessionOptions, Vocabulary};

const NAMES: usize = 10_000;
const RUNS: usize = 21;

const PLACES: &[(&str, &str)] = &[
    ("tables, all", "SELECT * FROM ¦"),
    ("tables, t1", "SELECT * FROM t1¦"),
    ("tables, no match", "SELECT * FROM zzqx¦"),
    ("columns, all", "SELECT ¦ FROM wide"),
    ("columns, c77", "SELECT c77¦ FROM wide"),
    ("columns, fuzzy", "SELECT * FROM wide WHERE price_of7¦"),
];

/// Milliseconds of processor time that this thread has spent.
fn spent() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("the benchmarks run on Linux");
    let nanos = text.split_whitespace().next().and_then(|word| word.parse::<f64>().ok());
    nanos.expect("processor time comes first") / 1e6
}

fn complete(vocabulary: &Vocabulary, marked: &str) -> (f64, usize) {
    let at = marked.find('¦').expect("a place");
    let text = marked.replace('¦', "");
    let began = spent();
    let found = vocabulary.complete(&text, at).1.len();
    (spent() - began, found)
}

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let with = "WITH ('connector' = 'filesystem', 'path' = 'x', 'format' = 'json')";
    let tables = (0..NAMES).map(|n| format!("CREATE TABLE t{n}_of_something (a INT) {with};\n"));
    let columns: Vec<String> = (0..NAMES).map(|n| format!("c{n}_price_of_{n} BIGINT")).collect();
    let workbook: String = tables.chain([format!("CREATE TABLE wide ({}) {with};\n", columns.join(", "))]).collect();
    std::fs::write(folder.path().join("workbook.sql"), workbook).expect("is written");
    let options = SessionOptions::in_folder(folder.path()).used_by(Manner::Prompt);
    let session = Session::new(options).expect("a session");
    let began = spent();
    let vocabulary = session.vocabulary();
    println!("{:<18} {:7.1} ms", "taking the names", spent() - began);
    println!("{:<18} {:7.1} ms", "first columns", complete(&vocabulary, "SELECT ¦ FROM wide").0);
    for (name, marked) in PLACES {
        let mut times: Vec<f64> = (0..RUNS).map(|_| complete(&vocabulary, marked).0).collect();
        times.sort_by(f64::total_cmp);
        println!("{name:<18} {:7.1} ms   {} candidates", times[RUNS / 2], complete(&vocabulary, marked).1);
    }
}
