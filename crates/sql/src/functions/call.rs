//! The arguments of one call, as columns or constants, with readers for each kind. A constant stays one
//! value: a pattern that is the same for every row is compiled once.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::types::{Float64Type, Int32Type, Int64Type, TimestampMillisecondType};
use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, BinaryArray, BooleanArray, PrimitiveArray, StringArray, StringBuilder,
};
use arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, Result, internal_datafusion_err};
use datafusion::logical_expr::ColumnarValue;

use super::Session;

/// One call over a batch of rows.
pub(super) struct Call<'a> {
    pub(super) args: &'a [ColumnarValue],
    pub(super) rows: usize,
    pub(super) session: &'a Session,
    /// The type of the result.
    pub(super) gives: &'a DataType,
}

/// A column or a constant.
pub(super) struct Arg<A> {
    array: A,
    constant: bool,
}

impl<A> Arg<A> {
    /// Where the value of a row stands.
    fn place(&self, row: usize) -> usize {
        if self.constant { 0 } else { row }
    }

    /// Whether the value is the same for all rows.
    pub(super) fn is_constant(&self) -> bool {
        self.constant
    }
}

impl Arg<StringArray> {
    /// The text of a row.
    pub(super) fn at(&self, row: usize) -> Option<&str> {
        let place = self.place(row);
        self.array.is_valid(place).then(|| self.array.value(place))
    }
}

impl Arg<BinaryArray> {
    /// The bytes of a row.
    pub(super) fn at(&self, row: usize) -> Option<&[u8]> {
        let place = self.place(row);
        self.array.is_valid(place).then(|| self.array.value(place))
    }
}

impl Arg<BooleanArray> {
    /// The truth of a row.
    pub(super) fn at(&self, row: usize) -> Option<bool> {
        let place = self.place(row);
        self.array.is_valid(place).then(|| self.array.value(place))
    }
}

impl<T: ArrowPrimitiveType> Arg<PrimitiveArray<T>> {
    /// The number of a row.
    pub(super) fn at(&self, row: usize) -> Option<T::Native> {
        let place = self.place(row);
        self.array.is_valid(place).then(|| self.array.value(place))
    }
}

impl Call<'_> {
    /// How many arguments there are.
    pub(super) fn len(&self) -> usize {
        self.args.len()
    }

    /// An argument as a column of all rows.
    pub(super) fn array(&self, index: usize) -> Result<ArrayRef> {
        self.arg(index)?.clone().into_array(self.rows)
    }

    /// The type of an argument.
    pub(super) fn data_type(&self, index: usize) -> DataType {
        self.args.get(index).map_or(DataType::Null, ColumnarValue::data_type)
    }

    fn arg(&self, index: usize) -> Result<&ColumnarValue> {
        self.args.get(index).ok_or_else(|| internal_datafusion_err!("argument {index} is missing"))
    }

    fn piece<A: Clone + 'static>(&self, index: usize, cast: impl Fn(&ArrayRef) -> Option<A>) -> Result<Arg<A>> {
        let arg = self.arg(index)?;
        let constant = matches!(arg, ColumnarValue::Scalar(_));
        let array = arg.clone().into_array(if constant { 1 } else { self.rows })?;
        let typed = cast(&array).ok_or_else(|| {
            internal_datafusion_err!("argument {index} has the type {}, which was not agreed", array.data_type())
        })?;
        Ok(Arg { array: typed, constant })
    }

    /// A text argument.
    pub(super) fn text(&self, index: usize) -> Result<Arg<StringArray>> {
        self.piece(index, |array| array.as_string_opt::<i32>().cloned())
    }

    /// A text argument that may be left out.
    pub(super) fn optional_text(&self, index: usize) -> Result<Option<Arg<StringArray>>> {
        (index < self.len()).then(|| self.text(index)).transpose()
    }

    /// A `BYTES` argument.
    pub(super) fn bytes(&self, index: usize) -> Result<Arg<BinaryArray>> {
        self.piece(index, |array| array.as_binary_opt::<i32>().cloned())
    }

    /// A `BOOLEAN` argument.
    pub(super) fn bool(&self, index: usize) -> Result<Arg<BooleanArray>> {
        self.piece(index, |array| array.as_boolean_opt().cloned())
    }

    /// An `INT` argument.
    pub(super) fn int(&self, index: usize) -> Result<Arg<PrimitiveArray<Int32Type>>> {
        self.piece(index, |array| array.as_primitive_opt::<Int32Type>().cloned())
    }

    /// An `INT` argument that may be left out.
    pub(super) fn optional_int(&self, index: usize) -> Result<Option<Arg<PrimitiveArray<Int32Type>>>> {
        (index < self.len()).then(|| self.int(index)).transpose()
    }

    /// A `BIGINT` argument.
    pub(super) fn long(&self, index: usize) -> Result<Arg<PrimitiveArray<Int64Type>>> {
        self.piece(index, |array| array.as_primitive_opt::<Int64Type>().cloned())
    }

    /// A `DOUBLE` argument.
    pub(super) fn double(&self, index: usize) -> Result<Arg<PrimitiveArray<Float64Type>>> {
        self.piece(index, |array| array.as_primitive_opt::<Float64Type>().cloned())
    }

    /// A time argument as the wall clock's reading in milliseconds: dates at midnight, instants in the
    /// session's zone, times of the day on 1970-01-01.
    pub(super) fn wall(&self, index: usize) -> Result<Arg<PrimitiveArray<TimestampMillisecondType>>> {
        let zone = self.session.zone;
        let instant = matches!(self.data_type(index), DataType::Timestamp(_, Some(_)));
        self.piece(index, |array| match array.data_type() {
            DataType::Timestamp(_, _) => {
                let millis = array.as_primitive_opt::<TimestampMillisecondType>()?;
                let naive = millis.clone().with_data_type(super::spec::WALL);
                Some(if instant { naive.unary(|instant| zone.to_wall(instant)) } else { naive })
            }
            DataType::Date32 => {
                let days = array.as_primitive_opt::<arrow::array::types::Date32Type>()?;
                Some(days.unary(|day| i64::from(day) * 86_400_000))
            }
            DataType::Time32(_) => {
                let times = array.as_primitive_opt::<arrow::array::types::Time32MillisecondType>()?;
                Some(times.unary(i64::from))
            }
            _ => None,
        })
    }

    /// A column of texts, row by row.
    pub(super) fn texts<'s>(&self, row: impl Fn(usize) -> Option<Cow<'s, str>>) -> Result<ArrayRef> {
        self.try_texts(|at| Ok(row(at)))
    }

    /// A column of texts, row by row, where a row may fail.
    pub(super) fn try_texts<'s>(&self, row: impl Fn(usize) -> Result<Option<Cow<'s, str>>>) -> Result<ArrayRef> {
        let mut out = StringBuilder::with_capacity(self.rows, self.rows * 16);
        for at in 0..self.rows {
            out.append_option(row(at)?);
        }
        Ok(Arc::new(out.finish()))
    }

    /// A column of numbers or times, row by row.
    pub(super) fn numbers<T: ArrowPrimitiveType>(&self, row: impl Fn(usize) -> Option<T::Native>) -> Result<ArrayRef> {
        self.try_numbers::<T>(|at| Ok(row(at)))
    }

    /// A column of numbers or times, row by row, where a row may fail.
    pub(super) fn try_numbers<T: ArrowPrimitiveType>(
        &self,
        row: impl Fn(usize) -> Result<Option<T::Native>>,
    ) -> Result<ArrayRef> {
        let values: Vec<Option<T::Native>> = (0..self.rows).map(row).collect::<Result<_, DataFusionError>>()?;
        let array = PrimitiveArray::<T>::from(values.into_iter().collect::<PrimitiveArray<T>>().into_data());
        Ok(if array.data_type() == self.gives {
            Arc::new(array)
        } else {
            Arc::new(array.with_data_type(self.gives.clone()))
        })
    }

    /// A column of truths, row by row.
    pub(super) fn bools(&self, row: impl Fn(usize) -> Option<bool>) -> Result<ArrayRef> {
        Ok(Arc::new((0..self.rows).map(row).collect::<BooleanArray>()))
    }
}
