//! Data that is written in a random shape is tapped back to that shape.

use proptest::collection::vec;
use proptest::prelude::*;

use super::{room, said};

/// A type, and how its values are written.
#[derive(Clone, Debug)]
enum Shape {
    Whole,
    Broken,
    Text,
    Truth,
    Moment { zoned: bool },
    Day,
    List(Box<Shape>),
    Row(Vec<(String, Shape)>),
}

/// Names that JSON and SQL must quote, and plain ones.
fn name() -> impl Strategy<Value = String> {
    let plain = "[a-z][a-z0-9_]{0,8}";
    prop_oneof![4 => plain, 1 => "[a-zäöüé名前 '`;\"\\\\-]{1,6}", 1 => Just("select".to_string())]
}

fn fields(shape: impl Strategy<Value = Shape> + Clone + 'static) -> impl Strategy<Value = Vec<(String, Shape)>> {
    vec((name(), shape), 1..5).prop_map(|mut fields| {
        let mut seen = std::collections::BTreeSet::new();
        fields.retain(|(name, _)| seen.insert(name.clone()));
        fields
    })
}

fn shape() -> impl Strategy<Value = Shape> + Clone {
    let leaf = prop_oneof![
        Just(Shape::Whole),
        Just(Shape::Broken),
        Just(Shape::Text),
        Just(Shape::Truth),
        any::<bool>().prop_map(|zoned| Shape::Moment { zoned }),
        Just(Shape::Day),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|inner| Shape::List(Box::new(inner))),
            fields(inner.boxed()).prop_map(Shape::Row)
        ]
    })
    .boxed()
}

impl Shape {
    /// The type in SQL.
    fn sql(&self) -> String {
        match self {
            Shape::Whole => "BIGINT".into(),
            Shape::Broken => "DOUBLE".into(),
            Shape::Text => "STRING".into(),
            Shape::Truth => "BOOLEAN".into(),
            Shape::Moment { zoned: true } => "TIMESTAMP_LTZ(3)".into(),
            Shape::Moment { zoned: false } => "TIMESTAMP(3)".into(),
            Shape::Day => "DATE".into(),
            Shape::List(inner) => format!("ARRAY<{}>", inner.sql()),
            Shape::Row(fields) => {
                let field = |(name, shape): &(String, Shape)| format!("{} {}", quoted(name), shape.sql());
                format!("ROW<{}>", fields.iter().map(field).collect::<Vec<_>>().join(", "))
            }
        }
    }

    /// A value. The first record holds everything; in others fields may be missing or null.
    fn json(&self, dice: &mut Dice, whole: bool) -> String {
        match self {
            Shape::Whole => dice.below(1_000_000).to_string(),
            // Never all with one digit, which would be a decimal.
            Shape::Broken => {
                format!("{}.{}", dice.below(1000), if whole { "5" } else { ["5", "25", "125"][dice.below(3) as usize] })
            }
            Shape::Text => format!("\"w{}\"", dice.below(100)),
            Shape::Truth => (dice.below(2) == 0).to_string(),
            Shape::Moment { zoned } => {
                format!(
                    "\"2026-01-01T00:{:02}:{:02}.{:03}{}\"",
                    dice.below(60),
                    dice.below(60),
                    dice.below(1000),
                    if *zoned { "Z" } else { "" }
                )
            }
            Shape::Day => format!("\"2026-01-{:02}\"", 1 + dice.below(28)),
            Shape::List(inner) => {
                let count = if whole { 2 } else { dice.below(3) };
                format!("[{}]", (0..count).map(|_| inner.json(dice, whole)).collect::<Vec<_>>().join(","))
            }
            Shape::Row(fields) => object(fields, dice, whole),
        }
    }
}

fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

fn object(fields: &[(String, Shape)], dice: &mut Dice, whole: bool) -> String {
    let mut parts = Vec::new();
    for (name, shape) in fields {
        let name = serde_json::to_string(name).expect("a text");
        match if whole { 9 } else { dice.below(10) } {
            0 => {}
            1 => parts.push(format!("{name}:null")),
            _ => parts.push(format!("{name}:{}", shape.json(dice, whole))),
        }
    }
    format!("{{{}}}", parts.join(","))
}

/// Chance from a seed (SplitMix64, Steele, Lea and Flood 2014).
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % most
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_random_schema_is_found_again(fields in fields(shape()), seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let mut text = String::new();
        for number in 0..25 {
            text += &object(&fields, &mut dice, number == 0);
            text.push('\n');
        }
        let mut room = room();
        let path = room.folder.path().join("data.jsonl");
        std::fs::write(&path, text).expect("written");
        let told = said(&mut room.session, &format!("TAP '{}' AS t", path.display()));
        prop_assert!(told.contains("\n0 records could not be read"), "{told}");
        let declared = said(&mut room.session, "SHOW CREATE TABLE t");
        for (name, shape) in &fields {
            let line = format!("\n  {} {}", quoted(name), shape.sql());
            prop_assert!(declared.contains(&line), "{line} is not in {declared}");
        }
    }
}
