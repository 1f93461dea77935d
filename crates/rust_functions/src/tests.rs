//! Functions compiled by the machine's rustc and computed at both places. Libraries are kept in one folder for
//! all tests, in the target directory.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use arrow::array::cast::AsArray;
use arrow::array::{Array, BinaryArray, BooleanArray, Float64Array, Int32Array, Int64Array, StringArray, UInt32Array};
use arrow::datatypes::{Float64Type, Int64Type, TimestampMillisecondType};

use super::*;

static APART: LazyLock<Functions> = LazyLock::new(|| Functions::kept_in(Place::Apart, folder()));
static HERE: LazyLock<Functions> = LazyLock::new(|| Functions::kept_in(Place::Here, folder()));

fn folder() -> PathBuf {
    std::env::temp_dir().join("millstream-tests-functions")
}

/// The functions of a cell, at both places.
fn both(source: &str) -> [Vec<UserFunction>; 2] {
    [&*APART, &*HERE].map(|functions| compile(functions, source))
}

fn compile(functions: &Functions, source: &str) -> Vec<UserFunction> {
    functions.compile(source, &Stop::default()).unwrap_or_else(|error| panic!("{error:?}"))
}

fn refused(source: &str) -> Uncompiled {
    APART.compile(source, &Stop::default()).expect_err("is no function of SQL")
}

fn rows(function: &UserFunction, columns: &[ArrayRef], rows: usize) -> Result<ArrayRef, String> {
    function.routine.run(Work::Rows, columns, rows)
}

fn texts(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

#[test]
fn values_of_every_type_go_in_and_out_and_nulls_are_spared_or_seen() {
    let source = "
        use std::time::SystemTime;
        #[udf] fn shout(line: &str) -> String { line.to_uppercase() }
        #[udf] fn half(n: i64) -> Option<i64> { (n % 2 == 0).then(|| n / 2) }
        #[udf] fn or_zero(x: Option<f64>) -> f64 { x.unwrap_or(0.0) }
        #[udf] fn not(b: bool) -> bool { !b }
        #[udf] fn later(t: Timestamp, n: i32) -> Timestamp { Timestamp(t.millis() + i64::from(n)) }
        #[udf] fn same(t: SystemTime) -> SystemTime { t }
        #[udf] fn first(bytes: &[u8], n: u8) -> Vec<u8> { bytes[..n as usize].to_vec() }
        #[udf] fn answer() -> usize { 42 }
        #[udf(name = \"tail\")] fn rest(line: &str) -> &str { &line[line.chars().next().map_or(0, char::len_utf8)..] }
    ";
    for functions in both(source) {
        let named = |name: &str| functions.iter().find(|function| function.name == name).expect(name);
        let lines = texts(&[Some("größe"), None, Some(""), Some("漢字 🦀")]);
        assert_eq!(
            &rows(named("shout"), std::slice::from_ref(&lines), 4).unwrap(),
            &texts(&[Some("GRÖSSE"), None, Some(""), Some("漢字 🦀")])
        );
        assert_eq!(&rows(named("tail"), &[lines], 4).unwrap(), &texts(&[Some("röße"), None, Some(""), Some("字 🦀")]));
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(4), None, Some(3)]));
        assert_eq!(rows(named("half"), &[numbers], 3).unwrap().as_ref(), &Int64Array::from(vec![Some(2), None, None]));
        let floats: ArrayRef = Arc::new(Float64Array::from(vec![Some(1.5), None]));
        assert_eq!(rows(named("or_zero"), &[floats], 2).unwrap().as_ref(), &Float64Array::from(vec![1.5, 0.0]));
        let truths: ArrayRef = Arc::new(BooleanArray::from(vec![Some(true), Some(false), None]));
        let negated = BooleanArray::from(vec![Some(false), Some(true), None]);
        assert_eq!(rows(named("not"), &[truths], 3).unwrap().as_ref(), &negated);
        let times: ArrayRef = Arc::new(arrow::array::TimestampMillisecondArray::from(vec![Some(5), None, Some(-7)]));
        let offsets: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), Some(1), None]));
        let later = rows(named("later"), &[times.clone(), offsets], 3).unwrap();
        assert_eq!(later.as_primitive::<TimestampMillisecondType>().iter().collect::<Vec<_>>(), [Some(6), None, None]);
        let same = rows(named("same"), &[times], 3).unwrap();
        assert_eq!(
            same.as_primitive::<TimestampMillisecondType>().iter().collect::<Vec<_>>(),
            [Some(5), None, Some(-7)]
        );
        assert_eq!(same.data_type(), &named("same").gives);
        let bytes: ArrayRef = Arc::new(BinaryArray::from_vec(vec![b"abc", b"\xff\0"]));
        let counts: ArrayRef = Arc::new(arrow::array::Int16Array::from(vec![2, 1]));
        let cut = rows(named("first"), &[bytes, counts], 2).unwrap();
        assert_eq!(cut.as_ref(), &BinaryArray::from_vec(vec![b"ab", b"\xff"]));
        let answers = rows(named("answer"), &[], 3).unwrap();
        assert_eq!(answers.as_primitive::<Int64Type>().values(), &[42, 42, 42]);
        assert_eq!(rows(named("shout"), &[texts(&[])], 0).unwrap().len(), 0, "an empty batch");
    }
}

#[test]
fn a_table_function_gives_lists_of_values_tuples_and_structs() {
    let source = "
        struct Word<'l> { text: &'l str, length: Option<usize> }
        #[udf] fn words(line: &str) -> impl Iterator<Item = &str> { line.split_whitespace() }
        #[udf] fn pairs(n: i64) -> Vec<(i64, String)> { (0..n).map(|k| (k, k.to_string())).collect() }
        #[udf] fn measured(line: &str) -> Option<Vec<Word<'_>>> {
            let all = line.split(' ').map(|text| Word { text, length: (!text.is_empty()).then(|| text.len()) });
            (line != \"none\").then(|| all.collect())
        }
        #[udf] fn numbers(line: &str) -> Result<Vec<i32>, std::num::ParseIntError> { line.split(',').map(str::parse).collect() }
    ";
    for functions in both(source) {
        let named = |name: &str| functions.iter().find(|function| function.name == name).expect(name);
        assert_eq!(named("words").signature, "words(line STRING) -> table of STRING");
        assert_eq!(named("measured").signature, "measured(line STRING) -> table of ROW<text STRING, length BIGINT>");
        let lines = texts(&[Some("a bc"), None, Some("")]);
        let words = rows(named("words"), &[lines], 3).unwrap();
        let words = words.as_list::<i32>();
        assert_eq!((words.value_offsets(), words.is_null(1)), (&[0, 2, 2, 2][..], true));
        assert_eq!(words.values(), &texts(&[Some("a"), Some("bc")]));
        let pairs = rows(named("pairs"), &[Arc::new(Int64Array::from(vec![2, 0]))], 2).unwrap();
        assert_eq!(pairs.as_list::<i32>().values().as_struct().column(1), &texts(&[Some("0"), Some("1")]));
        let measured = rows(named("measured"), &[texts(&[Some("ab "), Some("none")])], 2).unwrap();
        let lengths = measured.as_list::<i32>().values().as_struct().column(1).clone();
        assert_eq!(lengths.as_ref(), &Int64Array::from(vec![Some(2), None]));
        let error = rows(named("numbers"), &[texts(&[Some("1,2"), Some("3,x")])], 2).expect_err("x is no number");
        assert_eq!(error, "failed: invalid digit found in string (where line = '3,x')");
    }
}

const MEAN: &str = "
    use std::collections::HashMap;
    struct GeometricMean { logs: f64, rows: u64, seen: HashMap<String, u32> }
    #[udf]
    impl GeometricMean {
        fn init() -> Self { GeometricMean { logs: 0.0, rows: 0, seen: HashMap::new() } }
        fn update(&mut self, value: f64, name: &str) {
            self.logs += value.ln();
            self.rows += 1;
            *self.seen.entry(name.to_string()).or_default() += 1;
        }
        fn merge(&mut self, other: Self) {
            self.logs += other.logs;
            self.rows += other.rows;
            for (name, count) in other.seen { *self.seen.entry(name).or_default() += count; }
        }
        fn finish(&self) -> Option<f64> { (self.rows > 0).then(|| (self.logs / self.rows as f64).exp()) }
    }
";

#[test]
fn an_aggregate_keeps_its_cells_as_bytes() {
    let mut kept: Vec<BinaryArray> = Vec::new();
    for functions in both(MEAN) {
        let [mean] = &functions[..] else { panic!("one function") };
        assert_eq!(mean.signature, "geometric_mean(value DOUBLE, name STRING) -> DOUBLE");
        let groups = UInt32Array::from(vec![0, 1, 0, 1]);
        let values: ArrayRef = Arc::new(Float64Array::from(vec![Some(2.0), Some(5.0), Some(8.0), None]));
        let names = texts(&[Some("a"), Some("b"), Some("c"), Some("d")]);
        let cells = mean.update(&BinaryArray::new_null(2), &groups, &[values, names]).expect("adds");
        let merged = mean.merge(&cells, &BinaryArray::from_opt_vec(vec![Some(cells.value(1)), None])).expect("joins");
        let all =
            BinaryArray::from_opt_vec(vec![Some(cells.value(0)), Some(cells.value(1)), None, Some(merged.value(0))]);
        let results = mean.finish(&all).expect("finishes");
        let results: Vec<Option<f64>> = results.as_primitive::<Float64Type>().iter().collect();
        let near = |at: usize, wanted: f64| (results[at].expect("is there") - wanted).abs() < 1e-9;
        assert!(near(0, 4.0) && near(1, 5.0) && results[2].is_none() && near(3, 80f64.cbrt()), "{results:?}");
        let broken = BinaryArray::from_vec(vec![b"no cell"]);
        let error = mean.finish(&broken).expect_err("is no cell").to_string();
        assert!(error.contains("geometric_mean was given a cell that another version of it has written"), "{error}");
        kept.push(merged);
    }
    assert_eq!(kept[0], kept[1], "both places write the same bytes");
}

#[test]
fn an_aggregate_with_retract_takes_rows_back_in_their_order() {
    let source = "
        struct Trail { text: String }
        #[udf] impl Trail {
            fn init() -> Self { Trail { text: String::new() } }
            fn update(&mut self, name: Option<&str>, n: i32) { self.text += &format!(\"+{}{n}\", name.unwrap_or(\"-\")) }
            fn retract(&mut self, name: Option<&str>, n: i32) { self.text += &format!(\"<{}{n}\", name.unwrap_or(\"-\")) }
            fn merge(&mut self, other: Self) { self.text += &other.text }
            fn finish(&self) -> String { self.text.clone() }
        }
    ";
    for functions in both(source) {
        let [trail] = &functions[..] else { panic!("one function") };
        assert!(trail.retracts);
        let groups = UInt32Array::from(vec![0, 1, 0, 1, 0]);
        let back = BooleanArray::from(vec![false, false, true, false, true]);
        let names = texts(&[Some("ä"), Some("b"), None, None, Some("c")]);
        let numbers: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), Some(2), Some(3), Some(4), None]));
        let cells = trail.change(&BinaryArray::new_null(2), &groups, &back, &[names, numbers]).expect("changes");
        let texts_of = trail.finish(&cells).expect("finishes");
        assert_eq!(&texts_of, &texts(&[Some("+ä1<-3"), Some("+b2+-4")]), "a null that it does not see is passed over");
    }
    assert!(!compile(&HERE, MEAN)[0].retracts);
}

#[test]
fn an_empty_batch_gives_an_empty_column() {
    let source = "
        #[udf] fn shout(line: &str) -> String { line.to_uppercase() }
        #[udf] fn words(line: &str) -> Vec<String> { line.split(' ').map(str::to_string).collect() }
        #[udf] fn even(n: Option<i64>) -> bool { n.is_some_and(|n| n % 2 == 0) }
    ";
    for functions in both(source) {
        let none: [ArrayRef; 2] = [texts(&[]), Arc::new(Int64Array::from(Vec::<i64>::new()))];
        for (function, column) in functions.iter().zip([&none[0], &none[0], &none[1]]) {
            let column = rows(function, std::slice::from_ref(column), 0).expect("nothing fails");
            assert_eq!((column.len(), column.data_type()), (0, &function.gives), "{}", function.name);
        }
    }
}

#[test]
fn an_aggregate_may_give_a_part_of_its_cell() {
    let source = "
        struct Longest(String);
        #[udf]
        impl Longest {
            fn init() -> Self { Longest(String::new()) }
            fn update(&mut self, word: Option<&str>) { if word.is_some_and(|word| word.len() > self.0.len()) { self.0 = word.unwrap().into() } }
            fn merge(&mut self, other: Self) { self.update(Some(&other.0)) }
            fn finish(&self) -> Option<&str> { (!self.0.is_empty()).then_some(&self.0) }
        }";
    let [longest] = &compile(&HERE, source)[..] else { panic!("one function") };
    let words = texts(&[Some("a"), None, Some("ccc"), Some("bb")]);
    let cells = longest.update(&BinaryArray::new_null(1), &UInt32Array::from(vec![0; 4]), &[words]).expect("adds");
    assert_eq!(&longest.finish(&cells).expect("finishes"), &texts(&[Some("ccc")]));
    assert_eq!(&longest.finish(&BinaryArray::new_null(1)).expect("finishes"), &texts(&[None]));
}

#[test]
fn the_layout_of_cells_changes_with_their_fields_only() {
    let layout = |source: &str| compile(&HERE, source)[0].layout;
    let same = MEAN.replace("(self.rows > 0)", "(self.rows > 1)").replace("logs: f64, rows", "logs :f64,  rows");
    assert_eq!(layout(MEAN), layout(&same));
    assert_ne!(layout(MEAN), layout(&MEAN.replace("seen: HashMap<String, u32>", "seen: HashMap<String, u64>")));
}

#[test]
fn a_panic_is_an_error_of_its_row() {
    let source = "#[udf]\nfn nth(line: &str, n: i64) -> i64 {\n    i64::from(line.as_bytes()[n as usize])\n}";
    for functions in both(source) {
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![0, 9, 0]));
        let columns = [texts(&[Some("abc"), Some("de\u{1b}"), Some("f")]), numbers];
        let error = rows(&functions[0], &columns, 3).expect_err("panics");
        let wanted = "panicked at line 3 of its cell: index out of bounds: the len is 3 but the index is 9 (where line = 'de\u{1b}', n = 9)";
        assert_eq!(error, wanted);
        let good = rows(&functions[0], &[columns[0].slice(0, 1), columns[1].slice(0, 1)], 1).expect("goes on");
        assert_eq!(good.as_ref(), &Int64Array::from(vec![97]));
    }
}

#[test]
fn what_hangs_is_stopped_and_what_aborts_ends_alone() {
    let source = "
        #[udf] fn spin(n: i64) -> i64 { while std::hint::black_box(n) > 0 {} n }
        #[udf] fn dive(n: i64) -> i64 { if n > 0 { std::process::abort() } n }
        #[udf] fn deep(n: i64) -> i64 { if std::hint::black_box(n) == -1 { 0 } else { deep(n + 1) + std::hint::black_box(1) } }
    ";
    let functions = compile(&APART, source);
    let column = |n: i64| [Arc::new(Int64Array::from(vec![n])) as ArrayRef];
    assert!(rows(&functions[0], &column(0), 1).is_ok());
    let stop = Stop::default();
    let (ended, began) = (stop.clone(), Instant::now());
    let hanging = std::thread::scope(|scope| {
        let call = scope.spawn(|| {
            ended.attend();
            rows(&functions[0], &column(1), 1)
        });
        std::thread::sleep(Duration::from_millis(50));
        stop.raise();
        call.join().expect("does not panic")
    });
    assert_eq!(hanging.expect_err("was stopped"), "was stopped while it computed");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    let error = rows(&functions[1], &column(1), 1).expect_err("aborts");
    assert!(error.starts_with("ended the process in which it ran (signal: 6"), "{error}");
    let error = rows(&functions[2], &column(1), 1).expect_err("overflows its stack");
    assert!(error.contains("ended the process") && error.contains("stack"), "{error}");
    assert!(rows(&functions[1], &column(0), 1).is_ok(), "another process takes its place");
}

#[test]
fn what_is_no_function_of_sql_is_refused_with_its_place() {
    let at = |source: &str, wanted: &str, place: &str| {
        let error = refused(source);
        assert!(error.message.contains(wanted), "{error:?}");
        let (start, end) = error.place.expect("has a place");
        assert_eq!(&source[start..end], place, "{error:?}");
    };
    at(
        "#[udf] fn f(when: std::time::Instant) -> i64 { 1 }",
        "the argument 'when' of f is std::time::Instant",
        "std::time::Instant",
    );
    at("#[udf] fn f(x: i64) -> Vec<Vec<i64>> { vec![] }", "f gives Vec<i64>, which is no type of SQL", "Vec<i64>");
    at("#[udf] fn f(x: i64) {}", "f gives nothing", "fn f(x: i64)");
    at(
        "struct S { n: i64 }\n#[udf] impl S { fn init() -> S { S { n: 0 } } fn update(&mut self, n: i64) {} \
         fn retract(&mut self, n: i32) {} fn merge(&mut self, other: S) {} fn finish(&self) -> i64 { self.n } }",
        "'retract' of s takes back what 'update' has added: it takes the same",
        "fn retract(&mut self, n: i32)",
    );
    at("#[udf] async fn f(x: i64) -> i64 { x }", "f is async", "async fn f(x: i64) -> i64");
    at("#[udf] fn f<T>(x: i64) -> i64 { x }", "f is generic", "fn f<T>(x: i64) -> i64");
    at("#[udf] struct S;", "only a function, or the impl", "#[udf] struct S;");
    at("struct S;\n#[udf] impl S { fn init() -> S { S } }", "the aggregate S has no function 'update'", "S");
    at("#[udf] fn f(x: i64) -> i64 { x ", "this is no Rust: a bracket or a quotation mark is not closed", "x");
    at(
        "#[udf] fn ä(x: i64) -> i64 { x.shout() }",
        "no method named `shout` found for type `i64` in the current scope [E0599]",
        "shout",
    );
    at("#[udf]\nfn f(x: i64) -> i64 { \"x\" }", "mismatched types [E0308]: expected `i64`, found `&str`", "\"x\"");
    assert!(refused("fn f() {}").message.contains("there is no function marked #[udf]"));
}

#[test]
fn a_hundred_functions_live_side_by_side() {
    let cell = |part: usize| -> String {
        (0..20).map(|n| part * 20 + n).map(|n| format!("#[udf] fn add_{n}(x: i64) -> i64 {{ x + {n} }}\n")).collect()
    };
    let all: Vec<UserFunction> = (0..5).flat_map(|part| compile(&APART, &cell(part))).collect();
    assert_eq!(all.len(), 100);
    let one: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    for (n, function) in all.iter().enumerate() {
        let sum = rows(function, std::slice::from_ref(&one), 1).expect("adds");
        assert_eq!(sum.as_primitive::<Int64Type>().value(0), 1 + n as i64);
    }
}

#[test]
fn a_compiler_that_nobody_waits_for_is_stopped() {
    let stop = Stop::default();
    stop.raise();
    let unique = format!("#[udf] fn f() -> i64 {{ {} }}", std::process::id());
    let fresh = tempfile::tempdir().expect("a folder");
    drop(APART.rustc().expect("is there").prepare());
    let functions = Functions::kept_in(Place::Apart, fresh.path().to_path_buf());
    let error = functions.compile(&unique, &stop).expect_err("was stopped");
    assert!(error.stopped, "{error:?}");
}
