//! The pattern as a list of variables with their quantifiers, or why Flink cannot search it.

use datafusion::sql::sqlparser::ast::{
    Ident, MatchRecognizePattern as Pattern, MatchRecognizeSymbol as Symbol, RepetitionQuantifier as Quantifier,
};
use millstream_plan::Repeats;

use super::refused;
use crate::SqlError;
use crate::error::Span;

/// A variable as it stands in the pattern.
#[derive(Clone, Debug)]
pub struct Written {
    pub name: Ident,
    pub repeats: Repeats,
    /// Whether it was written with a `?` or a `*`.
    optional: bool,
}

/// A pattern has no more states than this.
const MOST_ROWS: u32 = 10_000;

/// The variables of a pattern, in order.
pub fn variables(pattern: &Pattern) -> Result<Vec<Written>, SqlError> {
    let mut variables = Vec::new();
    flatten(pattern, &mut variables)?;
    check(&variables)?;
    Ok(variables)
}

fn flatten(pattern: &Pattern, variables: &mut Vec<Written>) -> Result<(), SqlError> {
    match pattern {
        Pattern::Symbol(Symbol::Named(name)) => {
            variables.push(Written { name: name.clone(), repeats: Repeats::ONCE, optional: false });
            Ok(())
        }
        Pattern::Symbol(Symbol::Start | Symbol::End) => {
            Err(refused("^ and $ have no meaning in a stream: a pattern begins at any row"))
        }
        Pattern::Concat(parts) => parts.iter().try_for_each(|part| flatten(part, variables)),
        Pattern::Group(inner) => flatten(inner, variables),
        Pattern::Repetition(inner, quantifier) => repetition(inner, quantifier, variables),
        Pattern::Exclude(symbol) => {
            Err(refused(format!("{{- {symbol} -}} is not supported: all rows of a match count")).at(named(symbol)))
        }
        Pattern::Permute(symbols) => {
            let error = refused("PERMUTE is not supported").at(symbols.first().and_then(named));
            Err(error.hint("search each order with a MATCH_RECOGNIZE of its own, and put them together with UNION ALL"))
        }
        Pattern::Alternation(parts) => {
            let error = refused("one pattern or another (|) is not supported").at(parts.iter().find_map(place));
            Err(error.hint("say it in the definition of one variable: DEFINE X AS typ = 'A' OR typ = 'B'"))
        }
    }
}

fn repetition(inner: &Pattern, quantifier: &Quantifier, variables: &mut Vec<Written>) -> Result<(), SqlError> {
    let (variable, quantifier, greedy) = match (inner, quantifier) {
        (Pattern::Repetition(variable, first), Quantifier::AtMostOne) => (variable.as_ref(), first, false),
        _ => (inner, quantifier, true),
    };
    let name = match single(variable) {
        Some(name) => name,
        None => {
            let error = refused(format!("a group cannot be repeated: {inner}{quantifier}")).at(place(inner));
            return Err(error.hint("repeat single variables: A+ B+"));
        }
    };
    let at = Span::at(name.span);
    let (least, most) = match *quantifier {
        Quantifier::ZeroOrMore => (0, None),
        Quantifier::OneOrMore => (1, None),
        Quantifier::AtMostOne => (0, Some(1)),
        Quantifier::Exactly(times) => (times, Some(times)),
        Quantifier::AtLeast(least) => (least, None),
        Quantifier::Range(least, most) => (least, Some(most)),
        Quantifier::AtMost(most) => {
            let error = refused(format!("{{,{most}}} is not supported")).at(at);
            return Err(error.hint(format!("write {name}{{0,{most}}}")));
        }
    };
    let repeats = Repeats { least, most, greedy };
    if most.is_some_and(|most| most == 0 || most < least) {
        return Err(refused(format!("'{}' repeats {quantifier}, which is no row at all", name.value)).at(at));
    }
    if least.max(most.unwrap_or(0)) > MOST_ROWS {
        return Err(refused(format!("a variable repeats at most {MOST_ROWS} times by number")).at(at));
    }
    if repeats.is_option() && !greedy {
        let error = refused(format!("'{}' is optional and reluctant, which is not supported", name.value)).at(at);
        return Err(error.hint(format!("write {name}?: Flink tries both ways, the shorter match comes first")));
    }
    let optional = repeats.is_option() || least == 0 && most.is_none();
    variables.push(Written { name: name.clone(), repeats, optional });
    Ok(())
}

/// The variable that a pattern is, if it is one, perhaps in brackets.
fn single(pattern: &Pattern) -> Option<&Ident> {
    match pattern {
        Pattern::Symbol(Symbol::Named(name)) => Some(name),
        Pattern::Group(inner) => single(inner),
        _ => None,
    }
}

/// What Flink's search cannot do with variables that it knows one by one.
fn check(variables: &[Written]) -> Result<(), SqlError> {
    for (index, variable) in variables.iter().enumerate() {
        let (name, at) = (&variable.name.value, Span::at(variable.name.span));
        if variables[..index].iter().any(|other| other.name.value == *name) {
            let error = refused(format!("the variable '{name}' stands twice in the pattern")).at(at);
            return Err(error.hint("give the second one another name and the same definition"));
        }
        let before = index.checked_sub(1).map(|before| &variables[before]);
        if let Some(before) = before.filter(|before| variable.optional && before.repeats.hoards()) {
            let message = format!("'{name}' is optional and stands behind '{}', which is greedy", before.name.value);
            let way = format!("make the first one reluctant: {}{}?", before.name.value, before.repeats);
            return Err(refused(message).at(at).hint(way));
        }
    }
    if variables.iter().all(|variable| variable.repeats.least == 0) {
        let at = variables.first().and_then(|variable| Span::at(variable.name.span));
        return Err(refused("the pattern would match no row at all").at(at).hint("one variable must take a row"));
    }
    match variables.last() {
        Some(last) if last.repeats.hoards() => {
            let at = Span::at(last.name.span);
            let error =
                refused(format!("the last variable of a pattern, '{}', cannot be greedy", last.name.value)).at(at);
            Err(error
                .hint(format!("end it with a variable that takes one row, or write {}{}?", last.name, last.repeats)))
        }
        _ => Ok(()),
    }
}

fn named(symbol: &Symbol) -> Option<Span> {
    match symbol {
        Symbol::Named(name) => Span::at(name.span),
        _ => None,
    }
}

/// The first place that a pattern knows.
fn place(pattern: &Pattern) -> Option<Span> {
    match pattern {
        Pattern::Symbol(symbol) | Pattern::Exclude(symbol) => named(symbol),
        Pattern::Permute(symbols) => symbols.first().and_then(named),
        Pattern::Concat(parts) | Pattern::Alternation(parts) => parts.iter().find_map(place),
        Pattern::Group(inner) | Pattern::Repetition(inner, _) => place(inner),
    }
}
