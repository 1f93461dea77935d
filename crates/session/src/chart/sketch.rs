//! Which columns a chart shows: those that `PLOT` names, and for what it does not say, what the types of the
//! columns suggest: event time or words along x, numbers along y, words for colour.

use arrow::datatypes::{DataType, SchemaRef};
use millstream_sql::SqlError;
use millstream_sql::statement::{Mark, Name, Plot};

/// The columns of a chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sketch {
    /// What stands above the chart.
    pub title: String,
    /// Along x.
    pub x: usize,
    /// Along y; at least one.
    pub y: Vec<usize>,
    /// What tells series apart.
    pub color: Option<usize>,
    /// How values are drawn.
    pub mark: Mark,
}

impl Sketch {
    /// The columns that a `PLOT` asks for, of a query with these columns. `is_time` says which are event time.
    pub fn of(plot: &Plot, schema: &SchemaRef, is_time: impl Fn(usize) -> bool) -> Result<Sketch, SqlError> {
        let x = match &plot.x {
            Some(name) => column(schema, name)?,
            None => along_x(schema, &is_time, plot)?,
        };
        let y = if plot.y.is_empty() { vec![along_y(schema, x, plot)?] } else { numbers(schema, &plot.y)? };
        let color = match &plot.color {
            Some(name) => Some(column(schema, name)?),
            None if y.len() > 1 => None,
            None => words(schema).find(|column| *column != x),
        };
        let mark = plot.mark.unwrap_or(match kind(schema, x) {
            Kind::Time => Mark::Line,
            Kind::Number => Mark::Point,
            Kind::Words => Mark::Bar,
        });
        Ok(Sketch { title: plot.step.text.clone(), x, y, color, mark })
    }
}

#[derive(PartialEq, Eq)]
enum Kind {
    Time,
    Number,
    Words,
}

fn kind(schema: &SchemaRef, column: usize) -> Kind {
    match schema.field(column).data_type() {
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => Kind::Time,
        data_type if data_type.is_numeric() => Kind::Number,
        _ => Kind::Words,
    }
}

fn words(schema: &SchemaRef) -> impl Iterator<Item = usize> {
    let is_text = |column: &usize| {
        matches!(schema.field(*column).data_type(), DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8)
    };
    (0..schema.fields().len()).filter(is_text)
}

fn column(schema: &SchemaRef, name: &Name) -> Result<usize, SqlError> {
    let same = |known: &str| known == name.text;
    let like = |known: &str| known.eq_ignore_ascii_case(&name.text);
    let place = |fits: &dyn Fn(&str) -> bool| schema.fields().iter().position(|field| fits(field.name()));
    place(&same).or_else(|| place(&like)).ok_or_else(|| {
        let error = SqlError::new("E0202", format!("there is no column '{}' to draw", name.text)).at(name.span);
        error.did_you_mean(&name.text, schema.fields().iter().map(|field| field.name().as_str()))
    })
}

fn numbers(schema: &SchemaRef, names: &[Name]) -> Result<Vec<usize>, SqlError> {
    let number = |name: &Name| {
        let found = column(schema, name)?;
        if kind(schema, found) == Kind::Number {
            return Ok(found);
        }
        let kind = crate::types::name(schema.field(found).data_type());
        let error =
            SqlError::new("E0203", format!("'{}' is {kind}; the y axis takes numbers", name.text)).at(name.span);
        Err(error.hint(format!("CAST(`{}` AS DOUBLE) in the step makes a number of it", name.text)))
    };
    names.iter().map(number).collect()
}

/// The end of a window says when its row was known; any other time comes next, then words, then numbers.
fn along_x(schema: &SchemaRef, is_time: impl Fn(usize) -> bool, plot: &Plot) -> Result<usize, SqlError> {
    let columns = || 0..schema.fields().len();
    let named = |wanted: &str| columns().find(|column| schema.field(*column).name() == wanted);
    let of = |wanted: Kind| columns().find(|column| kind(schema, *column) == wanted);
    let found = named("window_end").or_else(|| columns().find(|column| is_time(*column)));
    let found = found.or_else(|| of(Kind::Time)).or_else(|| words(schema).next()).or_else(|| of(Kind::Number));
    found.ok_or_else(|| nothing(plot, "along x"))
}

fn along_y(schema: &SchemaRef, x: usize, plot: &Plot) -> Result<usize, SqlError> {
    let number = |column: &usize| *column != x && kind(schema, *column) == Kind::Number;
    (0..schema.fields().len()).find(number).ok_or_else(|| nothing(plot, "along y: no column is a number"))
}

fn nothing(plot: &Plot, place: &str) -> SqlError {
    SqlError::new("E0203", format!("'{}' has nothing to draw {place}", plot.step.text)).at(plot.step.span)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::{Field, Schema, TimeUnit};
    use millstream_sql::Statement;

    use super::*;

    fn schema() -> SchemaRef {
        let time = || DataType::Timestamp(TimeUnit::Millisecond, None);
        Arc::new(Schema::new(vec![
            Field::new("symbol", DataType::Utf8, true),
            Field::new("window_start", time(), true),
            Field::new("window_end", time(), true),
            Field::new("volume", DataType::Int64, true),
            Field::new("high", DataType::Float64, true),
        ]))
    }

    fn sketch(text: &str) -> Result<Sketch, SqlError> {
        let Statement::Plot(plot) = millstream_sql::parse(text).expect("it reads").remove(0).value else {
            panic!("a plot")
        };
        Sketch::of(&plot, &schema(), |column| column == 2)
    }

    #[test]
    fn what_is_not_said_is_chosen_by_type() {
        let plain = sketch("PLOT bars").expect("it can be drawn");
        assert_eq!((plain.x, plain.y, plain.color, plain.mark), (2, vec![3], Some(0), Mark::Line));
        let bars = sketch("PLOT bars x SYMBOL y high").expect("it can be drawn");
        assert_eq!((bars.x, bars.y, bars.color, bars.mark), (0, vec![4], None, Mark::Bar));
        let both = sketch("PLOT bars y high, volume AS area").expect("it can be drawn");
        assert_eq!((both.y, both.color, both.mark), (vec![4, 3], None, Mark::Area));
    }

    #[test]
    fn what_cannot_be_drawn_is_said_with_a_way_out() {
        let missing = sketch("PLOT bars y volum").expect_err("no such column");
        assert!(missing.hints.iter().any(|hint| hint.contains("volume")), "{missing:?}");
        let words = sketch("PLOT bars y symbol").expect_err("words");
        assert!(words.message.contains("takes numbers") && words.hints[0].contains("CAST(`symbol`"), "{words:?}");
    }
}
