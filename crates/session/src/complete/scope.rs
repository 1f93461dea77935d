//! The tables that a statement reads, with the names by which it calls them, and the names that it makes itself.

use millstream_sql::Lexeme;

use super::place::Piece;
use super::words::is_keyword;

/// What a statement names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Tables and views in order, each with the name that its columns go by.
    pub relations: Vec<(String, String)>,
    /// Names that the statement gives: `AS name`.
    pub given: Vec<String>,
    /// Whether it cuts time into windows, which have columns of their own.
    pub windows: bool,
}

/// Reads the scope of a statement.
pub fn scope(pieces: &[Piece<'_>]) -> Scope {
    let mut scope = Scope { windows: has_windows(pieces), ..Scope::default() };
    let mut index = 0;
    let mut in_from = false;
    while index < pieces.len() {
        let piece = pieces[index];
        index += 1;
        if piece.is_one_of(&["FROM", "JOIN", "INTO", "TABLE"]) {
            in_from = true;
        } else if piece.text != "," || !in_from {
            in_from &= piece.lexeme != Lexeme::Word || !is_keyword(piece.text);
            if piece.is("AS") {
                scope.given.extend(pieces.get(index).filter(|name| name.is_name()).map(Piece::bare));
            }
            continue;
        }
        if let Some((name, next)) = path(pieces, index) {
            let (alias, next) = alias(pieces, next).unwrap_or_else(|| (own(&name), next));
            scope.relations.push((name, alias));
            index = next;
        }
    }
    scope
}

/// The columns of windows.
pub const WINDOW_COLUMNS: [(&str, &str); 3] =
    [("window_start", "TIMESTAMP(3)"), ("window_end", "TIMESTAMP(3)"), ("window_time", "TIMESTAMP(3)")];

fn has_windows(pieces: &[Piece<'_>]) -> bool {
    let call = |two: &[Piece<'_>]| {
        two[0].is_one_of(&["TUMBLE", "HOP", "CUMULATE", "SESSION"]) && two[1].lexeme == Lexeme::Open
    };
    pieces.windows(2).any(call)
}

/// The name of a table that begins at a piece, with the piece behind it.
fn path(pieces: &[Piece<'_>], mut index: usize) -> Option<(String, usize)> {
    let mut name = pieces.get(index).filter(|piece| piece.is_name())?.bare();
    index += 1;
    while let [dot, part, ..] = &pieces[index..]
        && dot.text == "."
        && matches!(part.lexeme, Lexeme::Word | Lexeme::Name)
    {
        name = format!("{name}.{}", part.bare());
        index += 2;
    }
    Some((name, index))
}

fn alias(pieces: &[Piece<'_>], index: usize) -> Option<(String, usize)> {
    let first = pieces.get(index)?;
    if first.is("AS") {
        return pieces.get(index + 1).filter(|name| name.is_name()).map(|name| (name.bare(), index + 2));
    }
    first.is_name().then(|| (first.bare(), index + 1))
}

/// The name by which the columns of a table go: of `demo.bids`, `bids`.
fn own(name: &str) -> String {
    name.rsplit('.').next().unwrap_or(name).to_string()
}

#[cfg(test)]
mod tests {
    use super::super::place::statement;
    use super::*;

    fn of(text: &str) -> Vec<(String, String)> {
        scope(&statement(text, text.len()).0).relations
    }

    #[test]
    fn tables_are_found_with_their_other_names() {
        let pair = |name: &str, alias: &str| (name.to_string(), alias.to_string());
        assert_eq!(
            of("SELECT a FROM bids AS b JOIN `odd one` o ON b.x = o.x"),
            [pair("bids", "b"), pair("odd one", "o")]
        );
        assert_eq!(
            of("SELECT a FROM bids, demo.persons p WHERE a, b"),
            [pair("bids", "bids"), pair("demo.persons", "p")]
        );
        assert_eq!(of("FROM demo.bids |> WHERE a > 1"), [pair("demo.bids", "bids")]);
        assert_eq!(
            of("SELECT * FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '1' SECOND))"),
            [pair("bids", "bids")]
        );
        assert_eq!(of("SELECT a FROM (SELECT b FROM x) WHERE"), [pair("x", "x")]);
        let text = "FROM t |> AGGREGATE COUNT(*) AS n GROUP BY k |> AS counts";
        assert_eq!(scope(&statement(text, text.len()).0).given, ["n", "counts"]);
        let text = "FROM t |> CALL TUMBLE(DESCRIPTOR(ts), INTERVAL '1' SECOND)";
        assert!(scope(&statement(text, text.len()).0).windows);
    }
}
