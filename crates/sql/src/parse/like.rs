//! The `LIKE` clause of `CREATE TABLE`.

use datafusion::sql::sqlparser::tokenizer::Token;

use crate::error::SqlError;
use crate::parse::Cursor;
use crate::statement::{Feature, Like, LikeRule, Merge};

const MERGES: [(&str, Merge); 3] =
    [("INCLUDING", Merge::Including), ("EXCLUDING", Merge::Excluding), ("OVERWRITING", Merge::Overwriting)];

const FEATURES: [(&str, Feature); 8] = [
    ("ALL", Feature::All),
    ("CONSTRAINTS", Feature::Constraints),
    ("DISTRIBUTION", Feature::Distribution),
    ("GENERATED", Feature::Generated),
    ("METADATA", Feature::Metadata),
    ("OPTIONS", Feature::Options),
    ("PARTITIONS", Feature::Partitions),
    ("WATERMARKS", Feature::Watermarks),
];

/// Reads what follows `LIKE`: a table and, in brackets, what to take from it.
pub fn clause(cursor: &mut Cursor<'_>) -> Result<Like, SqlError> {
    let table = cursor.path("the name of a table")?;
    let mut rules: Vec<LikeRule> = Vec::new();
    if cursor.takes_token(&Token::LParen) {
        while !cursor.takes_token(&Token::RParen) {
            let place = cursor.here();
            let merge = one_of(cursor, &MERGES, "INCLUDING, EXCLUDING or OVERWRITING")?;
            let feature =
                one_of(cursor, &FEATURES, "ALL, CONSTRAINTS, GENERATED, METADATA, OPTIONS, PARTITIONS or WATERMARKS")?;
            if rules.iter().any(|rule| rule.feature == feature) {
                return Err(SqlError::new("E0303", "each feature has one rule only").at(place.to(cursor.behind())));
            }
            if merge == Merge::Overwriting
                && matches!(feature, Feature::Constraints | Feature::Partitions | Feature::All)
            {
                let error = SqlError::new("E0303", "this feature cannot be overwritten").at(place.to(cursor.behind()));
                return Err(error.hint("OVERWRITING knows GENERATED, METADATA, OPTIONS and WATERMARKS"));
            }
            rules.push(LikeRule { merge, feature });
            cursor.takes_token(&Token::Comma);
        }
    }
    Ok(Like { table, rules })
}

fn one_of<T: Copy>(cursor: &mut Cursor<'_>, words: &[(&str, T)], wanted: &str) -> Result<T, SqlError> {
    let found = words.iter().find(|(word, _)| cursor.takes_word(word));
    found.map(|(_, meaning)| *meaning).ok_or_else(|| cursor.unexpected(wanted))
}
