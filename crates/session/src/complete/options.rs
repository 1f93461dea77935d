//! The options of `WITH (…)` and the settings of `SET`, from the tables in which they are declared.

use millstream_record::{OptionKind, OptionSpec};

use super::place::Piece;
use super::{Candidate, CandidateKind};

/// What a `WITH (…)` says so far.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// Its options in order, as far as they are whole.
    pub pairs: Vec<(String, String)>,
}

impl Given {
    /// The pairs `'key' = 'value'` among the pieces of a statement.
    pub fn of(pieces: &[Piece<'_>]) -> Given {
        let text = |piece: &Piece<'_>| piece.text.starts_with('\'');
        let pairs = pieces.windows(3).filter(|three| text(&three[0]) && three[1].text == "=" && text(&three[2]));
        Given { pairs: pairs.map(|three| (three[0].bare(), three[2].bare())).collect() }
    }

    /// The value of an option.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.pairs.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    }

    /// Whether an option belongs to another format than the one that is given.
    fn of_other_format(&self, spec: &OptionSpec, formats: &[&str]) -> bool {
        let Some(chosen) = self.value("format").or_else(|| self.value("value.format")) else { return false };
        let name = spec.name.trim_start_matches("value.").trim_start_matches("key.");
        let belongs = |format: &str| name.strip_prefix(format).is_some_and(|rest| rest.starts_with('.'));
        formats.iter().any(|format| belongs(format)) && !belongs(chosen)
    }

    /// The options that can still be given.
    pub fn missing<'a>(
        &'a self,
        specs: &'a [OptionSpec],
        formats: &'a [&'a str],
    ) -> impl Iterator<Item = &'a OptionSpec> {
        specs.iter().filter(|spec| self.value(spec.name).is_none() && !self.of_other_format(spec, formats))
    }
}

/// The name of an option as a candidate, with its type, default and meaning.
pub fn name(spec: &OptionSpec) -> Candidate {
    let default = spec.default.map(|default| format!(", default {default}")).unwrap_or_default();
    let doc = format!("{}{default}\n{}", kind(spec.kind), spec.doc);
    Candidate::new(spec.name.trim_end_matches('*'), CandidateKind::Option, doc)
}

/// The values that one would give an option.
pub fn values(spec: &OptionSpec) -> Vec<Candidate> {
    let doc = |what: &str| format!("{what} of '{}'\n{}", spec.name, spec.doc);
    let value = |text: &str, what: &str| Candidate::new(text, CandidateKind::Value, doc(what));
    match spec.kind {
        OptionKind::Bool => ["true", "false"].map(|text| value(text, "a value")).into(),
        OptionKind::Choice(words) => words.iter().map(|text| value(text, "a value")).collect(),
        OptionKind::Secret => Vec::new(),
        OptionKind::Text | OptionKind::Integer | OptionKind::Duration | OptionKind::Bytes => {
            let default =
                spec.default.filter(|default| *default != spec.example).map(|text| value(text, "the default"));
            let example =
                Some(spec.example).filter(|example| !example.is_empty()).map(|text| value(text, "an example"));
            default.into_iter().chain(example).collect()
        }
    }
}

/// A type of values, in words.
pub fn kind(kind: OptionKind) -> String {
    match kind {
        OptionKind::Text => "a text".into(),
        OptionKind::Secret => "a secret".into(),
        OptionKind::Bool => "true or false".into(),
        OptionKind::Integer => "a whole number".into(),
        OptionKind::Duration => "a stretch of time".into(),
        OptionKind::Bytes => "a size".into(),
        OptionKind::Choice(words) => words.join(" | "),
    }
}
