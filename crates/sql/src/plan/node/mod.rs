//! The relations that DataFusion's logical plan does not know. They travel through its analyzer and
//! optimizer as extension nodes and are lowered to operators of their own.

mod matches;
mod temporal;
mod unnest;
mod window;

pub(super) use matches::{MatchMeasure, MatchNode, MatchPattern, MatchVariable};
pub(super) use temporal::{TemporalJoinNode, VersionedNode};
pub(super) use unnest::{LateralList, UnnestNode};
pub(super) use window::{WINDOW_COLUMNS, WindowNode};
