//! What keys, the mouse and commands do to the state. What reaches beyond it is handed back as an effect.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use millstream_session::watch::{Control, Order};
use ratatui::layout::Rect;

use super::command;
use super::frame;
use super::grid;
use super::keys::Action;
use super::scrub;
use super::state::{Mode, State, View};

/// What is to be done outside of the state.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Nothing.
    None,
    /// Back to the prompt.
    Leave,
    /// Puts a text on the clipboard.
    Copy(String),
    /// Holds the picture, or lets it go on.
    Hold(bool),
    /// Shows what has come since, and holds again.
    Advance,
    /// Reads what a chart is to show.
    Sketch(String),
    /// Moves the play-head.
    Tape(Control),
    /// Asks the session to move the play-head: a statement.
    Statement(String),
}

/// Rows that a turn of the wheel moves.
const WHEEL: isize = 3;
/// The timeline is halved and doubled at most so often.
const ZOOM: i8 = 20;

/// A key was pressed.
pub fn key(state: &mut State, event: &KeyEvent) -> Effect {
    state.said = None;
    if event.code == KeyCode::Char('c') && event.modifiers.contains(KeyModifiers::CONTROL) {
        return Effect::Leave;
    }
    match state.mode {
        Mode::Keys | Mode::Help(_) => match state.keys.action(event) {
            Some(action) => act(state, action),
            None => Effect::None,
        },
        Mode::Filtering(_) | Mode::Commanding(_) => typed(state, event),
    }
}

/// A key while text is typed.
fn typed(state: &mut State, event: &KeyEvent) -> Effect {
    let control = event.modifiers.contains(KeyModifiers::CONTROL);
    match (event.code, control) {
        (KeyCode::Esc, _) => return close(state),
        (KeyCode::Enter, _) => return enter(state),
        _ => {}
    }
    let filtering = matches!(state.mode, Mode::Filtering(_));
    let text = match &mut state.mode {
        Mode::Commanding(text) => text,
        _ => &mut state.steps[state.step].filter,
    };
    match (event.code, control) {
        (KeyCode::Char('u'), true) => text.clear(),
        (KeyCode::Char('w'), true) => {
            let end = text.trim_end().rfind(char::is_whitespace).map_or(0, |space| space + 1);
            text.truncate(end);
        }
        (KeyCode::Char('h'), true) | (KeyCode::Backspace, _) if text.pop().is_none() => return close(state),
        (KeyCode::Char(letter), false) if !millstream_session::gate::is_hostile(letter) => text.push(letter),
        _ => {}
    }
    if filtering {
        state.shown_mut().rewind();
    }
    Effect::None
}

/// Enter, behind what was typed.
fn enter(state: &mut State) -> Effect {
    match std::mem::replace(&mut state.mode, Mode::Keys) {
        Mode::Commanding(text) => command::run(state, &text),
        _ => Effect::None,
    }
}

/// Esc: what was typed is dropped, help is closed, a history or a filter is left.
fn close(state: &mut State) -> Effect {
    match std::mem::replace(&mut state.mode, Mode::Keys) {
        Mode::Filtering(before) => {
            state.shown_mut().filter = before;
            state.shown_mut().rewind();
        }
        Mode::Keys if state.view == View::History => {
            let from = state.shown().history.as_ref().map_or(View::Table, |(_, from)| *from);
            show(state, from);
        }
        Mode::Keys if !state.shown().filter.is_empty() => {
            state.shown_mut().filter.clear();
            state.shown_mut().rewind();
        }
        _ => {}
    }
    Effect::None
}

/// Does what a key is bound to.
pub fn act(state: &mut State, action: Action) -> Effect {
    if let Mode::Help(scrolled) = &mut state.mode {
        match motion(action, state.page) {
            Some(Motion::By(lines)) => *scrolled = scrolled.saturating_add_signed(lines),
            Some(Motion::Top) => *scrolled = 0,
            Some(Motion::Bottom) => *scrolled = usize::MAX,
            None => state.mode = Mode::Keys,
        }
        return Effect::None;
    }
    if let Some(view) = view_of(action) {
        show(state, view);
        return Effect::None;
    }
    match action {
        Action::Leave => return Effect::Leave,
        Action::Back => return close(state),
        Action::Help => state.mode = Mode::Help(0),
        Action::Filter => state.mode = Mode::Filtering(state.shown().filter.clone()),
        Action::Command => state.mode = Mode::Commanding(String::new()),
        Action::Pause if state.tape.is_some() => return Effect::Tape(Control::Toggle),
        Action::Pause => {
            state.held = !state.held;
            return Effect::Hold(state.held);
        }
        Action::Onward if state.held => return Effect::Advance,
        Action::Onward | Action::Backward | Action::Watermark | Action::Window | Action::Slower | Action::Faster => {
            return on_tape(state, action);
        }
        Action::NextView => turn(state, 1),
        Action::ViewBefore => turn(state, View::TABS.len() - 1),
        Action::NextStep => other_step(state, 1),
        Action::StepBefore => other_step(state, state.steps.len() - 1),
        Action::Theme => state.theme = state.theme.next(),
        Action::CopyCell | Action::CopyRow => return copy(state, action == Action::CopyRow),
        Action::History => history(state),
        Action::Alike => alike(state),
        Action::Sort => sort(state),
        _ => arrange(state, action),
    }
    Effect::None
}

/// Moves the play-head; outside of a replay the arrows move through the columns.
fn on_tape(state: &mut State, action: Action) -> Effect {
    let control = match action {
        Action::Onward => Control::Event,
        Action::Backward => Control::Back(1),
        Action::Watermark => Control::Watermark,
        Action::Window => Control::Window,
        action => Control::Faster(action == Action::Faster),
    };
    if state.tape.is_some() {
        return Effect::Tape(control);
    }
    match action {
        Action::Onward => arrange(state, Action::Right),
        Action::Backward => arrange(state, Action::Left),
        _ => state.said = Some("nothing is replayed: REPLAY tape; at the prompt begins".into()),
    }
    Effect::None
}

/// The view that an action opens.
fn view_of(action: Action) -> Option<View> {
    Some(match action {
        Action::Table => View::Table,
        Action::Changes => View::Changes,
        Action::Chart => View::Chart,
        Action::Flow => View::Flow,
        Action::Timeline => View::Timeline,
        Action::Aside => View::Aside,
        _ => return None,
    })
}

/// Moves, and changes how the step that is shown is shown.
fn arrange(state: &mut State, action: Action) {
    let last = last_column(state);
    let drawing = state.shown().drawing().next();
    let step = state.shown_mut();
    match action {
        Action::Newest => {
            step.order = if step.order == Order::Newest { Order::Came } else { Order::Newest };
            step.rewind();
        }
        Action::Drawing => step.drawing = Some(drawing),
        Action::ZoomIn => step.zoom = (step.zoom + 1).min(ZOOM),
        Action::ZoomOut => step.zoom = (step.zoom - 1).max(-ZOOM),
        Action::Left => step.column = step.column.saturating_sub(1),
        Action::Right => step.column = (step.column + 1).min(last),
        Action::FirstColumn => step.column = 0,
        Action::LastColumn => step.column = last,
        _ => scroll(state, action),
    }
}

/// How far an action moves.
enum Motion {
    By(isize),
    Top,
    Bottom,
}

fn motion(action: Action, page: usize) -> Option<Motion> {
    let page = isize::try_from(page).unwrap_or(isize::MAX);
    Some(match action {
        Action::Up => Motion::By(-1),
        Action::Down => Motion::By(1),
        Action::HalfUp => Motion::By(-(page / 2).max(1)),
        Action::HalfDown => Motion::By((page / 2).max(1)),
        Action::PageUp => Motion::By(-page),
        Action::PageDown => Motion::By(page),
        Action::Top => Motion::Top,
        Action::Bottom => Motion::Bottom,
        _ => return None,
    })
}

fn scroll(state: &mut State, action: Action) {
    match motion(action, state.page) {
        Some(Motion::By(rows)) => move_by(state, rows),
        Some(Motion::Top) => state.shown_mut().rewind(),
        Some(Motion::Bottom) => move_by(state, isize::MAX),
        None => {}
    }
}

fn move_by(state: &mut State, rows: isize) {
    let page = state.page;
    let step = state.shown_mut();
    step.row = step.row.saturating_add_signed(rows);
    step.settle(page);
}

fn last_column(state: &State) -> usize {
    state.shown().rows().map_or(0, |rows| rows.heads.len().saturating_sub(1))
}

/// Shows another view, from its top.
pub fn show(state: &mut State, view: View) {
    if state.view != view {
        state.view = view;
        let step = state.shown_mut();
        step.rewind();
        step.scene = None;
    }
}

fn turn(state: &mut State, by: usize) {
    let here = View::TABS.iter().position(|(view, _)| *view == state.view).unwrap_or(0);
    show(state, View::TABS[(here + by) % View::TABS.len()].0);
}

fn other_step(state: &mut State, by: usize) {
    state.step = (state.step + by) % state.steps.len();
    if state.view == View::History {
        show(state, View::Changes);
    }
    // What it shows may be of another view.
    state.shown_mut().scene = None;
}

/// The changes of the key of the row under the cursor; of the cell, where no key is known.
fn history(state: &mut State) {
    let (step, from) = (state.shown(), state.view);
    let Some((rows, row)) =
        step.rows().and_then(|rows| Some((rows, rows.rows.get(step.row.checked_sub(rows.first)?)?)))
    else {
        return;
    };
    if from == View::History {
        return;
    }
    let columns = if rows.key.is_empty() { vec![step.column] } else { rows.key.clone() };
    let text = |column: usize| row.cells.get(column).map(|cell| (column, cell.text.clone()));
    let key: Vec<(usize, String)> = columns.into_iter().filter_map(text).collect();
    state.shown_mut().history = Some((key, from));
    show(state, View::History);
}

/// Only rows with the text of this cell.
fn alike(state: &mut State) {
    let step = state.shown_mut();
    let found = step.rows().and_then(|rows| {
        let row = rows.rows.get(step.row.checked_sub(rows.first)?)?;
        let word = row.cells.get(step.column)?.text.split_whitespace().next()?.to_string();
        Some(format!("{}:{word}", rows.heads.get(step.column)?.name))
    });
    if let Some(filter) = found {
        step.filter = filter;
        step.rewind();
    }
}

/// Sorts by the column of the cursor: rising, falling, not.
fn sort(state: &mut State) {
    if state.view != View::Table {
        return;
    }
    let step = state.shown_mut();
    let column = step.column;
    step.order = match step.order {
        Order::Column(known, false) if known == column => Order::Column(column, true),
        Order::Column(known, true) if known == column => Order::Newest,
        _ => Order::Column(column, false),
    };
    step.rewind();
}

fn copy(state: &mut State, whole: bool) -> Effect {
    let step = state.shown();
    let row = step.rows().and_then(|rows| rows.rows.get(step.row.checked_sub(rows.first)?));
    let text = row.and_then(|row| {
        if whole {
            return Some(row.cells.iter().map(|cell| cell.text.as_str()).collect::<Vec<_>>().join("\t"));
        }
        row.cells.get(step.column).map(|cell| cell.text.clone())
    });
    match text {
        Some(text) => {
            state.said = Some(format!("copied the {}", if whole { "row" } else { "cell" }));
            Effect::Copy(text)
        }
        None => Effect::None,
    }
}

/// The mouse did something, on a screen of this size.
pub fn mouse(state: &mut State, event: &MouseEvent, area: Rect) -> Effect {
    let areas = frame::areas(state, area);
    match event.kind {
        MouseEventKind::ScrollUp => wheel(state, -WHEEL),
        MouseEventKind::ScrollDown => wheel(state, WHEEL),
        MouseEventKind::Down(MouseButton::Left) if matches!(state.mode, Mode::Help(_)) => state.mode = Mode::Keys,
        MouseEventKind::Down(MouseButton::Left) if event.row == areas.tabs.y && areas.tabs.height > 0 => {
            if let Some(view) = frame::tab_at(state, areas.tabs, event.column) {
                show(state, view);
            }
        }
        MouseEventKind::Down(MouseButton::Left) if event.row == areas.tape.y && areas.tape.height > 0 => {
            if let Some(part) = scrub::part_at(state, areas.tape, event.column) {
                return Effect::Tape(Control::Seek(part));
            }
        }
        MouseEventKind::Down(MouseButton::Left) => click(state, areas.body, event),
        _ => {}
    }
    Effect::None
}

fn wheel(state: &mut State, rows: isize) {
    match &mut state.mode {
        Mode::Help(scrolled) => *scrolled = scrolled.saturating_add_signed(rows),
        _ => move_by(state, rows),
    }
}

fn click(state: &mut State, body: Rect, event: &MouseEvent) {
    let body = grid::below_title(state, body);
    let Some(rows) = state.shown().rows() else { return };
    let Some(column) = grid::column_at(state.shown(), rows, body, event.column) else { return };
    let line = usize::from(event.row.saturating_sub(body.y));
    let (first, fit) = (rows.first, rows.fit);
    let row = first + line.saturating_sub(grid::HEAD);
    let step = state.shown_mut();
    if line < grid::HEAD {
        step.column = column;
        sort(state);
    } else if row < fit {
        (step.row, step.column) = (row, column);
    }
}
