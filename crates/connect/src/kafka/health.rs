//! What librdkafka says beside the records: errors of connections and, twice a second, statistics. From
//! both follows whether the servers that hold our partitions can be reached at the moment, why not, and
//! how far the partitions reach.

use std::collections::HashMap;
use std::sync::Mutex;

use rdkafka::client::ClientContext;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;
use rdkafka::statistics::{Partition, Statistics};
use rdkafka::types::RDKafkaErrorCode;

/// The ears of one client. Shared between the client's callbacks and whoever reads.
#[derive(Debug)]
pub struct Health {
    committed_only: bool,
    heard: Mutex<Heard>,
}

#[derive(Debug, Default)]
struct Heard {
    /// The newest specific reason why a server cannot be reached or refuses.
    reason: Option<String>,
    /// The server answered, and said that it will not have us.
    refused: bool,
    /// No server could be reached when we were told last.
    down: bool,
    /// The topics of partitions that have no reachable leader, by the newest statistics.
    orphans: Vec<String>,
    ends: HashMap<String, HashMap<i32, i64>>,
}

impl Health {
    /// Nothing heard yet. With `committed_only` a partition reaches to the first open transaction.
    pub fn new(committed_only: bool) -> Health {
        Health { committed_only, heard: Mutex::default() }
    }

    /// Why the servers refuse us for good: login, certificate, rights.
    pub fn refusal(&self) -> Option<String> {
        let heard = self.heard();
        if heard.refused { heard.reason.clone() } else { None }
    }

    /// Why reading stands still, if a server that we need cannot be reached at the moment.
    pub fn stalled(&self) -> Option<String> {
        let heard = self.heard();
        if !heard.down && heard.orphans.is_empty() {
            return None;
        }
        let said = heard.reason.clone().unwrap_or_else(|| "no server answers".into());
        let whose = if heard.orphans.is_empty() { String::new() } else { format!(" ({})", heard.orphans.join(", ")) };
        Some(format!("{said}{whose}"))
    }

    /// The newest reason that was given for a failure, whatever became of it.
    pub fn reason(&self) -> Option<String> {
        self.heard().reason.clone()
    }

    /// The offset behind the last record that can be read of a partition, by the newest statistics.
    pub fn end(&self, topic: &str, partition: i32) -> Option<i64> {
        self.heard().ends.get(topic)?.get(&partition).copied()
    }

    fn heard(&self) -> std::sync::MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn take_in(&self, statistics: &Statistics) {
        let up = |id: i32| statistics.brokers.values().any(|broker| broker.nodeid == id && broker.state == "UP");
        let mut orphans = Vec::new();
        let mut heard = self.heard();
        for (name, topic) in &statistics.topics {
            let mut orphan = false;
            for partition in topic.partitions.values().filter(|partition| partition.desired) {
                orphan |= !up(partition.leader);
                if let Some(end) = self.reaches(partition) {
                    heard.ends.entry(name.clone()).or_default().insert(partition.partition, end);
                }
            }
            if orphan {
                orphans.push(name.clone());
            }
        }
        let any_up = statistics.brokers.values().any(|broker| broker.state == "UP");
        orphans.sort();
        if any_up && orphans.is_empty() {
            heard.reason = None;
        }
        heard.down &= !any_up;
        // Before the first trouble a server that is not up is only being called.
        heard.orphans = if heard.reason.is_some() { orphans } else { Vec::new() };
    }

    fn reaches(&self, partition: &Partition) -> Option<i64> {
        let end = if self.committed_only { partition.ls_offset } else { partition.hi_offset };
        (end >= 0).then_some(end)
    }
}

impl ClientContext for Health {
    fn stats(&self, statistics: Statistics) {
        self.take_in(&statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code();
        let mut heard = self.heard();
        match code {
            Some(RDKafkaErrorCode::AllBrokersDown) => heard.down = true,
            Some(code) if is_refusal(code) => {
                heard.refused = true;
                heard.reason = Some(plain(reason));
            }
            Some(RDKafkaErrorCode::BrokerTransportFailure | RDKafkaErrorCode::Resolve) => {
                heard.reason = Some(plain(reason));
            }
            // What concerns one partition comes with its messages, what concerns the group does not concern us.
            _ => {}
        }
    }

    fn log(&self, _: rdkafka::config::RDKafkaLogLevel, _: &str, _: &str) {}
}

impl ConsumerContext for Health {}

/// Whether asking again is useless until a setting changes.
pub fn is_refusal(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode::*;
    matches!(
        code,
        Authentication
            | SaslAuthenticationFailed
            | UnsupportedSASLMechanism
            | IllegalSASLState
            | SSL
            | TopicAuthorizationFailed
            | GroupAuthorizationFailed
            | ClusterAuthorizationFailed
    )
}

/// librdkafka's reason without the server's name in front and the stop-watch behind: both change all
/// the time, and the address stands in our sentence already.
pub fn plain(reason: &str) -> String {
    let reason = reason.trim();
    let reason = reason.find(" (after ").map_or(reason, |at| &reason[..at]);
    let body = match reason.split_once(": ") {
        Some((head, rest)) if !head.contains(' ') => rest,
        _ => reason,
    };
    body.replace("ipv4#", "").replace("ipv6#", "").trim_end_matches(['.', ':', ' ']).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_keeps_what_helps() {
        let said = "127.0.0.1:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: Connection refused (after 0ms in state CONNECT)";
        assert_eq!(plain(said), "Connect to 127.0.0.1:1 failed: Connection refused");
        assert_eq!(plain("1/1 brokers are down"), "1/1 brokers are down");
    }

    #[test]
    fn a_stall_begins_with_an_error_and_ends_with_good_statistics() {
        let health = Health::new(true);
        assert_eq!(health.stalled(), None);
        let transport = KafkaError::Global(RDKafkaErrorCode::BrokerTransportFailure);
        health.error(transport, "localhost:9092/1: Disconnected (after 3ms in state UP)");
        assert_eq!(health.stalled(), None, "one lost connection is no stall");
        health.error(KafkaError::Global(RDKafkaErrorCode::AllBrokersDown), "1/1 brokers are down");
        assert_eq!(health.stalled().as_deref(), Some("Disconnected"));
        health.take_in(&statistics("DOWN"));
        assert_eq!(health.stalled().as_deref(), Some("Disconnected (bids)"));
        health.take_in(&statistics("UP"));
        assert_eq!(health.stalled(), None);
        assert_eq!(health.end("bids", 0), Some(7), "committed records end before the open transaction");
    }

    fn statistics(state: &str) -> Statistics {
        let broker = rdkafka::statistics::Broker { nodeid: 1, state: state.into(), ..Default::default() };
        let partition = Partition { leader: 1, desired: true, ls_offset: 7, hi_offset: 9, ..Default::default() };
        let topic = rdkafka::statistics::Topic { partitions: HashMap::from([(0, partition)]), ..Default::default() };
        Statistics {
            brokers: HashMap::from([("localhost:9092/1".to_string(), broker)]),
            topics: HashMap::from([("bids".to_string(), topic)]),
            ..Default::default()
        }
    }
}
