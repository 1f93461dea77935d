//! A table on the screen: names and types above, columns as wide as what they have shown, the cursor on a cell, new cells
//! marked. Table, changes and history are drawn with it.

use millstream_session::watch::{Order, Rows};
use millstream_session::{Cell, Head, Millis, Tone, count, time_text, width};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::frame::put;
use super::state::{State, Step, View};
use super::theme::{Part, Theme};

/// Lines above the first row: the names, and the types.
pub const HEAD: usize = 2;
/// Columns between two columns.
const GAP: usize = 2;
/// The time of a change, and its kind.
const STAMP: usize = 13;
const KIND: usize = 3;

/// The body below the line that says what is shown; a body of few lines has none.
pub fn below_title(state: &State, body: Rect) -> Rect {
    let lines = match state.view {
        View::History => 2,
        _ => 1,
    };
    let lines = if body.height > 4 + lines { lines } else { 0 };
    Rect { y: body.y + lines, height: body.height - lines, ..body }
}

/// How many lines the names of columns take: none where there is hardly room for a row.
pub fn heads(area: Rect) -> usize {
    if area.height > 2 { HEAD } else { 0 }
}

/// Where a column stands: its number, its first place and its width.
struct Place {
    column: usize,
    x: usize,
    wide: usize,
}

/// The columns that are in sight: the column of the cursor is one of them.
fn places(step: &Step, rows: &Rows, room: usize, margin: usize) -> Vec<Place> {
    let wide =
        |column: usize| step.widths.get(column).copied().unwrap_or(8).clamp(1, room.saturating_sub(margin).max(1));
    let mut left = step.left.min(step.column);
    let reaches = |left: usize| (left..=step.column).map(|column| wide(column) + GAP).sum::<usize>() + margin;
    while left < step.column && reaches(left) > room + GAP {
        left += 1;
    }
    let mut x = margin;
    let mut places = Vec::new();
    for column in left..rows.heads.len() {
        if x >= room {
            break;
        }
        places.push(Place { column, x, wide: wide(column) });
        x += wide(column) + GAP;
    }
    places
}

/// Columns before the first: the sign of the cursor, and of a change its time and kind.
fn margin(rows: &Rows, changes: bool) -> usize {
    1 + if changes || rows.rows.iter().any(|row| row.kind.is_some()) { STAMP + KIND } else { 0 }
}

/// The column of the table at this place of the screen.
pub fn column_at(step: &Step, rows: &Rows, area: Rect, x: u16) -> Option<usize> {
    let x = usize::from(x.checked_sub(area.x)?);
    let places = places(step, rows, area.width.into(), margin(rows, false));
    places.iter().rev().find(|place| place.x <= x).or(places.first()).map(|place| place.column)
}

/// Draws the rows that a step shows.
pub fn draw(state: &State, area: Rect, buffer: &mut Buffer) {
    let step = state.shown();
    let Some(rows) = step.rows() else { return };
    let changes = state.view != View::Table;
    let margin = margin(rows, changes);
    let places = places(step, rows, area.width.into(), margin);
    let heads = heads(area);
    for place in &places {
        if heads > 0 {
            draw_head(state, step, rows, place, area, buffer);
        }
    }
    if heads > 0 && changes {
        put(buffer, area, 1, 0, "came", state.theme.style(Part::Head));
    }
    let lines = usize::from(area.height).saturating_sub(heads);
    let skipped = step.first.saturating_sub(rows.first);
    for (line, row) in rows.rows.iter().skip(skipped).take(lines).enumerate() {
        let here = rows.first + skipped + line == step.row;
        let y = heads + line;
        if here {
            put(buffer, area, 0, y, "▌", state.theme.style(Part::Chosen));
        }
        if let Some(kind) = row.kind {
            // What stood before a tape was entered came at no time.
            let came = if row.at == Millis::MIN { String::new() } else { time_text(row.at, state.zone) };
            put(buffer, area, 1, y, &came, state.theme.style(Part::Dim));
            put(buffer, area, 1 + STAMP, y, kind.mark(), state.theme.tone(tone(kind)));
        }
        for place in &places {
            let Some(cell) = row.cells.get(place.column) else { continue };
            let mut style = state.theme.tone(cell.tone);
            if row.fresh.at(place.column) {
                let whole = row.fresh == millstream_session::watch::Fresh::Row;
                style = style.patch(state.theme.style(if whole { Part::New } else { Part::Fresh }));
            }
            if here {
                let part = if place.column == step.column { Part::Cursor } else { Part::Row };
                style = style.patch(state.theme.style(part));
            }
            let text = fitted(cell, &rows.heads[place.column], place.wide);
            put(buffer, area, place.x, y, &text, style);
        }
    }
}

fn tone(kind: millstream_session::Kind) -> Tone {
    use millstream_session::Kind::{Delete, Insert, UpdateAfter, UpdateBefore};
    match kind {
        Insert => Tone::Good,
        UpdateBefore => Tone::Dim,
        UpdateAfter => Tone::Fresh,
        Delete => Tone::Gone,
    }
}

fn draw_head(state: &State, step: &Step, rows: &Rows, place: &Place, area: Rect, buffer: &mut Buffer) {
    let head = &rows.heads[place.column];
    let sign = match step.order {
        Order::Column(column, falling) if column == place.column && state.view == View::Table => {
            if falling {
                " ▼"
            } else {
                " ▲"
            }
        }
        _ => "",
    };
    let key = rows.key.contains(&place.column);
    let part = if sign.is_empty() && !key { Part::Head } else { Part::Chosen };
    let name = format!("{}{sign}", width::cut(&head.name, place.wide.saturating_sub(width::width(sign))));
    put(buffer, area, place.x, 0, &aligned(&name, head, place.wide), state.theme.style(part));
    let kind = width::cut(&head.kind, place.wide);
    put(buffer, area, place.x, 1, &aligned(&kind, head, place.wide), state.theme.style(Part::Dim));
}

fn aligned(text: &str, head: &Head, wide: usize) -> String {
    let mut out = String::new();
    width::pad(&mut out, text, wide, head.right);
    out
}

/// A cell as wide as its column.
fn fitted(cell: &Cell, head: &Head, wide: usize) -> String {
    aligned(&width::cut(&cell.text, wide), head, wide)
}

/// A table that is only read: what was set aside. Gives the lines that were drawn.
pub fn plain(theme: Theme, heads: &[Head], rows: &[Vec<Cell>], area: Rect, buffer: &mut Buffer) {
    let wide = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| width::width(&cell.text));
        cells.fold(width::width(&heads[column].name), usize::max).min(60)
    };
    let mut x = 2;
    for (column, head) in heads.iter().enumerate() {
        let wide = wide(column);
        put(buffer, area, x, 0, &aligned(&width::cut(&head.name, wide), head, wide), theme.style(Part::Head));
        for (line, row) in rows.iter().enumerate().take(usize::from(area.height)) {
            if let Some(cell) = row.get(column) {
                put(buffer, area, x, line + 1, &fitted(cell, head, wide), theme.tone(cell.tone));
            }
        }
        x += wide + GAP;
    }
}

/// `12 of 30 rows · 1 204 in all · only the newest 10 000 are held`.
pub fn note(rows: &Rows, what: &str, filtered: bool) -> String {
    let mut parts = Vec::new();
    if filtered {
        parts.push(format!("{} of {} {what}s fit", count(rows.fit as u64), count(rows.held as u64)));
    } else {
        parts.push(format!("{} {what}{}", count(rows.total), if rows.total == 1 { "" } else { "s" }));
    }
    if rows.total > rows.held as u64 {
        parts.push(format!("the newest {} are held", count(rows.held as u64)));
    }
    parts.join(" · ")
}
