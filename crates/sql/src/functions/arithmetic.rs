//! `+ - * / %` of numbers with Flink's types, and errors where a value does not fit: an integer never
//! wraps. Decimals have the precision and scale of the SQL Server rules that Flink follows
//! (`LogicalTypeMerging`): when 38 digits are not enough, digits behind the point give way, down to six.

use std::sync::Arc;

use arrow::array::types::{Decimal128Type, Decimal256Type};
use arrow::array::{Array, ArrayRef, AsArray, Datum, PrimitiveArray};
use arrow::compute::kernels::{cast, numeric};
use arrow::datatypes::{DataType, i256};
use arrow::error::ArrowError;
use datafusion::common::{Result, ScalarValue, exec_datafusion_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// One of the five.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Operation {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`; of whole numbers it is cut toward zero.
    Divide,
    /// `%`
    Modulo,
}

impl Operation {
    /// The operation on two expressions.
    pub(crate) fn call(self, left: Expr, right: Expr) -> Expr {
        ScalarUDF::new_from_impl(Arithmetic {
            operation: self,
            signature: Signature::user_defined(Volatility::Immutable),
        })
        .call(vec![left, right])
    }

    /// Whether Flink's type of this is another than DataFusion's. Of whole numbers it is not: their overflow is
    /// looked after once types are settled ([`checked`]).
    pub(crate) fn differs(self, left: &DataType, right: &DataType) -> bool {
        let (Some((p1, s1)), Some((p2, s2))) = (decimal(left), decimal(right)) else { return false };
        match (is_decimal(left), is_decimal(right)) {
            (false, false) => false,
            (true, true) if matches!(self, Operation::Add | Operation::Subtract) => {
                let DataType::Decimal128(_, scale) = decimal_result(self, (p1, s1), (p2, s2)) else { return true };
                scale != s1.max(s2)
            }
            _ => true,
        }
    }

    /// How many operations stand in a row on the left of an expression, itself included.
    pub(crate) fn depth(expr: &Expr) -> usize {
        let mut depth = 0;
        let mut next = expr;
        loop {
            next = match next {
                Expr::ScalarFunction(call) if call.func.inner().is::<Arithmetic>() => &call.args[0],
                Expr::BinaryExpr(binary) if binary.op.is_numerical_operators() => &binary.left,
                _ => return depth,
            };
            depth += 1;
        }
    }

    fn sign(self) -> &'static str {
        match self {
            Operation::Add => "+",
            Operation::Subtract => "-",
            Operation::Multiply => "*",
            Operation::Divide => "/",
            Operation::Modulo => "%",
        }
    }

    fn compute(self, left: &dyn Datum, right: &dyn Datum) -> std::result::Result<ArrayRef, ArrowError> {
        match self {
            Operation::Add => numeric::add(left, right),
            Operation::Subtract => numeric::sub(left, right),
            Operation::Multiply => numeric::mul(left, right),
            Operation::Divide => numeric::div(left, right),
            Operation::Modulo => numeric::rem(left, right),
        }
    }
}

/// `left op right` with a good error instead of a wrap, for settled types; `None` if they are no whole numbers.
pub(crate) fn checked(op: Operator, left: &DataType, right: &DataType) -> Option<Operation> {
    let operation = match op {
        Operator::Plus => Operation::Add,
        Operator::Minus => Operation::Subtract,
        Operator::Multiply => Operation::Multiply,
        Operator::Divide => Operation::Divide,
        Operator::Modulo => Operation::Modulo,
        _ => return None,
    };
    (left.is_integer() && right.is_integer()).then_some(operation)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Arithmetic {
    operation: Operation,
    signature: Signature,
}

impl ScalarUDFImpl for Arithmetic {
    fn name(&self) -> &str {
        self.operation.sign()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, args: &[DataType]) -> Result<Vec<DataType>> {
        let [left, right] = args else { return plan_err!("{} has two sides", self.name()) };
        let (left, right) = match (left, right) {
            (DataType::Null, other) | (other, DataType::Null) => (other, other),
            sides => sides,
        };
        if !left.is_numeric() || !right.is_numeric() {
            return plan_err!("{left} {} {right} is no arithmetic of numbers", self.name());
        }
        if let Some(common) = inexact(left, right) {
            return Ok(vec![common.clone(), common]);
        }
        match (decimal(left), decimal(right)) {
            (Some((p1, s1)), Some((p2, s2))) if is_decimal(left) || is_decimal(right) => {
                Ok(vec![DataType::Decimal128(p1, s1), DataType::Decimal128(p2, s2)])
            }
            _ => {
                let common = wider(left, right);
                Ok(vec![common.clone(), common])
            }
        }
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        let args = self.coerce_types(args)?;
        Ok(match (&args[0], &args[1]) {
            (DataType::Decimal128(p1, s1), DataType::Decimal128(p2, s2)) => {
                decimal_result(self.operation, (*p1, *s1), (*p2, *s2))
            }
            (common, _) => common.clone(),
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let target = args.return_field.data_type();
        let array = match (&args.args[0], &args.args[1]) {
            (ColumnarValue::Array(left), ColumnarValue::Scalar(right)) if !is_decimal(target) => {
                self.operation.compute(left, &right.to_scalar()?)
            }
            (ColumnarValue::Scalar(left), ColumnarValue::Array(right)) if !is_decimal(target) => {
                self.operation.compute(&left.to_scalar()?, right)
            }
            (left, right) => {
                let (left, right) = (left.clone().into_array(rows)?, right.clone().into_array(rows)?);
                match target {
                    DataType::Decimal128(_, _) => decimals(self.operation, &left, &right, target),
                    _ => self.operation.compute(&left, &right),
                }
            }
        };
        let array = array.map_err(|error| self.failure(&error))?;
        Ok(match constant {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?),
            false => ColumnarValue::Array(array),
        })
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        Ok(format!("{} {} {}", args[0].schema_name(), self.name(), args[1].schema_name()))
    }

    fn display_name(&self, args: &[Expr]) -> Result<String> {
        let side = |expr: &Expr| match expr {
            Expr::ScalarFunction(inner) if inner.func.inner().is::<Arithmetic>() => format!("({expr})"),
            _ => expr.to_string(),
        };
        Ok(format!("{} {} {}", side(&args[0]), self.name(), side(&args[1])))
    }
}

impl Arithmetic {
    fn failure(&self, error: &ArrowError) -> datafusion::common::DataFusionError {
        match error {
            ArrowError::DivideByZero => exec_datafusion_err!("a number was divided by zero"),
            ArrowError::ArithmeticOverflow(what) => {
                exec_datafusion_err!("the result of {} does not fit its type: {what}", self.name())
            }
            other => exec_datafusion_err!("{} failed: {other}", self.name()),
        }
    }
}

fn is_decimal(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Decimal128(_, _) | DataType::Decimal256(_, _))
}

/// The common type if one side is not exact.
fn inexact(left: &DataType, right: &DataType) -> Option<DataType> {
    use DataType::{Float16, Float32, Float64};
    let float = |data_type: &DataType| matches!(data_type, Float16 | Float32);
    match (left, right) {
        (Float64, _) | (_, Float64) => Some(Float64),
        (one, other) | (other, one) if float(one) => Some(if is_decimal(other) { Float64 } else { Float32 }),
        _ => None,
    }
}

/// Precision and scale that hold every value of an exact type.
fn decimal(data_type: &DataType) -> Option<(u8, i8)> {
    Some(match data_type {
        DataType::Decimal32(p, s) | DataType::Decimal64(p, s) | DataType::Decimal128(p, s) => (*p, *s),
        DataType::Int8 | DataType::UInt8 => (3, 0),
        DataType::Int16 | DataType::UInt16 => (5, 0),
        DataType::Int32 | DataType::UInt32 => (10, 0),
        DataType::Int64 => (19, 0),
        DataType::UInt64 => (20, 0),
        _ => return None,
    })
}

/// The wider of two integers; unsigned ones count as the next wider signed type.
fn wider(left: &DataType, right: &DataType) -> DataType {
    let bits = |data_type: &DataType| match data_type {
        DataType::Int8 => 8,
        DataType::Int16 | DataType::UInt8 => 16,
        DataType::Int32 | DataType::UInt16 => 32,
        _ => 64,
    };
    match bits(left).max(bits(right)) {
        8 => DataType::Int8,
        16 => DataType::Int16,
        32 => DataType::Int32,
        _ => DataType::Int64,
    }
}

fn decimal_result(operation: Operation, left: (u8, i8), right: (u8, i8)) -> DataType {
    let (p1, s1, p2, s2) = (i32::from(left.0), i32::from(left.1), i32::from(right.0), i32::from(right.1));
    let (precision, scale) = match operation {
        Operation::Add | Operation::Subtract => {
            let scale = s1.max(s2);
            ((p1 - s1).max(p2 - s2) + scale + 1, scale)
        }
        Operation::Multiply => (p1 + p2 + 1, s1 + s2),
        Operation::Divide => {
            let scale = (s1 + p2 + 1).max(6);
            (p1 - s1 + s2 + scale, scale)
        }
        Operation::Modulo => {
            let scale = s1.max(s2);
            ((p1 - s1).min(p2 - s2) + scale, scale)
        }
    };
    let (precision, scale) = match precision > 38 {
        true => {
            let whole = precision - scale;
            (38, (38 - whole).max(scale.min(6)))
        }
        false => (precision, scale),
    };
    DataType::Decimal128(precision.clamp(1, 38) as u8, scale.clamp(0, 38) as i8)
}

/// Decimals in 256 bits, rounded half up to the result's scale.
fn decimals(
    operation: Operation,
    left: &ArrayRef,
    right: &ArrayRef,
    target: &DataType,
) -> std::result::Result<ArrayRef, ArrowError> {
    let DataType::Decimal128(_, scale) = target else { return operation.compute(left, right) };
    let raw = |array: &ArrayRef| -> std::result::Result<(PrimitiveArray<Decimal256Type>, i8), ArrowError> {
        let scale = match array.data_type() {
            DataType::Decimal128(_, scale) => *scale,
            other => return Err(ArrowError::CastError(format!("{other} is not DECIMAL"))),
        };
        let wide = array.as_primitive::<Decimal128Type>().unary::<_, Decimal256Type>(i256::from_i128);
        Ok((wide, scale))
    };
    let ((left, s1), (right, s2)) = (raw(left)?, raw(right)?);
    let one = |left: i256, right: i256| exact(operation, (left, s1), (right, s2), *scale);
    let wide = arrow::compute::kernels::arity::try_binary::<_, _, _, Decimal256Type>(&left, &right, one)?;
    let wide: ArrayRef = Arc::new(wide.with_precision_and_scale(76, *scale)?);
    let strict = cast::CastOptions { safe: false, ..Default::default() };
    cast::cast_with_options(&wide, target, &strict)
}

fn exact(
    operation: Operation,
    (left, s1): (i256, i8),
    (right, s2): (i256, i8),
    scale: i8,
) -> std::result::Result<i256, ArrowError> {
    let common = s1.max(s2);
    let (a, b) = (scaled(left, common - s1)?, scaled(right, common - s2)?);
    match operation {
        Operation::Add => rescaled(a.checked_add(b).ok_or_else(overflow)?, common, scale),
        Operation::Subtract => rescaled(a.checked_sub(b).ok_or_else(overflow)?, common, scale),
        Operation::Multiply => rescaled(left.checked_mul(right).ok_or_else(overflow)?, s1 + s2, scale),
        Operation::Divide if right == i256::ZERO => Err(ArrowError::DivideByZero),
        Operation::Modulo if right == i256::ZERO => Err(ArrowError::DivideByZero),
        Operation::Divide => divided(scaled(a, scale)?, b),
        Operation::Modulo => rescaled(a.checked_rem(b).ok_or_else(overflow)?, common, scale),
    }
}

fn overflow() -> ArrowError {
    ArrowError::ArithmeticOverflow("it has more than 76 digits".into())
}

fn scaled(value: i256, by: i8) -> std::result::Result<i256, ArrowError> {
    let factor = i256::from_i128(10).checked_pow(by.max(0) as u32).ok_or_else(overflow)?;
    value.checked_mul(factor).ok_or_else(overflow)
}

fn rescaled(value: i256, from: i8, to: i8) -> std::result::Result<i256, ArrowError> {
    match to >= from {
        true => scaled(value, to - from),
        false => divided(value, scaled(i256::ONE, from - to)?),
    }
}

/// The quotient, rounded half away from zero.
fn divided(value: i256, by: i256) -> std::result::Result<i256, ArrowError> {
    let quotient = value.checked_div(by).ok_or_else(overflow)?;
    let rest = value.checked_rem(by).ok_or_else(overflow)?;
    let twice = rest.wrapping_abs().checked_mul(i256::from_i128(2)).ok_or_else(overflow)?;
    if twice < by.wrapping_abs() {
        return Ok(quotient);
    }
    let away = if (value < i256::ZERO) == (by < i256::ZERO) { i256::ONE } else { i256::MINUS_ONE };
    quotient.checked_add(away).ok_or_else(overflow)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(operation: Operation, left: DataType, right: DataType) -> String {
        let function = Arithmetic { operation, signature: Signature::user_defined(Volatility::Immutable) };
        format!("{}", function.return_type(&[left, right]).expect("numbers"))
    }

    #[test]
    fn results_have_flinks_types() {
        use DataType::{Decimal128, Float32, Float64, Int8, Int32, Int64};
        assert_eq!(given(Operation::Add, Int32, Int32), "Int32");
        assert_eq!(given(Operation::Add, Int8, Int64), "Int64");
        assert_eq!(given(Operation::Divide, Int32, Int32), "Int32");
        assert_eq!(given(Operation::Multiply, Float32, Int32), "Float32");
        assert_eq!(given(Operation::Multiply, Float64, Decimal128(10, 2)), "Float64");
        assert_eq!(given(Operation::Add, Decimal128(10, 2), Decimal128(5, 3)), "Decimal128(12, 3)");
        assert_eq!(given(Operation::Multiply, Decimal128(10, 2), Decimal128(10, 2)), "Decimal128(21, 4)");
        assert_eq!(given(Operation::Divide, Decimal128(10, 2), Int32), "Decimal128(21, 13)");
        assert_eq!(given(Operation::Multiply, Decimal128(38, 10), Decimal128(38, 10)), "Decimal128(38, 6)");
    }

    #[test]
    fn decimals_are_exact_and_rounded_half_up() {
        let number = |value: i128, precision, scale| {
            Arc::new(
                PrimitiveArray::<Decimal128Type>::from(vec![value])
                    .with_precision_and_scale(precision, scale)
                    .expect("fits"),
            ) as ArrayRef
        };
        let shown = |operation, left: &ArrayRef, right: &ArrayRef| {
            let target = decimal_result(
                operation,
                decimal(left.data_type()).expect("decimal"),
                decimal(right.data_type()).expect("decimal"),
            );
            let array = decimals(operation, left, right, &target);
            array.map(|array| array.as_primitive::<Decimal128Type>().value_as_string(0)).map_err(|e| e.to_string())
        };
        let (two, three) = (number(200, 3, 2), number(3, 1, 0));
        assert_eq!(shown(Operation::Divide, &two, &three), Ok("0.666667".into()));
        assert_eq!(shown(Operation::Multiply, &two, &three), Ok("6.00".into()));
        assert_eq!(shown(Operation::Subtract, &two, &three), Ok("-1.00".into()));
        assert!(shown(Operation::Divide, &two, &number(0, 1, 0)).expect_err("by zero").contains("zero"));
    }
}
