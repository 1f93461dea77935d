//! Declarations that go through text and come back the same, and `LIKE`.

use crate::statement::{
    ColumnDraft, ColumnKind, Expression, Feature, Like, LikeRule, Merge, Name, TableDraft, TableOption, WatermarkDraft,
};
use crate::types::{MAX_LENGTH, RowField, SqlType, TypeKind};
use crate::{Span, Statement, parse, show};

/// Numbers in a fixed but wild order (xorshift64*, Vigna 2016).
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    }

    fn coin(&mut self) -> bool {
        self.below(2) == 0
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    /// Text that would like to leave its quotes.
    fn text(&mut self) -> String {
        const PIECES: &[&str] = &[
            "a", "B", " ", "'", "''", "`", "``", "\"", ";", "--", "/*", "*/", "\n", "ä", "𝄞", "\\", "$", "SELECT", ")",
            "(", ",", "NOT NULL", "\u{202e}", "\u{0}", "{", "%",
        ];
        (0..=self.below(6)).map(|_| self.one(PIECES)).collect()
    }

    fn name(&mut self, number: usize) -> Name {
        Name { text: format!("{}{number}", self.text()), span: Span::default() }
    }

    fn comment(&mut self) -> Option<String> {
        self.coin().then(|| self.text())
    }

    fn data_type(&mut self, depth: usize) -> SqlType {
        let kind = match self.below(if depth < 3 { 22 } else { 19 }) {
            0 => TypeKind::Boolean,
            1 => TypeKind::TinyInt,
            2 => TypeKind::SmallInt,
            3 => TypeKind::Int,
            4 => TypeKind::BigInt,
            5 => TypeKind::Float,
            6 => TypeKind::Double,
            7 => TypeKind::Decimal(20, self.below(20) as u8),
            8 => TypeKind::Char(1 + self.below(9) as u32),
            9 => TypeKind::VarChar(1 + self.below(9) as u32),
            10 => TypeKind::VarChar(MAX_LENGTH),
            11 => TypeKind::Binary(1 + self.below(9) as u32),
            12 => TypeKind::VarBinary(MAX_LENGTH),
            13 => TypeKind::Date,
            14 => TypeKind::Time(self.below(4) as u8),
            15 => TypeKind::Timestamp(self.below(10) as u8),
            16 => TypeKind::TimestampLtz(self.below(10) as u8),
            17 => TypeKind::IntervalMonths,
            18 => TypeKind::IntervalTime,
            19 => TypeKind::Array(Box::new(self.data_type(depth + 1))),
            20 => TypeKind::Map(Box::new(self.data_type(depth + 1)), Box::new(self.data_type(depth + 1))),
            _ => TypeKind::Row(
                (0..=self.below(3))
                    .map(|number| RowField {
                        name: self.name(number).text,
                        data_type: self.data_type(depth + 1),
                        comment: self.comment(),
                    })
                    .collect(),
            ),
        };
        SqlType { kind, nullable: self.coin() }
    }

    fn expression(&mut self) -> Expression {
        let text =
            self.one(&["a + 1", "ts - INTERVAL '5' SECOND", "f(x, ')', `;`)", "CASE WHEN a THEN 'b' END", "'x''y'"]);
        let expr = Box::new(crate::expression(text).expect("these are expressions"));
        Expression { expr, text: text.to_string(), span: Span::default() }
    }

    fn column(&mut self, number: usize) -> ColumnDraft {
        let kind = match self.below(4) {
            0 => ColumnKind::Computed(self.expression()),
            1 => ColumnKind::Metadata { data_type: self.data_type(0), from: self.comment(), read_only: self.coin() },
            _ => ColumnKind::Physical(self.data_type(0)),
        };
        ColumnDraft { name: self.name(number), kind, comment: self.comment() }
    }

    fn draft(&mut self) -> TableDraft {
        let columns: Vec<ColumnDraft> = (0..=self.below(6)).map(|number| self.column(number)).collect();
        let any = columns[self.below(columns.len())].name.clone();
        let physical = columns.iter().filter(|column| matches!(column.kind, ColumnKind::Physical(_)));
        let key: Vec<Name> = physical.map(|column| column.name.clone()).take(self.below(3)).collect();
        let option = |dice: &mut Dice, number| TableOption {
            key: format!("{}{number}", dice.text()),
            value: dice.text(),
            span: Span::default(),
        };
        let rules = [
            (Merge::Including, Feature::Metadata),
            (Merge::Excluding, Feature::All),
            (Merge::Overwriting, Feature::Options),
        ];
        let like = Like {
            table: self.name(0),
            rules: rules.iter().take(self.below(4)).map(|&(merge, feature)| LikeRule { merge, feature }).collect(),
        };
        TableDraft {
            name: self.name(0),
            temporary: self.coin(),
            if_not_exists: self.coin(),
            or_replace: self.coin(),
            watermark: self.coin().then(|| WatermarkDraft { column: any.clone(), expression: self.expression() }),
            primary_key: key,
            partitioned_by: if self.coin() { vec![any] } else { Vec::new() },
            comment: self.comment(),
            options: (0..self.below(4)).map(|number| option(self, number)).collect(),
            like: self.coin().then_some(like),
            columns,
        }
    }
}

/// The draft without places and trees, which text cannot give back.
fn bare(mut draft: TableDraft) -> TableDraft {
    let nothing = Box::new(crate::expression("NULL").expect("is one"));
    let bare_name = |name: &mut Name| name.span = Span::default();
    let bare_expression = |expression: &mut Expression| {
        expression.expr = nothing.clone();
        expression.span = Span::default();
    };
    bare_name(&mut draft.name);
    for column in &mut draft.columns {
        bare_name(&mut column.name);
        if let ColumnKind::Computed(expression) = &mut column.kind {
            bare_expression(expression);
        }
    }
    if let Some(watermark) = &mut draft.watermark {
        bare_name(&mut watermark.column);
        bare_expression(&mut watermark.expression);
    }
    draft.primary_key.iter_mut().chain(&mut draft.partitioned_by).for_each(bare_name);
    draft.options.iter_mut().for_each(|option| option.span = Span::default());
    draft.like.iter_mut().for_each(|like| bare_name(&mut like.table));
    draft
}

fn table(text: &str) -> TableDraft {
    let mut statements = parse(text).unwrap_or_else(|error| panic!("{error} {:?} in {text}", error.span));
    assert_eq!(statements.len(), 1, "{text}");
    match statements.remove(0).value {
        Statement::CreateTable(draft) => *draft,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_shown_parses_to_what_was_declared() {
    for seed in 1..=2_000 {
        let draft = Dice::new(seed).draft();
        let text = show::create_table(&draft);
        let again = table(&text);
        assert_eq!(bare(again.clone()), bare(draft), "seed {seed}: {text}");
        assert_eq!(show::create_table(&again), text);
    }
}

#[test]
fn types_go_through_text_and_arrow() {
    for seed in 1..=2_000 {
        let data_type = Dice::new(seed).data_type(0);
        let text = data_type.to_string();
        assert_eq!(text.parse::<SqlType>().as_ref(), Ok(&data_type), "{text}");
        let field = data_type.to_field("f");
        let back = SqlType::from_field(&field).expect("every type has a name");
        assert_eq!(back.to_arrow(), data_type.to_arrow(), "{text} comes back as {back}");
    }
}

#[test]
fn secrets_are_redacted() {
    let draft = table("CREATE TABLE t (a INT) WITH ('properties.sasl.jaas.config' = 'hunter2', 'path' = 'x')");
    let shown = show::create_table(&draft);
    assert!(!shown.contains("hunter2") && shown.contains("'path' = 'x'"), "{shown}");
}

fn like(new: &str, other: &str) -> String {
    match super::apply_like(&table(new), &table(other)) {
        Ok(draft) => show::create_table(&draft).replace('\n', " "),
        Err(error) => error.message,
    }
}

#[test]
fn like_takes_what_the_rules_say() {
    let other = "CREATE TABLE o (a INT, m INT METADATA, c AS a + 1, ts TIMESTAMP(3), WATERMARK FOR ts AS ts, PRIMARY KEY (a) NOT ENFORCED) \
                 PARTITIONED BY (a) WITH ('connector' = 'kafka', 'topic' = 'x')";
    assert_eq!(
        like("CREATE TABLE n (b INT) WITH ('topic' = 'y') LIKE o", other),
        "CREATE TABLE `n` (   `a` INT,   `m` INT METADATA,   `c` AS a + 1,   `ts` TIMESTAMP(3),   `b` INT,   \
         WATERMARK FOR `ts` AS ts,   PRIMARY KEY (`a`) NOT ENFORCED ) PARTITIONED BY (`a`) WITH (   'connector' = 'kafka',   'topic' = 'y' )"
    );
    assert_eq!(
        like("CREATE TABLE n (b INT) WITH ('topic' = 'y') LIKE o (EXCLUDING ALL)", other),
        "CREATE TABLE `n` (   `a` INT,   `ts` TIMESTAMP(3),   `b` INT ) WITH (   'topic' = 'y' )"
    );
    assert_eq!(
        like("CREATE TABLE n (c AS a + 2) LIKE o (EXCLUDING ALL OVERWRITING GENERATED)", other),
        "CREATE TABLE `n` (   `a` INT,   `ts` TIMESTAMP(3),   `c` AS a + 2 )"
    );
    assert_eq!(like("CREATE TABLE n (a INT) LIKE o", other), "the column 'a' is in 'o' already");
    assert_eq!(
        like("CREATE TABLE n (b INT) WITH ('topic' = 'y') LIKE o (INCLUDING OPTIONS)", other),
        "the option 'topic' is in 'o' already"
    );
    assert_eq!(
        like("CREATE TABLE n (b INT, PRIMARY KEY (b) NOT ENFORCED) LIKE o", other),
        "the primary key is in 'o' already"
    );
}
