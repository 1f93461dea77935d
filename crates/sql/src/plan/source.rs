//! What a table's name stands for inside DataFusion's plan: a tap to scan, or columns alone, for
//! expressions without a query.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::logical_expr::{LogicalPlan, TableSource};
use millstream_plan::Tap;

/// A tap.
pub(super) struct TapSource {
    pub(super) tap: Arc<Tap>,
    schema: SchemaRef,
}

impl TapSource {
    pub(super) fn new(tap: Arc<Tap>) -> Self {
        TapSource { schema: tap.schema(), tap }
    }
}

impl TableSource for TapSource {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

/// A view: its plan takes its place.
pub(super) struct ViewSource(pub(super) LogicalPlan);

impl TableSource for ViewSource {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.0.schema().inner())
    }

    fn get_logical_plan(&self) -> Option<Cow<'_, LogicalPlan>> {
        Some(Cow::Borrowed(&self.0))
    }
}

/// Columns without rows.
pub(super) struct Columns(pub(super) SchemaRef);

impl TableSource for Columns {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.0)
    }
}
