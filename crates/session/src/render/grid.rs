//! A box table: names, types under them, numbers to the right, cells cut to the room there is. It can be
//! written at once or line by line, with widths that stay.

use super::Look;
use super::width::{cut, pad, width};

/// The narrowest that a column is made to fit the screen.
const NARROW: usize = 5;
/// The widest cell where the screen does not say.
const WIDE: usize = 100;

/// The head of a column; the texts have been through the gate.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// The name.
    pub name: String,
    /// The type as SQL writes it.
    pub kind: String,
    /// Whether cells stand to the right.
    pub right: bool,
}

/// How a cell is coloured, if there is colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As the terminal writes.
    Plain,
    /// In the background: nulls, types, dots.
    Dim,
    /// A new row.
    Good,
    /// A new version of a row.
    Fresh,
    /// A row that is taken back.
    Gone,
    /// The name of a column.
    Head,
}

impl Tone {
    /// Writes `text` in this tone.
    pub fn paint(self, out: &mut String, text: &str, look: &Look) {
        let code = match self {
            Tone::Plain => "",
            Tone::Dim => "2",
            Tone::Good => "32",
            Tone::Fresh => "36",
            Tone::Gone => "31",
            Tone::Head => "1",
        };
        if code.is_empty() || !look.color {
            return out.push_str(text);
        }
        out.extend(["\x1b[", code, "m", text, "\x1b[0m"]);
    }
}

/// A cell; its text has been through the gate.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// What stands in it.
    pub text: String,
    /// How it looks.
    pub tone: Tone,
}

/// The columns of a table with their widths.
#[derive(Clone, Debug)]
pub struct Grid {
    heads: Vec<Head>,
    widths: Vec<usize>,
    /// Columns that have no room: these stand between `hidden.start` and `hidden.end`.
    hidden: std::ops::Range<usize>,
}

struct Lines {
    left: &'static str,
    middle: &'static str,
    right: &'static str,
    bar: &'static str,
}

impl Grid {
    /// Widths that fit these rows, and the screen.
    pub fn fit<'a>(heads: Vec<Head>, rows: impl IntoIterator<Item = &'a [Cell]>, look: &Look) -> Grid {
        let mut widths: Vec<usize> = heads.iter().map(|head| width(&head.name).max(width(&head.kind))).collect();
        for row in rows {
            for (wide, cell) in widths.iter_mut().zip(row) {
                *wide = (*wide).max(width(&cell.text));
            }
        }
        widths.iter_mut().for_each(|wide| *wide = (*wide).clamp(1, WIDE));
        let mut grid = Grid { heads, widths, hidden: 0..0 };
        if let Some(screen) = look.width {
            grid.shrink(screen);
        }
        grid
    }

    /// Gives columns at least this much room, where the screen has it: for rows that are yet to come.
    pub fn widen(&mut self, least: impl Fn(&Head) -> usize, look: &Look) {
        for (wide, head) in self.widths.iter_mut().zip(&self.heads) {
            *wide = (*wide).max(least(head));
        }
        if let Some(screen) = look.width {
            self.shrink(screen);
        }
    }

    /// How many columns have no room.
    pub fn hidden(&self) -> usize {
        self.hidden.len()
    }

    fn shrink(&mut self, screen: usize) {
        self.hidden = 0..0;
        while self.total() > screen {
            let (widest, _) = self.widths.iter().enumerate().max_by_key(|(_, wide)| **wide).unwrap_or((0, &0));
            match self.widths.get_mut(widest) {
                Some(wide) if *wide > NARROW => {
                    let over = *wide - NARROW;
                    *wide -= over.min(1.max(over / 8));
                }
                _ => break,
            }
        }
        self.hide(screen);
    }

    /// Leaves out columns from the middle, as many as must be.
    fn hide(&mut self, screen: usize) {
        let middle = self.widths.len().div_ceil(2);
        self.hidden = middle..middle;
        while self.total() > screen && self.hidden.len() + 2 < self.widths.len() {
            let front = self.hidden.start;
            let back = self.widths.len() - self.hidden.end;
            if front > back { self.hidden.start -= 1 } else { self.hidden.end += 1 }
        }
    }

    fn total(&self) -> usize {
        let shown: usize = self.shown().map(|column| self.widths[column] + 3).sum();
        shown + 1 + if self.hidden.is_empty() { 0 } else { 4 }
    }

    fn shown(&self) -> impl Iterator<Item = usize> {
        (0..self.widths.len()).filter(|column| !self.hidden.contains(column))
    }

    /// The line above the names, and all of [`Grid::names`].
    pub fn head(&self, out: &mut String, look: &Look) {
        self.line(out, if look.ascii { &ASCII } else { &Lines { left: "┌", middle: "┬", right: "┐", bar: "─" } });
        self.names(out, look);
    }

    /// The names, the types and the line below them.
    pub fn names(&self, out: &mut String, look: &Look) {
        let of = |text: fn(&Head) -> &String, tone| {
            self.heads.iter().map(move |head| Cell { text: text(head).clone(), tone }).collect::<Vec<_>>()
        };
        self.row(out, &of(|head| &head.name, Tone::Head), look);
        self.row(out, &of(|head| &head.kind, Tone::Dim), look);
        self.rule(out, look);
    }

    /// The line below the names.
    pub fn rule(&self, out: &mut String, look: &Look) {
        self.line(out, if look.ascii { &ASCII } else { &Lines { left: "├", middle: "┼", right: "┤", bar: "─" } });
    }

    /// The line below the last row.
    pub fn foot(&self, out: &mut String, look: &Look) {
        self.line(out, if look.ascii { &ASCII } else { &Lines { left: "└", middle: "┴", right: "┘", bar: "─" } });
    }

    /// One row.
    pub fn row(&self, out: &mut String, cells: &[Cell], look: &Look) {
        let bar = if look.ascii { "|" } else { "│" };
        for (column, (cell, &width)) in cells.iter().zip(&self.widths).enumerate() {
            if self.hidden.contains(&column) {
                if column == self.hidden.start {
                    out.push_str(bar);
                    Tone::Dim.paint(out, " … ", look);
                }
                continue;
            }
            out.push_str(bar);
            out.push(' ');
            let mut text = String::new();
            pad(&mut text, &cut(&cell.text, width), width, self.heads[column].right);
            cells[column].tone.paint(out, &text, look);
            out.push(' ');
        }
        out.push_str(bar);
        out.push('\n');
    }

    fn line(&self, out: &mut String, lines: &Lines) {
        let mut first = true;
        for column in 0..self.widths.len() {
            let room = match column {
                column if column == self.hidden.start && !self.hidden.is_empty() => 3,
                column if self.hidden.contains(&column) => continue,
                column => self.widths[column] + 2,
            };
            out.push_str(if first { lines.left } else { lines.middle });
            out.extend(std::iter::repeat_n(lines.bar, room));
            first = false;
        }
        out.push_str(if first { lines.left } else { "" });
        out.push_str(lines.right);
        out.push('\n');
    }
}

const ASCII: Lines = Lines { left: "+", middle: "+", right: "+", bar: "-" };

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(columns: usize, cell: &str, look: &Look) -> String {
        let head = |number| Head { name: format!("c{number}"), kind: "STRING".into(), right: false };
        let row: Vec<Cell> = (0..columns).map(|_| Cell { text: cell.into(), tone: Tone::Plain }).collect();
        let grid = Grid::fit((0..columns).map(head).collect(), [row.as_slice()], look);
        let mut out = String::new();
        grid.head(&mut out, look);
        grid.row(&mut out, &row, look);
        grid.foot(&mut out, look);
        out
    }

    #[test]
    fn a_table_fits_every_screen_that_has_room_for_two_columns() {
        for screen in 21..200 {
            for columns in 1..30 {
                let look = Look { width: Some(screen), ..Look::plain() };
                let drawn = draw(columns, "some text that is rather long 漢字", &look);
                let widths: Vec<_> = drawn.lines().map(width).collect();
                assert!(widths.iter().all(|wide| *wide <= screen), "{screen} {columns}\n{drawn}");
                assert!(widths.iter().all(|wide| *wide == widths[0]), "{screen} {columns}\n{drawn}");
            }
        }
    }

    #[test]
    fn a_table_without_columns_or_room_is_drawn_all_the_same() {
        for screen in 0..21 {
            let look = Look { width: Some(screen), ascii: true, ..Look::plain() };
            assert!(draw(3, "x", &look).lines().count() == 6);
            assert!(!draw(0, "x", &look).is_empty());
        }
    }
}
