//! The columns of a relation with all that is nested in them, as the paths that one types: `payload.user.name`.

use arrow::datatypes::{DataType, Field, FieldRef};
use millstream_plan::TapColumn;
use millstream_sql::{Catalog, Relation, declare, plan};

use super::place::ELEMENT;

/// Structures in structures are followed so deep.
const DEEPEST: usize = 8;
/// Of one relation so many paths are offered.
const MOST: usize = 2_000;

/// A column, or a field inside of one.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its name, or the way to it; `[]` is an element of an array.
    pub path: Vec<String>,
    /// Its type.
    pub data_type: DataType,
}

/// All columns of a relation, each followed by what is nested in it. A view that cannot be planned any more has none.
pub fn of(catalog: &Catalog, settings: &plan::Settings, relation: &Relation) -> Vec<Column> {
    let mut columns = Vec::new();
    match relation {
        Relation::Table(table) => table.tap.columns.iter().map(TapColumn::field).for_each(|field| {
            descend(&mut columns, &mut Vec::new(), &field);
        }),
        Relation::View(view) => {
            let row = declare::view_row(catalog, settings, view);
            let fields = row.map(|row| row.schema.fields().clone()).unwrap_or_default();
            fields.iter().for_each(|field: &FieldRef| descend(&mut columns, &mut Vec::new(), field));
        }
    }
    columns
}

fn descend(columns: &mut Vec<Column>, above: &mut Vec<String>, field: &Field) {
    above.push(field.name().clone());
    if columns.len() < MOST {
        columns.push(Column { path: above.clone(), data_type: field.data_type().clone() });
    }
    inside(columns, above, field.data_type());
    above.pop();
}

fn inside(columns: &mut Vec<Column>, above: &mut Vec<String>, data_type: &DataType) {
    if above.len() >= DEEPEST || columns.len() >= MOST {
        return;
    }
    match data_type {
        DataType::Struct(fields) => fields.iter().for_each(|field| descend(columns, above, field)),
        DataType::List(element) | DataType::LargeList(element) | DataType::FixedSizeList(element, _) => {
            above.push(ELEMENT.into());
            inside(columns, above, element.data_type());
            above.pop();
        }
        _ => {}
    }
}

/// The columns below a path that was typed, without that path. Columns in arrays are below an element only.
pub fn below<'a>(columns: &'a [Column], path: &'a [String]) -> impl Iterator<Item = (&'a [String], &'a Column)> {
    columns.iter().filter_map(move |column| {
        let rest = column.path.strip_prefix(path)?;
        let typable = !rest.is_empty() && rest.iter().all(|part| part != ELEMENT);
        typable.then_some((rest, column))
    })
}
