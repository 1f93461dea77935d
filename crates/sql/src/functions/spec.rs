//! How a scalar function is declared: name, signature, doc, the kinds of its arguments, what it gives and
//! the code that runs over columns. One implementation of DataFusion's interface serves them all.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::call::Call;
use super::{Function, FunctionKind, Session};
use crate::types::SqlType;

/// What an argument may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `STRING`; numbers, booleans and times are written as text.
    Text,
    /// `INT`
    Int,
    /// `BIGINT`
    Long,
    /// `DOUBLE`
    Double,
    /// `BOOLEAN`
    Bool,
    /// `BYTES`; text gives its UTF-8.
    Bytes,
    /// Any number, kept as it is.
    Number,
    /// `DATE`, `TIME`, `TIMESTAMP(3)` or `TIMESTAMP_LTZ(3)`; text is read as a timestamp.
    Time,
    /// Anything, kept as it is.
    Any,
    /// The common type of all arguments of this kind.
    Common,
}

/// What a function gives.
pub(super) enum Gives {
    /// Always this type.
    Type(DataType),
    /// `STRING`
    Text,
    /// `TIMESTAMP_LTZ(3)`
    Instant,
    /// The type of this argument.
    Like(usize),
    /// As the arguments' types say.
    By(fn(&[DataType]) -> Result<DataType>),
}

/// What null arguments do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nulls {
    /// A null argument gives null; otherwise the result is not null.
    Strict,
    /// The result may be null whatever the arguments are.
    Maybe,
    /// The result is never null.
    Never,
}

/// A function's declaration.
pub(super) struct Spec {
    /// In upper case.
    pub(super) name: &'static str,
    /// Other names for the same.
    pub(super) aliases: &'static [&'static str],
    pub(super) signature: &'static str,
    pub(super) doc: &'static str,
    pub(super) takes: &'static [Kind],
    /// How many arguments must be given.
    pub(super) required: usize,
    /// Whether the last kind may be repeated.
    pub(super) more: bool,
    pub(super) gives: Gives,
    pub(super) nulls: Nulls,
    pub(super) run: fn(&Call<'_>) -> Result<ArrayRef>,
}

impl Spec {
    /// Whether this is its name, in any case.
    pub(super) fn is_called(&self, name: &str) -> bool {
        std::iter::once(&self.name).chain(self.aliases).any(|known| known.eq_ignore_ascii_case(name))
    }

    /// The function as users see it.
    pub(super) fn shown(&self) -> Function {
        Function { name: self.name, signature: self.signature, doc: self.doc, kind: FunctionKind::Scalar }
    }
}

/// The function for DataFusion's plans.
pub(super) fn function(spec: &'static Spec, session: &Arc<Session>) -> Arc<ScalarUDF> {
    // What hangs on the moment of the query is computed by the run. Folded into the plan, the moment would
    // give the same query another fingerprint each time, and no state would be found again.
    // What a row met on its way is no function of its columns either.
    let met = [super::time::CURRENT_WATERMARK, super::time::PROCTIME].contains(&spec.name);
    let changes = super::time::MOMENTS.contains(&spec.name) || met;
    let signature = Signature::user_defined(if changes { Volatility::Volatile } else { Volatility::Immutable });
    let name = spec.name.to_lowercase();
    Arc::new(ScalarUDF::new_from_impl(Declared { spec, name, signature, session: Arc::clone(session) }))
}

struct Declared {
    spec: &'static Spec,
    name: String,
    signature: Signature,
    session: Arc<Session>,
}

impl std::fmt::Debug for Declared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.spec.name)
    }
}

impl PartialEq for Declared {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.session == other.session
    }
}

impl Eq for Declared {}

impl Hash for Declared {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Declared {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        Ok(match &self.spec.gives {
            Gives::Type(data_type) => data_type.clone(),
            Gives::Text => DataType::Utf8,
            Gives::Instant => instant(),
            Gives::Like(index) => args.get(*index).cloned().unwrap_or(DataType::Null),
            Gives::By(by) => by(args)?,
        })
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let types: Vec<DataType> = args.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        let nullable = match self.spec.nulls {
            Nulls::Strict => args.arg_fields.iter().any(|field| field.is_nullable()),
            Nulls::Maybe => true,
            Nulls::Never => false,
        };
        Ok(Arc::new(Field::new(self.name(), self.return_type(&types)?, nullable)))
    }

    fn coerce_types(&self, args: &[DataType]) -> Result<Vec<DataType>> {
        let spec = self.spec;
        let most = if spec.more { usize::MAX } else { spec.takes.len() };
        if args.len() < spec.required || args.len() > most {
            return plan_err!("{} is called as {}, not with {} arguments", spec.name, spec.signature, args.len());
        }
        let kind = |index: usize| spec.takes.get(index).or(spec.takes.last()).copied().unwrap_or(Kind::Any);
        let common = common(args.iter().enumerate().filter(|(index, _)| kind(*index) == Kind::Common).map(|(_, t)| t));
        let one = |(index, given): (usize, &DataType)| {
            match kind(index) {
                Kind::Common => common.clone().or_else(|| Some(given.clone())),
                kind => accepted(kind, given),
            }
            .ok_or_else(|| self.misfit(index, given))
        };
        args.iter().enumerate().map(one).collect()
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let call = Call { args: &args.args, rows, session: &self.session, gives: args.return_field.data_type() };
        let array = (self.spec.run)(&call)?;
        Ok(match constant {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?),
            false => ColumnarValue::Array(array),
        })
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        let args: Vec<String> = args.iter().map(|arg| arg.schema_name().to_string()).collect();
        Ok(format!("{}({})", self.spec.name, args.join(", ")))
    }

    fn display_name(&self, args: &[Expr]) -> Result<String> {
        let args: Vec<String> = args.iter().map(ToString::to_string).collect();
        Ok(format!("{}({})", self.spec.name, args.join(", ")))
    }
}

impl Declared {
    fn misfit(&self, index: usize, given: &DataType) -> datafusion::common::DataFusionError {
        let shown = SqlType::from_arrow(given, true).map_or_else(|_| given.to_string(), |t| t.to_string());
        datafusion::common::plan_datafusion_err!(
            "argument {} of {} is {shown}; it is called as {}",
            index + 1,
            self.spec.name,
            self.spec.signature
        )
    }
}

/// `TIMESTAMP_LTZ(3)`
pub(super) fn instant() -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, Some(crate::types::INSTANT_ZONE.into()))
}

/// `TIMESTAMP(3)`
pub(super) const WALL: DataType = DataType::Timestamp(TimeUnit::Millisecond, None);

/// The type that an argument is brought to; `None` if it does not fit.
fn accepted(kind: Kind, given: &DataType) -> Option<DataType> {
    use DataType::{Binary, BinaryView, Boolean, Date32, Float64, Int32, Int64, LargeBinary, Null, Timestamp, Utf8};
    let text = matches!(given, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    let null = *given == Null;
    let number = given.is_numeric();
    match kind {
        Kind::Text => (text || null || number || given.is_temporal() || *given == Boolean).then_some(Utf8),
        Kind::Int => (null || given.is_integer()).then_some(Int32),
        Kind::Long => (null || given.is_integer()).then_some(Int64),
        Kind::Double => (null || number).then_some(Float64),
        Kind::Bool => (null || *given == Boolean).then_some(Boolean),
        Kind::Bytes => (null || text || matches!(given, Binary | LargeBinary | BinaryView)).then_some(Binary),
        Kind::Number => match number {
            true => Some(given.clone()),
            false => null.then_some(Int32),
        },
        Kind::Time => match given {
            Timestamp(_, zone) => Some(Timestamp(TimeUnit::Millisecond, zone.clone())),
            Date32 => Some(Date32),
            DataType::Date64 => Some(Date32),
            DataType::Time32(_) | DataType::Time64(_) => Some(DataType::Time32(TimeUnit::Millisecond)),
            _ => (text || null).then_some(WALL),
        },
        Kind::Any | Kind::Common => Some(if text { Utf8 } else { given.clone() }),
    }
}

/// The type that all of these can be brought to.
fn common<'a>(types: impl Iterator<Item = &'a DataType>) -> Option<DataType> {
    types.cloned().reduce(|one, other| {
        datafusion::logical_expr::type_coercion::binary::type_union_coercion(&one, &other).unwrap_or(one)
    })
}

/// `ARRAY<element>`
pub(super) fn list_of(element: DataType) -> DataType {
    DataType::List(Arc::new(Field::new("item", element, true)))
}
