//! A place in the tokens of a statement, and the small questions that Flink's own statements need: is this
//! word next, take a name, take a text. Words are compared without regard to case, unless they are quoted.

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::catalog;
use crate::error::{Span, SqlError};
use crate::parse::sentence;
use crate::parse::tokens::span_of;
use crate::statement::Name;

/// Reads tokens in order.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a> {
    text: &'a str,
    tokens: &'a [TokenWithSpan],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// Stands before the first of these tokens of `text`.
    pub fn new(text: &'a str, tokens: &'a [TokenWithSpan]) -> Self {
        Cursor { text, tokens, at: 0 }
    }

    /// The whole text that spans speak of.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// How many tokens are taken.
    pub fn position(&self) -> usize {
        self.at
    }

    /// The tokens that are left.
    pub fn rest(&self) -> &'a [TokenWithSpan] {
        &self.tokens[self.at..]
    }

    /// The token that is so many places ahead.
    pub fn ahead(&self, places: usize) -> Option<&'a Token> {
        self.tokens.get(self.at + places).map(|token| &token.token)
    }

    /// The next token.
    pub fn peek(&self) -> Option<&'a Token> {
        self.ahead(0)
    }

    /// Takes the next token.
    pub fn next(&mut self) -> Option<&'a TokenWithSpan> {
        let token = self.tokens.get(self.at)?;
        self.at += 1;
        Some(token)
    }

    /// Whether all tokens are taken.
    pub fn is_done(&self) -> bool {
        self.at >= self.tokens.len()
    }

    /// Where the next token stands; behind the last one at the end.
    pub fn here(&self) -> Span {
        match (self.tokens.get(self.at), self.tokens.last()) {
            (Some(token), _) => span_of(token),
            (None, Some(last)) => Span::new(span_of(last).end, span_of(last).end),
            (None, None) => Span::new(self.text.len(), self.text.len()),
        }
    }

    /// Where the token before this one stands.
    pub fn behind(&self) -> Span {
        self.at.checked_sub(1).map_or_else(|| self.here(), |before| span_of(&self.tokens[before]))
    }

    /// Whether the word so many places ahead is this one.
    pub fn is_word_at(&self, places: usize, word: &str) -> bool {
        self.ahead(places).is_some_and(|token| is_word(token, word))
    }

    /// Whether these words come next.
    pub fn sees(&self, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(place, word)| self.is_word_at(place, word))
    }

    /// Takes these words if they come next.
    pub fn takes(&mut self, words: &[&str]) -> bool {
        let sees = self.sees(words);
        if sees {
            self.at += words.len();
        }
        sees
    }

    /// Takes this word if it comes next.
    pub fn takes_word(&mut self, word: &str) -> bool {
        self.takes(&[word])
    }

    /// Takes this token if it comes next.
    pub fn takes_token(&mut self, token: &Token) -> bool {
        let sees = self.peek() == Some(token);
        self.at += usize::from(sees);
        sees
    }

    /// Takes these words, which must come next.
    pub fn expect_words(&mut self, words: &[&str]) -> Result<(), SqlError> {
        for word in words {
            if !self.takes_word(word) {
                return Err(self.unexpected(word));
            }
        }
        Ok(())
    }

    /// Takes this token, which must come next.
    pub fn expect_token(&mut self, token: &Token) -> Result<(), SqlError> {
        if self.takes_token(token) { Ok(()) } else { Err(self.unexpected(&format!("'{token}'"))) }
    }

    /// Nothing may be left.
    pub fn expect_end(&self) -> Result<(), SqlError> {
        if self.is_done() { Ok(()) } else { Err(self.unexpected("the end of the statement")) }
    }

    /// Takes a name, quoted or not.
    pub fn name(&mut self, what: &str) -> Result<Name, SqlError> {
        let span = self.here();
        match self.peek() {
            Some(Token::Word(word)) => {
                self.at += 1;
                Ok(Name { text: word.value.clone(), span })
            }
            _ => Err(self.unexpected(what)),
        }
    }

    /// Takes `catalog.database.table` and keeps what the catalogue knows of it, with the place of all.
    pub fn path(&mut self, what: &str) -> Result<Name, SqlError> {
        let (mut name, mut database) = (self.name(what)?, None);
        while self.takes_token(&Token::Period) {
            let last = self.name(what)?;
            database = Some(name.text);
            name = Name { text: last.text, span: name.span.to(last.span) };
        }
        name.text = catalog::key(database.as_deref(), &name.text);
        Ok(name)
    }

    /// Takes `(name, name, …)`.
    pub fn names(&mut self, what: &str) -> Result<Vec<Name>, SqlError> {
        self.expect_token(&Token::LParen)?;
        let mut names = vec![self.name(what)?];
        while self.takes_token(&Token::Comma) {
            names.push(self.name(what)?);
        }
        self.expect_token(&Token::RParen)?;
        Ok(names)
    }

    /// Takes a text in single quotes.
    pub fn string(&mut self, what: &str) -> Result<String, SqlError> {
        match self.peek() {
            Some(Token::SingleQuotedString(text)) => {
                self.at += 1;
                Ok(text.clone())
            }
            _ => Err(self.unexpected(what)),
        }
    }

    /// Takes the tokens up to a comma or a closing bracket of this level, or up to one of these words.
    pub fn until(&mut self, words: &[&str]) -> Cursor<'a> {
        let (start, mut depth) = (self.at, 0usize);
        while let Some(token) = self.peek() {
            match token {
                Token::LParen | Token::LBracket => depth += 1,
                Token::RParen | Token::RBracket if depth == 0 => break,
                Token::RParen | Token::RBracket => depth -= 1,
                Token::Comma if depth == 0 => break,
                token if depth == 0 && words.iter().any(|word| is_word(token, word)) => break,
                _ => {}
            }
            self.at += 1;
        }
        Cursor { text: self.text, tokens: &self.tokens[start..self.at], at: 0 }
    }

    /// Takes the tokens up to the next semicolon.
    pub fn up_to_semicolon(&mut self) -> Cursor<'a> {
        let start = self.at;
        while self.peek().is_some_and(|token| *token != Token::SemiColon) {
            self.at += 1;
        }
        Cursor { text: self.text, tokens: &self.tokens[start..self.at], at: 0 }
    }

    /// Takes everything that is left.
    pub fn remainder(&mut self) -> Cursor<'a> {
        let rest = Cursor { text: self.text, tokens: self.rest(), at: 0 };
        self.at = self.tokens.len();
        rest
    }

    /// The place of all tokens that are left.
    pub fn extent(&self) -> Span {
        let rest = self.rest();
        match (rest.first(), rest.last()) {
            (Some(first), Some(last)) => span_of(first).to(span_of(last)),
            _ => self.here(),
        }
    }

    /// The sentence for a token that does not fit.
    pub fn unexpected(&self, wanted: &str) -> SqlError {
        sentence::unexpected(self.text, self.tokens, self.at, wanted)
    }
}

/// Whether a token is this word, not quoted.
pub(crate) fn is_word(token: &Token, wanted: &str) -> bool {
    matches!(token, Token::Word(word) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(wanted))
}
