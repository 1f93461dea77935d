//! The scalar functions of DataFusion that mean what Flink means under the same name, and those that
//! Flink does not have. They are looked up when they are first asked for.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use datafusion::logical_expr::ScalarUDF;

use super::{Function, FunctionKind};

/// Those that Flink documents: name, signature, doc.
const DOCUMENTED: &[(&str, &str, &str)] = &[
    ("UPPER", "UPPER(text)", "The text in upper case."),
    ("LOWER", "LOWER(text)", "The text in lower case."),
    ("CHAR_LENGTH", "CHAR_LENGTH(text)", "How many characters the text has."),
    ("CHARACTER_LENGTH", "CHARACTER_LENGTH(text)", "How many characters the text has."),
    ("CONCAT_WS", "CONCAT_WS(separator, text, …)", "The texts that are not null, with the separator between them."),
    ("REPLACE", "REPLACE(text, search, replacement)", "The text with every occurrence of search replaced."),
    ("TRANSLATE", "TRANSLATE(text, from, to)", "The text with single characters replaced."),
    ("LEVENSHTEIN", "LEVENSHTEIN(text, text)", "How many edits lead from one text to the other."),
    ("COALESCE", "COALESCE(value, …)", "The first value that is not null."),
    ("NULLIF", "NULLIF(value, other)", "Null if the two are equal, else the first."),
    ("SQRT", "SQRT(number)", "The square root."),
    ("LN", "LN(number)", "The natural logarithm."),
    ("LOG10", "LOG10(number)", "The logarithm to base 10."),
    ("LOG2", "LOG2(number)", "The logarithm to base 2."),
    ("EXP", "EXP(number)", "e to this power."),
    ("SIN", "SIN(number)", "The sine."),
    ("COS", "COS(number)", "The cosine."),
    ("TAN", "TAN(number)", "The tangent."),
    ("COT", "COT(number)", "The cotangent."),
    ("SINH", "SINH(number)", "The hyperbolic sine."),
    ("COSH", "COSH(number)", "The hyperbolic cosine."),
    ("TANH", "TANH(number)", "The hyperbolic tangent."),
    ("ASIN", "ASIN(number)", "The arc sine."),
    ("ACOS", "ACOS(number)", "The arc cosine."),
    ("ATAN", "ATAN(number)", "The arc tangent."),
    ("ATAN2", "ATAN2(y, x)", "The angle of a point."),
    ("DEGREES", "DEGREES(number)", "Radians as degrees."),
    ("RADIANS", "RADIANS(number)", "Degrees as radians."),
    ("PI", "PI()", "The number π."),
    ("ABS", "ABS(number)", "The number without its sign."),
    ("ARRAY_CONTAINS", "ARRAY_CONTAINS(array, element)", "Whether the element is in the array."),
    ("ARRAY_DISTINCT", "ARRAY_DISTINCT(array)", "The array without duplicates."),
    ("ARRAY_REMOVE", "ARRAY_REMOVE(array, element)", "The array without the element."),
    ("ARRAY_REVERSE", "ARRAY_REVERSE(array)", "The array from the back."),
    ("ARRAY_UNION", "ARRAY_UNION(array, array)", "The elements of both, without duplicates."),
    ("ARRAY_CONCAT", "ARRAY_CONCAT(array, …)", "The arrays one behind the other."),
    ("ARRAY_APPEND", "ARRAY_APPEND(array, element)", "The array with an element behind it."),
    ("ARRAY_PREPEND", "ARRAY_PREPEND(element, array)", "The array with an element before it."),
    ("ARRAY_MAX", "ARRAY_MAX(array)", "The greatest element."),
    ("ARRAY_MIN", "ARRAY_MIN(array)", "The least element."),
    ("ARRAY_SORT", "ARRAY_SORT(array [, order])", "The array in order."),
    ("ARRAY_SLICE", "ARRAY_SLICE(array, from, to)", "A part of the array; places count from 1."),
    ("MAP_KEYS", "MAP_KEYS(map)", "The keys of the map."),
    ("MAP_VALUES", "MAP_VALUES(map)", "The values of the map."),
    ("MAP_ENTRIES", "MAP_ENTRIES(map)", "The entries of the map as rows."),
];

/// Functions that read the clock or roll dice: nothing may, except through what it is handed.
const BANNED: &[&str] = &["now", "current_date", "current_time", "random", "uuid", "version", "today"];

/// Functions that stand for syntax: fields, lists, rows, `TRIM`, `EXTRACT`, `POSITION`.
const SYNTAX: &[&str] = &[
    "array_element",
    "btrim",
    "concat",
    "date_part",
    "get_field",
    "ltrim",
    "make_array",
    "map",
    "map_extract",
    "named_struct",
    "overlay",
    "rtrim",
    "strpos",
    "struct",
    "substr",
];

/// Whether a function of DataFusion, by its name in a plan, is Flink's as well.
pub(super) fn is_shared(name: &str) -> bool {
    static SHARED: OnceLock<HashSet<String>> = OnceLock::new();
    let shared = SHARED.get_or_init(|| {
        let canonical = DOCUMENTED.iter().filter_map(|(name, ..)| Some(scalar(name)?.name().to_string()));
        canonical.chain(SYNTAX.iter().map(|name| name.to_string())).collect()
    });
    shared.contains(name)
}

/// The documented ones as users see them.
pub(super) fn shown() -> impl Iterator<Item = Function> {
    DOCUMENTED.iter().map(|&(name, signature, doc)| Function { name, signature, doc, kind: FunctionKind::Scalar })
}

/// DataFusion's function of this name, in any case.
pub(super) fn scalar(name: &str) -> Option<Arc<ScalarUDF>> {
    static ALL: OnceLock<HashMap<String, Arc<ScalarUDF>>> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        let functions = datafusion::functions::all_default_functions();
        let functions = functions.into_iter().chain(datafusion::functions_nested::all_default_nested_functions());
        let named = |function: Arc<ScalarUDF>| {
            let names: Vec<String> = std::iter::once(function.name())
                .chain(function.aliases().iter().map(String::as_str))
                .map(str::to_lowercase)
                .collect();
            names.into_iter().map(move |name| (name, Arc::clone(&function)))
        };
        functions.flat_map(named).filter(|(name, _)| !BANNED.contains(&name.as_str())).collect()
    });
    all.get(&name.to_lowercase()).cloned()
}
