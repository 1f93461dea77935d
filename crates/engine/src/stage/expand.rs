//! Grouping sets: every row comes out once per set, with the columns that the set leaves out as null and
//! the number of the set among them. The rows of one input row stay together, in the order of the sets.

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::compute::interleave;
use arrow::datatypes::SchemaRef;
use millstream_record::Batch;

use crate::error::Result;
use crate::expression::Expression;
use crate::stage::{Stage, check_rows, multiplied};

/// Computes several lists of columns from every row.
pub struct Expand {
    lists: Vec<Vec<Expression>>,
    schema: SchemaRef,
}

impl Expand {
    /// Lists of columns that each have the types of `schema`.
    pub fn new(lists: Vec<Vec<Expression>>, schema: SchemaRef) -> Self {
        Expand { lists, schema }
    }

    /// Column `column` of every list, woven row by row.
    fn column(&self, column: usize, batch: &Batch, places: &[(usize, usize)]) -> Result<ArrayRef> {
        let data_type = self.schema.field(column).data_type();
        let parts =
            self.lists.iter().map(|list| list[column].evaluate(&batch.rows, data_type)).collect::<Result<Vec<_>>>()?;
        let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
        Ok(interleave(&parts, places)?)
    }
}

impl Stage for Expand {
    fn apply(&mut self, batch: Batch) -> Result<Batch> {
        let sets = self.lists.len();
        check_rows(batch.len() * sets, batch.len())?;
        let places: Vec<(usize, usize)> =
            (0..batch.len()).flat_map(|row| (0..sets).map(move |set| (set, row))).collect();
        let origins: Vec<u32> = places.iter().map(|&(_, row)| row as u32).collect();
        let columns = (0..self.schema.fields().len()).map(|column| self.column(column, &batch, &places));
        let rows = RecordBatch::try_new(self.schema.clone(), columns.collect::<Result<_>>()?)?;
        Ok(multiplied(&batch, &origins, rows))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, StringArray};
    use arrow::datatypes::{DataType, Field, Schema};
    use datafusion::logical_expr::{ident, lit};
    use datafusion::scalar::ScalarValue;
    use millstream_record::{Kind, Kinds, Mark, Millis};

    use super::*;

    #[test]
    fn the_sets_of_a_row_stay_together() {
        let field = |name, data_type| Field::new(name, data_type, true);
        let schema: SchemaRef = Arc::new(Schema::new(vec![field("k", DataType::Utf8), field("set", DataType::Int64)]));
        let input: SchemaRef = Arc::new(Schema::new(vec![field("k", DataType::Utf8)]));
        let lists = [vec![ident("k"), lit(0i64)], vec![lit(ScalarValue::Utf8(None)), lit(1i64)]];
        let lists = lists.iter().map(|list| Expression::bind_all(list, &input).expect("binds")).collect();
        let rows = RecordBatch::try_new(input, vec![Arc::new(StringArray::from(vec!["a", "b"]))]).expect("one column");
        let batch = Batch::changes(rows, Kinds::new([Kind::Insert, Kind::Delete]));
        let batch = Batch { marks: vec![Mark { after: 1, watermark: Millis(7) }], ..batch };
        let out = Expand::new(lists, schema).apply(batch).expect("expands");
        let keys = StringArray::from(vec![Some("a"), None, Some("b"), None]);
        assert_eq!(out.rows.column(0).as_ref(), &keys);
        assert_eq!(out.rows.column(1).as_ref(), &Int64Array::from(vec![0, 1, 0, 1]));
        let kinds = [Kind::Insert, Kind::Insert, Kind::Delete, Kind::Delete];
        assert_eq!(out.kinds, Some(Kinds::new(kinds)));
        assert_eq!(out.marks, [Mark { after: 2, watermark: Millis(7) }]);
    }
}
