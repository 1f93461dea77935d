//! What to do when the next record to read is gone: expired, cut off, or of a topic that was deleted and made
//! again. The option `scan.on-data-loss` decides, for Kafka and for embedded topics alike.

use millstream_record::{Error, OptionKind, OptionSpec, Options, Result, TopicIds};

/// What is done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnLoss {
    /// Stop with an error.
    Fail,
    /// Go on with the earliest record that is there.
    Earliest,
    /// Go on with the next record to be written.
    Latest,
}

/// The option that says so.
pub(crate) const ON_LOSS: OptionSpec = OptionSpec {
    name: "scan.on-data-loss",
    kind: OptionKind::Choice(&["fail", "earliest", "latest"]),
    default: Some("fail"),
    example: "earliest",
    doc: "what to do when the next record to read is gone: fail, or go on with the earliest or the latest that is there (Millstream's own)",
};

impl OnLoss {
    /// What the options say.
    pub fn of(options: &Options) -> OnLoss {
        match options.text(ON_LOSS.name) {
            Some("earliest") => OnLoss::Earliest,
            Some("latest") => OnLoss::Latest,
            _ => OnLoss::Fail,
        }
    }

    /// The offset at which to go on in a log that reaches from `low` to `high`; an error that says what was
    /// lost at `place`, and the way out, if nothing else was asked for.
    pub fn go_on(self, place: &str, reason: impl FnOnce() -> String, (low, high): (i64, i64)) -> Result<i64> {
        match self {
            OnLoss::Earliest => Ok(low),
            OnLoss::Latest => Ok(high),
            OnLoss::Fail => Err(lost(place, &reason())),
        }
    }
}

/// The error of records that are gone.
pub(crate) fn lost(place: &str, reason: &str) -> Error {
    let reason = format!("{reason}; to go on all the same, set '{}' to 'earliest' or 'latest'", ON_LOSS.name);
    Error::DataLoss { place: place.into(), reason }
}

/// Why no offset of a topic means anything any more, if it has another id now than when it was read.
pub(crate) fn made_again(topic: &str, was: &TopicIds, is: &TopicIds) -> Option<String> {
    let (was, is) = (was.get(topic)?, is.get(topic)?);
    (was != is).then(|| {
        format!(
            "the topic was deleted and made again: what was read had the id {was}, what is there now has the id {is}"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(pairs: &[(&str, &str)]) -> TopicIds {
        pairs.iter().map(|(topic, id)| ((*topic).into(), (*id).into())).collect()
    }

    #[test]
    fn only_two_ids_that_differ_tell_of_another_topic() {
        let was = ids(&[("a", "1"), ("b", "2")]);
        assert_eq!(made_again("a", &was, &ids(&[("a", "1")])), None);
        assert_eq!(made_again("b", &was, &ids(&[("a", "1")])), None, "nobody knows what it is now");
        assert_eq!(made_again("c", &was, &ids(&[("c", "1")])), None, "nobody knows what it was");
        let told = made_again("b", &was, &ids(&[("b", "3")])).expect("another one");
        assert!(told.contains("had the id 2") && told.contains("has the id 3"), "{told}");
    }

    #[test]
    fn the_policy_says_where_to_go_on() {
        let at = |policy: OnLoss| policy.go_on("t/0", || "gone".into(), (3, 9));
        assert_eq!((at(OnLoss::Earliest).expect("low"), at(OnLoss::Latest).expect("high")), (3, 9));
        let told = at(OnLoss::Fail).expect_err("it fails").to_string();
        assert_eq!(
            told,
            "records are missing in t/0: gone; to go on all the same, set 'scan.on-data-loss' to 'earliest' or 'latest'"
        );
    }
}
