//! What stands between a cell and the library that is made of it: for each function a piece of Rust that reads
//! its arguments from columns, calls it, and gathers what it gives; for each struct that is a row or a cell, how
//! it is written. The user's text is included from a file of its own, so that rustc's places are the user's.

use std::fmt::Write;

use millstream_plan::UserKind;
use syn::{Fields, GenericParam, ItemStruct};

use crate::cell::{Cell, place};
use crate::declare::{Declared, structure};
use crate::types::{self, Wrapped};

/// The numbers by which work is asked for.
pub const ROWS: u32 = 0;
/// Adds rows to cells.
pub const UPDATE: u32 = 1;
/// Joins cells.
pub const MERGE: u32 = 2;
/// The results of cells.
pub const FINISH: u32 = 3;
/// Adds rows to cells, or takes them back.
pub const CHANGE: u32 = 4;

/// The text of the library around the cell, which is `cell.rs` beside it.
pub fn library(cell: &Cell, source: &str, functions: &[Declared]) -> String {
    let mut out = String::from(HEAD);
    let mut arms = String::new();
    for (number, function) in functions.iter().enumerate() {
        let mut arm = |work: u32, name: &str| {
            writeln!(arms, "            ({number}, {work}) => {name}{number}(columns, rows),").expect("texts grow");
        };
        match function.kind {
            UserKind::Scalar | UserKind::Table => {
                arm(ROWS, "rows");
                out.push_str(&rows(number, function));
            }
            UserKind::Aggregate => {
                arm(UPDATE, "update");
                arm(MERGE, "merge");
                arm(FINISH, "finish");
                if function.retracts {
                    arm(CHANGE, "change");
                    out.push_str(&change(number, function));
                }
                out.push_str(&groups(number, function));
            }
        }
    }
    for (structure, cells) in written(cell, source, functions) {
        out.push_str(&if cells { state(structure) } else { record(structure, source) });
    }
    out.push_str(&TAIL.replace("            ARMS\n", &arms));
    out
}

const HEAD: &str = "\
#![allow(warnings)]
mod cell {
    use millstream::Timestamp;
    include!(\"cell.rs\");
    pub mod glue {
        use super::*;
        use millstream::{Column, Outcome, Value};
";

const TAIL: &str = "
        pub fn dispatch(function: u32, work: u32, columns: &[Column<'_>], rows: usize) -> Outcome {
            match (function, work) {
            ARMS
                _ => Err(millstream::Failure { row: None, message: \"is not in this library\".to_string() }),
            }
        }
    }
}

#[unsafe(no_mangle)]
pub unsafe extern \"C\" fn millstream_call(
    request: *const millstream::abi::Request,
    out: *mut millstream::abi::ArrowArray,
    failed: *mut millstream::abi::Failed,
) -> i32 {
    unsafe { millstream::abi::call(cell::glue::dispatch, request, out, failed) }
}

#[unsafe(no_mangle)]
pub unsafe extern \"C\" fn millstream_forget(failed: *mut millstream::abi::Failed) {
    unsafe { millstream::abi::forget(failed) }
}

#[unsafe(no_mangle)]
pub unsafe extern \"C\" fn millstream_serve(region: *const u8, length: usize) -> i32 {
    let region = unsafe { std::slice::from_raw_parts(region, length) };
    let served = std::str::from_utf8(region).map(|region| millstream::serve::serve(cell::glue::dispatch, region));
    i32::from(!matches!(served, Ok(Ok(()))))
}
";

/// The condition under which a null argument spares the call, and the arguments as they are read.
fn arguments(function: &Declared, first: usize) -> (String, String) {
    let strict = function.arguments.iter().enumerate().filter(|(_, argument)| !argument.sees_null);
    let nulls: Vec<String> = strict.map(|(at, _)| format!("columns[{}].is_null(row)", at + first)).collect();
    let read = function.arguments.iter().enumerate().map(|(at, argument)| match argument.sees_null {
        true => format!("columns[{}].optional(row)?", at + first),
        false => format!("Value::read(&columns[{}], row)?", at + first),
    });
    let nulls = if nulls.is_empty() { "false".into() } else { nulls.join(" || ") };
    (nulls, read.collect::<Vec<_>>().join(", "))
}

fn rows(number: usize, function: &Declared) -> String {
    let (nulls, read) = arguments(function, 0);
    let call = format!("super::{}({read})", function.ident);
    let (gather, given) = match (function.kind, function.wrapped) {
        (UserKind::Table, Wrapped::Plain) => ("tables", format!("Ok(Some({call}))")),
        (UserKind::Table, Wrapped::Optional) => ("tables", format!("Ok({call})")),
        (UserKind::Table, Wrapped::Fallible) => {
            ("tables", format!("{call}.map(Some).map_err(|error| format!(\"failed: {{error}}\"))"))
        }
        _ => ("values", format!("Ok(Some({call}))")),
    };
    format!(
        "
        fn rows{number}(columns: &[Column<'_>], rows: usize) -> Outcome {{
            millstream::rows::{gather}(rows, |row| {{
                if {nulls} {{
                    return Ok(None);
                }}
                {given}
            }})
        }}
"
    )
}

fn groups(number: usize, function: &Declared) -> String {
    let (nulls, read) = arguments(function, 2);
    let ident = &function.ident;
    format!(
        "
        fn update{number}(columns: &[Column<'_>], rows: usize) -> Outcome {{
            millstream::groups::update(columns, rows, super::{ident}::init, |cell: &mut super::{ident}, row| {{
                if !({nulls}) {{
                    cell.update({read});
                }}
                Ok(())
            }})
        }}

        fn merge{number}(columns: &[Column<'_>], cells: usize) -> Outcome {{
            millstream::groups::merge(columns, cells, |cell: &mut super::{ident}, other| cell.merge(other))
        }}

        fn finish{number}(columns: &[Column<'_>], cells: usize) -> Outcome {{
            millstream::groups::finish(columns, cells, super::{ident}::init, |cell: &super::{ident}, out| {{
                millstream::Give::give(cell.finish(), out)
            }})
        }}
"
    )
}

/// Rows that are added and rows that are taken back: the third column says which.
fn change(number: usize, function: &Declared) -> String {
    let (nulls, read) = arguments(function, 3);
    let ident = &function.ident;
    format!(
        "
        fn change{number}(columns: &[Column<'_>], rows: usize) -> Outcome {{
            millstream::groups::update(columns, rows, super::{ident}::init, |cell: &mut super::{ident}, row| {{
                if {nulls} {{
                    return Ok(());
                }}
                if <bool as Value>::read(&columns[2], row)? {{
                    cell.retract({read});
                }} else {{
                    cell.update({read});
                }}
                Ok(())
            }})
        }}
"
    )
}

/// The structs that have to be written, each once: those that are rows, and those that are cells (`true`) with
/// the structs they hold.
fn written<'c>(cell: &'c Cell, source: &str, functions: &[Declared]) -> Vec<(&'c ItemStruct, bool)> {
    let mut found: Vec<(&ItemStruct, bool)> = Vec::new();
    let mut open: Vec<(String, bool)> = Vec::new();
    let aggregates = functions.iter().filter(|function| function.kind == UserKind::Aggregate);
    open.extend(aggregates.map(|function| (function.ident.clone(), true)));
    let rows = cell.items.iter().filter_map(|item| match item {
        syn::Item::Struct(structure) if is_row(structure) && gives(functions, structure) => Some((structure, false)),
        _ => None,
    });
    found.extend(rows);
    while let Some((name, cells)) = open.pop() {
        let Some(structure) = structure(cell, &name) else { continue };
        if found.iter().any(|(known, kind)| known.ident == structure.ident && *kind == cells) {
            continue;
        }
        found.push((structure, cells));
        for field in &structure.fields {
            let (start, end) = place(source, syn::spanned::Spanned::span(&field.ty));
            let words = source[start..end].split(|c: char| !c.is_alphanumeric() && c != '_');
            open.extend(words.map(|word| (word.to_string(), true)));
        }
    }
    found
}

/// Whether each field of a struct is a value of SQL.
fn is_row(structure: &ItemStruct) -> bool {
    let named = matches!(structure.fields, Fields::Named(_));
    named && structure.fields.iter().all(|field| types::value(types::optional(&field.ty).0).is_some())
}

/// Whether a function gives rows with the columns of a struct.
fn gives(functions: &[Declared], structure: &ItemStruct) -> bool {
    functions.iter().any(|function| match &function.gives {
        arrow::datatypes::DataType::Struct(fields) => {
            let names = structure.fields.iter().map(|field| field.ident.as_ref().map(ToString::to_string));
            fields.iter().map(|field| Some(field.name().clone())).eq(names)
        }
        _ => false,
    })
}

/// The name of a field, or its number.
fn fields(structure: &ItemStruct) -> impl Iterator<Item = String> {
    let name = |(at, field): (usize, &syn::Field)| field.ident.as_ref().map_or(at.to_string(), ToString::to_string);
    structure.fields.iter().enumerate().map(name)
}

fn state(structure: &ItemStruct) -> String {
    let ident = &structure.ident;
    let saves: String =
        fields(structure).map(|field| format!("millstream::State::save(&self.{field}, out);\n")).collect();
    let loads: String = fields(structure).map(|field| format!("{field}: millstream::State::load(bytes)?,\n")).collect();
    format!(
        "
        impl millstream::State for super::{ident} {{
            fn save(&self, out: &mut Vec<u8>) {{
                {saves}
            }}

            fn load(bytes: &mut &[u8]) -> Option<Self> {{
                Some(super::{ident} {{ {loads} }})
            }}
        }}
"
    )
}

fn record(structure: &ItemStruct, source: &str) -> String {
    let ident = &structure.ident;
    let lifetimes: Vec<String> = structure
        .generics
        .params
        .iter()
        .filter_map(|param| match param {
            GenericParam::Lifetime(lifetime) => Some(lifetime.lifetime.to_string()),
            _ => None,
        })
        .collect();
    let generics = if lifetimes.is_empty() { String::new() } else { format!("<{}>", lifetimes.join(", ")) };
    let written = |field: &syn::Field| {
        let (start, end) = place(source, syn::spanned::Spanned::span(&field.ty));
        format!("<{} as millstream::Give>::Into,", &source[start..end])
    };
    let builders: String = structure.fields.iter().map(written).collect();
    let gives: String = fields(structure)
        .enumerate()
        .map(|(at, field)| format!("millstream::Give::give(self.{field}, &mut into.columns.{at})?;\n"))
        .collect();
    format!(
        "
        impl{generics} millstream::Give for super::{ident}{generics} {{
            type Into = millstream::Record<({builders})>;

            fn give(self, into: &mut Self::Into) -> Result<(), String> {{
                {gives}
                into.added();
                Ok(())
            }}
        }}
"
    )
}
