//! What can be typed behind `:`. One list feeds the commands and their help.

use millstream_session::watch::Order;

use super::act::{self, Effect};
use super::state::{Mode, State, View};
use super::theme::Theme;

/// Commands with what stands behind them and what they do.
pub const COMMANDS: &[(&str, &str, &str)] = &[
    ("quit", "", "back to the prompt"),
    ("view", "table|changes|chart|operators|time|aside", "how the step is shown"),
    ("step", "NAME", "another of the steps"),
    ("sort", "COLUMN [desc]", "sort the table; alone: the newest first"),
    ("filter", "[WORDS]", "show rows with these words; alone: all"),
    ("plot", "[x COLUMN] [y COLUMN, …] [color COLUMN] [AS line|bar|point|area]", "what the chart shows"),
    ("row", "N", "to this row"),
    ("goto", "12:04 | RECORD N", "in a replay: to this time or record of the tape"),
    ("back", "N", "in a replay: so many events back"),
    ("theme", "dark|light|plain", "how things look"),
    ("help", "", "the keys and these commands"),
];

/// Does what was typed. What is wrong is said on the screen.
pub fn run(state: &mut State, text: &str) -> Effect {
    let text = text.trim();
    let (word, rest) = text.split_once(char::is_whitespace).map_or((text, ""), |(word, rest)| (word, rest.trim()));
    if word.is_empty() {
        return Effect::None;
    }
    // A view, a row and the first letters of a command stand for the command.
    if let Some((view, _)) = View::TABS.iter().find(|(_, name)| *name == word) {
        act::show(state, *view);
        return Effect::None;
    }
    let (word, rest) = if word.parse::<usize>().is_ok() { ("row", word) } else { (word, rest) };
    let found = COMMANDS.iter().find(|(name, ..)| *name == word);
    match found.or_else(|| COMMANDS.iter().find(|(name, ..)| name.starts_with(word))) {
        Some((name, ..)) => {
            let done = known(state, name, rest);
            done.unwrap_or_else(|wrong| {
                state.said = Some(wrong);
                Effect::None
            })
        }
        None => {
            let near = millstream_session::nearest(word, COMMANDS.iter().map(|(name, ..)| *name));
            let hint = near.map_or("? lists all".into(), |near| format!("did you mean '{near}'?"));
            state.said = Some(format!("there is no command '{word}': {hint}"));
            Effect::None
        }
    }
}

fn known(state: &mut State, name: &str, rest: &str) -> Result<Effect, String> {
    match name {
        "quit" => return Ok(Effect::Leave),
        "help" => state.mode = Mode::Help(0),
        "view" => {
            let view = View::TABS.iter().find(|(_, known)| known.starts_with(rest) && !rest.is_empty());
            let names = View::TABS.map(|(_, name)| name).join(", ");
            act::show(state, view.ok_or_else(|| format!("there is no view '{rest}': there are {names}"))?.0);
        }
        "step" => {
            let found = state.steps.iter().position(|step| step.name == rest);
            state.step = found.ok_or_else(|| format!("'{rest}' is not on this screen"))?;
            state.shown_mut().scene = None;
        }
        "filter" => {
            state.shown_mut().filter = rest.into();
            state.shown_mut().rewind();
        }
        "sort" => {
            let order = order(state, rest)?;
            state.shown_mut().order = order;
            act::show(state, View::Table);
            state.shown_mut().rewind();
        }
        "plot" => {
            act::show(state, View::Chart);
            return Ok(Effect::Sketch(rest.into()));
        }
        "goto" | "back" => {
            if state.tape.is_none() {
                return Err("nothing is replayed: REPLAY tape; at the prompt begins".into());
            }
            return Ok(Effect::Statement(format!("{} {rest};", name.to_uppercase())));
        }
        "row" => {
            let row: usize = rest.parse().map_err(|_| format!("'{rest}' is no number of a row"))?;
            let page = state.page;
            let step = state.shown_mut();
            step.row = row.saturating_sub(1);
            step.settle(page);
        }
        _ => {
            let known = Theme::parse(rest);
            state.theme = known.ok_or_else(|| format!("there is no theme '{rest}': dark, light or plain"))?;
        }
    }
    Ok(Effect::None)
}

fn order(state: &State, rest: &str) -> Result<Order, String> {
    if rest.is_empty() {
        return Ok(Order::Newest);
    }
    let (name, falling) = match rest.rsplit_once(char::is_whitespace) {
        Some((name, word)) if word.eq_ignore_ascii_case("desc") => (name.trim(), true),
        Some((name, word)) if word.eq_ignore_ascii_case("asc") => (name.trim(), false),
        _ => (rest, false),
    };
    let heads = state.shown().rows().map(|rows| &rows.heads[..]).unwrap_or_default();
    let column = heads.iter().position(|head| head.name.eq_ignore_ascii_case(name));
    column.map(|column| Order::Column(column, falling)).ok_or_else(|| {
        let near = millstream_session::nearest(name, heads.iter().map(|head| head.name.as_str()));
        near.map_or(format!("there is no column '{name}'"), |near| {
            format!("there is no column '{name}': did you mean '{near}'?")
        })
    })
}
