//! Which types of Rust are which of SQL.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, TimeUnit};
use syn::{GenericArgument, PathArguments, ReturnType, Type, TypeParamBound};

/// The types that may stand alone, for a sentence.
pub const KNOWN: &str = "i8 to i64, u8 to u64, usize, f32, f64, bool, &str, String, &[u8], Vec<u8>, Timestamp and \
                         std::time::SystemTime, each also in an Option";

/// The zone in which points in time are kept.
const INSTANT_ZONE: &str = "UTC";

/// What a function gives.
pub struct Gives {
    /// The type of a value, or of a row of a table function.
    pub data_type: DataType,
    /// Whether it gives rows.
    pub table: bool,
    /// Whether it can be null without a null argument.
    pub nullable: bool,
    /// How the rows of a table function are wrapped.
    pub wrapped: Wrapped,
}

/// What stands around the rows of a table function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrapped {
    /// Nothing.
    Plain,
    /// `Option`.
    Optional,
    /// `Result`.
    Fallible,
}

/// A type without `Option`, and whether it had one.
pub fn optional(of: &Type) -> (&Type, bool) {
    match argument_of(of, "Option") {
        Some(inner) => (inner, true),
        None => (of, false),
    }
}

/// The type in SQL of what stands for one value.
pub fn value(of: &Type) -> Option<DataType> {
    match of {
        Type::Paren(inner) => value(&inner.elem),
        Type::Group(inner) => value(&inner.elem),
        Type::Reference(reference) => match &*reference.elem {
            Type::Slice(slice) if last(&slice.elem)? == "u8" => Some(DataType::Binary),
            inner if last(inner)? == "str" => Some(DataType::Utf8),
            _ => None,
        },
        _ if argument_of(of, "Vec").is_some_and(|item| last(item).as_deref() == Some("u8")) => Some(DataType::Binary),
        _ if argument_of(of, "Cow").is_some_and(|item| last(item).as_deref() == Some("str")) => Some(DataType::Utf8),
        _ => named(&last(of)?),
    }
}

fn named(name: &str) -> Option<DataType> {
    Some(match name {
        "i8" => DataType::Int8,
        "i16" | "u8" => DataType::Int16,
        "i32" | "u16" => DataType::Int32,
        "i64" | "u32" | "u64" | "usize" => DataType::Int64,
        "f32" => DataType::Float32,
        "f64" => DataType::Float64,
        "bool" => DataType::Boolean,
        "String" | "char" => DataType::Utf8,
        "Timestamp" => DataType::Timestamp(TimeUnit::Millisecond, None),
        "SystemTime" => DataType::Timestamp(TimeUnit::Millisecond, Some(INSTANT_ZONE.into())),
        _ => return None,
    })
}

/// What a function gives by its declaration. `row` knows the structs of the cell by name; the type that is not
/// known otherwise.
pub fn gives<'t>(output: &'t ReturnType, row: &dyn Fn(&str) -> Option<DataType>) -> Result<Gives, Option<&'t Type>> {
    let ReturnType::Type(_, declared) = output else { return Err(None) };
    let (mut of, mut wrapped, mut nullable) = (&**declared, Wrapped::Plain, false);
    if let Some(inner) = argument_of(of, "Result") {
        (of, wrapped) = (inner, Wrapped::Fallible);
    }
    if let Some(inner) = argument_of(of, "Option") {
        (of, nullable) = (inner, true);
        if wrapped == Wrapped::Plain {
            wrapped = Wrapped::Optional;
        }
    }
    if value(of).is_none()
        && let Some(item) = items(of)
    {
        // Rows inside of both are more than a table function needs.
        if wrapped == Wrapped::Fallible && nullable {
            return Err(Some(declared));
        }
        let (item, _) = optional(item);
        let data_type = one(item, row).ok_or(Some(item))?;
        return Ok(Gives { data_type, table: true, nullable, wrapped });
    }
    Ok(Gives { data_type: one(of, row).ok_or(Some(of))?, table: false, nullable, wrapped })
}

/// A value, a tuple of values, or a struct of the cell.
fn one(of: &Type, row: &dyn Fn(&str) -> Option<DataType>) -> Option<DataType> {
    if let Type::Tuple(tuple) = of {
        let field = |(index, of): (usize, &Type)| {
            value(optional(of).0).map(|data_type| Field::new(format!("f{index}"), data_type, true))
        };
        let fields: Option<Vec<Field>> = tuple.elems.iter().enumerate().map(field).collect();
        return fields.filter(|fields| !fields.is_empty()).map(|fields| DataType::Struct(fields.into()));
    }
    value(of).or_else(|| row(&last(of)?))
}

/// The `List` of what a table function gives.
pub fn list_of(row: DataType) -> DataType {
    DataType::List(Arc::new(Field::new("item", row, true)))
}

/// What the items of a `Vec` or of an iterator are.
fn items(of: &Type) -> Option<&Type> {
    if let Some(item) = argument_of(of, "Vec") {
        return Some(item);
    }
    let bounds = match of {
        Type::ImplTrait(wanted) => &wanted.bounds,
        _ => match argument_of(of, "Box")? {
            Type::TraitObject(object) => &object.bounds,
            _ => return None,
        },
    };
    bounds.iter().find_map(|bound| {
        let TypeParamBound::Trait(bound) = bound else { return None };
        let last = bound.path.segments.last()?;
        let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
        arguments.args.iter().find_map(|argument| match argument {
            GenericArgument::AssocType(item) if item.ident == "Item" => Some(&item.ty),
            _ => None,
        })
    })
}

/// The first type between the brackets of `name<…>`.
fn argument_of<'t>(of: &'t Type, name: &str) -> Option<&'t Type> {
    let Type::Path(path) = of else { return None };
    let last = path.path.segments.last().filter(|segment| segment.ident == name)?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(of) => Some(of),
        _ => None,
    })
}

/// The last name of a path.
pub fn last(of: &Type) -> Option<String> {
    match of {
        Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()),
        _ => None,
    }
}
