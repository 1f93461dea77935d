//! A list of so many elements, to be unfolded into as many rows: how `INTERSECT ALL` and `EXCEPT ALL` give a row as often
//! as it is left (Flink's `REPLICATE_ROWS`). No text calls it.

use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{BooleanArray, ListArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Int64Type};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

/// A BIGINT becomes an array of as many elements; null and what is negative become an empty one.
pub(crate) fn replicate() -> ScalarUDF {
    let signature = Signature::exact(vec![DataType::Int64], Volatility::Immutable);
    ScalarUDF::new_from_impl(Replicate { signature })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Replicate {
    signature: Signature,
}

impl ScalarUDFImpl for Replicate {
    fn name(&self) -> &str {
        "replicate"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::List(item()))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [times] = ColumnarValue::values_to_arrays(&args.args)?.try_into().expect("the signature has one argument");
        let times = times.as_primitive::<Int64Type>();
        let (mut offsets, mut end) = (Vec::with_capacity(times.len() + 1), 0i32);
        offsets.push(end);
        for times in times.iter() {
            let times = i32::try_from(times.unwrap_or(0).max(0)).ok().and_then(|times| end.checked_add(times));
            let Some(next) = times else { return exec_err!("a row stands too often to be given again") };
            end = next;
            offsets.push(end);
        }
        let elements = Arc::new(BooleanArray::from(vec![true; end as usize]));
        Ok(ColumnarValue::Array(Arc::new(ListArray::try_new(
            item(),
            OffsetBuffer::new(offsets.into()),
            elements,
            None,
        )?)))
    }
}

fn item() -> Arc<Field> {
    Arc::new(Field::new("item", DataType::Boolean, true))
}
