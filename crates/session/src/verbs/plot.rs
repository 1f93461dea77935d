//! `PLOT step x … y … color …`: the rows of a step with what is drawn of them. What cannot be drawn is said
//! before anything runs.

use millstream_sql::statement::Plot;

use crate::chart::Sketch;
use crate::fault::Fault;
use crate::reply::{Plotted, Reply};
use crate::session::Session;
use crate::verbs::query;

/// `PLOT …`.
pub fn plot(session: &Session, plot: &Plot) -> Result<Reply, Fault> {
    let graph = query::all_of(session, &plot.step)?;
    let output = graph.outputs.first().expect("a query has an output");
    let row = &graph.node(output.node).row;
    let sketch = Sketch::of(plot, &row.schema, |column| row.is_time(column))?;
    let live = Box::new(query::start(session, graph)?);
    Ok(Reply::Plotted(Plotted { sketch, live }))
}
