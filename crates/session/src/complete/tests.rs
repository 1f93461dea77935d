//! Completion and review over real sessions: names come from declarations that were executed.

use crate::{CandidateKind, Session, SessionOptions, Vocabulary};

const TABLES: &str = "
    CREATE TABLE bids (price BIGINT, `user` STRING, proper BOOLEAN, ts TIMESTAMP(3),
        payload ROW<`user` ROW<name STRING, address ROW<city STRING>>, items ARRAY<ROW<sku STRING, amount INT>>>,
        WATERMARK FOR ts AS ts) WITH ('connector' = 'filesystem', 'path' = 'x', 'format' = 'json');
    CREATE TABLE persons (city STRING, `from` STRING) WITH ('connector' = 'filesystem', 'path' = 'x', 'format' = 'json');
    CREATE VIEW dear AS SELECT price * 2 AS twice, payload FROM bids;";

fn vocabulary(script: &str) -> Vocabulary {
    let folder = tempfile::tempdir().expect("there is room");
    let mut session = Session::new(SessionOptions::in_folder(folder.path())).expect("starts");
    for reply in session.execute(script) {
        reply.expect("is declared");
    }
    session.vocabulary()
}

/// What is offered at the `|` of a text.
fn offered(vocabulary: &Vocabulary, marked: &str) -> (usize, Vec<String>) {
    let at = marked.find('¦').expect("a place");
    let (start, found) = vocabulary.complete(&marked.replace('¦', ""), at);
    (start, found.into_iter().map(|candidate| candidate.text).collect())
}

#[test]
fn a_place_for_a_table_offers_tables_only() {
    let known = vocabulary(TABLES);
    let own = |found: (usize, Vec<String>)| {
        (found.0, found.1.into_iter().filter(|name| !name.starts_with("demo.")).collect::<Vec<_>>())
    };
    assert_eq!(own(offered(&known, "SELECT * FROM ¦")), (14, vec!["bids".into(), "dear".into(), "persons".into()]));
    assert_eq!(offered(&known, "SELECT * FROM bi¦").1[0], "bids");
    assert_eq!(offered(&known, "SELECT * FROM TABLE(TUMBLE(TABLE pe¦").1[0], "persons");
    assert_eq!(offered(&known, "SELECT * FROM demo.bi¦"), (14, vec!["demo.bids".into()]));
    assert_eq!(own(offered(&known, "DESCRIBE ¦")).1.len(), 3);
}

#[test]
fn columns_come_before_functions_and_functions_before_keywords() {
    let known = vocabulary(TABLES);
    let at = "SELECT a FROM bids WHERE p¦";
    let (start, found) = known.complete(&at.replace('¦', ""), at.len() - '¦'.len_utf8());
    let kinds: Vec<CandidateKind> = found.iter().map(|candidate| candidate.kind).collect();
    let first = |kind| kinds.iter().position(|known| *known == kind).expect("is offered");
    assert_eq!((start, found[0].text.as_str()), (25, "price"));
    assert!(first(CandidateKind::Column) < first(CandidateKind::Function), "{kinds:?}");
    assert!(first(CandidateKind::Function) < first(CandidateKind::Keyword), "{kinds:?}");
    assert!(!offered(&known, "SELECT * FROM bids WHERE ci¦").1.contains(&"city".to_string()), "not of another table");
    assert!(offered(&known, "SELECT * FROM bids WHERE prpr¦").1.contains(&"proper".to_string()), "letters in order");
}

#[test]
fn what_is_nested_is_reached_by_its_path() {
    let known = vocabulary(TABLES);
    assert_eq!(offered(&known, "SELECT payload.¦ FROM bids").1[..2], ["user", "user.name"]);
    assert_eq!(offered(&known, "SELECT payload.`user`.na¦ FROM bids"), (22, vec!["name".into()]));
    assert!(offered(&known, "SELECT city¦ FROM bids").1.contains(&"payload.user.address.city".to_string()));
    assert_eq!(offered(&known, "SELECT b.payload.items[1].s¦ FROM bids AS b").1, ["sku"]);
    assert_eq!(offered(&known, "SELECT d.payload.items[1].¦ FROM dear d").1, ["sku", "amount"]);
    assert_eq!(offered(&known, "SELECT tw¦ FROM dear").1[0], "twice", "columns of a view are planned");
}

#[test]
fn windows_and_names_of_the_statement_are_columns() {
    let known = vocabulary(TABLES);
    let text =
        "FROM bids |> CALL TUMBLE(DESCRIPTOR(ts), INTERVAL '1' SECOND) |> AGGREGATE SUM(price) AS total GROUP BY wi¦";
    assert_eq!(offered(&known, text).1[..2], ["window_start", "window_end"]);
    assert_eq!(offered(&known, "FROM bids |> EXTEND price * 2 AS twofold |> WHERE two¦").1[0], "twofold");
}

#[test]
fn options_and_their_values_follow_the_connector() {
    let known = vocabulary("");
    let (_, names) = offered(&known, "CREATE TABLE t (a INT) WITH ('connector' = 'kafka', ¦");
    assert!(names.contains(&"'properties.bootstrap.servers' = '".to_string()), "{names:?}");
    assert!(!names.iter().any(|name| name.starts_with("'connector'")));
    let kafka = "CREATE TABLE t (a INT) WITH ('connector' = 'kafka', 'format' = 'json', '¦";
    let (start, names) = offered(&known, kafka);
    assert_eq!(start, kafka.find('¦').expect("a place"));
    assert!(names.contains(&"json.ignore-parse-errors".to_string()), "{names:?}");
    assert!(!names.iter().any(|name| name.starts_with("csv.")), "{names:?}");
    assert_eq!(offered(&known, "CREATE TABLE t (a INT) WITH ('connector' = 'kaf¦").1, ["kafka", "upsert-kafka"]);
    assert!(
        offered(&known, "CREATE TABLE t (a INT) WITH ('connector' = 'topic', 'format' = '¦").1.contains(&"csv".into())
    );
    assert_eq!(offered(&known, "SET 'bad-records' = 'd¦").1, ["dead-letter"]);
    assert!(offered(&known, "SET ¦").1.contains(&"'bad-records'".to_string()));
}

#[test]
fn verbs_steps_types_and_units_stand_in_their_places() {
    let known = vocabulary(TABLES);
    assert_eq!(offered(&known, "SEL¦").1, ["SELECT"]);
    assert_eq!(offered(&known, "sel¦").1, ["select"]);
    assert!(offered(&known, "SHOW ¦").1.contains(&"FUNCTIONS".to_string()));
    assert_eq!(offered(&known, "FROM bids |> AGG¦").1, ["AGGREGATE"]);
    assert_eq!(offered(&known, "FROM bids |> CALL TU¦").1, ["TUMBLE("]);
    assert_eq!(offered(&known, "SELECT INTERVAL '1' MIN¦").1, ["MINUTE"]);
    assert!(offered(&known, "CREATE TABLE t (a TIMES¦").1.contains(&"TIMESTAMP(3)".to_string()));
    assert!(offered(&known, "SELECT price FROM bids gro¦").1.contains(&"group by".to_string()));
    assert_eq!(offered(&known, "SELECT 'pri¦").1, Vec::<String>::new());
    assert_eq!(offered(&known, "SELECT 1 -- pri¦").1, Vec::<String>::new());
}

#[test]
fn functions_say_their_signature_and_what_they_give() {
    let (_, found) = vocabulary("").complete("SELECT SUBSTR", 13);
    let function = found.iter().find(|candidate| candidate.kind == CandidateKind::Function).expect("is offered");
    let (signature, doc) = function.doc.split_once('\n').expect("two lines");
    assert!(signature.starts_with("SUBSTR") && signature.contains('('), "{signature}");
    assert!(doc.ends_with('.'), "{doc}");
}

#[test]
fn names_are_quoted_where_they_must_be_and_hostile_ones_are_not_offered() {
    let known = vocabulary("CREATE TABLE `größe` (`a b` INT, `\u{1b}[31mred` INT, `from` INT);");
    assert_eq!(offered(&known, "SELECT * FROM gr¦").1[0], "`größe`");
    let (_, columns) = offered(&known, "SELECT ¦ FROM `größe`");
    assert!(columns.contains(&"`a b`".to_string()) && columns.contains(&"`from`".to_string()), "{columns:?}");
    assert!(columns.iter().all(|name| !name.contains('\u{1b}')), "{columns:?}");
    assert_eq!(offered(&known, "SELECT `a¦ FROM `größe`").1, ["`a b`"]);
}

#[test]
fn any_place_in_any_text_is_no_panic() {
    let known = vocabulary(TABLES);
    let text = "SELECT `größe`, '漢字' FROM bids b, LATERAL (x[1].y) |> WHERE 🦀 = 1 -- é\n; CREATE TABLE t (a INT) WITH ('a' = '";
    for at in 0..text.len() + 3 {
        known.complete(text, at);
        known.review(text, at);
        known.review(text.get(..at).unwrap_or(""), at);
    }
}

mod review {
    use super::{TABLES, vocabulary};
    use crate::Mark;

    fn marked(text: &str) -> Vec<String> {
        let at = text.find('¦').expect("a place");
        let text = text.replace('¦', "");
        let marks = vocabulary(TABLES).review(&text, at);
        marks.into_iter().map(|mark| mark.span.text(&text).to_string()).collect()
    }

    #[test]
    fn names_that_do_not_exist_are_marked_while_one_types() {
        assert_eq!(marked("SELECT prise FROM bids ¦"), ["prise"]);
        assert_eq!(marked("SELECT price FROM bidz WHERE ¦"), ["bidz"]);
        assert_eq!(marked("SELECT prise FROM bids WHERE price > ¦"), ["prise"]);
        assert_eq!(marked("SELECT price FROM bids WHERE amont > 1 AND ¦"), ["amont"]);
        assert_eq!(marked("FROM bids |> WHERE prise > 1 |> ¦"), ["prise"]);
        assert_eq!(marked("DESCRIBE bidz ¦"), ["bidz"]);
    }

    #[test]
    fn what_is_merely_not_finished_is_not_marked() {
        for text in [
            "¦",
            "SEL¦",
            "SELECT prise¦",
            "SELECT prise, ¦",
            "SELECT prise FROM ¦",
            "SELECT prise FROM bi¦",
            "SELECT c FROM bids JOIN ¦",
            "SELECT city FROM bids, ¦",
            "SELECT 'x¦",
            "SELECT price FROM bids WHERE ¦",
            "SELECT price FROM bidz¦",
            "CREATE TABLE ¦",
            "SELECT p.city FROM bids b JOIN persons p ON b.price = ¦",
            "SELECT price FROM bids GROUP ¦",
            "FROM bids |> ¦",
            "FROM bids |> EXTEND price * 2 AS twice |> WHERE twice¦",
        ] {
            assert_eq!(marked(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn brackets_that_close_nothing_are_marked() {
        let of = |text: &str| Mark::brackets(text).into_iter().map(|mark| mark.span.start).collect::<Vec<_>>();
        assert_eq!(of("SELECT (a[1]), f(')')"), Vec::<usize>::new());
        assert_eq!(of("SELECT a) FROM (b]"), [8, 17]);
        assert_eq!(of("SELECT (a[1"), Vec::<usize>::new(), "one may still close it");
        assert_eq!(of("SELECT (a[1; -- ("), [7, 9]);
    }
}
