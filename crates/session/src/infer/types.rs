//! From what was seen to types of SQL. Where kinds contradict each other the more frequent one is taken and
//! the contradiction told, with an example of each: nothing becomes a text in silence.

use millstream_sql::types::{MAX_LENGTH, RowField, SqlType, TypeKind};

use super::number::Numbers;
use super::text::Texts;
use super::tree::{Kind, Node, Object};

/// A place at which kinds contradict each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The column, with the fields that lead to the place.
    pub path: String,
    /// The kinds, the most frequent first: how often, and the first example with its record.
    pub kinds: Vec<(Kind, u64, u32, String)>,
}

impl Conflict {
    /// The contradiction at a place where these kinds were seen so often; none if it is one kind.
    pub fn of(path: &str, node: &Node, kinds: &[(Kind, u64)]) -> Option<Conflict> {
        let told = |&(kind, count): &(Kind, u64)| {
            let example = node.example(kind);
            let (record, text) = example.map_or((0, String::new()), |one| (one.record, one.text.clone()));
            (kind, count, record, text)
        };
        (kinds.len() > 1).then(|| Conflict { path: path.into(), kinds: kinds.iter().map(told).collect() })
    }
}

/// Decides types, and keeps what there is to tell.
#[derive(Debug, Default)]
pub struct Types {
    /// Whether timestamps are written with a `T`, as most of the topic's are.
    pub iso: bool,
    /// Contradictions.
    pub conflicts: Vec<Conflict>,
    /// What else the user should know, a sentence each.
    pub notes: Vec<String>,
}

/// `STRING`
pub fn string() -> SqlType {
    SqlType::nullable(TypeKind::VarChar(MAX_LENGTH))
}

/// How many timestamps of the tree have a `T`, and how many have none.
pub fn spellings(node: &Node) -> (u64, u64) {
    let mut found = (node.texts.iso, node.texts.timestamps - node.texts.iso);
    let fields = node.object.iter().flat_map(|object| object.fields.iter().map(|(_, node)| node));
    for below in fields.chain(node.array.iter().map(|array| &array.1)) {
        let more = spellings(below);
        found = (found.0 + more.0, found.1 + more.1);
    }
    found
}

impl Types {
    /// The type of a place.
    pub fn of(&mut self, path: &str, node: &Node) -> SqlType {
        let kinds = node.kinds();
        let Some(&(kind, _)) = kinds.first() else {
            if node.seen > 0 {
                self.notes.push(format!("'{path}' is null wherever it stands; it is taken as STRING"));
            }
            return string();
        };
        self.conflicts.extend(Conflict::of(path, node, &kinds));
        match kind {
            Kind::Boolean => SqlType::nullable(TypeKind::Boolean),
            Kind::Number => SqlType::nullable(number(&node.numbers)),
            Kind::Text => SqlType::nullable(self.text(path, &node.texts)),
            Kind::Object => match &node.object {
                Some(object) => self.object(path, object),
                None => string(),
            },
            Kind::Array => {
                let element = match &node.array {
                    Some(array) if array.1.seen > 0 => self.of(&format!("{path}[]"), &array.1),
                    _ => {
                        self.notes
                            .push(format!("the arrays of '{path}' are empty; their elements are taken as STRING"));
                        string()
                    }
                };
                SqlType::nullable(TypeKind::Array(Box::new(element)))
            }
        }
    }

    fn object(&mut self, path: &str, object: &Object) -> SqlType {
        if let Some((name, _)) = &object.twice {
            self.notes.push(format!("'{path}.{name}' stands twice in some objects; the last one counts"));
        }
        if object.is_map() || object.fields.is_empty() {
            let value =
                if object.fields.is_empty() { string() } else { self.of(&format!("{path}{{}}"), &object.values()) };
            return SqlType::nullable(TypeKind::Map(Box::new(string()), Box::new(value)));
        }
        SqlType::nullable(TypeKind::Row(self.fields(path, object)))
    }

    /// The fields of an object; those without a name cannot be named in SQL either.
    pub fn fields(&mut self, path: &str, object: &Object) -> Vec<RowField> {
        let mut fields = Vec::with_capacity(object.fields.len());
        for (name, node) in &object.fields {
            let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            if name.is_empty() || name.chars().any(|c| c == '\0') {
                self.notes.push(format!("a field of '{path}' has a name that SQL cannot write; it is left out"));
                continue;
            }
            fields.push(RowField { name: name.clone(), data_type: self.of(&below, node), comment: None });
        }
        fields
    }

    /// The type of texts: a time if all of them are, and in the spelling of the topic.
    pub fn text(&mut self, path: &str, texts: &Texts) -> TypeKind {
        let string = TypeKind::VarChar(MAX_LENGTH);
        let Texts { count, timestamps, dates, clocks, iso, utc, offset, digits, plain } = texts;
        if dates == count {
            return TypeKind::Date;
        }
        if clocks == count {
            return TypeKind::Time(0);
        }
        if timestamps != count {
            let most = *timestamps.max(dates).max(clocks);
            if most * 10 > count * 9 {
                let other = plain.as_deref().unwrap_or("a time of another form");
                self.notes.push(format!(
                    "'{path}' tells a time in {most} of {count} records, but not in all ('{other}'); it stays STRING"
                ));
            }
            return string;
        }
        let spelled = if self.iso { iso == count } else { *iso == 0 };
        let zoned = utc + offset;
        if !spelled {
            self.notes.push(format!(
                "the timestamps of '{path}' are spelled in another way than most of the topic; it stays STRING"
            ));
            return string;
        }
        if zoned != 0 && zoned != *count {
            self.notes
                .push(format!("the timestamps of '{path}' have a zone in {zoned} of {count} records; it stays STRING"));
            return string;
        }
        if *offset > 0 {
            self.notes.push(format!("the timestamps of '{path}' have offsets (+02:00); Flink reads only Z"));
        }
        let precision = match digits {
            0..=3 => 3,
            4..=6 => 6,
            _ => 9,
        };
        if zoned > 0 { TypeKind::TimestampLtz(precision) } else { TypeKind::Timestamp(precision) }
    }
}

/// So many numbers must agree before their digits say that they are decimals.
const AGREE: u64 = 10;
/// A float is written with at most so many digits.
const FLOAT_DIGITS: u8 = 17;

/// The type of numbers. Whole ones are `BIGINT`, however small those of a sample are. Broken ones are
/// decimals if their digits say so: always as many behind the point, filled up with zeros, or more than a
/// float holds. Else they are `DOUBLE`.
pub fn number(numbers: &Numbers) -> TypeKind {
    let Numbers { broken, scientific, least_scale, most_scale, padded, before, significant, whole, huge, .. } =
        *numbers;
    if broken == 0 {
        return match huge {
            0 => TypeKind::BigInt,
            1..=38 => TypeKind::Decimal(38, 0),
            _ => TypeKind::Double,
        };
    }
    let money = whole == 0 && least_scale == most_scale && padded > 0 && broken >= AGREE;
    let fits = scientific == 0 && before.saturating_add(most_scale) <= 38;
    if fits && (money || significant > FLOAT_DIGITS) {
        let precision = [10, 18, 38].into_iter().find(|precision| *precision > before + most_scale).unwrap_or(38);
        return TypeKind::Decimal(precision, most_scale);
    }
    TypeKind::Double
}
