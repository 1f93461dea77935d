//! What hinders at a join: a side without rows, sides that never meet in time, keys that are never equal, a
//! table that is not complete.

use millstream_engine::inspect::{Detail, Side};
use millstream_plan::{Equality, IntervalJoin, Join, JoinKind, NodeId, WindowJoin};
use millstream_record::Millis;

use super::moment::{rows, stretch};
use super::{Cause, Scene, words};
use crate::render::gate;

/// The two sides of a join with their numbers.
pub struct Sides<'a> {
    /// What is looked at.
    pub scene: &'a Scene<'a>,
    /// Whose rows the sides are.
    pub inputs: [NodeId; 2],
    /// Rows that each side has had.
    pub taken: [u64; 2],
    /// What the operator tells of them.
    pub told: &'a [Side; 2],
}

const NAMES: [&str; 2] = ["left", "right"];

impl<'a> Sides<'a> {
    /// The sides of a join that took rows and gave none.
    pub fn of(scene: &'a Scene<'a>, id: NodeId) -> Option<Sides<'a>> {
        let (operator, node) = (scene.operator(id), scene.graph.node(id));
        match (&operator.detail, operator.rows_in.as_slice(), node.inputs.as_slice()) {
            (Detail::Join(told), [left, right], [one, other]) if scene.swallows(id) => {
                Some(Sides { scene, inputs: [*one, *other], taken: [*left, *right], told })
            }
            _ => None,
        }
    }

    /// `the right side of the join (quotes)`.
    pub fn name(&self, side: usize) -> String {
        format!("the {} side of the join ({})", NAMES[side], self.scene.name_of(self.inputs[side]))
    }

    /// How far a side has come in time.
    pub fn stands(&self, id: NodeId, side: usize) -> String {
        let clock = self.scene.event_clock(self.inputs[side]);
        match self.scene.operator(id).inputs.get(side).map(|input| input.watermark) {
            None | Some(Millis::MIN) => "its watermark has not begun".into(),
            Some(Millis::MAX) => "it has ended".into(),
            Some(at) => format!("it stands at watermark {}", clock.at(at)),
        }
    }

    /// A side that has had no row, while the other one has.
    pub fn empty(&self, id: NodeId) -> Option<Cause> {
        let side = (0..2).find(|&side| self.taken[side] == 0)?;
        let other = 1 - side;
        let text = format!(
            "{} has had no row, {}; {} of {} wait for partners",
            self.name(side),
            self.stands(id, side),
            rows(self.taken[other]),
            self.scene.name_of(self.inputs[other])
        );
        Some(Cause::new(text))
    }

    /// Keys of both sides side by side.
    pub fn keys(&self, on: &[Equality]) -> Option<Cause> {
        if on.is_empty() || self.told.iter().any(|side| side.keys.is_empty()) {
            return None;
        }
        let graph = self.scene.graph;
        let name = |side: usize| {
            let columns = on.iter().map(|on| if side == 0 { on.left } else { on.right });
            columns.map(|column| words::column(graph, self.inputs[side], column)).collect::<Vec<_>>().join(", ")
        };
        let seen = |side: usize| gate::shown(&self.told[side].keys.join(" · ")).into_owned();
        let text = format!(
            "{} and {} met, but no key is equal: {} on the left is {}, {} on the right is {}",
            rows(self.taken[0]),
            rows(self.taken[1]),
            name(0),
            seen(0),
            name(1),
            seen(1)
        );
        let cause = Cause::new(text + self.alike());
        let table = |side: usize| {
            let (table, column) = (self.scene.plain_table(self.inputs[side])?, name(side));
            let known = on.len() == 1 && table.column(&column).is_some();
            known.then(|| {
                format!("SELECT {column}, COUNT(*) AS n FROM {} GROUP BY {column};", words::table(&table.name))
            })
        };
        Some((0..2).filter_map(table).fold(cause, Cause::way))
    }

    /// No two rows belong together, although they met.
    pub fn none_fits(&self, residual: bool) -> Option<Cause> {
        let [left, right] = self.taken;
        let more = if residual { " or none meets the rest of its condition" } else { "" };
        Some(Cause::new(format!(
            "{} and {} met in the join, but no two of them belong together{more}",
            rows(left),
            rows(right)
        )))
    }

    /// What would make keys equal.
    fn alike(&self) -> &'static str {
        let [left, right] = self.told;
        let meets = |same: fn(&str) -> String| {
            left.keys.iter().any(|key| right.keys.iter().any(|other| same(key) == same(other)))
        };
        let number = |key: &str| key.trim_start_matches('0').to_string();
        match () {
            () if meets(|key| key.to_uppercase()) => "; they differ in case only: compare UPPER() of both",
            () if meets(|key| key.trim().to_string()) => "; they differ in blanks only: compare TRIM() of both",
            () if meets(number) => "; they differ in leading zeros only: compare them as numbers",
            () => "",
        }
    }
}

/// What hinders at a join within an interval.
pub fn interval(scene: &Scene<'_>, id: NodeId, plan: &IntervalJoin) -> Vec<Cause> {
    let Some(sides) = Sides::of(scene, id) else { return Vec::new() };
    if plan.lower > plan.upper {
        let text = "no row can have a partner: the lower end of the join's interval lies above its upper end";
        return vec![Cause::new(text)];
    }
    if let Some(cause) = sides.empty(id).or_else(|| apart(&sides, id, plan)) {
        return vec![cause];
    }
    let held: u64 = sides.told.iter().map(|side| side.held).sum();
    if plan.kind != JoinKind::Inner && held > 0 {
        let text = format!(
            "no pair was found yet, and {} wait for partners; without one they come out when the watermark passes them: {} on the left, {} on the right",
            rows(held),
            sides.stands(id, 0),
            sides.stands(id, 1)
        );
        return vec![Cause::new(text)];
    }
    sides.keys(&plan.on).or_else(|| sides.none_fits(plan.residual.is_some())).into_iter().collect()
}

/// The sides never meet in time.
fn apart(sides: &Sides<'_>, id: NodeId, plan: &IntervalJoin) -> Option<Cause> {
    let ((left_first, left_last), (right_first, right_last)) = (sides.told[0].times?, sides.told[1].times?);
    let reach = |later: Millis, earlier: Millis| later.0.saturating_sub(earlier.0);
    let ahead = reach(left_first, right_last) > plan.upper;
    let behind = reach(left_last, right_first) < plan.lower;
    if !ahead && !behind {
        return None;
    }
    let clocks = [0, 1].map(|side| sides.scene.event_clock(sides.inputs[side]));
    let slow = usize::from(ahead);
    let text = format!(
        "the sides of the join do not meet in time: {} has times from {} to {}, {} from {} to {}, and left may lie from \
         {} to {} of right; {} lags: {}",
        sides.scene.name_of(sides.inputs[0]),
        clocks[0].at(left_first),
        clocks[0].at(left_last),
        sides.scene.name_of(sides.inputs[1]),
        clocks[1].at(right_first),
        clocks[1].at(right_last),
        signed(plan.lower),
        signed(plan.upper),
        sides.name(slow),
        sides.stands(id, slow)
    );
    Some(Cause::new(text))
}

/// A distance in time with its direction.
fn signed(ms: i64) -> String {
    match ms {
        0 => "0 s".into(),
        ..0 => format!("{} before", stretch(ms.saturating_neg())),
        _ => format!("{} behind", stretch(ms)),
    }
}

/// What hinders at a join of windows: nothing has to, if none of them has ended.
pub fn windows(scene: &Scene<'_>, id: NodeId, plan: &WindowJoin) -> Vec<Cause> {
    let Some(sides) = Sides::of(scene, id) else { return Vec::new() };
    let held: u64 = sides.told.iter().map(|side| side.held).sum();
    if let Some(cause) = sides.empty(id) {
        return vec![cause];
    }
    if held > 0 && held == sides.taken.iter().sum::<u64>() {
        let text = format!(
            "{} wait for the end of their windows: {} on the left, {} on the right",
            rows(held),
            sides.stands(id, 0),
            sides.stands(id, 1)
        );
        return vec![Cause::new(text)];
    }
    let join = &plan.join;
    sides.keys(&join.on).or_else(|| sides.none_fits(join.residual.is_some())).into_iter().collect()
}

/// What hinders at a join of two streams without bounds in time.
pub fn regular(scene: &Scene<'_>, id: NodeId, plan: &Join) -> Vec<Cause> {
    let Some(sides) = Sides::of(scene, id) else { return Vec::new() };
    let cause = sides.empty(id).or_else(|| sides.keys(&plan.on)).or_else(|| sides.none_fits(plan.residual.is_some()));
    cause.into_iter().collect()
}

/// What hinders at a join with a table.
pub fn table(scene: &Scene<'_>, id: NodeId, plan: &Join) -> Vec<Cause> {
    let Some(sides) = Sides::of(scene, id) else { return Vec::new() };
    let (name, held) = (sides.scene.name_of(sides.inputs[1]), &sides.told[1]);
    if !held.whole {
        let text = format!(
            "{} has not been read to its end ({} so far); {} of {} wait for it",
            sides.name(1),
            rows(held.held),
            rows(sides.told[0].held),
            sides.scene.name_of(sides.inputs[0])
        );
        return vec![Cause::new(text)];
    }
    if plan.kind == JoinKind::Anti {
        return vec![Cause::new(format!("every one of {} has a partner in {name}", rows(sides.taken[0])))];
    }
    let cause = sides.empty(id).or_else(|| sides.keys(&plan.on)).or_else(|| sides.none_fits(plan.residual.is_some()));
    cause.into_iter().collect()
}
