//! What is wrong with a text while it is being typed: brackets without their other half, names that do not exist.
//! Only what is wrong whatever comes next is marked, so that nothing turns red that is merely not finished.

use millstream_sql::{Lexeme, Lexemes, Span, SqlError, Statement, plan};

use super::Vocabulary;
use super::place::{Piece, Wanted, statement, wanted};

/// So many pieces are left out at the end of a statement to find a beginning that can be planned.
const TRIES: usize = 12;

/// A place that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The place in the text.
    pub span: Span,
    /// What is wrong with it, in one sentence.
    pub message: String,
}

impl Mark {
    /// Brackets without their other half: those that close nothing, and behind a final semicolon those that are
    /// still open. (Before it an open bracket is what typing is like.)
    pub fn brackets(text: &str) -> Vec<Mark> {
        let mut open: Vec<(&str, Span)> = Vec::new();
        let mut marks = Vec::new();
        let mut ended = false;
        for (lexeme, span) in Lexemes::of(text) {
            match (lexeme, span.text(text)) {
                (Lexeme::Open, "(") => open.push((")", span)),
                (Lexeme::Open, _) => open.push(("]", span)),
                (Lexeme::Close, sign) if open.last().is_some_and(|(wanted, _)| *wanted == sign) => {
                    open.pop();
                }
                (Lexeme::Close, sign) => marks.push(Mark { span, message: format!("'{sign}' closes no bracket") }),
                _ => {}
            }
            ended = if matches!(lexeme, Lexeme::Blank | Lexeme::Comment) { ended } else { lexeme == Lexeme::Semicolon };
        }
        let left = open.into_iter().filter(|_| ended);
        marks.extend(left.map(|(wanted, span)| Mark { span, message: format!("its '{wanted}' is missing") }));
        marks
    }
}

impl Vocabulary {
    /// Names in the statement around the cursor that do not exist. The name that ends at the cursor is still being typed.
    pub fn review(&self, text: &str, cursor: usize) -> Vec<Mark> {
        let cursor = (0..=cursor.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        let (mut pieces, after) = statement(text, cursor);
        pieces.extend(after);
        let marks = self.unknown(text, &pieces);
        marks.into_iter().filter(|mark| mark.span.end != cursor && !mark.span.text(text).is_empty()).collect()
    }

    /// The names that planning refuses in the longest beginning that can be read.
    fn unknown(&self, text: &str, pieces: &[Piece<'_>]) -> Vec<Mark> {
        let Some(first) = pieces.first() else { return Vec::new() };
        for left_out in 0..TRIES.min(pieces.len()) {
            let kept = &pieces[..pieces.len() - left_out];
            let (start, end) = (first.span.start, kept[kept.len() - 1].span.end);
            // Without its FROM no column of a query can be known.
            if left_out > 0 && !names_its_tables(kept, &pieces[kept.len()..]) {
                return Vec::new();
            }
            if left_out > 0 && pieces[kept.len()].text == "." {
                continue;
            }
            let Ok(mut read) = millstream_sql::parse(&text[start..end]) else { continue };
            let Some(read) = read.pop() else { return Vec::new() };
            match self.refused(&read.value) {
                None => return Vec::new(),
                Some(SqlError { code, message, span: Some(span), .. }) if is_about_a_name(code) => {
                    return vec![Mark { span: Span::new(span.start + start, span.end + start), message }];
                }
                // A condition that is no condition yet: what comes before it can be wrong all the same.
                Some(_) => {}
            }
        }
        Vec::new()
    }

    fn refused(&self, statement: &Statement) -> Option<SqlError> {
        match statement {
            Statement::Query(query) => plan::plan_query(&self.catalog, &self.settings, query).err(),
            Statement::CreateView(view) => plan::plan_query(&self.catalog, &self.settings, &view.query).err(),
            Statement::Insert(insert) => {
                plan::plan_statement_set(&self.catalog, &self.settings, std::slice::from_ref(&**insert)).err()
            }
            Statement::Explain(explain) => self.refused(&explain.statement),
            Statement::Describe(name) | Statement::Drop(millstream_sql::statement::Drop { name, .. }) => {
                self.catalog.lookup(&name.text, name.span).err()
            }
            _ => None,
        }
    }
}

/// Whether a statement that was cut short still says which tables it reads, and not only a part of them.
fn names_its_tables(kept: &[Piece<'_>], cut: &[Piece<'_>]) -> bool {
    let from = kept.iter().any(|piece| piece.is("FROM"));
    let joins = cut.iter().any(|piece| piece.is("FROM") || piece.is("JOIN") || piece.is("UNNEST"));
    let another =
        cut.first().is_some_and(|next| next.text == ",") && wanted(&[kept, &cut[..1]].concat()) == Wanted::Relation;
    from && !joins && !another
}

/// Whether an error of this code says that a table, column or function is not there, or there twice.
fn is_about_a_name(code: &str) -> bool {
    matches!(code, "E0201" | "E0204" | "E0205" | "E0208")
}
