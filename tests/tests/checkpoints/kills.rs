//! Exactly once: a job is killed at every named point, one after the other, with fresh input each time, and
//! then left to finish. What it has committed equals what a twin commits that nobody disturbs.

use millstream_runner::Point;

use super::site::{ONE_PART, Query, SHORT_PARTS, SMALL_PARTS, Site, Way, was_killed};

/// Where a job dies whose epochs the manifest decides: it has no transactions.
const WITHOUT_KAFKA: [Point; 9] = [
    Point::BarrierAsked,
    Point::CutComplete,
    Point::HalfSaved,
    Point::ManifestWritten,
    Point::ManifestRenamed,
    Point::Noted,
    Point::Finished,
    Point::Collecting,
    Point::Loaded,
];

const CHUNK: i64 = 400;

fn survives(name: &str, way: Way, query: Query) {
    survives_with(name, way, query, SHORT_PARTS);
}

/// The same where part files end as `parts` says. The site as it is left.
fn survives_with(name: &str, way: Way, query: Query, parts: &'static str) -> Site {
    let points: &[Point] = if way == Way::KafkaToKafka { &Point::ALL } else { &WITHOUT_KAFKA };
    let mut site = Site::new(name, way, query);
    site.parts = parts;
    site.write(false, "");
    for &point in points {
        site.produce(CHUNK);
        let status = site.start(Some(point)).wait();
        assert!(was_killed(status), "{point:?}: it ended with {status} instead:\n{}", site.said());
    }
    site.produce(CHUNK);
    site.write(true, "");
    assert_eq!(site.start(None).wait().code(), Some(0), "{}", site.said());

    let mut twin = Site::new(&format!("{name}-twin"), way, query);
    twin.write(true, "");
    twin.produce(CHUNK * (points.len() as i64 + 1));
    assert_eq!(twin.start(None).wait().code(), Some(0));
    let (committed, expected) = (site.committed(), twin.committed());
    assert!(expected.len() > 100, "the twin commits only {} rows", expected.len());
    let first = committed.iter().zip(&expected).find(|(found, wanted)| found != wanted);
    assert!(committed == expected, "{} rows instead of {}, first {first:?}", committed.len(), expected.len());
    site
}

#[test]
fn stateless_from_kafka_to_kafka() {
    survives("kk-stateless", Way::KafkaToKafka, Query::Stateless);
}

#[test]
fn windows_from_kafka_to_kafka() {
    survives("kk-window", Way::KafkaToKafka, Query::Window);
}

#[test]
fn joins_from_kafka_to_kafka() {
    survives("kk-join", Way::KafkaToKafka, Query::Join);
}

#[test]
fn stateless_from_kafka_to_files() {
    survives("kf-stateless", Way::KafkaToFiles, Query::Stateless);
}

#[test]
fn windows_from_kafka_to_files() {
    survives("kf-window", Way::KafkaToFiles, Query::Window);
}

#[test]
fn joins_from_kafka_to_files() {
    survives_with("kf-join", Way::KafkaToFiles, Query::Join, SMALL_PARTS);
}

#[test]
fn one_part_file_over_all_checkpoints_from_kafka_to_files() {
    let site = survives_with("kf-part", Way::KafkaToFiles, Query::Stateless, ONE_PART);
    let files = site.part_files();
    assert!(files.len() == 1 && files[0].starts_with("part-"), "{files:?}");
}

#[test]
fn stateless_from_topic_to_topic() {
    survives("tt-stateless", Way::TopicToTopic, Query::Stateless);
}

#[test]
fn windows_from_topic_to_topic() {
    survives("tt-window", Way::TopicToTopic, Query::Window);
}

#[test]
fn aggregates_of_users_from_topic_to_topic() {
    survives("tt-brought", Way::TopicToTopic, Query::Brought);
}

#[test]
fn joins_from_topic_to_topic() {
    survives("tt-join", Way::TopicToTopic, Query::Join);
}
