//! `GROUPING SETS`, `CUBE` and `ROLLUP`: each row goes through once per set, with the keys that are not in
//! the set made null and the number of the set beside them.

use arrow::datatypes::{DataType, Field};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::GroupingSet;
use datafusion::logical_expr::utils::{enumerate_grouping_sets, grouping_set_to_exprlist};
use millstream_plan::{Changes, RowType};

use super::columns::{self, Columns};
use crate::SqlError;
use crate::plan::fault;

/// The sets of an aggregation.
pub(super) struct Sets {
    /// Every key, once.
    pub(super) exprs: Vec<Expr>,
    sets: Vec<Vec<Expr>>,
}

/// The grouping sets among these keys; `None` if there are none.
pub(super) fn sets(keys: &[Expr]) -> Result<Option<Sets>, SqlError> {
    if !keys.iter().any(|key| matches!(key, Expr::GroupingSet(_))) {
        return Ok(None);
    }
    let keys = enumerate_grouping_sets(keys.to_vec()).map_err(fault::from_datafusion)?;
    let exprs = grouping_set_to_exprlist(&keys).map_err(fault::from_datafusion)?;
    let exprs = exprs.into_iter().cloned().collect::<Vec<_>>();
    let sets = match keys.first() {
        Some(Expr::GroupingSet(GroupingSet::GroupingSets(sets))) => sets.clone(),
        Some(Expr::GroupingSet(GroupingSet::Rollup(keys))) => {
            (0..=keys.len()).rev().map(|length| keys[..length].to_vec()).collect()
        }
        Some(Expr::GroupingSet(GroupingSet::Cube(keys))) => subsets(keys),
        _ => return Err(SqlError::new("E0415", "the grouping sets do not resolve to a list of sets")),
    };
    Ok(Some(Sets { exprs, sets }))
}

/// All subsets, the whole first. DataFusion bounds how many keys a cube may have.
fn subsets(keys: &[Expr]) -> Vec<Vec<Expr>> {
    let pick = |mask: usize| {
        let kept = keys.iter().enumerate().filter(move |(index, _)| mask & (1 << index) != 0);
        kept.map(|(_, key)| key.clone()).collect()
    };
    (0..1usize << keys.len()).rev().map(pick).collect()
}

impl Sets {
    /// Whether the key at this place is in every set.
    pub(super) fn everywhere(&self, key: usize) -> bool {
        self.sets.iter().all(|set| set.contains(&self.exprs[key]))
    }

    /// The lists of expressions, one per set, and the edge behind them: the columns, then the set's
    /// number. `places` says which column holds a key, `None` for a key of the window.
    pub(super) fn expand(
        &self,
        columns: Columns,
        places: &[Option<usize>],
        id: &Field,
        changes: Changes,
    ) -> (Vec<Vec<Expr>>, RowType) {
        let (exprs, edge) = columns.into_row(changes);
        let lists = (0..self.sets.len()).map(|number| {
            let mut list = exprs.clone();
            for (key, place) in places.iter().enumerate() {
                if let Some(place) = *place
                    && !self.sets[number].contains(&self.exprs[key])
                {
                    let data_type = edge.schema.field(place).data_type();
                    list[place] =
                        Expr::Literal(ScalarValue::try_new_null(data_type).unwrap_or(ScalarValue::Null), None);
                }
            }
            list.push(Expr::Literal(self.number(number, id.data_type()), None));
            list
        });
        let nullable = |(index, field): (usize, &std::sync::Arc<Field>)| {
            let key = places.contains(&Some(index));
            field.as_ref().clone().with_nullable(field.is_nullable() || key)
        };
        let fields = edge.schema.fields().iter().enumerate().map(nullable);
        let fields: Vec<Field> = fields.chain([Field::new(id.name(), id.data_type().clone(), false)]).collect();
        (lists.collect(), columns::row(fields, edge.times.clone(), changes))
    }

    /// DataFusion's number of a set, which `GROUPING` takes apart: a bit per key, the first key highest, set
    /// where the key is missing; above them a count of equal sets before this one.
    fn number(&self, set: usize, data_type: &DataType) -> ScalarValue {
        let keys = self.exprs.len();
        let missing = self.exprs.iter().enumerate().filter(|(_, key)| !self.sets[set].contains(key));
        let bits = missing.fold(0u64, |bits, (index, _)| bits | 1 << (keys - 1 - index));
        let equal = self.sets[..set].iter().filter(|before| **before == self.sets[set]).count() as u64;
        let number = bits | equal.checked_shl(keys as u32).unwrap_or(0);
        match data_type {
            DataType::UInt8 => ScalarValue::UInt8(Some(number as u8)),
            DataType::UInt16 => ScalarValue::UInt16(Some(number as u16)),
            DataType::UInt32 => ScalarValue::UInt32(Some(number as u32)),
            _ => ScalarValue::UInt64(Some(number)),
        }
    }
}
