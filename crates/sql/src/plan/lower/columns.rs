//! The columns of a projection under construction. Names are made unique, and what is asked for twice is
//! computed once.

use std::sync::Arc;

use arrow::datatypes::{Field, Schema};
use datafusion::logical_expr::Expr;
use millstream_plan::{Changes, RowType};

use super::rows::named;

/// Expressions with the columns they become.
#[derive(Clone, Debug, Default)]
pub(super) struct Columns {
    exprs: Vec<Expr>,
    fields: Vec<Field>,
    times: Vec<usize>,
}

impl Columns {
    /// All columns of the edge below.
    pub(super) fn all(row: &RowType) -> Columns {
        let mut columns = Columns::default();
        for column in 0..row.schema.fields().len() {
            columns.keep(row, column);
        }
        columns
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.exprs.len()
    }

    /// A column computed by `expr`; the place of an equal one if there is one already.
    pub(super) fn add(&mut self, expr: Expr, field: &Field) -> usize {
        match self.exprs.iter().position(|there| *there == expr) {
            Some(place) => place,
            None => self.push(expr, field, field.name()),
        }
    }

    /// A column of the edge below, once.
    pub(super) fn keep(&mut self, row: &RowType, column: usize) -> usize {
        let field = row.schema.field(column);
        let expr = named(field.name());
        match self.exprs.iter().position(|there| *there == expr) {
            Some(place) => place,
            None => self.push_named(row, column, field.name()),
        }
    }

    /// A column of the edge below under this name, even if it is there already.
    pub(super) fn push_named(&mut self, row: &RowType, column: usize, name: &str) -> usize {
        let field = row.schema.field(column);
        let place = self.push(named(field.name()), field, name);
        if row.is_time(column) {
            self.times.push(place);
        }
        place
    }

    /// A column computed by `expr` under a name, even if an equal one is there.
    pub(super) fn push(&mut self, expr: Expr, field: &Field, name: &str) -> usize {
        let name = unique(name, |name| self.fields.iter().any(|field| field.name() == name));
        self.exprs.push(expr);
        self.fields.push(Field::new(name, field.data_type().clone(), field.is_nullable()));
        self.fields.len() - 1
    }

    /// Gives other names to the columns whose names stand in the other list, too. Says whether there were any.
    pub(super) fn tell_apart(&mut self, other: &Columns) -> bool {
        let mut renamed = false;
        for place in 0..self.fields.len() {
            let name = self.fields[place].name().clone();
            let taken = |name: &str, own: &[Field]| own.iter().chain(&other.fields).any(|field| field.name() == name);
            if other.fields.iter().any(|field| *field.name() == name) {
                let free = unique(&name, |name| taken(name, &self.fields));
                self.fields[place] = self.fields[place].clone().with_name(free);
                renamed = true;
            }
        }
        renamed
    }

    /// Whether these are the edge's own columns, all and in order.
    pub(super) fn is_identity(&self, row: &RowType) -> bool {
        let same = |(expr, field): (&Expr, &Arc<Field>)| *expr == named(field.name());
        self.exprs.len() == row.schema.fields().len() && self.exprs.iter().zip(row.schema.fields()).all(same)
    }

    /// The expressions, and the edge that carries their values.
    pub(super) fn into_row(self, changes: Changes) -> (Vec<Expr>, RowType) {
        let mut times = self.times;
        times.sort_unstable();
        (self.exprs, RowType { schema: Arc::new(Schema::new(self.fields)), times, changes })
    }

    /// The expressions alone.
    pub(super) fn exprs(&self) -> &[Expr] {
        &self.exprs
    }
}

/// The name, with a number behind it if it is taken.
pub(in crate::plan) fn unique(name: &str, taken: impl Fn(&str) -> bool) -> String {
    if !taken(name) {
        return name.to_string();
    }
    let mut numbered = (0..).map(|number: usize| format!("{name}{number}"));
    numbered.find(|name| !taken(name)).expect("a number is always free")
}

/// An edge of fields in order, under unique names.
pub(super) fn row(fields: impl IntoIterator<Item = Field>, times: Vec<usize>, changes: Changes) -> RowType {
    let mut out: Vec<Field> = Vec::new();
    for field in fields {
        let name = unique(field.name(), |name| out.iter().any(|field| field.name() == name));
        out.push(field.with_name(name));
    }
    RowType { schema: Arc::new(Schema::new(out)), times, changes }
}
